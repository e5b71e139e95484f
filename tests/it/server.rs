//! `countersign serve` on a folder, as its users and its host meet it: it works off what is pushed, says
//! how it is, refuses what is not signed, and stops and dies without losing anything.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::support::proposals::{LOW, MEDIUM};
use crate::support::serving::{SERVE, Serving, nobody, persons_token, serve, serve_nothing};
use crate::support::{COUNTERSIGN, TestRepo, clean, has, has_not, trail};

#[test]
fn what_is_pushed_and_reviewed_is_worked_off() {
    let mut stage = TestRepo::example();
    let mut serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    stage.propose("strategy-optimizer", "low", LOW);
    let decided = ["level=\"LOW\"", "status=\"auto_approved\""];
    serving.wait_for_count("countersign_decisions_total", &decided, 1.0);
    stage.propose("strategy-optimizer", "medium", MEDIUM);
    serving.wait_for_count("countersign_open_pull_requests", &[], 1.0);
    stage.approve(2, "alice");
    let decided = ["level=\"MEDIUM\"", "status=\"approved\""];
    serving.wait_for_count("countersign_decisions_total", &decided, 1.0);
    assert_eq!(serving.counts("countersign_open_pull_requests", &[]), 0.0);
    assert!(serving.counts("countersign_run_seconds_count", &[]) >= 3.0);
    assert_eq!(
        serving.counts("countersign_runs_total", &["result=\"failure\""]),
        0.0
    );
    assert!(serving.is_told("-TERM").success());
    has(&serving.said(), "stopped");
    stage.verifies();
    stage.read_all();
}

#[test]
fn several_folders_are_served_at_once() {
    let (mut first, mut second) = (TestRepo::example(), TestRepo::example());
    let mut command = Command::new(COUNTERSIGN);
    command.args(SERVE).env("HOME", first.folder(""));
    for stage in [&first, &second] {
        command.arg("--repo").arg(&stage.repo);
    }
    clean(nobody(&mut command), "nobody@example.org");
    let mut serving = Serving::start(&mut command);
    serving.is_ready();
    for stage in [&first, &second] {
        stage.propose("strategy-optimizer", "low", LOW);
    }
    serving.wait_for_count("countersign_decisions_total", &[], 2.0);
    for stage in [&first, &second] {
        let name = stage.repo.to_str().unwrap();
        assert_eq!(
            serving.counts("countersign_decisions_total", &[name]),
            1.0,
            "{name}"
        );
    }
    assert!(serving.is_told("-INT").success());
    first.read_all();
    second.read_all();
}

