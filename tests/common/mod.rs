//! What the integration tests share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::process::Command;

/// The `piprov` that was just built, with an environment that changes nothing.
pub fn piprov() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
    clean(&mut command);
    command
}

/// Takes out of a command's environment whatever changes piprov's output or where it looks.
pub fn clean(command: &mut Command) {
    let kept =
        |name: &str| matches!(name, "PATH" | "TMPDIR" | "TRYCMD" | "SNAPSHOTS") || name.starts_with("CARGO");
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(kept)));
    // No such directory, so no user's configuration is found.
    command.env("HOME", "/nonexistent");
    // Each test has its own server, and hands over only where that is what it is about.
    command.env("PIPROV_CONTROL_SOCKET", "off");
    // Records of runs go where nobody looks for the records of this machine.
    command.env("PIPROV_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
}

/// Puts a copy of the program at a path: the build directory may be closed to other users. A process of its own does it, for a
/// child of another test would hold the file open for writing until it runs its own program, and nobody could run this one.
pub fn copied(to: &std::path::Path) {
    let status = Command::new("cp").arg(env!("CARGO_BIN_EXE_piprov")).arg(to).status().unwrap();
    assert!(status.success(), "{}", to.display());
}
