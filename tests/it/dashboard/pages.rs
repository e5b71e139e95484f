//! What the pages say of the trail, and what no text of others makes of them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{HIGH, MEDIUM, waiting};
use crate::support::browser::{Browser, hidden};
use crate::support::proposals::LOW;
use crate::support::serving::{Serving, persons_token};
use crate::support::{TestRepo, has, has_not, shown};

#[test]
fn every_page_says_what_a_browser_may_do() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    for path in [
        "/",
        "/pending",
        "/cases",
        "/cases/1",
        "/cases/2",
        "/agents/strategy-optimizer",
        "/sign-in",
        "/cases/99",
        "/agents/nobody",
        "/r/nowhere/",
    ] {
        let answer = alice.gets(path);
        let policy = answer.header("content-security-policy").to_owned();
        has(&policy, "default-src 'none'");
        has(&policy, "script-src 'self'");
        has(&policy, "frame-ancestors 'none'");
        has_not(&policy, "unsafe");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        has(&answer.body, "<html lang=\"en\">");
        has_not(&answer.body, " style=");
        has_not(&answer.body, " onclick=");
        has_not(&answer.body, "<script>");
    }
    let page = alice.gets("/").body;
    for name in ["style-", "live-", "icon-"] {
        let asset = page
            .split("/assets/")
            .find(|rest| rest.starts_with(name))
            .unwrap();
        let asset = format!("/assets/{}", asset.split('"').next().unwrap());
        let answer = Browser::at(&serving).gets(&asset).gives(200);
        has(answer.header("cache-control"), "immutable");
    }
    serving.stops();
    stage.read_all();
}

