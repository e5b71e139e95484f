//! The sets of rules that a repository can begin with, compiled in.

use crate::rules::governance;

/// Where the first comment of a rule file ends.
const SCHEMA: &str = "schema: ";

/// The trade that the first rules are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pack {
    /// Strategies and their limits
    #[default]
    Trading,
    /// Services, images, flags, databases and what the cloud costs
    Platform,
    /// Refunds and the accounts of customers
    Support,
    /// The least that is safe, to write your own rules in
    Blank,
}

/// A file's path in the new repository, and its text.
pub type Template = (&'static str, &'static str);

/// YAML files of one folder of ours as they come to stand in a folder of the new repository.
macro_rules! templates {
    ($from:literal to $to:literal: $($name:literal),* $(,)?) => {
        &[$((
            concat!($to, $name, ".yaml"),
            include_str!(concat!("../../../", $from, $name, ".yaml")),
        )),*]
    };
}

impl Pack {
    /// The rules that say nothing about anybody, with their tests.
    pub const fn rules(self) -> &'static [Template] {
        match self {
            Self::Trading => templates!("rules/" to "rules/":
                "governance", "parameters", "actions", "policy",
                "tests/factors", "tests/framework", "tests/modes", "tests/policy"),
            Self::Platform => templates!("rules/packs/platform/" to "rules/":
                "governance", "parameters", "actions", "evidence", "policy", "tests/policy"),
            Self::Support => templates!("rules/packs/support/" to "rules/":
                "governance", "parameters", "actions", "evidence", "policy", "tests/policy"),
            Self::Blank => templates!("rules/packs/blank/" to "rules/":
                "governance", "parameters", "actions", "policy", "tests/policy"),
        }
    }

    /// People and agents who stand for those to come.
    pub const fn people(self) -> &'static [Template] {
        match self {
            Self::Trading => templates!("rules/" to "rules/": "people", "agents"),
            Self::Platform => {
                templates!("rules/packs/platform/" to "rules/": "people", "agents")
            }
            Self::Support => templates!("rules/packs/support/" to "rules/": "people", "agents"),
            Self::Blank => &[],
        }
    }

    pub const fn targets(self) -> &'static [Template] {
        match self {
            Self::Trading => templates!("src/cli/templates/targets/" to "targets/":
                "rsi-eurusd", "rsi-eurusd-paper", "rsi-eurusd-draft"),
            Self::Platform => templates!("rules/packs/platform/targets/" to "targets/":
                "checkout", "checkout-staging", "orders-db", "new-search", "cloud"),
            Self::Support => templates!("rules/packs/support/targets/" to "targets/":
                "refunds", "refunds-sandbox", "accounts"),
            Self::Blank => &[],
        }
    }

    /// The text with what the first comment of the framework's file of the same name says of its keys: there is one
    /// description of each.
    pub fn explained(self, path: &str, text: &str) -> String {
        let is_rule = path != governance::PATH && !path.starts_with("rules/tests/");
        let mut shipped = Self::Trading.rules().iter().chain(Self::Trading.people());
        let described = shipped.find(|(of, _)| *of == path && is_rule && self != Self::Trading);
        let parts = described.and_then(|(_, shipped)| {
            let (keys, _) = shipped.split_once(SCHEMA)?;
            let (first, rest) = text.split_once(SCHEMA)?;
            Some(format!("{first}#\n{keys}{SCHEMA}{rest}"))
        });
        parts.unwrap_or_else(|| text.to_owned())
    }

    /// Whether its rules ask for groups of people, so that it cannot begin without any.
    pub const fn needs_people(self) -> bool {
        matches!(self, Self::Platform | Self::Support)
    }

    /// What to type first in its example.
    pub const fn first_steps(self) -> Option<&'static str> {
        match self {
            Self::Trading => Some(
                "  countersign propose --agent strategy-optimizer --action modify_parameters --target rsi-eurusd --set stop_loss_pct=4
  countersign run
  countersign show 1
  countersign review 1 --as alice --approve
  countersign run && countersign list\n",
            ),
            Self::Platform => Some(
                "  countersign propose --agent autoscaler --action scale --target checkout --set replicas=6
  countersign run
  countersign show 1
  countersign review 1 --as alice --approve
  countersign run && countersign list\n",
            ),
            Self::Support => Some(
                "  countersign propose --agent helpdesk --action refund --target refunds --set amount=80 --set order=ORD-104211
  countersign run
  countersign show 1
  countersign review 1 --as alice --approve
  countersign run && countersign list\n",
            ),
            Self::Blank => None,
        }
    }
}
