//! `/setup`: from a server that nobody knows to an App that serves a repository, in one browser.

use serde_json::Value;

use super::LOW;
use super::world::{Host, command, stage};
use crate::double::{GithubStage, REPO};
use crate::support::has;
use crate::support::serving::{Answer, Serving};

/// What stands between two marks.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split(from).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no `{from}` in:\n{text}"));
    rest.split(to).next().unwrap()
}

fn plain(text: &str) -> String {
    text.replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

fn serve(github: &GithubStage) -> Serving {
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    Serving::start(&mut command(github, &arguments))
}

/// Fills in the form, and confirms at GitHub; gives the state that GitHub brings back.
fn confirms(github: &GithubStage, serving: &Serving, code: &str) -> (String, Value) {
    let line = serving.find_line("/setup?token=").unwrap();
    let token = line.split("token=").nth(1).unwrap();
    let url = &serving.url;
    let form = format!("token={token}&name=countersign&organisation=acme&public_url={url}/");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let page = serving.posts("/setup", &kind, form.as_bytes()).gives(200);
    has(
        page.header("content-security-policy"),
        &format!("form-action {}", github.url()),
    );
    let address = plain(between(&page.body, "method=\"post\" action=\"", "\""));
    let organisation = format!(
        "{}/organizations/acme/settings/apps/new?state=",
        github.url()
    );
    let state = address.strip_prefix(&organisation).unwrap().to_owned();
    let manifest = plain(between(&page.body, "name=\"manifest\" value=\"", "\""));
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    github.world(|world| {
        world.manifests.insert(code.to_owned(), manifest.clone());
    });
    (state, manifest)
}

fn comes_back(serving: &Serving, code: &str, state: &str) -> Answer {
    serving.at(&format!("/setup/callback?code={code}&state={state}"))
}

#[test]
fn an_app_is_registered_and_serves_at_once() {
    let (github, example) = stage(|_| {});
    let serving = serve(&github);
    let (state, manifest) = confirms(&github, &serving, "code1");
    let url = &serving.url;
    assert_eq!(
        manifest["hook_attributes"]["url"],
        format!("{url}/webhooks")
    );
    assert_eq!(manifest["redirect_url"], format!("{url}/setup/callback"));
    comes_back(&serving, "code1", "0123456789abcdef0123456789abcdef").gives(403);
    let page = comes_back(&serving, "code1", &state).gives(200);
    has(&page.body, "/apps/countersign/installations/new");
    has(&page.body, "Restrict updates");
    has(&page.body, "countersign init");
    let file = github.folder().join(".local/state/countersign/app.json");
    let stored = std::fs::read_to_string(&file).unwrap();
    has(&stored, "BEGIN PRIVATE KEY");
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The state and the whole registration are good for one use.
    comes_back(&serving, "code1", &state).gives(403);
    serving.at("/setup").gives(404);
    // With what the manifest asked for, and no more, it does all of its work.
    github.wait_until("it looks into the repository", |world| {
        let calls = world.calls.iter();
        calls.filter(|call| call.git && call.under_test).count() > 0
    });
    serving.wait_until("/readyz", "the repository is served", |answer| {
        answer.status == 200 && answer.body.contains(REPO)
    });
    let host = Host {
        github,
        example,
        serving,
    };
    host.hears_through(&host.serving);
    let number = host.proposes(LOW);
    host.rests();
    host.is_merged(number);
    // What is in the state folder serves the command line and the next start as well.
    let mut list = command(&host.github, &["list", "--repo", REPO]);
    let listed = crate::support::Ran::of(&list.output().unwrap()).succeeds();
    has(&listed.stdout, "auto_approved");
    let again = serve(&host.github);
    again.wait_until("/readyz", "the repository is served", |answer| {
        answer.status == 200 && answer.body.contains(REPO)
    });
    again.at("/setup").gives(404);
    host.github.read_all();
}

#[test]
fn behind_tls_everything_is_under_the_public_name() {
    let (github, _example) = stage(|_| {});
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--public-url",
        "https://gov.example.org/",
    ];
    let serving = Serving::start(&mut command(&github, &arguments));
    let line = serving.find_line("/setup?token=").unwrap();
    has(
        &line,
        "register an App at https://gov.example.org/setup?token=",
    );
    let token = line.split("token=").nth(1).unwrap().trim();
    // What stands in front speaks plain HTTP to the server, under the name that browsers know.
    let asked = format!("/setup?token={token}");
    let page = serving.at(&asked).gives(200);
    has(&page.body, "value=\"https://gov.example.org\"");
}

#[test]
fn a_code_that_github_does_not_know_registers_nothing() {
    let (github, _example) = stage(|_| {});
    let serving = serve(&github);
    let (state, _) = confirms(&github, &serving, "code1");
    let page = comes_back(&serving, "another", &state).gives(502);
    has(&page.body, "a code is good for one hour and for one use");
    let file = github.folder().join(".local/state/countersign/app.json");
    assert!(!file.exists());
    // Whoever begins again, succeeds.
    let (state, _) = confirms(&github, &serving, "code2");
    comes_back(&serving, "code2", &state).gives(200);
    assert!(file.exists());
}
