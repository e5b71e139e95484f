//! GitHub's own description of itself, and whether what goes over the wire keeps to it.
//!
//! A double that was written from memory teaches its users to talk to the double. So every request that a test makes,
//! every answer and every webhook is held against the descriptions that GitHub publishes (the packages
//! `@octokit/openapi` and `@octokit/openapi-webhooks`, which `.ci/run` puts beside the build). Only the schemas that
//! are met are compiled. Where they are missing the tests stop and say how to get them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The errors that GitHub may answer anywhere, though the description lists them for some operations only.
const ANYWHERE: [u16; 9] = [304, 401, 403, 404, 422, 429, 500, 502, 503];

/// Where the description is known to be wrong about GitHub: a part of the place, its end, and the complaint.
const WRONG_IN_THE_DESCRIPTION: &[(&str, &str, &str)] = &[
    // In lists of pull requests a label must have a description, by itself it need not: GitHub gives null in both.
    ("/labels/", "/description", "null is not of type \"string\""),
    // Of a deleted fork nothing is left: GitHub gives null.
    ("/head/", "/repo", "null is not of type \"object\""),
    // In the list of installations an account must be a user and an enterprise at once; elsewhere it is either.
    ("/0/account", "/account", "in the 'anyOf' keyword"),
    ("/1/account", "/account", "in the 'anyOf' keyword"),
    // GitHub's own address of a bot has brackets: `1+name[bot]@users.noreply.github.com`.
    (
        "/",
        "/email",
        "[bot]@users.noreply.github.com\" is not a \"email\"",
    ),
];

/// Where the descriptions of an installed npm package lie.
pub fn npm_folder() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.parent().unwrap().join("npm")
}

/// Reads a file of an npm package that the tests need; a missing one is a failure, never a test that is left out.
pub fn npm_json(path: &str) -> Value {
    let file = npm_folder().join("node_modules").join(path);
    let text = std::fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}\nthe tests hold everything against GitHub's own descriptions: `.ci/run npm` fetches them",
            file.display()
        )
    });
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A description, and the schemas of it that were compiled so far.
pub struct Description {
    document: Value,
    draft: Draft,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The description of the REST API.
pub fn api() -> &'static Description {
    static API: OnceLock<Description> = OnceLock::new();
    // OpenAPI 3.0: what stands beside a `$ref` has no meaning, as in draft 7.
    API.get_or_init(|| {
        Description::load(
            "@octokit/openapi/generated/api.github.com.json",
            Draft::Draft7,
        )
    })
}

/// The description of the webhooks.
pub fn webhooks() -> &'static Description {
    static WEBHOOKS: OnceLock<Description> = OnceLock::new();
    WEBHOOKS.get_or_init(|| {
        Description::load(
            "@octokit/openapi-webhooks/generated/api.github.com.json",
            Draft::Draft202012,
        )
    })
}

/// One request and its answer, as far as the description speaks of it.
pub struct Exchange<'a> {
    pub method: &'a str,
    pub route: &'a str,
    pub query: &'a BTreeMap<String, String>,
    pub body: Option<&'a Value>,
}

impl Description {
    fn load(path: &str, draft: Draft) -> Self {
        Self {
            document: npm_json(path),
            draft,
            compiled: Mutex::new(HashMap::new()),
        }
    }

    fn operation(&self, method: &str, route: &str) -> Option<&Value> {
        self.document["paths"]
            .get(route)?
            .get(method.to_lowercase())
    }

    /// What is wrong with a request, in words.
    pub fn check_request(&self, exchange: &Exchange) -> Vec<String> {
        let name = format!("{} {}", exchange.method, exchange.route);
        let Some(operation) = self.operation(exchange.method, exchange.route) else {
            return vec![format!("{name}: GitHub describes no such operation")];
        };
        let mut wrong = self.check_query(&name, operation, exchange.query);
        let described = self
            .resolve(&operation["requestBody"])
            .pointer("/content/application~1json/schema");
        match (exchange.body, described) {
            (None, Some(_)) if operation["requestBody"]["required"] == true => {
                wrong.push(format!("{name}: the request needs a body"));
            }
            (Some(body), Some(schema)) => {
                let key = format!("request {name}");
                wrong.extend(self.check(&key, schema, body));
                wrong.extend(self.unknown_keys(&key, schema, body));
            }
            (Some(body), None) if !is_empty(body) => {
                wrong.push(format!(
                    "{name}: the request has a body, but none is described: {body}"
                ));
            }
            _ => {}
        }
        wrong
    }

