//! JSON lines: one object a row, whose JSON columns are values and not text.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use serde::Serializer as _;
use serde::ser::SerializeMap as _;

use super::Sink;
use super::table::{Cell, Table};
use crate::cli::Result;
use crate::domain::documents::time;
use crate::domain::level::Score;

/// A file that is being filled.
pub struct Jsonl {
    file: BufWriter<File>,
    columns: Vec<&'static str>,
}

impl Jsonl {
    pub fn create<R>(file: File, table: &Table<R>) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 20, file),
            columns: table.columns.iter().map(|column| column.name).collect(),
        }
    }
}

impl Sink for Jsonl {
    fn row(&mut self, row: &[Cell]) -> Result<()> {
        let mut serializer = serde_json::Serializer::new(&mut self.file);
        let mut map = serializer.serialize_map(Some(row.len()))?;
        for (name, cell) in self.columns.iter().zip(row) {
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
        Ok(self.file.write_all(b"\n")?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.file.flush()?)
    }
}
