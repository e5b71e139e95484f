//! A `countersign serve` of one repository, and clients that ask it over kept connections.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::measure::{COUNTERSIGN, Folder, run};

pub struct Server {
    child: Child,
    pub address: String,
    state: PathBuf,
    repo: PathBuf,
}

impl Server {
    pub fn start(folder: &Folder, repo: &Path) -> Self {
        let state = folder.join("state");
        let mut child = Command::new(COUNTERSIGN)
            .env("COUNTERSIGN_STATE", &state)
            .args(["serve", "--listen", "127.0.0.1:0", "--repo"])
            .arg(repo)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("no server");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            let read = said.read_line(&mut line).expect("cannot be read");
            assert!(read > 0, "the server has ended");
            if let Some((_, rest)) = line.split_once("http://") {
                break rest
                    .split(';')
                    .next()
                    .expect("an address")
                    .trim()
                    .to_owned();
            }
        };
        // Nobody may wait for us to read what it says.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                eprintln!("server: {line}");
            }
        });
        Self {
            child,
            address,
            state,
            repo: repo.to_owned(),
        }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A token of a person (`--as`) or an agent (`--agent`).
    pub fn token(&self, whose: [&str; 2]) -> String {
        let mut create = Command::new(COUNTERSIGN);
        create.env("COUNTERSIGN_STATE", &self.state);
        create.args(["token", "create"]).args(whose);
        run(create.arg("--repo").arg(&self.repo)).trim().to_owned()
    }

    pub fn stop(mut self) {
        run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]));
        let status = self.child.wait().expect("cannot wait");
        assert!(status.success(), "the server has failed");
    }
}

/// What is asked.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// Whole lines, such as `authorization: Bearer …`.
    pub headers: &'a [String],
    pub body: &'a str,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

/// One connection. HTTP as far as our own server speaks it: with a length, or in chunks.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("cannot connect");
        stream.set_nodelay(true).expect("cannot be set");
        Self(BufReader::new(stream))
    }

    pub fn get(&mut self, path: &str, headers: &[String]) -> Answer {
        self.ask(&Request {
            method: "GET",
            path,
            headers,
            body: "",
        })
    }

    pub fn ask(&mut self, request: &Request<'_>) -> Answer {
        let Request {
            method,
            path,
            headers,
            body,
        } = request;
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.send(text.as_bytes())
    }

    /// Sends a whole request.
    pub fn send(&mut self, request: &[u8]) -> Answer {
        self.0.get_mut().write_all(request).expect("cannot ask");
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        let find = |name: &str| {
            let mut lines = headers.iter();
            lines.find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix(name)
                    .map(str::to_owned)
            })
        };
        let length = find("content-length: ").map(|text| text.parse().expect("a number"));
        let is_chunked = find("transfer-encoding: chunked").is_some();
        let mut body = Vec::new();
        match length {
            Some(length) => self.read_onto(&mut body, length),
            None if is_chunked => loop {
                let length = usize::from_str_radix(&self.line(), 16).expect("a length");
                self.read_onto(&mut body, length);
                self.line();
                if length == 0 {
                    break;
                }
            },
            None => {}
        }
        Answer {
            status: status.expect("a status"),
            headers,
            body,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("no answer");
        line.trim_end().to_owned()
    }

    fn read_onto(&mut self, body: &mut Vec<u8>, length: usize) {
        let start = body.len();
        body.resize(start + length, 0);
        self.0.read_exact(&mut body[start..]).expect("no answer");
    }
}

impl Answer {
    /// Its body as text; it must be one of success.
    pub fn text(self, what: &str) -> String {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        assert!(
            (200..400).contains(&self.status),
            "{what}: {} {text}",
            self.status
        );
        text
    }
}
