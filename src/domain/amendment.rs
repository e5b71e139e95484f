//! Approval of less than was proposed: what is carried out instead, as it is written behind `/approve` and kept in
//! `decision.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::documents::Recommendation;
use super::ids::{ParameterName, TargetName, quoted};
use super::unexpected::Unexpected;
use super::value::Value;

/// What is left of a proposal.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// Other values of parameters that it changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<ParameterName, Value>,
    /// Parameters that it leaves as they are, after all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without_parameters: BTreeSet<ParameterName>,
    /// Targets that it leaves alone, after all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without_targets: BTreeSet<TargetName>,
}

/// Why something is not less of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLess {
    #[error("{} is none of what it changes", quoted(.0))]
    NotProposed(String),
    #[error("{} is both a parameter and a target of it: it cannot be approved without it", quoted(.0))]
    Ambiguous(String),
    #[error("`{0}` is `{1}` already")]
    Already(ParameterName, Value),
    #[error("`{0}` is given a value and left out")]
    SetAndLeftOut(ParameterName),
    #[error("nothing would be left of it: reject it instead")]
    Nothing,
}

/// What somebody wrote behind `/approve`, before it is known what is proposed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AmendmentText {
    set: BTreeMap<ParameterName, Value>,
    without: BTreeSet<String>,
}

/// How it is written.
const USAGE: &str = "`/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a \
                     value has blanks or commas";

impl AmendmentText {
    pub fn new(
        set: BTreeMap<ParameterName, Value>,
        without: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            set,
            without: without.into_iter().collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.without.is_empty()
    }

    /// What that means for a proposal.
    ///
    /// # Errors
    /// When it names what is not proposed, or leaves all or nothing of it.
    pub fn of(&self, about: &Recommendation) -> Result<Amendment, NotLess> {
        let mut amendment = Amendment {
            set: self.set.clone(),
            ..Amendment::default()
        };
        for (name, value) in &self.set {
            match about.changes.get(name) {
                None => return Err(NotLess::NotProposed(name.to_string())),
                Some(proposed) if proposed == value => {
                    return Err(NotLess::Already(name.clone(), value.clone()));
                }
                Some(_) => {}
            }
        }
        for name in &self.without {
            let target = about.targets.iter().find(|target| target.as_str() == name);
            let mut parameters = about.changes.keys();
            match (target, parameters.find(|key| key.as_str() == name)) {
                (None, None) => return Err(NotLess::NotProposed(name.clone())),
                (Some(_), Some(_)) => return Err(NotLess::Ambiguous(name.clone())),
                (Some(target), None) => _ = amendment.without_targets.insert(target.clone()),
                (None, Some(parameter)) if self.set.contains_key(parameter) => {
                    return Err(NotLess::SetAndLeftOut(parameter.clone()));
                }
                (None, Some(parameter)) => {
                    amendment.without_parameters.insert(parameter.clone());
                }
            }
        }
        match Amendment::between(about, &amendment.applied_to(about)) {
            Some(less) => Ok(less),
            None => Err(NotLess::Nothing),
        }
    }
}

impl Amendment {
    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.without_parameters.is_empty() && self.without_targets.is_empty()
    }

    /// The proposal with it: only what it changes already gets another value.
    pub fn applied_to(&self, about: &Recommendation) -> Recommendation {
        let mut left = about.clone();
        left.targets
            .retain(|target| !self.without_targets.contains(target));
        left.changes
            .retain(|name, _| !self.without_parameters.contains(name));
        for (name, value) in &mut left.changes {
            if let Some(other) = self.set.get(name) {
                value.clone_from(other);
            }
        }
        left
    }

    /// What it takes to make one proposal of another, if that is less of it and nothing else.
    pub fn between(about: &Recommendation, left: &Recommendation) -> Option<Self> {
        let mut amendment = Self::default();
        for (name, value) in &about.changes {
            match left.changes.get(name) {
                None => _ = amendment.without_parameters.insert(name.clone()),
                Some(other) if other != value => {
                    amendment.set.insert(name.clone(), other.clone());
                }
                Some(_) => {}
            }
        }
        let gone = about
            .targets
            .iter()
            .filter(|name| !left.targets.contains(name));
        amendment.without_targets.extend(gone.cloned());
        let leaves_targets = about.targets.is_empty() || !left.targets.is_empty();
        let leaves_changes = about.changes.is_empty() || !left.changes.is_empty();
        let is_it = leaves_targets
            && leaves_changes
            && !amendment.is_empty()
            && amendment.applied_to(about) == *left;
        is_it.then_some(amendment)
    }
}

/// `with stop_loss_pct=3 without rsi-eurusd`
impl fmt::Display for Amendment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.without_parameters.iter().map(ParameterName::to_string);
        let targets = self.without_targets.iter().map(TargetName::to_string);
        let text = AmendmentText::new(self.set.clone(), parameters.chain(targets));
        fmt::Display::fmt(&text, f)
    }
}

