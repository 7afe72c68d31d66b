//! Configuration files that nobody named and that can't be read stop no command.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common;

/// Somebody whom permissions stop.
const USER: u32 = 65534;

/// Runs `piprov config show` with this home, as a user that isn't root.
fn show(home: &Path, arguments: &[&str]) -> Output {
    let mut command: Command = common::piprov();
    command.args(["config", "show"]).args(arguments).env("HOME", home).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(USER).gid(USER);
    }
    command.output().unwrap()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_configuration_that_may_not_be_read_is_left_out_with_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config");
    let file = config.join("piprov/config.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "targets = '/lab.csv'\n").unwrap();
    if rustix::process::geteuid().is_root() {
        for path in [home.path(), &config, file.parent().unwrap(), &file] {
            chown(path, Some(USER), Some(USER)).unwrap();
        }
    }
    let shown = show(home.path(), &[]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("/lab.csv"), "{shown:?}");
    for (locked, usual) in [(&file, 0o644), (&config, 0o755)] {
        mode(locked, 0);
        let shown = show(home.path(), &[]);
        let (stdout, stderr) =
            (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(shown.status.success(), "{}: {stderr}", locked.display());
        assert!(stdout.contains("/etc/piprov/targets.csv"), "{stdout}");
        assert!(
            stderr.starts_with("warning: ") && stderr.contains("config.toml is left out: Permission denied")
        );
        // What is named must be read.
        let named = show(home.path(), &["--config", file.to_str().unwrap()]);
        assert_eq!(named.status.code(), Some(77), "{named:?}");
        mode(locked, usual);
    }
}

#[test]
fn nobody_needs_a_home() {
    let without = common::piprov().env_remove("HOME").args(["config", "show"]).output().unwrap();
    assert!(without.status.success() && without.stderr.is_empty(), "{without:?}");
    let dir = tempfile::tempdir().unwrap();
    mode(dir.path(), 0o755);
    std::fs::write(dir.path().join(".config"), "a file").unwrap();
    for home in [dir.path(), &dir.path().join(".config"), Path::new("/nonexistent/home")] {
        let shown = show(home, &[]);
        assert!(shown.status.success() && shown.stderr.is_empty(), "{}: {shown:?}", home.display());
    }
}
