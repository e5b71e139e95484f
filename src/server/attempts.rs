//! Failed tries to be let in, by address: whoever guesses tokens has to wait longer than guessing pays.
//!
//! Kept in memory only. What counts is a token that nobody ever had: one that has expired or was revoked is
//! somebody's mistake, and must not lock out everybody who shares their address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::keeper::lock;

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
    /// How long this address has to wait before it may try again; none if it may now.
    pub fn find_wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failed = lock(&self.failed);
        let (count, begun) = failed.get(&subject(address))?;
        let left = WINDOW.saturating_sub(now.saturating_duration_since(*begun));
        (*count >= MOST && !left.is_zero()).then_some(left)
    }

    /// One more try of this address has failed.
    pub fn fail(&self, address: IpAddr, now: Instant) {
        let mut failed = lock(&self.failed);
        let is_over = |begun: &Instant| now.saturating_duration_since(*begun) >= WINDOW;
        if failed.len() >= MOST_ADDRESSES {
            failed.retain(|_, (_, begun)| !is_over(begun));
        }
        if failed.len() >= MOST_ADDRESSES {
            // An attacker with so many addresses is not stopped by remembering them.
            failed.clear();
        }
        let entry = failed.entry(subject(address)).or_insert((0, now));
        if is_over(&entry.1) {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

/// A household has a whole /64 of IPv6 addresses.
fn subject(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_guesses_waits_and_nobody_else() {
        let attempts = Attempts::default();
        let (now, guesser) = (Instant::now(), "2001:db8::1".parse().unwrap());
        for _ in 0..MOST {
            assert_eq!(attempts.find_wait(guesser, now), None);
            attempts.fail(guesser, now);
        }
        let neighbour = "2001:db8::2".parse().unwrap();
        assert_eq!(attempts.find_wait(neighbour, now), Some(WINDOW));
        let stranger = "192.0.2.1".parse().unwrap();
        assert_eq!(attempts.find_wait(stranger, now), None);
        assert_eq!(attempts.find_wait(guesser, now + WINDOW), None);
        attempts.fail(guesser, now + WINDOW);
        assert_eq!(attempts.find_wait(guesser, now + WINDOW), None);
    }
}
