//! What a process knows of the sessions of browsers.
//!
//! A session is a cookie of 256 random bits. Its hash is kept beside the token that somebody signed in with
//! (`Tokens::find_session`), which is asked at every request: whoever revokes the token ends its sessions. In memory is
//! only when a session was used, which forms it has sent, and what is to be said to it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};

use super::super::tokens::Lasts;
use super::super::worker::lock;

/// So long a session lasts without being used, if it is not to be kept.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// More sessions than these are not known: the one that was not used for the longest time is forgotten.
const MOST: usize = 1_000;
/// So many sent forms of a session are remembered.
const MOST_SENT: usize = 256;
/// So many notices wait to be read; an older one gives way.
const MOST_NOTICES: usize = 8;

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
struct Known {
    used: Instant,
    /// It was not used for too long, or began in an earlier process: only what is to be kept of it is good still.
    has_lapsed: bool,
    sent: VecDeque<String>,
    notices: VecDeque<Notice>,
    told: u64,
}

impl Known {
    const fn used(now: Instant) -> Self {
        Self {
            used: now,
            has_lapsed: false,
            sent: VecDeque::new(),
            notices: VecDeque::new(),
            told: 0,
        }
    }
}

/// By their keys. A clone of it knows the same.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    all: Arc<Mutex<HashMap<String, Known>>>,
}

/// What is kept of a cookie, and finds its session.
pub fn key_of(cookie: &str) -> String {
    hash(cookie)
}

/// What forms of a session carry, so that no other page can send them. It follows from the cookie, and the cookie does
/// not follow from it, so that a form that was opened before the server was started anew can be sent after it.
pub fn csrf_of(cookie: &str) -> String {
    hash(&format!("form {cookie}"))
}

fn hash(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

fn insert(all: &mut HashMap<String, Known>, key: &str, known: Known) {
    while all.len() >= MOST {
        let oldest = all.iter().min_by_key(|(_, known)| known.used);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
            break;
        };
        all.remove(&oldest);
    }
    all.insert(key.to_owned(), known);
}

impl Sessions {
    /// A session has begun; what was to be said to an earlier one of the same browser is said to it.
    pub fn begin(&self, key: &str, earlier: Option<&str>, now: Instant) {
        let mut all = lock(&self.all);
        let earlier = earlier.and_then(|earlier| all.remove(earlier));
        let (notices, told) = earlier
            .map(|known| (known.notices, known.told))
            .unwrap_or_default();
        let known = Known {
            notices,
            told,
            ..Known::used(now)
        };
        insert(&mut all, key, known);
    }

    /// Whether a session that is good by its token goes on. One that is to be kept outlives the process that it began
    /// in.
    pub fn goes_on(&self, key: &str, lasts: Lasts, now: Instant) -> bool {
        let is_in_use = self.is_in_use(key, now);
        if lasts == Lasts::WhileUsed {
            return is_in_use;
        }
        let mut all = lock(&self.all);
        if !all.contains_key(key) {
            let known = Known {
                has_lapsed: true,
                ..Known::used(now)
            };
            insert(&mut all, key, known);
        }
        true
    }

    /// Whether it began in this process, and was never left unused for too long.
    pub fn is_in_use(&self, key: &str, now: Instant) -> bool {
        let mut all = lock(&self.all);
        let Some(known) = all.get_mut(key) else {
            return false;
        };
        known.has_lapsed |= now.saturating_duration_since(known.used) >= IDLE;
        !known.has_lapsed
    }

    /// Somebody uses it, and not only a page by itself.
    pub fn use_now(&self, key: &str, now: Instant) {
        if let Some(known) = lock(&self.all).get_mut(key) {
            known.used = now;
        }
    }

    pub fn end(&self, key: &str) {
        lock(&self.all).remove(key);
    }

