//! CSV, with a header, for spreadsheets: it begins with a byte order mark, without which Excel does not read UTF-8, and
//! a text that a spreadsheet would run as a formula, or turn into a number or a date, begins with an apostrophe.

use std::fs::File;
use std::io::Write as _;

use super::Sink;
use super::table::{Cell, Table};
use crate::cli::Result;
use crate::domain::documents::time;
use crate::domain::level::Score;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file that is being filled.
pub struct Csv(csv::Writer<File>);

impl Csv {
    pub fn create<R>(mut file: File, table: &Table<R>) -> Result<Self> {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        file.write_all(BYTE_ORDER_MARK)?;
        writeln!(file, "{}", names.join(","))?;
        let writer = csv::WriterBuilder::new()
            // What separates fields depends on where a spreadsheet runs: in a quoted text a semicolon begins no new one.
            .quote_style(csv::QuoteStyle::NonNumeric)
            .buffer_capacity(1 << 20)
            .from_writer(file);
        Ok(Self(writer))
    }
}

impl Sink for Csv {
    fn row(&mut self, row: &[Cell]) -> Result<()> {
        for cell in row {
            match cell {
                Cell::Null => self.0.write_field("")?,
                Cell::Whole(number) => self.0.write_field(number.to_string())?,
                Cell::Score(points) => {
                    self.0.write_field(Score::hundredths(*points).to_string())?
                }
                Cell::Bool(value) => self.0.write_field(if *value { "true" } else { "false" })?,
                Cell::Text(text) | Cell::Json(text) if is_formula(text) || is_converted(text) => {
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

/// Whether a spreadsheet may take a text for a number, a date, a time or a truth value, and write it differently:
/// `00123`, `1E5`, `2026-01-01`, `3/4`, `12:30`, `Mar-1`, `TRUE`.
fn is_converted(text: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let lower = text.trim().to_ascii_lowercase();
    if matches!(lower.as_str(), "true" | "false") {
        return true;
    }
    let has_digit = lower.contains(|c: char| c.is_ascii_digit());
    let mut words = lower.split(|c: char| !c.is_ascii_alphabetic());
    let is_part = |word: &str| {
        let is_month = word.len() >= 3 && MONTHS.iter().any(|month| word.starts_with(month));
        matches!(word, "" | "e" | "t" | "z" | "am" | "pm") || is_month
    };
    has_digit && lower.len() <= 40 && lower.is_ascii() && words.all(is_part)
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

    #[test]
    fn what_is_not_text_to_a_spreadsheet_is_known() {
        for text in [
            "00123",
            "1E5",
            "2026-01-01",
            "3/4",
            "12:30",
            "Mar-1",
            "1 march",
            "TRUE",
            "0.10",
            "12345678901234567890",
        ] {
            assert!(is_converted(text), "{text:?}");
        }
        for text in [
            "",
            "01JDC3V5J9M0K3W8Q2ZT4B6N7R",
            "strategy-optimizer",
            "opt-2026-11-23-7",
            "success",
            "v2",
            "[1]x",
        ] {
            assert!(!is_converted(text), "{text:?}");
        }
    }
}
