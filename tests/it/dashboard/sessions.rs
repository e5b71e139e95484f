//! Who is let in to the dashboard, for how long, and by which name the server may be asked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{MEDIUM, waiting};
use crate::support::browser::{Browser, cookie, hidden};
use crate::support::proposals::LOW;
use crate::support::serving::{Serving, about_tokens, persons_token, serve, token};
use crate::support::{has, has_not};

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
