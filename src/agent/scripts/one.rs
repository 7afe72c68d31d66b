//! One script, from its first process to its last one.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::mounts;
use super::whole::Whole;
use crate::device_api::{Script, ScriptEnd, Surroundings};
use crate::process::{Lines, Running};
use crate::stop::Stop;

/// Goes into a control group, and becomes the script there: nothing of the script is outside it. A system that doesn't
/// let it in runs it all the same, and finds its processes by their mark.
const ENTER: &str = "echo 0 2>/dev/null >\"$1\"; exec /bin/sh \"$2\"";

/// A directory for one script, which goes with what is in it.
struct Home(PathBuf);

impl Home {
    fn new(place: &Path, name: &str) -> std::io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(place)?;
        let path = place.join(name);
        // Whatever is there already isn't this one.
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn put(&self, text: &str) -> std::io::Result<PathBuf> {
        let path = self.0.join("script");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(path)
    }
}

impl Home {
    /// Takes away what was mounted below it: a file system of the board's disk is no part of this directory. How many there
    /// were.
    fn unmount(&self) -> usize {
        let below = mounts::below(&std::fs::read("/proc/self/mountinfo").unwrap_or_default(), &self.0);
        for place in &below {
            let unmount = |flags: &[&str]| {
                let mut command = Command::new("umount");
                command
                    .args(flags)
                    .arg(place)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                command.status().is_ok_and(|status| status.success())
            };
            // What is still in use goes out of the tree at once, and for good when its last user ends.
            let _ = unmount(&[]) || unmount(&["-l"]);
        }
        below.len()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.unmount();
        let left = mounts::below(&std::fs::read("/proc/self/mountinfo").unwrap_or_default(), &self.0);
        // Rather a directory that stays than the files of a disk that go.
        if left.is_empty() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Runs a script below a place to its end, and ends whatever it leaves. `tell` gets its lines.
pub(super) fn run(
    script: &Script,
    surroundings: &Surroundings,
    place: &Path,
    stop: &Stop,
    tell: &mut dyn FnMut(&str),
) -> ScriptEnd {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let begun = Instant::now();
    let mut lines = Lines::default();
    let name = format!("piprov-script-{}-{number}", std::process::id());
    let mut said = |bytes: &[u8]| lines.take(bytes, tell);
    let (exit, why) = match ended(script, surroundings, (place, &name), stop, &mut said) {
        Ok(ended) => ended,
        Err(error) => (None, Some(format!("can't be run: {error}"))),
    };
    let (output, left_out) = lines.finish(tell);
    if left_out > 0 {
        tell(&format!("{left_out} more lines are not in this log"));
    }
    ScriptEnd { exit, why, seconds: begun.elapsed().as_secs_f64(), output, left_out }
}

fn ended(
    script: &Script,
    surroundings: &Surroundings,
    (place, name): (&Path, &str),
    stop: &Stop,
    said: &mut dyn FnMut(&[u8]),
) -> std::io::Result<(Option<i32>, Option<String>)> {
    if stop.is_set() {
        return Ok((None, Some("was not begun: the job ends".to_owned())));
    }
    let home = Home::new(place, name)?;
    let file = home.put(&script.text)?;
    let whole = Whole::new(name);
    let mut command = Command::new("/bin/sh");
    match whole.door() {
        Some(door) => command.arg("-c").arg(ENTER).arg("sh").arg(door).arg(&file),
        None => command.arg(&file),
    };
    command.env_clear().envs(surroundings.of(script, &home.0.to_string_lossy())).current_dir(&home.0);
    let (mark, value) = whole.mark();
    command.env(mark, value);
    let mut running = Running::start(&mut command)?;
    let limit = Duration::from_secs(u64::from(script.limit));
    let pause = |time| {
        let _ = Stop::new().map(|never| never.wait(time));
    };
    let ended = running.to_its_end(stop, limit, said, &mut || whole.kill(&pause))?;
    let mounted = home.unmount();
    if mounted > 0 {
        let what = if mounted == 1 { "a file system" } else { "file systems" };
        said(format!("{what} that the script has left mounted: taken away\n").as_bytes());
    }
    Ok(ended)
}

#[cfg(test)]
#[path = "one_tests.rs"]
mod tests;
