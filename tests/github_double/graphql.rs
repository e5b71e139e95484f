//! GraphQL, as far as it is asked here: a query is parsed, held against an excerpt of GitHub's public schema (field by
//! field, argument by argument), and answered from the same books as REST.

use serde_json::{Map, Value, json};

use super::world::{Pull, Review, World, stamp};

/// The excerpt: a type, and its fields with their types and arguments. A type in capitals is a union or an interface.
type Field = (&'static str, &'static str, &'static [&'static str]);
const SCHEMA: &[(&str, &[Field])] = &[
    ("Query", &[("repository", "Repository", &["owner", "name"])]),
    (
        "Repository",
        &[
            ("pullRequest", "PullRequest", &["number"]),
            ("nameWithOwner", "", &[]),
        ],
    ),
    (
        "PullRequest",
        &[
            ("number", "", &[]),
            ("state", "", &[]),
            ("isDraft", "", &[]),
            ("headRefOid", "", &[]),
            ("headRefName", "", &[]),
            ("baseRefName", "", &[]),
            ("maintainerCanModify", "", &[]),
            ("headRepository", "Repository", &[]),
            (
                "timelineItems",
                "PullRequestTimelineItemsConnection",
                &["itemTypes", "first", "last", "after", "before", "since"],
            ),
            (
                "reviews",
                "PullRequestReviewConnection",
                &["first", "last", "after", "before", "states", "author"],
            ),
        ],
    ),
    (
        "PullRequestTimelineItemsConnection",
        &[
            ("nodes", "PullRequestTimelineItems", &[]),
            ("pageInfo", "PageInfo", &[]),
        ],
    ),
    (
        "PullRequestReviewConnection",
        &[
            ("nodes", "PullRequestReview", &[]),
            ("pageInfo", "PageInfo", &[]),
            ("totalCount", "", &[]),
        ],
    ),
    ("PullRequestTimelineItems", &[]),
    (
        "BaseRefChangedEvent",
        &[
            ("createdAt", "", &[]),
            ("currentRefName", "", &[]),
            ("previousRefName", "", &[]),
            ("actor", "Actor", &[]),
        ],
    ),
    (
        "AutomaticBaseChangeSucceededEvent",
        &[
            ("createdAt", "", &[]),
            ("oldBase", "", &[]),
            ("newBase", "", &[]),
            ("actor", "Actor", &[]),
        ],
    ),
    (
        "PageInfo",
        &[("hasNextPage", "", &[]), ("endCursor", "", &[])],
    ),
    (
        "PullRequestReview",
        &[
            ("fullDatabaseId", "", &[]),
            ("state", "", &[]),
            ("body", "", &[]),
            ("submittedAt", "", &[]),
            ("createdAt", "", &[]),
            ("lastEditedAt", "", &[]),
            ("editor", "Actor", &[]),
            ("commit", "Commit", &[]),
            ("author", "Actor", &[]),
        ],
    ),
    ("Commit", &[("oid", "", &[])]),
    ("Actor", &[("login", "", &[])]),
    ("User", &[("login", "", &[]), ("databaseId", "", &[])]),
    ("Bot", &[("login", "", &[]), ("databaseId", "", &[])]),
    ("Mannequin", &[("login", "", &[]), ("databaseId", "", &[])]),
];

/// What of a type may be asked as another.
const KINDS: &[(&str, &[&str])] = &[
    ("Actor", &["User", "Bot", "Mannequin"]),
    (
        "PullRequestTimelineItems",
        &["BaseRefChangedEvent", "AutomaticBaseChangeSucceededEvent"],
    ),
];

#[derive(Debug)]
enum Selection {
    Field {
        name: String,
        arguments: Vec<(String, Value)>,
        inner: Vec<Selection>,
    },
    Of {
        kind: String,
        inner: Vec<Selection>,
    },
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    variables: &'a Value,
}

fn tokens(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '"' | '-') {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            all.push(std::mem::take(&mut word));
        }
        if !c.is_whitespace() && c != ',' {
            all.push(c.to_string());
        }
    }
    all
}

