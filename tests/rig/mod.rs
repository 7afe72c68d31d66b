//! A virtual machine with real USB, udev, GPIO and serial ports, and what runs in it.
//!
//! A test file lists its scenarios with [`scenarios!`]. The machine starts once for a file and runs all of
//! them; each is a test that tells what became of it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails the test")]

pub mod gadget;
pub mod guest;
pub mod models;
pub mod usbip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a thing may take that takes milliseconds: an emulated machine on a loaded one is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Set inside the machine.
const INSIDE: &str = "PIPROV_RIG_INSIDE";

/// For work on a scenario: only those whose names contain this are run.
const ONLY: &str = "RIG_ONLY";

/// Looks again and again until something is there, and says what was waited for when it never comes.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let deadline = began + PATIENCE;
    let mut told = false;
    loop {
        if let Some(found) = look() {
            return found;
        }
        // For a person that ends the machine because nothing happens.
        if !told && began.elapsed() > PATIENCE / 4 {
            told = true;
            eprintln!("still waiting for {what}; the log ends: {:?}", guest::log().last());
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        pause(Duration::from_millis(5));
    }
}

/// Lets time pass.
pub fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// What became of each scenario of a test file: nothing, or what it said when it failed.
type Outcomes = BTreeMap<String, Result<(), String>>;

/// A virtual machine for the scenarios of one test file. It starts when the first of them is asked for.
pub struct Machine {
    /// The test that runs inside it, as the test program names it: `file::inside`.
    inside: &'static str,
    /// What has to be there before it starts.
    first: Option<fn()>,
    outcomes: OnceLock<Result<Outcomes, String>>,
}

impl Machine {
    pub const fn new(inside: &'static str) -> Self {
        Self { inside, first: None, outcomes: OnceLock::new() }
    }

    /// One that sees what this has made outside of it.
    pub const fn after(mut self, first: fn()) -> Self {
        self.first = Some(first);
        self
    }

    /// Where a file is that a scenario kept. It must have run.
    pub fn kept(&self, name: &str) -> PathBuf {
        kept(self.inside).join(name)
    }

    /// What became of a scenario: returns, or panics with what it said.
    pub fn outcome(&self, name: &str) {
        match self.outcomes.get_or_init(|| self.run()) {
            Err(error) => panic!("{error}"),
            Ok(outcomes) => match outcomes.get(name) {
                Some(Ok(())) => {}
                Some(Err(text)) => panic!("in the virtual machine: {text}"),
                None => panic!("the virtual machine ended before {name}"),
            },
        }
    }

    fn run(&self) -> Result<Outcomes, String> {
        // Where it fails, it says why; the scenarios that don't need it run all the same.
        if let Some(first) = self.first {
            let _ = std::panic::catch_unwind(first);
        }
        run_machine(self.inside)
    }
}

/// Where what a machine's scenarios keep is, outside of it.
fn kept(inside: &str) -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    top.join("target/rig/kept").join(inside.replace("::", "-"))
}

/// Keeps a file for whoever looks at it when the machine is off. Inside the machine.
pub fn keep(name: &str, bytes: &[u8]) {
    let dir = Path::new("/run/rig/kept");
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join(name), bytes).unwrap();
}

/// Runs the `inside` test in the machine, once.
fn run_machine(inside: &str) -> Result<Outcomes, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(top.join("tests/rig/run.sh"))
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", inside, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .env("RIG_SYSTEMD", "1")
        .env("RIG_ENV", format!("{INSIDE} {ONLY} RUST_BACKTRACE"))
        .env("RIG_TIMEOUT", "1500")
        .env("RIG_KEPT", kept(inside))
        .env("RIG_LOGS", top.join(format!("target/rig/logs/{}", inside.replace("::", "-"))))
        .current_dir(top)
        .output()
        .map_err(|error| format!("tests/rig/run.sh: {error}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut outcomes = Outcomes::new();
    for line in out.lines() {
        // The test harness writes its own words in front of the first.
        let Some((_, rest)) = line.split_once("scenario ") else { continue };
        match rest.split_once(' ') {
            Some((name, "ok")) => drop(outcomes.insert(name.to_owned(), Ok(()))),
            Some((name, text)) => {
                let text = text.trim_start_matches("failed: ").replace("\\n", "\n");
                outcomes.insert(name.to_owned(), Err(format!("{text}\n{err}")));
            }
            None => {}
        }
    }
    if outcomes.is_empty() {
        return Err(format!("the virtual machine ran no scenario: {}\n{out}\n{err}", output.status));
    }
    Ok(outcomes)
}

/// Runs scenarios one after the other, inside the machine.
pub fn run_inside(scenarios: &[(&str, fn())]) {
    assert!(std::env::var_os(INSIDE).is_some(), "this runs in the virtual machine: tests/rig/run.sh");
    let only = std::env::var(ONLY).unwrap_or_default();
    for (name, scenario) in scenarios.iter().filter(|(name, _)| name.contains(&only)) {
        let began = Instant::now();
        let result = std::panic::catch_unwind(scenario);
        let text = match result {
            Ok(()) => "ok".to_owned(),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let log = guest::log().join("\n  ");
                format!("failed: {}\nlog:\n  {log}", text.unwrap_or_default()).replace('\n', "\\n")
            }
        };
        println!("\nscenario {name} {text}");
        eprintln!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    }
}

/// Makes a test of each scenario, and the one that runs them all inside the machine. `after` names what has to be made
/// before that starts.
macro_rules! scenarios {
    ($file:ident $(after $first:path)?: $($name:ident),+ $(,)?) => {
        static MACHINE: $crate::rig::Machine =
            $crate::rig::Machine::new(concat!(stringify!($file), "::inside"))$(.after($first))?;

        $(#[test]
        fn $name() {
            MACHINE.outcome(stringify!($name));
        })+

        #[test]
        #[ignore = "runs in the virtual machine"]
        fn inside() {
            $crate::rig::run_inside(&[$((stringify!($name), scenario::$name)),+]);
        }
    };
}
pub(crate) use scenarios;