    /// What is wrong with an answer, in words.
    pub fn check_answer(
        &self,
        exchange: &Exchange,
        status: u16,
        body: Option<&Value>,
    ) -> Vec<String> {
        let name = format!("{} {}", exchange.method, exchange.route);
        let Some(operation) = self.operation(exchange.method, exchange.route) else {
            return Vec::new();
        };
        let Some(described) = operation["responses"].get(status.to_string()) else {
            return if ANYWHERE.contains(&status) {
                self.check_error(&name, status, body)
            } else {
                vec![format!("{name}: GitHub never answers {status} here")]
            };
        };
        let key = format!("answer {status} {name}");
        let content = self.resolve(described).get("content");
        let schema = content.and_then(|content| {
            let json = content.get("application/json");
            json.or_else(|| content.as_object()?.values().next())?
                .get("schema")
        });
        match (body, schema) {
            (Some(body), Some(schema)) => {
                let mut wrong = self.check(&key, schema, body);
                // Of a list the first item stands for all.
                let (schema, body) = match self.resolve(schema).get("items") {
                    Some(items) => (items, &body[0]),
                    None => (schema, body),
                };
                // GitHub's errors hold a `status` that the description of most of them does not know.
                if status < 300 {
                    wrong.extend(self.unknown_keys(&key, schema, body));
                }
                wrong
            }
            (None, Some(_)) if status != 304 => vec![format!("{key}: the body is missing")],
            (Some(body), None) if status == 204 => vec![format!("{key}: there is a body: {body}")],
            _ => Vec::new(),
        }
    }

    /// What is wrong with the payload of a webhook, in words.
    pub fn check_webhook(&self, event: &str, payload: &Value) -> Vec<String> {
        let names = self.document["webhooks"].as_object().unwrap();
        let dashed = event.replace('_', "-");
        let name = match payload["action"].as_str() {
            // The action of a dispatch is the sender's own word.
            Some(_) if event == "repository_dispatch" => {
                "repository-dispatch-sample.collected".to_owned()
            }
            Some(action) => format!("{dashed}-{}", action.replace('_', "-")),
            None => dashed,
        };
        let Some(hook) = names.get(&name) else {
            return vec![format!("webhook {name}: GitHub describes no such event")];
        };
        let Some(schema) = hook.pointer("/post/requestBody/content/application~1json/schema")
        else {
            return vec![format!("webhook {name}: its description has no schema")];
        };
        self.check(&format!("webhook {name}"), schema, payload)
    }

    fn check_error(&self, name: &str, status: u16, body: Option<&Value>) -> Vec<String> {
        let schema = &json!({"$ref": "#/components/schemas/basic-error"});
        match body {
            // A gateway in front of GitHub answers in HTML.
            Some(body) if status < 500 => {
                self.check(&format!("error {status} {name}"), schema, body)
            }
            _ => Vec::new(),
        }
    }

    fn check_query(
        &self,
        name: &str,
        operation: &Value,
        query: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let parameters = operation["parameters"].as_array();
        let known: Vec<&Value> = parameters
            .into_iter()
            .flatten()
            .map(|parameter| self.resolve(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .collect();
        let mut wrong = Vec::new();
        for (key, text) in query {
            let Some(parameter) = known
                .iter()
                .find(|parameter| parameter["name"] == key.as_str())
            else {
                wrong.push(format!("{name}: GitHub knows no query parameter `{key}`"));
                continue;
            };
            let value = match parameter.pointer("/schema/type").and_then(Value::as_str) {
                Some("integer") => text
                    .parse::<i64>()
                    .map_or_else(|_| json!(text), |n| json!(n)),
                Some("boolean") => text
                    .parse::<bool>()
                    .map_or_else(|_| json!(text), |b| json!(b)),
                _ => json!(text),
            };
            let key = format!("query {key} of {name}");
            wrong.extend(self.check(&key, &parameter["schema"], &value));
        }
        for parameter in known {
            let key = parameter["name"].as_str().unwrap();
            if parameter["required"] == true && !query.contains_key(key) {
                wrong.push(format!("{name}: the query parameter `{key}` is missing"));
            }
        }
        wrong
    }

    /// GitHub drops keys that it does not know without a word, and so do those who read its answers: a misspelt one
    /// must not pass here.
    fn unknown_keys(&self, name: &str, schema: &Value, body: &Value) -> Vec<String> {
        let Some(keys) = self.keys_of(schema) else {
            return Vec::new();
        };
        body.as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !keys.contains(key.as_str()))
            .map(|(key, _)| format!("{name}: GitHub knows no key `{key}`"))
            .collect()
    }

    fn keys_of<'a>(&'a self, schema: &'a Value) -> Option<BTreeSet<&'a str>> {
        let schema = self.resolve(schema);
        if schema["additionalProperties"].is_object() || schema["additionalProperties"] == true {
            return None;
        }
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        keys.extend(
            schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.as_str()),
        );
        for way in ["oneOf", "anyOf", "allOf"] {
            for part in schema[way].as_array().into_iter().flatten() {
                keys.extend(self.keys_of(part)?);
            }
        }
        Some(keys)
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut value = value;
        while let Some(reference) = value["$ref"].as_str() {
            value = self.document.pointer(&reference[1..]).unwrap();
        }
        value
    }

