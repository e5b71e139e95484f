//! What lies beside the objects and makes git show something else than they say. None of it changes what this
//! program reads; who proves a trail to somebody that reads it with git has to name it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::error::{Result, ResultExt};
use super::refs::Loose;
use super::repository::Repository;
use crate::domain::ids::Sha;

/// One thing that makes git show something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// Git shows another object in place of this one.
    Replaced {
        /// The name of the object, as the ref gives it.
        object: String,
        by: Sha,
    },
    /// Git takes other parents for this commit's.
    Grafted { commit: Sha },
    /// Git takes this commit for one without parents.
    Shallow { commit: Sha },
    /// Git shows notes of this ref below the commits.
    Notes { name: String, at: Sha },
    /// `HEAD`, which git shows where nothing is named, is another commit.
    HeadElsewhere { at: Sha },
    /// Git takes the short name of the branch for this ref.
    Shadowed {
        short: String,
        /// What git takes it for.
        name: String,
        at: Option<Sha>,
    },
}

/// Where git looks for a name that is not whole, in this order.
const LOOKED_UP: [&str; 5] = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];

impl Repository {
    /// What makes git show something else than `branch` (a full name), whose tip this is.
    pub fn overlays(&self, branch: &str, tip: Sha) -> Result<Vec<Overlay>> {
        let mut found = Vec::new();
        const REPLACED: &str = "refs/replace/";
        for (name, by) in self.refs_under(REPLACED)? {
            let object = name.strip_prefix(REPLACED).unwrap_or(&name).to_owned();
            found.push(Overlay::Replaced { object, by });
        }
        let ids = |file: &str| ids_in(&self.common_dir().join(file));
        found.extend(
            ids("info/grafts")?
                .into_iter()
                .map(|commit| Overlay::Grafted { commit }),
        );
        found.extend(
            self.shallow_commits()?
                .into_iter()
                .map(|commit| Overlay::Shallow { commit }),
        );
        let notes = self.refs_under("refs/notes/")?;
        found.extend(
            notes
                .into_iter()
                .map(|(name, at)| Overlay::Notes { name, at }),
        );
        if let Some(at) = self.find_ref("HEAD")?.filter(|head| *head != tip) {
            found.push(Overlay::HeadElsewhere { at });
        }
        self.add_shadows(branch, &mut found)?;
        Ok(found)
    }

    /// The commits at which this clone's history ends although they have parents; none of a whole repository.
    pub fn shallow_commits(&self) -> Result<Vec<Sha>> {
        ids_in(&self.common_dir().join("shallow"))
    }

    fn add_shadows(&self, branch: &str, found: &mut Vec<Overlay>) -> Result<()> {
        let short_names = branch.match_indices('/').map(|(slash, _)| slash + 1);
        for short in short_names.filter_map(|start| branch.get(start..)) {
            let names = LOOKED_UP.map(|folder| format!("{folder}{short}"));
            for name in names.into_iter().take_while(|name| name != branch) {
                let at = match self.read_loose(&name)? {
                    Loose::Id(id) => Some(id),
                    // Git may be able to read what we are not.
                    Loose::Symbolic | Loose::Broken => None,
                    Loose::Missing => match self.packed_refs()?.find(&name)? {
                        Some(id) => Some(id),
                        None => continue,
                    },
                };
                let short = short.to_owned();
                found.push(Overlay::Shadowed { short, name, at });
            }
        }
        Ok(())
    }
}

/// The ids that begin the lines of a file; none if there is no such file. What is not one, git refuses as well.
fn ids_in(path: &Path) -> Result<Vec<Sha>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(|| format!("read `{}`", path.display())),
    };
    let text = String::from_utf8_lossy(&bytes);
    let ids = text.lines().filter_map(|line| line.get(..40));
    let ids = ids.map(str::to_ascii_lowercase);
    Ok(ids.filter_map(|id| id.parse().ok()).collect())
}