#[test]
fn it_says_how_it_is() {
    let stage = TestRepo::example();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    assert_eq!(serving.at("/healthz").gives(200).body, "alive\n");
    let ready = serving.at("/readyz").gives(200).json();
    assert_eq!(ready["ready"], true);
    assert_eq!(
        ready["repositories"][0]["name"],
        stage.repo.to_str().unwrap()
    );
    let metrics = serving.at("/metrics").gives(200);
    has(
        metrics.header("content-type"),
        "application/openmetrics-text",
    );
    has(&metrics.body, "# EOF");
    for path in ["/healthz", "/readyz", "/metrics", "/nowhere"] {
        let answer = serving.at(path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        has(
            answer.header("content-security-policy"),
            "default-src 'none'",
        );
    }
    serving.at("/nowhere").gives(404);
}

#[test]
fn a_run_that_fails_is_told_and_tried_again() {
    let mut stage = TestRepo::example();
    let main = stage.main();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    stage.git(&["update-ref", "refs/heads/main", &main]);
    // A file where git keeps branches: nothing can be read until it is gone.
    let broken = stage.repo.join("refs/heads/main");
    let kept = std::fs::read(&broken).unwrap_or_else(|_| format!("{main}\n").into_bytes());
    std::fs::write(&broken, "broken\n").unwrap();
    serving.wait_for_count("countersign_runs_total", &["result=\"failure\""], 1.0);
    has(
        &serving.find_line("trying again in").unwrap(),
        "the run on `",
    );
    std::fs::write(&broken, kept).unwrap();
    stage.propose("strategy-optimizer", "low", LOW);
    serving.wait_for_count("countersign_decisions_total", &[], 1.0);
    serving.stops();
    stage.read_all();
}

#[test]
fn without_a_secret_no_webhook_is_taken() {
    let stage = TestRepo::example();
    let serving = Serving::start(&mut serve(&stage, &[]));
    let answer = serving.posts("/webhooks", &[("x-github-event", "push")], b"{}");
    has(&answer.gives(503).body, "COUNTERSIGN_WEBHOOK_SECRET");
}

#[test]
fn only_what_is_signed_is_taken_in() {
    let stage = TestRepo::example();
    let mut command = serve(&stage, &[]);
    command.env("COUNTERSIGN_WEBHOOK_SECRET", "It's a Secret to Everybody");
    let serving = Serving::start(&mut command);
    // GitHub's own example.
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let post = |signature: Option<&str>, event: &str, body: &[u8]| {
        let mut headers = vec![("x-github-event", event)];
        headers.extend(signature.map(|signature| ("x-hub-signature-256", signature)));
        serving.posts("/webhooks", &headers, body).status
    };
    let hello = b"Hello, World!";
    assert_eq!(post(Some(good), "ping", hello), 200);
    assert_eq!(
        post(Some(good), "push", hello),
        400,
        "signed, and not a push"
    );
    assert_eq!(post(None, "ping", hello), 401);
    assert_eq!(post(Some(good), "ping", b"Hello, World?"), 401);
    assert_eq!(post(Some(&good.replace('7', "8")), "ping", hello), 401);
    assert_eq!(post(Some("sha1=00"), "ping", hello), 401);
    let large = vec![b'x'; (25 << 20) + 1];
    assert_eq!(post(Some(good), "ping", &large), 413);
    let unsigned = ["result=\"unsigned\""];
    let counted = serving.counts("countersign_webhook_deliveries_total", &unsigned);
    assert_eq!(counted, 4.0);
    assert_eq!(serving.at("/webhooks").status, 405);
}

#[test]
fn a_server_that_is_killed_at_any_step_loses_nothing() {
    let mut stage = TestRepo::example();
    stage.propose("strategy-optimizer", "low", LOW);
    stage.propose("strategy-optimizer", "medium", MEDIUM);
    // The first review makes the forge notice both branches.
    stage.review(1, "dana", &["--request-changes"]).succeeds();
    let pulls = trail::pulls(&stage);
    let mut pulls = pulls.iter();
    let medium = pulls.find(|(_, branch)| *branch == "recommend/medium");
    stage.approve(*medium.unwrap().0, "alice");
    let mut step = 0;
    loop {
        step += 1;
        let mut take = stage.copy();
        let mut command = serve(&take, &[]);
        command.env("COUNTERSIGN_DIE_AT_STEP", step.to_string());
        let mut first = Serving::try_to_start(&mut command);
        let survived = first.is_done_or_dead();
        drop(first);
        if !survived {
            let second = Serving::start(&mut serve(&take, &[]));
            second.is_ready();
            second.is_idle();
            second.stops();
        }
        trail::assert_settled(&take);
        assert_eq!(
            trail::decisions(&trail::events(&take)).len(),
            2,
            "step {step}"
        );
        take.read_all();
        if survived {
            break;
        }
    }
    assert!(step > 5, "it died at {step} steps only");
    stage.read_all();
}

#[test]
fn an_app_is_only_registered_by_who_reads_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(&mut serve_nothing(folder.path()));
    let line = serving.find_line("/setup?token=").unwrap();
    has(&line, "nothing says who we are on GitHub");
    let address = line.split("http://").nth(1).unwrap();
    let path = &address[address.find('/').unwrap()..];
    for wrong in [
        "/setup",
        "/setup?token=",
        "/setup?token=0123456789abcdef0123456789abcdef",
    ] {
        has(
            &serving.at(wrong).gives(403).body,
            "the server printed on its terminal",
        );
    }
    let page = serving.at(path).gives(200);
    has(
        &page.body,
        "<label for=\"organisation\">Organisation</label>",
    );
    has(page.header("content-security-policy"), "form-action 'self'");
    has_not(page.header("content-security-policy"), "unsafe");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = serving.posts("/setup", &form, b"token=wrong&name=x&public_url=http://x");
    wrong.gives(403);
    let token = path.split('=').nth(1).unwrap();
    for (body, problem) in [
        ("name=&public_url=http://x", "at most 34 characters"),
        ("name=x&public_url=ftp://x", "must begin with https://"),
        ("name=x&public_url=https://x?y", "must begin with https://"),
        (
            "name=x&organisation=a/b&public_url=http://x",
            "as in its address",
        ),
    ] {
        let body = format!("token={token}&{body}");
        has(
            &serving
                .posts("/setup", &form, body.as_bytes())
                .gives(422)
                .body,
            problem,
        );
    }
    for wrong in ["", "?code=abc", "?code=abc&state=0123"] {
        serving.at(&format!("/setup/callback{wrong}")).gives(403);
    }
    assert!(
        !folder
            .path()
            .join(".local/state/countersign/app.json")
            .exists()
    );
}

