//! The agent for a board, as `tools/build-agent` builds it, and the system that `piprov initramfs build` makes with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::program;

/// An emulated machine needs ten seconds on an idle host, and minutes on a busy one.
const PATIENCE: Duration = Duration::from_secs(600);

/// The agent, static, for a processor. What is built already isn't built again; PIPROV_TEST_AGENTS names a directory with
/// agents from elsewhere.
pub(crate) fn agent(arch: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os("PIPROV_TEST_AGENTS") {
        return Path::new(&dir).join(format!("piprov-agent-{arch}"));
    }
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output =
        Command::new(root.join("tools/build-agent")).args(["--profile", "demo", arch]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    root.join(format!("target/demo/piprov-agent-{arch}"))
}

/// `piprov initramfs build`: what it says. Debian's packages are kept in cargo's directory for tests.
pub(crate) fn build(arch: &str, agent: &Path, out: &Path, more: &[&str]) -> String {
    let agent = agent.to_str().unwrap();
    let arguments = [&["--arch", arch, "--agent", agent][..], more].concat();
    assembled(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), out)
}

/// The same, with all of its arguments but the directory.
pub(crate) fn assembled(arguments: &[String], out: &Path) -> String {
    let mut command = program::piprov(out.parent().unwrap());
    command.args(["initramfs", "build"]).args(arguments).arg("-o").arg(out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A machine, switched off with this value at the latest.
pub(crate) struct Machine {
    child: Child,
    console: PathBuf,
}

impl Machine {
    /// Switches it on. `serial` says which of its serial ports is the file `console`.
    pub(crate) fn on(mut command: Command, serial: &[&str], console: &Path) -> Self {
        command.args(["-nographic", "-monitor", "none"]).args(serial);
        command.arg(format!("file:{}", console.display()));
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        Self { child: command.spawn().unwrap(), console: console.to_owned() }
    }

    /// Pulls its plug.
    pub(crate) fn off(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.console).unwrap_or_default()).into_owned()
    }

    /// Waits for a text on its console.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        self.until(text, || self.said().contains(text).then_some(()));
    }

    /// Looks until it is so; what its console says last is told where that never comes.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            if Instant::now() >= end {
                let said = self.said();
                let tail: Vec<_> =
                    said.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("`{what}` doesn't come; {} ends:\n{}", self.console.display(), tail.join("\n"));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.off();
    }
}
