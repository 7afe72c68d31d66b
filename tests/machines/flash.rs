//! `piprov flash` against real U-Boot on virtual boards: what arrives on the cards is judged by other tools.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use crate::support;

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::card::{Card, FOLLOWED, Network};
use support::disk::{Disk, Op, Verdict};
use support::program::{Ended, Running};
use support::rig::Rig;
use support::shell;

/// A sample image with little in it: 32 MiB from 8 MiB on.
const SMALL: &str = "--boot-size 20 --root-size 12 --files 4";
/// Where its partitions come to lie: first block, blocks.
const SMALL_BEHIND: [(u64, u64); 2] = [(90_112, 40_960), (131_072, 24_576)];
/// The smallest card that holds it, in MiB, and a bit.
const SMALL_CARD: usize = 80;
const MIB: usize = 1 << 20;

/// Every board in `names` was read back and found equal, and nothing failed.
fn assert_done(ended: &Ended, names: &[&str]) {
    for name in names {
        assert_eq!(ended.outcome(name), ("done", "done"), "{ended:#?}");
    }
    assert_eq!(ended.code, 0, "{ended:#?}");
}

#[test]
fn an_image_in_parts_is_written_and_read_back_and_then_one_of_another_layout() {
    let mut rig = Rig::new(1);
    let mut card = rig.card("card.img", 160);
    rig.board("lab-01", &card.path);
    let image = rig.image("os.img", "");
    shell(&format!("xz -T2 -1 -k {}", image.display()));

    let ended = rig.flash(&["lab-01", "os.img.xz", "--part-size", "16MiB"]).end();
    assert_done(&ended, &["lab-01"]);
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &[(90_112, 81_920), (172_032, 65_536)]);
    let run = ended.run("lab-01");
    assert_eq!(run["detail"]["image"]["raw_len"], 80 << 20);
    assert_eq!(run["detail"]["bytes"], 72 << 20);
    assert_eq!(run["detail"]["card"]["shift"], 36 << 20);
    for (name, path) in [("file_sha256", "os.img.xz"), ("raw_sha256", "os.img")] {
        let sum = shell(&format!("sha256sum {}", rig.path(path).display()));
        assert_eq!(run["detail"]["image"][name].as_str().unwrap(), &sum[..64], "{name}");
    }
    let steps = run["detail"]["steps"].as_array().unwrap();
    let labels: Vec<_> = steps.iter().map(|step| step["label"].as_str().unwrap()).collect();
    let parts = ["part 1", "part 2", "part 3", "part 4", "part 5"];
    assert_eq!(labels[0], "table without the system");
    assert_eq!(labels[1..6], parts);
    assert_eq!(labels[6..], ["cmdline.txt", "/etc/fstab", "partition table"]);
    // What the board read back, against the bytes of the image.
    let bytes = std::fs::read(&image).unwrap();
    for step in &steps[1..6] {
        let start = step["image_offset"].as_u64().unwrap() as usize;
        let len = step["bytes"].as_u64().unwrap() as usize;
        let crc = format!("{:08x}", crc32fast::hash(&bytes[start..start + len]));
        assert_eq!(step["crc32"].as_str().unwrap(), crc, "{step}");
        assert_eq!(step["card_offset"], (start + (36 << 20)) as u64);
    }
    // The record on disk is the one that was printed.
    let mut records = std::fs::read_dir(rig.path("runs")).unwrap();
    let record = std::fs::read(records.next().unwrap().unwrap().path()).unwrap();
    assert_eq!(&serde_json::from_slice::<serde_json::Value>(&record).unwrap(), run);

    // Another image, other sizes, the first partition at 4 MiB instead of 8: the card needs nothing done to it.
    card.remember();
    let other = rig.image("other.img", "--p1-offset 4 --boot-size 34 --root-size 12");
    let ended = rig.flash(&["lab-01", "other.img", "--part-size", "64MiB"]).end();
    assert_done(&ended, &["lab-01"]);
    card.assert_holds(&other, 4 * MIB, FOLLOWED, &[(90_112, 69_632), (159_744, 24_576)]);
}

