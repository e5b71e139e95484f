//! Windows are told by the local time, over weeks and changes of the clocks.

use super::*;

fn windows(from: &str, to: &str, timezone: &str) -> Result<Windows, String> {
    let raw = RawWindow {
        from: from.to_owned(),
        to: to.to_owned(),
        timezone: timezone.to_owned(),
    };
    let mut problems = Vec::new();
    let raw = [("it".parse().unwrap(), raw)].into();
    let read = read("rules/governance.yaml", raw, &mut problems);
    match problems.first() {
        None => Ok(read),
        Some(problem) => Err(problem.to_string()),
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn is_open(windows: &Windows, moment: &str) -> bool {
    !windows.open_at(at(moment)).is_empty()
}

#[test]
fn a_weekly_window_goes_over_the_end_of_the_week() {
    let weekend = windows("Fri 17:00", "Mon 09:00", "Europe/Berlin").unwrap();
    // Winter: one hour ahead of UTC.
    assert!(!is_open(&weekend, "2026-11-27T15:59:59Z"));
    assert!(is_open(&weekend, "2026-11-27T16:00:00Z"));
    assert!(is_open(&weekend, "2026-11-30T07:59:59Z"));
    assert!(!is_open(&weekend, "2026-11-30T08:00:00Z"));
    // Summer: two.
    assert!(is_open(&weekend, "2026-07-03T15:00:00Z"));
    let change = |moment: &str| weekend.next_change(at(moment)).unwrap();
    assert_eq!(change("2026-11-26T10:00:00Z"), at("2026-11-27T16:00:00Z"));
    assert_eq!(change("2026-11-27T16:00:00Z"), at("2026-11-30T08:00:00Z"));
    assert_eq!(change("2026-11-30T08:00:00Z"), at("2026-12-04T16:00:00Z"));
    // The clocks go back in between.
    assert_eq!(change("2026-10-24T00:00:00Z"), at("2026-10-26T08:00:00Z"));
}

#[test]
fn a_window_of_one_time_is_over_afterwards() {
    let holidays = windows("2026-12-18 18:00", "2027-01-04 09:00", "UTC").unwrap();
    assert!(!is_open(&holidays, "2026-12-18T17:59:00Z"));
    assert!(is_open(&holidays, "2026-12-18T18:00:00Z"));
    assert!(!is_open(&holidays, "2027-01-04T09:00:00Z"));
    assert_eq!(
        holidays.next_change(at("2026-12-25T00:00:00Z")),
        Some(at("2027-01-04T09:00:00Z"))
    );
    assert_eq!(holidays.next_change(at("2027-01-04T09:00:00Z")), None);
}

#[test]
fn an_hour_that_is_left_out_ends_the_window_all_the_same() {
    // 02:30 on 28 March 2027 does not exist in Berlin.
    let night = windows("Sun 01:00", "Sun 02:30", "Europe/Berlin").unwrap();
    assert_eq!(
        night.next_change(at("2027-03-28T00:30:00Z")),
        Some(at("2027-03-28T01:30:00Z"))
    );
    assert!(!is_open(&night, "2027-03-28T01:30:00Z"));
}

#[test]
fn what_is_no_window_is_refused_with_its_place() {
    let refused = |from, to, timezone| windows(from, to, timezone).unwrap_err();
    let said = [
        refused("Fri 17:00", "Mon 09:00", "Berlin"),
        refused("Friday 17:00", "Mon 09:00", "UTC"),
        refused("Fri 25:00", "Mon 09:00", "UTC"),
        refused("Fri 17:00", "2026-12-18 18:00", "UTC"),
        refused("Fri 17:00", "Fri 17:00", "UTC"),
        refused("2026-12-18 18:00", "2026-12-17 18:00", "UTC"),
        refused("2026-02-30 18:00", "2026-12-17 18:00", "UTC"),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    rules/governance.yaml: windows.it.timezone: `Berlin` is not a timezone: expected such as `Europe/Berlin` or `UTC`
    rules/governance.yaml: windows.it.from: `Friday 17:00` is no time: expected such as `Fri 17:00`, or `2026-12-18 18:00`
    rules/governance.yaml: windows.it.from: `Fri 25:00` is no time: expected such as `Fri 17:00`, or `2026-12-18 18:00`
    rules/governance.yaml: windows.it.to: expected the same form as `from`: both weekly, or both with a date
    rules/governance.yaml: windows.it.to: it ends when it opens: expected another time than `from`
    rules/governance.yaml: windows.it.to: it ends before it opens: expected a time after `from`
    rules/governance.yaml: windows.it.from: `2026-02-30 18:00` is no time: expected such as `Fri 17:00`, or `2026-12-18 18:00`
    ");
}
