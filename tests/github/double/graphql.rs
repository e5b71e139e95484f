//! GraphQL, as far as it is asked here: a query is parsed, held against an excerpt of GitHub's public schema (field by
//! field, argument by argument), and answered from the same books as REST.

use serde_json::{Map, Value, json};

use super::graphql_schema::{INPUTS, KINDS, SCHEMA};
use super::routes::{self, Answer};
use super::world::{Actor, Pull, Review, World, node, stamp};

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

/// What of an input does not fit the schema.
fn wrong_input(name: &str, input: &Value) -> Vec<String> {
    let Some((_, needed, allowed)) = INPUTS.iter().find(|(known, ..)| *known == name) else {
        return Vec::new();
    };
    let given = input.as_object().cloned().unwrap_or_default();
    let missing = needed
        .iter()
        .filter(|key| {
            let is_fit = match **key {
                "labelIds" => |value: &Value| value.as_array().is_some_and(|ids| !ids.is_empty()),
                _ => Value::is_string,
            };
            !given.get(**key).is_some_and(is_fit)
        })
        .map(|key| format!("Variable of '{name}' was provided invalid value for {key}"));
    let unknown = given
        .keys()
        .filter(|key| !needed.contains(&key.as_str()) && !allowed.contains(&key.as_str()))
        .map(|key| format!("Field '{key}' is not defined on the input of '{name}'"));
    let mut problems: Vec<String> = missing.chain(unknown).collect();
    let states = ["QUEUED", "IN_PROGRESS", "COMPLETED", "WAITING", "PENDING"];
    if let Some(status) = given.get("status")
        && !states.iter().any(|state| status == state)
    {
        problems.push(format!("Expected {status} to be one of {states:?}"));
    }
    let ends = ["SUCCESS", "FAILURE", "NEUTRAL", "CANCELLED", "SKIPPED"];
    if let Some(conclusion) = given.get("conclusion")
        && !ends.iter().any(|end| conclusion == end)
    {
        problems.push(format!("Expected {conclusion} to be one of {ends:?}"));
    }
    if let Some(output) = given.get("output") {
        let keys = ["title", "summary", "text", "annotations", "images"];
        let output = output.as_object().cloned().unwrap_or_default();
        let unknown = output.keys().filter(|key| !keys.contains(&key.as_str()));
        problems
            .extend(unknown.map(|key| format!("Field '{key}' is not defined on CheckRunOutput")));
        for key in ["title", "summary"] {
            if !output.get(key).is_some_and(Value::is_string) {
                problems.push(format!("Expected value to not be null for output.{key}"));
            }
        }
    }
    problems
}

fn check_as_in_rest(input: &Value) -> Value {
    let mut body = json!({"name": input["name"], "head_sha": input["headSha"]});
    for (key, in_rest) in [
        ("detailsUrl", "details_url"),
        ("externalId", "external_id"),
        ("output", "output"),
    ] {
        if !input[key].is_null() {
            body[in_rest] = input[key].clone();
        }
    }
    for key in ["status", "conclusion"] {
        if let Some(word) = input[key].as_str() {
            body[key] = json!(word.to_lowercase());
        }
    }
    body
}

/// What was made, as GraphQL shows it.
fn payload(name: &str, answer: &Answer) -> Value {
    let made = answer.body.clone().unwrap_or_default();
    match name {
        "addComment" => {
            let node = json!({"id": made["node_id"], "fullDatabaseId": made["id"].to_string(), "body": made["body"]});
            json!({"commentEdge": {"node": node}})
        }
        "createLabel" => {
            json!({"label": {"id": made["node_id"], "name": made["name"], "color": made["color"]}})
        }
        "addLabelsToLabelable" => json!({"clientMutationId": null}),
        _ => {
            json!({"checkRun": {"id": made["node_id"], "databaseId": made["id"], "name": made["name"], "externalId": made["external_id"]}})
        }
    }
}

/// The arguments of the first field of that name, wherever it is asked for.
fn arguments_of(selections: &[Selection], wanted: &str) -> Option<Value> {
    selections.iter().find_map(|one| match one {
        Selection::Field {
            name, arguments, ..
        } if name == wanted => {
            let map: Map<String, Value> = arguments.iter().cloned().collect();
            Some(Value::Object(map))
        }
        Selection::Field { inner, .. } | Selection::Of { inner, .. } => arguments_of(inner, wanted),
    })
}

