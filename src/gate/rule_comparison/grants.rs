//! How the grants of two versions differ: each boundary of each grant alone. Whether an agent has earned one, only the
//! trail says, so the example of a laxity is the smallest record that bears it.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::standing::{StandingChange, more_is};
use crate::domain::page::counted;
use crate::domain::proportion::{Percent, Proportion};
use crate::gate::oversight::Oversight;
use crate::rules::Rules;
use crate::rules::autonomy::{Grant, Loss, Needs};

pub(super) fn changes(old: &Rules, new: &Rules) -> Vec<StandingChange> {
    let mut changes = Vec::new();
    for grant in old.grants.iter() {
        if !new.grants.iter().any(|other| other.id == grant.id) {
            changes.push(StandingChange {
                oversight: Oversight::Stronger,
                what: format!("the grant {} is gone", grant.id),
            });
        }
    }
    for grant in new.grants.iter() {
        match old.grants.iter().find(|other| other.id == grant.id) {
            Some(then) => {
                let mut between = Between {
                    grant,
                    changes: &mut changes,
                };
                between.cases(then);
                between.needs(then.needs);
                between.loss(&then.lost_by);
                let (old, new) = (then.sample, grant.sample);
                between.number(
                    Oversight::Stronger,
                    [old, new],
                    format!("has people decide {new} of its cases instead of {old}"),
                );
            }
            None => changes.push(StandingChange {
                oversight: Oversight::Weaker,
                what: format!(
                    "the grant {} lets pass without a person what its agents have earned, as soon as people approved {} and {} of the \
                     executions succeeded",
                    grant.id,
                    smallest(grant.needs.approval_rate, grant.needs.decided),
                    smallest(grant.needs.success_rate, 1)
                ),
            }),
        }
    }
    changes
}

/// The fewest that bear a rate where each went well, if at least so many are needed: `35 of 35`.
fn smallest(rate: Percent, needed: u32) -> String {
    match Proportion::fewest_all(rate) {
        Some(fewest) => {
            let fewest = fewest.max(needed);
            format!("{fewest} of {fewest}")
        }
        None => "more than there can be".to_owned(),
    }
}

struct Between<'c> {
    /// As it is now.
    grant: &'c Grant,
    changes: &'c mut Vec<StandingChange>,
}

impl Between<'_> {
    fn say(&mut self, oversight: Oversight, what: impl Display) {
        if oversight != Oversight::Same {
            self.changes.push(StandingChange {
                oversight,
                what: format!("the grant {} {what}", self.grant.id),
            });
        }
    }

    /// A number that grows to the second, by which oversight becomes so.
    fn number<T: PartialOrd>(&mut self, grown: Oversight, [then, now]: [T; 2], what: String) {
        self.say(more_is(grown, then, now), what);
    }

    /// Which cases it holds of.
    fn cases(&mut self, then: &Grant) {
        match (&then.agents, &self.grant.agents) {
            (Some(old), Some(new)) => self.names("cases of ", old, new),
            (Some(old), None) => {
                let what = format!(
                    "holds of cases of every registered agent, and not only of {}",
                    listed(old)
                );
                self.say(Oversight::Weaker, what);
            }
            (None, Some(new)) => {
                let what = format!(
                    "holds of cases of {} only, and not of every registered agent",
                    listed(new)
                );
                self.say(Oversight::Stronger, what);
            }
            (None, None) => {}
        }
        self.names("", &then.actions, &self.grant.actions);
        self.names("", &then.environments, &self.grant.environments);
        let labels = |grant: &Grant| -> BTreeSet<String> {
            let labels = grant.labels.iter();
            labels
                .map(|(name, value)| format!("{name}: {value}"))
                .collect()
        };
        let (old, new) = (labels(then), labels(self.grant));
        for label in old.difference(&new) {
            let what = format!("holds of targets without the label {label}, too");
            self.say(Oversight::Weaker, what);
        }
        for label in new.difference(&old) {
            let what = format!("holds only of targets with the label {label}");
            self.say(Oversight::Stronger, what);
        }
    }

    fn names<T: Ord + Display>(&mut self, of: &str, old: &BTreeSet<T>, new: &BTreeSet<T>) {
        for name in new.difference(old) {
            self.say(Oversight::Weaker, format!("holds of {of}{name}, too"));
        }
        for name in old.difference(new) {
            self.say(
                Oversight::Stronger,
                format!("does not hold of {of}{name} any more"),
            );
        }
    }

    fn needs(&mut self, then: Needs) {
        let now = self.grant.needs;
        let (old, new) = (then.decided, now.decided);
        self.number(
            Oversight::Stronger,
            [old, new],
            format!("needs {new} cases that people decided instead of {old}"),
        );
        // More time has more cases count, those that went wrong as well.
        if then.within != now.within {
            let what = format!(
                "is earned by what happened within {} instead of {}",
                counted(now.within, "day"),
                counted(then.within, "day")
            );
            self.say(Oversight::Weaker, &what);
            self.say(Oversight::Stronger, what);
        }
        let (old, new) = (then.approval_rate, now.approval_rate);
        let what = format!(
            "needs {new} of approvals at least instead of {old}: {} bear it instead of {}",
            smallest(new, now.decided),
            smallest(old, then.decided)
        );
        self.number(Oversight::Stronger, [old, new], what);
        let (old, new) = (then.success_rate, now.success_rate);
        let what = format!(
            "needs {new} of successful executions at least instead of {old}: {} bear it instead of {}",
            smallest(new, 1),
            smallest(old, 1)
        );
        self.number(Oversight::Stronger, [old, new], what);
    }

    fn loss(&mut self, then: &Loss) {
        let now = self.grant.lost_by;
        for (what, old, new) in [
            ("rejection", then.rejections, now.rejections),
            ("failure", then.failures, now.failures),
            ("amendment", then.amendments, now.amendments),
        ] {
            let after = |most: Option<u32>| most.unwrap_or(u32::MAX);
            let shown = |most: Option<u32>| match most {
                Some(most) => format!("by {}", counted(most, what)),
                None => format!("by no {what}"),
            };
            self.number(
                Oversight::Weaker,
                [after(old), after(new)],
                format!("is lost {} instead of {}", shown(new), shown(old)),
            );
        }
        let what = format!(
            "is lost by what happened within {} instead of {}",
            counted(now.within, "day"),
            counted(then.within, "day")
        );
        self.number(Oversight::Stronger, [then.within, now.within], what);
    }
}

/// `a, b and c`
fn listed<T: Display>(names: &BTreeSet<T>) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}
