//! Evidence that was made up, taken from another commit, or left out.

use chrono::TimeDelta;
use countersign::domain::attestation::{Attestation, SignedAttestation};
use countersign::domain::review::Opinion;
use countersign::git::SigningKey;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::LOW;
use super::world::{World, point};
use super::{edited, forging, told};

const POLICY: (&str, &str, &str) = (
    "rules/policy.yaml",
    "rules:\n",
    "rules:\n  - id: costly\n    when: evidence.monthly_cost > 100\n    then: MEDIUM\n    reason: costs too much\n",
);
const PEOPLE: (&str, &str, &str) = (
    "rules/people.yaml",
    "reviewers:\n",
    "  finn: {emails: [finn@example.org]}\nreviewers:\n",
);

/// A world in which these may vouch for what something costs, and a proposal that waits for it.
fn waiting(from: &str) -> World {
    let evidence = format!(
        "schema: countersign/evidence/v1\nevidence:\n  monthly_cost: {{type: number, valid_for: 2h, from: [{from}]}}\n"
    );
    let mut world = World::new(&[POLICY, PEOPLE, ("rules/evidence.yaml", "", &evidence)]);
    world.propose("strategy-optimizer", LOW);
    world.run();
    world.wait(TimeDelta::minutes(1));
    world
}

fn head(world: &World) -> String {
    let head = world.repo.find_ref("refs/pull/1/head").unwrap();
    head.unwrap().to_string()
}

/// Finn says 12, and it is merged.
fn vouched_for_by_finn() -> World {
    let world = waiting("{login: finn}");
    let said = format!("/attest monthly_cost=12 at={}", head(&world));
    world.review(1, "finn", Opinion::Comment, &said);
    world.run();
    let found = world.verify();
    assert_eq!(told(&found), "", "{:#?}", world.subjects());
    world
}

#[test]
fn what_a_person_said_cannot_be_changed() {
    let world = vouched_for_by_finn();
    let place = world.place("decision: approve");
    let at = world.now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let later = (world.now() + TimeDelta::seconds(30))
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let earlier = (world.now() - TimeDelta::seconds(30))
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    for (from, to, why) in [
        (
            "value: \"12\"",
            "value: \"13\"",
            "`monthly_cost` was not vouched for as `13`: nobody said so",
        ),
        (
            "value: \"12\"",
            "value: a lot",
            "`monthly_cost` was not vouched for as `a lot`: nobody said so",
        ),
        (
            "by: finn\n",
            "by: bob\n",
            "`monthly_cost` was not vouched for as `12`: finn may say that, not `bob`",
        ),
        (
            "source: login",
            "source: check",
            "`monthly_cost` was not vouched for as `12`: finn may say that, not `finn`",
        ),
        (
            &format!("by: finn\n  at: {at}"),
            &format!("by: finn\n  at: {earlier}"),
            "nobody said so",
        ),
        (
            &format!("by: finn\n  at: {at}"),
            &format!("by: finn\n  at: {later}"),
            "it is later than the decision",
        ),
    ] {
        let line = *world.line().last().unwrap();
        let found = forging(
            &world,
            place,
            &edited(&world, place, &[(from, to)], None),
            FindingKind::WrongEvidence,
        );
        assert!(told(&found).contains(why), "{from}: {}", told(&found));
        point(&world.repo, MAIN, line);
    }
}

/// What is left out is found where it was said, and the score says otherwise.
#[test]
fn nothing_that_counts_is_left_out() {
    let world = waiting("{login: finn}");
    let said = format!("/attest monthly_cost=120 at={}", head(&world));
    world.review(1, "finn", Opinion::Comment, &said);
    world.run();
    world.wait(TimeDelta::minutes(1));
    let said = format!("/attest monthly_cost=12 at={}", head(&world));
    world.review(1, "finn", Opinion::Comment, &said);
    world.run();
    assert_eq!(told(&world.verify()), "");
    let place = world.place("decision: approve");
    let text = world.git(
        &[],
        "",
        &["show", &format!("main:{}", world.decision(place))],
    );
    let first = text.split("evidence:\n").nth(1).unwrap();
    let second = first
        .match_indices("- name: monthly_cost")
        .nth(1)
        .unwrap()
        .0;
    let newest = first[second..].split("risk:").next().unwrap();
    let found = forging(
        &world,
        place,
        &edited(&world, place, &[(newest, "")], None),
        FindingKind::WrongEvidence,
    );
    let said = told(&found);
    assert!(
        said.contains("`monthly_cost` as `12`, attested by finn on"),
        "{said}"
    );
    assert!(said.contains("is left out"), "{said}");
    assert!(
        said.contains("`costly` fires, but is not recorded"),
        "{said}"
    );
}

