//! The facts in words, each in one line.

use super::{Fact, Range};
use crate::domain::page::{Line, name, say};

impl Fact {
    pub fn in_words(&self) -> Line {
        match self {
            Self::Record { .. } => self.record(),
            Self::Amended { .. } => self.amended(),
            Self::Rejected { .. } => self.rejected(),
            Self::Values {
                parameter,
                target,
                levels,
            } => {
                let line = name(parameter).say(" on ");
                let line = match target {
                    Some(target) => line.name(target),
                    None => line.say("several targets"),
                };
                let levels: Vec<String> = levels.iter().map(Range::in_words).collect();
                line.say(format_args!(": {}.", levels.join("; ")))
            }
            Self::Trigger {
                id,
                times,
                rejected,
                reason,
            } => {
                let (times, rejected) = (count(*times), count(*rejected));
                let line = say("The trigger ").name(id);
                let line = line.say(format_args!(" made it HIGH {times}, rejected {rejected}"));
                quoted(line, ": ", reason.as_deref())
            }
            Self::Failed {
                action,
                changes,
                error,
            } => {
                let line = name(action).say(" was approved and failed");
                let line = match changes {
                    Some(changes) => line.say(" with ").words(changes),
                    None => line,
                };
                quoted(line, ": ", error.as_deref())
            }
            Self::Feedback { by, action, words } => {
                let line = say("Feedback by ").name(by);
                let line = match action {
                    Some(action) => line.say(" on ").name(action),
                    None => line,
                };
                line.say(": ").words(words)
            }
            Self::Passes {
                action,
                times,
                highest,
            } => name(action).say(format_args!(
                " passed as LOW without anybody {}, with scores up to {highest}.",
                count(*times)
            )),
        }
    }

    fn record(&self) -> Line {
        let Self::Record {
            approved,
            automatic,
            rejected,
            dropped,
            successes,
            failures,
        } = self
        else {
            return Line::default();
        };
        say(format_args!(
            "Your record: {approved} approved by people, {automatic} by the bot alone, {rejected} rejected, {dropped} withdrawn or expired; {successes} executions succeeded, {failures} failed."
        ))
    }

    fn amended(&self) -> Line {
        let Self::Amended {
            action,
            parameter,
            environment,
            lowered,
            left_out,
            of,
            mean,
        } = self
        else {
            return Line::default();
        };
        let line = say("Reviewers approved less of ")
            .name(parameter)
            .say(" by ")
            .name(action);
        let line = match environment {
            Some(environment) => line.say(" in ").name(environment),
            None => line,
        };
        let mut what = Vec::new();
        if *lowered > 0 {
            let mean = mean.as_ref().map(|mean| format!(", to {mean} on average"));
            what.push(format!(
                "another value in {lowered} of {of}{}",
                mean.unwrap_or_default()
            ));
        }
        if *left_out > 0 {
            what.push(format!("left out in {left_out} of {of}"));
        }
        line.say(format_args!(": {}.", what.join("; ")))
    }

    fn rejected(&self) -> Line {
        let Self::Rejected {
            action,
            category,
            times,
            words,
            changes,
        } = self
        else {
            return Line::default();
        };
        let line = name(action).say(format_args!(" was rejected {}", count(*times)));
        let line = match category {
            Some(category) => line.say(format_args!(" as {category}")),
            None => line,
        };
        let line = match changes {
            Some(changes) => line.say("; the last would have set ").words(changes),
            None => line,
        };
        quoted(line, ". The reason given: ", words.as_deref())
    }
}

/// A line that ends in somebody's words, or in a full stop.
fn quoted(line: Line, before: &str, words: Option<&str>) -> Line {
    match words {
        Some(words) => line.say(before).words(words),
        None => line.say("."),
    }
}

impl Range {
    fn in_words(&self) -> String {
        let Self {
            level,
            least,
            greatest,
            times,
            rejected,
        } = self;
        let numbers = if least == greatest {
            least.clone()
        } else {
            format!("{least} to {greatest}")
        };
        let no = match rejected {
            0 => String::new(),
            some => format!(", rejected {}", count(*some)),
        };
        format!("{numbers} was {level} ({}{no})", count(*times))
    }
}

fn count(times: u32) -> String {
    match times {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}
