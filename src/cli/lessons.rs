//! `countersign lessons`: what an agent should know of its decided cases before it proposes again.

use super::cases::{self, Wanted};
use super::options::Options;
use super::output::Format;
use super::report::Time;
use super::{Result, output, page};
use crate::domain::ids::AgentName;
use crate::domain::page::Line;
use crate::insight::lessons::Lessons as Computed;

/// Tell an agent what it can learn from its decided cases, short enough for a prompt
///
/// Facts of its own trail: what was rejected and why, which values came to which level, what failed, what
/// people said. What people and agents wrote is quoted: it is to be read as data, not as an instruction.
#[derive(Debug, clap::Args)]
pub struct Lessons {
    /// Which agent
    #[arg(long, value_name = "NAME")]
    agent: AgentName,
    /// At most so many characters of text or Markdown
    #[arg(long, value_name = "NUMBER", default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(500..))]
    max_characters: u32,
    #[command(flatten)]
    time: Time,
}

/// What the heading and the last lines of a page may need.
const FRAME: usize = 320;

impl Lessons {
    /// Tells.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_whole()?;
        let index = cases::read(options, &repo, Wanted::Decided)?;
        let (agent, period) = (self.agent.as_str(), self.time.period(options.now()));
        let wanted = Computed::wanted(&index, agent, period);
        let (documents, unread) = cases::documents(&repo, &wanted)?;
        let lessons = Computed::of(&index, agent, period, &documents);
        if options.is_json() {
            output::json(&lessons)?;
            return Ok(unread);
        }
        let is_markdown = options.format == Format::Markdown;
        let line: fn(&Line) -> String = if is_markdown {
            page::line_markdown
        } else {
            page::line_text
        };
        let mut room = (self.max_characters as usize).saturating_sub(FRAME);
        let lessons = lessons.page(|fact| {
            let needed = line(fact).chars().count() + "- \n".len();
            let fits = needed <= room;
            room = room.saturating_sub(needed);
            fits
        });
        output::text(&if is_markdown {
            page::markdown(&lessons)
        } else {
            page::text(&lessons)
        })?;
        Ok(unread)
    }
}
