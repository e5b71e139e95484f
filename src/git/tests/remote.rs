//! What becomes of an exchange that a server refuses, or that breaks off.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use super::*;

const MAIN: &str = "refs/heads/main";

/// Gives a password, and remembers whether the last one was said to be refused.
#[derive(Default)]
struct Asked(Mutex<Vec<bool>>);

impl Credentials for Asked {
    fn find_password(&self, refused: bool) -> Result<Option<SecretString>, NoPassword> {
        self.0.lock().unwrap().push(refused);
        Ok(Some(SecretString::from("s3cret")))
    }
}

/// The address of a server that answers every request so; with nothing it hangs up.
fn server(reply: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/acme/governance.git",
        listener.local_addr().unwrap()
    );
    let reply = reply.to_owned();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                request.extend(byte);
            }
            stream.write_all(reply.as_bytes()).ok();
        }
    });
    url
}

fn answer(status: &str) -> String {
    let words = "words of it";
    let length = words.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nWWW-Authenticate: Basic realm=\"x\"\r\nLocation: http://127.0.0.1:9/x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{words}"
    )
}

fn fetch(url: &str) -> (RemoteError, Vec<bool>) {
    let (_dir, repo) = repo();
    let asked = Arc::new(Asked::default());
    let credentials: Arc<dyn Credentials> = Arc::<Asked>::clone(&asked);
    let remote = Remote::new(url, credentials);
    let error = remote.fetch(&repo, &[MAIN.to_owned()]).unwrap_err();
    let objects = std::fs::read_dir(repo.path().join("objects")).unwrap();
    let names = objects.map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names
        .filter(|name| name.to_string_lossy().starts_with("countersign"))
        .collect();
    assert_eq!(left, [""; 0]);
    assert!(!repo.path().join("FETCH_HEAD").exists());
    let refused = asked.0.lock().unwrap().clone();
    (error, refused)
}

#[test]
fn a_password_that_is_refused_is_renewed_once() {
    let (error, asked) = fetch(&server(&answer("401 Unauthorized")));
    assert!(
        matches!(error, RemoteError::Denied { status: 401, .. }),
        "{error}"
    );
    assert_eq!(asked, [false, true]);
}

#[test]
fn what_a_server_refuses_is_told_by_its_status() {
    for (status, words) in [
        (403, "refused the credentials (HTTP 403): "),
        (404, "refused the credentials (HTTP 404): "),
        (301, "answered with HTTP 301: words of it"),
        (429, "answered with HTTP 429: words of it"),
        (502, "answered with HTTP 502: words of it"),
    ] {
        let url = server(&answer(&format!("{status} Oh")));
        let (error, asked) = fetch(&url);
        let text = error.to_string();
        assert!(text.starts_with(&format!("`{url}` {words}")), "{text}");
        match error {
            RemoteError::Denied { status: told, .. } | RemoteError::Status { status: told, .. } => {
                assert_eq!(told, status);
            }
            error => panic!("{error}"),
        }
        assert_eq!(asked, [false]);
    }
}

#[test]
fn who_hangs_up_or_is_not_there_did_not_answer() {
    let gone = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/acme/governance.git", free.local_addr().unwrap())
    };
    for url in [server(""), gone] {
        let (error, _) = fetch(&url);
        assert!(matches!(error, RemoteError::Unreachable { .. }), "{error}");
    }
}

#[test]
fn nothing_but_http_is_spoken() {
    let (error, _) = fetch("ext::sh -c 'touch pwned'");
    assert!(
        error.to_string().contains("transport 'ext' not allowed"),
        "{error}"
    );
}
