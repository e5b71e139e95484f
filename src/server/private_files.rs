//! Files of the state folder: nobody but their owner can read them.

use std::fs::{DirBuilder, File, OpenOptions, remove_file};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

/// Makes a folder that only its owner can enter; one that is there stays as it is.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn private(options: &mut OpenOptions) -> &OpenOptions {
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Waits until nobody else holds this lock, which ends when its file is closed, also when this process dies.
pub fn lock_file(path: &Path) -> io::Result<File> {
    let file = private(OpenOptions::new().create(true).truncate(false)).open(path)?;
    file.lock()?;
    Ok(file)
}

/// Writes what is to become another file, in place of what a process that died has left behind.
pub fn write_draft(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let _ = remove_file(path);
    let mut file = private(OpenOptions::new().create_new(true)).open(path)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.sync_all()
}
