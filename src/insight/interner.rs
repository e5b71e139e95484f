//! Names that occur in thousands of cases and are kept once.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A name that costs two words of memory wherever it stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternedName(Arc<str>);

impl InternedName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl From<&str> for InternedName {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}
impl Deref for InternedName {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}
impl Borrow<str> for InternedName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl PartialEq<str> for InternedName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}
impl PartialEq<&str> for InternedName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
impl fmt::Display for InternedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}
impl fmt::Debug for InternedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
impl Serialize for InternedName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// The names that are known, each once.
#[derive(Debug, Clone, Default)]
pub struct Interner(HashSet<InternedName>);

impl Interner {
    /// The one copy of this name.
    pub fn word(&mut self, text: &str) -> InternedName {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let word = InternedName::from(text);
        self.0.insert(word.clone());
        word
    }
}
