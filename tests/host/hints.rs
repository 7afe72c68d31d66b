//! What helps is what helps: hints name what the command at hand takes, and the files that it was given.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;

use crate::common::piprov;

/// Runs the program in a directory; gives the exit code and all that it said.
fn said(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = piprov().current_dir(dir).args(arguments).output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[track_caller]
fn says(dir: &Path, arguments: &[&str], code: i32, words: &str) {
    let (got, text) = said(dir, arguments);
    assert!(got == Some(code) && text.contains(words), "{arguments:?}: {got:?}: {text}");
}

fn lab() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let row = "name,mac,ip,reset\nlab-01,dc:a6:32:01:36:c2,10.0.0.5,\n";
    std::fs::write(dir.path().join("lab.csv"), row).unwrap();
    // A partition of 1 MiB at 1 MiB.
    let mut disk = vec![0; 2 << 20];
    disk[446..462].copy_from_slice(&[0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0]);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(dir.path().join("x.img"), disk).unwrap();
    let mut mkfs = std::process::Command::new("mkfs.fat");
    mkfs.args(["--offset", "2048", "x.img", "1024"]).current_dir(dir.path());
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let made = mkfs.env("PATH", path).output().expect("mkfs.fat is missing: tools/install-packages test");
    assert!(made.status.success(), "{made:?}");
    dir
}

#[test]
fn half_a_sha256_is_no_missing_file() {
    let lab = lab();
    says(lab.path(), &["verify", "x.img", "--sha256", "deadbeef"], 2, "8 hexadecimal digits of 64");
    // A file may be called so.
    std::fs::write(lab.path().join("deadbeef"), "0".repeat(64)).unwrap();
    says(lab.path(), &["verify", "x.img", "--sha256", "deadbeef"], 65, "a different sha256");
}

#[test]
fn a_checksum_of_another_image_is_told_as_that() {
    let lab = lab();
    let sums = |text: &str| std::fs::write(lab.path().join("SUMS"), text).unwrap();
    let verify = ["verify", "x.img", "--sha256", "SUMS"];
    sums(&format!("{}  other.img\n", "0".repeat(64)));
    says(lab.path(), &verify, 65, "The only line of SUMS is for other.img: give the sha256 of this image.");
    sums(&format!("{}  x.img\n", "0".repeat(64)));
    says(lab.path(), &verify, 65, "hint: Download it again");
    sums(&format!("{0}  a.img\n{0}  b.img\n", "0".repeat(64)));
    says(lab.path(), &verify, 65, "`piprov verify x.img --sha256 HEX`");
    // People rename downloads.
    let made = std::process::Command::new("sha256sum").arg("x.img").current_dir(lab.path()).output().unwrap();
    sums(&String::from_utf8(made.stdout).unwrap().replace("x.img", "other.img"));
    says(lab.path(), &verify, 0, "matches");
}

#[test]
fn a_file_in_the_place_of_a_directory_has_one_exit_code() {
    let lab = lab();
    std::fs::create_dir(lab.path().join("dir")).unwrap();
    for (arguments, words) in [
        (&["usbboot", "-n", "-d", "x.img"][..], "not a directory"),
        (&["targets", "check", "--targets", "dir"], "irectory"),
        (&["tftp", "--root", "x.img"], "hint: Give the folder that the file is in."),
        (&["split-image", "dir", "-o", "new"], "irectory"),
        (&["verify", "dir", "--device", "x.img"], "irectory"),
    ] {
        says(lab.path(), arguments, 65, words);
    }
    // What is to be made is another thing.
    says(lab.path(), &["split-image", "x.img", "-o", "lab.csv/new"], 73, "irectory");
}