#[test]
fn a_card_with_a_secret_proves_itself_and_one_with_another_gets_nothing() {
    let mut rig = Rig::new(2);
    let image = rig.image("os.img", SMALL);
    let (file, wrong) = (rig.path("good.secret"), rig.path("other.secret"));
    let card = Card::with_secret(rig.path("card.img"), SMALL_CARD, rig.address, &file);
    let other = Card::with_secret(rig.path("other.img"), SMALL_CARD, rig.address, &wrong);
    rig.board("lab-01", &card.path);
    rig.secret("good.secret");
    rig.board("lab-02", &other.path);
    rig.secret("good.secret");
    let ended = rig.flash(&["lab-01", "lab-02", "os.img", "--part-size", "16MiB", "--timeout", "30"]).end();
    assert_eq!(ended.outcome("lab-01"), ("done", "done"), "{ended:#?}");
    let run = ended.run("lab-01");
    assert_eq!((&run["detail"]["authenticated"], &run["detail"]["bound"]), (&true.into(), &"secret".into()));
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
    assert_eq!(ended.outcome("lab-02"), ("failed", "boot"), "{ended:#?}");
    assert!(ended.text("lab-02", "hint").contains("secret"), "{ended:#?}");
    other.assert_untouched();
    let secret = std::fs::read_to_string(&file).unwrap();
    for half in [&secret[..16], &secret[16..32]] {
        assert!(!format!("{ended:?}").contains(half), "the secret was shown");
    }
}

#[test]
fn a_card_with_a_secret_does_without_where_the_database_names_none() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let card = Card::with_secret(rig.path("card.img"), SMALL_CARD, rig.address, &rig.path("s"));
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["lab-01", "os.img", "--part-size", "16MiB"]).end();
    assert_done(&ended, &["lab-01"]);
    assert_eq!(ended.flash("lab-01")["authenticated"], false);
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn of_three_boards_one_loses_power_in_the_middle_of_a_part() {
    let mut rig = Rig::new(3);
    let image = rig.image("os.img", SMALL);
    let cards: Vec<_> = (1..=3).map(|n| rig.card(&format!("card-{n}.img"), SMALL_CARD)).collect();
    for (n, card) in cards.iter().enumerate() {
        rig.board(&format!("lab-0{}", n + 1), &card.path);
    }
    let mut flash =
        rig.flash(&["lab-01", "lab-02", "lab-03", "os.img", "--part-size", "16MiB", "--timeout", "20"]);
    flash.until_amid_a_part("lab-02");
    rig.power("stop", "lab-02");
    let killed = Instant::now();
    flash.until("the end of lab-02", |event| event["event"] == "ended" && event["board"]["name"] == "lab-02");
    let bound = killed.elapsed();
    // Only the silence counts: nothing is added for writing, which hadn't begun.
    assert!(bound < Duration::from_secs(35), "it took {bound:?} to miss a board");

    let ended = flash.end();
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert_eq!(ended.outcome("lab-02"), ("failed", "fetch"));
    assert!(ended.text("lab-02", "why").contains("nothing was heard"), "{ended:#?}");
    assert!(ended.text("lab-02", "last_seen").contains("part 1"), "{ended:#?}");
    assert!(ended.text("lab-02", "hint").contains("lost power"), "{ended:#?}");
    cards[1].assert_uboot_only();
    for (card, name) in [(&cards[0], "lab-01"), (&cards[2], "lab-03")] {
        assert_eq!(ended.outcome(name), ("done", "done"));
        card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
    }
}

#[test]
fn a_board_that_is_done_is_not_flashed_again_while_another_is_served() {
    let mut rig = Rig::new(2);
    let image = rig.image("os.img", SMALL);
    let (first, second) = (rig.card("first.img", SMALL_CARD), rig.card("second.img", SMALL_CARD));
    let reset =
        format!("command:PIPROV_REBOOT=1 {} reset first", support::rig::example("virtual-board").display());
    rig.board_reset_by("first", &first.path, &reset);
    rig.board_reset_by("second", &second.path, "command:true");
    let flash = rig.flash(&["first", "second", "os.img", "--part-size", "16MiB"]);
    // After its reset the first board asks again, is told that there is nothing to do, and boots on.
    rig.until_console("first", "piprov: no job, booting partition 2", 1);
    assert!(rig.console("first").matches("piprov: recovery card").count() >= 2);
    first.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
    rig.power("reset", "second");

    let ended = flash.end();
    assert_done(&ended, &["first", "second"]);
    assert_eq!((ended.count("first", "booted"), ended.count("first", "ended")), (1, 1));
    first.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
    second.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn a_board_that_never_comes_is_given_up_with_a_hint() {
    let mut rig = Rig::new(0);
    rig.image("os.img", SMALL);
    let mac = rig.target("lab-01", "command:true");
    let ended = rig.flash(&["lab-01", "os.img", "--timeout", "2"]).end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (69, ("failed", "boot")), "{ended:#?}");
    let why = ended.text("lab-01", "why");
    assert!(why.contains(&mac) && why.contains("in 2 s after the reset"), "{why}");
    assert!(ended.text("lab-01", "hint").contains("firewall"), "{ended:#?}");
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
}

