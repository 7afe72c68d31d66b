//! mklive, clnlive, nukelive and live as a person uses them, also under the original's names.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::common;

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// A first stage of two files and a directory, and two clients.
    fn new() -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["live", "clients/1ststage/overlays", "clients/by-serial/a", "clients/default"] {
            std::fs::create_dir_all(lab.path(folder)).unwrap();
        }
        for file in ["config.txt", "kernel.img"] {
            std::fs::write(lab.path("clients/1ststage").join(file), file).unwrap();
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        common::clean(&mut command);
        command
            .env("PIPROV_USB_LIVE", self.path("live"))
            .env("PIPROV_USB_CLIENTS", self.path("clients"))
            .env("PIPROV_RUNTIME_DIR", self.path("run"))
            .current_dir(&self.dir);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(env!("CARGO_BIN_EXE_piprov")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn live(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("live")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn overlay(&self, port: &str, client: &str) {
        symlink(self.path("clients").join(client), self.path("live").join(port)).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_originals_names_work() {
    let lab = Lab::new();
    let scripts = lab.path("utils");
    std::fs::create_dir(&scripts).unwrap();
    let run = |name: &str| -> Output {
        let script = scripts.join(name);
        symlink(env!("CARGO_BIN_EXE_piprov"), &script).unwrap();
        let output = lab.command(script).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        output
    };
    let said = text(&run("mklive.sh").stderr);
    assert!(said.starts_with("Linking first stage boot files to "), "{said}");
    assert_eq!(lab.live(), ["config.txt", "kernel.img", "overlays"]);
    assert_eq!(std::fs::read_to_string(lab.path("live/kernel.img")).unwrap(), "kernel.img");
    lab.overlay("1-1.2", "default");
    lab.overlay("2-1.3", "by-serial/a");
    run("clnlive.sh");
    assert_eq!(lab.live(), ["config.txt", "kernel.img", "overlays"]);
    run("nukelive.sh");
    assert_eq!(lab.live(), Vec::<String>::new());
    // The original fails on an empty tree.
    run("nukelive");
    run("clnlive");
    run("mklive");
    assert_eq!(lab.live().len(), 3);
}

#[test]
fn a_dry_run_says_what_the_real_one_does_and_touches_nothing() {
    let lab = Lab::new();
    lab.overlay("1-1", "by-serial/gone");
    std::fs::write(lab.path("live/config.txt"), "mine").unwrap();
    for arguments in
        [&["mklive"][..], &["mklive", "--force"], &["clnlive"], &["nukelive"], &["nukelive", "--force"]]
    {
        let before = lab.live();
        let dry = lab.run(&[arguments, &["--dry-run"]].concat());
        assert_eq!(lab.live(), before);
        let real = lab.run(arguments);
        let plain = |text: &str| {
            text.replace("would link", "linked")
                .replace("would remove", "removed")
                .replace("would leave", "left")
        };
        assert_eq!(plain(&dry), real, "{arguments:?}");
    }
    assert_eq!(lab.live(), Vec::<String>::new());
}

#[test]
fn what_is_not_piprovs_stays_without_force() {
    let lab = Lab::new();
    std::fs::create_dir_all(lab.path("live/1-1.4/mine")).unwrap();
    std::fs::write(lab.path("live/notes.txt"), "mine").unwrap();
    symlink("/srv/other", lab.path("live/1-1.5")).unwrap();
    lab.run(&["mklive"]);
    lab.overlay("1-1.6", "default");
    let shown = lab.run(&["live"]);
    assert!(shown.contains("1-1.4  a directory") && shown.contains("left over"), "{shown}");
    lab.run(&["clnlive"]);
    lab.run(&["nukelive"]);
    assert_eq!(lab.live(), ["1-1.4", "1-1.5", "notes.txt"]);
    let said = lab.command(env!("CARGO_BIN_EXE_piprov")).arg("nukelive").output().unwrap();
    assert!(text(&said.stderr).contains("3 entries are not piprov's and left alone"), "{said:?}");
    lab.run(&["nukelive", "--force"]);
    assert_eq!(lab.live(), Vec::<String>::new());
    assert!(lab.path("clients/default").is_dir());
}

#[test]
fn mklive_makes_the_tree_and_prunes_it() {
    let lab = Lab::new();
    std::fs::remove_dir(lab.path("live")).unwrap();
    lab.run(&["mklive"]);
    std::fs::remove_file(lab.path("clients/1ststage/kernel.img")).unwrap();
    let said = lab.run(&["mklive"]);
    assert!(said.contains("removed kernel.img"), "{said}");
    assert_eq!(lab.live(), ["config.txt", "overlays"]);
    let kept = lab.run(&["mklive", "--json"]);
    let events: Vec<serde_json::Value> =
        kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() == 2 && events.iter().all(|event| event["event"] == "keep"), "{kept}");
}

#[test]
fn a_tree_that_can_not_be_written_is_an_error_with_a_remedy() {
    let lab = Lab::new();
    std::fs::write(lab.path("file"), "").unwrap();
    let output =
        lab.command(env!("CARGO_BIN_EXE_piprov")).args(["mklive", "--live", "file/live"]).output().unwrap();
    assert!(!output.status.success() && text(&output.stderr).contains("file/live"), "{output:?}");
    let output =
        lab.command(env!("CARGO_BIN_EXE_piprov")).args(["mklive", "--clients", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(66), "{output:?}");
}
