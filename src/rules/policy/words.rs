//! What follows from a rule, and whom it asks, in sentences.

use super::{Ask, AskFrom, AskPart, Consequence, PolicyRule};
use crate::domain::page::Line;
use crate::rules::policy::limit::{Dimension, Limit};

impl Consequence {
    /// What it does, as a sentence about what is proposed.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Note => "It is noted; nothing else follows.",
            Self::Medium => "It is at least MEDIUM.",
            Self::High => "It is HIGH.",
            Self::Wait => {
                "It waits: approvals are collected, but nothing is merged while this is so."
            }
            Self::Refuse => "It is refused, whoever approves.",
        }
    }
}

impl PolicyRule {
    /// What people are told, with … where a fact's value will stand.
    pub fn reason_in_words(&self) -> String {
        let mut text = String::with_capacity(self.reason.len());
        let mut rest = self.reason.as_str();
        while let Some((before, (_, after))) = rest
            .split_once('{')
            .and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            text.push_str(before);
            text.push('…');
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// When it applies: in words, or as the expression says it.
    pub fn condition_in_words(&self) -> Line {
        let when = self.when.in_words();
        let when = when.unwrap_or_else(|| Line::from("when ").code(self.when.text()));
        match &self.limit {
            Some(limit) => when.say(", past ").say(limit.in_words()),
            None => when,
        }
    }
}

impl Limit {
    /// `20 decisions for each agent within 24h`
    fn in_words(&self) -> String {
        let most = self.of.in_words(self.at_most.decimal());
        let per: Vec<String> = self.per.iter().map(Dimension::name).collect();
        let per = match per.as_slice() {
            [] => String::new(),
            per => format!(" for each {}", per.join(" and ")),
        };
        format!("{most}{per}{}", self.within.in_words())
    }
}

impl Ask {
    /// Who must approve, as a sentence.
    pub fn in_words(&self) -> Line {
        let alternatives = self.any_of.iter().map(|parts| {
            let parts = parts.iter().map(AskPart::in_words);
            Line::default().joined(parts, " and ")
        });
        let line = Line::from(match self.instead {
            true => "In place of those whom the level asks for, and no fewer of them, ",
            false => "Beside those whom the level asks for, ",
        });
        match self.any_of.len() {
            1 => line.joined(alternatives, ", or ").say(" must approve."),
            _ => line
                .say("one of these must approve: ")
                .joined(alternatives, ", or ")
                .say("."),
        }
    }
}

impl AskPart {
    fn in_words(&self) -> Line {
        let why = match (self.justification, self.approvals) {
            (false, _) => "",
            (true, 1) => " (with a justification)",
            (true, _) => " (each with a justification)",
        };
        let line = Line::default().say(self.approvals).say(why).say(" of ");
        match &self.from {
            AskFrom::Group(group) => line.name(group),
            AskFrom::Label(from) => {
                let line = line.say("the group that the label ").name(&from.label);
                line.say(" of each target names, or of the admins where it names none,")
            }
        }
    }
}
