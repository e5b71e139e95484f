//! `countersign token`: personal tokens for the API, the dashboard and MCP.

use chrono::TimeDelta;
use comfy_table::{ContentArrangement, Table, presets};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use super::options::{Options, rules_on_main};
use super::{CommandOutcome, Result, failure, output};
use crate::domain::documents::time;
use crate::domain::ids::{AgentName, Login};
use crate::rules::Rules;
use crate::server::{Bearer, Caller, Token as Kept};

/// Make, list and revoke tokens for the API, the dashboard and MCP
///
/// A token is one person's or one agent's, for one repository and for a time. Only its hash is kept, in the
/// state folder of this machine (--state).
#[derive(Debug, clap::Args)]
pub struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(Create),
    /// List all tokens of the repository
    List,
    /// Refuse a token from now on
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

/// Make a token, and show it once
///
/// The token alone goes to standard output.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("bearer").required(true))]
struct Create {
    /// For this person of rules/people.yaml
    #[arg(long = "as", value_name = "LOGIN", group = "bearer")]
    person: Option<Login>,
    /// For this agent of rules/agents.yaml
    #[arg(long, value_name = "NAME", group = "bearer")]
    agent: Option<AgentName>,
    /// For how many days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
}

impl Token {
    /// Does it.
    ///
    /// # Errors
    /// When the state folder cannot be used, or nobody of that name is known.
    pub fn run(&self, options: &Options) -> Result {
        match &self.command {
            Command::Create(create) => create.run(options),
            Command::List => list(options),
            Command::Revoke { id } => revoke(options, id),
        }
    }
}

impl Create {
    fn run(&self, options: &Options) -> Result {
        let bearer = match (&self.person, &self.agent) {
            (Some(login), _) => Bearer::Person(login.clone()),
            (None, Some(name)) => Bearer::Agent(name.clone()),
            (None, None) => return Err(failure::usage("give `--as LOGIN` or `--agent NAME`")),
        };
        let bearer = listed(bearer, &rules_on_main(&options.open_forge()?)?.rules)?;
        let now = options.now();
        let end = now + TimeDelta::days(i64::from(self.days));
        let tokens = options.place()?.tokens(&options.identity)?;
        let (secret, token) = tokens.create(bearer, now, end)?;
        if options.is_json() {
            let mut shown = shown(&token, options);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("token".to_owned(), json!(secret.expose_secret()));
            }
            output::json(&shown)?;
        } else {
            output::text(secret.expose_secret())?;
            output::note(&format!(
                "token {} of {} is good until {}; it is not shown again",
                token.id,
                token.bearer,
                time::text(&token.expires_at)
            ));
        }
        Ok(CommandOutcome::Done)
    }
}

/// Whose token it is, under the name that the rules list. On GitHub a team may hold people whom no file names:
/// whether somebody is in it is asked at every use.
fn listed(bearer: Bearer, rules: &Rules) -> Result<Bearer> {
    match Caller::find(&bearer, rules) {
        Some(Caller::Person { name, .. }) => return Ok(Bearer::Person(name.login().clone())),
        Some(Caller::Agent(_)) => return Ok(bearer),
        None => {}
    }
    if matches!(bearer, Bearer::Person(_)) && !rules.people.teams().is_empty() {
        return Ok(bearer);
    }
    let (file, whom) = match bearer {
        Bearer::Person(_) => ("rules/people.yaml", "people"),
        Bearer::Agent(_) => ("rules/agents.yaml", "agents"),
    };
    Err(failure::hinted(
        format!("`{bearer}` is not listed in `{file}`"),
        format!("an admin lists {whom} there through a pull request"),
    ))
}

fn list(options: &Options) -> Result {
    let tokens = options.place()?.tokens(&options.identity)?.list()?;
    if options.is_json() {
        let all: Vec<Json> = tokens.iter().map(|token| shown(token, options)).collect();
        output::json(&all)?;
    } else if tokens.is_empty() {
        output::note("no token yet: `countersign token create` makes one");
    } else {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .force_no_tty();
        table.set_header(["ID", "WHO", "ENDS WITH", "CREATED", "EXPIRES", "STATE"]);
        for token in &tokens {
            table.add_row([
                token.id.clone(),
                token.bearer.to_string(),
                token.last_four.clone(),
                time::text(&token.created_at),
                time::text(&token.expires_at),
                token.refusal(options.now()).unwrap_or("good").to_owned(),
            ]);
        }
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        output::text(&lines.join("\n"))?;
    }
    Ok(CommandOutcome::Done)
}

fn revoke(options: &Options, id: &str) -> Result {
    let tokens = options.place()?.tokens(&options.identity)?;
    let token = tokens.revoke(id, options.now())?;
    if options.is_json() {
        output::json(&shown(&token, options))?;
    } else {
        output::text(&format!("revoked: token {} of {}", token.id, token.bearer))?;
    }
    Ok(CommandOutcome::Done)
}

fn shown(token: &Kept, options: &Options) -> Json {
    let (kind, who) = match &token.bearer {
        Bearer::Person(login) => ("person", login.as_str()),
        Bearer::Agent(name) => ("agent", name.as_str()),
    };
    json!({
        "id": token.id,
        "kind": kind,
        "name": who,
        "created_at": time::text(&token.created_at),
        "expires_at": time::text(&token.expires_at),
        "last_four": token.last_four,
        "state": token.refusal(options.now()).unwrap_or("good"),
    })
}