impl Parser<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }
    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }
    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.peek() == token;
        self.at += usize::from(is_next);
        is_next
    }
    fn expects(&mut self, token: &str) -> Result<(), String> {
        let found = self.next();
        (found == token)
            .then_some(())
            .ok_or_else(|| format!("Expected `{token}`, found `{found}`"))
    }
    fn value(&mut self) -> Result<Value, String> {
        if self.takes("[") {
            let mut list = Vec::new();
            while !self.takes("]") {
                list.push(self.value()?);
            }
            return Ok(Value::Array(list));
        }
        let token = self.next();
        if let Some(name) = token.strip_prefix('$') {
            let given = self.variables.get(name);
            return given
                .cloned()
                .ok_or_else(|| format!("Variable ${name} was not provided"));
        }
        Ok(serde_json::from_str(&token).unwrap_or(Value::String(token)))
    }
    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        let mut all = Vec::new();
        self.expects("{")?;
        while !self.takes("}") {
            if self.takes("...") {
                self.expects("on")?;
                let kind = self.next();
                let inner = self.selections()?;
                all.push(Selection::Of { kind, inner });
                continue;
            }
            let name = self.next();
            if name.is_empty() {
                return Err("Unexpected end of document".to_owned());
            }
            let mut arguments = Vec::new();
            if self.takes("(") {
                while !self.takes(")") {
                    let key = self.next();
                    self.expects(":")?;
                    arguments.push((key, self.value()?));
                }
            }
            let inner = if self.peek() == "{" {
                self.selections()?
            } else {
                Vec::new()
            };
            all.push(Selection::Field {
                name,
                arguments,
                inner,
            });
        }
        Ok(all)
    }
}

/// What of an object is asked for.
fn pick(
    kind: &str,
    object: &Value,
    asked: &[Selection],
    problems: &mut Vec<String>,
) -> Map<String, Value> {
    let mut made = Map::new();
    let real = object["__typename"].as_str().unwrap_or(kind).to_owned();
    for selection in asked {
        match selection {
            Selection::Of { kind: of, inner } => {
                let may = KINDS
                    .iter()
                    .any(|(all, some)| *all == kind && some.contains(&of.as_str()));
                if !may {
                    problems.push(format!("Fragment on {of} can't be spread inside {kind}"));
                } else if *of == real {
                    made.extend(pick(of, object, inner, problems));
                } else {
                    // Its fields must exist all the same.
                    pick(of, &json!({}), inner, problems);
                }
            }
            Selection::Field { name, .. } if name == "__typename" => {
                made.insert(name.clone(), json!(real));
            }
            Selection::Field {
                name,
                arguments,
                inner,
            } => {
                let fields = SCHEMA.iter().find(|(known, _)| *known == kind);
                let field =
                    fields.and_then(|(_, fields)| fields.iter().find(|field| field.0 == name));
                let Some((_, of, known)) = field else {
                    problems.push(format!("Field '{name}' doesn't exist on type '{kind}'"));
                    continue;
                };
                for (argument, _) in arguments {
                    if !known.contains(&argument.as_str()) {
                        problems.push(format!(
                            "Field '{name}' doesn't accept argument '{argument}'"
                        ));
                    }
                }
                if of.is_empty() != inner.is_empty() {
                    problems.push(format!("Field '{name}' of '{kind}' needs other selections"));
                }
                let found = shown(&object[name.as_str()], name, arguments);
                let value = match &found {
                    Value::Array(list) => Value::Array(
                        list.iter()
                            .map(|one| deep(of, one, inner, problems))
                            .collect(),
                    ),
                    one => deep(of, one, inner, problems),
                };
                made.insert(name.clone(), value);
            }
        }
    }
    made
}

fn deep(of: &str, value: &Value, inner: &[Selection], problems: &mut Vec<String>) -> Value {
    if of.is_empty() {
        return value.clone();
    }
    let made = pick(of, value, inner, problems);
    if value.is_null() {
        Value::Null
    } else {
        Value::Object(made)
    }
}

/// A page of a list, as its arguments want it.
fn shown(value: &Value, name: &str, arguments: &[(String, Value)]) -> Value {
    let Some(nodes) = value["nodes"].as_array() else {
        return value.clone();
    };
    let ask = |key: &str| {
        arguments
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    };
    let mut nodes = nodes.clone();
    if name == "timelineItems"
        && let Some(kinds) = ask("itemTypes")
    {
        let kinds = kinds.as_array().unwrap();
        nodes.retain(|node| kinds.contains(&node["itemType"]));
    }
    let limit = value["limit"].as_u64().unwrap_or(100);
    if let Some(last) = ask("last").and_then(Value::as_u64) {
        let skip = nodes
            .len()
            .saturating_sub(usize::try_from(last.min(limit)).unwrap());
        return json!({"nodes": nodes[skip..], "pageInfo": {"hasNextPage": false, "endCursor": null}});
    }
    let first = ask("first").and_then(Value::as_u64).unwrap_or(0).min(limit);
    let after = ask("after").and_then(Value::as_str);
    let start = after.map_or(0, |cursor| {
        cursor.trim_start_matches("cursor-").parse().unwrap()
    });
    let end = (start + usize::try_from(first).unwrap()).min(nodes.len());
    json!({
        "nodes": nodes[start..end],
        "totalCount": nodes.len(),
        "pageInfo": {"hasNextPage": end < nodes.len(), "endCursor": format!("cursor-{end}")},
    })
}

