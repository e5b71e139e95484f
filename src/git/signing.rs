//! SSH signatures on commits, as `git commit -S` makes them with `gpg.format = ssh`.

use std::fmt;
use std::path::Path;

use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::error::{GitError, Result};

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

    /// The armored signature of a commit's payload.
    ///
    /// # Errors
    /// When the kind of the key cannot sign.
    pub fn sign(&self, payload: &[u8]) -> Result<String> {
        let signed = self.key.sign(NAMESPACE, HashAlg::Sha512, payload);
        let armored = signed.and_then(|signature| signature.to_pem(LineEnding::LF));
        armored.map_err(|error| {
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
