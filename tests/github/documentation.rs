//! What the documentation has people send to GitHub, held against GitHub's own description.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use crate::double::openapi::{Exchange, api};

#[test]
fn the_ruleset_that_leaves_main_to_the_bot_is_one() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/github.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, block) = page
        .split_once("gh api repos/acme/governance/rulesets --input - <<'JSON'\n")
        .unwrap();
    let (ruleset, _) = block.split_once("\nJSON\n").unwrap();
    let ruleset: Json = serde_json::from_str(&ruleset.replace("APP_ID", "4711")).unwrap();
    let wrong = api().check_request(&Exchange {
        method: "POST",
        route: "/repos/{owner}/{repo}/rulesets",
        query: &BTreeMap::new(),
        body: Some(&ruleset),
    });
    assert_eq!(wrong, Vec::<String>::new());
}
