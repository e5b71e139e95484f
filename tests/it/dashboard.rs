//! The dashboard over real HTTP: what its pages say, what its forms do, and what nobody gets out of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::browser::{Browser, cookie, hidden};
use crate::support::proposals::LOW;
use crate::support::serving::{Serving, about_tokens, persons_token, serve, token};
use crate::support::{TestRepo, has, has_not};
use chrono::TimeDelta;

const MEDIUM: &str = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}\nrationale: Backtests show a smaller drawdown.";
const HIGH: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_enabled: false}";
const WHY: &str = "I read the study and agree with every line of it.";

/// One pull request of each of these bodies waits, and the server knows it.
fn waiting(bodies: &[&str], more: &[&str]) -> (TestRepo, Serving) {
    let stage = TestRepo::example();
    for (number, body) in bodies.iter().enumerate() {
        stage.propose("strategy-optimizer", &format!("b{number}"), body);
    }
    stage.run();
    let serving = Serving::start(&mut serve(&stage, more));
    serving.is_ready();
    (stage, serving)
}

/// Whoever decides sees all that is executed, the lines of a governance change, what was said and what is needed.
#[test]
fn a_card_shows_everything_that_a_decision_is_about() {
    let mut stage = TestRepo::example();
    stage.wait(-TimeDelta::days(2));
    stage.propose(
        "strategy-optimizer",
        "a",
        "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-draft]\nchanges: {stop_loss_pct: 4}\ndetails: {command: <b>rm</b>}",
    );
    stage.govern("alice", "b", &[("docs/x.md", "<i>one</i>\ntwo\n")]);
    stage
        .review(
            1,
            "bob",
            &["--request-changes", "--message", "Halve it first."],
        )
        .succeeds();
    stage.wait(TimeDelta::days(2));
    stage.run();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = carol.gets("/pending").gives(200).body;
    for part in [
        "target rsi-eurusd (live)\n  stop_loss_pct: 3.0 → 4\ntarget rsi-eurusd-draft (inactive)\n  stop_loss_pct: 3.0 → 4\ndetails\n",
        "  &quot;command&quot;: &quot;&lt;b&gt;rm&lt;/b&gt;&quot;\n</pre>",
        "<strong>1 approval by a reviewer.</strong>",
        "It has waited too long for its reviewers, so the admins are asked too.",
        "bob requested changes: it waits until they approve.",
        "<blockquote>Halve it first.</blockquote>",
        "<code>docs/x.md</code> <span class=\"under\">new, 2 lines</span>",
        "<span class=\"added\">+&lt;i&gt;one&lt;/i&gt;\n</span><span class=\"added\">+two\n</span>",
        "<code>git fetch origin refs/pull/2/head &amp;&amp; git diff ",
    ] {
        has(&page, part);
    }
    stage.approve(2, "carol");
    stage.approve(1, "bob");
    stage.run();
    let decided = carol.gets("/cases/2").gives(200).body;
    has(&decided, "<span class=\"added\">+two\n</span>");
    let decided = carol.gets("/cases/1").gives(200).body;
    has(&decided, "bob requested changes <span");
    has(&decided, "<blockquote>Halve it first.</blockquote>");
    serving.stops();
    stage.read_all();
    stage.verifies();
}

