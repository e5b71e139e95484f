//! What things are called on GitHub, and where they are.

use super::GITHUB_API;

/// What the names of enterprises with data residency end with.
const RESIDENT: &str = ".ghe.com";

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

/// Where GraphQL is served, without `/graphql`: a GitHub Enterprise Server has it beside its API, not below.
pub(super) fn graphql_base(api: &str) -> String {
    match api.strip_suffix("/api/v3") {
        Some(server) => format!("{server}/api"),
        None => api.to_owned(),
    }
}

/// Where people look at the server with this API, without a slash at its end.
pub fn web_base(api: &str) -> String {
    if api == GITHUB_API {
        return "https://github.com".to_owned();
    }
    match api.strip_prefix("https://api.") {
        // An enterprise whose data stay in its region.
        Some(host) if host.ends_with(RESIDENT) => format!("https://{host}"),
        _ => api.strip_suffix("/api/v3").unwrap_or(api).to_owned(),
    }
}

/// Where the API is, if this is where people look instead.
pub(super) fn api_of_web(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://")?;
    let is_web = host == "github.com"
        || host.ends_with(RESIDENT) && !host.starts_with("api.") && !host.contains('/');
    is_web.then(|| format!("https://api.{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_server_has_its_api_elsewhere() {
        for (api, web) in [
            ("https://api.github.com", "https://github.com"),
            ("https://api.acme.ghe.com", "https://acme.ghe.com"),
            (
                "https://git.acme.example/api/v3",
                "https://git.acme.example",
            ),
            (
                "https://api.acme.example/api/v3",
                "https://api.acme.example",
            ),
            ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ] {
            assert_eq!(web_base(api), web);
            assert_eq!(git_url(api, "acme/gov"), format!("{web}/acme/gov.git"));
            assert_eq!(api_of_web(api), None);
        }
        let api = |web| api_of_web(web).unwrap();
        assert_eq!(api("https://github.com"), "https://api.github.com");
        assert_eq!(api("https://acme.ghe.com"), "https://api.acme.ghe.com");
    }
}
