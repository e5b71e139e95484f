//! Exactly what is decided on: everything of a recommendation that an executor receives, in canonical form and
//! against what is on `main`. The check, the comment, the terminal, the dashboard, the API and MCP all show this
//! value, and nothing of it is ever cut: what is too long to be shown whole is invalid
//! ([`validity`](super::validity)).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::risk_context::RiskContext;
use crate::domain::documents::{Citation, Recommendation};
use crate::domain::hidden::is_hidden;
use crate::domain::ids::{ActionName, ParameterName, TargetName};
use crate::domain::value::Value;
use crate::rules::Rules;

/// A longer piece of text goes on over several lines, so that nothing is out of sight on a narrow page.
const WIDTH: usize = 96;

/// An action as its executor receives it; the rationale and who proposes it are shown beside it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ProposedAction {
    /// The action type.
    pub action: ActionName,
    /// Every target, with each of its parameters that is to be changed.
    pub targets: Vec<TargetChanges>,
    /// Whether `main` could be read: otherwise nothing is known of present values and environments.
    pub is_compared: bool,
    /// What has to be so still when it is carried out.
    pub expects: BTreeMap<ParameterName, Value>,
    /// What else the executor is told.
    pub details: BTreeMap<String, Value>,
    /// What the agent names as its sources.
    pub citations: Vec<Citation>,
}

/// What happens to one target.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TargetChanges {
    /// Which; none where parameters are to be changed of no target at all.
    pub target: Option<TargetName>,
    /// Where it runs, as its file on `main` says; none if it is not there.
    pub environment: Option<String>,
    /// Each parameter that is to be changed.
    pub changes: Vec<ParameterChange>,
}

/// What happens to one parameter of a target.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ParameterChange {
    /// Which.
    pub name: ParameterName,
    /// Its present value; none if the target has no such parameter.
    pub before: Option<Value>,
    /// Its new value; null removes it.
    pub after: Value,
    /// The value that people approved or set last, if agents have moved it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Value>,
    /// What its numbers count, as the rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl ParameterChange {
    /// A value on one line, with its unit.
    pub fn shown(&self, value: &Value) -> String {
        match &self.unit {
            Some(unit) if matches!(value, Value::Number(_)) => format!("{} {unit}", compact(value)),
            _ => compact(value),
        }
    }
}

impl ProposedAction {
    /// What a recommendation would do to the targets as they are; nothing is known of them where `main` cannot be
    /// read.
    pub fn against(recommendation: &Recommendation, situation: Option<&RiskContext>) -> Self {
        let mut action = Self::of(recommendation, situation.unwrap_or(&RiskContext::default()));
        action.is_compared = situation.is_some();
        action
    }

    /// What a recommendation would do to the targets as they are.
    pub fn of(recommendation: &Recommendation, situation: &RiskContext) -> Self {
        let named = recommendation.targets.iter().map(Some);
        let nothing_named = recommendation.targets.is_empty() && !recommendation.changes.is_empty();
        let targets = named.chain(nothing_named.then_some(None)).map(|target| {
            let present = target.and_then(|target| situation.find_target(target));
            let changes = recommendation.changes.iter();
            TargetChanges {
                target: target.cloned(),
                environment: present.map(|present| present.environment.clone()),
                changes: changes
                    .map(|(name, after)| ParameterChange {
                        name: name.clone(),
                        before: present.and_then(|present| present.parameters.get(name).cloned()),
                        after: after.clone(),
                        baseline: present
                            .and_then(|present| present.baselines.get(name))
                            .map(|baseline| baseline.value.clone()),
                        unit: None,
                    })
                    .collect(),
            }
        });
        Self {
            action: recommendation.action.clone(),
            targets: targets.collect(),
            is_compared: true,
            expects: recommendation.expects.clone(),
            details: recommendation.details.clone(),
            citations: recommendation.citations.clone(),
        }
    }

    /// With the units that the rules give to its parameters.
    pub fn with_units(mut self, rules: &Rules) -> Self {
        let changes = self
            .targets
            .iter_mut()
            .flat_map(|target| &mut target.changes);
        for change in changes {
            let guidance = rules.parameters.get(&change.name);
            change.unit = guidance.and_then(|guidance| guidance.unit.clone());
        }
        self
    }

