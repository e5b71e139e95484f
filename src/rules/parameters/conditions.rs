//! Where guidance differs: the labels and environment of a target, and the action.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::ids::{ActionName, LabelName};

/// What has to be so; each that is given, and one of the values of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    pub environments: Option<BTreeSet<String>>,
    pub labels: BTreeMap<LabelName, BTreeSet<String>>,
    pub actions: Option<BTreeSet<ActionName>>,
}

/// What is so, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    pub environment: Option<&'a str>,
    pub labels: Option<&'a BTreeMap<LabelName, String>>,
    pub action: Option<&'a ActionName>,
}

impl Conditions {
    /// Whether all hold; none if that is not known.
    pub fn hold(&self, circumstances: Circumstances<'_>) -> Option<bool> {
        let environment = self
            .environments
            .as_ref()
            .map(|names| circumstances.environment.map(|is| names.contains(is)));
        let action = self
            .actions
            .as_ref()
            .map(|names| circumstances.action.map(|is| names.contains(is)));
        let labels = self.labels.iter().map(|(name, values)| {
            let labels = circumstances.labels?;
            Some(labels.get(name).is_some_and(|is| values.contains(is)))
        });
        let each = environment.into_iter().chain(action).chain(labels);
        let mut is_certain = true;
        for one in each {
            match one {
                Some(false) => return Some(false),
                Some(true) => {}
                None => is_certain = false,
            }
        }
        is_certain.then_some(true)
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether these hold wherever the others do.
    pub fn cover(&self, others: &Self) -> bool {
        fn within<T: Ord>(some: Option<&BTreeSet<T>>, others: Option<&BTreeSet<T>>) -> bool {
            match (some, others) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(some), Some(others)) => others.is_subset(some),
            }
        }
        let mut labels = self.labels.iter();
        within(self.environments.as_ref(), others.environments.as_ref())
            && within(self.actions.as_ref(), others.actions.as_ref())
            && labels.all(|(name, values)| within(Some(values), others.labels.get(name)))
    }
}

/// `environment is staging or test and label tier is payments`.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn one_of<'t>(values: impl Iterator<Item = &'t str>) -> String {
            values.collect::<Vec<_>>().join(" or ")
        }
        let environments = self.environments.iter().map(|names| {
            let names = one_of(names.iter().map(String::as_str));
            format!("environment is {names}")
        });
        let labels = self.labels.iter().map(|(name, values)| {
            let values = one_of(values.iter().map(String::as_str));
            format!("label {name} is {values}")
        });
        let actions = self.actions.iter().map(|names| {
            let names = one_of(names.iter().map(ActionName::as_str));
            format!("action is {names}")
        });
        let all: Vec<String> = environments.chain(labels).chain(actions).collect();
        f.write_str(&all.join(" and "))
    }
}