#[test]
fn whoever_has_an_identity_registers_no_app() {
    let stage = TestRepo::example();
    let serving = Serving::start(&mut serve(&stage, &[]));
    has(
        &serving.at("/setup?token=").gives(404).body,
        "configured already",
    );
    serving.at("/setup/callback?code=a&state=b").gives(404);
}

#[test]
fn what_is_missing_is_named() {
    let stage = TestRepo::example();
    let run = |environment: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new(COUNTERSIGN);
        command
            .args(arguments)
            .current_dir(stage.folder(""))
            .env("HOME", stage.folder(""))
            .env("NO_COLOR", "1");
        command
            .env_remove("COUNTERSIGN_REPO")
            .env_remove("XDG_STATE_HOME");
        clean(nobody(&mut command), "nobody@example.org");
        command.envs(environment.iter().copied());
        crate::support::Ran::of(&command.output().unwrap())
    };
    let list = ["list", "--repo", "acme/governance"];
    let ran = run(&[], &list).exits(1);
    has(&ran.stderr, "nothing says who we are");
    has(&ran.stderr, "COUNTERSIGN_TOKEN");
    let ran = run(&[("COUNTERSIGN_APP_ID", "1")], &list).exits(1);
    has(&ran.stderr, "the key of the App 1 is missing");
    has(&ran.stderr, "COUNTERSIGN_APP_KEY_FILE");
    let ran = run(&[("COUNTERSIGN_APP_KEY", "x")], &list).exits(1);
    has(&ran.stderr, "COUNTERSIGN_APP_ID");
    let app = [("COUNTERSIGN_APP_ID", "1"), ("COUNTERSIGN_APP_KEY", "hush")];
    let ran = run(&app, &list).exits(1);
    has(&ran.stderr, "not an RSA key in PEM form");
    has_not(&ran.stderr, "hush");
    let ran = run(&[("COUNTERSIGN_APP_ID", "one")], &list).exits(2);
    has(&ran.stderr, "is a number");
    let review = [
        "review",
        "3",
        "--as",
        "alice",
        "--approve",
        "--repo",
        "acme/governance",
    ];
    let ran = run(&[("GH_TOKEN", "t")], &review).exits(1);
    has(&ran.stderr, "https://github.com/acme/governance/pull/3");
    let two = ["list", "--repo", "a.git", "--repo", "b.git"];
    has(&run(&[], &two).exits(2).stderr, "`--repo` once");
    let ran = run(
        &[("GH_TOKEN", "t")],
        &["serve", "--listen", "127.0.0.1:0", "--repo", "no.git"],
    );
    has(
        &ran.exits(1).stderr,
        "there is no git repository at `no.git`",
    );
}

/// An open connection to a server.
fn connect(serving: &Serving) -> TcpStream {
    TcpStream::connect(serving.url.trim_start_matches("http://")).unwrap()
}

