//! SSH signatures on commits, as `git commit -S` makes them with `gpg.format = ssh`, made and checked.

use std::fmt;
use std::path::Path;

use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::commit::StoredCommit;
use super::error::{GitError, Result};
use crate::domain::signing::{PublicKey, Signed, SshSignature};

/// What git signs commits under, so that a signature cannot be used for anything else.
const NAMESPACE: &str = "git";

/// A private key that signs commits. It is shown nowhere.
pub struct SigningKey {
    key: PrivateKey,
}

impl SigningKey {
    /// Reads an OpenSSH private key (Ed25519 or ECDSA P-256) without a passphrase.
    ///
    /// # Errors
    /// When it cannot be read, or is locked with a passphrase, which nobody is there to type.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            GitError::new(format!("cannot read the signing key `{shown}`: {error}"))
        })?;
        let key = PrivateKey::from_openssh(&text).map_err(|_| {
            GitError::new(format!(
                "`{shown}` is not an OpenSSH private key: make one with `ssh-keygen -t ed25519 -N '' -f {shown}`"
            ))
        })?;
        if key.is_encrypted() {
            return Err(GitError::new(format!(
                "the signing key `{shown}` has a passphrase: take a key of its own for the bot, without one"
            )));
        }
        Ok(Self { key })
    }

    /// The public half, as rules list it.
    pub fn public(&self) -> Result<PublicKey> {
        let line = self.key.public_key().to_openssh();
        let line =
            line.map_err(|error| GitError::new(format!("cannot use the signing key: {error}")))?;
        line.parse().map_err(|_| {
            GitError::new("the signing key is of another kind: take an Ed25519 or ECDSA P-256 key")
        })
    }

    /// The signature of a commit's payload.
    pub fn sign(&self, payload: &[u8]) -> Result<SshSignature> {
        self.sign_for(NAMESPACE, payload)
    }

    /// A signature that counts for nothing but what the namespace says.
    pub fn sign_for(&self, namespace: &str, payload: &[u8]) -> Result<SshSignature> {
        let signed = self.key.sign(namespace, HashAlg::Sha512, payload);
        let armored = signed.and_then(|signature| signature.to_pem(LineEnding::LF));
        armored.map(SshSignature::from_armored).map_err(|error| {
            GitError::new(format!(
                "cannot sign: {error}; take an Ed25519 or ECDSA P-256 key"
            ))
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.key.algorithm())
    }
}

/// A signature on a commit, and what it has to cover.
#[derive(Debug, Clone)]
pub struct CommitSignature {
    pub(super) signature: SshSignature,
    payload: Vec<u8>,
}

impl CommitSignature {
    /// Checks it against the keys that may sign.
    pub fn check(&self, keys: &[PublicKey]) -> Signed {
        self.signature.check(NAMESPACE, &self.payload, keys)
    }
}

impl StoredCommit {
    /// The signature on it; none if it has none.
    pub fn find_signature(&self) -> Option<CommitSignature> {
        split(&self.bytes)
    }
}

/// Takes the signature out of the headers of a commit; what is left is what it covers.
fn split(bytes: &[u8]) -> Option<CommitSignature> {
    const HEADER: &[u8] = b"gpgsig ";
    let mut payload = Vec::with_capacity(bytes.len());
    let mut armored: Option<Vec<u8>> = None;
    let mut rest = bytes;
    let mut is_inside = false;
    while !rest.is_empty() && !rest.starts_with(b"\n") {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at_checked(end)?;
        rest = after;
        if is_inside
            && let (Some(continued), Some(armored)) = (line.strip_prefix(b" "), &mut armored)
        {
            armored.extend(continued);
            continue;
        }
        is_inside = false;
        match line.strip_prefix(HEADER) {
            // Git takes the first and leaves out all of them; two are nobody's honest work.
            Some(_) if armored.is_some() => {
                return Some(CommitSignature {
                    signature: SshSignature::from_armored(String::new()),
                    payload,
                });
            }
            Some(first) => {
                armored = Some(first.to_vec());
                is_inside = true;
            }
            None => payload.extend(line),
        }
    }
    payload.extend(rest);
    let armored = String::from_utf8_lossy(&armored?).into_owned();
    let signature = SshSignature::from_armored(armored);
    Some(CommitSignature { signature, payload })
}
