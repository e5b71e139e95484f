//! Names and numbers that identify things, parsed once into types that cannot hold anything else.
//!
//! Every name that ends in a path, a commit subject or a trailer passes through here, so no agent
//! can smuggle a newline, a slash, a look-alike letter or a control character into the trail.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the name or number it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidId {
    message: String,
}

impl InvalidId {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Shows an untrusted text inside a message: quoted, escaped, and cut after 60 characters. Nothing in
/// it ends the quotation.
pub fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(60) {
        if c == '`' {
            shown.extend(c.escape_unicode());
        } else {
            shown.extend(c.escape_default());
        }
    }
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Implements serde and schema for a type that is a string with `FromStr` and `Display`.
macro_rules! string_type {
    ($type:ident, $name:expr, $pattern:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern, "description": $description})
            }
        }
    };
}

/// A lower-case ASCII name that is safe in a path, a subject and a trailer.
macro_rules! slug_type {
    ($(#[$doc:meta])* $type:ident, $what:literal, extra: $extra:literal, max: $max:literal, pattern: $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || $extra.contains(c);
                let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
                if starts_well && text.len() <= $max && text.chars().all(good) {
                    return Ok(Self(text.to_owned()));
                }
                Err(InvalidId::new(format!(
                    "{} is not {}: expected 1 to {} of a-z, 0-9 and `{}`, starting with a letter or digit",
                    quoted(text), $what, $max, $extra
                )))
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        string_type!($type, stringify!($type), $pattern, $what);
    };
}

slug_type! {
    /// The registered name of an agent, such as `tuner`.
    AgentName, "an agent name", extra: "-_", max: 64, pattern: "^[a-z0-9][a-z0-9_-]{0,63}$"
}
slug_type! {
    /// The name of something governed: the file `targets/<name>.yaml`.
    TargetName, "a target name", extra: "-_.", max: 100, pattern: "^[a-z0-9][a-z0-9_.-]{0,99}$"
}
slug_type! {
    /// A type of action, such as `modify_parameters`.
    ActionName, "an action name", extra: "-_", max: 64, pattern: "^[a-z0-9][a-z0-9_-]{0,63}$"
}
slug_type! {
    /// A parameter of a target, such as `replicas`.
    ParameterName, "a parameter name", extra: "-_.", max: 64, pattern: "^[a-z0-9][a-z0-9_.-]{0,63}$"
}
slug_type! {
    /// The name of a label of a target, such as `tier`.
    LabelName, "a label name", extra: "-_./", max: 64, pattern: "^[a-z0-9][a-z0-9_./-]{0,63}$"
}
slug_type! {
    /// The name of a rule in `rules/policy.yaml`.
    TriggerId, "a rule id", extra: "-_", max: 64, pattern: "^[a-z0-9][a-z0-9_-]{0,63}$"
}
slug_type! {
    /// A group of people, such as `payments`.
    GroupName, "a group name", extra: "-_", max: 64, pattern: "^[a-z0-9][a-z0-9_-]{0,63}$"
}

slug_type! {
    /// A named time, such as `weekend`.
    WindowName, "a window name", extra: "-_", max: 64, pattern: "^[a-z0-9][a-z0-9_-]{0,63}$"
}

slug_type! {
    /// A fact that somebody vouches for, such as `monthly_cost`.
    EvidenceName, "a name of evidence", extra: "_", max: 64, pattern: "^[a-z0-9][a-z0-9_]{0,63}$"
}

slug_type! {
    /// A grant of `rules/autonomy.yaml`, such as `draft_tuning`.
    GrantId, "a grant id", extra: "-_", max: 64, pattern: "^[a-z0-9][a-z0-9_-]{0,63}$"
}

impl GroupName {
    /// The group of those who review, and of those who administer.
    pub const REVIEWERS: &'static str = "reviewers";
    /// The group of those who administer.
    pub const ADMINS: &'static str = "admins";

    /// The group of those who administer.
    pub fn admins() -> Self {
        Self(Self::ADMINS.to_owned())
    }

    /// The group of those who review.
    pub fn reviewers() -> Self {
        Self(Self::REVIEWERS.to_owned())
    }
}

/// A person's or an account's login on the forge. Compared without regard to case, as forges do.
#[derive(Clone)]
pub struct Login(String);

impl Login {
    /// The login as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// What counts of it: its letters in lower case.
    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}
impl FromStr for Login {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= 100 && text.chars().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId::new(format!(
            "{} is not a login: expected 1 to 100 of A-Z, a-z, 0-9, `-`, `_`, `.`, starting with a letter or digit",
            quoted(text)
        )))
    }
}
impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Login {}
impl PartialOrd for Login {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Login {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(other.folded())
    }
}
impl std::hash::Hash for Login {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
string_type!(
    Login,
    "Login",
    "^[A-Za-z0-9][A-Za-z0-9_.\\[\\]-]{0,99}$",
    "the login of a person or account on the forge"
);

/// The agent's own name for the run or conversation that a recommendation came from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Session(String);

impl Session {
    /// The session as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl FromStr for Session {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
        if !text.is_empty() && text.len() <= 128 && text.chars().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId::new(format!(
            "{} is not a session: expected 1 to 128 of A-Z, a-z, 0-9 and `._:/@+-`",
            quoted(text)
        )))
    }
}
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
string_type!(
    Session,
    "Session",
    "^[A-Za-z0-9._:/@+-]{1,128}$",
    "the agent's own name for the run this came from"
);

