//! `piprov flash --tftp-root` with tftpd-hpa and dnsmasq: files in their directory, and what is seen of them.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use crate::support;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;
use support::card::{Card, FOLLOWED};
use support::model::{End, Faults, start};
use support::program::{Ended, Running};
use support::rig::Rig;
use support::served::{Kind, Server};
use support::{room, shell, until};

const MIB: usize = 1 << 20;
/// A sample image with little in it: 32 MiB from 8 MiB on.
const SMALL: &str = "--boot-size 20 --root-size 12 --files 4";
/// Where its partitions come to lie: first block, blocks.
const SMALL_BEHIND: [(u64, u64); 2] = [(90_112, 40_960), (131_072, 24_576)];
const SMALL_CARD: usize = 80;
/// An image as the original's cards take it: 40 MiB from 4 MiB on, and 8 MiB behind that.
const ORIGINAL: &str = "--p1-offset 4 --boot-size 40 --root-size 8 --files 2";

/// A server, an image, a card, and a row for a board that nobody has to reset.
struct Bench {
    rig: Rig,
    server: Server,
    card: Card,
    mac: String,
}

impl Bench {
    fn new(kind: Kind) -> Self {
        let mut rig = Rig::new(0);
        rig.image("os.img", SMALL);
        let card = rig.card("card.img", SMALL_CARD);
        let mac = rig.target("lab-01", "command:true");
        let server = Server::start(kind, &rig.path(""), rig.address);
        Self { rig, server, card, mac }
    }

    /// Starts a flash and waits until the board has been reset.
    fn flash(&self, arguments: &[&str]) -> Running {
        self.flash_also(&[], arguments)
    }

    /// The same with more boards.
    fn flash_also(&self, others: &[&str], arguments: &[&str]) -> Running {
        let all = [&["lab-01"], others, &["os.img", "--part-size", "16MiB"], arguments].concat();
        let mut flash = Running::start(&mut self.rig.flash_staged(&self.server.root, &all));
        flash.until("the reset", |event| event["event"] == "reset");
        flash
    }

    fn start(&self, faults: Faults) -> End {
        start(&self.server, &self.mac, &self.card.path, faults)
    }

    fn assert_clean(&self) {
        assert_eq!(self.server.files(), Vec::<String>::new());
    }
}

fn names(ended: &Ended) -> Vec<&str> {
    ended.events.iter().filter_map(|event| event["event"].as_str()).collect()
}

fn notes(ended: &Ended) -> Vec<&str> {
    ended
        .events
        .iter()
        .filter(|event| event["event"] == "note")
        .map(|n| n["text"].as_str().unwrap())
        .collect()
}

#[test]
fn both_servers_lead_a_board_to_its_end() {
    for (kind, little_endian) in [(Kind::TftpdHpa, false), (Kind::Dnsmasq, true)] {
        let bench = Bench::new(kind);
        let flash = bench.flash(&[]);
        assert_eq!(bench.start(Faults { little_endian, ..Faults::default() }), End::Done);
        let ended = flash.end();
        assert_eq!((ended.code, ended.outcome("lab-01")), (0, ("done", "done")), "{kind:?} {ended:#?}");
        bench.card.assert_holds(&bench.rig.path("os.img"), 8 * MIB, FOLLOWED, &SMALL_BEHIND);
        bench.assert_clean();
        // The same events as with piprov's own server, but for what only a server can tell.
        let mut seen = vec!["began", "staged", "resetting", "reset", "booted"];
        // The table without the system, two parts, two files, the table.
        seen.extend(["fetching", "fetched", "equal"].repeat(6));
        seen.extend(["ended", "result"]);
        assert_eq!(names(&ended), seen, "{ended:#?}");
        let steps = ended.flash("lab-01")["steps"].as_array().unwrap();
        let bytes = std::fs::read(bench.rig.path("os.img")).unwrap();
        let crc = format!("{:08x}", crc32fast::hash(&bytes[8 * MIB..24 * MIB]));
        assert_eq!((&steps[1]["label"], &steps[1]["crc32"]), (&"part 1".into(), &crc.into()));
        // The job is retired: a board that starts again finds no job.
        assert_eq!(bench.start(Faults::default()), End::NoJob);
    }
}

