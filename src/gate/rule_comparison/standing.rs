//! What differs whatever is proposed: who approves for whom, who vouches, and numbers that no score depends on.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Targets, grants};
use crate::domain::documents::{AccountRecord, Role, Target};
use crate::domain::ids::GroupName;
use crate::domain::level::Level;
use crate::gate::oversight::{Oversight, RiskAnswer};
use crate::gate::requirement;
use crate::risk::assess_governance_change;
use crate::rules::Rules;
use crate::rules::evidence::{self, Attester};
use crate::rules::people::{People, Person};

/// Something that changes by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StandingChange {
    pub oversight: Oversight,
    /// As a sentence without its full stop.
    pub what: String,
}

/// So many targets' files are looked at.
const MOST_FILES: usize = 500;

/// The files of which a change is judged by both versions: each file of the rules and of a target, and one beside them.
pub(super) fn files(targets: &Targets) -> Vec<String> {
    let rules = Rules::FILES
        .into_iter()
        .chain([evidence::PATH, "README.md"]);
    let targets = targets.keys().take(MOST_FILES).map(Target::path_of);
    rules.map(str::to_owned).chain(targets).collect()
}

pub(super) fn changes(old: &Rules, new: &Rules, files: &[String]) -> Vec<StandingChange> {
    let mut found = Found {
        old,
        new,
        changes: Vec::new(),
    };
    found.requirements();
    found.numbers();
    found.groups();
    found.accounts();
    found.agents();
    found.attesters();
    found.limits();
    found.changes.extend(grants::changes(old, new));
    found.files(files);
    found.changes.sort();
    found.changes
}

struct Found<'r> {
    old: &'r Rules,
    new: &'r Rules,
    changes: Vec<StandingChange>,
}

impl<'r> Found<'r> {
    fn say(&mut self, oversight: Oversight, what: String) {
        if oversight != Oversight::Same {
            self.changes.push(StandingChange { oversight, what });
        }
    }

    /// What each has that the other has not: the first is said where the old has it, the second where the new has it.
    fn differ<T: Ord>(
        &mut self,
        of: impl Fn(&'r Rules) -> BTreeSet<T>,
        mut only_old: impl FnMut(&T) -> (Oversight, String),
        mut only_new: impl FnMut(&T) -> (Oversight, String),
    ) {
        let (old, new) = (of(self.old), of(self.new));
        for one in old.difference(&new) {
            let (oversight, what) = only_old(one);
            self.say(oversight, what);
        }
        for one in new.difference(&old) {
            let (oversight, what) = only_new(one);
            self.say(oversight, what);
        }
    }

    fn requirements(&mut self) {
        let [then, now] = [self.old, self.new].map(|rules| &rules.governance);
        for level in [Level::Low, Level::Medium, Level::High] {
            let answer =
                |governance| RiskAnswer::of_level(level, requirement::of_level(level, governance));
            self.asks(&format!("what is {level}"), &answer(then), &answer(now));
        }
    }

    fn asks(&mut self, about: &str, then: &RiskAnswer, now: &RiskAnswer) {
        let what = format!("{about} asks {} instead of {}", now.whom(), then.whom());
        self.say(Oversight::of(then, now), what);
    }

    fn numbers(&mut self) {
        let [then, now] = [self.old, self.new].map(|rules| &rules.governance);
        let (least, most) = (then.justification_min_length, now.justification_min_length);
        let what = format!("a justification has at least {most} characters instead of {least}");
        self.say(more_is(Oversight::Stronger, least, most), what);
        let (old, new) = (then.pending_limit, now.pending_limit);
        let what = format!("{new} proposals of an agent may wait at a time instead of {old}");
        self.say(more_is(Oversight::Weaker, old, new), what);
        let (old, new) = (then.expire_after, now.expire_after);
        let what = format!(
            "a proposal may be approved for {} hours instead of {}",
            new.num_hours(),
            old.num_hours()
        );
        self.say(more_is(Oversight::Weaker, old, new), what);
        let [required, requires] = [then, now].map(|rules| {
            rules
                .signing
                .as_ref()
                .is_some_and(|signing| signing.required)
        });
        let what = match requires {
            true => "a commit of the bot has to be signed",
            false => "a commit of the bot need not be signed any more",
        };
        self.say(
            more_is(Oversight::Stronger, required, requires),
            what.to_owned(),
        );
        let keys = |rules: &'r Rules| {
            let keys = rules
                .governance
                .signing
                .iter()
                .flat_map(|signing| &signing.keys);
            keys.map(|key| key.as_str()).collect()
        };
        self.differ(
            keys,
            |key| {
                (
                    Oversight::Stronger,
                    format!("the bot signs with {key} no more"),
                )
            },
            |key| (Oversight::Weaker, format!("the bot may sign with {key}")),
        );
    }