    /// The canonical text, one fact a line: numbers exactly as they were written, text as JSON in which every
    /// character that hides is an escape. Targets to which the same happens share their lines.
    pub fn text(&self) -> String {
        let mut lines = Lines::default();
        for (names, target) in self.grouped() {
            self.heading(&mut lines, &names, target);
            for change in &target.changes {
                lines.change(change, self.is_compared);
            }
        }
        self.push_rest(&mut lines);
        lines.text
    }

    /// The part of the text that is about no target: what is expected, details, citations.
    pub fn rest(&self) -> String {
        let mut lines = Lines::default();
        self.push_rest(&mut lines);
        lines.text
    }

    fn push_rest(&self, lines: &mut Lines) {
        if !self.expects.is_empty() {
            lines.push(0, "only if it is still so that");
            for (name, value) in &self.expects {
                lines.value(2, &format!("{name}: "), value);
            }
        }
        if !self.details.is_empty() {
            lines.push(0, "details");
            for (key, value) in &self.details {
                lines.value(2, &format!("{}: ", quote(key)), value);
            }
        }
        if !self.citations.is_empty() {
            lines.push(0, "citations");
            for Citation { title, url } in &self.citations {
                lines.value(2, "- title: ", &Value::Text(title.clone()));
                if let Some(url) = url {
                    lines.value(4, "url: ", &Value::Text(url.clone()));
                }
            }
        }
    }

    /// The targets to which exactly the same happens, in the order of the first of each kind.
    fn grouped(&self) -> Vec<(Vec<&TargetName>, &TargetChanges)> {
        let mut groups: Vec<(Vec<&TargetName>, &TargetChanges)> = Vec::new();
        let mut places: BTreeMap<(Option<&str>, String), usize> = BTreeMap::new();
        for target in &self.targets {
            let mut same = Lines::default();
            for change in &target.changes {
                same.change(change, self.is_compared);
            }
            let key = (target.environment.as_deref(), same.text);
            let place = *places.entry(key).or_insert_with(|| {
                groups.push((Vec::new(), target));
                groups.len() - 1
            });
            if let Some((names, _)) = groups.get_mut(place) {
                names.extend(&target.target);
            }
        }
        groups
    }

    /// `target rsi-eurusd (live)`, or how many and under it which.
    fn heading(&self, lines: &mut Lines, names: &[&TargetName], target: &TargetChanges) {
        let place = match &target.environment {
            Some(environment) => format!("({})", plain(environment)),
            None if self.is_compared => "(not on main)".to_owned(),
            None => "(main cannot be read)".to_owned(),
        };
        match names {
            [] => lines.push(0, "no target"),
            [name] => lines.push(0, &format!("target {name} {place}")),
            names => {
                lines.push(0, &format!("{} targets {place}", names.len()));
                let mut line = String::new();
                for (index, name) in names.iter().enumerate() {
                    let separator = if index + 1 < names.len() { "," } else { "" };
                    if !line.is_empty() && line.len() + name.as_str().len() > WIDTH {
                        lines.push(2, line.trim_end());
                        line.clear();
                    }
                    line.push_str(name.as_str());
                    line.push_str(separator);
                    line.push(' ');
                }
                lines.push(2, line.trim_end());
            }
        }
    }
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn push(&mut self, indent: usize, line: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// `stop_loss_pct: 3.0 → 4`, on several lines where it is long.
    fn change(&mut self, change: &ParameterChange, is_compared: bool) {
        let ParameterChange {
            name,
            before,
            after,
            baseline,
            ..
        } = change;
        let nothing = if is_compared { "unset" } else { "unknown" };
        let shown = |value| change.shown(value);
        let present = before.as_ref().map_or_else(|| nothing.to_owned(), shown);
        let seen = baseline.as_ref().map_or_else(String::new, |value| {
            format!(" ({} when people saw it last)", change.shown(value))
        });
        let line = format!("{name}: {present} → {}{seen}", change.shown(after));
        if fits(&line) {
            return self.push(2, &line);
        }
        match before {
            Some(before) => self.value(2, &format!("{name}: "), before),
            None => self.push(2, &format!("{name}: {nothing}")),
        }
        self.value(4, "→ ", after);
        if let Some(baseline) = baseline {
            self.value(4, "when people saw it last: ", baseline);
        }
    }

    /// A value behind its label; what is long goes on below it, further in.
    fn value(&mut self, indent: usize, label: &str, value: &Value) {
        let line = format!("{label}{}", compact(value));
        if fits(&line) {
            return self.push(indent, &line);
        }
        match value {
            Value::Text(text) => {
                self.push(indent, label.trim_end());
                for piece in pieces(text) {
                    self.push(indent + 2, &quote(piece));
                }
            }
            Value::List(items) => {
                self.push(indent, &format!("{label}["));
                for item in items {
                    self.value(indent + 2, "", item);
                }
                self.push(indent, "]");
            }
            Value::Map(entries) => {
                self.push(indent, &format!("{label}{{"));
                for (key, value) in entries {
                    self.value(indent + 2, &format!("{}: ", quote(key)), value);
                }
                self.push(indent, "}");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.push(indent, &line),
        }
    }
}

fn fits(line: &str) -> bool {
    line.chars().nth(WIDTH).is_none()
}

/// A long text in pieces that each end a line of it or fill one.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some((at, _)) = rest.char_indices().nth(WIDTH) {
            let (piece, tail) = rest.split_at(at);
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
    }
    pieces
}

