//! What things are called on GitHub, and where they are.

use super::GITHUB_API;

/// Whether this is `OWNER/NAME`.
pub fn is_repository(name: &str) -> bool {
    let is_part = |part: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(good) && !part.chars().all(|c| c == '.')
    };
    matches!(name.split_once('/'), Some((owner, name)) if is_part(owner) && is_part(name))
}

/// Whether this can be the name of an account.
pub fn is_login(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !name.is_empty() && name.len() <= 100 && name.chars().all(good)
}

/// Where git is served on the server with this API.
pub(super) fn git_url(api: &str, repository: &str) -> String {
    format!("{}/{repository}.git", web_base(api))
}

/// Where people look at the server with this API, without a slash at its end.
pub fn web_base(api: &str) -> &str {
    if api == GITHUB_API {
        "https://github.com"
    } else {
        api.strip_suffix("/api/v3").unwrap_or(api)
    }
}
