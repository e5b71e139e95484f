//! How the server is reached, and what follows from it, whoever asks.
//!
//! - The name in the address must be one of ours: a page of somebody else's whose name was made to point
//!   here (DNS rebinding) reads nothing.
//! - A form must come from one of our own pages, by what the browser says of it.
//! - Reading is open where nobody but people of this machine can ask.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::domain::unexpected::Unexpected;

/// What programs between us and a browser add.
const FORWARDED: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "via",
];

/// The names of the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

#[derive(Debug, Clone)]
pub struct ListenConfig {
    pub address: SocketAddr,
    /// How browsers name it, where something stands in front of it.
    pub public_url: Option<PublicUrl>,
    /// Further names under which it is reached.
    pub names: Vec<String>,
    /// Whether reading needs somebody to sign in, also on this machine.
    pub is_private: bool,
}

impl Default for ListenConfig {
    /// Where nothing is said, nothing is open.
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            public_url: None,
            names: Vec::new(),
            is_private: true,
        }
    }
}

/// How browsers name the server: `https://governance.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    is_https: bool,
    authority: String,
}

impl FromStr for PublicUrl {
    type Err = Unexpected;
    fn from_str(text: &str) -> Result<Self, Unexpected> {
        let wrong = || {
            Unexpected::expected(
                "the address as browsers name it, without a path: `https://governance.example.org`",
            )
        };
        let (is_https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong()),
        };
        let authority = rest.trim_end_matches('/').to_ascii_lowercase();
        let is_good = !authority.is_empty()
            && authority
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
        if is_good {
            Ok(Self {
                is_https,
                authority,
            })
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl PublicUrl {
    fn host(&self) -> &str {
        name_of(&self.authority)
    }
}

impl ListenConfig {
    /// Every name under which the server may be asked.
    pub fn hosts(&self) -> Vec<String> {
        let public = self.public_url.as_ref().map(PublicUrl::host);
        // Whoever listens on one address of the machine is reached under it.
        let own = self.address.ip();
        let own = (!own.is_unspecified()).then(|| own.to_string());
        let names = LOOPBACK.into_iter().chain(public).map(str::to_owned);
        names.chain(self.names.iter().cloned()).chain(own).collect()
    }

    /// Whether this is a name of ours. An address in figures always is: nobody can make it point elsewhere.
    fn admits_host(&self, host: &str) -> bool {
        let name = name_of(host);
        let is = |one: &String| name_of(one).eq_ignore_ascii_case(name);
        !name.is_empty() && (name.parse::<IpAddr>().is_ok() || self.hosts().iter().any(is))
    }

    /// Whether cookies must never travel without TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.is_https)
    }

    /// Whether anybody who reaches the server may read a repository in a folder. Only where that can be
    /// nobody but people of this machine: on its own address and by its own name, with nothing in front.
    pub fn may_all_read(&self, headers: &HeaderMap) -> bool {
        self.may_all_read_folders()
            && text(headers, header::HOST).is_some_and(|host| self.admits_host(host))
            && !FORWARDED.iter().any(|name| headers.contains_key(*name))
    }

    /// The same, before anybody asks.
    pub fn may_all_read_folders(&self) -> bool {
        !self.is_private && self.address.ip().is_loopback() && self.public_url.is_none()
    }
}

/// A name without the port.
fn name_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

/// Whether a form was sent by a page of ours, as far as the browser says. A program that is no browser says
/// nothing, and has no cookies that somebody else could use.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(headers, header::ORIGIN) else {
        return true;
    };
    let host = text(headers, header::HOST).unwrap_or("");
    let authority = origin
        .split_once("://")
        .map_or("", |(_, authority)| authority);
    !host.is_empty() && authority.eq_ignore_ascii_case(host)
}

/// Stops what must not come in.
pub async fn keep(
    State(listen_config): State<Arc<ListenConfig>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let host =
        text(headers, header::HOST).or_else(|| request.uri().authority().map(|host| host.as_str()));
    if !host.is_some_and(|host| listen_config.admits_host(host)) {
        let why = "this server is not known by that name: it is reached by its address in figures, as localhost, or as --public-url and --host say\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    if !request.method().is_safe() && !is_own(headers) {
        let why = "this form was not sent by a page of this server\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    /// On this machine, and open to everybody there.
    fn open() -> ListenConfig {
        ListenConfig {
            is_private: false,
            ..ListenConfig::default()
        }
    }

    #[test]
    fn names_that_anybody_can_point_here_are_not_ours() {
        let ours = ListenConfig {
            public_url: "https://Gov.example.org/".parse().ok(),
            ..open()
        };
        for host in [
            "127.0.0.1:8080",
            "localhost:9",
            "LOCALHOST",
            "[::1]:80",
            "192.168.1.7",
            "gov.example.org",
            "GOV.example.org:443",
        ] {
            assert!(ours.admits_host(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":8080",
            "gov.example.org.evil.example",
        ] {
            assert!(!ours.admits_host(host), "{host}");
        }
    }

    #[test]
    fn reading_is_open_on_this_machine_only() {
        let named = |name| HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(name))]);
        let local = named("localhost:8080");
        let open = open();
        assert!(open.may_all_read(&local));
        // A page of somebody else's, whose name was made to lead here.
        assert!(!open.may_all_read(&named("evil.example:8080")));
        let everywhere = ListenConfig {
            address: ([0, 0, 0, 0], 80).into(),
            ..open.clone()
        };
        let proxied = ListenConfig {
            public_url: "http://x.example".parse().ok(),
            ..open.clone()
        };
        let private = ListenConfig {
            is_private: true,
            ..open.clone()
        };
        assert!(
            [everywhere, proxied, private]
                .iter()
                .all(|listen_config| !listen_config.may_all_read(&local))
        );
        let mut forwarded = local;
        forwarded.insert(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("192.0.2.1"),
        );
        assert!(!open.may_all_read(&forwarded));
    }

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        let said = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            is_own(&headers.collect())
        };
        assert!(said(&[
            ("host", "localhost:1"),
            ("origin", "http://localhost:1")
        ]));
        assert!(said(&[("host", "localhost:1")]));
        assert!(said(&[("sec-fetch-site", "same-origin")]));
        for bad in [
            &[("host", "localhost:1"), ("origin", "http://evil.example")][..],
            &[("host", "localhost:1"), ("origin", "null")],
            &[("host", "localhost:1"), ("origin", "http://localhost:2")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://localhost:1"),
                ("host", "localhost:1"),
            ],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!said(bad), "{bad:?}");
        }
    }
}
