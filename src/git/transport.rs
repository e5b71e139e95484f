//! Git's smart protocol over HTTPS: one request, one answer, and the lines that both are made of.
//!
//! Written by hand, because libgit2 cannot speak TLS without OpenSSL and another transport can only be
//! registered with it by `unsafe` code. It also lets a push name what it replaces, in one request, and
//! tells for certain whether it was refused.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::http::{self, Message, NoAnswer, Timeouts};

/// The longest payload of one line.
const LONGEST_LINE: usize = 65_516;
/// How much of a server's words is shown.
const MOST_WORDS: usize = 200;
const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_secs(20),
    whole: Duration::from_secs(720),
};

/// Gives the password for git over HTTPS, anew for each request: tokens of an App end within the hour.
pub trait Credentials: Send + Sync {
    /// The password; none for a server that asks for none. `refused` says that the last one was not accepted.
    fn find_password(&self, refused: bool) -> Result<Option<SecretString>, NoPassword>;
}

/// Why no password is to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPassword(pub String);

#[derive(Debug, Clone, Copy)]
pub struct Anonymous;

impl Credentials for Anonymous {
    fn find_password(&self, _: bool) -> Result<Option<SecretString>, NoPassword> {
        Ok(None)
    }
}

/// Why a remote repository could not be asked or told. No text of it holds a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// Nobody answered, or the answer broke off: what was sent may have arrived.
    #[error("`{url}` did not answer: {reason}")]
    Unreachable { url: String, reason: String },
    /// The password is not accepted, or may not do this.
    #[error(
        "`{url}` refused the credentials (HTTP {status}): check that the token or App may read and write the repository's contents"
    )]
    Denied {
        url: String,
        /// 401, 403 or 404.
        status: u16,
    },
    /// It answered with an HTTP error.
    #[error("`{url}` answered with HTTP {status}: {words}")]
    Status {
        url: String,
        status: u16,
        /// The beginning of what it said.
        words: String,
    },
    /// It said something that is not git's protocol.
    #[error("the answer of `{url}` is not git's: {reason}")]
    Protocol {
        url: String,
        /// What was wrong with it.
        reason: String,
    },
    /// There is no password.
    #[error("no credentials for `{url}`: {reason}")]
    Credentials { url: String, reason: String },
    /// What came could not be stored.
    #[error(transparent)]
    Git(#[from] super::GitError),
}

/// The server end of a repository.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) url: String,
    credentials: Arc<dyn Credentials>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url).finish()
    }
}

impl Endpoint {
    /// `url` must not hold a password.
    pub(super) fn new(url: &str, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            credentials,
        }
    }

    /// What the server offers for a service.
    pub(super) fn advertisement(&self, service: &str) -> Result<Answer, RemoteError> {
        let url = format!("{}/info/refs?service={service}", self.url);
        self.with_password(|password| {
            let mut headers = vec![("Git-Protocol", "version=2"), ("Cache-Control", "no-cache")];
            headers.extend(password.map(|password| ("Authorization", password)));
            send(&url, &headers, None)
        })
    }

    /// Sends one request to a service.
    pub(super) fn call(
        &self,
        service: &str,
        version_2: bool,
        body: &[u8],
    ) -> Result<Answer, RemoteError> {
        let url = format!("{}/{service}", self.url);
        let (sends, takes) = (
            format!("application/x-{service}-request"),
            format!("application/x-{service}-result"),
        );
        self.with_password(|password| {
            let mut headers = vec![("Content-Type", sends.as_str()), ("Accept", takes.as_str())];
            if version_2 {
                headers.push(("Git-Protocol", "version=2"));
            }
            headers.extend(password.map(|password| ("Authorization", password)));
            send(&url, &headers, Some(body))
        })
    }

    /// A password that was refused is renewed once, never in a loop.
    fn with_password(
        &self,
        send: impl Fn(Option<&str>) -> Result<http::Answer, NoAnswer>,
    ) -> Result<Answer, RemoteError> {
        let mut refused = false;
        loop {
            let password =
                self.credentials
                    .find_password(refused)
                    .map_err(|NoPassword(reason)| RemoteError::Credentials {
                        url: self.url.clone(),
                        reason,
                    })?;
            let header = password.as_ref().map(basic);
            let response = send(header.as_deref()).map_err(|error| self.unreachable(error))?;
            let status = response.status;
            match status {
                200..=299 => {
                    return Ok(Answer {
                        url: self.url.clone(),
                        body: response,
                    });
                }
                401 if password.is_some() && !refused => refused = true,
                401 | 403 | 404 => {
                    return Err(RemoteError::Denied {
                        url: self.url.clone(),
                        status,
                    });
                }
                _ => {
                    return Err(RemoteError::Status {
                        url: self.url.clone(),
                        status,
                        words: words(response),
                    });
                }
            }
        }
    }

    fn unreachable(&self, error: impl fmt::Display) -> RemoteError {
        RemoteError::Unreachable {
            url: self.url.clone(),
            reason: error.to_string(),
        }
    }
}

