//! Whether a file that was opened to be locked is still there: between opening and locking, whoever had it before may
//! have removed it, and others may have made a new one.

use std::fs::File;
use std::io;
use std::path::Path;

/// Whether the path still names this file or folder.
#[cfg(unix)]
pub fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let held = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
pub fn is_same_file(_file: &File, path: &Path) -> io::Result<bool> {
    std::fs::exists(path)
}
