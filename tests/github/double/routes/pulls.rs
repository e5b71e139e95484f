//! Pull requests: list, open, edit, close, retarget, merge.

use serde_json::{Value, json};

use super::super::git_room;
use super::super::world::{Kind, Pull, World};
use super::repos::may_move;
use super::{
    Answer, Handled, Request, allowed, created, invalid, not_found, ok, page, pull, refused, repo,
};

pub fn list(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    allowed(world, request, "pull_requests", "read")?;
    let ask = |key: &str| request.query.get(key).map(String::as_str);
    let state = ask("state").unwrap_or("open");
    let known = &world.repos[&name];
    let owner = |pull: &Pull| {
        pull.head_repo
            .as_ref()
            .map(|full| full.split('/').next().unwrap().to_owned())
    };
    let wanted = |pull: &&Pull| {
        let head = format!("{}:{}", owner(pull).unwrap_or_default(), pull.head_ref);
        (state == "all" || (state == "open") == pull.open)
            && ask("base").is_none_or(|base| base == pull.base_ref)
            && ask("head").is_none_or(|wanted| wanted == head || !wanted.contains(':'))
    };
    let mut pulls: Vec<&Pull> = known.pulls.values().filter(wanted).collect();
    match ask("sort") {
        Some("updated") => pulls.sort_by_key(|pull| (pull.updated_at, pull.number)),
        _ => pulls.sort_by_key(|pull| pull.number),
    }
    // Of new ones the youngest is first, unless somebody says otherwise.
    let down = ask("direction").map_or(matches!(ask("sort"), None | Some("created")), |way| {
        way == "desc"
    });
    if down {
        pulls.reverse();
    }
    let items: Vec<Value> = pulls
        .iter()
        .map(|pull| world.pull(&name, pull.number, false))
        .collect();
    Ok(page(world, request, &items))
}

/// `branch` or `owner:branch` as a repository and its branch.
fn head_of(world: &World, name: &str, head: &str) -> Option<(String, String)> {
    let Some((owner, branch)) = head.split_once(':') else {
        return Some((name.to_owned(), head.to_owned()));
    };
    let mut same = world.repos.values().filter(|known| known.owner == owner);
    let found =
        same.find(|known| known.full_name() == name || known.fork_of.as_deref() == Some(name))?;
    Some((found.full_name(), branch.to_owned()))
}

pub fn open(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    allowed(world, request, "pull_requests", "write")?;
    let base_ref = request.text("base").unwrap_or_default().to_owned();
    let wrong_head = || invalid("PullRequest", "head", "invalid");
    let (head_repo, head_ref) =
        head_of(world, &name, request.text("head").unwrap_or_default()).ok_or_else(wrong_head)?;
    let head_sha = world.repos[&head_repo]
        .branches
        .get(&head_ref)
        .cloned()
        .ok_or_else(wrong_head)?;
    let base_sha = world.repos[&name].branches.get(&base_ref).cloned();
    let base_sha = base_sha.ok_or_else(|| invalid("PullRequest", "base", "invalid"))?;
    let same = |pull: &&Pull| {
        pull.open
            && pull.head_repo.as_ref() == Some(&head_repo)
            && pull.head_ref == head_ref
            && pull.base_ref == base_ref
    };
    if world.repos[&name].pulls.values().find(same).is_some() {
        let words = format!(
            "A pull request already exists for {}:{head_ref}.",
            world.repos[&head_repo].owner
        );
        return Err(invalid("PullRequest", "head", &words));
    }
    let number = world.repos[&name].next_number;
    world.pin_head(&name, number, &head_repo, &head_sha);
    let path = world.repo_path(&name);
    if git_room::is_ancestor(&path, &head_sha, &base_sha) {
        git_room::delete_ref(&path, &format!("refs/pull/{number}/head"));
        let words = format!("No commits between {base_ref} and {head_ref}");
        return Err(invalid("PullRequest", "head", &words));
    }
    let id = world.fresh_id();
    let made = Pull {
        id,
        number,
        title: request.text("title").unwrap_or_default().to_owned(),
        body: request.text("body").map(str::to_owned),
        author: request.actor.login.clone(),
        head_repo: Some(head_repo),
        head_ref,
        head_sha,
        base_ref,
        base_sha,
        open: true,
        draft: request.body["draft"] == true,
        merged_by: None,
        closed_by: None,
        merged_at: None,
        closed_at: None,
        merge_commit: None,
        labels: Vec::new(),
        asked_users: Vec::new(),
        asked_teams: Vec::new(),
        reviews: Vec::new(),
        comments: Vec::new(),
        base_changes: Vec::new(),
        maintainers_edit: false,
        created_at: world.now,
        updated_at: world.now,
    };
    let known = world.repos.get_mut(&name).unwrap();
    known.next_number += 1;
    known.pulls.insert(number, made);
    world.tell_pull(&name, number, "opened", &request.actor.login, json!({}));
    created(world.pull(&name, number, true))
}

pub fn one(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    allowed(world, request, "pull_requests", "read")?;
    ok(world.pull(&name, number, true))
}

/// Title, body, base and state; each change is told on its own.
pub fn edit(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    allowed(world, request, "pull_requests", "write")?;
    let by = request.actor.login.clone();
    if world.repos[&name].pulls[&number].author != by && world.power(&request.actor, &name) < 2 {
        return Err(refused(403, "Must have admin rights to Repository."));
    }
    let mut changes = serde_json::Map::new();
    for key in ["title", "body"] {
        let Some(text) = request.text(key) else {
            continue;
        };
        let known = world.pull_mut(&name, number);
        let old = match key {
            "title" => Some(std::mem::replace(&mut known.title, text.to_owned())),
            _ => known.body.replace(text.to_owned()),
        };
        changes.insert(key.to_owned(), json!({"from": old.unwrap_or_default()}));
    }
    if let Some(base) = request.text("base") {
        retarget(world, &name, number, base, &mut changes)?;
    }
    if !changes.is_empty() {
        world.tell_pull(&name, number, "edited", &by, json!({"changes": changes}));
    }
    let open = world.repos[&name].pulls[&number].open;
    match request.text("state") {
        Some("closed") if open => world.end_pull(&name, number, &by, None),
        Some("open") if !open => reopen(world, &name, number, &by)?,
        _ => {}
    }
    ok(world.pull(&name, number, true))
}

