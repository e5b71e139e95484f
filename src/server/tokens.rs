//! Personal tokens: by what the API, the dashboard and MCP know a person or an agent.
//!
//! A token is 256 random bits, shown once. Kept are its SHA-256 and whose it is, in one file a repository
//! in the state folder: never in the repository, whose history everybody may read for ever. Every look-up
//! reads that file, so a token that is revoked on this machine is refused by every server on it at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::private_files::{lock_file, make_private_folder, write_draft};
use super::secrets::{is_equal, random, random_bytes};
use crate::domain::documents::time;
use crate::domain::ids::{AgentName, Login};

/// By this one sees that something is a token, and whose: also a scanner for leaked secrets does.
const PREFIX: &str = "countersign_";
const BYTES: usize = 32;
/// So much of it is kept to tell one from another.
const LAST: usize = 4;
/// In so many browsers is somebody signed in by one token; the oldest gives way.
const MOST_SESSIONS: usize = 20;
/// However much it is used, so long does a session last that nobody wanted to be kept.
const LONGEST_SESSION: TimeDelta = TimeDelta::hours(12);

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// A person of `rules/people.yaml`.
    Person(Login),
    /// An agent of `rules/agents.yaml`.
    Agent(AgentName),
}

impl std::fmt::Display for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(login) => f.pad(login.as_str()),
            Self::Agent(name) => f.pad(name.as_str()),
        }
    }
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// By which it is revoked.
    pub id: String,
    pub bearer: Bearer,
    /// When it was made.
    #[serde(with = "time")]
    pub created_at: DateTime<Utc>,
    /// From when on it is refused.
    #[serde(with = "time")]
    pub expires_at: DateTime<Utc>,
    /// Since when it has been refused, if it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// The last characters of it.
    pub last_four: String,
    /// In which browsers its bearer is signed in, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Session>,
    /// Its SHA-256, in URL-safe base64.
    hash: String,
}

impl Token {
    /// Why it is refused at this moment; nothing if it is good.
    pub fn refusal(&self, now: DateTime<Utc>) -> Option<&'static str> {
        match &self.revoked_at {
            Some(_) => Some("revoked"),
            None if self.expires_at <= now => Some("expired"),
            None => None,
        }
    }
}

/// How long a session is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// Until it is not used for a while, or the browser or the server ends.
    WhileUsed,
    AsItsToken,
}

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    /// The hash of its cookie.
    key: String,
    lasts: Lasts,
    #[serde(with = "time")]
    ends_at: DateTime<Utc>,
}

/// Who is signed in by a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub bearer: Bearer,
    pub lasts: Lasts,
}

/// A session that begins.
#[derive(Debug, Clone)]
pub struct BeginSession {
    /// The hash of its cookie.
    pub key: String,
    /// The hash of the cookie that the browser had before.
    pub earlier: Option<String>,
    pub lasts: Lasts,
    pub now: DateTime<Utc>,
}

/// What came of looking a token up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Good(Token),
    /// It was, and is `revoked` or `expired`.
    Bad(&'static str),
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    /// For people who look into the file.
    repository: String,
    tokens: Vec<Token>,
}

/// The tokens of one repository.
#[derive(Debug, Clone)]
pub struct Tokens {
    repository: String,
    path: PathBuf,
}

/// Why tokens could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    #[error("cannot {what} the tokens in `{path}`: {reason}")]
    File {
        what: &'static str,
        path: PathBuf,
        reason: String,
    },
    /// There is no such token.
    #[error("there is no token `{0}`: `countersign token list` shows all")]
    NoSuchToken(String),
    /// The machine has no randomness.
    #[error("the machine gives no random bits: no token was made")]
    NoRandomness,
}

type Result<T> = std::result::Result<T, TokensError>;

impl Tokens {
    /// The tokens of the repository in this folder.
    pub fn of_folder(state: &Path, repository: &Path) -> Self {
        // One repository, by whatever way it is named.
        let path = fs::canonicalize(repository).unwrap_or_else(|_| repository.to_owned());
        Self::named(state, path.display().to_string())
    }

