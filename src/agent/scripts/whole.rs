//! All processes of a script, so that they can be ended whatever they do: those in its control group, where the system has
//! such groups (cgroups(7), version 2), else those that have its mark in their environment.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Where control groups of version 2 are.
const GROUPS: &str = "/sys/fs/cgroup";
/// The variable whose value is the mark.
pub(super) const MARK: &str = "PIPROV_SCRIPT_MARK";
/// So often what is left is looked for: what forks while it is ended leaves something.
const ROUNDS: u32 = 20;

/// The processes of one script.
#[derive(Debug)]
pub(super) struct Whole {
    group: Option<PathBuf>,
    mark: String,
}

impl Whole {
    /// A group for a script, which has this name alone.
    pub(super) fn new(name: &str) -> Self {
        Self { group: group(Path::new(GROUPS), name).ok(), mark: name.to_owned() }
    }

    /// The variable that marks its processes.
    pub(super) fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.mark)
    }

    /// The file by which a process goes into the group, where there is one.
    pub(super) fn door(&self) -> Option<PathBuf> {
        self.group.as_ref().map(|group| group.join("cgroup.procs"))
    }

    /// Ends all of them.
    pub(super) fn kill(&self, pause: &dyn Fn(Duration)) {
        for round in 0..ROUNDS {
            let group = self.group.as_deref();
            // Since Linux 5.14 all at once, whatever they do meanwhile.
            let at_once = group.is_some_and(|group| std::fs::write(group.join("cgroup.kill"), "1").is_ok());
            // Also by their mark: a system may have made the group and let nothing in.
            let mut left = group.map_or_else(Vec::new, members);
            left.extend(marked(Path::new("/proc"), &self.mark));
            if left.is_empty() {
                return;
            }
            if !at_once || round > 0 || group.is_some_and(|group| members(group).is_empty()) {
                for pid in left {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            pause(Duration::from_millis(u64::from(5 * (round + 1))));
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // It goes when it is empty; what can't be ended, as a process that waits for a disk, keeps it.
        if let Some(group) = &self.group {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// Makes a control group.
fn group(root: &Path, name: &str) -> io::Result<PathBuf> {
    // Elsewhere than in a tree of groups a directory would be made just so.
    std::fs::metadata(root.join("cgroup.procs"))?;
    let path = root.join(name);
    std::fs::create_dir(&path)?;
    Ok(path)
}

fn members(group: &Path) -> Vec<Pid> {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(pid).collect()
}

fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw)
}

/// Processes that have a mark in their environment, and aren't over.
fn marked(proc: &Path, mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    let Ok(all) = std::fs::read_dir(proc) else { return Vec::new() };
    let all = all.filter_map(|entry| pid(entry.ok()?.file_name().to_str()?));
    let has_mark = |pid: &Pid| {
        let file = proc.join(pid.as_raw_nonzero().to_string()).join("environ");
        std::fs::read(file)
            .is_ok_and(|text| text.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes()))
    };
    all.filter(has_mark).collect()
}
