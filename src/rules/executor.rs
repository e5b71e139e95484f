//! Who carries an action out, as `rules/actions.yaml` says: the executor and everything that it needs.
//!
//! All of it is on `main` and was approved as a governance change; nothing of it comes from an agent. A
//! secret is only ever named, and only within a namespace of its own, so that no rule can send away
//! another variable of the bot's environment.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::documents::ExecutorKind;

/// What the environment variable of a secret begins with; the rules name the rest.
const SECRET_PREFIX: &str = "COUNTERSIGN_SECRET_";
/// The longest that a program or a request may take, in seconds.
const LONGEST_RUN: u32 = 3_600;
/// The longest that a workflow may take until it reports: a week.
const LONGEST_WORKFLOW: u32 = 7 * 24 * 3_600;
const LONGEST_URL: usize = 2_048;
const LONGEST_NAME: usize = 100;

/// What is wrong, and with which key.
type Wrong = (&'static str, String);

/// The executors' own settings, as written.
#[derive(Debug)]
pub(super) struct RawSettings {
    pub(super) command: Option<RawCommand>,
    pub(super) http: Option<RawHttp>,
    pub(super) dispatch: Option<RawDispatch>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCommand {
    /// The program and its arguments; no shell. The recommendation comes as JSON on standard input.
    argv: Vec<String>,
    /// Seconds after which it is killed.
    time_limit_seconds: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    /// Where the recommendation is sent by POST; `https`, or `http` on the bot's own machine.
    url: String,
    /// The secret that signs it: `DEPLOY` stands for the environment variable `COUNTERSIGN_SECRET_DEPLOY`.
    secret: String,
    /// Seconds after which no answer is waited for.
    time_limit_seconds: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDispatch {
    /// The `event_type` that the workflow listens for.
    event_type: String,
    /// The workflow's repository, as `OWNER/NAME`; the governance repository if it is not named.
    #[serde(default)]
    repository: Option<String>,
    /// Seconds within which the workflow has to report; then the outcome is unknown.
    time_limit_seconds: u32,
}

/// Who carries an action out, with everything needed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executor {
    /// Nothing is to be done.
    None,
    /// The changes are written into the targets' files.
    Apply,
    /// A program is run.
    Command(CommandLine),
    /// A signed request is sent.
    Http(Hook),
    /// A workflow is started, which reports.
    Dispatch(Workflow),
    /// Another system does it and reports.
    External,
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// After this it is killed.
    pub time_limit: Duration,
}

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where to: `https`, or `http` on this very machine.
    pub url: String,
    /// The environment variable with the secret that signs it.
    pub secret_variable: String,
    /// After this no answer is waited for.
    pub time_limit: Duration,
}

/// A workflow to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// What it listens for.
    pub event_type: String,
    /// Where it is, as `OWNER/NAME`; none for the governance repository.
    pub repository: Option<String>,
    /// Within this it has to report.
    pub time_limit: Duration,
}

impl Executor {
    /// Its kind, as documents name it.
    pub const fn kind(&self) -> ExecutorKind {
        match self {
            Self::None => ExecutorKind::None,
            Self::Apply => ExecutorKind::Apply,
            Self::Command(_) => ExecutorKind::Command,
            Self::Http(_) => ExecutorKind::Http,
            Self::Dispatch(_) => ExecutorKind::Dispatch,
            Self::External => ExecutorKind::External,
        }
    }

    /// How long it may take; none for one that is not claimed before it starts.
    pub const fn time_limit(&self) -> Option<Duration> {
        match self {
            Self::Command(CommandLine { time_limit, .. })
            | Self::Http(Hook { time_limit, .. })
            | Self::Dispatch(Workflow { time_limit, .. }) => Some(*time_limit),
            Self::None | Self::Apply | Self::External => None,
        }
    }
}

/// The executor that was named, with its own settings and no other's.
pub(super) fn read(named: ExecutorKind, settings: RawSettings) -> Result<Executor, Wrong> {
    let RawSettings {
        command,
        http,
        dispatch,
    } = settings;
    let given = [
        ("command", ExecutorKind::Command, command.is_some()),
        ("http", ExecutorKind::Http, http.is_some()),
        ("dispatch", ExecutorKind::Dispatch, dispatch.is_some()),
    ];
    let stranger = given
        .iter()
        .find(|(_, kind, is_given)| *is_given && *kind != named);
    if let Some((key, ..)) = stranger {
        return Err((
            key,
            format!("only the executor `{key}` takes this: remove it or change the executor"),
        ));
    }
    match (named, command, http, dispatch) {
        (ExecutorKind::None, ..) => Ok(Executor::None),
        (ExecutorKind::Apply, ..) => Ok(Executor::Apply),
        (ExecutorKind::External, ..) => Ok(Executor::External),
        (_, Some(raw), ..) => Ok(Executor::Command(command_line(raw)?)),
        (_, _, Some(raw), _) => Ok(Executor::Http(hook(raw)?)),
        (_, _, _, Some(raw)) => Ok(Executor::Dispatch(workflow(raw)?)),
        (ExecutorKind::Command, ..) => Err((
            "command",
            "the executor `command` needs `command: {argv: [...], time_limit_seconds: 60}`"
                .to_owned(),
        )),
        (ExecutorKind::Http, ..) => Err((
            "http",
            "the executor `http` needs `http: {url: https://…, secret: NAME, time_limit_seconds: 30}`"
                .to_owned(),
        )),
        (ExecutorKind::Dispatch, ..) => Err((
            "dispatch",
            "the executor `dispatch` needs `dispatch: {event_type: NAME, time_limit_seconds: 3600}`"
                .to_owned(),
        )),
    }
}

