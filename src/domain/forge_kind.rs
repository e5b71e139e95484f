//! Which forge a pull request lives on, and what that says of the addresses in its commits.

use super::documents::{AccountRecord, PullRecord};
use super::pull::Pull;

/// The forge of a pull request. GitHub gives every pull request an address and every account a number, the local
/// forge neither: so the record of a decision tells it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeKind<'a> {
    /// The local forge: an address in a commit is whatever its author wrote, and names whom the rules list.
    Local,
    /// GitHub, which has addresses of its own.
    Github {
        /// The host of its pages, without a port; none if it is not known.
        host: Option<&'a str>,
    },
}

const PUBLIC_HOST: &str = "github.com";

impl<'a> ForgeKind<'a> {
    /// The forge by the address of a pull request and the account that opened it.
    pub fn of(url: Option<&'a str>, author: &AccountRecord) -> Self {
        match url {
            Some(url) => Self::Github { host: host_of(url) },
            None if author.id.is_some() => Self::Github { host: None },
            None => Self::Local,
        }
    }

    /// Whether this is GitHub.
    pub const fn is_github(self) -> bool {
        matches!(self, Self::Github { .. })
    }

    /// Whom an address in a commit names. On GitHub `13+carol@users.noreply.github.com` (and the older form
    /// without a number) is the private address of an account.
    pub fn account_of(self, email: &str) -> AccountRecord {
        let named = self.private_name(email).and_then(|name| {
            let (id, login) = match name.split_once('+') {
                Some((id, login)) => (Some(id.parse().ok()?), login),
                None => (None, name),
            };
            Some((id, login.parse().ok()?))
        });
        let (id, login) = named.map_or((None, None), |(id, login)| (id, Some(login)));
        AccountRecord {
            login,
            id,
            email: Some(email.to_owned()),
        }
    }

    /// Whether a committer is GitHub itself, for somebody: in the web editor, by the contents API, "update branch"
    /// and suggestions. Then the author and whoever pushed are the people behind the commit.
    pub fn is_own_committer(self, email: &str) -> bool {
        self.hosts().any(|host| {
            split(email).is_some_and(|(name, domain)| {
                name.eq_ignore_ascii_case("noreply") && domain.eq_ignore_ascii_case(host)
            })
        })
    }

    fn private_name(self, email: &str) -> Option<&str> {
        let (name, domain) = split(email)?;
        let (prefix, host) = domain.split_at_checked("users.noreply.".len())?;
        let is_private = prefix.eq_ignore_ascii_case("users.noreply.")
            && self.hosts().any(|own| own.eq_ignore_ascii_case(host));
        is_private.then_some(name)
    }

    fn hosts(self) -> impl Iterator<Item = &'a str> {
        let (own, public) = match self {
            Self::Local => (None, None),
            Self::Github { host } => (host, Some(PUBLIC_HOST)),
        };
        own.into_iter().chain(public)
    }
}

impl Pull {
    /// The forge that it lives on.
    pub fn forge(&self) -> ForgeKind<'_> {
        ForgeKind::of(self.url.as_deref(), &self.author)
    }
}

impl PullRecord {
    /// The forge that it lived on.
    pub fn forge(&self) -> ForgeKind<'_> {
        ForgeKind::of(self.url.as_deref(), &self.author)
    }
}

fn split(email: &str) -> Option<(&str, &str)> {
    email.trim().rsplit_once('@')
}

fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority.split(':').next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(forge: ForgeKind<'_>, email: &str) -> (Option<u64>, Option<String>) {
        let account = forge.account_of(email);
        assert_eq!(account.email.as_deref(), Some(email));
        (account.id, account.login.map(|login| login.to_string()))
    }

    #[test]
    fn githubs_private_addresses_name_an_account() {
        let github = ForgeKind::of(Some("https://github.com/acme/g/pull/7"), &<_>::default());
        let carol = || Some("carol".to_owned());
        for (email, expected) in [
            ("13+carol@users.noreply.github.com", (Some(13), carol())),
            (
                "13+Carol@Users.NoReply.GitHub.com",
                (Some(13), Some("Carol".to_owned())),
            ),
            ("carol@users.noreply.github.com", (None, carol())),
            (
                "7+app[bot]@users.noreply.github.com",
                (Some(7), Some("app[bot]".to_owned())),
            ),
            ("x+carol@users.noreply.github.com", (None, None)),
            ("13+@users.noreply.github.com", (None, None)),
            ("13+carol@users.noreply.github.com.example", (None, None)),
            ("13+carol@users.noreply.ghe.example", (None, None)),
            ("carol@example.org", (None, None)),
            ("carol", (None, None)),
        ] {
            assert_eq!(named(github, email), expected, "{email}");
            assert_eq!(named(ForgeKind::Local, email), (None, None), "{email}");
        }
        let own = ForgeKind::of(Some("https://ghe.example:8443/a/g/pull/7"), &<_>::default());
        assert_eq!(
            named(own, "13+carol@users.noreply.ghe.example"),
            (Some(13), carol())
        );
    }

    #[test]
    fn githubs_own_committer_is_known_on_github_only() {
        let github = ForgeKind::Github { host: None };
        assert!(github.is_own_committer("noreply@github.com"));
        assert!(github.is_own_committer("NoReply@GitHub.com"));
        assert!(!github.is_own_committer("noreply@github.com.example"));
        assert!(!github.is_own_committer("carol+noreply@github.com"));
        assert!(!ForgeKind::Local.is_own_committer("noreply@github.com"));
    }
}