#[test]
fn a_card_that_is_too_small_is_refused_before_anything_is_written() {
    let mut rig = Rig::new(1);
    rig.image("os.img", "--boot-size 20 --root-size 60");
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["lab-01", "os.img"]).end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (65, ("failed", "prepare")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").contains("124 MiB"), "{ended:#?}");
    card.assert_untouched();
}

/// A board whose disk is judged, and the card behind it.
fn judged(rig: &mut Rig, judge: impl Fn(Op, u64, u64) -> Verdict + Send + Sync + 'static) -> (Card, Ended) {
    rig.image("os.img", SMALL);
    let card = rig.card("card.img", SMALL_CARD);
    let disk = Disk::serve(&card.path, judge);
    rig.board("lab-01", disk.address());
    let ended = rig.flash(&["lab-01", "os.img", "--part-size", "16MiB"]).end();
    (card, ended)
}

/// Whether an access touches a byte of the card.
fn touches(offset: u64, len: u64, byte: usize) -> bool {
    (offset..offset + len).contains(&(byte as u64))
}

/// A place within the second part.
const SECOND_PART: usize = (44 + 20) * MIB;

#[test]
fn a_card_that_fails_to_write_fails_the_board_in_that_stage() {
    let mut rig = Rig::new(1);
    let (card, ended) = judged(&mut rig, |op, offset, len| match op {
        Op::Write if touches(offset, len, SECOND_PART) => Verdict::Fail,
        _ => Verdict::Honest,
    });
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "write")), "{ended:#?}");
    let why = ended.text("lab-01", "why");
    // The second part starts at 44 + 16 MiB.
    assert!(why.starts_with("part 2, block 0x1e000: ") && why.contains("writing failed"), "{why}");
    assert!(ended.text("lab-01", "hint").contains("worn"), "{ended:#?}");
    assert_eq!(ended.count("lab-01", "again"), 2);
    card.assert_uboot_only();
}

#[test]
fn a_card_that_fails_to_read_fails_the_board_in_that_stage() {
    let mut rig = Rig::new(1);
    let (card, ended) = judged(&mut rig, |op, offset, len| match op {
        Op::Read if touches(offset, len, SECOND_PART) => Verdict::Fail,
        _ => Verdict::Honest,
    });
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "read-back")), "{ended:#?}");
    assert!(ended.text("lab-01", "why").contains("reading back failed"), "{ended:#?}");
    card.assert_uboot_only();
}

#[test]
fn a_card_that_lies_about_writing_is_found_out() {
    let mut rig = Rig::new(1);
    let (card, ended) = judged(&mut rig, |op, offset, len| match op {
        Op::Write if touches(offset, len, SECOND_PART) => Verdict::Lie,
        _ => Verdict::Honest,
    });
    assert_eq!((ended.code, ended.outcome("lab-01")), (1, ("failed", "read-back")), "{ended:#?}");
    let why = ended.text("lab-01", "why");
    assert!(why.starts_with("part 2, block 0x1e000: read back with checksum"), "{why}");
    card.assert_uboot_only();
}

