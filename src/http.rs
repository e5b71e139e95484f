//! One request over HTTP, its answer, and whether it may have arrived.
//!
//! Written for callers that must not guess. Each request has a connection of its own and is sent once, no redirect is
//! followed (it could carry a password or a signature elsewhere), and an answer's status is the caller's to judge.

use std::error::Error;
use std::io::{self, Read};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout_at};
use tower::{Service as _, ServiceExt as _};

/// How much of an error's text is kept, in characters.
const MOST_WORDS: usize = 300;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connection: Duration,
    /// For everything together, reading the answer included.
    pub whole: Duration,
}

/// A header's name and value.
pub type Header<'a> = (&'a str, &'a str);

/// What is sent, by POST.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub url: &'a str,
    pub user_agent: &'a str,
    pub headers: &'a [Header<'a>],
    pub body: &'a [u8],
}

/// What a server answered. Reading it blocks, and fails once the time for the whole exchange is over.
pub struct Answer {
    pub status: u16,
    body: Incoming,
    unread: Bytes,
    ends_at: Instant,
    runtime: BackgroundRuntime,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct NoAnswer {
    pub reason: String,
    /// Whether anything of the request was sent. While the connection is made, TLS included, nothing is.
    pub may_have_arrived: bool,
}

impl NoAnswer {
    fn unsent(error: impl Into<AnyError>) -> Self {
        Self {
            reason: describe(error.into().as_ref()),
            may_have_arrived: false,
        }
    }
}

type AnyError = Box<dyn Error + Send + Sync>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Sends one request and waits until the answer begins. Must not be called on a thread that runs async code.
///
/// The system's certificates are trusted, or those that `SSL_CERT_FILE` names. `https` goes through the proxy that the
/// environment names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
pub fn send(message: Message<'_>, timeouts: Timeouts) -> Result<Answer, NoAnswer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(NoAnswer::unsent)?;
    let runtime = BackgroundRuntime(Some(runtime));
    let ends_at = Instant::now() + timeouts.whole;
    let (status, body) = runtime
        .block_on(exchange(message, timeouts, ends_at))
        .map_err(NoAnswer::unsent)
        .flatten()?;
    Ok(Answer {
        status,
        body,
        unread: Bytes::new(),
        ends_at,
        runtime,
    })
}

async fn exchange(
    message: Message<'_>,
    timeouts: Timeouts,
    ends_at: Instant,
) -> Result<(u16, Incoming), NoAnswer> {
    let url: Uri = message.url.parse().map_err(NoAnswer::unsent)?;
    let request = request(message, &url).map_err(NoAnswer::unsent)?;
    let connected_by = ends_at.min(Instant::now() + timeouts.connection);
    let connected = timeout_at(connected_by, connect(url)).await;
    let stream = connected
        .map_err(|_| NoAnswer::unsent("timeout: the connection was not made in time"))?
        .map_err(NoAnswer::unsent)?;
    let (mut sender, connection) = http1::handshake(stream).await.map_err(NoAnswer::unsent)?;
    tokio::spawn(connection);
    let answered = timeout_at(ends_at, sender.send_request(request)).await;
    let reason = match answered {
        Ok(Ok(response)) => return Ok((response.status().as_u16(), response.into_body())),
        Ok(Err(error)) => describe(&error),
        Err(_) => "timeout: the answer did not come in time".to_owned(),
    };
    Err(NoAnswer {
        reason,
        may_have_arrived: true,
    })
}

fn request(message: Message<'_>, url: &Uri) -> Result<Request<Full<Bytes>>, AnyError> {
    let host = url.host().ok_or("the address has no host")?;
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, message.user_agent);
    let request = message
        .headers
        .iter()
        .fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
    Ok(request.body(Full::from(message.body.to_vec()))?)
}

async fn connect(url: Uri) -> Result<Stream, AnyError> {
    let mut tcp = HttpConnector::new();
    // Also for what is spoken over TLS.
    tcp.enforce_http(false);
    if url.scheme_str() != Some("https") {
        let stream = tcp.ready().await?.call(url).await?;
        return Ok(MaybeHttpsStream::Http(stream));
    }
    let tls = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_only()
        .enable_http1();
    match Matcher::from_env().intercept(&url) {
        None => tls.wrap_connector(tcp).ready().await?.call(url).await,
        Some(proxy) => {
            let tunnel = tunnel(&proxy, tcp)?;
            tls.wrap_connector(tunnel).ready().await?.call(url).await
        }
    }
}

fn tunnel(proxy: &Intercept, tcp: HttpConnector) -> Result<Tunnel<HttpConnector>, AnyError> {
    if proxy.uri().scheme_str() != Some("http") {
        return Err(
            "the proxy that the environment names must have an address with `http://`".into(),
        );
    }
    let tunnel = Tunnel::new(proxy.uri().clone(), tcp);
    Ok(match proxy.basic_auth() {
        Some(password) => tunnel.with_auth(password.clone()),
        None => tunnel,
    })
}

impl Read for Answer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            let next = async { timeout_at(self.ends_at, self.body.frame()).await };
            match self.runtime.block_on(next)? {
                Ok(None) => return Ok(0),
                Ok(Some(frame)) => {
                    let frame = frame.map_err(io::Error::other)?;
                    self.unread = frame.into_data().unwrap_or_default();
                }
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        let count = self.unread.len().min(into.len());
        for (to, from) in into.iter_mut().zip(self.unread.split_to(count)) {
            *to = from;
        }
        Ok(count)
    }
}

/// Does not wait at its end for a thread that looks up a name.
struct BackgroundRuntime(Option<Runtime>);

impl BackgroundRuntime {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let runtime = self.0.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        Ok(runtime.block_on(future))
    }
}

impl Drop for BackgroundRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// An error with its causes, which its own text often leaves out; bounded, and fit for a terminal.
pub fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(MOST_WORDS).collect()
}
