//! `countersign report`: what the trail answers to questions that are asked again and again.

use chrono::{DateTime, Utc};

use super::cases::{self, Wanted};
use super::options::Options;
use super::output::Format;
use super::{Result, output, page};
use crate::domain::ids::AgentName;
use crate::insight::reports::{ForPrograms, Name, Scope};
use crate::insight::{Period, TimeSpec};

/// Answer a question from the trail: rejections, successes, calibration, agents, factors, oversight, weekly,
/// monthly
///
/// `weekly` and `monthly` look at the last 7 and 30 days, the others at everything, unless `--since` and
/// `--until` say otherwise. Figures come from the trail alone, and so does every name in them.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Which: rejections, successes, calibration, agents, factors, oversight, weekly or monthly
    #[arg(value_name = "NAME")]
    name: Name,
    #[command(flatten)]
    time: Time,
    /// Only recommendations of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
}

/// A stretch of time.
#[derive(Debug, clap::Args)]
pub struct Time {
    /// Only what was decided from here on: a day (2026-11-01), a moment (RFC 3339) or so long ago (7d, 12h)
    #[arg(long, value_name = "WHEN")]
    since: Option<TimeSpec>,
    /// Only what was decided before; a day belongs to it
    #[arg(long, value_name = "WHEN")]
    until: Option<TimeSpec>,
}

impl Time {
    /// The period that is meant, if it is now so late.
    pub fn period(&self, now: DateTime<Utc>) -> Period {
        Period {
            since: self.since.map(|when| when.since(now)),
            until: self.until.map(|when| when.until(now)),
        }
    }
}

impl Report {
    /// Reports.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_whole()?;
        let index = cases::read(options, &repo, Wanted::All)?;
        let now = options.now();
        let scope = Scope {
            period: self.name.period(self.time.period(now), now),
            agent: self.agent.as_ref().map(ToString::to_string),
        };
        let (documents, unread) = cases::documents(&repo, &self.name.wanted(&index, &scope))?;
        let report = self.name.report(&index, &scope, &documents);
        match options.format {
            Format::Json => output::json(&ForPrograms::new(self.name, &scope, &report))?,
            Format::Markdown => output::text(&page::markdown(&report.page(&scope)))?,
            _ => output::text(&page::text(&report.page(&scope)))?,
        }
        Ok(unread)
    }
}