#[test]
fn a_write_that_went_wrong_once_is_done_again() {
    let mut rig = Rig::new(1);
    let writes = AtomicUsize::new(0);
    let (card, ended) = judged(&mut rig, move |op, offset, len| match op {
        Op::Write if touches(offset, len, SECOND_PART) && writes.fetch_add(1, Ordering::Relaxed) == 0 => {
            Verdict::Lie
        }
        _ => Verdict::Honest,
    });
    assert_done(&ended, &["lab-01"]);
    assert_eq!(ended.count("lab-01", "again"), 1);
    card.assert_holds(&rig.path("os.img"), 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn an_image_with_a_gpt() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", &format!("{SMALL} --gpt"));
    shell(&format!("zstd -q -k {}", image.display()));
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["lab-01", "os.img.zst", "--part-size", "16MiB"]).end();
    assert_done(&ended, &["lab-01"]);
    let path = card.path.display();
    let table = |disk: &str, n: u32| shell(&format!("sgdisk --info={n} {disk}"));
    // A GUID stays with its partition, so nothing in the file systems needs to follow.
    for n in [1, 2] {
        let (old, new) = (table(&image.display().to_string(), n), table(&path.to_string(), n + 1));
        let guid = |text: &str| text.lines().find(|line| line.contains("unique GUID")).unwrap().to_owned();
        assert_eq!(guid(&old), guid(&new));
    }
    // The card is longer than the image, so the second table is not at its end, which is said; nothing else is wrong.
    let verdict = shell(&format!("sgdisk --verify {path}"));
    assert!(verdict.contains("end of the disk") && verdict.contains("Identified 1 problem"), "{verdict}");
    assert_eq!(support::card::partitions(&card.path)[1..], SMALL_BEHIND);
    let (image, now) = (std::fs::read(&image).unwrap(), card.bytes());
    let len = 32 * MIB;
    support::card::assert_same(
        &now[44 * MIB..44 * MIB + len],
        &image[8 * MIB..8 * MIB + len],
        0..len,
        "the image",
    );
    card.assert_uboot_partition();
}

#[test]
fn an_image_with_four_primary_partitions_gets_a_gpt_from_which_the_board_still_starts() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let path = image.display();
    shell(&format!(
        "truncate -s +8MiB {path} && printf ',3MiB,83\\n,4MiB,83\\n' | sfdisk -q --append {path}"
    ));
    let mut bytes = std::fs::read(&image).unwrap();
    let old = support::card::partitions(&image);
    assert_eq!(old.len(), 4, "{old:?}");
    // Something to find again in the two that were added.
    for (n, (first, count)) in old[2..].iter().enumerate() {
        let (first, len) = (*first as usize * 512, *count as usize * 512);
        let pattern = |at: usize| (at / 512 % 251) as u8 ^ (0x40 << n);
        (0..len).for_each(|at| bytes[first + at] = pattern(at));
    }
    std::fs::write(&image, &bytes).unwrap();
    let card = rig.card("card.img", 2 * SMALL_CARD);
    rig.board("lab-01", &card.path);
    // Twice: the second time its U-Boot comes from that table.
    for _ in 0..2 {
        let ended = rig.flash(&["lab-01", "os.img", "--part-size", "16MiB"]).end();
        assert_done(&ended, &["lab-01"]);
        let told = shell(&format!("sgdisk --print {}", card.path.display()));
        assert!(told.contains("Disk identifier (GUID)") && !told.contains("damaged"), "{told}");
        let (now, new) = (card.bytes(), support::card::partitions(&card.path));
        assert_eq!(new.len(), 5, "{new:?}");
        for ((from, count), (to, room)) in old.iter().zip(&new[1..]).skip(2) {
            assert_eq!(count, room);
            let (from, to, len) = (*from as usize * 512, *to as usize * 512, *count as usize * 512);
            support::card::assert_same(&now[to..to + len], &bytes[from..from + len], 0..len, "a partition");
        }
        card.assert_uboot_partition();
    }
}

