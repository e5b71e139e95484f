//! Whether the user trusts a repository that is somebody else's: `safe.directory`, from everywhere that git takes it
//! from. libgit2 hears only some of these places, and knows no `FOLDER/*`.

use std::env;
use std::path::{Path, PathBuf};

/// Whether `safe.directory` names the repository of this git directory.
pub(super) fn is_trusted(git_dir: &Path) -> bool {
    let git_dir = git_dir
        .canonicalize()
        .unwrap_or_else(|_| git_dir.to_owned());
    let folder = match git_dir.file_name() {
        Some(name) if name == ".git" => git_dir.parent().unwrap_or(&git_dir),
        _ => &git_dir,
    };
    names(&values(), folder)
}

/// Whether one of these values, of which an empty one takes back those before it, names a folder.
fn names(values: &[String], folder: &Path) -> bool {
    let home = env::home_dir();
    let mut is_named = false;
    for value in values {
        let value = match (value.strip_prefix("~/"), &home) {
            (Some(rest), Some(home)) => home.join(rest).display().to_string(),
            _ => value.clone(),
        };
        let resolved = |text: &str| {
            let path = PathBuf::from(text);
            path.canonicalize().unwrap_or(path)
        };
        match value.as_str() {
            "" => is_named = false,
            "*" => is_named = true,
            value => {
                is_named |= match value.strip_suffix("/*") {
                    Some(above) => {
                        let above = resolved(above);
                        folder.starts_with(&above) && folder != above
                    }
                    None => folder == resolved(value),
                };
            }
        }
    }
    is_named
}

/// The values that are protected: of the system, of the user, and of whoever started the command.
fn values() -> Vec<String> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from);
    let is_on = |name: &str| {
        let value = env::var(name).unwrap_or_default();
        !matches!(
            value.to_ascii_lowercase().as_str(),
            "" | "0" | "false" | "no" | "off"
        )
    };
    let mut files = Vec::new();
    if !is_on("GIT_CONFIG_NOSYSTEM") {
        files.extend(set("GIT_CONFIG_SYSTEM").or_else(|| git2::Config::find_system().ok()));
    }
    match set("GIT_CONFIG_GLOBAL") {
        Some(file) => files.push(file),
        None => {
            files.extend(git2::Config::find_xdg().ok());
            files.extend(git2::Config::find_global().ok());
        }
    }
    let mut values: Vec<String> = files.iter().flat_map(|file| in_file(file)).collect();
    let count = env::var("GIT_CONFIG_COUNT").ok();
    let count = count.and_then(|count| count.parse::<u32>().ok());
    for index in 0..count.unwrap_or(0) {
        let key = env::var(format!("GIT_CONFIG_KEY_{index}")).unwrap_or_default();
        if key.eq_ignore_ascii_case(KEY) {
            values.extend(env::var(format!("GIT_CONFIG_VALUE_{index}")));
        }
    }
    values
}

const KEY: &str = "safe.directory";

fn in_file(file: &Path) -> Vec<String> {
    let mut values = Vec::new();
    let Ok(config) = git2::Config::open(file) else {
        return values;
    };
    if let Ok(entries) = config.multivar(KEY, None) {
        // What cannot be read trusts nothing.
        let _ = entries.for_each(|entry| {
            values.extend(entry.value().map(str::to_owned));
        });
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_as_git_names_it() {
        let named = |values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            names(&values, Path::new("/srv/trails/governance.git"))
        };
        for yes in [
            &["*"][..],
            &["/srv/trails/governance.git"],
            &["/srv/trails/governance.git/"],
            &["/srv/trails/*"],
            &["/srv/*"],
            &["/*"],
            &["", "/srv/*"],
            &["/srv/*", "/elsewhere"],
        ] {
            assert!(named(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &[""],
            &["*", ""],
            &["/srv/trails"],
            &["/srv/trails/govern*"],
            &["/srv/trails/governance.git/*"],
            &["/srv/tra/*"],
        ] {
            assert!(!named(no), "{no:?}");
        }
    }
}