#[test]
fn a_reviewer_decides_from_one_screen() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM, HIGH], &[]);
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = carol.gets("/pending").gives(200).body;
    // What changes comes first, then why, what would lower it, what is needed and from whom.
    let order = [
        "stop_loss_pct",
        "3.0",
        "<td class=\"after\">4</td>",
        "Why this is MEDIUM",
        "+40.00",
        "What would make it less risky",
        "The words of strategy-optimizer",
        "1 approval by a reviewer.",
        "Who may give it: alice, bob, carol.",
        "Approve commit",
    ];
    let mut rest = page.as_str();
    for part in order {
        rest = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("`{part}` is missing or too early:\n{page}"))
            .1;
    }
    has(rest, "disables a safety control");
    has(rest, "at least 20 characters");
    let fields = carol.form(
        &page,
        &[
            ("decision", "approve"),
            ("message", ""),
            ("confidence", "confident"),
        ],
    );
    let answer = carol.sends("/pending/2", &fields).gives(303);
    assert_eq!(answer.header("location"), "/pending#pull-2");
    let page = carol.gets("/pending").body;
    has(&page, "Your approval of pull request #2 is recorded");
    has_not(&page, "id=\"pull-2\"");
    // It stays until it is read: it is lost neither by a reload nor by the page that fetches itself, nor on the way.
    for path in ["/pending", "/cases/2"] {
        let live = [("x-countersign-live", "1")];
        has(&carol.gets_with(path, &live).body, "is recorded");
        has(&carol.gets(path).body, "is recorded");
    }
    let page = carol.gets("/cases?level=LOW").body;
    let (_, notice) = page.split_once("action=\"/notices/").unwrap();
    let (id, _) = notice.split_once('"').unwrap();
    let next = hidden(&page, "next").unwrap();
    assert_eq!(next, "/cases?level=LOW");
    let address = format!("/notices/{id}");
    let stolen = [("csrf", "stolen"), ("next", next)];
    carol.sends(&address, &stolen).gives(403);
    let read = [("csrf", hidden(&page, "csrf").unwrap()), ("next", next)];
    let answer = carol.sends(&address, &read).gives(303);
    assert_eq!(answer.header("location"), "/cases?level=LOW");
    has_not(&carol.gets("/pending").body, "is recorded");
    let case = carol.gets("/cases/2").gives(200).body;
    has(&case, "Approved by carol (admin), confident");
    has(&case, "Outcome: success, by apply");

    // HIGH takes no approval without a justification, and forgets nothing that was typed.
    let page = carol.gets("/pending").body;
    let short = carol.form(
        &page,
        &[
            ("decision", "approve"),
            ("message", "ok"),
            ("confidence", "uncertain"),
        ],
    );
    carol.sends("/pending/3", &short);
    has(&carol.gets("/pending").body, "it has no justification");
    let page = carol.gets("/pending").body;
    let nothing = carol.form(
        &page,
        &[
            ("decision", "reject"),
            ("message", "Not while the market is closed."),
        ],
    );
    let again = carol.sends("/pending/3", &nothing).gives(422).body;
    has(&again, "Choose the main concern.");
    has(&again, "Not while the market is closed.</textarea>");
    let rejected = carol.form(
        &again,
        &[
            ("decision", "reject"),
            ("category", "bad_timing"),
            ("message", "Not while the market is closed."),
        ],
    );
    carol.sends("/pending/3", &rejected).gives(303);
    let case = carol.waits_for("/cases/3", "Rejected by carol: timing not right");
    has(&case, "Not while the market is closed.");
    has(&carol.gets("/pending").body, "Nothing waits for people");
    serving.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn requested_changes_block_until_the_same_person_approves() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let (alice, bob) = (
        Browser::signed_in(&serving, &persons_token(&stage, "alice")),
        Browser::signed_in(&serving, &persons_token(&stage, "bob")),
    );
    let page = alice.gets("/pending").body;
    let silent = alice.form(&page, &[("decision", "request_changes"), ("message", " ")]);
    has(
        &alice.sends("/pending/1", &silent).gives(422).body,
        "Say what has to change.",
    );
    let page = alice.gets("/pending").body;
    let fields = alice.form(
        &page,
        &[
            ("decision", "request_changes"),
            ("message", "Name the study."),
        ],
    );
    alice.sends("/pending/1", &fields).gives(303);
    let page = bob.waits_for(
        "/pending",
        "alice requested changes: it waits until they approve.",
    );
    let fields = bob.form(&page, &[("decision", "approve")]);
    bob.sends("/pending/1", &fields).gives(303);
    has(
        &bob.gets("/pending").body,
        "it still waits for alice, who requested changes",
    );
    let page = alice.gets("/pending").body;
    let fields = alice.form(&page, &[("decision", "approve")]);
    alice.sends("/pending/1", &fields).gives(303);
    alice.waits_for("/cases/1", "Decided: approved");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_form_that_lacks_something_says_what_and_records_nothing() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let long = "x".repeat(10_001);
    let other = ("category", "other");
    for (fields, problem) in [
        (
            vec![("decision", "approve"), ("confidence", "absolutely")],
            "Choose how sure you are.",
        ),
        (
            vec![("decision", "reject"), other, ("message", " \n")],
            "Say what the concern is.",
        ),
        (
            vec![("decision", "reject"), ("category", "ugly")],
            "Choose the main concern.",
        ),
        (
            vec![("decision", "approve"), ("message", long.as_str())],
            "The text is too long: at most 10,000 characters.",
        ),
        (
            vec![("decision", "merge")],
            "Choose whether to approve, to ask for changes or to reject.",
        ),
    ] {
        let page = alice.gets("/pending").body;
        let fields = alice.form(&page, &fields);
        let answer = alice.sends("/pending/1", &fields).gives(422).body;
        has(&answer, problem);
    }
    // Had any of them been taken, this would not be the first word of alice, nor the one that decides.
    let page = alice.gets("/pending").body;
    has(&page, "1 approval by a reviewer");
    let fields = alice.form(
        &page,
        &[
            ("decision", "reject"),
            other,
            ("message", "Nobody asked for it."),
        ],
    );
    alice.sends("/pending/1", &fields).gives(303);
    let case = alice.waits_for("/cases/1", "Rejected by alice: other");
    has(&case, "Nobody asked for it.");
    has_not(&case, "pproved by alice");
    serving.stops();
    stage.read_all();
}

