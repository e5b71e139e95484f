//! `ask` of a rule: who must approve because of it.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Place;
use crate::domain::documents::{GroupAsk, RuleAsk};
use crate::domain::ids::{GroupName, LabelName};
use crate::domain::problem::Problem;

/// How many people of one group a rule may ask for.
const MOST_APPROVALS: u32 = 20;
/// How many groups a rule may name.
const MOST_PARTS: usize = 20;

/// Who must approve, as written: one group, a list of which all are needed, or `any_of`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RawAsk {
    One(RawPart),
    All(Vec<RawPart>),
    AnyOf(RawAnyOf),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAnyOf {
    /// One of these is enough; each is one group, or a list of groups of which all are needed.
    any_of: Vec<RawAlternative>,
    /// Whether they take the place of those whom the level asks for.
    #[serde(default)]
    instead: bool,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RawAlternative {
    One(RawPart),
    All(Vec<RawPart>),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPart {
    /// The group, or `{label: NAME}`: the group that this label of each target names.
    from: AskFrom,
    /// How many distinct people.
    #[serde(default = "one")]
    approvals: u32,
    /// Whether each must write why.
    #[serde(default)]
    justification: bool,
    /// Whether they take the place of those whom the level asks for.
    #[serde(default)]
    instead: bool,
}

const fn one() -> u32 {
    1
}

/// Where the people of a part come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum AskFrom {
    /// A group of `rules/people.yaml`, or `reviewers` or `admins`.
    Group(GroupName),
    /// The group that a label of each target names.
    Label(FromLabel),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromLabel {
    /// The key of the label.
    pub label: LabelName,
}

/// By hand, because what serde makes of an untagged enum says neither what was expected nor where.
impl<'de> Deserialize<'de> for AskFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = AskFrom;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a group, or `{label: NAME}`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<AskFrom, E> {
                text.parse().map(AskFrom::Group).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<AskFrom, A::Error> {
                FromLabel::deserialize(MapAccessDeserializer::new(entries)).map(AskFrom::Label)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for RawAlternative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = RawAlternative;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{from: GROUP}`, or a list of such of which all are needed")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawAlternative, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawAlternative::All)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<RawAlternative, A::Error> {
                RawPart::deserialize(MapAccessDeserializer::new(entries)).map(RawAlternative::One)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A mapping with the keys of [`RawPart`] and of [`RawAnyOf`], told apart once it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EitherForm {
    any_of: Option<Vec<RawAlternative>>,
    from: Option<AskFrom>,
    approvals: Option<u32>,
    justification: Option<bool>,
    #[serde(default)]
    instead: bool,
}

impl<'de> Deserialize<'de> for RawAsk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = RawAsk;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`{from: GROUP}`, a list of such of which all are needed, or `{any_of: [...]}`",
                )
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawAsk, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawAsk::All)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<RawAsk, A::Error> {
                let read = EitherForm::deserialize(MapAccessDeserializer::new(entries))?;
                let instead = read.instead;
                match (read.any_of, read.from) {
                    (Some(any_of), None)
                        if read.approvals.is_none() && read.justification.is_none() =>
                    {
                        Ok(RawAsk::AnyOf(RawAnyOf { any_of, instead }))
                    }
                    (None, Some(from)) => Ok(RawAsk::One(RawPart {
                        from,
                        approvals: read.approvals.unwrap_or_else(one),
                        justification: read.justification.unwrap_or_default(),
                        instead,
                    })),
                    (None, None) => Err(de::Error::missing_field("from")),
                    (Some(_), _) => Err(de::Error::custom(
                        "`any_of` stands alone, or beside `instead`: put `from`, `approvals` and `justification` into its entries",
                    )),
                }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// Who must approve because of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// One of these is enough; of each, all parts are needed.
    pub any_of: Vec<Vec<AskPart>>,
    /// Whether they take the place of those whom the level asks for.
    pub instead: bool,
}

/// Approvals by people of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct AskPart {
    pub from: AskFrom,
    /// How many distinct people.
    pub approvals: u32,
    /// Whether each must write why.
    pub justification: bool,
}

impl Ask {
    pub(super) fn validated(raw: RawAsk, place: &Place, problems: &mut Vec<Problem>) -> Self {
        let mut say = |message: String| problems.push(place.problem("ask", message));
        let instead = match &raw {
            RawAsk::One(part) => part.instead,
            RawAsk::All(parts) => parts.iter().any(|part| part.instead),
            RawAsk::AnyOf(any_of) => any_of.instead,
        };
        let alternatives = match raw {
            RawAsk::One(part) => vec![vec![part]],
            RawAsk::All(parts) => vec![parts],
            RawAsk::AnyOf(any_of) => {
                let alternatives = any_of.any_of.into_iter();
                let alternatives = alternatives.map(|alternative| match alternative {
                    RawAlternative::One(part) => vec![part],
                    RawAlternative::All(parts) => parts,
                });
                let alternatives: Vec<Vec<RawPart>> = alternatives.collect();
                if alternatives.iter().flatten().any(|part| part.instead) {
                    say("`instead` stands beside `any_of`, not inside of it".to_owned());
                }
                alternatives
            }
        };
        if alternatives.is_empty() || alternatives.iter().any(Vec::is_empty) {
            say("nobody is asked: name at least one group in each list".to_owned());
        }
        if alternatives.iter().map(Vec::len).sum::<usize>() > MOST_PARTS {
            say(format!("it names too many groups: at most {MOST_PARTS}"));
        }
        for part in alternatives.iter().flatten() {
            if !(1..=MOST_APPROVALS).contains(&part.approvals) {
                let found = part.approvals;
                say(format!(
                    "`approvals` is {found}: expected 1 to {MOST_APPROVALS}"
                ));
            }
        }
        let parts = |parts: Vec<RawPart>| {
            let parts = parts.into_iter().map(|part| AskPart {
                from: part.from,
                approvals: part.approvals,
                justification: part.justification,
            });
            parts.collect()
        };
        Self {
            any_of: alternatives.into_iter().map(parts).collect(),
            instead,
        }
    }

    /// As a decision records it; `groups` are those that a part comes from.
    pub fn recorded(&self, groups: impl Fn(&AskFrom) -> Vec<GroupName>) -> RuleAsk {
        let of_part = |part: &AskPart| {
            let groups = groups(&part.from).into_iter();
            let asks = groups.map(|from| GroupAsk {
                from,
                approvals: part.approvals,
                justification: part.justification,
            });
            asks.collect::<Vec<GroupAsk>>()
        };
        let alternatives = self.any_of.iter();
        RuleAsk {
            any_of: alternatives
                .map(|parts| parts.iter().flat_map(of_part).collect())
                .collect(),
            instead: self.instead,
        }
    }

    pub fn parts(&self) -> impl Iterator<Item = &AskPart> {
        self.any_of.iter().flatten()
    }
}
