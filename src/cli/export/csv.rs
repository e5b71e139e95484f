//! CSV, with a header. A text that a spreadsheet would run as a formula is defused by an apostrophe.

use std::fs::File;

use super::Sink;
use super::table::{COLUMNS, Cell, Row};
use crate::cli::Result;
use crate::domain::documents::time;
use crate::domain::level::Score;

/// A file that is being filled.
pub struct Csv(csv::Writer<File>);

impl Csv {
    /// Writes the header.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(file: File) -> Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .buffer_capacity(1 << 20)
            .from_writer(file);
        writer.write_record(COLUMNS.map(|column| column.name))?;
        Ok(Self(writer))
    }
}

impl Sink for Csv {
    fn row(&mut self, row: &Row) -> Result<()> {
        for cell in row {
            match cell {
                Cell::Null => self.0.write_field("")?,
                Cell::Whole(number) => self.0.write_field(number.to_string())?,
                Cell::Score(points) => {
                    self.0.write_field(Score::hundredths(*points).to_string())?
                }
                Cell::Bool(value) => self.0.write_field(if *value { "true" } else { "false" })?,
                Cell::Text(text) | Cell::Json(text) if is_formula(text) => {
                    self.0.write_field(format!("'{text}"))?;
                }
                Cell::Text(text) | Cell::Json(text) => self.0.write_field(text)?,
                Cell::Time(at) => self.0.write_field(time::text(at))?,
            }
        }
        Ok(self.0.write_record(None::<&[u8]>)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

/// Whether a spreadsheet may take a text for a formula.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_of_a_formula_is_known() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(is_formula(text), "{text:?}");
        }
        for text in ["", "a=1", "1-1", "{\"a\":-1}"] {
            assert!(!is_formula(text), "{text:?}");
        }
    }
}
