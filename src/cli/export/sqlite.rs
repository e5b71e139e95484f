//! SQLite: the framework's table and indexes, so that its queries run as they are written.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use super::Sink;
use super::table::{Cell, Table};
use crate::cli::Result;
use crate::domain::documents::time;

/// A database that is being filled.
pub struct Sqlite {
    connection: Connection,
    insert: String,
    create_indexes: String,
}

impl Sqlite {
    /// Makes the table, in a new file or in one that holds another table.
    pub fn create<R>(path: &Path, table: &Table<R>) -> Result<Self> {
        let connection = Connection::open(path)?;
        // The file is nobody's until it is whole, so it needs neither a journal nor waiting for the disk.
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -8192; BEGIN;",
        )?;
        let Table {
            name,
            columns,
            indexes,
        } = table;
        let places = vec!["?"; columns.len()].join(", ");
        let columns = columns
            .iter()
            .map(|column| format!("    {} {}", column.name, column.declared));
        let columns = columns.collect::<Vec<_>>().join(",\n");
        connection.execute_batch(&format!("CREATE TABLE {name} (\n{columns}\n);"))?;
        Ok(Self {
            connection,
            insert: format!("INSERT INTO {name} VALUES ({places})"),
            create_indexes: indexes
                .iter()
                .map(|(index, column)| format!("CREATE INDEX {index} ON {name} ({column});"))
                .collect(),
        })
    }
}

impl Sink for Sqlite {
    fn row(&mut self, row: &[Cell]) -> Result<()> {
        let mut insert = self.connection.prepare_cached(&self.insert)?;
        for (place, cell) in (1..).zip(row) {
            insert.raw_bind_parameter(place, cell)?;
        }
        insert.raw_execute()?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.connection.execute_batch(&self.create_indexes)?;
        self.connection.execute_batch("COMMIT;")?;
        self.connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Whole(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            // An INTEGER column keeps a whole score as an integer and any other as it is.
            Self::Score(hundredths) => {
                ToSqlOutput::Borrowed(ValueRef::Real(f64::from(*hundredths) / 100.0))
            }
            Self::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer(i64::from(*value))),
            Self::Text(text) | Self::Json(text) => {
                ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
            }
            Self::Time(at) => ToSqlOutput::from(time::text(at)),
        })
    }
}
