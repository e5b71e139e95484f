//! What an approval was given on: it survives a moved `main` only if nothing that it rested on changed.
//!
//! The bot asks this before it merges and `verify` asks it again, of the same objects by the same code.

use super::Rulebook;
use super::facts::{self, TargetBook, Targets};
use crate::domain::documents::Recommendation;
use crate::domain::ids::Sha;
use crate::domain::level::Level;
use crate::domain::problem::Problems;
use crate::domain::pull::Contribution;
use crate::git::{GitError, Objects};
use crate::risk;

/// What an older tip said about a case; none if it could not be read then.
#[derive(Debug)]
pub struct Then(Option<(Targets, Level)>);

impl Then {
    /// Derives it from the tree of that tip.
    ///
    /// # Errors
    /// When the repository fails.
    pub fn read(
        objects: Objects<'_>,
        rulebook: &mut Rulebook,
        root: Sha,
        (about, contributions): (&Recommendation, &[Contribution]),
    ) -> Result<Self, GitError> {
        let targets = facts::targets(objects, root, about)?;
        Self::of(objects, rulebook, root, (about, contributions, targets))
    }

    /// The same, by targets that are known from a book.
    ///
    /// # Errors
    /// When the repository fails.
    pub fn read_by(
        objects: Objects<'_>,
        (rulebook, book): (&mut Rulebook, &TargetBook),
        root: Sha,
        (about, contributions): (&Recommendation, &[Contribution]),
    ) -> Result<Self, GitError> {
        let targets = book.targets(objects, root, about)?;
        Self::of(objects, rulebook, root, (about, contributions, targets))
    }

    fn of(
        objects: Objects<'_>,
        rulebook: &mut Rulebook,
        root: Sha,
        (about, contributions, targets): (
            &Recommendation,
            &[Contribution],
            Result<Targets, Problems>,
        ),
    ) -> Result<Self, GitError> {
        let (Ok(targets), Ok(version)) = (targets, rulebook.read(objects, root)?) else {
            return Ok(Self(None));
        };
        let situation =
            facts::situation(about, targets.known.clone(), contributions, &version.rules);
        let (_, level) = risk::rate(about, &situation, &version.rules);
        Ok(Self(Some((targets, level))))
    }
}

/// Why an approval that was given then is worth nothing now.
pub fn find_change(then: &Then, targets: &Targets, level: Level) -> Option<String> {
    match &then.0 {
        None => Some("`main` has become readable again".to_owned()),
        Some((before, _)) if before.blobs != targets.blobs => {
            Some("a target has changed on `main`".to_owned())
        }
        Some((_, before)) if *before != level => {
            Some(format!("the level has changed from {before} to {level}"))
        }
        Some(_) => None,
    }
}