/// Open connections from another address of this machine.
fn connect_from_elsewhere(serving: &Serving, count: usize) -> Vec<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let address: SocketAddr = serving.url.trim_start_matches("http://").parse().unwrap();
    let one = async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
        let stream = socket.connect(address).await.unwrap().into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream
    };
    runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..count {
            open.push(one().await);
        }
        open
    })
}

#[test]
fn a_private_server_tells_nobody_which_repositories_it_serves() {
    let stage = TestRepo::example();
    let alice = persons_token(&stage, "alice");
    let serving = Serving::start(&mut serve(&stage, &["--private"]));
    let name = stage.repo.to_str().unwrap();
    let ready = serving.wait_until("/readyz", "is ready", |answer| answer.status == 200);
    has_not(&ready.body, name);
    has_not(&serving.at("/metrics").gives(401).body, name);
    let asked = |path| {
        Serving::fetch(&serving.url, path, &alice)
            .unwrap()
            .gives(200)
    };
    has(&asked("/readyz").body, name);
    has(&asked("/metrics").body, name);
}

#[test]
fn a_request_names_the_server_once() {
    let stage = TestRepo::example();
    let serving = Serving::start(&mut serve(&stage, &[]));
    for (hosts, status) in [
        ("Host: localhost\r\n", "200 OK"),
        ("", "400 Bad Request"),
        ("Host:\r\n", "400 Bad Request"),
        ("Host: localhost\r\nHost: other\r\n", "400 Bad Request"),
    ] {
        let mut stream = connect(&serving);
        let request = format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        has(&answer, &format!("HTTP/1.1 {status}"));
    }
}

/// Half a request is not waited for, and connections that say nothing leave room for others, for the bot's own
/// files, and for the answer to somebody who asks.
#[test]
fn who_sends_half_a_request_takes_nothing_from_others() {
    let mut stage = TestRepo::example();
    let mut limited = Command::new("sh");
    let of_server = serve(&stage, &[]);
    limited
        .args(["-c", "ulimit -n 128; exec \"$0\" \"$@\""])
        .arg(of_server.get_program())
        .args(of_server.get_args());
    for (name, value) in of_server.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let serving = Serving::start(&mut limited);
    serving.is_ready();
    let mut half = connect_from_elsewhere(&serving, 100);
    for stream in &mut half {
        // Those that are too many are closed at once.
        stream.write_all(b"GET / HTTP/1.1\r\nHost: ").ok();
    }
    stage.propose(
        "strategy-optimizer",
        "a",
        "action: optimize\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}",
    );
    serving.wait_for_count("countersign_decisions_total", &[], 1.0);
    serving.at("/healthz").gives(200);
    for stream in &mut half {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // Closed, by an end or by a reset.
        assert!(!matches!(stream.read(&mut [0]), Ok(1)));
    }
    stage.read_all();
}

#[test]
fn large_bodies_take_turns() {
    let stage = TestRepo::example();
    let mut command = serve(&stage, &[]);
    let serving =
        Serving::start(command.env("COUNTERSIGN_WEBHOOK_SECRET", "a secret for webhooks"));
    let begin = |length: usize| {
        let mut stream = connect(&serving);
        let signature = "0".repeat(64);
        let head = format!(
            "POST /webhooks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\nX-Hub-Signature-256: sha256={signature}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    // The server asks for a body when it begins to read it.
    let asks = |stream: &mut TcpStream| {
        let mut line = [0; 25];
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    };
    let mut taken = [begin(24 << 20), begin(24 << 20)];
    taken.iter_mut().for_each(asks);
    let mut answer = String::new();
    begin(24 << 20).read_to_string(&mut answer).unwrap();
    has(&answer, "HTTP/1.1 503 Service Unavailable");
    has(
        &answer,
        "too many large requests at once: send it again later",
    );
    // Small ones need no turn.
    let mut small = begin(2);
    asks(&mut small);
    small.write_all(b"{}").unwrap();
    answer.clear();
    small.read_to_string(&mut answer).unwrap();
    has(&answer, "HTTP/1.1 401 Unauthorized");
    // A turn ends with its connection.
    drop(taken);
    asks(&mut begin(24 << 20));
}