    /// Whether a form is sent for the first time.
    pub fn is_first(&self, key: &str, form: &str) -> bool {
        let mut all = lock(&self.all);
        let Some(known) = all.get_mut(key) else {
            return false;
        };
        if known.sent.iter().any(|sent| sent == form) {
            return false;
        }
        if known.sent.len() == MOST_SENT {
            known.sent.pop_front();
        }
        known.sent.push_back(form.to_owned());
        true
    }

    /// Says something on every page until it is dismissed.
    pub fn tell(&self, key: &str, class: &'static str, text: String) {
        if let Some(known) = lock(&self.all).get_mut(key) {
            if known.notices.len() == MOST_NOTICES {
                known.notices.pop_front();
            }
            known.told += 1;
            let id = known.told;
            known.notices.push_back(Notice { id, class, text });
        }
    }

    /// What is to be said, the newest last.
    pub fn notices(&self, key: &str) -> Vec<Notice> {
        let all = lock(&self.all);
        all.get(key)
            .map_or_else(Vec::new, |known| known.notices.iter().cloned().collect())
    }

    /// Whoever was told this has read it.
    pub fn dismiss(&self, key: &str, id: u64) {
        if let Some(known) = lock(&self.all).get_mut(key) {
            known.notices.retain(|notice| notice.id != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_disuse() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        sessions.begin("a", None, now);
        assert!(sessions.goes_on("a", Lasts::WhileUsed, now + IDLE / 2));
        sessions.use_now("a", now + IDLE / 2);
        assert!(sessions.goes_on("a", Lasts::WhileUsed, now + IDLE));
        assert!(!sessions.goes_on("a", Lasts::WhileUsed, now + IDLE / 2 + IDLE));
        assert!(!sessions.goes_on("a", Lasts::WhileUsed, now));
    }

    #[test]
    fn only_a_session_that_is_kept_outlives_the_process_and_disuse() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        assert!(!sessions.goes_on("brief", Lasts::WhileUsed, now));
        assert!(sessions.goes_on("kept", Lasts::AsItsToken, now));
        assert!(sessions.goes_on("kept", Lasts::AsItsToken, now + IDLE * 60));
        assert!(sessions.is_first("kept", "form"));
    }

    /// One cookie may stand for a session of each repository.
    #[test]
    fn what_is_kept_does_not_revive_what_has_lapsed() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        sessions.begin("a", None, now);
        let later = now + IDLE;
        assert!(sessions.goes_on("a", Lasts::AsItsToken, later));
        sessions.use_now("a", later);
        assert!(!sessions.goes_on("a", Lasts::WhileUsed, later));
        // As after a restart.
        assert!(sessions.goes_on("b", Lasts::AsItsToken, now));
        assert!(!sessions.goes_on("b", Lasts::WhileUsed, now));
    }

    #[test]
    fn a_form_is_good_once() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        sessions.begin("a", None, now);
        assert!(sessions.is_first("a", "form"));
        assert!(!sessions.is_first("a", "form"));
        sessions.end("a");
        assert!(!sessions.is_first("a", "other"));
    }

    #[test]
    fn a_notice_stays_until_it_is_dismissed_and_only_that_one_goes() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        sessions.begin("a", None, now);
        sessions.tell("a", "good", "one".to_owned());
        sessions.tell("a", "good", "two".to_owned());
        // Signing in once more changes the cookie, and nothing that is still to be said is lost.
        sessions.begin("b", Some("a"), now);
        assert_eq!(sessions.notices("a"), []);
        let told = || -> Vec<String> {
            let notices = sessions.notices("b").into_iter();
            notices.map(|notice| notice.text).collect()
        };
        assert_eq!(told(), ["one", "two"]);
        sessions.dismiss("b", sessions.notices("b")[0].id);
        assert_eq!(told(), ["two"]);
        for number in 0..20 {
            sessions.tell("b", "good", number.to_string());
        }
        assert_eq!(told().len(), MOST_NOTICES);
    }
}
