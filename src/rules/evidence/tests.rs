//! What is vouched for, by type and age, without a forge.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn rules(facts: &str) -> Rules {
    let mut files: RuleFiles = Rules::FILES
        .into_iter()
        .map(|path| {
            let whole = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
            (path.to_owned(), std::fs::read(whole).unwrap())
        })
        .collect();
    let text = format!("schema: countersign/evidence/v1\nevidence:\n{facts}");
    files.insert(PATH.to_owned(), text.into_bytes());
    Rules::read(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

fn record(name: &str, value: &str, at: &str) -> EvidenceRecord {
    EvidenceRecord {
        name: name.parse().unwrap(),
        value: value.to_owned(),
        source: EvidenceSource::Login,
        by: "bob".to_owned(),
        at: at.parse().unwrap(),
        account: None,
        review: None,
        signed_at: None,
        signature: None,
        check: None,
    }
}

fn states(rules: &Rules, records: &[EvidenceRecord]) -> String {
    let at = "2026-11-02T12:00:00Z".parse().unwrap();
    let states = rules.evidence_states(records, at).into_iter();
    let lines = states.map(|(name, state)| match state {
        EvidenceState::Known(known) => format!("{name}: {:?}, {}\n", known.value, known.shown),
        EvidenceState::Missing(why) => format!("{why}\n"),
    });
    lines.collect()
}

const FACTS: &str = "  cost: {type: number, unit: EUR, from: [{login: bob}]}
  memory: {type: quantity, from: [{login: bob}]}
  wait: {type: duration, from: [{login: bob}]}
  ticket: {type: text, from: [{login: bob}]}
  green: {type: boolean, valid_for: 1h, from: [{app: ci, check: all}, {login: bob}]}
";

#[test]
fn a_value_is_read_by_its_type() {
    let rules = rules(FACTS);
    let good = [
        record("cost", "340.50", "2026-11-02T11:00:00Z"),
        record("memory", "512Mi", "2026-11-02T11:00:00Z"),
        record("wait", "1m30s", "2026-11-02T11:00:00Z"),
        record("ticket", "12", "2026-11-02T11:00:00Z"),
        record("green", "true", "2026-11-02T11:00:00Z"),
    ];
    insta::assert_snapshot!(states(&rules, &good), @r#"
        cost: Number(340.5), 340.5 EUR
        green: Bool(true), true
        memory: Number(536870912), 512Mi
        ticket: Text("12"), 12
        wait: Number(90), 1m30s
        "#);
    let bad = [
        record("cost", "3,40", "2026-11-02T11:00:00Z"),
        record("memory", "512 MiB", "2026-11-02T11:00:00Z"),
        record("wait", "90", "2026-11-02T11:00:00Z"),
        record("green", "yes", "2026-11-02T11:00:00Z"),
    ];
    insta::assert_snapshot!(states(&rules, &bad), @r"
        evidence `cost` is malformed (`3,40` is not a number: did you mean `3.4`?): needs an attestation for this head by bob
        evidence `green` is malformed (`yes` is not `true` or `false`: did you mean `true`?): needs an attestation for this head by the check run all of the App ci or bob
        evidence `memory` is malformed (`512 MiB` is not a quantity such as `512Mi`, `500m` or `2`: did you mean `512Mi`?): needs an attestation for this head by bob
        evidence `ticket` is absent: needs an attestation for this head by bob
        evidence `wait` is malformed (`90` is not a duration such as `30s`, `1h30m` or `7d`): needs an attestation for this head by bob
        ");
}

#[test]
fn the_newest_that_is_valid_counts() {
    let rules = rules(FACTS);
    let records = [
        record("cost", "1", "2026-11-01T11:00:00Z"),
        record("cost", "2", "2026-11-02T11:00:00Z"),
        record("cost", "lots", "2026-11-02T11:30:00Z"),
        record("green", "true", "2026-11-02T10:59:59Z"),
    ];
    insta::assert_snapshot!(states(&rules, &records), @r"
        cost: Number(2), 2 EUR
        evidence `green` is stale (true, valid until 2026-11-02T11:59:59Z): needs an attestation for this head by the check run all of the App ci or bob
        evidence `memory` is absent: needs an attestation for this head by bob
        evidence `ticket` is absent: needs an attestation for this head by bob
        evidence `wait` is absent: needs an attestation for this head by bob
        ");
    let at = "2026-11-02T12:00:00Z".parse().unwrap();
    insta::assert_snapshot!(rules.evidence_in_words(&records, at).join("\n"), @r"
        cost: 1 EUR, attested by bob on 2026-11-01T11:00:00Z (older: does not count)
        cost: 2 EUR, attested by bob on 2026-11-02T11:00:00Z
        cost: lots, attested by bob on 2026-11-02T11:30:00Z (malformed (`lots` is not a number): does not count)
        green: true, attested by bob on 2026-11-02T10:59:59Z (stale (true, valid until 2026-11-02T11:59:59Z): does not count)
        ");
}