fn command_line(raw: RawCommand) -> Result<CommandLine, Wrong> {
    let mut argv = raw.argv.into_iter();
    let program = argv.next().filter(|program| !program.is_empty());
    let Some(program) = program else {
        return Err((
            "command.argv",
            "expected the program and its arguments, such as `[/usr/local/bin/deploy, --now]`"
                .to_owned(),
        ));
    };
    Ok(CommandLine {
        program,
        arguments: argv.collect(),
        time_limit: limit(
            "command.time_limit_seconds",
            raw.time_limit_seconds,
            LONGEST_RUN,
        )?,
    })
}

fn hook(raw: RawHttp) -> Result<Hook, Wrong> {
    if let Some(reason) = find_wrong_url(&raw.url) {
        return Err(("http.url", reason.to_owned()));
    }
    let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let begins = raw.secret.starts_with(|c: char| c.is_ascii_uppercase());
    if !begins || raw.secret.len() > LONGEST_NAME || !raw.secret.chars().all(good) {
        return Err((
            "http.secret",
            format!(
                "expected a name of capital letters, digits and `_`: `DEPLOY` stands for the environment variable `{SECRET_PREFIX}DEPLOY`; the secret itself must not be here"
            ),
        ));
    }
    Ok(Hook {
        secret_variable: format!("{SECRET_PREFIX}{}", raw.secret),
        url: raw.url,
        time_limit: limit(
            "http.time_limit_seconds",
            raw.time_limit_seconds,
            LONGEST_RUN,
        )?,
    })
}

fn workflow(raw: RawDispatch) -> Result<Workflow, Wrong> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = |text: &str| (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(good);
    if !is_name(&raw.event_type) {
        return Err((
            "dispatch.event_type",
            "expected up to 100 letters, digits, `-`, `_` or `.`".to_owned(),
        ));
    }
    let is_part = |text: &str| is_name(text) && !text.chars().all(|c| c == '.');
    if let Some(repository) = &raw.repository {
        let parts = repository.split_once('/');
        if !parts.is_some_and(|(owner, name)| is_part(owner) && is_part(name)) {
            return Err((
                "dispatch.repository",
                "expected OWNER/NAME, such as `acme/deployments`".to_owned(),
            ));
        }
    }
    Ok(Workflow {
        event_type: raw.event_type,
        repository: raw.repository,
        time_limit: limit(
            "dispatch.time_limit_seconds",
            raw.time_limit_seconds,
            LONGEST_WORKFLOW,
        )?,
    })
}

fn limit(key: &'static str, seconds: u32, longest: u32) -> Result<Duration, Wrong> {
    if (1..=longest).contains(&seconds) {
        return Ok(Duration::from_secs(seconds.into()));
    }
    Err((
        key,
        format!("{seconds} is out of range: expected 1 to {longest}"),
    ))
}

/// What is wrong with an address, if anything is.
fn find_wrong_url(url: &str) -> Option<&'static str> {
    if url.len() > LONGEST_URL || !url.chars().all(|c| c.is_ascii_graphic()) {
        return Some("expected at most 2048 printable ASCII characters without blanks");
    }
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme @ ("https" | "http"), rest)) => (scheme, rest),
        _ => return Some("expected an address such as `https://deploy.example.org/countersign`"),
    };
    if rest.contains('#') {
        return Some("an address to send to has no `#`: remove it and what follows");
    }
    let authority = rest.split(['/', '?', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some(
            "a name or password does not belong here: the request is signed with `secret`",
        );
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        Some(_) if !authority.ends_with(']') => {
            return Some("what follows the `:` of the host is not a port");
        }
        _ => authority,
    };
    if host.is_empty() || rest.contains('\\') {
        return Some("it names no host");
    }
    (scheme == "http" && !is_this_machine(host)).then_some(
        "without TLS it is sent to the bot's own machine only: expected `https://…`, or `http://127.0.0.1:PORT/…`",
    )
}

fn is_this_machine(host: &str) -> bool {
    let octets: Vec<Option<u8>> = host.split('.').map(|part| part.parse().ok()).collect();
    let is_loopback = octets.len() == 4 && octets.first() == Some(&Some(127));
    host.eq_ignore_ascii_case("localhost")
        || host == "[::1]"
        || is_loopback && octets.iter().all(Option::is_some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_https_or_stay_on_this_machine() {
        for good in [
            "https://deploy.example.org/hooks?x=1",
            "https://[2001:db8::1]:8443/",
            "https://deploy.example.org",
            "http://127.0.0.1:8080/x",
            "http://localhost/x",
            "http://[::1]:9/x",
        ] {
            assert_eq!(find_wrong_url(good), None, "{good}");
        }
        for bad in [
            "http://deploy.example.org/x",
            "http://127.0.0.1.example.org/x",
            "http://127.example.org/x",
            "http://localhost:80@example.org/x",
            "http://localhost\\@example.org/x",
            "https://alice:secret@example.org/x",
            "https://",
            "https:///x",
            "https://example.org:port/x",
            "https://example.org/x#y",
            "https://example.org/a b",
            "https://ex\u{e4}mple.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "HTTPS//x",
        ] {
            assert!(find_wrong_url(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_only_named_and_only_within_its_namespace() {
        let hook_of = |secret: &str| {
            hook(RawHttp {
                url: "https://example.org/".to_owned(),
                secret: secret.to_owned(),
                time_limit_seconds: 5,
            })
        };
        assert_eq!(
            hook_of("DEPLOY_2").unwrap().secret_variable,
            "COUNTERSIGN_SECRET_DEPLOY_2"
        );
        for bad in [
            "", "deploy", "../X", "A=B", "A\n", "_A", "1A", "hunter2", "Ä",
        ] {
            assert_eq!(hook_of(bad).unwrap_err().0, "http.secret", "{bad}");
        }
    }
}