fn send(
    url: &str,
    headers: &[http::Header<'_>],
    body: Option<&[u8]>,
) -> Result<http::Answer, NoAnswer> {
    let message = Message {
        url,
        user_agent: concat!("git/countersign-", env!("CARGO_PKG_VERSION")),
        headers,
        body,
    };
    http::send(message, TIMEOUTS)
}

fn basic(password: &SecretString) -> String {
    let pair = format!("x-access-token:{}", password.expose_secret());
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// The beginning of what the server said, without anything that could disturb a terminal.
fn words(response: http::Answer) -> String {
    let mut bytes = Vec::new();
    let mut body = response.take(4 * MOST_WORDS as u64);
    // Whatever came by then is shown.
    let _ = body.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    text.chars()
        .filter(|c| !c.is_control())
        .take(MOST_WORDS)
        .collect()
}

/// One line of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Data(Vec<u8>),
    /// The end of a list (`0000`).
    Flush,
    /// The end of a part (`0001`, `0002`).
    Delimiter,
}

/// An answer, read line by line.
pub(super) struct Answer {
    url: String,
    body: http::Answer,
}

impl Answer {
    /// The next line; none at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, RemoteError> {
        let mut length = [0u8; 4];
        match self.fill(&mut length)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(self.wrong("it ends in the middle of a line")),
        }
        let length = std::str::from_utf8(&length)
            .ok()
            .and_then(|text| usize::from_str_radix(text, 16).ok())
            .ok_or_else(|| self.wrong("a line does not begin with its length"))?;
        let content = match length {
            0 => return Ok(Some(Line::Flush)),
            1 | 2 => return Ok(Some(Line::Delimiter)),
            3 => return Err(self.wrong("a line of length 3")),
            length => length - 4,
        };
        if content > LONGEST_LINE {
            return Err(self.wrong("a line is too long"));
        }
        let mut data = vec![0u8; content];
        if self.fill(&mut data)? != content {
            return Err(self.wrong("it ends in the middle of a line"));
        }
        Ok(Some(Line::Data(data)))
    }

    /// The next line as text without its newline; none at a flush, a delimiter or the end.
    pub(super) fn next_text(&mut self) -> Result<Option<String>, RemoteError> {
        match self.next_line()? {
            Some(Line::Data(data)) => {
                let text = String::from_utf8_lossy(&data);
                Ok(Some(text.trim_end_matches('\n').to_owned()))
            }
            Some(Line::Flush | Line::Delimiter) | None => Ok(None),
        }
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<usize, RemoteError> {
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.body.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(RemoteError::Unreachable {
                        url: self.url.clone(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(filled)
    }

    pub(super) fn wrong(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::Protocol {
            url: self.url.clone(),
            reason: reason.into(),
        }
    }
}

/// The lines of a request.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    pub(super) fn line(mut self, content: &str) -> Self {
        self.0.extend(format!("{:04x}", content.len() + 4).bytes());
        self.0.extend(content.bytes());
        self
    }

    pub(super) fn lines(self, all: impl IntoIterator<Item = String>) -> Self {
        all.into_iter().fold(self, |lines, line| lines.line(&line))
    }

    pub(super) fn delimiter(mut self) -> Self {
        self.0.extend(b"0001");
        self
    }

    pub(super) fn flush(mut self) -> Self {
        self.0.extend(b"0000");
        self
    }

    pub(super) fn bytes(mut self, raw: &[u8]) -> Self {
        self.0.extend(raw);
        self
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