/// The number of the pull request that is asked for.
fn number_asked(selections: &[Selection]) -> u64 {
    let arguments = arguments_of(selections, "pullRequest").unwrap_or_default();
    arguments["number"].as_u64().unwrap_or(0)
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
        let repository = arguments_of(&asked, "repository").unwrap_or_default();
        let number = number_asked(&asked);
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
        let label = arguments_of(&asked, "label").and_then(|asked| {
            let known = self.repos.get(&full)?;
            let label = known.labels.get(asked["name"].as_str()?)?;
            Some(json!({"id": node("LA", label.id), "name": label.name, "color": label.color}))
        });
        let root =
            json!({"repository": {"nameWithOwner": full, "pullRequest": pull, "label": label}});
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

    /// Carries out a mutation: field after field, each by what REST does, permissions and refusals among it.
    pub fn graphql_write(&mut self, actor: &Actor, body: &Value) -> Value {
        let text = body["query"].as_str().unwrap_or_default();
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
            variables: &body["variables"],
        };
        if parser.takes("mutation") && parser.takes("(") {
            while !parser.takes(")") && parser.at < parser.tokens.len() {
                parser.next();
            }
        }
        let asked = match parser.selections() {
            Ok(asked) => asked,
            Err(message) => return self.wrong_query(&[message]),
        };
        // Nothing is carried out of what does not fit the schema.
        let mut problems = Vec::new();
        pick("Mutation", &json!({}), &asked, &mut problems);
        let mut fields = Vec::new();
        for selection in &asked {
            let Selection::Field {
                name, arguments, ..
            } = selection
            else {
                continue;
            };
            let input = arguments.iter().find(|(key, _)| key == "input");
            let input = input.map_or(Value::Null, |(_, input)| input.clone());
            problems.extend(wrong_input(name, &input));
            fields.push((name.clone(), input));
        }
        if !problems.is_empty() {
            return self.wrong_query(&problems);
        }
        let mut root = json!({});
        let mut errors = Vec::new();
        for (name, input) in fields {
            match self.mutate(actor, &name, &input) {
                Ok(mut made) => {
                    if name == "createLabel" {
                        made["label"]["repository"] =
                            self.graphql_repository(&input["repositoryId"], number_asked(&asked));
                    }
                    root[&name] = made;
                }
                Err((kind, message)) => {
                    errors.push(json!({"type": kind, "path": [name], "message": message}));
                }
            }
        }
        let data = pick("Mutation", &root, &asked, &mut Vec::new());
        if errors.is_empty() {
            return json!({"data": data});
        }
        json!({"data": data, "errors": errors})
    }

    /// One field of a mutation: its payload, or the kind and the words of the refusal.
    fn mutate(
        &mut self,
        actor: &Actor,
        name: &str,
        input: &Value,
    ) -> Result<Value, (&'static str, String)> {
        let key = match name {
            "addComment" => "subjectId",
            "addLabelsToLabelable" => "labelableId",
            _ => "repositoryId",
        };
        let id = input[key].as_str().unwrap_or_default();
        let found = match name {
            "addComment" | "addLabelsToLabelable" => self.repos.iter().find_map(|(full, repo)| {
                let is_it = |pull: &&Pull| node("PR", pull.id) == id || node("I", pull.id) == id;
                let pull = repo.pulls.values().find(is_it)?;
                Some((full.clone(), pull.number))
            }),
            _ => {
                let mut repos = self.repos.iter();
                let found = repos.find(|(_, repo)| node("R", repo.id) == id);
                found.map(|(full, _)| (full.clone(), 0))
            }
        };
        let unknown = |id: &str| {
            let message = format!("Could not resolve to a node with the global id of '{id}'");
            ("NOT_FOUND", message)
        };
        let (full, number) = found.ok_or_else(|| unknown(id))?;
        let (path, body) = match name {
            "addComment" => (
                format!("/repos/{full}/issues/{number}/comments"),
                json!({"body": input["body"]}),
            ),
            "createLabel" => (
                format!("/repos/{full}/labels"),
                json!({"name": input["name"], "color": input["color"]}),
            ),
            "addLabelsToLabelable" => {
                let ids = input["labelIds"].as_array().into_iter().flatten();
                let mut names = Vec::new();
                for id in ids.filter_map(Value::as_str) {
                    let mut labels = self.repos[&full].labels.values();
                    let label = labels.find(|label| node("LA", label.id) == id);
                    names.push(label.ok_or_else(|| unknown(id))?.name.clone());
                }
                (
                    format!("/repos/{full}/issues/{number}/labels"),
                    json!({"labels": names}),
                )
            }
            _ => (format!("/repos/{full}/check-runs"), check_as_in_rest(input)),
        };
        let (route, params) = routes::find("POST", &path).unwrap();
        let request = routes::Request {
            actor: actor.clone(),
            params,
            query: std::collections::BTreeMap::new(),
            body,
            path: path.clone(),
        };
        match (route.handler)(self, &request) {
            Ok(answer) => Ok(payload(name, &answer)),
            Err(refusal) => {
                let body = refusal.body.unwrap_or_default();
                let message = body["message"].as_str().unwrap_or_default().to_owned();
                Err(match refusal.status {
                    404 => unknown(id),
                    422 => ("UNPROCESSABLE", message),
                    _ => ("FORBIDDEN", message),
                })
            }
        }
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

    fn graphql_repository(&self, id: &Value, number: u64) -> Value {
        let mut repos = self.repos.iter();
        let found = repos.find(|(_, repo)| node("R", repo.id) == id.as_str().unwrap_or_default());
        found.map_or(Value::Null, |(full, repo)| {
            let pull = repo.pulls.get(&number).map(|pull| self.graphql_pull(pull));
            json!({"nameWithOwner": full, "pullRequest": pull})
        })
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
