//! A file that is there whole or not at all: written beside its place, made durable, then renamed. Whoever is
//! killed half-way leaves the old one as it was, and a remnant whose name says what it is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A file beside its place.
pub struct Beside {
    place: PathBuf,
    partial: PathBuf,
    is_done: bool,
}

impl Beside {
    /// Makes an empty file beside this place.
    ///
    /// # Errors
    /// When that cannot be done, or a folder is in the way.
    pub fn of(place: &Path) -> io::Result<Self> {
        if place.is_dir() {
            let message = format!("`{}` is a folder: name a file", place.display());
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let partial = place.with_file_name(format!("{name}.{}.partial", std::process::id()));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&partial)
            .map_err(|error| named(&partial, &error))?;
        Ok(Self {
            place: place.to_owned(),
            partial,
            is_done: false,
        })
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Opens it for writing.
    pub fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).read(true);
        options
            .open(&self.partial)
            .map_err(|error| named(&self.partial, &error))
    }

    /// Puts it into its place, durably.
    ///
    /// # Errors
    /// When that cannot be done; then the old one is still there.
    pub fn place(mut self) -> io::Result<()> {
        self.open()?.sync_all()?;
        fs::rename(&self.partial, &self.place).map_err(|error| named(&self.place, &error))?;
        self.is_done = true;
        let folder = self
            .place
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.is_done {
            // Nothing is lost with what is not whole.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot write `{}`: {error}", path.display()),
    )
}