#[test]
fn text_of_others_is_text() {
    let nasty =
        "<script>alert(1)</script><img src=x onerror=alert(1)> \u{202e}turned javascript:alert(1)";
    let body = MEDIUM.replace(
        "Backtests show a smaller drawdown.",
        &serde_json::to_string(nasty)
            .unwrap()
            .replace('\u{202e}', "\\u202e"),
    );
    let body = format!(
        "{body}\ncitations: [{{title: \"<b>bold</b>\", url: \"https://evil.example/?<i>\"}}]\ndetails: {{\"<u>\": \"</textarea><script>\"}}"
    );
    let (mut stage, serving) = waiting(&[&body], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let pending = alice.gets("/pending").body;
    let fields = alice.form(
        &pending,
        &[
            ("decision", "reject"),
            ("category", "other"),
            ("message", nasty),
        ],
    );
    alice.sends("/pending/1", &fields).gives(303);
    let case = alice.waits_for("/cases/1", "Rejected by alice");
    for page in [&pending, &case] {
        has(
            page,
            "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; \\u{202e}turned",
        );
        has(page, "https://evil.example/?&lt;i&gt;");
        for markup in [
            "<script>",
            "<img src=x",
            "<b>",
            "<i>",
            "<u>",
            "href=\"https://evil",
            "\u{202e}",
        ] {
            has_not(page, markup);
        }
    }
    let search = alice
        .gets("/cases?q=%22%3E%3Cscript%3E&agent=%3Cb%3E")
        .gives(200)
        .body;
    has(&search, "&quot;&gt;&lt;script&gt;");
    has_not(&search, "<script>");
    serving.stops();
    stage.read_all();
}

#[test]
fn figures_lists_and_cases_say_what_is_in_the_trail() {
    let (mut stage, serving) = waiting(&[LOW, LOW, MEDIUM, HIGH], &[]);
    let guest = Browser::at(&serving);
    let overview = guest.gets("/").gives(200).body;
    insta::assert_snapshot!(shown(&overview), @"
    Overview
    7 days
    30 days
    90 days
    1 year
    All
    Other days
    From
    to
    Show
    Total recommendations
    4
    2 decided
    Approval rate
    100 %
    2 of 2 decided
    likely 34 to 100 %
    Success rate
    100 %
    2 of 2 carried out
    likely 34 to 100 %
    Pending now
    2
    the oldest for less than a minute
    Waiting for people
    Decide
    Proposal | Risk | How it stands | For |
    modify_parameters on rsi-eurusd#3 · strategy-optimizer · less than a minute
    |
    MEDIUM 55.00 |
    MEDIUM 55.00: needs 1 approval by a reviewer | less than a minute |
    modify_parameters on rsi-eurusd#4 · strategy-optimizer · less than a minute
    |
    HIGH 75.00 |
    HIGH 75.00: needs 1 approval by an admin, with a justification | less than a minute |
    Decisions over time
    LOW
    MEDIUM
    HIGH
    2 0
    [day]
    Approval and success rate
    100 % 0
    [day]
    approved of decided
    successful of carried out
    Figures
    Per day | LOW | MEDIUM | HIGH | Approved | Successful |
    [day] | 2 | 0 | 0 | 100 % | 100 % |
    By risk level
    Level | Cases | Share | Approved | Successful |
    LOW | 2 | 50 % | 100 % | 100 % |
    MEDIUM | 1 | 25 % | – | – |
    HIGH | 1 | 25 % | – | – |
    Risk scores
    2 0
    0 50 100
    Figures
    Score | Cases |
    0 to 5 | 2 |
    5 to 10 | 0 |
    10 to 15 | 0 |
    15 to 20 | 0 |
    20 to 25 | 0 |
    25 to 30 | 0 |
    30 to 35 | 0 |
    35 to 40 | 0 |
    40 to 45 | 0 |
    45 to 50 | 0 |
    50 to 55 | 0 |
    55 to 60 | 1 |
    60 to 65 | 0 |
    65 to 70 | 0 |
    70 to 75 | 0 |
    75 to 80 | 1 |
    80 to 85 | 0 |
    85 to 90 | 0 |
    90 to 95 | 0 |
    95 to 100 | 0 |
    What came of it
    What | Share | Cases |
    Success | 100 % | 2 |
    Failure | 0 % | 0 |
    Unknown | 0 % | 0 |
    Not carried out | 0 % | 0 |
    How it was decided
    What | Share | Cases |
    auto-approved | 100 % | 2 |
    granted | 0 % | 0 |
    approved | 0 % | 0 |
    rejected | 0 % | 0 |
    refused | 0 % | 0 |
    withdrawn | 0 % | 0 |
    expired | 0 % | 0 |
    Why it was rejected
    What | Share | Cases |
    Too risky | – | 0 |
    Unclear benefit | – | 0 |
    Timing not right | – | 0 |
    Need more information | – | 0 |
    Other | – | 0 |
    Agents
    Agent | Cases | LOW, MEDIUM, HIGH | Mean score | Approved | Successful |
    strategy-optimizer | 4 | 2 LOW, 1 MEDIUM, 1 HIGH | 32.50 | 100 % of 2 | 100 % of 2 |
    ");
    has(
        &overview,
        "<a href=\"/agents/strategy-optimizer\">strategy-optimizer</a>",
    );
    has(
        &guest.gets("/?period=7d").gives(200).body,
        "aria-current=\"true\">7 days",
    );
    has(
        &guest
            .gets("/?since=2020-01-01&until=2020-01-02")
            .gives(200)
            .body,
        "0 decided",
    );
    insta::assert_snapshot!(shown(&guest.gets("/cases").body), @"
    Cases
    Search
    Status
    Level
    Outcome
    Agent
    Action
    Target
    From
    To
    Show
    4 cases, the newest first
    Proposal | Risk | Status | Outcome | When |
    modify_parameters on rsi-eurusd
    #4 · strategy-optimizer · [minute]
    |
    HIGH 75.00 |
    pending |
    – |
    [minute] |
    modify_parameters on rsi-eurusd
    #3 · strategy-optimizer · [minute]
    |
    MEDIUM 55.00 |
    pending |
    – |
    [minute] |
    modify_parameters on rsi-eurusd-draft
    #2 · strategy-optimizer · [minute] · success
    |
    LOW 0.00 |
    auto-approved |
    success |
    [minute] |
    modify_parameters on rsi-eurusd-draft
    #1 · strategy-optimizer · [minute] · success
    |
    LOW 0.00 |
    auto-approved |
    success |
    [minute] |
    ");
    has(&guest.gets("/cases?level=HIGH").body, "1 case");
    has(
        &guest.gets("/cases?status=auto_approved&q=draft").body,
        "2 cases",
    );
    has(
        &guest.gets("/cases?q=nothing-like-it").body,
        "No case matches.",
    );
    let wrong = guest
        .gets("/cases?level=ENORMOUS&since=soon")
        .gives(200)
        .body;
    has(&wrong, "ENORMOUS is no level, so that is left out.");
    has(&wrong, "soon is no day, so the first day is left out.");
    let agent = guest.gets("/agents/strategy-optimizer").gives(200).body;
    insta::assert_snapshot!(shown(&agent), @"
    strategy-optimizer
    Agent, owned by dana
    Recommendations
    4
    2 pending
    Approval rate
    100 %
    2 of 2 decided
    likely 34 to 100 %
    Success rate
    100 %
    2 of 2 carried out
    likely 34 to 100 %
    Mean score
    32.50
    2 approvals
    by the bot alone
    Risk
    2 LOW, 1 MEDIUM, 1 HIGH
    Recent cases
    All cases
    Proposal | Risk | Status | Outcome |
    modify_parameters on rsi-eurusd
    #4 · [minute]
    |
    HIGH 75.00 |
    pending |
    – |
    modify_parameters on rsi-eurusd
    #3 · [minute]
    |
    MEDIUM 55.00 |
    pending |
    – |
    modify_parameters on rsi-eurusd-draft
    #2 · [minute] · success
    |
    LOW 0.00 |
    auto-approved |
    success |
    modify_parameters on rsi-eurusd-draft
    #1 · [minute] · success
    |
    LOW 0.00 |
    auto-approved |
    success |
    Lessons
    What its own record tells, as countersign lessons gives it to the agent.
    Your record: 0 approved by people, 2 by the bot alone, 0 rejected, 0 withdrawn or expired; 2 executions succeeded, 0 failed.
    stop_loss_pct on rsi-eurusd-draft: 1.5 was LOW (twice).
    modify_parameters passed as LOW without anybody twice, with scores up to 0.00.
    ");
    has(
        &guest.gets("/agents/risk-manager").gives(200).body,
        "It has not proposed anything yet.",
    );
    guest.gets("/agents/nobody").gives(404);
    guest.gets("/cases/01ARZ3NDEKTSV4RRFFQ69G5FAV").gives(404);
    let case = guest.gets("/cases/1").gives(200).body;
    insta::assert_snapshot!(shown(&case), @"
    LOW RISK 0.00 auto-approved success
    modify_parameters on rsi-eurusd-draft
    [id] · by strategy-optimizer, session story-1 · pull request #1 from recommend/b0
    What is executed
    Parameter | Before | becomes | Proposed |
    stop_loss_pct | 3.0 | → | 1.5 |
    Why it was LOW
    By the rules of commit [commit]
    Adds | Factor |
    +0.00 | environment: counts 0 points inactive (targets/rsi-eurusd-draft.yaml), 0.00 points × 40 % |
    +0.00 | parameters: stop_loss_pct 1.5 is conservative stop_loss_pct: 1.5 (rules/parameters.yaml), 0.00 points × 30 % |
    +0.00 | scope: single entity 1 target (recommendation.yaml), 0.00 points × 20 % |
    +0.00 | reversibility: modify_parameters is easily reversible easy (rules/actions.yaml), 0.00 points × 10 % |
    What happened
    Proposed by strategy-optimizer@agents.example.org [minute]
    Decided: auto-approved in mode two_tier; nobody had to approve [minute]
    Outcome: success, by apply, reported by countersign [minute]
    files
    [targets/rsi-eurusd-draft.yaml]
    Feedback
    Nobody has said anything yet.
    Sign in to give feedback
    Commits on main
    Commit | Subject | When |
    [commit] | decision: approve modify_parameters on rsi-eurusd-draft (LOW 0.00) | [minute] |
    [commit] | outcome: success of modify_parameters on rsi-eurusd-draft | [minute] |
    See the same with git
    git log --first-parent --grep='^Recommendation: [id]$' main
    git show main:recommendations/[date]/[id]/decision.yaml
    git show [commit]
    git show [commit]
    ");
    let command = case
        .split("git show main:")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    has(
        &stage.git(&["show", &format!("main:{command}")]),
        "countersign/decision/v1",
    );
    serving.stops();
    stage.read_all();
}

#[test]
fn what_cannot_be_read_is_said() {
    let (mut stage, serving) = waiting(&[LOW], &[]);
    let guest = Browser::at(&serving);
    let case = guest.gets("/cases/1").body;
    let path = case
        .split("git show main:")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    stage.write_to_main(&[(
        &path.replace("decision", "outcome"),
        Some("schema: [broken\n"),
    )]);
    let overview = guest.waits_for("/", "1 commit on main in no case");
    has(&overview, "it does not say which event it is");
    let case = guest.gets("/cases/1").gives(200).body;
    has(&case, "Not everything on record can be read.");
    has(&case, "outcome.yaml");
    has(&case, "Why it was LOW");
    serving.stops();
    stage.read_all();
}

#[test]
fn several_repositories_are_chosen_from() {
    let (mut first, mut second) = (TestRepo::example(), TestRepo::example());
    first.propose("strategy-optimizer", "a", MEDIUM);
    let mut command = std::process::Command::new(crate::support::COUNTERSIGN);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--look", "20", "--repo"])
        .arg(&first.repo)
        .arg("--repo")
        .arg(&second.repo);
    crate::support::clean(&mut command, "nobody@example.org");
    crate::support::serving::nobody(&mut command).env("COUNTERSIGN_STATE", first.folder("state"));
    let serving = Serving::start(&mut command);
    serving.is_ready();
    serving.wait_for_count("countersign_open_pull_requests", &[], 1.0);
    let guest = Browser::at(&serving);
    let chooser = guest.gets("/").gives(200).body;
    has(&chooser, "href=\"/r/governance/\"");
    has(&chooser, "href=\"/r/governance-2/\"");
    assert_eq!(guest.gets("/pending").gives(303).header("location"), "/");
    let pages: Vec<String> = ["/r/governance", "/r/governance-2"]
        .iter()
        .map(|base| guest.gets(&format!("{base}/pending")).gives(200).body)
        .collect();
    assert_eq!(
        pages
            .iter()
            .filter(|page| page.contains("Sign in to decide"))
            .count(),
        1
    );
    // A token is good for its own repository.
    let alice = Browser::signed_in(&serving, &persons_token(&first, "alice"));
    let let_in: Vec<bool> = ["/r/governance/", "/r/governance-2/"]
        .iter()
        .map(|path| {
            alice
                .gets(path)
                .gives(200)
                .body
                .contains("<strong>alice</strong>")
        })
        .collect();
    assert_eq!(
        let_in.iter().filter(|is_in| **is_in).count(),
        1,
        "{let_in:?}"
    );
    serving.stops();
    first.read_all();
    second.read_all();
}

#[test]
fn a_page_hears_of_what_is_new() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let address = serving.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .unwrap();
    write!(stream, "GET /live HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut heard = String::new();
    let mut hear = |until: usize| {
        let mut buffer = [0; 1024];
        while heard.matches("event: edition").count() < until {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        heard.clone()
    };
    has(&hear(1), "text/event-stream");
    let page = Browser::at(&serving).gets("/").body;
    let edition = page
        .split("data-edition=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    has(&hear(1), &format!("data: {edition}"));
    stage.approve(1, "alice");
    hear(2);
    assert!(hidden(&page, "csrf").is_none());
    serving.stops();
    stage.read_all();
}