#[test]
fn an_image_whose_last_block_is_not_full() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    shell(&format!("head -c 700 /dev/urandom >> {0}; gzip -1 -k {0}", image.display()));
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["lab-01", "os.img.gz", "--part-size", "16MiB"]).end();
    assert_done(&ended, &["lab-01"]);
    assert_eq!(ended.flash("lab-01")["bytes"], 32 * MIB + 700);
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn first_boot_settings_are_written_with_the_image_and_read_back() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let before = std::fs::read(&image).unwrap();
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    std::fs::write(rig.path("settings.toml"), "user = \"ada\"\npassword = \"not-for-a-log-7\"\n").unwrap();
    let settings = ["--set", "hostname=gate-7", "--set-file", "settings.toml", "--set-format", "preseed"];
    let ended = rig.flash(&[&["lab-01", "os.img", "--part-size", "16MiB"][..], &settings].concat()).end();
    assert_done(&ended, &["lab-01"]);
    let kept = ended.flash("lab-01")["image"].clone();
    assert_eq!(kept["first_boot"]["keys"], serde_json::json!(["hostname", "user", "password"]), "{kept}");
    // The record names the file by its own digest, and what was written by that of what was written.
    let sum = |path: &std::path::Path| shell(&format!("sha256sum {} | cut -d' ' -f1", path.display()));
    assert_eq!(kept["file_sha256"], sum(&image).trim());
    assert_ne!(kept["file_sha256"], kept["raw_sha256"]);
    assert!(std::fs::read(&image).unwrap() == before, "the image stays as it is");
    // The card has them beside what follows the partitions' new numbers.
    let read = |name: &str| {
        let at = crate::support::card::BEHIND_UBOOT;
        shell(&format!("MTOOLS_SKIP_CHECK=1 mtype -i {}@@{at} ::{name}", card.path.display()))
    };
    let preseed = read("rpi-preseed.toml");
    assert!(preseed.contains("gate-7") && preseed.contains("ada"), "{preseed}");
    assert!(read("cmdline.txt").contains("root=PARTUUID=35c84628-03"), "{}", read("cmdline.txt"));
    assert!(!format!("{ended:?}").contains("not-for-a-log-7"), "a password was shown");
    // The image alone can't tell whether the report is right, and doesn't call it wrong.
    std::fs::write(rig.path("report.json"), ended.run("lab-01").to_string()).unwrap();
    let mut verify = std::process::Command::new(env!("CARGO_BIN_EXE_piprov"));
    verify.arg("verify").arg(&image).arg("--report").arg(rig.path("report.json"));
    let said = verify.output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!said.status.success() && text.contains("first-boot settings were written"), "{said:?}");
}

#[test]
fn an_image_from_a_slow_pipe() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    let mut flash = rig.flash_command(&["lab-01", "-", "--part-size", "16MiB"]);
    let bytes = std::fs::read(&image).unwrap();
    let mut child = Running::start(flash.stdin(Stdio::piped()));
    let mut pipe = child.stdin();
    pipe.write_all(&bytes[..30 * MIB]).unwrap();
    child.until("a part", |event| event["event"] == "equal" && event["step"] == 1);
    // In the middle of the second part nothing comes for so long that U-Boot becomes impatient four times.
    rig.until_console("lab-01", "T T T T ", 1);
    pipe.write_all(&bytes[30 * MIB..]).unwrap();
    // All bytes are there, but not the end: nobody knows whether there is a third part. The board has to ask again.
    rig.until_console("lab-01", "/read/2/", 4);
    drop(pipe);
    let ended = child.end();
    assert_done(&ended, &["lab-01"]);
    assert_eq!((ended.count("lab-01", "booted"), ended.count("lab-01", "again")), (1, 0), "{ended:#?}");
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn ctrl_c_leaves_a_board_that_can_be_flashed_without_a_reset() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    let mut flash = rig.flash(&["lab-01", "os.img", "--part-size", "16MiB"]);
    flash.until_amid_a_part("lab-01");
    flash.interrupt();
    let interrupted = Instant::now();
    let ended = flash.end();
    let took = interrupted.elapsed();
    assert_eq!((ended.code, ended.outcome("lab-01").0), (130, "failed"), "{ended:#?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(ended.stderr.contains("stopping: "), "{ended:#?}");
    assert!(ended.text("lab-01", "hint").contains("U-Boot"), "{ended:#?}");
    card.assert_uboot_only();

    // The board found no more answers, and asks for a job again and again.
    let ended = rig.flash(&["lab-01", "os.img", "--part-size", "16MiB", "--no-reset"]).end();
    assert_done(&ended, &["lab-01"]);
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn a_reset_that_fails_costs_the_other_boards_nothing() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let card = rig.card("card.img", SMALL_CARD);
    rig.target("broken", "command:echo the relay is gone >&2; exit 3");
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["--all", "os.img"]).end();
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert_eq!(ended.outcome("broken"), ("failed", "reset"));
    let why = ended.text("broken", "why");
    assert!(why.contains("status 3") && why.contains("the relay is gone"), "{why}");
    assert_eq!(ended.outcome("lab-01"), ("done", "done"));
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn a_port_that_is_taken_is_told_with_its_holder() {
    let mut rig = Rig::new(0);
    rig.image("os.img", SMALL);
    rig.target("lab-01", "command:true");
    let mut first = rig.flash(&["lab-01", "os.img"]);
    first.until("its start", |event| event["event"] == "reset");
    let second = rig.flash(&["lab-01", "os.img"]).end();
    assert_eq!(second.code, 75, "{second:#?}");
    let error = &second.events[0];
    assert_eq!((&error["event"], &error["kind"]), (&"error".into(), &"busy".into()));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("piprov") && message.contains(&first.pid().to_string()), "{message}");
    first.interrupt();
    assert_eq!(first.end().code, 130);
}

