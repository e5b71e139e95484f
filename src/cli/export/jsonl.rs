//! JSON lines: one object a row, whose JSON columns are values and not text.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use serde::Serializer as _;
use serde::ser::SerializeMap as _;

use super::Sink;
use super::table::{COLUMNS, Cell, Row};
use crate::cli::Result;
use crate::domain::documents::time;
use crate::domain::level::Score;

/// A file that is being filled.
pub struct Jsonl(BufWriter<File>);

impl Jsonl {
    /// Begins.
    pub fn create(file: File) -> Self {
        Self(BufWriter::with_capacity(1 << 20, file))
    }
}

impl Sink for Jsonl {
    fn row(&mut self, row: &Row) -> Result<()> {
        let mut serializer = serde_json::Serializer::new(&mut self.0);
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for (column, cell) in COLUMNS.iter().zip(row) {
            let name = column.name;
            match cell {
                Cell::Null => map.serialize_entry(name, &())?,
                Cell::Whole(number) => map.serialize_entry(name, number)?,
                Cell::Score(points) => map.serialize_entry(name, &Score::hundredths(*points))?,
                Cell::Bool(value) => map.serialize_entry(name, value)?,
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Json(text) => {
                    map.serialize_entry(name, &serde_json::from_str::<serde_json::Value>(text)?)?
                }
                Cell::Time(at) => map.serialize_entry(name, &time::text(at))?,
            }
        }
        map.end()?;
        Ok(self.0.write_all(b"\n")?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.0.flush()?)
    }
}
