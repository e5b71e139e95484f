//! Tokens that nobody ever had, by address: whoever sends too many of them is told to wait.
//!
//! Kept in memory only. A token that has expired or was revoked is somebody's mistake and does not count, and a
//! good one works whoever else failed at the same address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::client_address::by_household;
use super::worker::lock;

/// So many tries may fail in a window.
const MOST: u32 = 20;
/// How long a window is.
const WINDOW: Duration = Duration::from_secs(60);
/// More addresses than this are not remembered.
const MOST_ADDRESSES: usize = 10_000;

/// Who has failed how often.
#[derive(Debug, Default)]
pub struct Attempts {
    failed: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Attempts {
    /// One more try of this address has failed; says how long it has to wait if it were too many before.
    pub fn fail(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let mut failed = lock(&self.failed);
        let left = |begun: Instant| WINDOW.saturating_sub(now.saturating_duration_since(begun));
        if failed.len() >= MOST_ADDRESSES {
            failed.retain(|_, (_, begun)| !left(*begun).is_zero());
        }
        if failed.len() >= MOST_ADDRESSES {
            // An attacker with so many addresses is not stopped by remembering them.
            failed.clear();
        }
        let (count, begun) = failed.entry(by_household(address)).or_insert((0, now));
        if left(*begun).is_zero() {
            (*count, *begun) = (0, now);
        }
        *count = count.saturating_add(1);
        (*count > MOST).then(|| left(*begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fails_too_often_waits_and_nobody_else() {
        let attempts = Attempts::default();
        let (now, guesser) = (Instant::now(), "2001:db8::1".parse().unwrap());
        for _ in 0..MOST {
            assert_eq!(attempts.fail(guesser, now), None);
        }
        let neighbour = "2001:db8::2".parse().unwrap();
        assert_eq!(attempts.fail(neighbour, now), Some(WINDOW));
        let stranger = "192.0.2.1".parse().unwrap();
        assert_eq!(attempts.fail(stranger, now), None);
        assert_eq!(attempts.fail(guesser, now + WINDOW), None);
    }
}