#[test]
fn a_damaged_xz_image_makes_no_board_done() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let packed = rig.path("os.img.xz");
    // One block: the damage is met in its middle, with good parts in front of it.
    shell(&format!("xz -T1 -0 -k {}", image.display()));
    let mut bytes = std::fs::read(&packed).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle..middle + 64].iter_mut().for_each(|byte| *byte = !*byte);
    std::fs::write(&packed, bytes).unwrap();
    let card = rig.card("card.img", SMALL_CARD);
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["lab-01", "os.img.xz", "--part-size", "4MiB"]).end();
    assert_eq!((ended.code, ended.outcome("lab-01").0), (65, "failed"), "{ended:#?}");
    assert!(ended.text("lab-01", "why").contains("os.img.xz"), "{ended:#?}");
    card.assert_uboot_partition();
    // The board may not even have come to write its first table; a whole system is never on it.
    assert!(support::card::partitions(&card.path) != [(8192, 81920), SMALL_BEHIND[0], SMALL_BEHIND[1]]);
}

#[test]
fn dhcp_gives_an_address_but_the_card_names_the_server() {
    let mut rig = Rig::new(1);
    let image = rig.image("os.img", SMALL);
    let card = Card::new(rig.path("card.img"), SMALL_CARD, rig.address, Network::Dhcp);
    rig.board("lab-01", &card.path);
    let ended = rig.flash(&["lab-01", "os.img"]).end();
    assert_done(&ended, &["lab-01"]);
    assert!(rig.console("lab-01").contains("DHCP client bound to address 10.0.2.15"));
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &SMALL_BEHIND);
}

#[test]
fn the_reset_does_not_wait_for_the_image() {
    let mut rig = Rig::new(0);
    let (raw, packed) = (rig.path("big.img"), rig.path("packed.img"));
    // Its last partition ends at 4 GiB, and takes no room on the disk.
    let table = "printf 'label: dos\\nstart=16384,size=40960,type=c\\nstart=57344,type=83\\n' | sfdisk -q";
    shell(&format!("truncate -s 4G {0}; {table} {0}", raw.display()));
    // Noise, so that unpacking takes its time.
    shell(&format!(
        "head -c 48M /dev/urandom > {0}; {table} --wipe never {0}; xz -T2 -0 {0}",
        packed.display()
    ));
    let stamp = rig.path("stamp");
    rig.target("lab-01", &format!("command:date +%s%N > {}", stamp.display()));
    for image in ["big.img", "packed.img.xz"] {
        let before = std::time::SystemTime::now();
        let ended = rig.flash(&["lab-01", image, "--force", "--timeout", "0.1"]).end();
        assert_eq!(ended.outcome("lab-01"), ("failed", "boot"), "{ended:#?}");
        let at: u64 = std::fs::read_to_string(&stamp).unwrap().trim().parse().unwrap();
        let took = Duration::from_nanos(at) - before.duration_since(std::time::UNIX_EPOCH).unwrap();
        println!("{image}: the reset went out after {took:?}");
        // Loosely, for a busy machine; the bench `flash` measures it.
        assert!(took < Duration::from_secs(2), "{image}: {took:?}");
    }
}

#[test]
fn the_demo_of_flashing_proves_what_it_shows() {
    let rig = Rig::new(1);
    let mut demo = support::room::command(support::rig::example("demo-flash.sh"));
    demo.arg(rig.path("demo")).env("PIPROV", env!("CARGO_BIN_EXE_piprov"));
    demo.env("PIPROV_DEMO_SERVER", rig.address.to_string());
    let output = demo.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches('✓').count(), 4, "{text}");
    assert!(text.contains("demo-01  done      read back and equal"), "{text}");
    assert!(text.contains("/etc/sample-release reads: the new system"), "{text}");
}