#[test]
fn two_boards_share_their_parts_and_a_third_is_never_heard_of() {
    let mut bench = Bench::new(Kind::Dnsmasq);
    let other = bench.rig.card("other.img", SMALL_CARD);
    let mac = bench.rig.target("lab-02", "command:true");
    let absent = bench.rig.target("lab-03", "command:true");
    let flash = bench.flash_also(&["lab-02", "lab-03"], &["--timeout", "6"]);
    let sizes =
        shell(&format!("cd {} && du -sk --total */ | tail -1 | cut -f1", bench.server.root.display()));
    let room: u64 = sizes.trim().parse().unwrap();
    assert!(room < 34 << 10, "{room} KiB for three times 32 MiB");
    std::thread::scope(|scope| {
        let second = scope.spawn(|| start(&bench.server, &mac, &other.path, Faults::default()));
        assert_eq!(bench.start(Faults::default()), End::Done);
        assert_eq!(second.join().unwrap(), End::Done);
    });
    let ended = flash.end();
    assert_eq!(ended.code, 1, "{ended:#?}");
    for (name, card) in [("lab-01", &bench.card), ("lab-02", &other)] {
        assert_eq!(ended.outcome(name), ("done", "done"), "{ended:#?}");
        card.assert_holds(&bench.rig.path("os.img"), 8 * MIB, FOLLOWED, &SMALL_BEHIND);
    }
    assert_eq!(ended.outcome("lab-03"), ("failed", "boot"));
    let (why, hint) = (ended.text("lab-03", "why"), ended.text("lab-03", "hint"));
    assert!(why.starts_with(&format!("nobody has asked for {absent}/job/2000-14000 in 6 s")), "{why}");
    assert!(hint.contains(&format!("curl tftp://SERVER/{absent}/job/2000-14000")), "{hint}");
    bench.assert_clean();
}

#[test]
fn a_card_that_lies_is_found_out() {
    let bench = Bench::new(Kind::TftpdHpa);
    let flash = bench.flash(&[]);
    assert_eq!(bench.start(Faults { flips: Some(2), ..Faults::default() }), End::Stopped);
    let ended = flash.end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "read-back")), "{ended:#?}");
    let why = ended.text("lab-01", "why");
    assert!(why.starts_with("part 2, block 0x1e000: what the board read back is not what"), "{why}");
    assert_eq!(ended.flash("lab-01")["steps"].as_array().unwrap().len(), 2);
    bench.card.assert_uboot_only();
    bench.assert_clean();
}

#[test]
fn a_write_that_fails_fails_the_board() {
    let bench = Bench::new(Kind::Dnsmasq);
    let flash = bench.flash(&[]);
    assert_eq!(bench.start(Faults { fails: Some(1), ..Faults::default() }), End::Stopped);
    let ended = flash.end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "write")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").contains("part 1, block 0x16000: "), "{ended:#?}");
    bench.assert_clean();
}

