//! `countersign report`: what the trail answers to questions that are asked again and again.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::cases::{self, Wanted};
use super::options::Options;
use super::output::Format;
use super::{Result, failure, output, page, report_autonomy};
use crate::domain::ids::{AgentName, Login};
use crate::domain::unexpected::Unexpected;
use crate::insight::reports::{ForPrograms, Name, Scope};
use crate::insight::{Period, TimeSpec};

/// Answer a question from the trail: rejections, successes, calibration, agents, factors, oversight, autonomy,
/// weekly, monthly
///
/// `weekly` and `monthly` look at the last 7 and 30 days, the others at everything, unless `--since` and
/// `--until` say otherwise. `autonomy` says what each agent has earned by `rules/autonomy.yaml`, is near or has lost;
/// with `--propose` it opens the governance change that grants what is earned without a grant. Figures come from the
/// trail alone, and so does every name in them.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Which: rejections, successes, calibration, agents, factors, oversight, autonomy, weekly or monthly
    #[arg(value_name = "NAME")]
    name: Asked,
    #[command(flatten)]
    time: Time,
    /// Only recommendations of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Of `autonomy`: propose to grant what agents have earned and no grant lets pass
    #[arg(long, requires = "by")]
    propose: bool,
    /// Who proposes that: a person of rules/people.yaml
    #[arg(long = "as", value_name = "LOGIN", requires = "propose")]
    by: Option<Login>,
}

/// A report by its name.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Trail(Name),
    Autonomy,
}

impl FromStr for Asked {
    type Err = Unexpected;
    fn from_str(text: &str) -> std::result::Result<Self, Unexpected> {
        if text == "autonomy" {
            return Ok(Self::Autonomy);
        }
        text.parse().map(Self::Trail).map_err(|_| {
            let names = Name::ALL.map(Name::as_str).join(", ");
            Unexpected::expected(format!("one of {names}, autonomy"))
        })
    }
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
        let name = match self.name {
            Asked::Trail(name) if !self.propose => name,
            Asked::Trail(_) => {
                return Err(failure::usage("only `report autonomy` proposes anything"));
            }
            Asked::Autonomy => {
                return report_autonomy::run(options, self.agent.as_ref(), self.by.as_ref());
            }
        };
        let repo = options.open_whole()?;
        let index = cases::read(options, &repo, Wanted::All)?;
        let now = options.now();
        let scope = Scope {
            period: name.period(self.time.period(now), now),
            agent: self.agent.as_ref().map(ToString::to_string),
        };
        let (documents, unread) = cases::documents(&repo, &name.wanted(&index, &scope))?;
        let report = name.report(&index, &scope, &documents);
        match options.format {
            Format::Json => output::json(&ForPrograms::new(name, &scope, &report))?,
            Format::Markdown => output::text(&page::markdown(&report.page(&scope)))?,
            _ => output::text(&page::text(&report.page(&scope)))?,
        }
        Ok(unread)
    }
}