    fn check(&self, key: &str, schema: &Value, value: &Value) -> Vec<String> {
        let known = self.compiled.lock().unwrap().get(key).cloned();
        // Compiled outside the lock: another thread may do the same in vain, but none waits.
        let validator = known.unwrap_or_else(|| {
            let made = Arc::new(self.compile(key, schema));
            self.compiled
                .lock()
                .unwrap()
                .insert(key.to_owned(), Arc::clone(&made));
            made
        });
        validator
            .iter_errors(value)
            .filter(|error| {
                let (path, said) = (error.instance_path().to_string(), error.to_string());
                let known = |(part, end, what): &(&str, &str, &str)| {
                    path.contains(part) && path.ends_with(end) && said.ends_with(what)
                };
                !WRONG_IN_THE_DESCRIPTION.iter().any(known)
            })
            .map(|error| {
                format!(
                    "{key}: at `{}`: {}",
                    error.instance_path(),
                    shortened(&error.to_string())
                )
            })
            .collect()
    }

    fn compile(&self, key: &str, schema: &Value) -> Validator {
        let mut components = Map::new();
        let mut wanted = Vec::new();
        let mut root = translated(schema, &mut wanted);
        while let Some(reference) = wanted.pop() {
            let name = reference.rsplit('/').next().unwrap().to_owned();
            if components.contains_key(&name) {
                continue;
            }
            let component = self.document.pointer(&reference[1..]).unwrap();
            components.insert(name, translated(component, &mut wanted));
        }
        if root.get("$ref").is_some() {
            root = json!({"allOf": [root]});
        }
        root["components"] = json!({"schemas": components});
        jsonschema::options()
            .with_draft(self.draft)
            .should_validate_formats(true)
            .build(&root)
            .unwrap_or_else(|error| panic!("{key}: {error}"))
    }
}

/// The complaint stands at the end, behind the whole value.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= 400 {
        return text.to_owned();
    }
    let (start, end): (String, String) = (
        text.chars().take(200).collect(),
        text.chars().skip(count - 200).collect(),
    );
    format!("{start} … {end}")
}

fn is_empty(body: &Value) -> bool {
    body.is_null() || body.as_object().is_some_and(Map::is_empty)
}

/// OpenAPI's schema as JSON Schema: `nullable` becomes a choice, examples and prose are left behind, and references
/// are noted.
fn translated(schema: &Value, wanted: &mut Vec<String>) -> Value {
    match schema {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                wanted.push(reference.to_owned());
            }
            let mut made = Map::new();
            for (key, value) in map {
                match key.as_str() {
                    "nullable" | "example" | "examples" | "description" | "title"
                    | "externalDocs" | "discriminator" | "deprecated" | "default" => {}
                    "properties" => {
                        let properties = value.as_object().unwrap().iter();
                        let properties: Map<String, Value> = properties
                            .map(|(name, value)| (name.clone(), translated(value, wanted)))
                            .collect();
                        made.insert(key.clone(), Value::Object(properties));
                    }
                    key if key.starts_with("x-") => {}
                    _ => {
                        made.insert(key.clone(), translated(value, wanted));
                    }
                }
            }
            if map.get("nullable") == Some(&Value::Bool(true)) {
                return json!({"anyOf": [{"type": "null"}, made]});
            }
            Value::Object(made)
        }
        Value::Array(items) => items.iter().map(|item| translated(item, wanted)).collect(),
        other => other.clone(),
    }
}
