//! How fast GitHub may be asked: what it says in an answer, and what it asks of everybody who writes.
//!
//! Both are counted for each installation of an App, so that a busy organisation holds up no other.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// So many writes within a minute, and so many within an hour that people are shown or notified of:
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>, "secondary rate limits".
const WRITES_A_MINUTE: usize = 80;
const CONTENT_AN_HOUR: usize = 500;

/// What a request does, as far as GitHub counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    /// A check run or a commit status: many are normal.
    Check,
    /// People are shown it: a comment, a label, a request for a review, a pull request closed.
    Content,
}

/// What was sent lately, and until when nothing more may be.
#[derive(Debug, Default)]
pub(super) struct Limits {
    quiet_until: Option<DateTime<Utc>>,
    writes: VecDeque<DateTime<Utc>>,
    content: VecDeque<DateTime<Utc>>,
}

impl Limits {
    /// Counts a request that is sent now; or says when it may be tried again, and counts nothing.
    pub(super) fn admit(
        &mut self,
        effect: Effect,
        now: DateTime<Utc>,
    ) -> Result<(), DateTime<Utc>> {
        if let Some(until) = self.quiet_until.filter(|until| *until > now) {
            return Err(until);
        }
        if effect == Effect::Read {
            return Ok(());
        }
        free(
            &mut self.writes,
            WRITES_A_MINUTE,
            TimeDelta::minutes(1),
            now,
        )?;
        if effect == Effect::Content {
            free(&mut self.content, CONTENT_AN_HOUR, TimeDelta::hours(1), now)?;
            self.content.push_back(now);
        }
        self.writes.push_back(now);
        Ok(())
    }

    /// GitHub wants to be left alone until then.
    pub(super) fn keep_quiet(&mut self, until: DateTime<Utc>) {
        let before = self.quiet_until.unwrap_or(until);
        self.quiet_until = Some(before.max(until));
    }
}

/// Whether there is room for one more within `span`; otherwise when there will be.
fn free(
    sent: &mut VecDeque<DateTime<Utc>>,
    most: usize,
    span: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), DateTime<Utc>> {
    while sent.front().is_some_and(|at| *at + span <= now) {
        sent.pop_front();
    }
    match sent.front() {
        Some(oldest) if sent.len() >= most => Err(*oldest + span),
        _ => Ok(()),
    }
}

/// The time that limits are kept by, and how to wait.
pub trait Timer: Send + Sync + fmt::Debug {
    /// What time it is.
    fn now(&self) -> DateTime<Utc>;
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The machine's own time.
#[derive(Debug)]
pub(super) struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    /// Sends so many as fast as it may, and gives when each went out.
    fn sent(effect: Effect, count: usize) -> Vec<DateTime<Utc>> {
        let (mut limits, mut now) = (Limits::default(), at(0));
        let mut times = Vec::new();
        while times.len() < count {
            match limits.admit(effect, now) {
                Ok(()) => times.push(now),
                Err(until) => {
                    assert!(until > now);
                    now = until;
                }
            }
        }
        times
    }

    #[test]
    fn no_minute_sees_more_than_eighty_writes_and_no_hour_more_than_500_that_people_see() {
        let checks = sent(Effect::Check, 700);
        for (first, next) in checks.iter().zip(&checks[80..]) {
            assert!(*next - *first >= TimeDelta::minutes(1));
        }
        assert_eq!(checks[699], at(8 * 60));
        let comments = sent(Effect::Content, 600);
        assert_eq!(comments[499], at(6 * 60));
        assert_eq!(comments[500], at(3_600));
        assert_eq!(sent(Effect::Read, 1_000)[999], at(0));
    }

    #[test]
    fn nothing_is_sent_while_github_wants_to_be_left_alone() {
        let mut limits = Limits::default();
        limits.keep_quiet(at(90));
        limits.keep_quiet(at(30));
        for effect in [Effect::Read, Effect::Check, Effect::Content] {
            assert_eq!(limits.admit(effect, at(0)), Err(at(90)));
            assert_eq!(limits.admit(effect, at(90)), Ok(()));
        }
    }
}