#[test]
fn who_may_not_decide_is_told_before_they_try() {
    let (mut stage, serving) = waiting(&[HIGH], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").body;
    has(
        &page,
        "Your approval would not count: alice is a reviewer: this needs an admin.",
    );
    has_not(&page, "Approve commit");
    has(&page, "What is the main concern?");
    let dana = Browser::signed_in(&serving, &persons_token(&stage, "dana"));
    has(
        &dana.gets("/pending").body,
        "dana is neither reviewer nor admin",
    );
    let page = Browser::at(&serving).gets("/pending").gives(200).body;
    has(&page, "Sign in to decide");
    has_not(&page, "<textarea");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_form_for_a_head_that_nobody_has_seen_is_not_recorded() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").body;
    let main = stage.main();
    let clone = stage.clone_of("strategy-optimizer");
    clone.git(&[
        "commit",
        "-q",
        "--amend",
        "--allow-empty",
        "-m",
        "Propose once more",
    ]);
    clone.git(&[
        "push",
        "-q",
        "--force",
        "origin",
        "HEAD:refs/heads/recommend/b0",
    ]);
    let fields = alice.form(&page, &[("decision", "approve"), ("message", WHY)]);
    let again = alice.sends("/pending/1", &fields).gives(422).body;
    has(
        &again,
        "The proposal was changed while you were reading, so nothing was recorded.",
    );
    has(&again, WHY);
    stage.main_is_still(&main);
    // What it shows now can be approved.
    let head = clone.head();
    let again = alice.waits_for("/pending", &head);
    let fields = alice.form(&again, &[("decision", "approve"), ("message", WHY)]);
    alice.sends("/pending/1", &fields).gives(303);
    alice.waits_for("/cases/1", "Decided: approved");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_form_that_is_sent_again_does_nothing() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let id = stage.file("recommendations").lines().count();
    assert!(id > 0);
    let case = alice.gets("/cases/1").body;
    let href = case
        .split("action=\"")
        .find_map(|rest| {
            rest.split('"')
                .next()
                .filter(|path| path.ends_with("/feedback"))
        })
        .unwrap();
    let fields = alice.form(&case, &[("message", "Well done.")]);
    for _ in 0..3 {
        alice.sends(href, &fields).gives(303);
    }
    let case = alice.waits_for("/cases/1", "Well done.");
    assert_eq!(case.matches("Well done.").count(), 1, "{case}");
    // A decision that was taken is not taken again.
    let page = alice.gets("/pending").body;
    let fields = alice.form(&page, &[("decision", "reject"), ("category", "too_risky")]);
    alice.sends("/pending/2", &fields).gives(303);
    alice.waits_for("/cases/2", "Rejected by alice");
    let main = stage.main();
    alice.sends("/pending/2", &fields).gives(303);
    let mut fresh = fields.clone();
    fresh.retain(|(name, _)| *name != "once");
    fresh.push(("once", "another"));
    has(
        &alice.sends("/pending/2", &fresh).gives(409).body,
        "no longer pending",
    );
    serving.stops();
    stage.main_is_still(&main);
    stage.read_all();
}

#[test]
fn no_page_of_anybody_else_sends_a_form() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").body;
    let fields = alice.form(&page, &[("decision", "approve")]);
    let main = stage.main();
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", serving.url.as_str()),
        ],
    ] {
        alice.sends_with("/pending/1", &fields, headers).gives(403);
    }
    for csrf in ["", "0", &"0".repeat(64)] {
        let mut forged = fields.clone();
        forged.retain(|(name, _)| *name != "csrf");
        forged.push(("csrf", csrf));
        has(
            &alice.sends("/pending/1", &forged).gives(403).body,
            "does not belong to your session",
        );
    }
    // Not even with a token of the form from somebody else's session.
    let bob = Browser::signed_in(&serving, &persons_token(&stage, "bob"));
    bob.sends("/pending/1", &fields).gives(403);
    Browser::at(&serving)
        .sends("/pending/1", &fields)
        .gives(401);
    alice.sends("/sign-out", &[("csrf", "wrong")]).gives(403);
    alice.gets("/pending").gives(200);
    serving.stops();
    stage.main_is_still(&main);
    assert!(
        stage
            .said_on(1)
            .iter()
            .all(|said| !said.contains("approved by"))
    );
    stage.read_all();
}

