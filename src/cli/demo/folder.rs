//! Where the story is played: a folder, real processes in it, and what they print.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

use super::{Push, REPOSITORY};

/// A folder in which people and agents run commands.
pub struct DemoFolder {
    pub folder: PathBuf,
    pub repository: PathBuf,
    program: PathBuf,
    remove: bool,
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if self.remove {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

impl DemoFolder {
    /// A new folder, left behind if it is named.
    pub fn new(keep: Option<&Path>) -> Result<Self> {
        let (folder, remove) = match keep {
            Some(folder) => (std::path::absolute(folder)?, false),
            None => (
                std::env::temp_dir().join(format!("countersign-demo-{}", std::process::id())),
                true,
            ),
        };
        if folder.exists() {
            bail!(
                "`{}` exists already: name a folder that does not",
                folder.display()
            );
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let program = std::env::current_exe().context("cannot find this program itself")?;
        Ok(Self {
            repository: folder.join(REPOSITORY),
            folder,
            program,
            remove,
        })
    }

    /// Writes a recommendation with `countersign new` and pushes it; gives the file's text.
    pub fn push(&self, clone: &Path, push: &Push) -> Result<String> {
        let arguments: Vec<&str> = ["new", "--agent", push.agent]
            .iter()
            .chain(push.new)
            .copied()
            .collect();
        print_command(&[&["countersign"], arguments.as_slice()].concat())?;
        let printed = succeed(
            self.command(&self.program, &self.folder, push.agent)
                .args(&arguments),
        )?;
        let text = String::from_utf8(printed.stdout)?;
        let path = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "))
            .context("`new` printed no path")?;
        let file = clone.join(path);
        self.quietly(
            clone,
            push.agent,
            &["checkout", "-q", "-B", push.branch, "origin/main"],
        )?;
        std::fs::create_dir_all(file.parent().context("the path has no folder")?)?;
        std::fs::write(&file, format!("{text}{}", push.slip))?;
        self.quietly(clone, push.agent, &["add", path])?;
        let words = push
            .new
            .iter()
            .copied()
            .find(|word| word.contains('_'))
            .unwrap_or("something");
        self.quietly(
            clone,
            push.agent,
            &["commit", "-q", "-m", &format!("Propose {words}")],
        )?;
        self.git(
            clone,
            push.agent,
            &["push", "-q", "origin", &format!("HEAD:{}", push.branch)],
        )?;
        Ok(text)
    }

    /// Runs this program, shows the command and everything it prints.
    pub fn countersign(&self, arguments: &[&str]) -> Result<()> {
        print_command(&[&["countersign"], arguments].concat())?;
        let output = succeed(
            self.command(&self.program, &self.folder, "auditor")
                .args(arguments),
        )?;
        print_output(&output)
    }

    pub fn git(&self, folder: &Path, who: &str, arguments: &[&str]) -> Result<()> {
        print_command(&[&["git"], arguments].concat())?;
        print_output(&succeed(
            self.command(Path::new("git"), folder, who).args(arguments),
        )?)
    }

    pub fn quietly(&self, folder: &Path, who: &str, arguments: &[&str]) -> Result<()> {
        succeed(self.command(Path::new("git"), folder, who).args(arguments)).map(drop)
    }

    /// A command in a folder, in the name of somebody, untouched by the user's own git settings.
    fn command(&self, program: &Path, folder: &Path, who: &str) -> Command {
        let mut command = Command::new(program);
        let email = format!("{who}@agents.example.org");
        command
            .current_dir(folder)
            .env("COUNTERSIGN_REPO", &self.repository);
        for (name, value) in [
            ("GIT_AUTHOR_NAME", who),
            ("GIT_COMMITTER_NAME", who),
            ("GIT_AUTHOR_EMAIL", &email),
            ("GIT_COMMITTER_EMAIL", &email),
        ] {
            command.env(name, value);
        }
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
        command
            .env("GIT_CONFIG_GLOBAL", nothing)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_PAGER", "cat");
        command
    }

    pub fn path(&self, path: &Path) -> String {
        path.display().to_string()
    }
}

fn succeed(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| {
        format!(
            "cannot run `{}`: is it installed?",
            command.get_program().display()
        )
    })?;
    if !output.status.success() {
        bail!(
            "`{command:?}` failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output)
}

pub fn heading(text: &str) -> io::Result<()> {
    say(&format!("\n{text}\n{}\n", "─".repeat(text.chars().count())))
}

pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

fn print_command(words: &[&str]) -> io::Result<()> {
    let plain = |word: &&str| {
        word.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./:=%,@".contains(c))
    };
    let words: Vec<String> = words
        .iter()
        .map(|word| {
            if plain(word) {
                (*word).to_owned()
            } else {
                format!("'{word}'")
            }
        })
        .collect();
    say(&format!("$ {}", words.join(" ")))
}

fn print_output(output: &Output) -> Result<()> {
    let text = [output.stderr.as_slice(), output.stdout.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    if text.trim().is_empty() {
        Ok(())
    } else {
        Ok(say(&indent(&text))?)
    }
}

pub fn indent(text: &str) -> String {
    text.trim_end()
        .lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect()
}
