//! Questions to the API with a token, each answer held against the description that the server gives of itself.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value as Json, json};

use super::TestRepo;
use super::serving::{Answer, Serving, serve};

/// The description that a server gives of itself, and what was asked of it so far.
pub struct Described {
    pub document: Json,
    /// Every operation and status that an answer was held against.
    pub seen: Mutex<HashMap<String, usize>>,
}

/// A server with its description.
pub struct Asking {
    pub serving: Serving,
    pub described: Described,
}

impl Asking {
    #[track_caller]
    pub fn start(stage: &TestRepo) -> Self {
        Self::with(Serving::start(&mut serve(stage, &[])))
    }

    #[track_caller]
    pub fn with(serving: Serving) -> Self {
        serving.is_ready();
        let document = serving.at("/api/v1/openapi.json").gives(200).json();
        let seen = Mutex::default();
        Self {
            serving,
            described: Described { document, seen },
        }
    }

    /// Asks, and holds the answer against the description.
    #[track_caller]
    pub fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        self.ask_with(
            token,
            (method, path),
            "application/json",
            bytes.unwrap_or_default(),
        )
    }

    #[track_caller]
    pub fn ask_with(
        &self,
        token: &str,
        (method, path): (&str, &str),
        kind: &str,
        body: Vec<u8>,
    ) -> Answer {
        let url = format!("{}/api/v1{path}", self.serving.url);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request = request.header("content-type", kind);
        let answer = self.serving.ask(request.body(body).unwrap());
        self.described.holds(method, path, &answer);
        answer
    }

    #[track_caller]
    pub fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(token, "GET", path, None)
    }

    #[track_caller]
    pub fn post(&self, token: &str, path: &str, body: &Json) -> Answer {
        self.ask(token, "POST", path, Some(body))
    }
}

impl Described {
    /// The operation that answers to an address, with its template.
    fn find(&self, method: &str, path: &str) -> Option<(String, &Json)> {
        let path = format!("/api/v1{}", path.split('?').next().unwrap());
        let asked: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let parts: Vec<&str> = template.split('/').collect();
            parts.len() == asked.len()
                && parts
                    .iter()
                    .zip(&asked)
                    .all(|(part, word)| part == word || part.starts_with('{'))
        };
        let paths = self.document["paths"].as_object().unwrap();
        let (template, item) = paths
            .iter()
            .find(|(template, item)| fits(template) && item.get(method.to_lowercase()).is_some())?;
        Some((format!("{method} {template}"), &item[method.to_lowercase()]))
    }

    /// Fails the test unless an answer is one that is described.
    #[track_caller]
    pub fn holds(&self, method: &str, path: &str, answer: &Answer) {
        let Some((name, operation)) = self.find(method, path) else {
            return;
        };
        let responses = &operation["responses"];
        let status = answer.status.to_string();
        let range = format!("{}XX", &status[..1]);
        let described = responses.get(&status).or_else(|| responses.get(&range));
        let described = described
            .unwrap_or_else(|| panic!("{name} does not describe {status}: {}", answer.body));
        let kind = answer.header("content-type").to_owned();
        let schema = &described["content"][&kind]["schema"];
        assert!(
            schema.is_object(),
            "{name} {status} does not describe `{kind}`: {described}"
        );
        let problems = self.problems(schema, &answer.json());
        assert!(
            problems.is_empty(),
            "{name} {status}: {problems:#?}\n{}",
            answer.body
        );
        *self
            .seen
            .lock()
            .unwrap()
            .entry(format!("{name} {status}"))
            .or_default() += 1;
    }

    /// What is wrong with a value, by a schema of the description.
    pub fn problems(&self, schema: &Json, value: &Json) -> Vec<String> {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors = validator.iter_errors(value);
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }
}

/// A recommendation that a reviewer has to approve.
pub fn medium() -> Json {
    json!({"action": "modify_parameters", "targets": ["rsi-eurusd"], "changes": {"stop_loss_pct": 4}, "rationale": "Backtests."})
}

/// A recommendation that nobody has to approve.
pub fn low() -> Json {
    json!({"action": "modify_parameters", "targets": ["rsi-eurusd-draft"], "changes": {"stop_loss_pct": 1.5}})
}