#[test]
fn a_session_ends_with_its_token_and_by_signing_out() {
    let (mut stage, serving) = waiting(&[LOW], &["--private"]);
    let guest = Browser::at(&serving);
    let answer = guest.gets("/cases?level=LOW").gives(303);
    assert_eq!(
        answer.header("location"),
        "/sign-in?next=%2Fcases%3Flevel%3DLOW"
    );
    let secret = persons_token(&stage, "alice");
    let listed = about_tokens(&stage, &["list"]).succeeds().stdout;
    let id = listed
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    let alice = Browser::signed_in(&serving, &secret);
    alice.gets("/").gives(200);
    about_tokens(&stage, &["revoke", &id]).succeeds();
    alice.gets("/").gives(303);
    has(
        &guest
            .sends("/sign-in", &[("token", &secret)])
            .gives(403)
            .body,
        "This token has been revoked",
    );

    let bob = Browser::signed_in(&serving, &persons_token(&stage, "bob"));
    let page = bob.gets("/").body;
    let csrf = page
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let answer = bob.sends("/sign-out", &[("csrf", csrf)]).gives(303);
    has(answer.header("set-cookie"), "Max-Age=0");
    // The cookie is worth nothing, even if the browser kept it.
    bob.gets("/").gives(303);
    bob.gets("/live").gives(401);

    // Nor is a session of whom the rules no longer know.
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    carol.gets("/").gives(200);
    stage.edit_on_main("rules/people.yaml", "carol", "carola");
    carol.gets("/").gives(303);
    serving.stops();
    stage.read_all();
}

