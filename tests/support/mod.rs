//! What the tests with virtual machines share: boards with real U-Boot, their cards, and runs of the binary.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of tests fails the test, and may print"
)]

pub(crate) mod agent;
pub(crate) mod card;
pub(crate) mod cpio;
pub(crate) mod debian;
pub(crate) mod disk;
pub(crate) mod model;
pub(crate) mod pi;
pub(crate) mod program;
pub(crate) mod rig;
pub(crate) mod room;
pub(crate) mod served;
pub(crate) mod slots;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a thing may take that normally takes seconds: a loaded machine is slow, a hung one is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Looks again and again until something is there, and says what was waited for when it never comes.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        // For what can only be looked at: a console log, a process that isn't ours.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Where tools are: an ordinary user's PATH may lack some of it, and tools/install-packages unpacks servers
/// that are not to be installed.
pub(crate) fn path() -> OsString {
    let mut path = OsString::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/tftpd-hpa/usr/sbin:"));
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path.push(":/usr/sbin:/sbin");
    path
}

/// A tool that a rig can't do without: a program, or a file by its absolute path.
pub(crate) fn need(tool: &str, package: &str) {
    let found = std::env::split_paths(&path()).any(|dir| dir.join(tool).exists());
    assert!(found || Path::new(tool).exists(), "{tool} is missing: apt-get install {package}");
}

/// Runs a shell command line that must succeed, and gives what it prints.
pub(crate) fn shell(line: &str) -> String {
    let output = Command::new("bash").args(["-c", line]).env("PATH", path()).output().unwrap();
    assert!(
        output.status.success(),
        "{line}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
