//! `countersign report autonomy`: what agents have earned, and the governance change that grants it.

use serde_json::json;

use super::failure;
use super::options::{Options, rules_on_main};
use super::output::Format;
use super::place::Place;
use super::{CommandOutcome, Result, output, page};
use crate::bot::propose::{NewChange, OpenedChange};
use crate::domain::ids::{AgentName, Login};
use crate::domain::page::{Page, name, say};
use crate::git::Repository;
use crate::ledger::autonomy::{self, EarnedByKind};
use crate::ledger::{LedgerError, MAIN};
use crate::rules::autonomy::{Grant, HEADER, PATH};
use crate::rules::{RuleFiles, Rules};

/// Reports what one agent, or each, has earned; proposes to grant it, if somebody does.
pub fn run(options: &Options, agent: Option<&AgentName>, by: Option<&Login>) -> Result {
    let repo = match by {
        Some(_) => options.open_forge()?,
        None => options.open_whole()?,
    };
    let rules = rules_on_main(&repo)?.rules;
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    let mut kinds = autonomy::read(&repo, root, &rules, options.now())?;
    kinds.retain(|kind| agent.is_none_or(|agent| kind.agent == *agent));
    if let Some(by) = by {
        return propose(options, &repo, &rules, by, &kinds);
    }
    match options.format {
        Format::Json => output::json(&json!({"report": "autonomy", "kinds": kinds}))?,
        Format::Markdown => output::text(&page::markdown(&shown(&kinds)))?,
        _ => output::text(&page::text(&shown(&kinds)))?,
    }
    Ok(CommandOutcome::Done)
}

fn shown(kinds: &[EarnedByKind]) -> Page {
    let mut page = Page::titled("Earned autonomy");
    if kinds.is_empty() {
        page.text("Nothing that people decided is on record yet.");
        return page;
    }
    page.text(
        "What people decided within the last 180 days, and what came of that and of what was granted; “at least” is the lower bound of \
         Wilson's interval of 95 %.",
    );
    let rows = kinds.iter().map(|kind| {
        vec![
            name(&kind.agent),
            name(&kind.action),
            name(&kind.environment),
            say(kind.approved),
            say(kind.succeeded),
            say(kind.granted),
        ]
    });
    let header = [
        "agent",
        "action",
        "environment",
        "approved",
        "successful",
        "granted",
    ];
    page.table(&header, rows.collect());
    page.section("Grants");
    let lines = kinds.iter().flat_map(|kind| {
        let whose = || {
            let line = name(&kind.action).say(" by ").name(&kind.agent);
            line.say(" in ").name(&kind.environment)
        };
        let granted = kind.grants.iter().map(move |standing| {
            let line = whose().say(": ").name(&standing.grant).say(" is ");
            line.say(standing.word()).say(": ").say(&standing.reason)
        });
        let proposed = kind.proposed.iter().map(move |standing| {
            let line = whose().say(": no grant");
            match standing.is_earned {
                true => line.say("; it is earned by what `--propose` proposes"),
                false => line.say(format_args!(
                    "; not earned by what `--propose` proposes: {}",
                    standing.reason
                )),
            }
        });
        granted.chain(proposed)
    });
    page.list(lines.collect());
    page
}

/// Opens the governance change that grants what is earned.
fn propose(
    options: &Options,
    repo: &Repository,
    rules: &Rules,
    by: &Login,
    kinds: &[EarnedByKind],
) -> Result {
    let Some(person) = rules.people.find(by) else {
        return Err(failure::usage(format!(
            "`{by}` is not in `rules/people.yaml`"
        )));
    };
    let Some(email) = person.emails.first() else {
        return Err(failure::hinted(
            format!(
                "`{by}` has no e-mail address in `rules/people.yaml`, so it is not clear how to commit in their name"
            ),
            "add one there, or change `rules/autonomy.yaml` in a clone",
        ));
    };
    let earned = kinds.iter().filter(|kind| {
        let standing = kind.proposed.as_ref();
        standing.is_some_and(|standing| standing.is_earned)
    });
    let grants: Vec<Grant> = earned.filter_map(EarnedByKind::proposal).collect();
    if grants.is_empty() {
        return Err(failure::hinted(
            "nothing is earned that is not granted",
            "`countersign report autonomy` says what is missing",
        ));
    }
    let signing = rules.governance.signing.as_ref();
    if signing.and_then(|signing| signing.drawing_key()).is_none() {
        return Err(failure::hinted(
            "nothing would draw the sample: the rules list no Ed25519 key of the bot",
            "first list one under `signing.keys` in `rules/governance.yaml`, and start the bot with it (`--signing-key`)",
        ));
    }
    let text = with_grants(repo, &grants)?;
    let branch = format!("govern/autonomy-{}", options.now().format("%Y%m%d-%H%M%S"));
    let change = NewChange {
        branch: &branch,
        path: PATH,
        text: &text,
        message: "Grant what agents have earned",
        author: person,
        email,
        now: options.now(),
    };
    let opened = match options.place()? {
        Place::Github(forge) => change.open_on_github(repo, forge)?,
        _ => change.open_here(repo)?.ok_or_else(|| {
            failure::hinted(
                format!("the branch `{branch}` exists already"),
                "try again in a second",
            )
        })?,
    };
    if options.is_json() {
        output::json(&opened)?;
        return Ok(CommandOutcome::Done);
    }
    let OpenedChange {
        number,
        branch,
        head,
    } = opened;
    let ids: Vec<String> = grants
        .iter()
        .map(|grant| format!("  {}", grant.id))
        .collect();
    output::text(&format!(
        "pull request {number}, branch {branch} at {}, proposes to grant\n{}\n`countersign run` says on it which past decisions would \
         have come out differently",
        head.short(),
        ids.join("\n")
    ))?;
    Ok(CommandOutcome::Done)
}

/// The file with more grants, its comments kept.
fn with_grants(repo: &Repository, grants: &[Grant]) -> Result<String> {
    let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let root = repo.read_commit(tip)?.tree;
    let present = repo.read_path(root, PATH)?;
    let mut text = match present {
        Some(bytes) => format!("{}\n", String::from_utf8_lossy(&bytes).trim_end()),
        None => HEADER.to_owned(),
    };
    let added: Vec<String> = grants.iter().map(Grant::to_yaml).collect();
    let added = added.join("");
    text.push_str(&added);
    let files = RuleFiles::from([(PATH.to_owned(), text.clone().into_bytes())]);
    match crate::rules::autonomy::read(&files) {
        Ok(read) if grants.iter().all(|grant| read.contains(grant)) => Ok(text),
        _ => Err(failure::hinted(
            format!(
                "`{PATH}` does not end in its list of grants, so these cannot be put behind it:\n{added}"
            ),
            "add them there in a clone",
        )),
    }
}
