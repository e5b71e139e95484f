//! JSON Schemas as tables of Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

/// The parts that schemas refer to, by their names.
pub type Parts = BTreeMap<String, Json>;

/// Renders schemas; a part links to the page that describes it.
pub struct SchemaTables {
    /// The page of each part: empty for one on the same page.
    pages: BTreeMap<String, &'static str>,
    parts: Parts,
}

/// The name that people read: `Raw` says only that the program has not checked it yet.
fn shown(name: &str) -> &str {
    name.strip_prefix("Raw").unwrap_or(name)
}

fn is_object(schema: &Json) -> bool {
    schema.get("properties").is_some()
}

/// Whether it is told in a few words where it is used.
fn is_plain(schema: &Json) -> bool {
    schema.get("const").is_some()
        || (schema.get("type").is_some_and(Json::is_string)
            && !is_object(schema)
            && schema.get("items").is_none()
            && schema.get("additionalProperties").is_none())
}

fn describe(schema: &Json) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as a cell of a table may hold it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

impl SchemaTables {
    /// `pages` says where each of these parts is described.
    pub fn new(parts: &[(&'static str, &Parts)]) -> Self {
        let mut found = Self {
            pages: BTreeMap::new(),
            parts: Parts::new(),
        };
        for (page, parts) in parts {
            for (name, schema) in *parts {
                found.pages.entry(name.clone()).or_insert(page);
                found
                    .parts
                    .entry(name.clone())
                    .or_insert_with(|| schema.clone());
            }
        }
        found
    }

    /// What a value of this schema is, in a few words.
    pub fn words(&self, schema: &Json) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            let (_, name) = reference.rsplit_once('/').unwrap();
            return self.reference(name);
        }
        if let Some(value) = schema.get("const") {
            return format!(
                "`{}`",
                value.as_str().map_or(value.to_string(), str::to_owned)
            );
        }
        if let Some(values) = schema["enum"].as_array() {
            let values = values
                .iter()
                .map(|value| format!("`{}`", value.as_str().unwrap()));
            return values.collect::<Vec<_>>().join(", ");
        }
        if let Some(kinds) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let kinds = kinds.iter().filter(|kind| kind["type"] != "null");
            return kinds
                .map(|kind| self.words(kind))
                .collect::<Vec<_>>()
                .join(" or ");
        }
        let kind = match &schema["type"] {
            Json::String(kind) => kind.as_str(),
            Json::Array(kinds) => kinds
                .iter()
                .filter_map(Json::as_str)
                .find(|kind| *kind != "null")
                .unwrap(),
            _ => return "any value".to_owned(),
        };
        match kind {
            "array" => format!("list of {}", self.words(&schema["items"])),
            "object" => {
                let patterns = schema["patternProperties"].as_object();
                let of = patterns.and_then(|patterns| patterns.values().next());
                match of.or(schema.get("additionalProperties")) {
                    Some(of) if of.is_object() => format!("mapping to {}", self.words(of)),
                    _ => "mapping".to_owned(),
                }
            }
            "string" if schema["format"] == "date-time" => "time".to_owned(),
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "number" => "number".to_owned(),
            "boolean" => "true or false".to_owned(),
            kind => panic!("{kind}: {schema}"),
        }
    }

    fn reference(&self, name: &str) -> String {
        let part = &self.parts[name];
        if part.get("const").is_some() {
            return self.words(part);
        }
        let shown = shown(name);
        format!("[{shown}]({}#{})", self.pages[name], shown.to_lowercase())
    }

    /// The keys of an object as a table.
    pub fn keys(&self, schema: &Json) -> String {
        let required = schema["required"].as_array();
        let is_required = |key: &str| {
            required.is_some_and(|required| required.iter().any(|name| name.as_str() == Some(key)))
        };
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let mut table = "| key | value | |\n| --- | --- | --- |\n".to_owned();
        // What must be there comes first.
        for required in [true, false] {
            for (key, value) in properties
                .iter()
                .filter(|(key, _)| is_required(key) == required)
            {
                let mut words = describe(value);
                match value.get("default") {
                    Some(Json::Null | Json::Array(_) | Json::Object(_)) | None => {}
                    Some(default) => {
                        let default = default.as_str().map_or(default.to_string(), str::to_owned);
                        let _ = write!(words, " Without it: `{default}`.");
                    }
                }
                let key = if required {
                    format!("**`{key}`**")
                } else {
                    format!("`{key}`")
                };
                let _ = writeln!(
                    table,
                    "| {key} | {} | {} |",
                    cell(&self.words(value)),
                    cell(words.trim())
                );
            }
        }
        table
    }

    /// Every part of a page, each under a heading of its own; plain ones together in a table.
    pub fn sections(&self, parts: &Parts) -> String {
        let mut sections = String::new();
        let mut plain = "| value | what it is | form |\n| --- | --- | --- |\n".to_owned();
        for (name, schema) in parts {
            if schema.get("const").is_some() {
                continue;
            }
            let shown = shown(name);
            if is_plain(schema) {
                let form = schema["pattern"].as_str();
                let form = form.map_or(self.words(schema), |form| format!("`{form}`"));
                let _ = writeln!(
                    plain,
                    "| <a id=\"{}\"></a>{shown} | {} | {} |",
                    shown.to_lowercase(),
                    cell(&describe(schema)),
                    cell(&form)
                );
                continue;
            }
            let _ = write!(sections, "### {shown}\n\n");
            let description = describe(schema);
            if !description.is_empty() {
                let _ = write!(sections, "{description}\n\n");
            }
            if is_object(schema) {
                sections.push_str(&self.keys(schema));
            } else if let Some(kinds) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
                for kind in kinds {
                    let words = describe(kind);
                    let separator = if words.is_empty() { "" } else { ": " };
                    let _ = writeln!(sections, "- {}{separator}{words}", self.one_of(kind));
                }
            } else {
                let _ = writeln!(sections, "{}.", self.words(schema));
            }
            sections.push('\n');
        }
        format!("{sections}### Plain values\n\n{plain}")
    }

    /// One of several forms, with its keys where it is written out.
    fn one_of(&self, kind: &Json) -> String {
        if !is_object(kind) {
            return self.words(kind);
        }
        let keys = kind["properties"].as_object().unwrap();
        let keys = keys
            .iter()
            .map(|(key, value)| format!("`{key}`: {}", self.words(value)));
        format!("{{{}}}", keys.collect::<Vec<_>>().join(", "))
    }
}