/// What was said of another commit stays that, whatever the record says.
#[test]
fn nothing_is_taken_from_another_commit() {
    let world = waiting("{login: finn}");
    let other = world.line()[0];
    world.review(
        1,
        "finn",
        Opinion::Comment,
        &format!("/attest monthly_cost=12 at={other}"),
    );
    world.review(1, "carol", Opinion::Approve, super::story::JUSTIFICATION);
    world.run();
    assert_eq!(told(&world.verify()), "");
    let place = world.place("decision: approve");
    let at = world.now().format("%Y-%m-%dT%H:%M:%SZ");
    let record = format!(
        "evidence:\n- name: monthly_cost\n  value: \"12\"\n  source: login\n  by: finn\n  at: {at}\n  account:\n    login: finn\n  review: r1\nrisk:\n"
    );
    let found = forging(
        &world,
        place,
        &edited(&world, place, &[("risk:\n", &record)], None),
        FindingKind::WrongEvidence,
    );
    let said = told(&found);
    assert!(
        said.contains("`monthly_cost` was not vouched for as `12`: nobody said so"),
        "{said}"
    );
}

#[test]
fn a_signature_covers_value_commit_and_time() {
    let scratch = World::new(&[]);
    let (private, public) = scratch.new_key("costs");
    let world = waiting(&format!("{{key: {public}}}"));
    let commit = world.repo.find_ref("refs/pull/1/head").unwrap().unwrap();
    let key = SigningKey::read(&private).unwrap();
    let mut said: Attestation = format!("monthly_cost=12 at={commit}").parse().unwrap();
    let on = world.now();
    let signature = key.sign_for(Attestation::NAMESPACE, said.payload(commit, on).as_bytes());
    said.signed = Some(SignedAttestation {
        on,
        signature: signature.unwrap(),
    });
    world.review(1, "strategy-optimizer", Opinion::Comment, &said.to_string());
    world.run();
    assert_eq!(told(&world.verify()), "", "{:#?}", world.subjects());
    let place = world.place("decision: approve");
    let time = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let earlier = time(on - TimeDelta::seconds(30));
    for (from, to) in [
        ("value: \"12\"", "value: \"11\""),
        (
            &*format!("signed_at: {}", time(on)),
            &*format!("signed_at: {earlier}"),
        ),
    ] {
        let line = *world.line().last().unwrap();
        let found = forging(
            &world,
            place,
            &edited(&world, place, &[(from, to)], None),
            FindingKind::WrongEvidence,
        );
        let said = told(&found);
        assert!(
            said.contains("its signature is not by a key that may attest `monthly_cost`"),
            "{said}"
        );
        point(&world.repo, MAIN, line);
    }
}

/// What was fresh when it was said and old when it was decided does not count.
#[test]
fn what_is_stale_is_computed_again() {
    let world = waiting("{login: finn}");
    let said = format!("/attest monthly_cost=12 at={}", head(&world));
    world.review(1, "finn", Opinion::Comment, &said);
    world.wait(TimeDelta::hours(3));
    world.run();
    world.review(1, "carol", Opinion::Approve, super::story::JUSTIFICATION);
    world.run();
    assert_eq!(told(&world.verify()), "");
    let place = world.place("decision: approve");
    let text = world.git(
        &[],
        "",
        &["show", &format!("main:{}", world.decision(place))],
    );
    assert!(
        text.contains("evidence `monthly_cost` is stale (12, valid until"),
        "{text}"
    );
    let found = forging(
        &world,
        place,
        &edited(
            &world,
            place,
            &[("score: 75.0", "score: 0.0"), ("level: HIGH", "level: LOW")],
            Some(("HIGH 75.00", "LOW 0.00")),
        ),
        FindingKind::WrongScore,
    );
    assert!(
        told(&found).contains("it is 75.00 when computed again"),
        "{}",
        told(&found)
    );
}
