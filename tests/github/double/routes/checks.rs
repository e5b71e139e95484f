//! Check runs, which only Apps may write, and commit statuses, which anybody may who can push.

use serde_json::{Value, json};

use super::super::git_room;
use super::super::world::{CheckRun, Kind, Status, World};
use super::repos::find_commit;
use super::{
    Answer, Handled, Request, allowed, counted_page, created, not_found, ok, page, refused, repo,
    unprocessable,
};

/// What GitHub takes as summary or text of a check.
const MAX_OUTPUT_CHARS: usize = 65535;
/// A check suite's number follows from its check run's: each has its own here.
pub const SUITE: u64 = 2_000_000;
/// How many statuses GitHub takes for one commit and context.
const MAX_STATUSES: usize = 1000;

fn by_app(world: &World, request: &Request) -> Result<(), Answer> {
    let words = "You must authenticate via a GitHub App.";
    if !matches!(request.actor.kind, Kind::Installation | Kind::Actions) {
        return Err(refused(403, words));
    }
    allowed(world, request, "checks", "write")
}

/// What the description cannot say: lengths and counts.
fn within_limits(request: &Request) -> Result<(), Answer> {
    let output = &request.body["output"];
    let long = |key: &str| {
        output[key]
            .as_str()
            .is_some_and(|text| text.chars().count() > MAX_OUTPUT_CHARS)
    };
    if long("summary") || long("text") {
        return Err(refused(
            422,
            "Invalid request.\n\nOnly 65535 characters are allowed; more were supplied.",
        ));
    }
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    if count(&output["annotations"]) > 50 || count(&request.body["actions"]) > 3 {
        return Err(refused(
            422,
            "Invalid request.\n\nNo more items are allowed.",
        ));
    }
    let limits = [("label", 20), ("description", 40), ("identifier", 20)];
    let actions = request.body["actions"].as_array().into_iter().flatten();
    let mut texts =
        actions.flat_map(|action| limits.map(|(key, limit)| (action[key].as_str(), limit)));
    if texts.any(|(text, limit)| text.is_some_and(|text| text.chars().count() > limit)) {
        return Err(refused(
            422,
            "Invalid request.\n\nFewer characters are allowed.",
        ));
    }
    Ok(())
}

pub fn create(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 2)?;
    by_app(world, request)?;
    within_limits(request)?;
    let head_sha = request.text("head_sha").unwrap_or_default().to_owned();
    if head_sha.len() != 40 || find_commit(world, &name, &head_sha).is_none() {
        return Err(refused(
            422,
            &format!("No commit found for SHA: {head_sha}"),
        ));
    }
    let mut run = CheckRun {
        id: world.fresh_id(),
        head_sha,
        name: request.text("name").unwrap_or_default().to_owned(),
        status: "queued".to_owned(),
        conclusion: None,
        external_id: None,
        details_url: None,
        title: None,
        summary: None,
        text: None,
        annotations: 0,
        actions: Vec::new(),
        started_at: world.now,
        completed_at: None,
        app: request.actor.login.clone(),
        is_job: false,
    };
    fill(world, &mut run, request)?;
    world.repos.get_mut(&name).unwrap().checks.push(run.clone());
    tell(world, &name, &run, "created", &request.actor.login);
    if run.status == "completed" {
        tell(world, &name, &run, "completed", &request.actor.login);
    }
    created(world.check_run(&name, &run))
}

/// Takes what the request says into a check run.
fn fill(world: &World, run: &mut CheckRun, request: &Request) -> Result<(), Answer> {
    let text = |key: &str| request.text(key).map(str::to_owned);
    if let Some(name) = text("name") {
        run.name = name;
    }
    if let Some(status) = text("status") {
        run.status = status;
    }
    run.external_id = text("external_id").or(run.external_id.take());
    run.details_url = text("details_url").or(run.details_url.take());
    if let Some(conclusion) = text("conclusion") {
        // A conclusion completes it, said or not.
        run.conclusion = Some(conclusion);
        "completed".clone_into(&mut run.status);
    } else if run.status == "completed" && run.conclusion.is_none() {
        return Err(refused(
            422,
            "Invalid request.\n\n\"conclusion\" wasn't supplied.",
        ));
    } else if run.status != "completed" {
        run.conclusion = None;
    }
    run.completed_at = (run.status == "completed").then_some(world.now);
    if let Some(output) = request.body["output"].as_object() {
        let part = |key: &str| output.get(key).and_then(Value::as_str).map(str::to_owned);
        run.title = part("title").or(run.title.take());
        run.summary = part("summary");
        run.text = part("text");
        run.annotations += output
            .get("annotations")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
    }
    if let Some(actions) = request.body["actions"].as_array() {
        run.actions.clone_from(actions);
    }
    Ok(())
}

