//! Sessions of browsers: a cookie of 256 random bits, of which only the hash is kept.
//!
//! A session holds what tokens let in ([`Grant`]), each for its repository. It is bound to them: whoever
//! revokes the token ends it, because the token is asked for at every request. Sessions are in memory; beside the
//! token is kept by which ones somebody wants to stay signed in, so that those outlive the server's process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};

use super::super::secrets::random;
use super::super::tokens::Bearer;
use super::super::worker::lock;

/// However much it is used, so long does a session last that nobody wanted to be kept.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// So long it lasts without being used.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// More sessions than these are not kept: the one that was not used for the longest time ends.
const MOST: usize = 1_000;
/// So many sent forms of a session are remembered.
const MOST_SENT: usize = 256;

/// So many notices wait to be read; an older one gives way.
const MOST_NOTICES: usize = 8;

/// By what a session is found: the hash of the cookie.
pub type Key = [u8; 32];

/// Who was let in, and by which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub token: String,
    pub bearer: Bearer,
}

/// What every page says, after a form was sent, until whoever sent it has read it and says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// By which it is dismissed.
    pub id: u64,
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
    /// When it ends if it is to be kept: with its token.
    kept_until: Option<Instant>,
    sent: VecDeque<String>,
    notices: VecDeque<Notice>,
    told: u64,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        match self.kept_until {
            Some(end) => now >= end,
            None => {
                now.saturating_duration_since(self.begun) >= LONGEST
                    || now.saturating_duration_since(self.used) >= IDLE
            }
        }
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

#[derive(Debug, Default)]
pub struct Sessions {
    all: Mutex<HashMap<Key, Session>>,
}

/// By what the session of a cookie is found.
pub fn key_of(cookie: &str) -> Key {
    let mut key = Key::default();
    for (to, from) in key
        .iter_mut()
        .zip(digest(&SHA256, cookie.as_bytes()).as_ref())
    {
        *to = *from;
    }
    key
}

