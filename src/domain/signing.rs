//! Public keys as rules list them: the form of `ssh-keygen`'s `.pub` files.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh_key::{HashAlg, SshSig};

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

    /// Whether the same text has only one signature by it.
    pub fn is_ed25519(&self) -> bool {
        self.text.starts_with("ssh-ed25519 ")
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

/// A signature as `ssh-keygen -Y sign` makes it, armored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature(String);

/// What a signature turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// By this key, and it covers what it has to.
    By(PublicKey),
    /// Not by any of the keys; the fingerprint of the one it names.
    ByAnother(String),
    /// It cannot be read, or does not cover what it has to.
    Invalid,
}

impl SshSignature {
    const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
    const END: &str = "-----END SSH SIGNATURE-----";
    /// How long a line between them is.
    const WIDTH: usize = 70;

    pub const fn from_armored(armored: String) -> Self {
        Self(armored)
    }

    /// The same without armor, in one line.
    pub fn from_line(line: &str) -> Self {
        let chars: Vec<char> = line.chars().collect();
        let lines = chars.chunks(Self::WIDTH).map(String::from_iter);
        let lines: Vec<String> = lines.collect();
        let (begin, end) = (Self::BEGIN, Self::END);
        Self(format!("{begin}\n{}\n{end}\n", lines.join("\n")))
    }

    pub fn armored(&self) -> &str {
        &self.0
    }

    /// A number that nobody knows before who has the key: the first 8 bytes of the SHA-256 of the bare signature.
    pub fn number(&self) -> Option<u64> {
        let signature = SshSig::from_pem(&self.0).ok()?;
        let hash = digest(&SHA256, signature.signature_bytes());
        let first: [u8; 8] = hash.as_ref().get(..8)?.try_into().ok()?;
        Some(u64::from_be_bytes(first))
    }

    /// Checks it against the keys that may sign; `namespace` is what it has to be made for.
    pub fn check(&self, namespace: &str, payload: &[u8], keys: &[PublicKey]) -> Signed {
        let Ok(signature) = SshSig::from_pem(&self.0) else {
            return Signed::Invalid;
        };
        let signer = ssh_key::PublicKey::new(signature.public_key().clone(), "");
        let line = signer.to_openssh().unwrap_or_default();
        let Some(key) = keys.iter().find(|key| key.as_str() == line.trim_end()) else {
            return Signed::ByAnother(signer.fingerprint(HashAlg::Sha256).to_string());
        };
        match signer.verify(namespace, payload, &signature) {
            Ok(()) => Signed::By(key.clone()),
            Err(_) => Signed::Invalid,
        }
    }
}

/// Without armor, in one line.
impl fmt::Display for SshSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.lines().filter(|line| !line.starts_with('-'));
        lines.try_for_each(|line| f.write_str(line.trim()))
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