#[test]
fn a_link_from_elsewhere_leads_to_the_case_and_a_form_from_elsewhere_nowhere() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM], &["--private"]);
    let link = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    let guest = Browser::at(&serving);
    let asked = guest.gets_with("/cases/1", &link).gives(303);
    assert_eq!(asked.header("location"), "/sign-in?next=%2Fcases%2F1");
    let page = guest
        .gets_with(asked.header("location"), &link)
        .gives(200)
        .body;
    assert_eq!(hidden(&page, "next"), Some("/cases/1"));
    let secret = persons_token(&stage, "alice");
    for (next, leads_to) in [
        ("/cases/1", "/cases/1"),
        ("//evil.example/cases/1", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
    ] {
        let answer = guest.sends("/sign-in", &[("token", &secret), ("next", next)]);
        assert_eq!(answer.gives(303).header("location"), leads_to);
    }
    // The browser sends the cookie along with a link, because it is `SameSite=Lax`.
    let alice = Browser::signed_in(&serving, &secret);
    let page = alice.gets_with("/pending", &link).gives(200).body;
    has(&page, "<strong>alice</strong>");
    let fields = alice.form(&page, &[("decision", "approve")]);
    alice.sends_with("/pending/2", &fields, &link).gives(403);
    // Whose session has ended while they read goes back to what they read.
    let ended = guest.sends("/pending/2", &fields).gives(401).body;
    has(&ended, "href=\"/sign-in?next=%2Fpending\"");
    serving.stops();
    stage.read_all();
}

#[test]
fn whoever_asks_for_it_stays_signed_in_as_long_as_the_token_is_good() {
    let (mut stage, serving) = waiting(&[MEDIUM], &["--private"]);
    let secret = persons_token(&stage, "alice");
    let signs_in = |serving: &Serving, fields: &[(&str, &str)]| {
        let fields = [&[("token", secret.as_str())], fields].concat();
        let answer = Browser::at(serving).sends("/sign-in", &fields).gives(303);
        (cookie(&answer), answer.header("set-cookie").to_owned())
    };
    let (brief, set) = signs_in(&serving, &[]);
    has_not(&set, "Max-Age");
    let (kept, set) = signs_in(&serving, &[("keep", "1")]);
    let (_, seconds) = set.split_once("; Max-Age=").unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 24 * 60 * 60, "{set}");
    let alice = Browser {
        serving: &serving,
        cookie: kept.clone(),
    };
    let page = alice.gets("/pending").gives(200).body;
    serving.stops();
    // Another process knows the session, and takes the form that was opened before.
    let serving = Serving::start(&mut serve(&stage, &["--private"]));
    serving.is_ready();
    let guest = |cookie: &str| Browser {
        serving: &serving,
        cookie: cookie.to_owned(),
    };
    guest(&brief).gets("/pending").gives(303);
    let alice = guest(&kept);
    let fields = alice.form(&page, &[("decision", "approve")]);
    alice.sends("/pending/1", &fields).gives(303);
    let page = alice.waits_for("/cases/1", "Decided: approved");
    // Signing out ends it for good; and so does revoking the token.
    let (_, csrf) = page
        .split_once("action=\"/sign-out\"><input type=\"hidden\" name=\"csrf\" value=\"")
        .unwrap();
    let (csrf, _) = csrf.split_once('"').unwrap();
    alice.sends("/sign-out", &[("csrf", csrf)]).gives(303);
    alice.gets("/").gives(303);
    let (again, _) = signs_in(&serving, &[("keep", "1")]);
    guest(&again).gets("/").gives(200);
    let listed = about_tokens(&stage, &["list"]).succeeds().stdout;
    let line = listed.lines().nth(1).unwrap();
    let id = line.split_whitespace().next().unwrap();
    serving.stops();
    let serving = Serving::start(&mut serve(&stage, &["--private"]));
    serving.is_ready();
    let guest = |cookie: &str| Browser {
        serving: &serving,
        cookie: cookie.to_owned(),
    };
    guest(&kept).gets("/").gives(303);
    guest(&again).gets("/").gives(200);
    about_tokens(&stage, &["revoke", id]).succeeds();
    guest(&again).gets("/").gives(303);
    serving.stops();
    stage.read_all();
}

