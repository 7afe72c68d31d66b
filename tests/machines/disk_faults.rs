//! Disks that fail for a while, by dm-flakey of a real kernel: `piprov deploy`, and the agent with its station.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::rig;

rig::scenarios! {
    disk_faults:
    a_disk_that_refuses_writes_or_loses_them_is_named_and_gets_the_rest_when_it_is_mended,
    an_agent_whose_disk_fails_for_a_while_ends_named_and_resumes_to_verified,
}

mod scenario {
    use std::process::{Child, Command};

    use serde_json::Value;

    use crate::rig::guest::{piprov, run};
    use crate::rig::until;

    const MIB: usize = 1 << 20;
    const DISK: &str = "/dev/mapper/flaky";
    const IMAGE: &str = "/run/os.img";
    /// Of the whole disk, in sectors.
    const SECTORS: usize = 16 << 11;

    /// A disk of 16 MiB of which MiB 9 is as told; without that it is sound.
    fn table(kind: Option<&str>) -> String {
        let base = "/dev/loop0";
        let Some(kind) = kind else { return format!("0 {SECTORS} linear {base} 0\n") };
        let (from, to) = (9 << 11, 10 << 11);
        let end = SECTORS - to;
        // Never up: the fault is there until another table comes.
        format!(
            "0 {from} linear {base} 0\n{from} 2048 flakey {base} {from} 0 3600 {kind}\n{to} {end} linear {base} {to}\n"
        )
    }

    /// Makes the disk, or makes it another one while it is in use.
    fn turn_into(kind: Option<&str>) {
        load(&table(kind));
    }

    fn load(table: &str) {
        std::fs::write("/run/table", table).unwrap();
        run("modprobe loop && modprobe dm-flakey
            [ -e /run/disk ] || { truncate -s 16M /run/disk && losetup /dev/loop0 /run/disk; }
            if dmsetup info flaky >/dev/null 2>&1
            then dmsetup load flaky /run/table && dmsetup suspend --nolockfs flaky && dmsetup resume flaky
            else dmsetup create flaky /run/table; fi
            udevadm settle; [ -b /dev/mapper/flaky ]");
    }

    /// Something that a board would start, on all of the disk; and another image than the one before.
    fn fresh() -> Vec<u8> {
        turn_into(None);
        run(
            "head -c 16M /dev/zero | tr '\\0' '\\356' >/dev/mapper/flaky; blockdev --flushbufs /dev/mapper/flaky",
        );
        run("head -c 14M /dev/urandom >/run/os.img");
        std::fs::read(IMAGE).unwrap()
    }

    /// What is on it, past all faults.
    fn on_disk() -> Vec<u8> {
        run("sync; blockdev --flushbufs /dev/loop0");
        std::fs::read("/run/disk").unwrap()
    }

    fn deploy() -> (i32, Value) {
        let out = piprov(&["deploy", IMAGE, "--json", "--device", DISK, "--confirm", DISK]);
        let text = String::from_utf8(out.stdout).unwrap();
        let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&out.stderr)));
        let last: Value = serde_json::from_str(last).unwrap();
        (out.status.code().unwrap(), last["record"].clone())
    }

    pub(super) fn a_disk_that_refuses_writes_or_loses_them_is_named_and_gets_the_rest_when_it_is_mended() {
        for (kind, code, stage, told) in [
            // It refuses to be flushed too, so that it is found out before anything is written.
            ("1 error_writes", 74, "prepare", "Input/output error (os error 5)"),
            (
                "1 drop_writes",
                1,
                "read-back",
                "gives back other bytes than were written, first at byte 9437184",
            ),
        ] {
            let image = fresh();
            turn_into(Some(kind));
            let (got, record) = deploy();
            assert_eq!((got, record["stage"].as_str()), (code, Some(stage)), "{kind}: {record}");
            let why = record["why"].as_str().unwrap();
            assert!(why.contains(told), "{kind}: {why}");
            nothing_starts(why);
            turn_into(None);
            let (got, record) = deploy();
            assert_eq!((got, record["proof"].as_str()), (0, Some("read-back")), "{kind}: {record}");
            assert!(on_disk()[..image.len()] == image, "{kind}");
        }
    }

    /// Whether what is said of the disk is so.
    #[track_caller]
    fn nothing_starts(why: &str) {
        let bytes = on_disk();
        let all = |byte: u8| bytes[..MIB].iter().all(|there| *there == byte);
        if why.contains("the disk is as it was") {
            assert!(all(0xee), "{why}");
        } else if why.contains("no board starts from it") {
            assert!(all(0), "{why}");
        } else {
            assert!(why.contains("is not known") && (all(0xee) || all(0xa5) || all(0)), "{why}");
        }
    }

    /// A process that ends with the scenario.
    struct Process(Child);

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    pub(super) fn an_agent_whose_disk_fails_for_a_while_ends_named_and_resumes_to_verified() {
        const SOCKET: &str = "/run/station/s.sock";
        let image = fresh();
        let serve = ["serve", "--enrol", "open", "--listen", "127.0.0.1:7400", "--socket", SOCKET];
        let mut station = Command::new(env!("CARGO_BIN_EXE_piprov"));
        run("mkdir -p /run/station");
        station.args(serve).args(["--state", "/run/station/state"]);
        let _station = Process(station.spawn().unwrap());
        let ask = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
            command.args(arguments).arg("--json").env("PIPROV_STATION_SOCKET", SOCKET).output().unwrap()
        };
        until("the station", || ask(&["station", "status"]).status.success().then_some(()));
        assert!(ask(&["image", "add", IMAGE, "--name", "os"]).status.success());
        let mut agent = Command::new(env!("CARGO_BIN_EXE_piprov-agent"));
        agent.args(["--station", "http://127.0.0.1:7400", "--serial", "10000000aaaa0001", "--disk", DISK]);
        let _agent = Process(agent.args(["--key", "/run/station/key"]).spawn().unwrap());
        until("the board", || (!ask(&["board", "list"]).stdout.is_empty()).then_some(()));
        let board = "10000000aaaa0001";
        let job = ["board", "deploy", board, "--image", "os", "--end", "wait", "--confirm", board];
        // It answers nothing at all, then for some seconds at a time, with breaks.
        let whole = |up, down| format!("0 {SECTORS} flakey /dev/loop0 0 {up} {down}\n");
        load(&whole(0, 3600));
        let out = ask(&job);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!(out.status.code(), Some(1), "{text}");
        assert!(text.contains("Input/output error (os error 5)"), "{text}");
        load(&whole(15, 2));
        let mut failed = 0;
        let text = until("a deploy that is verified", || {
            let out = ask(&job);
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            match out.status.code() {
                Some(0) => return Some(text),
                code => assert!(code == Some(1) && text.contains("(os error 5)"), "{text}"),
            }
            failed += 1;
            None
        });
        println!("{failed} deploys failed in the breaks");
        assert!(text.contains("job-ended"), "{text}");
        turn_into(None);
        assert!(on_disk()[..image.len()] == image);
    }
}