/// The same by somebody whom permissions stop.
fn said_to_others(dir: &Path, arguments: &[&str], state: &str) -> (Option<i32>, String) {
    let mut command = piprov();
    command.current_dir(dir).args(arguments).env("PIPROV_STATE_DIR", dir.join(state));
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn what_is_missing_or_denied_has_a_hint_that_helps() {
    let lab = lab();
    says(lab.path(), &["tftp", "--root", "none"], 66, "hint: Is the path right?");
    let deploy = ["deploy", "x.img", "--device", "/dev/nosuch", "--confirm", "/dev/nosuch"];
    says(lab.path(), &deploy, 66, "`lsblk` lists the disks");
    let mode =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let closed = lab.path().join("closed");
    std::fs::create_dir_all(closed.join("state")).unwrap();
    std::fs::write(closed.join("secret"), format!("{:032x}\n", 7)).unwrap();
    mode(&closed.join("secret"), 0);
    let rows = "name,mac,ip,secret,reset\nlab-01,dc:a6:32:01:36:c2,10.0.0.5,closed/secret,command:true\n";
    std::fs::write(lab.path().join("lab.csv"), rows).unwrap();
    for path in [lab.path(), &closed, &closed.join("state")] {
        mode(path, 0o555);
    }
    // The directory decides about what isn't there yet.
    let (code, text) = said_to_others(lab.path(), &["split-image", "x.img", "-o", "closed/new"], "state");
    assert!(code == Some(77) && text.contains("`ls -ld closed` shows who may"), "{code:?} {text}");
    let reset = ["reset", "lab-01", "--targets", "lab.csv"];
    let (code, text) = said_to_others(lab.path(), &reset, "closed/state");
    assert!(code == Some(77) && text.contains("closed/state/runs: Permission denied"), "{code:?} {text}");
    assert!(text.contains("Run it with sudo") && text.contains("the variable PIPROV_STATE_DIR"), "{text}");
    let flash = ["flash", "-n", "lab-01", "x.img", "--targets", "lab.csv", "--force"];
    let (code, text) = said_to_others(lab.path(), &flash, "state");
    assert!(
        code == Some(77) && text.contains("`ls -ld closed/secret` shows who may; where that"),
        "{code:?} {text}"
    );
    for path in [lab.path(), &closed, &closed.join("state")] {
        mode(path, 0o755);
    }
}

#[test]
fn a_list_without_anything_says_so() {
    let lab = lab();
    let (code, text) = said(lab.path(), &["run", "list", "--state", "."]);
    assert!(code == Some(0) && text == "no run is on record\n", "{text}");
    let (code, text) = said(lab.path(), &["netboot", "client", "check", "--state", "none"]);
    assert!(code == Some(0) && text.contains("There are no clients."), "{code:?} {text}");
}

#[test]
fn a_time_in_a_setting_is_written_as_on_the_command_line() {
    let lab = lab();
    let file = "flash.boot-timeout = '5m'\nnetboot.lease-time = '12h'\nusb.restart-window = 20\n";
    std::fs::write(lab.path().join("piprov.toml"), file).unwrap();
    let (code, text) = said(lab.path(), &["--config", "piprov.toml", "--json", "config", "show"]);
    assert_eq!(code, Some(0), "{text}");
    for (name, seconds) in
        [("flash.boot-timeout", "300"), ("netboot.lease-time", "43200"), ("usb.restart-window", "20")]
    {
        let line = text.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains(&format!("\"{seconds}\"")), "{line}");
    }
    let mut command = piprov();
    command.args(["config", "show"]).env("PIPROV_FLASH_BOOT_TIMEOUT", "1h30m").current_dir(lab.path());
    assert!(String::from_utf8(command.output().unwrap().stdout).unwrap().contains("5400"));
}

#[test]
fn a_database_that_was_named_is_named_in_hints() {
    let lab = lab();
    let remove = ["targets", "remove", "kitchen", "--targets", "lab.csv"];
    says(lab.path(), &remove, 66, "`piprov targets list --targets lab.csv` shows the names");
    let missing = ["targets", "list", "--targets", "no.csv"];
    says(lab.path(), &missing, 66, "`piprov targets add --targets no.csv NAME --mac MAC` makes it");
    let taken = ["targets", "add", "lab-01", "--mac", "dc:a6:32:01:36:c3", "--targets", "lab.csv"];
    says(lab.path(), &taken, 1, "`piprov targets remove --targets lab.csv NAME`");
}

