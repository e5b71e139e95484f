//! Connections that a signal does not disturb, and that remember whether anything was said on them.
//!
//! The process starts commands, and each of them ends with a signal; the HTTP library gives up a read that
//! one interrupts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector,
    TcpConnector, Transport,
};
use ureq::{Error, Timeout};

/// Connects as ureq does by default, with reads that are repeated when a signal interrupts them. What is
/// said once a connection stands (through TLS, not the making of it) sets `has_spoken`. After `whole` nothing more
/// is read: ureq begins its limits anew with every `100 Continue`.
pub(super) fn connector(has_spoken: Arc<AtomicBool>, whole: Option<Duration>) -> impl Connector {
    ().chain(ConnectProxyConnector::default())
        .chain(TcpConnector::default())
        .chain(Patient(whole))
        .chain(RustlsConnector::default())
        .chain(SendTracker(has_spoken))
}

/// Sees the requests that are sent.
#[derive(Debug)]
struct SendTracker(Arc<AtomicBool>);

/// A connection that is seen speaking.
#[derive(Debug)]
struct TrackedTransport<T> {
    inner: T,
    has_spoken: Arc<AtomicBool>,
}

impl<T: Transport> Connector<T> for SendTracker {
    type Out = TrackedTransport<T>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<T>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| TrackedTransport {
            inner,
            has_spoken: Arc::clone(&self.0),
        }))
    }
}

impl<T: Transport> Transport for TrackedTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let sent = self.inner.transmit_output(amount, timeout);
        // The handshake happens with the first words: to a server that is not trusted none were said.
        if !sent.as_ref().is_err_and(is_distrust) {
            self.has_spoken.store(true, Ordering::SeqCst);
        }
        sent
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Whether the server's certificate was refused.
fn is_distrust(error: &Error) -> bool {
    let Error::Io(error) = error else {
        return false;
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

#[derive(Debug)]
struct Patient(Option<Duration>);

/// A connection whose reads are repeated, up to its end.
#[derive(Debug)]
struct PatientTransport<T> {
    inner: T,
    ends: Option<Instant>,
}

impl<T: Transport> Connector<T> for Patient {
    type Out = PatientTransport<T>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<T>,
    ) -> Result<Option<Self::Out>, Error> {
        let ends = self.0.and_then(|whole| Instant::now().checked_add(whole));
        Ok(chained.map(|inner| PatientTransport { inner, ends }))
    }
}

impl<T: Transport> Transport for PatientTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        loop {
            if self.ends.is_some_and(|ends| Instant::now() >= ends) {
                return Err(Error::Timeout(Timeout::Global));
            }
            match self.inner.await_input(timeout) {
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
