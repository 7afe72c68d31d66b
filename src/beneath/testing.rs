//! For tests of what happens when a process may open no more files: that can only be tried in a process of its own.

/// Runs a test's work in a second process: the same program, with this test alone. `name` is the test's whole name.
pub(crate) fn alone(name: &str, work: impl FnOnce()) {
    const ALONE: &str = "PIPROV_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        work();
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// From now on, this process can open nothing. With `false` it can again.
pub(crate) fn no_more_files(none: bool) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: if none { Some(0) } else { maximum }, maximum }).unwrap();
}