impl fmt::Display for AmendmentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "with ";
        for (name, value) in &self.set {
            write!(f, "{before}{name}={}", argument(value))?;
            before = ", ";
        }
        let mut before = match self.set.is_empty() {
            true => "without ",
            false => " without ",
        };
        for name in &self.without {
            write!(f, "{before}{name}")?;
            before = ", ";
        }
        Ok(())
    }
}

/// A value as it is read again.
fn argument(value: &Value) -> String {
    if let Value::Text(text) = value {
        let is_plain = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.%/:".contains(c));
        let is_itself = Value::from_argument(text).is_ok_and(|read| read == *value);
        if !text.is_empty() && is_plain && is_itself {
            return text.clone();
        }
    }
    let text = serde_json::to_string(value).unwrap_or_default();
    // It is shown as code.
    text.replace('`', "\\u0060")
}

impl FromStr for AmendmentText {
    type Err = Unexpected;

    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let expected = || Unexpected::expected(USAGE);
        let mut read = Self::default();
        let mut is_without = None;
        for word in words(text) {
            match (word, is_without) {
                ("with", _) => is_without = Some(false),
                ("without", _) => is_without = Some(true),
                (_, None) => return Err(expected()),
                (name, Some(true)) => {
                    let is_name =
                        name.parse::<ParameterName>().is_ok() || name.parse::<TargetName>().is_ok();
                    if !is_name || !read.without.insert(name.to_owned()) {
                        return Err(expected());
                    }
                }
                (pair, Some(false)) => {
                    let (name, value) = pair.split_once('=').ok_or_else(expected)?;
                    let name = name.parse().map_err(|_| expected())?;
                    let value = Value::from_argument(value)
                        .map_err(|error| Unexpected::expected(format!("{USAGE}: {error}")))?;
                    let is_given = value != Value::Text(String::new());
                    if !is_given || read.set.insert(name, value).is_some() {
                        return Err(expected());
                    }
                }
            }
        }
        match read.is_empty() {
            true => Err(expected()),
            false => Ok(read),
        }
    }
}

/// The words of a line, between blanks and commas that stand in no quotation or bracket.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let (mut depth, mut is_quoted, mut is_escaped) = (0_u32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' | ' ' | '\t' if depth == 0 => {
                words.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(text.get(start..).unwrap_or_default());
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn about() -> Recommendation {
        let text = "schema: countersign/recommendation/v1\nid: 01KE4W7N00AAAAAAAAAAAAAAAA\nagent: a\nsession: s\naction: tune\n\
                    targets: [one, two, both]\nchanges: {limit: 4, mode: fast, both: true}\ncreated_at: 2026-01-01T00:00:00Z\n";
        Recommendation::read("recommendation.yaml", text.as_bytes()).unwrap()
    }

    fn of(text: &str) -> Result<Amendment, String> {
        let read: AmendmentText = text
            .parse()
            .map_err(|error: Unexpected| error.to_string())?;
        read.of(&about()).map_err(|error| error.to_string())
    }

    #[test]
    fn less_is_less_of_what_is_proposed() {
        for text in [
            "with limit=3",
            "with limit=3, mode=slow without one, two",
            "without limit",
            "without two",
        ] {
            let amendment = of(text).unwrap();
            assert_eq!(amendment.to_string(), text);
            let left = amendment.applied_to(&about());
            assert_eq!(
                Amendment::between(&about(), &left).as_ref(),
                Some(&amendment)
            );
        }
        let wrong: Vec<String> = [
            "",
            "limit=3",
            "with",
            "with limit",
            "with limit=",
            "with limit=3, limit=2",
            "without one one",
            "with limit=[1",
            "with other=3",
            "without other",
            "without both",
            "with limit=4",
            "with limit=3 without limit",
            "without one, two, both",
        ]
        .into_iter()
        .map(|text| format!("{text}: {}", of(text).unwrap_err()))
        .collect();
        insta::assert_snapshot!(wrong.join("\n"), @"
        : expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        limit=3: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        with: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        with limit: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        with limit=: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        with limit=3, limit=2: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        without one one: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas
        with limit=[1: expected `/approve with NAME=VALUE`, `/approve without NAME`, or both; several with commas between them, JSON where a value has blanks or commas: `[1` begins like JSON but is not: EOF while parsing a list at line 1 column 2
        with other=3: `other` is none of what it changes
        without other: `other` is none of what it changes
        without both: `both` is both a parameter and a target of it: it cannot be approved without it
        with limit=4: `limit` is `4` already
        with limit=3 without limit: `limit` is given a value and left out
        without one, two, both: `both` is both a parameter and a target of it: it cannot be approved without it
        ");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            number in -1000_i64..1000,
            text in "[ -~]{1,12}",
            without in prop::collection::btree_set("[a-z]{1,6}", 0..3),
        ) {
            let set = BTreeMap::from([
                ("a".parse().unwrap(), Value::from(number)),
                ("b".parse().unwrap(), Value::Text(text.clone())),
                ("c".parse().unwrap(), Value::List(vec![Value::Text(text), Value::Null])),
            ]);
            let amendment = AmendmentText::new(set, without);
            prop_assert_eq!(amendment.to_string().parse(), Ok(amendment));
        }
    }
}