/// A value on one line, whole.
pub fn compact(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => quote(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(compact).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{}: {}", quote(key), compact(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A word that cannot be mistaken for anything else stands for itself.
fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// A text as a JSON string on one line, in which nothing hides: not by being invisible, not by turning others
/// around, not as a space that is none.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' ' => quoted.push(' '),
            c if is_hidden(c) || c.is_whitespace() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    quoted.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::fixtures::{example, recommend};

    #[test]
    fn the_whole_action_is_in_the_text() {
        let mut about = recommend(
            "modify_parameters",
            "live paper draft nowhere",
            &[("stop_loss_pct", "2.50"), ("note", "\"a\\nb\\u202e\"")],
        );
        about.expects = BTreeMap::from([(
            "stop_loss_pct".parse().unwrap(),
            Value::from_argument("3.0").unwrap(),
        )]);
        about.details = BTreeMap::from([
            (
                "command".to_owned(),
                Value::Text(format!("echo{}; rm -rf /", " ".repeat(120))),
            ),
            (
                "venues\u{a0}".to_owned(),
                Value::from_argument(r#"[{"name": "X", "limit": 100000000000000001}]"#).unwrap(),
            ),
        ]);
        about.citations = vec![Citation {
            title: "`A` @carol".to_owned(),
            url: Some("https://example.org/a".to_owned()),
        }];
        let action = ProposedAction::of(&about, &example());
        insta::assert_snapshot!(action.text(), @r#"
        target live (live)
          note: unset → "a\nb\u202e"
          stop_loss_pct: 3.0 → 2.5
        target paper (paper)
          note: unset → "a\nb\u202e"
          stop_loss_pct: 3.0 → 2.5
        target draft (inactive)
          note: unset → "a\nb\u202e"
          stop_loss_pct: 3.0 → 2.5
        target nowhere (not on main)
          note: unset → "a\nb\u202e"
          stop_loss_pct: unset → 2.5
        only if it is still so that
          stop_loss_pct: 3.0
        details
          "command":
            "echo                                                                                            "
            "                            ; rm -rf /"
          "venues\u00a0": [{"limit": 100000000000000001, "name": "X"}]
        citations
          - title: "`A` @carol"
            url: "https://example.org/a"
        "#);
    }

    #[test]
    fn what_is_changed_of_no_target_is_shown_too() {
        let about = recommend("unheard_of", "", &[("leverage", "2")]);
        let action = ProposedAction::of(&about, &example());
        assert_eq!(action.text(), "no target\n  leverage: unset → 2\n");
    }

    proptest::proptest! {
        /// A text is read back from its pieces, and no character of it is left out or hides.
        #[test]
        fn nothing_of_a_text_is_lost(text in "(?s).{0,400}") {
            let mut lines = Lines::default();
            lines.value(0, "", &Value::Text(text.clone()));
            let quoted = lines.text.lines().map(str::trim).filter(|line| !line.is_empty());
            let read: String = quoted
                .map(|line| serde_json::from_str::<String>(line).unwrap())
                .collect();
            proptest::prop_assert_eq!(read, text);
            proptest::prop_assert!(!lines.text.chars().any(|c| c != '\n' && is_hidden(c)));
        }
    }
}