    /// The tokens of `OWNER/NAME` on the server with this API.
    pub fn on_github(state: &Path, api: &str, repository: &str) -> Self {
        let host = api.split_once("://").map_or(api, |(_, rest)| rest);
        let name = format!("{host}:{}", repository.to_ascii_lowercase());
        Self::named(state, name)
    }

    fn named(state: &Path, repository: String) -> Self {
        let mut key = hex::encode(digest::digest(&digest::SHA256, repository.as_bytes()));
        key.truncate(32);
        Self {
            repository,
            path: state.join("tokens").join(format!("{key}.json")),
        }
    }

    /// Makes a token. This is the only time that anybody sees it.
    pub fn create(
        &self,
        bearer: Bearer,
        created_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(SecretString, Token)> {
        let bytes = random_bytes::<BYTES>().map_err(|_| TokensError::NoRandomness)?;
        let id = random::<6>().map_err(|_| TokensError::NoRandomness)?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let skipped = secret.len().saturating_sub(LAST);
        let token = Token {
            id,
            bearer,
            created_at,
            expires_at,
            revoked_at: None,
            last_four: secret.chars().skip(skipped).collect(),
            sessions: Vec::new(),
            hash: hash(&secret),
        };
        self.change(|stored| {
            stored.tokens.push(token.clone());
            Ok(())
        })?;
        Ok((SecretString::from(secret), token))
    }

    /// Every token, the oldest first.
    pub fn list(&self) -> Result<Vec<Token>> {
        Ok(self.read()?.tokens)
    }

    /// From now on this one is refused; one that was revoked before stays so.
    pub fn revoke(&self, id: &str, now: DateTime<Utc>) -> Result<Token> {
        self.change(|stored| {
            let token = stored.tokens.iter_mut().find(|token| token.id == id);
            let token = token.ok_or_else(|| TokensError::NoSuchToken(id.to_owned()))?;
            token.revoked_at.get_or_insert_with(|| time::text(&now));
            Ok(token.clone())
        })
    }

    /// Looks a token up; nothing if nobody ever had it. Whether and where something matches cannot be told
    /// from the time that this takes.
    pub fn find(&self, secret: &SecretString, now: DateTime<Utc>) -> Result<Option<Found>> {
        let hash = hash(secret.expose_secret());
        let mut found = None;
        for token in self.read()?.tokens {
            if is_equal(&token.hash, &hash) {
                found = Some(token);
            }
        }
        Ok(found.map(|token| match token.refusal(now) {
            Some(why) => Found::Bad(why),
            None => Found::Good(token),
        }))
    }

    /// The bearer of a token is signed in by this session from now on, in place of an earlier one of the same browser.
    pub fn begin_session(&self, id: &str, begin: &BeginSession) -> Result<()> {
        let (key, now) = (begin.key.clone(), begin.now);
        self.change(|stored| {
            for token in &mut stored.tokens {
                token.sessions.retain(|session| {
                    session.ends_at > now && Some(&session.key) != begin.earlier.as_ref()
                });
            }
            let token = stored.tokens.iter_mut().find(|token| token.id == id);
            let token = token.ok_or_else(|| TokensError::NoSuchToken(id.to_owned()))?;
            let ends_at = match begin.lasts {
                Lasts::WhileUsed => token.expires_at.min(now + LONGEST_SESSION),
                Lasts::AsItsToken => token.expires_at,
            };
            if token.sessions.len() >= MOST_SESSIONS {
                token.sessions.remove(0);
            }
            token.sessions.push(Session {
                key,
                lasts: begin.lasts,
                ends_at,
            });
            Ok(())
        })
    }

    /// Who is signed in by a session, while its token is good.
    pub fn find_session(&self, key: &str, now: DateTime<Utc>) -> Result<Option<SignedIn>> {
        let tokens = self.read()?.tokens;
        let good = tokens.iter().filter(|token| token.refusal(now).is_none());
        let mut sessions =
            good.flat_map(|token| token.sessions.iter().map(move |session| (token, session)));
        let found =
            sessions.find(|(_, session)| session.ends_at > now && is_equal(&session.key, key));
        Ok(found.map(|(token, session)| SignedIn {
            bearer: token.bearer.clone(),
            lasts: session.lasts,
        }))
    }

    /// A browser has another cookie from now on, for those of its sessions that last so; the others end.
    pub fn rename_session(&self, key: &str, new: &str, carried: &[Lasts]) -> Result<()> {
        self.change_sessions(key, |sessions| {
            sessions.retain(|session| session.key != key || carried.contains(&session.lasts));
            for session in sessions.iter_mut().filter(|session| session.key == key) {
                new.clone_into(&mut session.key);
            }
        })
    }

    /// Nobody is signed in by this session any more.
    pub fn end_session(&self, key: &str) -> Result<()> {
        self.change_sessions(key, |sessions| {
            sessions.retain(|session| session.key != key);
        })
    }

    fn change_sessions(&self, key: &str, change: impl Fn(&mut Vec<Session>)) -> Result<()> {
        let holds = |token: &Token| token.sessions.iter().any(|session| session.key == key);
        if !self.read()?.tokens.iter().any(holds) {
            return Ok(());
        }
        self.change(|stored| {
            for token in &mut stored.tokens {
                change(&mut token.sessions);
            }
            Ok(())
        })
    }

    fn read(&self) -> Result<Stored> {
        let failed = |reason: String| self.failed("read", reason);
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::default()),
            Err(error) => return Err(failed(error.to_string())),
        };
        serde_json::from_slice(&bytes).map_err(|error| {
            failed(format!(
                "line {}: it is not as `countersign token` writes it",
                error.line()
            ))
        })
    }

    /// Reads, changes and writes the file while nobody else does.
    fn change<T>(&self, change: impl FnOnce(&mut Stored) -> Result<T>) -> Result<T> {
        let failed = |error: io::Error| self.failed("write", error.to_string());
        let folder = self.path.parent().unwrap_or(&self.path);
        make_private_folder(folder).map_err(failed)?;
        let _until_written = lock_file(&self.path.with_extension("lock")).map_err(failed)?;
        let mut stored = self.read()?;
        let changed = change(&mut stored)?;
        stored.repository.clone_from(&self.repository);
        self.write(&stored).map_err(failed)?;
        Ok(changed)
    }

    fn write(&self, stored: &Stored) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        write_draft(&draft, stored)?;
        fs::rename(&draft, &self.path)?;
        // A token that was revoked stays so after a power failure.
        fs::File::open(self.path.parent().unwrap_or(&self.path))?.sync_all()
    }

    fn failed(&self, what: &'static str, reason: String) -> TokensError {
        TokensError::File {
            what,
            path: self.path.clone(),
            reason,
        }
    }
}

fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(folder: &Path) -> Tokens {
        Tokens::on_github(folder, "https://api.github.com", "acme/governance")
    }

    fn alice() -> Bearer {
        Bearer::Person("alice".parse().unwrap())
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, other) = (tokens(folder.path()), tokens(folder.path()));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let end = now + TimeDelta::days(1);
        let (secret, token) = tokens.create(alice(), now, end).unwrap();
        assert_eq!(
            other.find(&secret, now).unwrap(),
            Some(Found::Good(token.clone()))
        );
        assert_eq!(
            other.find(&secret, end).unwrap(),
            Some(Found::Bad("expired"))
        );
        let unknown = SecretString::from(format!("{PREFIX}x"));
        assert_eq!(other.find(&unknown, now).unwrap(), None);
        tokens.revoke(&token.id, now).unwrap();
        assert_eq!(
            other.find(&secret, now).unwrap(),
            Some(Found::Bad("revoked"))
        );
    }

    /// Of a token that is good for sixty days.
    fn signed_in(tokens: &Tokens, now: DateTime<Utc>) -> Token {
        let (_, token) = tokens
            .create(alice(), now, now + TimeDelta::days(60))
            .unwrap();
        token
    }

    fn begin(tokens: &Tokens, token: &Token, begin: BeginSession) {
        tokens.begin_session(&token.id, &begin).unwrap();
    }

    fn session(key: &str, lasts: Lasts, now: DateTime<Utc>) -> BeginSession {
        BeginSession {
            key: key.to_owned(),
            earlier: None,
            lasts,
            now,
        }
    }

    #[test]
    fn a_session_ends_by_age_with_its_token_and_by_signing_out() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, other) = (tokens(folder.path()), tokens(folder.path()));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = signed_in(&tokens, now);
        begin(&tokens, &token, session("brief", Lasts::WhileUsed, now));
        begin(&tokens, &token, session("kept", Lasts::AsItsToken, now));
        let lasts = |key: &str, at| {
            let found = other.find_session(key, at).unwrap();
            found.map(|found| {
                assert_eq!(found.bearer, alice());
                found.lasts
            })
        };
        let (soon, end) = (
            now + LONGEST_SESSION - TimeDelta::seconds(1),
            token.expires_at,
        );
        assert_eq!(lasts("brief", soon), Some(Lasts::WhileUsed));
        assert_eq!(lasts("brief", now + LONGEST_SESSION), None);
        assert_eq!(
            lasts("kept", end - TimeDelta::seconds(1)),
            Some(Lasts::AsItsToken)
        );
        assert_eq!(lasts("kept", end), None);
        assert_eq!(lasts("planted", now), None);
        tokens.end_session("kept").unwrap();
        assert_eq!(lasts("kept", now), None);
        assert_eq!(lasts("brief", now), Some(Lasts::WhileUsed));
        tokens.revoke(&token.id, now).unwrap();
        assert_eq!(lasts("brief", now), None);
    }

    #[test]
    fn signing_in_again_ends_the_session_before_and_keeps_what_was_held_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (here, now) = (tokens(folder.path()), Utc::now());
        let there = Tokens::on_github(folder.path(), "https://api.github.com", "acme/other");
        let (token, elsewhere) = (signed_in(&here, now), signed_in(&there, now));
        begin(&here, &token, session("first", Lasts::WhileUsed, now));
        begin(&there, &elsewhere, session("first", Lasts::AsItsToken, now));
        let again = BeginSession {
            earlier: Some("first".to_owned()),
            ..session("second", Lasts::WhileUsed, now)
        };
        begin(&here, &token, again);
        begin(&there, &elsewhere, session("brief", Lasts::WhileUsed, now));
        there
            .rename_session("brief", "second", &[Lasts::AsItsToken])
            .unwrap();
        assert_eq!(there.find_session("second", now).unwrap(), None);
        there
            .rename_session("first", "second", &[Lasts::AsItsToken])
            .unwrap();
        for tokens in [&here, &there] {
            assert_eq!(tokens.find_session("first", now).unwrap(), None);
            assert!(tokens.find_session("second", now).unwrap().is_some());
        }
    }

    #[test]
    fn a_token_has_only_so_many_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, now) = (tokens(folder.path()), Utc::now());
        let token = signed_in(&tokens, now);
        for number in 0..=MOST_SESSIONS {
            let key = number.to_string();
            begin(&tokens, &token, session(&key, Lasts::AsItsToken, now));
        }
        assert_eq!(tokens.find_session("0", now).unwrap(), None);
        assert!(tokens.find_session("1", now).unwrap().is_some());
    }

    #[test]
    fn the_file_holds_no_token_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = tokens(folder.path());
        let now = Utc::now();
        let (secret, _) = tokens
            .create(alice(), now, now + TimeDelta::days(1))
            .unwrap();
        let text = fs::read_to_string(&tokens.path).unwrap();
        let bits = secret.expose_secret().strip_prefix(PREFIX).unwrap();
        assert!(!text.contains(bits), "{text}");
        assert_eq!(bits.len(), 43, "256 bits in base64");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&tokens.path), 0o600);
            assert_eq!(mode(tokens.path.parent().unwrap()), 0o700);
        }
    }

    #[test]
    fn repositories_do_not_share_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let now = Utc::now();
        let (secret, _) = tokens(folder.path())
            .create(alice(), now, now + TimeDelta::days(1))
            .unwrap();
        let other = Tokens::on_github(folder.path(), "https://api.github.com", "acme/other");
        assert_eq!(other.find(&secret, now).unwrap(), None);
    }

    #[test]
    fn two_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let now = Utc::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        tokens(folder.path()).create(alice(), now, now).unwrap();
                    }
                });
            }
        });
        assert_eq!(tokens(folder.path()).list().unwrap().len(), 20);
    }
}