    fn groups(&mut self) {
        let in_both = |name: &&str| self.new.people.group_names().any(|other| other == *name);
        let names: Vec<GroupName> = self
            .old
            .people
            .group_names()
            .filter(in_both)
            .filter_map(|name| name.parse().ok())
            .collect();
        for group in names {
            let members = |rules: &'r Rules| {
                let members = rules.people.members(&group);
                members.map(|person| person.name.as_str()).collect()
            };
            self.differ(
                members,
                |login| {
                    (
                        Oversight::Stronger,
                        format!("{login} is not in {group} any more"),
                    )
                },
                |login| (Oversight::Weaker, format!("{login} approves in {group}")),
            );
            let teams = |rules: &'r Rules| rules.people.teams_of(&group);
            self.differ(
                teams,
                |team| {
                    (
                        Oversight::Stronger,
                        format!("the team {team} is not in {group} any more"),
                    )
                },
                |team| {
                    (
                        Oversight::Weaker,
                        format!("whoever is in the team {team} approves in {group}"),
                    )
                },
            );
        }
    }

    /// By what somebody who approves is known.
    fn accounts(&mut self) {
        let approvers = |people: &'r People| {
            let approves = |person: &&Person| person.role > Role::None || !person.groups.is_empty();
            people.with_role(Role::None).filter(approves)
        };
        for person in approvers(&self.new.people) {
            let login = person.name.login();
            let old = self.old.people.find(login);
            if old.is_none_or(|old| old.name != person.name) {
                continue;
            }
            let accounts = |rules: &'r Rules| {
                let known = rules.people.find(login);
                let emails = known
                    .into_iter()
                    .flat_map(|known| known.emails.iter().cloned());
                let ids = known
                    .and_then(|known| known.id)
                    .map(|id| format!("the id {id}"));
                let aliases = rules.people.logins().filter(|alias| {
                    rules
                        .people
                        .find(alias)
                        .is_some_and(|known| known.name.login() == login)
                });
                emails
                    .chain(ids)
                    .chain(aliases.map(ToString::to_string))
                    .collect()
            };
            self.differ(
                accounts,
                |account| {
                    (
                        Oversight::Stronger,
                        format!("{account} is not {login} any more"),
                    )
                },
                |account| (Oversight::Weaker, format!("{account} approves as {login}")),
            );
        }
    }

    fn agents(&mut self) {
        for (name, new) in &self.new.agents {
            let Some(old) = self.old.agents.get(name) else {
                continue;
            };
            if old.owner != new.owner {
                let (then, now) = (&old.owner, &new.owner);
                self.say(
                    Oversight::Weaker,
                    format!(
                        "{then} does not own {name} any more, and may approve what it proposes"
                    ),
                );
                self.say(
                    Oversight::Stronger,
                    format!("{now} owns {name}, and may not approve what it proposes"),
                );
            }
            let accounts = |rules: &'r Rules| {
                let agent = rules.agents.get(name);
                let accounts = agent.into_iter().flat_map(|agent| agent.accounts());
                accounts.map(|account| shown(&account)).collect()
            };
            self.differ(
                accounts,
                |account| {
                    (
                        Oversight::Stronger,
                        format!("{account} does not propose as {name} any more"),
                    )
                },
                |account| (Oversight::Weaker, format!("{account} proposes as {name}")),
            );
        }
    }

    fn attesters(&mut self) {
        for (name, new) in &self.new.evidence {
            let Some(old) = self.old.evidence.get(name) else {
                continue;
            };
            let attesters = |rules: &'r Rules| {
                let rule = rules.evidence.get(name);
                let from = rule.into_iter().flat_map(|rule| &rule.from);
                from.map(Attester::to_string).collect()
            };
            self.differ(
                attesters,
                |who| {
                    (
                        Oversight::Stronger,
                        format!("{who} does not vouch for {name} any more"),
                    )
                },
                |who| (Oversight::Weaker, format!("{who} vouches for {name}")),
            );
            let length =
                |rule: &evidence::EvidenceRule| rule.valid_for.map(|length| length.milliseconds());
            let shown = |rule: &evidence::EvidenceRule| {
                let length = rule.valid_for.map(|length| length.to_string());
                length.unwrap_or_else(|| "as long as the commit stays".to_owned())
            };
            let lasts = |rule| length(rule).unwrap_or(u64::MAX);
            let what = format!(
                "the evidence {name} is valid for {} instead of {}",
                shown(new),
                shown(old)
            );
            self.say(more_is(Oversight::Weaker, lasts(old), lasts(new)), what);
        }
    }

    /// How limits are counted: what was used already is varied, and not how that came to be.
    fn limits(&mut self) {
        for new in self.new.policy.iter() {
            let mut known = self.old.policy.iter();
            let old = known.find(|old| old.id == new.id);
            let Some((Some(then), Some(now))) = old.map(|old| (&old.limit, &new.limit)) else {
                continue;
            };
            let (then, now) = (then.definition(), now.definition());
            if then != now {
                let what = format!("the limit of {} counts {now} instead of {then}", new.id);
                self.say(Oversight::Weaker, what.clone());
                self.say(Oversight::Stronger, what);
            }
        }
    }

    /// What a change of each file asks for, those of which the same is said together.
    fn files(&mut self, files: &[String]) {
        let mut same: Vec<(RiskAnswer, RiskAnswer, Vec<&String>)> = Vec::new();
        for file in files {
            let [then, now] = [self.old, self.new].map(|rules| {
                let assessment = assess_governance_change(std::slice::from_ref(file), rules);
                let requires = requirement::for_governance_change(&assessment, &rules.governance);
                super::of_version(&assessment, requires, rules)
            });
            match same
                .iter_mut()
                .find(|(old, new, _)| *old == then && *new == now)
            {
                Some((.., files)) => files.push(file),
                None => same.push((then, now, vec![file])),
            }
        }
        for (then, now, files) in same {
            let more = match files.len() {
                0 | 1 => String::new(),
                count => format!(" and of {} other files", count - 1),
            };
            let first = files.first().map_or("", |file| file.as_str());
            self.asks(&format!("a change of {first}{more}"), &then, &now);
        }
    }
}

/// What it means that a number grows.
pub(super) fn more_is<T: PartialOrd>(grown: Oversight, then: T, now: T) -> Oversight {
    match (now > then, now < then, grown) {
        (true, _, grown) => grown,
        (_, true, Oversight::Weaker) => Oversight::Stronger,
        (_, true, _) => Oversight::Weaker,
        _ => Oversight::Same,
    }
}

fn shown(account: &AccountRecord) -> String {
    let login = account.login.as_ref().map(ToString::to_string);
    let id = account.id.map(|id| format!("the id {id}"));
    login
        .or(id)
        .or_else(|| account.email.clone())
        .unwrap_or_default()
}
