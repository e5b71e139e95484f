//! Public keys as rules list them: the form of `ssh-keygen`'s `.pub` files.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ids::quoted;

/// The kinds of key that sign commits, and how long their binary form is.
const KINDS: [(&str, usize); 2] = [("ssh-ed25519", 51), ("ecdsa-sha2-nistp256", 104)];

/// A public key that signs the bot's commits, such as `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… bot-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    text: String,
    comment: String,
}

/// Why something is not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(String);

impl PublicKey {
    /// Kind and key, without the comment: equal texts, equal keys.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What people call it; may be empty.
    pub fn comment(&self) -> &str {
        &self.comment
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let wrong = || {
            InvalidKey(format!(
                "{} is not a public key: expected the line of a `.pub` file of `ssh-keygen -t ed25519` (or `-t ecdsa`), such as `ssh-ed25519 AAAA… bot-1`",
                quoted(text)
            ))
        };
        let mut words = text.split_ascii_whitespace();
        let (Some(kind), Some(key)) = (words.next(), words.next()) else {
            return Err(wrong());
        };
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        // The binary form repeats the kind, after its length.
        let begins_so = |kind: &str| {
            let len = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
            bytes
                .strip_prefix(&len)
                .is_some_and(|rest| rest.starts_with(kind.as_bytes()))
        };
        if !KINDS
            .iter()
            .any(|(known, len)| *known == kind && bytes.len() == *len && begins_so(known))
        {
            return Err(wrong());
        }
        Ok(Self {
            text: format!("{kind} {key}"),
            comment: words.collect::<Vec<_>>().join(" "),
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for PublicKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicKey".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/]+={0,2}( .*)?$",
            "description": "the line of a `.pub` file of `ssh-keygen`"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS";

    #[test]
    fn a_key_is_the_line_of_a_pub_file() {
        let key: PublicKey = format!("{KEY} bot-1 of the desk").parse().unwrap();
        assert_eq!((key.as_str(), key.comment()), (KEY, "bot-1 of the desk"));
        for wrong in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS",
            "ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            let error = wrong.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.contains("ssh-keygen"), "{error}");
        }
    }
}
