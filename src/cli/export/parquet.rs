//! Parquet: the same columns with their types, for tools that read columns.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::Sink;
use super::table::{Cell, Column, Kind, Table};
use crate::cli::Result;

/// So many rows are held until they are written as a group.
const GROUP: usize = 20_000;

/// A file that is being filled.
pub struct Parquet {
    writer: SerializedFileWriter<File>,
    kinds: Vec<Kind>,
    rows: Vec<Box<[Cell]>>,
}

impl Parquet {
    /// Writes what stands before the rows.
    pub fn create<R>(file: File, table: &Table<R>) -> Result<Self> {
        let fields = table
            .columns
            .iter()
            .map(|column| Ok(Arc::new(field(column)?)));
        let schema = Type::group_type_builder(table.name)
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        Ok(Self {
            writer,
            kinds: table.columns.iter().map(|column| column.kind).collect(),
            rows: Vec::new(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let cells = || rows.iter().filter_map(|row| row.get(place));
            let levels: Vec<i16> = cells().map(|cell| i16::from(*cell != Cell::Null)).collect();
            match self.kinds.get(place) {
                Some(Kind::Whole | Kind::Time) => {
                    let values: Vec<i64> = cells().filter_map(whole).collect();
                    column
                        .typed::<Int64Type>()
                        .write_batch(&values, Some(&levels), None)?;
                }
                Some(Kind::Score) => {
                    let values: Vec<f64> = cells().filter_map(score).collect();
                    column
                        .typed::<DoubleType>()
                        .write_batch(&values, Some(&levels), None)?;
                }
                Some(Kind::Bool) => {
                    let values: Vec<bool> = cells().filter_map(truth).collect();
                    column
                        .typed::<BoolType>()
                        .write_batch(&values, Some(&levels), None)?;
                }
                Some(Kind::Text | Kind::Json) | None => {
                    let values: Vec<ByteArray> = cells().filter_map(text).collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, Some(&levels), None)?;
                }
            }
            column.close()?;
            place += 1;
        }
        group.close()?;
        Ok(())
    }
}

impl Sink for Parquet {
    fn row(&mut self, row: &[Cell]) -> Result<()> {
        self.rows.push(row.into());
        if self.rows.len() >= GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write_group()?;
        self.writer.close()?;
        Ok(())
    }
}

fn field<R>(column: &Column<R>) -> Result<Type> {
    let (physical, logical) = match column.kind {
        Kind::Whole => (Physical::INT64, None),
        Kind::Score => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        Kind::Time => {
            let milliseconds = LogicalType::timestamp(true, TimeUnit::MILLIS);
            (Physical::INT64, Some(milliseconds))
        }
    };
    Ok(Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL)
        .build()?)
}

fn whole(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Whole(number) => Some(*number),
        Cell::Time(at) => Some(at.timestamp_millis()),
        _ => None,
    }
}

fn score(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Score(hundredths) => Some(f64::from(*hundredths) / 100.0),
        _ => None,
    }
}

const fn truth(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Bool(value) => Some(*value),
        _ => None,
    }
}

fn text(cell: &Cell) -> Option<ByteArray> {
    match cell {
        Cell::Text(text) | Cell::Json(text) => Some(ByteArray::from(text.as_str())),
        _ => None,
    }
}