#[test]
fn a_cookie_that_somebody_planted_is_never_a_session() {
    let (mut stage, serving) = waiting(&[LOW], &["--private"]);
    let planted = format!("countersign={}", "ab".repeat(32));
    let mut alice = Browser::at(&serving);
    alice.cookie.clone_from(&planted);
    let answer = alice
        .sends("/sign-in", &[("token", &persons_token(&stage, "alice"))])
        .gives(303);
    let set = answer.header("set-cookie").to_owned();
    assert_ne!(cookie(&answer), planted);
    has(&set, "HttpOnly");
    has(&set, "SameSite=Lax");
    has(&set, "Path=/");
    has_not(&set, "Domain");
    alice.gets("/").gives(303);
    alice.cookie = cookie(&answer);
    alice.gets("/").gives(200);
    // Signing in once more ends the session before.
    let answer = alice
        .sends("/sign-in", &[("token", &persons_token(&stage, "bob"))])
        .gives(303);
    alice.gets("/").gives(303);
    alice.cookie = cookie(&answer);
    has(&alice.gets("/").gives(200).body, "<strong>bob</strong>");
    serving.stops();
    stage.read_all();
}

#[test]
fn whoever_guesses_tokens_has_to_wait() {
    let (mut stage, serving) = waiting(&[LOW], &[]);
    let guest = Browser::at(&serving);
    let good = persons_token(&stage, "alice");
    for wrong in [
        "",
        "x",
        &good[..good.len() - 1],
        &format!("{good}x"),
        &"a".repeat(5_000),
    ] {
        let status = guest.sends("/sign-in", &[("token", wrong)]).status;
        assert!(status == 403 || status == 422, "{wrong}: {status}");
    }
    let expired = {
        let now = stage.now();
        stage.wait(chrono::TimeDelta::days(-9));
        let token = token(&stage, &["--as", "alice", "--days", "1"]);
        stage.wait(now - stage.now());
        token
    };
    has(
        &guest
            .sends("/sign-in", &[("token", &expired)])
            .gives(403)
            .body,
        "This token has been expired",
    );
    let agents = token(&stage, &["--agent", "strategy-optimizer"]);
    has(
        &guest
            .sends("/sign-in", &[("token", &agents)])
            .gives(403)
            .body,
        "Agents use the API",
    );
    let limited = (0..50)
        .map(|number| guest.sends("/sign-in", &[("token", &format!("guess-{number}"))]))
        .find(|answer| answer.status == 429);
    let limited = limited.expect("nobody was stopped");
    assert!(limited.header("retry-after").parse::<u64>().unwrap() > 0);
    // The right one works: others come from the same address.
    guest.sends("/sign-in", &[("token", &good)]).gives(303);
    serving.stops();
    stage.read_all();
}

#[test]
fn nobody_is_led_elsewhere() {
    let (mut stage, serving) = waiting(&[LOW], &[]);
    let secret = persons_token(&stage, "alice");
    for next in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    ] {
        let answer = Browser::at(&serving)
            .sends("/sign-in", &[("token", &secret), ("next", next)])
            .gives(303);
        assert_eq!(answer.header("location"), "/", "{next}");
    }
    let answer = Browser::at(&serving)
        .sends("/sign-in", &[("token", &secret), ("next", "/cases?page=2")])
        .gives(303);
    assert_eq!(answer.header("location"), "/cases?page=2");
    serving.stops();
    stage.read_all();
}

