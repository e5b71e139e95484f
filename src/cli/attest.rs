//! `countersign attest`: somebody vouches for a fact of a proposal, by their login or with a key.

use std::path::PathBuf;

use super::last_shown::LastShown;
use super::options::{Options, rules_on_main};
use super::place::Place;
use super::{CommandOutcome, Result, failure, output, review};
use crate::bot::attest::NewAttestation;
use crate::domain::attestation::{Attestation, SignedAttestation};
use crate::domain::ids::{EvidenceName, Login, PullNumber, Sha};
use crate::domain::signing::PublicKey;
use crate::domain::similar::expected_one_of;
use crate::forge::local::LocalForge;
use crate::git::{Repository, SigningKey};
use crate::rules::Rules;

/// Vouch for a fact of a proposal that rules/evidence.yaml names
///
/// It is for one commit: the present head of the pull request, if that is the one that `countersign show` showed you
/// last, or --head. With --key it is signed, and counts whoever posts it; with --print it is not posted but printed,
/// for a comment on GitHub (`gh pr comment`).
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Attest {
    /// The number of the pull request
    #[arg(value_parser = review::number, required_unless_present = "print", conflicts_with = "print")]
    number: Option<PullNumber>,
    /// The fact and its value
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = fact)]
    fact: Attestation,
    /// Who vouches for it: a login that rules/evidence.yaml names
    #[arg(long = "as", value_name = "LOGIN", required_unless_present = "key")]
    by: Option<Login>,
    /// The private key to sign it with, whose public half rules/evidence.yaml names
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The commit that it is for
    #[arg(long, value_name = "SHA", required_if_eq("print", "true"))]
    head: Option<Sha>,
    /// Only print the line that says it
    #[arg(long, requires = "key")]
    print: bool,
}

impl Attest {
    /// Records or prints it, and says whether it counts.
    ///
    /// # Errors
    /// When there is no such open pull request, or the rules know nothing of the kind.
    pub fn run(&self, options: &Options) -> Result {
        if let (Some(head), true) = (self.head, self.print) {
            output::text(&self.attestation(head, options)?.to_string())?;
            return Ok(CommandOutcome::Done);
        }
        let Some(number) = self.number else {
            return Err(failure::usage("which pull request is it about?"));
        };
        refuse_github(options.place()?, number)?;
        let repo = options.open_forge()?;
        let rules = rules_on_main(&repo)?.rules;
        self.check_value(&rules)?;
        if let Some(by) = &self.by {
            review::refuse_strangers(by, &rules)?;
        }
        let head = match self.head {
            Some(head) => head,
            None => find_head(options, &repo, number)?,
        };
        let recorded = options.bot()?.attest(&NewAttestation {
            number,
            by: self.poster()?,
            attestation: self.attestation(head, options)?,
            head,
            at: options.now(),
        })?;
        if options.is_json() {
            output::json(&recorded)?;
        } else {
            let (name, value) = (&recorded.name, &recorded.value);
            let meaning = match &recorded.reason {
                Some(reason) => format!("it will not count: {reason}"),
                None => recorded.standing.clone(),
            };
            output::text(&format!(
                "recorded: {name}={value} of {number} at {}; {meaning}",
                head.short()
            ))?;
        }
        Ok(CommandOutcome::Done)
    }

    fn attestation(&self, head: Sha, options: &Options) -> Result<Attestation> {
        let mut attestation = Attestation {
            head: Some(head),
            ..self.fact.clone()
        };
        if let Some(key) = self.read_key()? {
            let on = options.now();
            let payload = attestation.payload(head, on);
            let signature = key.sign_for(Attestation::NAMESPACE, payload.as_bytes())?;
            attestation.signed = Some(SignedAttestation { on, signature });
        }
        Ok(attestation)
    }

    fn read_key(&self) -> Result<Option<SigningKey>> {
        Ok(self.key.as_deref().map(SigningKey::read).transpose()?)
    }

    /// As whom it is posted: what is signed counts whoever posts it.
    fn poster(&self) -> Result<Login> {
        match (&self.by, self.read_key()?) {
            (Some(by), _) => Ok(by.clone()),
            (None, Some(key)) => Ok(poster_of(&key.public()?)?),
            (None, None) => Err(failure::usage("who vouches for it? give --as or --key")),
        }
    }

    /// A name or value that could never count is a slip of the fingers.
    fn check_value(&self, rules: &Rules) -> Result<()> {
        let (name, value) = (&self.fact.name, &self.fact.value);
        let Some(rule) = rules.evidence.get(name) else {
            let known: Vec<&str> = rules.evidence.keys().map(EvidenceName::as_str).collect();
            let hint = match known.as_slice() {
                [] => "an admin names what can be vouched for there, through a pull request"
                    .to_owned(),
                _ => expected_one_of(name.as_str(), &known)
                    .trim_start_matches([':', ' '])
                    .to_owned(),
            };
            let message = format!("`{name}` is not in `rules/evidence.yaml`");
            return Err(failure::hinted(message, hint));
        };
        match rule.read(value) {
            Ok(_) => Ok(()),
            Err(why) => Err(failure::usage(format!("`{name}`: {why}"))),
        }
    }
}

/// The name of a key as a login: nobody is listed under it.
fn poster_of(key: &PublicKey) -> Result<Login> {
    let letters = key.as_str().chars().filter(char::is_ascii_alphanumeric);
    let letters: Vec<char> = letters.collect();
    let end: String = letters.iter().rev().take(SHOWN_OF_KEY).rev().collect();
    Ok(format!("key-{end}").parse()?)
}

/// How many letters of a key tell it apart.
const SHOWN_OF_KEY: usize = 12;

/// The commit that this person was shown, if it is still the head.
fn find_head(options: &Options, repo: &Repository, number: PullNumber) -> Result<Sha> {
    let heads = LocalForge::new().heads(repo, number, options.now())?;
    let Some(present) = heads.last().copied() else {
        return Err(failure::hinted(
            format!("there is no open pull request {number}"),
            "`countersign list --status pending` shows the open ones",
        ));
    };
    let last = LastShown::of(options, repo);
    let shown = last.and_then(|last| last.find(number));
    if shown == Some(present) || (shown.is_none() && heads.len() == 1) {
        return Ok(present);
    }
    Err(failure::usage(format!(
        "{number} is now at {}, which you were not shown: read it with `countersign show {}`, or name the commit with `--head {present}`",
        present.short(),
        number.0
    )))
}

fn refuse_github(place: &Place, number: PullNumber) -> Result<()> {
    match place {
        Place::Local(_) => Ok(()),
        Place::Github(forge) => Err(failure::hinted(
            format!(
                "pull requests of `{}` are attested on GitHub, where it is certain who you are",
                forge.repository()
            ),
            format!(
                "comment `/attest NAME=VALUE at=COMMIT` on {}/pull/{}; with a key, `countersign attest --head COMMIT NAME=VALUE --key FILE --print` prints the comment",
                forge.web_url(),
                number.0
            ),
        )),
    }
}

fn fact(text: &str) -> std::result::Result<Attestation, String> {
    let read = text.parse::<Attestation>();
    match read {
        Ok(fact) if fact.head.is_none() && fact.signed.is_none() => Ok(fact),
        _ => Err("expected a fact and its value, such as `monthly_cost=340`".to_owned()),
    }
}