#[test]
fn a_board_that_loses_its_power_may_start_anew_but_not_stay_away() {
    let bench = Bench::new(Kind::TftpdHpa);
    let mut flash = bench.flash(&["--timeout", "4"]);
    assert_eq!(bench.start(Faults { dies: Some(1), ..Faults::default() }), End::Dead);
    // What is asked for within two seconds of the same request is taken for a repetition, so it must ask for
    // something else between; it did.
    assert_eq!(bench.start(Faults { dies: Some(2), ..Faults::default() }), End::Dead);
    let again = flash.until("its second start", |event| event["before"] == 1);
    assert_eq!(again["event"], "booted");
    let ended = flash.end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (69, ("failed", "write")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").starts_with("part 2: nothing was heard"), "{ended:#?}");
    bench.assert_clean();
}

#[test]
fn ctrl_c_takes_the_files_away() {
    let bench = Bench::new(Kind::Dnsmasq);
    // In the middle of the job.
    let flash = bench.flash(&[]);
    assert_eq!(bench.start(Faults { dies: Some(0), ..Faults::default() }), End::Dead);
    flash.interrupt();
    let ended = flash.end();
    assert_eq!((ended.code, ended.outcome("lab-01").0), (130, "failed"), "{ended:#?}");
    bench.assert_clean();
    // While the image isn't known yet.
    let mut command = bench.rig.flash_staged(&bench.server.root, &["lab-01", "-"]);
    let mut flash = Running::start(command.stdin(Stdio::piped()));
    let mut pipe = flash.stdin();
    let bytes = std::fs::read(bench.rig.path("os.img")).unwrap();
    std::io::Write::write_all(&mut pipe, &bytes[..20 * MIB]).unwrap();
    flash.interrupt();
    let ended = flash.end();
    assert_eq!(ended.code, 130, "{ended:#?}");
    bench.assert_clean();
}

#[test]
fn files_can_be_kept_without_what_makes_a_board_begin() {
    let bench = Bench::new(Kind::TftpdHpa);
    let flash = bench.flash(&["--keep"]);
    assert_eq!(bench.start(Faults::default()), End::Done);
    let ended = flash.end();
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert!(notes(&ended).iter().any(|text| text.contains("keeps 32.0 MiB")), "{ended:#?}");
    let files = bench.server.files();
    let job = ended.flash("lab-01")["job"].as_str().unwrap();
    assert!(files.contains(&format!("./{}/{job}/rpi_image_part_0", bench.mac)), "{files:?}");
    assert!(!files.iter().any(|file| file.contains("/job")), "{files:?}");
    assert_eq!(bench.start(Faults::default()), End::NoJob);
    // The next run takes them away.
    let flash = bench.flash(&[]);
    flash.interrupt();
    assert_eq!(flash.end().code, 130);
    assert_eq!(bench.server.files(), [format!("./{}", bench.mac)], "the directory was there before");
}

#[test]
fn a_program_that_reads_all_files_proves_nothing() {
    let bench = Bench::new(Kind::Dnsmasq);
    let mut flash = bench.flash(&["--timeout", "5"]);
    let all = format!("cd {}/{} && cat $(find . -type f", bench.server.root.display(), bench.mac);
    shell(&format!("{all} | sort) > /dev/null"));
    flash.until("a word about it", |event| {
        event["text"].as_str().is_some_and(|text| text.contains("somebody else reads"))
    });
    shell(&format!("{all} | sort -r) > /dev/null"));
    let ended = flash.end();
    assert_eq!(ended.outcome("lab-01").0, "failed", "{ended:#?}");
    assert!(ended.flash("lab-01")["steps"].as_array().unwrap().len() < 2, "{ended:#?}");
    bench.assert_clean();
}

#[test]
fn a_full_disk_is_told_and_left_clean() {
    let mut rig = Rig::new(0);
    rig.image("os.img", SMALL);
    rig.target("lab-01", "command:true");
    let root = rig.path("small");
    std::fs::create_dir(&root).unwrap();
    // The file system is there for this run only.
    let script = "mount -t tmpfs -o size=2m none \"$0\" || exit 99; mkdir \"$0/theirs\"; \"$@\"; code=$?; \
                  find \"$0\" -mindepth 1 >&2; exit $code";
    let inner = rig.flash_staged(&root, &["lab-01", "os.img", "--part-size", "16MiB"]);
    let mut command = room::command("unshare");
    command.args(["-m", "sh", "-c", script]).arg(&root);
    // Either the binary itself, or what enters the tests' network first.
    command.arg(inner.get_program()).args(inner.get_args());
    command.current_dir(inner.get_current_dir().unwrap());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ended = Running::start(&mut command).end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (73, ("failed", "prepare")), "{ended:#?}");
    let why = ended.text("lab-01", "why");
    assert!(
        why.contains("rpi_image_part_0: no room for its 16 MiB, 1.") && why.ends_with("are free"),
        "{why}"
    );
    assert_eq!(ended.stderr.lines().last(), Some(root.join("theirs").to_str().unwrap()), "{ended:#?}");
    assert_eq!(ended.count("lab-01", "reset"), 0, "no board is reset for nothing");
}

#[test]
fn what_is_wrong_with_the_directory_is_told() {
    let bench = Bench::new(Kind::Dnsmasq);
    let run = |arguments: &[&str]| {
        let mut all = vec!["lab-01", "os.img"];
        all.extend(arguments);
        Running::start(&mut bench.rig.flash_staged(&bench.server.root, &all)).end()
    };
    let message = |ended: &Ended| ended.events[0]["message"].as_str().unwrap().to_owned();
    std::os::unix::fs::symlink("/tmp", bench.server.root.join(&bench.mac)).unwrap();
    let ended = run(&[]);
    assert_eq!((ended.code, ended.outcome("lab-01")), (73, ("failed", "prepare")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").ends_with("is a symbolic link"), "{ended:#?}");
    std::fs::remove_file(bench.server.root.join(&bench.mac)).unwrap();

    let flash = bench.flash(&[]);
    let second = run(&[]);
    assert_eq!((second.code, second.outcome("lab-01")), (75, ("failed", "prepare")), "{second:#?}");
    assert_eq!(bench.start(Faults::default()), End::Done, "the first one isn't disturbed");
    assert_eq!(flash.end().code, 0);

    let ended =
        Running::start(&mut bench.rig.flash_staged(&bench.rig.path("none"), &["lab-01", "os.img"])).end();
    assert_eq!(ended.code, 66, "{ended:#?}");
    assert!(message(&ended).contains("No such file or directory"), "{ended:#?}");
    let ended = run(&["--uboot-start", "4KiB", "--no-reset"]);
    assert_eq!(ended.code, 65, "{ended:#?}");
}

#[test]
fn a_dry_run_says_what_would_be_staged() {
    let bench = Bench::new(Kind::Dnsmasq);
    let mut command = bench.rig.flash_staged(&bench.server.root, &["lab-01", "os.img", "-nv"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let root = bench.server.root.display();
    assert!(err.contains(&format!("tftp    your server with {root}, 1 target, 1 part of 32 MiB")), "{err}");
    assert!(out.contains("would stage 32.0 MiB in 42 files below "), "{out}");
    assert!(err.contains("<JOB>/rpi_image_part_0\n") && err.ends_with("job/2000-14000\n"), "{err}");
    bench.assert_clean();
}

/// A board with a card of the original's kind, and what it uploads.
fn original(bench: &Bench, file: &str, bytes: &[u8]) -> Ended {
    bench.rig.image("os.img", ORIGINAL);
    // What an earlier flash has left.
    let board = bench.server.root.join(&bench.mac);
    std::fs::create_dir_all(&board).unwrap();
    std::fs::write(board.join("OK"), [1, 2, 3, 4]).unwrap();
    let flash = bench.flash(&["--card", "original"]);
    let image = std::fs::read(bench.rig.path("os.img")).unwrap();
    let part = bench.server.get(&format!("{}/rpi_image_part_0", bench.mac)).unwrap();
    assert!(part == image);
    assert_eq!(bench.server.get(&format!("{}/rpi_image_part_1", bench.mac)), None);
    assert_eq!(std::fs::read(board.join("OK")).unwrap(), b"", "the old one is gone");
    let mode = std::fs::metadata(&board).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "the directory needn't be writable");
    let report = bench.rig.path("report");
    std::fs::write(&report, bytes).unwrap();
    assert!(bench.server.put(&format!("{}/{file}", bench.mac), &report), "the server takes the report");
    let ended = flash.end();
    assert_eq!(bench.server.files(), [format!("./{}", bench.mac)], "the directory was there before");
    ended
}

#[test]
fn a_card_of_the_originals_kind_is_never_verified() {
    let bench = Bench::new(Kind::TftpdHpa);
    let count = 48 << 20;
    let ended = original(&bench, "OK", &u32::to_le_bytes(count));
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("not-verified", "report")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").contains("50331648 bytes, and read nothing back"), "{ended:#?}");

    let ended = original(&bench, "OK", &u32::to_le_bytes(count - 512));
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "report")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").contains("50331136 bytes instead of 50331648"), "{ended:#?}");
}

#[test]
fn a_failure_of_a_card_of_the_originals_kind_is_heard_by_both_names() {
    let bench = Bench::new(Kind::TftpdHpa);
    for file in ["FAILED", "FAIL"] {
        let ended = original(&bench, file, &[0; 4]);
        assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "report")), "{ended:#?}");
        assert!(ended.text("lab-01", "why").contains("reports FAILED"), "{ended:#?}");
    }
}

#[test]
fn an_image_that_a_card_of_the_originals_kind_would_ruin_is_refused() {
    let bench = Bench::new(Kind::TftpdHpa);
    let flash = |image| {
        let arguments = ["lab-01", image, "--card", "original"];
        Running::start(&mut bench.rig.flash_staged(&bench.server.root, &arguments)).end()
    };
    let message = |ended: &Ended| ended.events.last().unwrap()["message"].as_str().unwrap().to_owned();
    let ended = flash("os.img");
    assert_eq!(ended.code, 65, "{ended:#?}");
    assert!(message(&ended).contains("this one has 20 MiB at 8 MiB"), "{ended:#?}");
    bench.rig.image("long.img", ORIGINAL);
    shell(&format!("truncate -s 8G {}", bench.rig.path("long.img").display()));
    let ended = flash("long.img");
    assert_eq!(ended.code, 65, "{ended:#?}");
    assert!(message(&ended).contains("at most 7.32 GiB; this image has 8 GiB"), "{ended:#?}");
    bench.assert_clean();
}

#[test]
fn real_u_boot_is_flashed_by_both_servers() {
    for kind in [Kind::TftpdHpa, Kind::Dnsmasq] {
        let mut rig = Rig::new(1);
        let image = rig.image("os.img", SMALL);
        let card = rig.card("card.img", SMALL_CARD);
        rig.board("lab-01", &card.path);
        let server = Server::start(kind, &rig.path(""), rig.address);
        let arguments = ["lab-01", "os.img", "--part-size", "16MiB"];
        let ended = Running::start(&mut rig.flash_staged(&server.root, &arguments)).end();
        assert_eq!((ended.code, ended.outcome("lab-01")), (0, ("done", "done")), "{kind:?} {ended:#?}");
        card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
        assert_eq!(server.files(), Vec::<String>::new());
        until("the end of U-Boot's run", || rig.console("lab-01").contains("starting again").then_some(()));
    }
}

#[test]
fn real_u_boot_stops_at_a_card_that_lies() {
    use support::disk::{Disk, Op, Verdict};
    let mut rig = Rig::new(1);
    rig.image("os.img", SMALL);
    let card = rig.card("card.img", SMALL_CARD);
    let second_part = (44 + 20) * MIB as u64;
    let disk = Disk::serve(&card.path, move |op, offset, len| match op {
        Op::Write if (offset..offset + len).contains(&second_part) => Verdict::Lie,
        _ => Verdict::Honest,
    });
    rig.board("lab-01", disk.address());
    let server = Server::start(Kind::Dnsmasq, &rig.path(""), rig.address);
    let arguments = ["lab-01", "os.img", "--part-size", "16MiB"];
    let ended = Running::start(&mut rig.flash_staged(&server.root, &arguments)).end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "read-back")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").starts_with("part 2, "), "{ended:#?}");
    assert_eq!(ended.events.iter().filter(|event: &&Value| event["event"] == "booted").count(), 1);
    card.assert_uboot_only();
    assert_eq!(server.files(), Vec::<String>::new());
}

#[test]
fn a_stick_holds_what_a_board_asks_for_and_tells_who_was_done() {
    let rig = Rig::new(0);
    rig.image("os.img", SMALL);
    shell(&format!("xz -T2 -0 {}", rig.path("os.img").display()));
    let stick = rig.path("stick");
    std::fs::create_dir(&stick).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = support::program::piprov(&rig.path(""));
        let output = command.args(["card", "stick"]).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&["os.img.xz", "stick", "--part-size", "16MiB"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("stick/piprov written, read back and equal, job "), "{out}");
    assert!(err.contains("stick isn't FAT"), "{err}");
    // FAT has no such characters in a name, and U-Boot's paths are shorter than 255 bytes.
    let names = shell(&format!("cd {} && find . -mindepth 1", stick.display()));
    assert!(!names.contains([':', '*', '?', '"', '<', '>', '|', '\\']), "{names}");
    assert!(names.contains("./piprov/job/2000-14000\n"), "{names}");

    let job = out.split("job ").nth(1).unwrap()[..8].to_owned();
    std::fs::write(stick.join("piprov").join(&job).join("DONE-10000000a1b2c3d4"), "x").unwrap();
    let (code, out, err) = run(&["os.img.xz", "stick", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains(&format!("job {job} is replaced; done with it: 10000000a1b2c3d4")), "{err}");
    let object: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["replaced"][0]["boards"][0], "10000000a1b2c3d4");
    assert_eq!((&object["steps"], &object["files"]), (&5.into(), &42.into()));
    assert!(!stick.join("piprov").join(job).exists());

    let (code, _, err) = run(&["os.img.xz", "nowhere"]);
    assert_eq!(code, Some(66), "{err}");
    let (code, _, err) = run(&["os.img.xz", "stick", "--part-size", "700"]);
    assert_eq!(code, Some(2), "{err}");
}