/// What a server answers to a request with exactly these headers.
fn raw(serving: &Serving, request: &str) -> String {
    let mut stream = TcpStream::connect(serving.url.trim_start_matches("http://")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_name_that_is_made_to_point_here_reads_nothing() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    for path in [
        "/",
        "/pending",
        "/cases",
        "/live",
        "/sign-in",
        "/assets/none",
    ] {
        for host in [
            "Host: evil.example\r\n",
            "Host: evil.example:8080\r\n",
            "Host: localhost.evil.example\r\n",
            "",
        ] {
            let answer = raw(
                &serving,
                &format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n"),
            );
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert!(
                status == "421" || status == "400",
                "{path} {host}: {answer}"
            );
        }
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]"] {
        let answer = raw(
            &serving,
            &format!("GET /pending HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        );
        has(&answer, "HTTP/1.1 200");
    }
    serving.stops();
    let url = ["--public-url", "https://gov.example.org"];
    let serving = Serving::start(&mut serve(&stage, &url));
    serving.is_ready();
    let named = "Host: gov.example.org\r\nConnection: close\r\n";
    has(
        &raw(&serving, &format!("GET / HTTP/1.1\r\n{named}\r\n")),
        "303 See Other",
    );
    let secret = format!("token={}", persons_token(&stage, "alice"));
    let form = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nOrigin: https://gov.example.org\r\n",
        secret.len()
    );
    let answer = raw(
        &serving,
        &format!("POST /sign-in HTTP/1.1\r\n{named}{form}\r\n{secret}"),
    );
    has(&answer, "set-cookie: __Host-countersign=");
    has(&answer, "; Secure");
    serving.stops();
    stage.read_all();
}

#[test]
fn reading_is_open_to_this_machine_only() {
    let (mut stage, serving) = waiting(&[LOW], &[]);
    let guest = Browser::at(&serving);
    guest.gets("/").gives(200);
    // Something stands in front: then whoever asks may be anywhere.
    for header in ["x-forwarded-for", "forwarded", "via"] {
        guest
            .gets_with("/cases", &[(header, "192.0.2.1")])
            .gives(303);
    }
    serving.stops();
    let mut exposed = stage.command(&["serve", "--listen", "0.0.0.0:0"]);
    let output = exposed.output().unwrap();
    assert!(!output.status.success());
    has(
        &String::from_utf8_lossy(&output.stderr),
        "say so with `--remote`",
    );
    let mut exposed = stage.command(&["serve", "--listen", "0.0.0.0:0", "--remote"]);
    let mut serving = Serving::start(exposed.env("COUNTERSIGN_STATE", stage.folder("state")));
    serving.url = serving.url.replace("0.0.0.0", "127.0.0.1");
    assert!(serving.find_line("without TLS").is_some());
    serving.is_ready();
    Browser::at(&serving).gets("/").gives(303);
    serving.stops();
    stage.read_all();
}

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
    has(&overview, "<p class=\"figure\">4</p>");
    has(&overview, "2 of 2 decided");
    has(&overview, "likely 34 to 100 %");
    has(&overview, "Waiting for people");
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
    let cases = guest.gets("/cases").body;
    has(&cases, "4 cases");
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
    has(&wrong, "soon is no day");
    let agent = guest.gets("/agents/strategy-optimizer").gives(200).body;
    has(&agent, "owned by dana");
    has(&agent, "Your record:");
    has(
        &guest.gets("/agents/risk-manager").gives(200).body,
        "It has not proposed anything yet.",
    );
    guest.gets("/agents/nobody").gives(404);
    guest.gets("/cases/01ARZ3NDEKTSV4RRFFQ69G5FAV").gives(404);
    let case = guest.gets("/cases/1").gives(200).body;
    has(&case, "git log --first-parent --grep=");
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
    has(
        &case,
        "Decided: auto-approved in mode two_tier; nobody had to approve",
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

#[test]
fn a_trigger_to_medium_says_how_far_it_lifts() {
    let delete = "action: delete_strategy\ntargets: [rsi-eurusd-draft]";
    let (mut stage, serving) = waiting(&[delete], &[]);
    stage.read_all();
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = carol.gets("/pending").gives(200).body;
    has(
        &page,
        "<li><strong>lifts to at least MEDIUM 50.00</strong>, irreversible: delete_strategy cannot be undone <span class=\"muted\">(no edit of the values removes this)</span></li>",
    );
    has(&page, "No edit that was tried makes it less risky.");
}