/// The id of one case: a ULID, whose first 48 bits are the time it was made (milliseconds, UTC).
///
/// The canonical form is 26 upper-case Crockford base-32 characters; every other spelling (lower
/// case, `I L O U`) is refused, so that two ids that look alike are never the same case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId(ulid::Ulid);

impl CaseId {
    /// How far ahead of the clock an id may be before it is refused.
    pub const FUTURE_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

    /// An id of the given time with the given 80 random bits.
    pub fn from_parts(at: DateTime<Utc>, random: u128) -> Self {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Self(ulid::Ulid::from_parts(millis, random))
    }

    /// The time that the id itself carries.
    pub fn time(self) -> DateTime<Utc> {
        let millis = i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// `<yyyy>/<mm>/<dd>/<hh>/<id>`: one folder an hour, so that a folder stays small for ever.
    pub fn folder(self) -> String {
        let at = self.time();
        let year = at.year().unsigned_abs();
        // Who reads a trail asks this millions of times, and formatting takes several times as long.
        let mut path = String::with_capacity(14 + ulid::ULID_LEN);
        for (number, digits) in [(year, 4), (at.month(), 2), (at.day(), 2), (at.hour(), 2)] {
            for place in (0..digits).rev() {
                path.extend(char::from_digit(number / 10_u32.pow(place) % 10, 10));
            }
            path.push('/');
        }
        path.push_str(self.0.array_to_str(&mut [0; ulid::ULID_LEN]));
        path
    }
}
impl FromStr for CaseId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match ulid::Ulid::from_string(text) {
            Ok(id)
                if id.array_to_str(&mut [0; ulid::ULID_LEN]) == text
                    && id.timestamp_ms() < 253_402_300_800_000 =>
            {
                Ok(Self(id))
            }
            _ => Err(InvalidId::new(format!(
                "{} is not an id: expected a ULID of 26 upper-case characters, as `countersign new` prints it",
                quoted(text)
            ))),
        }
    }
}
impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl fmt::Debug for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
string_type!(
    CaseId,
    "CaseId",
    "^[0-7][0-9A-HJKMNP-TV-Z]{25}$",
    "a ULID: 26 upper-case characters that begin with the time"
);

/// A git object id (SHA-1, 20 bytes), shown as 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha([u8; 20]);

impl Sha {
    /// The id made of these bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
    /// The first 80 bits, for ids that have to follow from a content.
    pub fn seed(&self) -> u128 {
        self.0
            .iter()
            .take(10)
            .fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    }
    /// The first seven digits, as people quote commits.
    pub fn short(&self) -> String {
        self.to_string().chars().take(7).collect()
    }
}
impl FromStr for Sha {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || {
            InvalidId::new(format!(
                "{} is not a commit id: expected 40 hexadecimal digits",
                quoted(text)
            ))
        };
        // A walk over the trail reads millions of these: all digits at once, and none asks which kind it is.
        let digits: &[u8; 40] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !digits.iter().fold(true, |all, byte| all & is_digit(byte)) {
            return Err(wrong());
        }
        let value = |digit: u8| (digit & 0x0f) + 9 * (digit >> 6);
        let mut bytes = [0u8; 20];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = value(*high) << 4 | value(*low);
        }
        Ok(Self(bytes))
    }
}
impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
        let mut digits = [0; 40];
        for ([high, low], byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            (*high, *low) = (digit(byte >> 4), digit(byte & 0x0f));
        }
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}
impl fmt::Debug for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
string_type!(Sha, "Sha", "^[0-9a-f]{40}$", "a git object id");

/// The number of a pull request.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct PullNumber(pub u64);

impl fmt::Display for PullNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling_and_its_own_folder() {
        let id: CaseId = "01JDC3V5J9M0K3W8Q2ZT4B6N7R".parse().unwrap();
        assert_eq!(
            id.folder(),
            format!(
                "{}/01JDC3V5J9M0K3W8Q2ZT4B6N7R",
                id.time().format("%Y/%m/%d/%H")
            )
        );
        for wrong in [
            "01jdc3v5j9m0k3w8q2zt4b6n7r",
            "01JDC3V5J9M0K3W8Q2ZT4B6N7",
            "O1JDC3V5J9M0K3W8Q2ZT4B6N7R",
            "../../../../../../../../../",
            "",
        ] {
            assert!(wrong.parse::<CaseId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_cannot_carry_paths_newlines_or_look_alikes() {
        for wrong in [
            "",
            "-x",
            "a/b",
            "a\nb",
            "rsi‐eurusd",
            "Rsi",
            "..",
            ".a",
            "а",
        ] {
            assert!(wrong.parse::<TargetName>().is_err(), "{wrong:?}");
        }
        assert!("a.b-c_d9".parse::<TargetName>().is_ok());
    }

    #[test]
    fn logins_compare_without_case() {
        let (a, b): (Login, Login) = ("Alice".parse().unwrap(), "alice".parse().unwrap());
        assert_eq!(a, b);
        assert_eq!(std::collections::HashSet::from([a, b]).len(), 1);
    }

    #[test]
    fn a_sha_round_trips() {
        let text = "9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a";
        assert_eq!(text.parse::<Sha>().unwrap().to_string(), text);
        assert!("9f1c".parse::<Sha>().is_err());
        assert!(
            "+f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a"
                .parse::<Sha>()
                .is_err()
        );
    }
}
