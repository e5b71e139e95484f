//! Which engine made a decision: the version of everything that a score, a reason or a record's bytes follow from.
//!
//! It is raised with every change of such a thing, not with every release. `verify` computes a decision again with
//! the engine of today; a decision of an older one that comes out differently is told so, and is not held against it.

use std::fmt;

/// An engine, and the release that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Engine {
    /// `0.2.0`
    release: [u32; 3],
    version: u32,
}

/// The engine of this program as decisions carry it: `countersign RELEASE engine VERSION`.
pub const ENGINE: &str = concat!("countersign ", env!("CARGO_PKG_VERSION"), " engine 4");

/// The version in [`ENGINE`]. What each one changed stands in docs/auditors.md, under "Engines".
pub const ENGINE_VERSION: u32 = 4;

/// The release that brought each version, the first one first. The next one brings no older engine.
const BROUGHT_BY: [[u32; 3]; 4] = [[0, 1, 0], [0, 2, 0], [0, 3, 0], [0, 4, 0]];

/// The releases before the engine had a version of its own.
const FIRST_VERSION: u32 = 1;

impl Engine {
    /// Reads what a decision carries; none for what no release of this program wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix("countersign ")?.split(' ');
        let mut numbers = words.next()?.split('.').map(parse_number);
        let release = [numbers.next()??, numbers.next()??, numbers.next()??];
        if numbers.next().is_some() {
            return None;
        }
        let version = match (words.next(), words.next(), words.next()) {
            (None, ..) => FIRST_VERSION,
            (Some("engine"), Some(version), None) => parse_number(version)?,
            _ => return None,
        };
        let engine = Self { release, version };
        let is_known = version >= FIRST_VERSION && engine.to_string() == text;
        (is_known && engine.fits_release()).then_some(engine)
    }

    /// Whether the release can have had this version. Of versions that come later nothing is known but that.
    fn fits_release(self) -> bool {
        let place = usize::try_from(self.version - FIRST_VERSION).unwrap_or(usize::MAX);
        let last = BROUGHT_BY.len() - 1;
        let is_old_enough = |next: &[u32; 3]| self.release < *next;
        match BROUGHT_BY.get(place) {
            Some(first) => {
                self.release >= *first && BROUGHT_BY.get(place + 1).is_none_or(is_old_enough)
            }
            None => BROUGHT_BY
                .get(last)
                .is_some_and(|newest| self.release > *newest),
        }
    }

    /// Whether this program cannot know how that engine decides.
    pub const fn is_newer(self) -> bool {
        self.version > ENGINE_VERSION
    }

    /// Whether this program may decide differently by now.
    pub const fn is_older(self) -> bool {
        self.version < ENGINE_VERSION
    }

    pub const fn version(self) -> u32 {
        self.version
    }
}

/// As the program writes numbers: no sign, no leading zero.
fn parse_number(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|number: &u32| number.to_string() == text)
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.release;
        write!(f, "countersign {major}.{minor}.{patch}")?;
        if self.version > FIRST_VERSION {
            write!(f, " engine {}", self.version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_read_as_it_is_written_and_nothing_else_is() {
        let ours = Engine::parse(ENGINE).unwrap();
        assert_eq!(ours.version(), ENGINE_VERSION);
        assert!(!ours.is_newer() && !ours.is_older());
        let first = Engine::parse("countersign 0.1.0").unwrap();
        assert_eq!((first.version(), first.is_older()), (1, true));
        assert!(BROUGHT_BY.is_sorted());
        assert_eq!(BROUGHT_BY.len(), usize::try_from(ENGINE_VERSION).unwrap());
        let later = Engine::parse("countersign 9.0.0 engine 77").unwrap();
        assert!(later.is_newer());
        for engine in [ours, first, later] {
            assert_eq!(Engine::parse(&engine.to_string()), Some(engine));
        }
        for wrong in [
            "",
            "countersign",
            "countersign 0.1",
            "countersign 0.1.0.0",
            "countersign 0.1.00",
            "countersign +0.1.0",
            "countersign 0.1.0 ",
            "countersign 0.1.0 engine",
            "countersign 0.1.0 engine 0",
            "countersign 0.1.0 engine 02",
            "countersign 0.1.0 engine 2 ",
            "Countersign 0.1.0",
            "countersign 0.1.0 engine 1",
            "countersign 0.1.0 engine 2",
            "countersign 0.2.0",
            "countersign 0.2.0 engine 3",
            "countersign 0.3.0 engine 2",
        ] {
            assert_eq!(Engine::parse(wrong), None, "{wrong:?}");
        }
    }
}
