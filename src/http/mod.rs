//! The only module that names ureq and rustls: a request, its answer, and whether it may have arrived.
//!
//! Written for callers that must not guess. Nothing is sent twice, no redirect is followed (it could carry
//! a password or a signature elsewhere), an answer's status is the caller's to judge, and a request that
//! failed says whether anything of it ever left: only then is it unknown what became of it.

mod connection;

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::DefaultResolver;

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connection: Duration,
    /// For an answer to begin.
    pub answer: Duration,
    pub body: Duration,
    /// For everything together; none for no such limit.
    pub whole: Option<Duration>,
}

/// A header's name and value.
pub type Header<'a> = (&'a str, &'a str);

/// Sends requests to one server. The system's certificates are trusted, or those that `SSL_CERT_FILE` names.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    has_spoken: Arc<AtomicBool>,
}

/// What a server answered.
pub struct Answer {
    pub status: u16,
    body: Box<dyn Read + Send>,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct NoAnswer {
    pub reason: String,
    /// Whether anything of a request was ever sent by this client: then it may have arrived.
    pub may_have_arrived: bool,
}

impl Client {
    /// For a server at this address; its certificates are read only if they are needed.
    pub fn new(url: &str, name: &str, timeouts: Timeouts) -> Self {
        let has_spoken = Arc::new(AtomicBool::new(false));
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(name)
            .timeout_connect(Some(timeouts.connection))
            .timeout_recv_response(Some(timeouts.answer))
            .timeout_recv_body(Some(timeouts.body))
            .timeout_global(timeouts.whole);
        if url.starts_with("https://") {
            config = config.https_only(true).tls_config(tls());
        }
        let connector = connection::connector(Arc::clone(&has_spoken), timeouts.whole);
        Self {
            agent: ureq::Agent::with_parts(config.build(), connector, DefaultResolver::default()),
            has_spoken,
        }
    }

    pub fn fetch(&self, url: &str, headers: &[Header<'_>]) -> Result<Answer, NoAnswer> {
        let request = self.agent.get(url);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.answer(request.call())
    }

    pub fn post(&self, url: &str, headers: &[Header<'_>], body: &[u8]) -> Result<Answer, NoAnswer> {
        let request = self.agent.post(url);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.answer(request.send(body))
    }

    fn answer(
        &self,
        answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, NoAnswer> {
        match answered {
            Ok(response) => Ok(Answer {
                status: response.status().as_u16(),
                body: Box::new(response.into_body().into_reader()),
            }),
            Err(error) => Err(NoAnswer {
                reason: error.to_string(),
                may_have_arrived: self.has_spoken.load(Ordering::SeqCst),
            }),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Read for Answer {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.body.read(into)
    }
}

fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<_> = found
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&certificates))
        .build()
}