fn retarget(
    world: &mut World,
    name: &str,
    number: u64,
    base: &str,
    changes: &mut serde_json::Map<String, Value>,
) -> Result<(), Answer> {
    let sha = world.repos[name].branches.get(base).cloned();
    let sha = sha.ok_or_else(|| invalid("PullRequest", "base", "invalid"))?;
    let now = world.now;
    let known = world.pull_mut(name, number);
    if !known.open {
        return Err(invalid(
            "PullRequest",
            "base",
            "Cannot change the base branch of a closed pull request.",
        ));
    }
    let from = std::mem::replace(&mut known.base_ref, base.to_owned());
    let old = std::mem::replace(&mut known.base_sha, sha);
    known.base_changes.push(now);
    changes.insert(
        "base".to_owned(),
        json!({"ref": {"from": from}, "sha": {"from": old}}),
    );
    Ok(())
}

/// Only while its branch is there, where it was.
fn reopen(world: &mut World, name: &str, number: u64, by: &str) -> Result<(), Answer> {
    let known = &world.repos[name].pulls[&number];
    let tip = known
        .head_repo
        .as_ref()
        .and_then(|full| world.repos[full].branches.get(&known.head_ref));
    if known.merged_at.is_some() || tip != Some(&known.head_sha) {
        return Err(invalid(
            "PullRequest",
            "state",
            "state cannot be changed. The pull request cannot be reopened.",
        ));
    }
    let known = world.pull_mut(name, number);
    known.open = true;
    known.closed_by = None;
    known.closed_at = None;
    world.tell_pull(name, number, "reopened", by, json!({}));
    Ok(())
}

pub fn commits(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    let known = &world.repos[&name].pulls[&number];
    let range = format!("{}..{}", known.base_sha, known.head_sha);
    let found = git_room::commits(&world.repo_path(&name), &[&range]);
    let items: Vec<Value> = found
        .iter()
        .map(|commit| world.commit(&name, commit))
        .collect();
    Ok(page(world, request, &items))
}

pub fn files(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    let known = &world.repos[&name].pulls[&number];
    let head = &known.head_sha;
    let found = git_room::changed(&world.repo_path(&name), &known.base_sha, head);
    let item = |file: &git_room::Changed| {
        let path = &file.path;
        let mut made = json!({
            "sha": file.blob,
            "filename": path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": format!("{}/{name}/blob/{head}/{path}", world.api),
            "raw_url": format!("{}/{name}/raw/{head}/{path}", world.api),
            "contents_url": format!("{}/repos/{name}/contents/{path}?ref={head}", world.api),
        });
        if let Some(previous) = &file.previous {
            made["previous_filename"] = json!(previous);
        }
        made
    };
    let items: Vec<Value> = found.iter().map(item).collect();
    Ok(page(world, request, &items))
}

pub fn is_merged(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    let merged = world.repos[&name].pulls[&number].merged_at.is_some();
    if merged {
        super::done()
    } else {
        Err(not_found())
    }
}

pub fn merge(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 2)?;
    allowed(world, request, "contents", "write")?;
    let known = world.repos[&name].pulls[&number].clone();
    let by = request.actor.login.clone();
    if request.text("sha").is_some_and(|sha| sha != known.head_sha) {
        return Err(refused(
            409,
            "Head branch was modified. Review and try the merge again.",
        ));
    }
    let path = world.repo_path(&name);
    let tree = git_room::merged_tree(&path, &known.base_sha, &known.head_sha);
    let method = request.text("merge_method").unwrap_or("merge");
    let Some(tree) = tree.filter(|_| known.open && method != "rebase") else {
        return Err(refused(405, "Pull Request is not mergeable"));
    };
    if !may_move(world, &name, &known.base_ref, &by, request.actor.kind) {
        return Err(refused(405, "Repository rule violations found"));
    }
    let title = format!("Merge pull request #{number} from {}", known.head_ref);
    let title = request.text("commit_title").map_or(title, str::to_owned);
    let message = format!(
        "{title}\n\n{}",
        request.text("commit_message").unwrap_or_default()
    );
    let parents = match method {
        "squash" => vec![known.base_sha.as_str()],
        _ => vec![known.base_sha.as_str(), known.head_sha.as_str()],
    };
    let email = world
        .find_user(&by)
        .map_or_else(|| format!("{by}@example.org"), |user| user.email.clone());
    let made = git_room::commit_tree(&path, (&by, &email), &tree, &parents, &message);
    let branch = format!("refs/heads/{}", known.base_ref);
    if !git_room::swap_ref(&path, &branch, &made, &known.base_sha) {
        return Err(refused(
            409,
            "Base branch was modified. Review and try the merge again.",
        ));
    }
    if method == "squash" {
        // The head is in no history; only the click says that it was merged.
        world.end_pull(&name, number, &by, Some(&made));
    }
    world.branches_moved(&name, &by);
    ok(json!({"sha": made, "merged": true, "message": "Pull Request successfully merged"}))
}

/// Whether somebody writes for the App.
pub fn is_app(kind: Kind) -> bool {
    matches!(kind, Kind::Installation | Kind::Actions)
}