/// What forms of this session carry: it follows from the cookie, and the cookie does not follow from it, so that a form
/// that was opened before the server was started anew can be sent after it.
fn csrf_of(cookie: &str) -> String {
    let hash = digest(&SHA256, format!("form {cookie}").as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// By which a kept session is found in a file: the key's digits.
pub fn digits(key: &Key) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long a session is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// Until it is not used for a while, or the browser ends.
    AWhile,
    /// As long as its token.
    Until(Instant),
}

impl Sessions {
    /// Begins a session; what an earlier one of the same browser held goes over to it, and the earlier one
    /// ends. Gives the cookie's value, which nobody knew before.
    pub fn begin(
        &self,
        earlier: Option<&str>,
        repository: &str,
        grant: Grant,
        lasts: Lasts,
        now: Instant,
    ) -> std::io::Result<String> {
        let cookie = random::<32>()?;
        self.put(&cookie, earlier, repository, grant, lasts, now);
        Ok(cookie)
    }

    /// Goes on with a session that was to be kept, of which this process did not know, or not that it holds this.
    pub fn resume(
        &self,
        cookie: &str,
        repository: &str,
        grant: Grant,
        until: Instant,
        now: Instant,
    ) -> Option<Found> {
        self.put(
            cookie,
            Some(cookie),
            repository,
            grant,
            Lasts::Until(until),
            now,
        );
        self.find(cookie, true, now)
    }

    fn put(
        &self,
        cookie: &str,
        earlier: Option<&str>,
        repository: &str,
        grant: Grant,
        lasts: Lasts,
        now: Instant,
    ) {
        let mut all = lock(&self.all);
        all.retain(|_, session| !session.is_over(now));
        let before = earlier.and_then(|cookie| all.remove(&key_of(cookie)));
        let (mut grants, notices, told) = before
            .map(|session| (session.grants, session.notices, session.told))
            .unwrap_or_default();
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
            csrf: csrf_of(cookie),
            begun: now,
            used: now,
            kept_until: match lasts {
                Lasts::AWhile => None,
                Lasts::Until(end) => Some(end),
            },
            sent: VecDeque::new(),
            notices,
            told,
        };
        all.insert(key_of(cookie), session);
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

    /// Says something on every page until it is dismissed.
    pub fn tell(&self, key: &Key, class: &'static str, text: String) {
        if let Some(session) = lock(&self.all).get_mut(key) {
            if session.notices.len() == MOST_NOTICES {
                session.notices.pop_front();
            }
            session.told += 1;
            let id = session.told;
            session.notices.push_back(Notice { id, class, text });
        }
    }

    /// What is to be said, the newest last.
    pub fn notices(&self, key: &Key) -> Vec<Notice> {
        let all = lock(&self.all);
        all.get(key).map_or_else(Vec::new, |session| {
            session.notices.iter().cloned().collect()
        })
    }

    /// Whoever was told this has read it.
    pub fn dismiss(&self, key: &Key, id: u64) {
        if let Some(session) = lock(&self.all).get_mut(key) {
            session.notices.retain(|notice| notice.id != id);
        }
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
        let cookie = sessions
            .begin(None, "r", grant("alice"), Lasts::AWhile, now)
            .unwrap();
        assert_eq!(cookie.len(), 64);
        assert!(sessions.find(&cookie, false, now + IDLE / 2).is_some());
        assert!(sessions.find(&cookie, false, now + IDLE).is_none());
        let cookie = sessions
            .begin(None, "r", grant("alice"), Lasts::AWhile, now)
            .unwrap();
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
            .begin(Some(&planted), "a", grant("alice"), Lasts::AWhile, now)
            .unwrap();
        assert_ne!(first, planted);
        assert!(sessions.find(&planted, true, now).is_none());
        let second = sessions
            .begin(Some(&first), "b", grant("carol"), Lasts::AWhile, now)
            .unwrap();
        assert!(sessions.find(&first, true, now).is_none());
        let found = sessions.find(&second, true, now).unwrap();
        assert_eq!(found.grants.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_form_is_good_once() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let cookie = sessions
            .begin(None, "r", grant("alice"), Lasts::AWhile, now)
            .unwrap();
        let key = sessions.find(&cookie, true, now).unwrap().key;
        assert!(sessions.is_first(&key, "form"));
        assert!(!sessions.is_first(&key, "form"));
        sessions.end(&key);
        assert!(!sessions.is_first(&key, "other"));
    }

    #[test]
    fn a_session_that_is_kept_ends_with_its_token_and_outlives_the_process() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let end = now + LONGEST * 60;
        let cookie = sessions
            .begin(None, "r", grant("alice"), Lasts::Until(end), now)
            .unwrap();
        let before = sessions.find(&cookie, true, now + LONGEST * 59).unwrap();
        assert!(sessions.find(&cookie, true, end).is_none());
        let anew = Sessions::default();
        assert!(anew.find(&cookie, true, now).is_none());
        let found = anew.resume(&cookie, "r", grant("alice"), end, now).unwrap();
        assert_eq!((found.csrf, found.key), (before.csrf, before.key));
        assert!(anew.find(&cookie, true, end).is_none());
    }

    #[test]
    fn a_notice_stays_until_it_is_dismissed_and_only_that_one_goes() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let cookie = sessions
            .begin(None, "r", grant("alice"), Lasts::AWhile, now)
            .unwrap();
        let key = sessions.find(&cookie, true, now).unwrap().key;
        sessions.tell(&key, "good", "one".to_owned());
        sessions.tell(&key, "good", "two".to_owned());
        let told = || -> Vec<String> {
            let notices = sessions.notices(&key).into_iter();
            notices.map(|notice| notice.text).collect()
        };
        assert_eq!(told(), ["one", "two"]);
        sessions.dismiss(&key, sessions.notices(&key)[0].id);
        assert_eq!(told(), ["two"]);
        for number in 0..20 {
            sessions.tell(&key, "good", number.to_string());
        }
        assert_eq!(told().len(), MOST_NOTICES);
    }
}
