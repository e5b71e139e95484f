//! Which commit of a pull request this person was shown last, remembered in their own state folder: an approval is
//! for what was read.

use std::path::PathBuf;

use super::options::Options;
use crate::domain::ids::{PullNumber, Sha};
use crate::git::{Repository, blob_id};

/// The commits that this person was shown of one repository's pull requests.
#[derive(Debug)]
pub struct LastShown {
    folder: PathBuf,
}

impl LastShown {
    /// None where nothing can be remembered.
    pub fn of(options: &Options, repo: &Repository) -> Option<Self> {
        let place = std::fs::canonicalize(repo.path()).ok()?;
        let name = blob_id(place.as_os_str().as_encoded_bytes()).to_string();
        let state = options.identity.state_folder().ok()?;
        Some(Self {
            folder: state.join("shown").join(name),
        })
    }

    fn file(&self, number: PullNumber) -> PathBuf {
        self.folder.join(number.0.to_string())
    }

    pub fn find(&self, number: PullNumber) -> Option<Sha> {
        let text = std::fs::read_to_string(self.file(number)).ok()?;
        text.trim().parse().ok()
    }

    /// Where it cannot be written, an approval has to name its commit.
    pub fn remember(&self, number: PullNumber, head: Sha) {
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(self.file(number), format!("{head}\n")));
        if let Err(error) = written {
            tracing::warn!("it is not remembered that {number} was shown: {error}");
        }
    }
}
