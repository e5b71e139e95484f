//! A control group of a command's own, where the system lets us make one (Linux, cgroup v2, `cgroups(7)`).
//!
//! Nothing leaves it, whatever it does, and all that is in it can be ended at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long what was killed may take to be gone.
const LONGEST_END: Duration = Duration::from_secs(10);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(2);

/// A group, removed with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// A new one below our own; none where that cannot be.
    pub fn create(name: &str) -> Option<Self> {
        let folder = own_folder()?.join(name);
        fs::create_dir(&folder).ok()?;
        let group = Self { folder };
        // Kernels before 5.14 cannot end a group at once.
        group.folder.join("cgroup.kill").exists().then_some(group)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends everything in it.
    pub fn kill(&self) {
        if let Err(error) = fs::write(self.folder.join("cgroup.kill"), "1") {
            tracing::warn!("cannot end `{}`: {error}", self.folder.display());
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.kill();
        let until = Instant::now() + LONGEST_END;
        // It can be removed once the last process is gone.
        while let Err(error) = fs::remove_dir(&self.folder) {
            if Instant::now() > until {
                tracing::warn!("cannot remove `{}`: {error}", self.folder.display());
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Puts this process into a group.
pub fn enter(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("cgroup.procs"), "0")
}

/// The folder of the group that this process is in.
fn own_folder() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let root = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (folder, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then_some(folder)
    })?;
    Some(Path::new(root).join(path))
}
