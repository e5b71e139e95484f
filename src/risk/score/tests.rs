//! Leaving something out never lowers the risk of what is carried out.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::domain::documents::Citation;
use crate::domain::value::Value;
use crate::risk::fixtures::{example, proposals, rules, rules_with};
use crate::risk::validity;
use crate::rules::actions::Effect;
use crate::rules::executor::Executor;

/// The level; none if it is invalid, so that nothing comes of it.
fn level(proposal: &Recommendation, rules: &Rules) -> Option<Level> {
    let valid = validity::problems("", proposal, &example(), rules).is_empty();
    valid.then(|| assess(proposal, &example(), rules).level)
}

/// A proposal with each of the parts that no score depends on.
fn with_words(mut proposal: Recommendation) -> Recommendation {
    proposal.rationale = "because".to_owned();
    for title in ["a study", "another"] {
        proposal.citations.push(Citation {
            title: title.to_owned(),
            url: None,
        });
    }
    for key in ["force", "limit"] {
        proposal.details.insert(key.to_owned(), Value::Bool(true));
    }
    let name = "leverage".parse().unwrap();
    proposal.expects.insert(name, Value::Null);
    proposal
}

/// The proposal without each of those parts.
fn without_words(proposal: &Recommendation) -> Vec<Recommendation> {
    let mut all = Vec::new();
    let mut add = |remove: &dyn Fn(&mut Recommendation)| {
        let mut without = proposal.clone();
        remove(&mut without);
        all.push(without);
    };
    add(&|without| without.rationale.clear());
    add(&|without| without.citations.clear());
    add(&|without| without.details.clear());
    add(&|without| without.expects.clear());
    for index in 0..proposal.citations.len() {
        add(&|without| drop(without.citations.remove(index)));
    }
    for key in proposal.details.keys() {
        add(&|without| drop(without.details.remove(key)));
    }
    all
}

/// The value that a parameter has on every target; none if they differ or one is not known.
fn present(proposal: &Recommendation, name: &str) -> Option<Value> {
    let situation = example();
    let mut values = proposal.targets.iter().map(|target| {
        let known = situation.find_target(target)?;
        Some(known.parameters.get(name).cloned().unwrap_or(Value::Null))
    });
    let first = values.next()??;
    values
        .all(|value| value.as_ref() == Some(&first))
        .then_some(first)
}

/// One change left out counts as if it proposed what is so already.
fn leave_changes_out(proposal: &Recommendation, rules: &Rules) {
    let effect = rules
        .actions
        .get(&proposal.action)
        .map(|action| action.effect);
    for name in proposal.changes.keys() {
        let mut without = proposal.clone();
        without.changes.remove(name);
        let as_it_is = match effect {
            Some(Effect::Create) => Some(Value::Null),
            _ => present(proposal, name.as_str()),
        };
        let Some(as_it_is) = as_it_is else { continue };
        let mut unchanged = proposal.clone();
        unchanged.changes.insert(name.clone(), as_it_is);
        let rate = |proposal| {
            let risk = assess(proposal, &example(), rules);
            (risk.score, risk.level)
        };
        assert_eq!(
            rate(&without),
            rate(&unchanged),
            "without {name}: {:?}",
            proposal.changes
        );
    }
}

/// What is carried out on several targets is at least as risky as on fewer of them.
fn leave_targets_out(proposal: &Recommendation, rules: &Rules) {
    let score = |proposal: &Recommendation| assess(proposal, &example(), rules).score;
    for (index, target) in proposal.targets.iter().enumerate() {
        let mut alone = proposal.clone();
        alone.targets = vec![target.clone()];
        assert!(
            score(&alone) <= score(proposal),
            "{target} of {:?}",
            proposal.targets
        );
        let mut without = proposal.clone();
        without.targets.remove(index);
        assert!(without.targets.is_empty() || score(&without) <= score(proposal));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn leaving_something_out_never_lowers_the_risk_of_what_is_carried_out(
        proposal in proposals(),
        mean in any::<bool>(),
    ) {
        let mean_rules = rules_with(&[("aggregate: max", "aggregate: mean")]);
        let rules = if mean { &mean_rules } else { rules() };
        let proposal = with_words(proposal);
        let Some(before) = level(&proposal, rules) else { return Ok(()) };
        for without in without_words(&proposal) {
            prop_assert_eq!(level(&without, rules), Some(before));
        }
        leave_changes_out(&proposal, rules);
        // A mean is lower where more targets make more harmless changes count: that is adding, and what
        // `mean` says of itself in the rules.
        if !mean {
            leave_targets_out(&proposal, rules);
        }

        let action = rules.actions.get(&proposal.action);
        let is_carried_out = action.is_some_and(|action| action.executor != Executor::None);
        prop_assert!(!is_carried_out || !proposal.targets.is_empty());
        if action.is_some_and(|action| action.effect == Effect::None) {
            prop_assert!(!is_carried_out);
            return Ok(());
        }
        let score = |proposal: &Recommendation| assess(proposal, &example(), rules).score;
        let mut nowhere = proposal.clone();
        nowhere.targets.clear();
        prop_assert!(score(&nowhere) >= score(&proposal), "{:?}", proposal.targets);
        let mut nothing = proposal.clone();
        nothing.changes.clear();
        prop_assert!(level(&nothing, rules).is_none_or(|after| after >= before));
    }
}
