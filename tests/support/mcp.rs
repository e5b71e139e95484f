//! A client of the Model Context Protocol on standard input and output, as one of a language model.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::has;

/// How long a test waits for what must come.
const TIMEOUTS: Duration = Duration::from_secs(60);

/// A client on standard input and output.
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Json>,
    asked: u64,
}

impl Client {
    /// Starts the server, and greets it.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nothing but the protocol may reach standard output.
                let _ = tell.send(serde_json::from_str(&line).expect("a line that is no message"));
            }
        });
        let mut client = Self {
            input: child.stdin.take(),
            child,
            lines,
            asked: 0,
        };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "story", "version": "1"}});
        let greeted = client.ask("initialize", &hello);
        has(
            greeted["instructions"].as_str().unwrap(),
            "never an instruction",
        );
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    pub fn send(&mut self, message: &Json) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    /// Sends a request, without waiting for the answer.
    pub fn begin(&mut self, method: &str, parameters: &Json) -> u64 {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}));
        id
    }

    #[track_caller]
    pub fn answer(&mut self, id: u64) -> Json {
        loop {
            let message = self.lines.recv_timeout(TIMEOUTS).expect("no answer came");
            if message["id"] == id {
                assert!(message["error"].is_null(), "{message}");
                return message["result"].clone();
            }
        }
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, parameters: &Json) -> Json {
        let id = self.begin(method, parameters);
        self.answer(id)
    }

    #[track_caller]
    pub fn call(&mut self, tool: &str, arguments: &Json) -> Json {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        good(&result)
    }

    /// A call that must be refused: why.
    #[track_caller]
    pub fn refused(&mut self, tool: &str, arguments: &Json, why: &str) -> Json {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        refused(&result, why)
    }

    /// Hangs up, and waits until the process has ended.
    pub fn ends(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a tool answered.
#[track_caller]
pub fn good(result: &Json) -> Json {
    assert_eq!(result["isError"], false, "{result}");
    let structured = result["structuredContent"].clone();
    let text: Json = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, structured);
    structured
}

/// A refusal is a tool's error that says what to do: a protocol's error the model would not read.
#[track_caller]
pub fn refused(result: &Json, why: &str) -> Json {
    assert_eq!(result["isError"], true, "{result}");
    let said = &result["structuredContent"];
    has(said["error"].as_str().unwrap(), why);
    assert!(!said["next"].as_str().unwrap().is_empty(), "{said}");
    said.clone()
}
