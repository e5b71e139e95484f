//! Sessions of browsers: a cookie of 256 random bits, of which only the hash is kept, and only in memory.
//!
//! A session holds what tokens let in ([`Grant`]), each for its repository. It is bound to them: whoever
//! revokes the token ends it, because the token is asked for at every request.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};

use super::super::keeper::lock;
use super::super::secrets::random;
use super::super::tokens::Bearer;

/// However much it is used, so long does a session last.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// So long it lasts without being used.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// More sessions than these are not kept: the one that was not used for the longest time ends.
const MOST: usize = 1_000;
/// So many sent forms of a session are remembered.
const MOST_SENT: usize = 256;

/// By what a session is found: the hash of the cookie.
pub type Key = [u8; 32];

/// Who was let in, and by which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub token: String,
    pub bearer: Bearer,
}

/// What a page says once, after a form was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `good`, `warn` or `bad`.
    pub class: &'static str,
    pub text: String,
}

#[derive(Debug)]
struct Session {
    grants: BTreeMap<String, Grant>,
    csrf: String,
    begun: Instant,
    used: Instant,
    sent: VecDeque<String>,
    notice: Option<Notice>,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) >= LONGEST
            || now.saturating_duration_since(self.used) >= IDLE
    }
}

/// A session at the moment of a request.
#[derive(Debug, Clone)]
pub struct Found {
    pub key: Key,
    /// What forms carry, so that no other page can send them.
    pub csrf: String,
    /// By the repository's name.
    pub grants: BTreeMap<String, Grant>,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    all: Mutex<HashMap<Key, Session>>,
}

fn key_of(cookie: &str) -> Key {
    let mut key = Key::default();
    for (to, from) in key
        .iter_mut()
        .zip(digest(&SHA256, cookie.as_bytes()).as_ref())
    {
        *to = *from;
    }
    key
}

impl Sessions {
    /// Begins a session; what an earlier one of the same browser held goes over to it, and the earlier one
    /// ends. Gives the cookie's value, which nobody knew before.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn begin(
        &self,
        earlier: Option<&str>,
        repository: &str,
        grant: Grant,
        now: Instant,
    ) -> std::io::Result<String> {
        let (cookie, csrf) = (random::<32>()?, random::<32>()?);
        let mut all = lock(&self.all);
        all.retain(|_, session| !session.is_over(now));
        let before = earlier.and_then(|cookie| all.remove(&key_of(cookie)));
        let mut grants = before.map(|session| session.grants).unwrap_or_default();
        grants.insert(repository.to_owned(), grant);
        while all.len() >= MOST {
            let oldest = all
                .iter()
                .min_by_key(|(_, session)| session.used)
                .map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            all.remove(&oldest);
        }
        let session = Session {
            grants,
            csrf,
            begun: now,
            used: now,
            sent: VecDeque::new(),
            notice: None,
        };
        all.insert(key_of(&cookie), session);
        Ok(cookie)
    }

    /// The session of a cookie. `is_use` says whether somebody uses it, and not only a page by itself.
    pub fn find(&self, cookie: &str, is_use: bool, now: Instant) -> Option<Found> {
        let key = key_of(cookie);
        let mut all = lock(&self.all);
        if all.get(&key)?.is_over(now) {
            all.remove(&key);
            return None;
        }
        let session = all.get_mut(&key)?;
        if is_use {
            session.used = now;
        }
        Some(Found {
            key,
            csrf: session.csrf.clone(),
            grants: session.grants.clone(),
        })
    }

    /// Ends a session.
    pub fn end(&self, key: &Key) {
        lock(&self.all).remove(key);
    }

    /// Takes what a token let in back out of a session.
    pub fn drop_grant(&self, key: &Key, repository: &str) {
        let mut all = lock(&self.all);
        if let Some(session) = all.get_mut(key) {
            session.grants.remove(repository);
            if session.grants.is_empty() {
                all.remove(key);
            }
        }
    }

    /// Whether a form is sent for the first time.
    pub fn is_first(&self, key: &Key, form: &str) -> bool {
        let mut all = lock(&self.all);
        let Some(session) = all.get_mut(key) else {
            return false;
        };
        if session.sent.iter().any(|sent| sent == form) {
            return false;
        }
        if session.sent.len() == MOST_SENT {
            session.sent.pop_front();
        }
        session.sent.push_back(form.to_owned());
        true
    }

    /// Says something on the next page.
    pub fn tell(&self, key: &Key, notice: Notice) {
        if let Some(session) = lock(&self.all).get_mut(key) {
            session.notice = Some(notice);
        }
    }

    /// What is to be said on this page.
    pub fn take_notice(&self, key: &Key) -> Option<Notice> {
        lock(&self.all).get_mut(key)?.notice.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(login: &str) -> Grant {
        Grant {
            token: "t1".to_owned(),
            bearer: Bearer::Person(login.parse().unwrap()),
        }
    }

    #[test]
    fn a_session_ends_by_disuse_and_by_age() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let cookie = sessions.begin(None, "r", grant("alice"), now).unwrap();
        assert_eq!(cookie.len(), 64);
        assert!(sessions.find(&cookie, false, now + IDLE / 2).is_some());
        assert!(sessions.find(&cookie, false, now + IDLE).is_none());
        let cookie = sessions.begin(None, "r", grant("alice"), now).unwrap();
        let mut at = now;
        while at < now + LONGEST {
            assert!(sessions.find(&cookie, true, at).is_some());
            at += IDLE / 2;
        }
        assert!(sessions.find(&cookie, true, now + LONGEST).is_none());
    }

    #[test]
    fn signing_in_again_changes_the_cookie_and_keeps_what_was_held() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let planted = "0".repeat(64);
        let first = sessions
            .begin(Some(&planted), "a", grant("alice"), now)
            .unwrap();
        assert_ne!(first, planted);
        assert!(sessions.find(&planted, true, now).is_none());
        let second = sessions
            .begin(Some(&first), "b", grant("carol"), now)
            .unwrap();
        assert!(sessions.find(&first, true, now).is_none());
        let found = sessions.find(&second, true, now).unwrap();
        assert_eq!(found.grants.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_form_is_good_once() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let cookie = sessions.begin(None, "r", grant("alice"), now).unwrap();
        let key = sessions.find(&cookie, true, now).unwrap().key;
        assert!(sessions.is_first(&key, "form"));
        assert!(!sessions.is_first(&key, "form"));
        sessions.end(&key);
        assert!(!sessions.is_first(&key, "other"));
    }
}
