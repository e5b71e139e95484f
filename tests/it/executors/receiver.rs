//! A server that is sent requests: it writes each down, and answers with exactly the bytes that it was given,
//! with nothing (it hangs up), or never.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

pub struct Receiver {
    host: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

/// A whole answer.
pub fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

impl Receiver {
    /// Answers with these bytes; with none of them it hangs up.
    pub fn answering(reply: String) -> Self {
        Self::serving("http", None, Some(reply))
    }

    pub fn answering_over_tls(reply: String) -> Self {
        Self::serving("https", Some(Arc::new(server_config())), Some(reply))
    }

    /// Reads, and never answers.
    pub fn silent() -> Self {
        Self::serving("http", None, None)
    }

    /// Says `100 Continue` for ever, one at a time.
    pub fn continuing() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut talk: Box<dyn Talk> = Box::new(stream.unwrap());
                if read(&mut talk).is_some() {
                    while talk.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {
                        // All at once would be one answer whose head is too large.
                        std::thread::sleep(std::time::Duration::from_millis(10));
                    }
                }
            }
        });
        Self {
            host,
            seen: Arc::default(),
        }
    }

    fn serving(scheme: &str, tls: Option<Arc<ServerConfig>>, reply: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&seen);
        // Ends with the test's process, as the connections do that nobody answers.
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut talk: Box<dyn Talk> = match &tls {
                    None => Box::new(stream),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        Box::new(StreamOwned::new(connection, stream))
                    }
                };
                // Who does not trust us says nothing.
                let Some(request) = read(&mut talk) else {
                    continue;
                };
                book.lock().unwrap().push(request);
                match &reply {
                    // Who has read enough hangs up.
                    Some(reply) => {
                        drop(talk.write_all(reply.as_bytes()).and_then(|()| talk.flush()))
                    }
                    None => open.push(talk),
                }
            }
        });
        Self { host, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.host)
    }

    /// An address of this machine at which nobody is.
    pub fn gone(&self, path: &str) -> String {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        format!("http://{free}{path}")
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

/// The address of a proxy, and what it was asked for.
pub fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&asked);
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let mut near = near.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                near.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let mut far = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
            book.lock()
                .unwrap()
                .push(head.lines().next().unwrap().to_owned());
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let (mut said, mut heard) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut said, &mut heard));
            std::thread::spawn(move || std::io::copy(&mut far, &mut near));
        }
    });
    (url, asked)
}

trait Talk: Read + Write + Send {}
impl Talk for TcpStream {}
impl Talk for StreamOwned<ServerConnection, TcpStream> {}

fn read(talk: &mut Box<dyn Talk>) -> Option<Request> {
    let mut reader = BufReader::new(talk);
    let mut line = String::new();
    let mut next = |reader: &mut BufReader<_>| {
        line.clear();
        reader
            .read_line(&mut line)
            .ok()
            .filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = next(&mut reader)?;
    let mut headers = BTreeMap::new();
    loop {
        let line = next(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: first,
        headers,
        body,
    })
}

/// A certificate of an authority of our own, which `ca.pem` is.
fn server_config() -> ServerConfig {
    let certificate = include_bytes!("tls/server.pem");
    let key = include_bytes!("tls/server.key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        )
        .unwrap()
}