fn tell(world: &mut World, name: &str, run: &CheckRun, action: &str, by: &str) {
    let payload = told(world, name, run, action);
    world.tell(name, by, "check_run", payload);
}

/// An App that is not under test has made a check run.
pub fn made_by_other(world: &mut World, name: &str, run: CheckRun) {
    world.repos.get_mut(name).unwrap().checks.push(run.clone());
    tell(world, name, &run, "created", &run.app);
    if run.status == "completed" {
        tell(world, name, &run, "completed", &run.app);
    }
}

/// Somebody presses a button of the check; there is no operation for it, only the page.
pub fn press(world: &mut World, name: &str, run: &CheckRun, identifier: &str, by: &str) {
    let mut payload = told(world, name, run, "requested_action");
    payload["requested_action"] = json!({"identifier": identifier});
    world.tell(name, by, "check_run", payload);
}

fn told(world: &World, name: &str, run: &CheckRun, action: &str) -> Value {
    let mut shown = world.check_run(name, run);
    let app = shown["app"].clone();
    shown["check_suite"] = json!({
        "id": run.id + SUITE,
        "node_id": format!("CS_{}", run.id),
        "head_branch": null,
        "head_sha": run.head_sha,
        "status": run.status,
        "conclusion": run.conclusion,
        "url": format!("{}/repos/{name}/check-suites/{}", world.api, run.id + SUITE),
        "before": null,
        "after": null,
        "pull_requests": shown["pull_requests"],
        "app": app,
        "created_at": shown["started_at"],
        "updated_at": shown["started_at"],
    });
    json!({"action": action, "check_run": shown})
}

fn find(world: &World, request: &Request) -> Result<(String, CheckRun), Answer> {
    let name = repo(world, request, 1)?;
    let id = request.number("check_run_id");
    let found = world.repos[&name]
        .checks
        .iter()
        .find(|run| run.id == id)
        .cloned();
    Ok((name, found.ok_or_else(not_found)?))
}

pub fn one(world: &mut World, request: &Request) -> Handled {
    let (name, run) = find(world, request)?;
    ok(world.check_run(&name, &run))
}

pub fn update(world: &mut World, request: &Request) -> Handled {
    let (name, mut run) = find(world, request)?;
    by_app(world, request)?;
    within_limits(request)?;
    if run.app != request.actor.login {
        let words =
            "Invalid app_id - check run can only be modified by the GitHub App that created it.";
        return Err(refused(403, words));
    }
    if run.is_job {
        let words = "Check runs that GitHub Actions makes for its jobs cannot be changed.";
        return Err(refused(403, words));
    }
    let before = run.status.clone();
    fill(world, &mut run, request)?;
    let checks = &mut world.repos.get_mut(&name).unwrap().checks;
    *checks.iter_mut().find(|kept| kept.id == run.id).unwrap() = run.clone();
    if run.status == "completed" && before != "completed" {
        tell(world, &name, &run, "completed", &request.actor.login);
    }
    ok(world.check_run(&name, &run))
}

/// Somebody presses `Re-run`.
pub fn rerequest(world: &mut World, request: &Request) -> Handled {
    let (name, run) = find(world, request)?;
    if world.power(&request.actor, &name) < 2 {
        return Err(refused(403, "Must have admin rights to Repository."));
    }
    tell(world, &name, &run, "rerequested", &request.actor.login);
    created(json!({}))
}

/// Somebody presses `Re-run all checks`: GitHub tells of the suite, and of no check run.
pub fn rerequest_suite(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let run_id = request.number("check_suite_id").saturating_sub(SUITE);
    let mut checks = world.repos[&name].checks.iter();
    let run = checks.find(|run| run.id == run_id).cloned();
    let run = run.ok_or_else(not_found)?;
    if world.power(&request.actor, &name) < 2 {
        return Err(refused(403, "Must have admin rights to Repository."));
    }
    let mut suite = told(world, &name, &run, "rerequested")["check_run"]["check_suite"].take();
    let path = world.repo_path(&name);
    let commit = world.commit(&name, &git_room::commits(&path, &["-1", &run.head_sha])[0]);
    let who = |key: &str| json!({"name": commit["commit"][key]["name"], "email": commit["commit"][key]["email"]});
    suite["head_commit"] = json!({
        "id": run.head_sha,
        "tree_id": commit["commit"]["tree"]["sha"],
        "message": commit["commit"]["message"],
        "timestamp": commit["commit"]["author"]["date"],
        "author": who("author"),
        "committer": who("committer"),
    });
    suite["latest_check_runs_count"] = json!(1);
    suite["check_runs_url"] = json!(format!("{}/check-runs", suite["url"].as_str().unwrap()));
    suite["rerequestable"] = json!(true);
    suite["runs_rerequestable"] = json!(true);
    let payload = json!({"action": "rerequested", "check_suite": suite});
    world.tell(&name, &request.actor.login.clone(), "check_suite", payload);
    created(json!({}))
}