#[test]
fn a_flash_without_a_reset_is_told_what_flash_takes() {
    let lab = lab();
    let (code, text) = said(lab.path(), &["flash", "-n", "lab-01", "x.img", "--targets", "lab.csv"]);
    assert!(code == Some(78) && text.contains("--no-reset") && !text.contains("--chip"), "{text}");
    let (code, text) = said(lab.path(), &["reset", "lab-01", "--targets", "lab.csv"]);
    assert!(code == Some(78) && text.contains("--chip") && !text.contains("--no-reset"), "{text}");
}

#[test]
fn a_dry_run_refuses_an_address_that_the_real_one_refuses() {
    let lab = lab();
    let flash = ["flash", "lab-01", "x.img", "--targets", "lab.csv", "--no-reset", "--listen", "203.0.113.9"];
    for more in [&["-n"][..], &["--dry-run"]] {
        says(lab.path(), &[&flash[..], more].concat(), 69, "203.0.113.9 is no address of this host");
    }
    says(
        lab.path(),
        &[&flash[..7], &["127.0.0.1:0", "-n", "--force"]].concat(),
        0,
        "would wait for it to be switched on",
    );
}

#[test]
fn an_xz_that_needs_much_memory_is_unpacked_and_not_downloaded_again() {
    let lab = lab();
    // Two headers as the format has them: CRC64, and one block of LZMA2 with a dictionary of 4 GiB.
    let block = [2, 0, 0x21, 1, 0x28, 0, 0, 0];
    let mut xz = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46".to_vec();
    xz.extend(block);
    xz.extend(0xb311_a0e6_u32.to_le_bytes());
    xz.extend([0; 64]);
    std::fs::write(lab.path().join("x.img.xz"), xz).unwrap();
    let (code, text) = said(lab.path(), &["verify", "x.img.xz", "--sha256", &"0".repeat(64)]);
    assert!(code == Some(65) && text.contains("`xz -dk x.img.xz`") && !text.contains("download"), "{text}");
}

#[test]
fn help_is_a_word_too() {
    let lab = lab();
    for (word, flag) in
        [(&["help"][..], &["--help"][..]), (&["help", "run", "list"], &["run", "list", "--help"])]
    {
        assert_eq!(said(lab.path(), word), said(lab.path(), flag));
        assert_eq!(said(lab.path(), word).0, Some(0));
    }
    says(lab.path(), &["help", "nonsense"], 2, "unrecognized subcommand");
}

#[test]
fn help_is_a_word_behind_options_too() {
    let lab = lab();
    for options in
        [&["--no-color"][..], &["-q"], &["--json"], &["-v"], &["--config", "x"], &["-vv", "--config=x"]]
    {
        for words in [&["help"][..], &["help", "flash"]] {
            let got = said(lab.path(), &[options, words].concat());
            assert!(got.0 == Some(0) && got.1.contains("Usage: piprov"), "{options:?} {words:?}: {got:?}");
            assert_eq!(got.1.contains("Usage: piprov flash"), words.len() == 2, "{options:?} {words:?}");
        }
    }
}

#[test]
fn a_mistyped_option_is_not_told_how_to_be_a_value() {
    let lab = lab();
    let (code, text) = said(lab.path(), &["verify", "x.img", "--nosuch"]);
    assert!(code == Some(2) && !text.contains("hint:") && !text.contains("as a value"), "{text}");
    says(
        lab.path(),
        &["verify", "x.img", "--devise", "x"],
        2,
        "hint: A similar argument exists: '--device'.",
    );
}

#[test]
fn a_mistake_of_use_has_no_colours_where_none_are_wanted() {
    let run = |flags: &[&str]| {
        let mut command = piprov();
        let output =
            command.args(["flash", "--nonsense"]).args(flags).env("FORCE_COLOR", "1").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&[]).contains('\x1b'), "it has some else");
    assert!(!run(&["--no-color"]).contains('\x1b'));
}
