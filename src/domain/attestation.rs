//! What somebody vouches for, as they write it: `/attest monthly_cost=340 at=<the head>`, signed or not.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SubsecRound as _, Utc};

use super::documents::time;
use super::ids::{EvidenceName, Sha};
use super::signing::{PublicKey, Signed, SshSignature};
use super::unexpected::Unexpected;

/// A value of evidence, and the commit that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    pub name: EvidenceName,
    /// As it was written; the rules say of which type it has to be.
    pub value: String,
    /// None where what it stands in is bound to a commit, as a check run is.
    pub head: Option<Sha>,
    pub signed: Option<SignedAttestation>,
}

/// A signature on an attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAttestation {
    /// When, by the clock of whoever signed.
    pub on: DateTime<Utc>,
    pub signature: SshSignature,
}

/// How it is written.
const USAGE: &str = "`/attest NAME=VALUE at=COMMIT`, with the whole id of the commit";
/// The longest value, in characters.
const MOST_VALUE: usize = 200;

impl Attestation {
    /// What signatures on it are made under, so that one cannot be used for anything else.
    pub const NAMESPACE: &str = "countersign-attestation";

    /// What is signed: nothing in it may be left out or read otherwise.
    pub fn payload(&self, head: Sha, on: DateTime<Utc>) -> String {
        format!(
            "countersign/attestation/v1\nhead: {head}\nname: {}\nvalue: {}\non: {}\n",
            self.name,
            self.value,
            time::text(&on)
        )
    }

    /// The one of these keys that signed it; none if none of them did.
    pub fn find_signer<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Option<PublicKey> {
        let (head, signed) = (self.head?, self.signed.as_ref()?);
        let keys: Vec<PublicKey> = keys.into_iter().cloned().collect();
        let payload = self.payload(head, signed.on);
        let checked = signed
            .signature
            .check(Self::NAMESPACE, payload.as_bytes(), &keys);
        match checked {
            Signed::By(key) => Some(key),
            Signed::ByAnother(_) | Signed::Invalid => None,
        }
    }
}

impl FromStr for Attestation {
    type Err = Unexpected;

    /// What follows `/attest`. The value may hold blanks; what comes after it is read from the end.
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let expected = || Unexpected::expected(USAGE);
        let (rest, signature) = split_last(text, "signature=");
        let (rest, on) = split_last(rest, "on=");
        let (rest, head) = split_last(rest, "at=");
        let (name, value) = rest.split_once('=').ok_or_else(expected)?;
        let value = value.trim();
        let is_plain =
            value.chars().all(|c| !c.is_control()) && value.chars().count() <= MOST_VALUE;
        if value.is_empty() || !is_plain {
            return Err(expected());
        }
        let head = head
            .map(Sha::from_str)
            .transpose()
            .map_err(|_| expected())?;
        let signed = match (on, signature) {
            (None, None) => None,
            (Some(on), Some(signature)) => {
                let on = DateTime::parse_from_rfc3339(on).map_err(|_| expected())?;
                Some(SignedAttestation {
                    on: on.with_timezone(&Utc).trunc_subsecs(0),
                    signature: SshSignature::from_line(signature),
                })
            }
            _ => {
                return Err(Unexpected::expected(
                    "`on=TIME` and `signature=BASE64` together, as `countersign attest --key` prints them",
                ));
            }
        };
        Ok(Self {
            name: name.trim().parse().map_err(|_| expected())?,
            value: value.to_owned(),
            head,
            signed,
        })
    }
}

/// The last word without its prefix, if it begins so, and the text before it.
fn split_last<'t>(text: &'t str, prefix: &str) -> (&'t str, Option<&'t str>) {
    let text = text.trim_end();
    let found = text.rsplit_once(char::is_whitespace);
    match found.and_then(|(before, word)| Some((before, word.strip_prefix(prefix)?))) {
        Some((before, word)) => (before.trim_end(), Some(word)),
        None => (text, None),
    }
}

impl fmt::Display for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/attest {}={}", self.name, self.value)?;
        if let Some(head) = self.head {
            write!(f, " at={head}")?;
        }
        if let Some(SignedAttestation { on, signature }) = &self.signed {
            write!(f, " on={} signature={signature}", time::text(on))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn what_is_written_is_read_again() {
        for (text, value) in [
            ("monthly_cost=340".to_owned(), "340"),
            (format!("monthly_cost=340 at={HEAD}"), "340"),
            (format!("ticket=in review at={HEAD}"), "in review"),
            (format!("ticket=at=x at={HEAD}"), "at=x"),
            (
                format!("rows=12 at={HEAD} on=2026-11-23T14:02:11Z signature=AAAA"),
                "12",
            ),
        ] {
            let read: Attestation = text.parse().unwrap();
            assert_eq!(read.value, value, "{text}");
            assert_eq!(read.to_string(), format!("/attest {text}"));
        }
    }

    #[test]
    fn what_cannot_be_read_says_how_it_is_written() {
        for text in [
            "",
            "monthly_cost",
            "monthly_cost=",
            "monthly_cost=340 at=abc123",
            "Monthly Cost=340",
            "monthly_cost=34\u{7}0",
        ] {
            let error = text.parse::<Attestation>().unwrap_err().to_string();
            assert_eq!(error, format!("expected {USAGE}"), "{text}");
        }
        let half = format!("monthly_cost=340 at={HEAD} signature=AAAA");
        let error = half.parse::<Attestation>().unwrap_err().to_string();
        assert_eq!(
            error,
            "expected `on=TIME` and `signature=BASE64` together, as `countersign attest --key` prints them"
        );
    }
}