impl World {
    /// Answers a query; what is wrong with it is answered as GitHub does, and fails the test.
    pub fn graphql(&mut self, body: &Value) -> Value {
        let text = body["query"].as_str().unwrap_or_default();
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
            variables: &body["variables"],
        };
        if parser.takes("query") && parser.takes("(") {
            while !parser.takes(")") && parser.at < parser.tokens.len() {
                parser.next();
            }
        }
        let read = parser.selections();
        let asked = match read {
            Ok(asked) => asked,
            Err(message) => return self.wrong_query(&[message]),
        };
        let arguments = |selections: &[Selection], wanted: &str| {
            selections.iter().find_map(|one| match one {
                Selection::Field {
                    name,
                    arguments,
                    inner,
                } if name == wanted => {
                    let map: Map<String, Value> = arguments.iter().cloned().collect();
                    Some((Value::Object(map), inner.len()))
                }
                _ => None,
            })
        };
        let repository = arguments(&asked, "repository").map_or(Value::Null, |(found, _)| found);
        let number = asked.iter().find_map(|one| match one {
            Selection::Field { inner, .. } => arguments(inner, "pullRequest"),
            Selection::Of { .. } => None,
        });
        let number = number
            .and_then(|(found, _)| found["number"].as_u64())
            .unwrap_or(0);
        let full = format!(
            "{}/{}",
            repository["owner"].as_str().unwrap_or_default(),
            repository["name"].as_str().unwrap_or_default()
        );
        let known = self
            .repos
            .get(&full)
            .and_then(|repo| repo.pulls.get(&number));
        let pull = known.map_or(Value::Null, |pull| self.graphql_pull(pull));
        let is_missing = pull.is_null();
        let root = json!({"repository": {"nameWithOwner": full, "pullRequest": pull}});
        let mut problems = Vec::new();
        let data = pick("Query", &root, &asked, &mut problems);
        if !problems.is_empty() {
            return self.wrong_query(&problems);
        }
        if is_missing {
            let message =
                format!("Could not resolve to a PullRequest with the number of {number}.");
            let error = json!({"type": "NOT_FOUND", "path": ["repository", "pullRequest"], "message": message});
            return json!({"data": data, "errors": [error]});
        }
        json!({"data": data})
    }

    fn wrong_query(&mut self, problems: &[String]) -> Value {
        self.violations.extend(
            problems
                .iter()
                .map(|problem| format!("POST /graphql: {problem}")),
        );
        let errors: Vec<Value> = problems
            .iter()
            .map(|message| json!({"message": message}))
            .collect();
        json!({"errors": errors})
    }

    fn graphql_pull(&self, pull: &Pull) -> Value {
        let state = match (pull.merged_at, pull.open) {
            (Some(_), _) => "MERGED",
            (None, true) => "OPEN",
            (None, false) => "CLOSED",
        };
        let changes = pull.base_changes.iter().map(|at| {
            json!({"__typename": "BaseRefChangedEvent", "itemType": "BASE_REF_CHANGED_EVENT", "createdAt": stamp(*at)})
        });
        let changes: Vec<Value> = changes.collect();
        let reviews: Vec<Value> = pull
            .reviews
            .iter()
            .map(|review| self.graphql_review(review))
            .collect();
        json!({
            "number": pull.number,
            "state": state,
            "isDraft": pull.draft,
            "headRefOid": pull.head_sha,
            "headRefName": pull.head_ref,
            "baseRefName": pull.base_ref,
            "maintainerCanModify": pull.maintainers_edit,
            "headRepository": pull.head_repo.as_ref().map(|full| json!({"nameWithOwner": full})),
            "timelineItems": {"nodes": changes},
            "reviews": {"nodes": reviews, "limit": self.page_limit},
        })
    }

    fn graphql_review(&self, review: &Review) -> Value {
        let actor = |login: &str| {
            let user = &self.users[login];
            // A bot's name is without the word that REST puts behind it.
            let login = login.trim_end_matches("[bot]");
            json!({"__typename": user.kind, "login": login, "databaseId": user.id})
        };
        json!({
            "fullDatabaseId": review.id.to_string(),
            "state": review.state,
            "body": review.body,
            "submittedAt": stamp(review.at),
            "createdAt": stamp(review.at),
            "lastEditedAt": review.edited.as_ref().map(|(at, _)| stamp(*at)),
            "editor": review.edited.as_ref().map(|(_, by)| actor(by)),
            "commit": {"oid": review.commit},
            "author": actor(&review.author),
        })
    }
}
