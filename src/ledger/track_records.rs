//! Reads and writes what became of the cases of an agent.

use super::{AppendError, LedgerError, Unrecordable};
use crate::domain::documents::TrackRecord;
use crate::domain::yaml;

/// The track record in a file; an empty one where there is none.
pub fn read(path: &str, bytes: Option<&[u8]>) -> Result<TrackRecord, LedgerError> {
    match bytes {
        Some(bytes) => Ok(yaml::read(path, bytes)?),
        None => Ok(TrackRecord::default()),
    }
}

pub fn write(path: &str, record: &TrackRecord) -> Result<String, AppendError> {
    let text = yaml::write(record);
    let text = text.map_err(|error| Unrecordable::Document {
        path: path.to_owned(),
        reason: error.to_string(),
    });
    Ok(text?)
}