pub fn of_commit(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    allowed(world, request, "checks", "read")?;
    let sha = find_commit(world, &name, request.param("ref")).ok_or_else(not_found)?;
    let ask = |key: &str| request.query.get(key);
    let wanted = |run: &&CheckRun| {
        run.head_sha == sha
            && ask("check_name").is_none_or(|name| *name == run.name)
            && ask("status").is_none_or(|status| *status == run.status)
    };
    let mut runs: Vec<&CheckRun> = world.repos[&name].checks.iter().filter(wanted).collect();
    if ask("filter").is_none_or(|filter| filter == "latest") {
        // Of each name and App only the last one is shown.
        let all = runs.clone();
        runs.retain(|run| {
            !all.iter()
                .any(|other| other.id > run.id && other.name == run.name && other.app == run.app)
        });
    }
    let items: Vec<Value> = runs
        .iter()
        .rev()
        .map(|run| world.check_run(&name, run))
        .collect();
    Ok(counted_page(world, request, "check_runs", &items))
}

pub fn set_status(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 2)?;
    allowed(world, request, "statuses", "write")?;
    let sha = request.param("sha").to_owned();
    if sha.len() != 40 || find_commit(world, &name, &sha).is_none() {
        return Err(refused(422, &format!("No commit found for SHA: {sha}")));
    }
    let text = |key: &str| request.text(key).map(str::to_owned);
    let description = text("description");
    if description
        .as_ref()
        .is_some_and(|text| text.chars().count() > 140)
    {
        return Err(unprocessable(
            "description is too long (maximum is 140 characters)",
        ));
    }
    let context = text("context").unwrap_or_else(|| "default".to_owned());
    let held = world.repos[&name].statuses.iter();
    if held
        .filter(|one| one.sha == sha && one.context == context)
        .count()
        >= MAX_STATUSES
    {
        return Err(unprocessable(
            "This SHA and context has reached the maximum number of statuses.",
        ));
    }
    let made = Status {
        id: world.fresh_id(),
        sha,
        state: text("state").unwrap_or_default(),
        context,
        description,
        target_url: text("target_url"),
        author: request.actor.login.clone(),
        at: world.now,
    };
    world
        .repos
        .get_mut(&name)
        .unwrap()
        .statuses
        .push(made.clone());
    tell_status(world, &name, &made);
    created(world.status(&name, &made))
}

fn tell_status(world: &mut World, name: &str, status: &Status) {
    let path = world.repo_path(name);
    let mut payload = world.status(name, status);
    payload["sha"] = json!(status.sha);
    payload["name"] = json!(name);
    payload["commit"] = world.commit(name, &git_room::commits(&path, &["-1", &status.sha])[0]);
    // The branches whose tip it is.
    let url = format!("{}/repos/{name}/commits/{}", world.api, status.sha);
    let known = &world.repos[name];
    let tips = known.branches.iter().filter(|(_, tip)| **tip == status.sha);
    let shown = |branch: &String| {
        let protected = known.protected.contains_key(branch);
        json!({"name": branch, "commit": {"sha": status.sha, "url": url}, "protected": protected})
    };
    payload["branches"] = tips.map(|(branch, _)| shown(branch)).collect();
    for key in ["url", "node_id", "creator"] {
        payload.as_object_mut().unwrap().remove(key);
    }
    world.tell(name, &status.author, "status", payload);
}

/// The youngest is first.
pub fn statuses(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let sha = find_commit(world, &name, request.param("ref")).ok_or_else(not_found)?;
    let held = world.repos[&name]
        .statuses
        .iter()
        .rev()
        .filter(|one| one.sha == sha);
    let items: Vec<Value> = held.map(|one| world.status(&name, one)).collect();
    Ok(page(world, request, &items))
}

/// The last status of each context, and what they come to.
pub fn combined(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let sha = find_commit(world, &name, request.param("ref")).ok_or_else(not_found)?;
    let mut last: Vec<&Status> = Vec::new();
    for status in world.repos[&name]
        .statuses
        .iter()
        .rev()
        .filter(|one| one.sha == sha)
    {
        if !last.iter().any(|one| one.context == status.context) {
            last.push(status);
        }
    }
    let any = |states: &[&str]| last.iter().any(|one| states.contains(&one.state.as_str()));
    let state = match last.len() {
        _ if any(&["error", "failure"]) => "failure",
        0 => "pending",
        _ if any(&["pending"]) => "pending",
        _ => "success",
    };
    let items: Vec<Value> = last.iter().map(|one| world.status(&name, one)).collect();
    let url = format!("{}/repos/{name}/commits/{sha}", world.api);
    ok(json!({
        "state": state,
        "statuses": items,
        "sha": sha,
        "total_count": items.len(),
        "repository": world.repository(&name),
        "commit_url": url,
        "url": format!("{url}/status"),
    }))
}
