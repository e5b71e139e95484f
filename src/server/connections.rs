//! Connections: how many, from whom, and how long each may keep us waiting.
//!
//! A connection that sends nothing is closed, and so is one that does not read its answer. Half of the files
//! that the process may open are left to the bot, and no address takes more than a part of the rest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt as _;

use super::client_address::{ClientAddress, TrustedProxies, by_household};
use super::worker::lock;

/// A request's head has to arrive within this time, counted from the answer before it.
const HEAD: Duration = Duration::from_secs(30);
/// A client that reads nothing of its answer for so long has gone.
const STALLED: Duration = Duration::from_secs(30);
/// How long to wait after a connection could not be accepted.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// The most connections, however many files the process may open.
const MOST: usize = 1_024;
/// No address takes more than this part of them.
const PART_OF_ADDRESS: usize = 4;

/// What is open, and from where.
struct Open {
    by_address: Mutex<HashMap<IpAddr, usize>>,
    most_of_address: usize,
    proxies: TrustedProxies,
}

/// One open connection, until it is dropped.
struct Place {
    open: Arc<Open>,
    household: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    /// None if the address has too many already. Everybody behind a trusted proxy comes from its address, so
    /// that it has no such limit.
    fn authenticate(self: &Arc<Self>, from: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let household = by_household(from);
        let mut by_address = lock(&self.by_address);
        let count = by_address.entry(household).or_default();
        if *count >= self.most_of_address && !self.proxies.trust(from) {
            return None;
        }
        *count += 1;
        Some(Place {
            open: Arc::clone(self),
            household,
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = lock(&self.open.by_address);
        if let Some(count) = by_address.get_mut(&self.household) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.household);
            }
        }
    }
}

/// Half of the files that this process may open.
fn most_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok());
    files.map_or(MOST, |files| (files / 2).clamp(1, MOST))
}

/// Answers until `stop` ends, and lets the answers that have begun come to their end.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    proxies: TrustedProxies,
    stop: impl Future<Output = ()>,
) {
    let most = most_connections();
    let free = Arc::new(Semaphore::new(most));
    let open = Arc::new(Open {
        by_address: Mutex::default(),
        most_of_address: (most / PART_OF_ADDRESS).max(1),
        proxies,
    });
    let answers = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepting = async {
            // A connection that nobody has room for waits in the system's queue. The semaphore is never closed.
            let permit = Arc::clone(&free).acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepting => accepted,
            () = &mut stop => break,
        };
        match (accepted, permit) {
            (Ok((stream, from)), Some(permit)) => {
                if let Some(place) = open.authenticate(from.ip(), permit) {
                    let watcher = answers.watcher();
                    tokio::spawn(answer(stream, from.ip(), routes.clone(), place, watcher));
                }
            }
            (Err(error), _) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(AFTER_ERROR).await;
            }
            (Ok(_), None) => {}
        }
    }
    drop(listener);
    answers.shutdown().await;
}

async fn answer(stream: TcpStream, from: IpAddr, routes: Router, place: Place, watcher: Watcher) {
    // Without it small answers wait for the client's acknowledgement; a socket that refuses works all the same.
    stream.set_nodelay(true).ok();
    let open = Arc::clone(&place.open);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = open.proxies.client(from, request.headers());
        request.extensions_mut().insert(ClientAddress(client));
        routes.clone().oneshot(request)
    });
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(STALLED));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    // How a connection breaks off is the client's business.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection from {from} ended: {error}");
    }
    drop(place);
}
