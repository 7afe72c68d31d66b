//! Real USB: boards boot with real libusb over the kernel's own USB stack, in a virtual machine. The boards are
//! simulated at the other end of the bus.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::rig;

rig::scenarios! {
    usb_boot:
    a_board_boots_through_both_stages,
    an_old_board_changes_its_product_id_and_asks_twice,
    boards_of_four_chips_boot_at_once,
    fifteen_boards_boot_at_once_on_one_hub,
    a_board_that_is_pulled_out_of_a_file_is_told,
    a_user_without_permission_is_told_and_what_to_do,
    under_the_name_of_rpiboot_the_live_tree_is_served,
    by_serial_each_board_gets_its_own,
    rules_of_the_settings_choose_for_each_board,
    what_a_board_becomes_is_waited_for_and_printed,
    a_board_that_becomes_a_disk_is_deployed_and_read_back_also_after_its_cable_was_pulled,
    what_is_attached_is_listed,
    nothing_attached_is_told_in_time,
    without_udev_boards_are_found_by_looking,
}

mod scenario {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::thread::JoinHandle;

    use serde_json::Value;

    use crate::rig::gadget::MassStorage;
    use crate::rig::guest::{run, settle};
    use crate::rig::models::{FirstStage, Other, Rom, Server};
    use crate::rig::until;
    use crate::rig::usbip::{Function, Reply, Setup, plug, port};

    /// A payload in the machine's own /tmp.
    struct Payload(PathBuf);

    impl Payload {
        fn new(name: &str, files: &[(&str, usize)]) -> Self {
            run("modprobe vhci-hcd && modprobe cdc-acm");
            let dir = Path::new("/tmp/payloads").join(name);
            let _ = std::fs::remove_dir_all(&dir);
            for (name, len) in files {
                let path = dir.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, contents(name, *len)).unwrap();
            }
            Self(dir)
        }

        fn text(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    /// Bytes that belong to a name.
    fn contents(name: &str, len: usize) -> Vec<u8> {
        name.bytes()
            .cycle()
            .zip(0u32..)
            .map(|(byte, at)| byte ^ (at >> 8) as u8 ^ at as u8)
            .take(len)
            .collect()
    }

    /// A run of the binary.
    struct Usbboot(Child);

    struct Ended {
        code: i32,
        events: Vec<Value>,
        stdout: String,
        stderr: String,
    }

    impl Usbboot {
        fn start(arguments: &[&str]) -> Self {
            let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
            command.arg("usbboot").args(arguments);
            Self::spawn(&mut command)
        }

        fn spawn(command: &mut Command) -> Self {
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            Self(command.env_remove("NO_COLOR").spawn().unwrap())
        }

        fn end(self) -> Ended {
            let output = self.0.wait_with_output().unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let (stdout, stderr) = (text(output.stdout), text(output.stderr));
            let events = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            Ended { code: output.status.code().unwrap(), events, stdout, stderr }
        }
    }

    impl Ended {
        /// The record of the board at a port.
        fn board(&self, port: &str) -> &Value {
            let found =
                self.events.iter().find(|event| event["event"] == "result" && event["board"]["port"] == port);
            &found.unwrap_or_else(|| panic!("no result of {port}: {}\n{}", self.stdout, self.stderr))["record"]
        }
    }

    type Got = BTreeMap<String, Option<Vec<u8>>>;

    /// A board's whole way: the boot ROM, then sessions of the file server. Gives what each stage got.
    fn board(
        slot: u8,
        rom: Rom,
        sessions: Vec<(u16, &'static [&'static str])>,
    ) -> JoinHandle<(Vec<Vec<u8>>, Vec<Got>)> {
        std::thread::spawn(move || {
            let rom = plug(slot, rom).left();
            let got =
                sessions.into_iter().map(|(product, asks)| plug(slot, Server::new(product, asks)).left().got);
            (rom.got, got.collect())
        })
    }

    const CM4: [(&str, usize); 4] =
        [("bootcode4.bin", 100_000), ("config.txt", 300), ("boot.img", 3_000_001), ("2711/mcb.bin", 5000)];

    pub(super) fn a_board_boots_through_both_stages() {
        let payload = Payload::new("cm4", &CM4);
        let piprov = Usbboot::start(&["-d", payload.text(), "--json", "--timeout", "100"]);
        let asks: &[&str] = &["config.txt", "mcb.bin", "missing.bin", "boot.img", "../secret"];
        let board = board(0, Rom::new(0x2711, Some("af04b2da")), vec![(0x2711, asks)]);
        let ended = piprov.end();
        let (rom, got) = board.join().unwrap();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        assert_eq!(rom[0][..4], 100_000u32.to_le_bytes());
        assert_eq!(rom[0].len(), 24);
        assert!(rom[1] == contents("bootcode4.bin", 100_000));
        assert!(got[0]["boot.img"].as_deref() == Some(&contents("boot.img", 3_000_001)));
        assert!(got[0]["mcb.bin"].as_deref() == Some(&contents("2711/mcb.bin", 5000)));
        assert_eq!((&got[0]["missing.bin"], &got[0]["../secret"]), (&None, &None));
        let record = ended.board(&port(0));
        assert_eq!((&record["outcome"], &record["detail"]["files"]), (&"done".into(), &4.into()));
        assert_eq!(record["board"]["serial"], "af04b2da");
        let run = record["run"].as_str().unwrap();
        let shown = Command::new(env!("CARGO_BIN_EXE_piprov")).args(["run", "show", run, "--json"]).output();
        let shown: Value = serde_json::from_slice(&shown.unwrap().stdout).unwrap();
        assert_eq!(shown["record"], *record, "what is on disk");
    }

    pub(super) fn an_old_board_changes_its_product_id_and_asks_twice() {
        let files =
            [("bootcode.bin", 50_000), ("start.elf", 100_000), ("config.txt", 10), ("kernel.img", 70_000)];
        let payload = Payload::new("zero", &files);
        let piprov = Usbboot::start(&["-d", payload.text(), "--json", "--timeout", "100"]);
        let sessions: Vec<(u16, &[&str])> = vec![
            (0x2764, &["config.txt", "start.elf", "fixup.dat"]),
            (0x2764, &["config.txt", "cmdline.txt", "kernel.img"]),
        ];
        let board = board(0, Rom::new(0x2763, None), sessions);
        let ended = piprov.end();
        let (_, got) = board.join().unwrap();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        assert!(got[0]["start.elf"].as_deref() == Some(&contents("start.elf", 100_000)));
        assert!(got[1]["kernel.img"].as_deref() == Some(&contents("kernel.img", 70_000)));
        assert_eq!(ended.board(&port(0))["detail"]["files"], 5);
    }

    /// A member of a `bootfiles.bin`, which is a tar archive.
    fn member(name: &str, contents: &[u8]) -> Vec<u8> {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut member = [&header, contents].concat();
        member.resize(member.len().next_multiple_of(512), 0);
        member
    }

    pub(super) fn boards_of_four_chips_boot_at_once() {
        let files = [
            ("bootcode.bin", 50_000),
            ("start.elf", 90_000),
            ("config.txt", 300),
            ("kernel.img", 70_000),
            ("boot.img", 3_000_001),
        ];
        let payload = Payload::new("chips", &files);
        // The newer two have theirs in an archive.
        let archive: Vec<u8> = ["2711/bootcode4.bin", "2711/mcb.bin", "2712/bootcode5.bin", "2712/mcb.bin"]
            .iter()
            .flat_map(|name| member(name, &contents(name, 100_001)))
            .chain([0; 1024])
            .collect();
        let modern = Payload::new("chips-modern", &[("config.txt", 300), ("boot.img", 3_000_001)]);
        std::fs::write(modern.0.join("bootfiles.bin"), archive).unwrap();
        let start = |payload: &Payload, port: String| {
            Usbboot::start(&["-d", payload.text(), "--json", "--port", &port, "--timeout", "200"])
        };
        let old: Vec<_> = (0..2).map(|slot| start(&payload, port(slot))).collect();
        let new: Vec<_> = (2..4).map(|slot| start(&modern, port(slot))).collect();
        let loader: &[&str] = &["config.txt", "start.elf"];
        let system: &[&str] = &["config.txt", "kernel.img"];
        let bootfiles: &[&str] = &["mcb.bin", "config.txt", "boot.img"];
        let boards = [
            board(0, Rom::new(0x2763, None), vec![(0x2764, loader), (0x2764, system)]),
            board(1, Rom::new(0x2764, None), vec![(0x2764, loader), (0x2764, system)]),
            board(2, Rom::new(0x2711, Some("00000003")), vec![(0x2711, bootfiles)]),
            board(3, Rom::new(0x2712, Some("00000004")), vec![(0x2712, bootfiles)]),
        ];
        for ((slot, piprov), board) in (0..).zip(old.into_iter().chain(new)).zip(boards) {
            let ended = piprov.end();
            assert_eq!(ended.code, 0, "{slot}: {}\n{}", ended.stdout, ended.stderr);
            assert_eq!(ended.board(&port(slot))["outcome"], "done");
            let (rom, got) = board.join().unwrap();
            let (bootcode, last) = match slot {
                0 | 1 => (contents("bootcode.bin", 50_000), ("kernel.img", 70_000)),
                2 => (contents("2711/bootcode4.bin", 100_001), ("boot.img", 3_000_001)),
                _ => (contents("2712/bootcode5.bin", 100_001), ("boot.img", 3_000_001)),
            };
            assert!(rom[1] == bootcode, "{slot}");
            let got = got.last().unwrap();
            assert!(got[last.0].as_deref() == Some(&contents(last.0, last.1)), "{slot}");
            let mcb = ["", "", "2711/mcb.bin", "2712/mcb.bin"][usize::from(slot)];
            assert!(mcb.is_empty() || got["mcb.bin"].as_deref() == Some(&contents(mcb, 100_001)), "{slot}");
        }
    }

    pub(super) fn fifteen_boards_boot_at_once_on_one_hub() {
        const SERIALS: [&str; 15] = [
            "00000001", "00000002", "00000003", "00000004", "00000005", "00000006", "00000007", "00000008",
            "00000009", "0000000a", "0000000b", "0000000c", "0000000d", "0000000e", "0000000f",
        ];
        let payload = Payload::new("many", &CM4);
        let piprov = Usbboot::start(&["-d", payload.text(), "--json", "--boards", "15", "--timeout", "200"]);
        let asks: &[&str] = &["config.txt", "boot.img"];
        let boards: Vec<_> = (0..)
            .zip(SERIALS)
            .map(|(slot, serial)| board(slot, Rom::new(0x2711, Some(serial)), vec![(0x2711, asks)]))
            .collect();
        let ended = piprov.end();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        for (slot, board) in (0..).zip(boards) {
            let (_, got) = board.join().unwrap();
            assert!(got[0]["boot.img"].as_deref() == Some(&contents("boot.img", 3_000_001)), "{slot}");
            assert_eq!(ended.board(&port(slot))["board"]["serial"], SERIALS[usize::from(slot)]);
        }
    }

    pub(super) fn without_udev_boards_are_found_by_looking() {
        let payload = Payload::new("blind", &CM4);
        let units = "systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd.service";
        run(&format!("systemctl stop {units} && test ! -e /run/udev/control"));
        let piprov = Usbboot::start(&["-d", payload.text(), "--json", "--timeout", "100"]);
        let board = board(0, Rom::new(0x2711, Some("af04b2da")), vec![(0x2711, &["config.txt"])]);
        let ended = piprov.end();
        run(&format!("systemctl start {units}"));
        board.join().unwrap();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        assert_eq!(ended.board(&port(0))["outcome"], "done");
    }

    /// A second stage that leaves after so many bytes.
    struct Cut {
        server: Server,
        left: usize,
    }

    impl Function for Cut {
        fn device(&self) -> [u8; 18] {
            self.server.device()
        }

        fn configuration(&self) -> Vec<u8> {
            self.server.configuration()
        }

        fn strings(&self) -> Vec<String> {
            self.server.strings()
        }

        fn control(&mut self, setup: Setup, data: &[u8]) -> Reply {
            self.server.control(setup, data)
        }

        fn out(&mut self, endpoint: u8, data: &[u8]) -> Reply {
            match self.left.checked_sub(data.len()) {
                Some(left) => self.left = left,
                None => return Reply::Leave,
            }
            self.server.out(endpoint, data)
        }
    }

    pub(super) fn a_board_that_is_pulled_out_of_a_file_is_told() {
        let payload = Payload::new("cut", &CM4);
        let piprov = Usbboot::start(&["-d", payload.text(), "--json", "--timeout", "100"]);
        let board = std::thread::spawn(|| {
            plug(0, Rom::new(0x2711, Some("af04b2da"))).left();
            plug(0, Cut { server: Server::new(0x2711, &["config.txt", "boot.img"]), left: 1_000_000 }).left();
        });
        let ended = piprov.end();
        board.join().unwrap();
        assert_eq!(ended.code, 1, "{}\n{}", ended.stdout, ended.stderr);
        let record = ended.board(&port(0));
        assert_eq!(
            (&record["stage"], &record["detail"]["last_file"]),
            (&"file-server".into(), &"boot.img".into()),
            "{record}"
        );
        assert!(record["hint"].as_str().unwrap().contains("cable"), "{record}");
    }

    pub(super) fn a_user_without_permission_is_told_and_what_to_do() {
        let payload = Payload::new("nobody", &CM4);
        let rom = plug(0, Rom::new(0x2711, Some("af04b2da")));
        settle();
        let node = run(&format!("udevadm info -q name /sys/bus/usb/devices/{}", port(0)));
        run(&format!("chmod 600 /dev/{0} && chown root:root /dev/{0}", node.trim()));
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_piprov")]);
        command.args(["usbboot", "-d", payload.text(), "--timeout", "60"]);
        // That user has no home for its records.
        command.env("PIPROV_STATE_DIR", "/tmp/state-of-nobody");
        let ended = Usbboot::spawn(&mut command).end();
        assert_eq!(ended.code, 77, "{}\n{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("this user may not open /dev/bus/usb/"), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: `sudo piprov udev install`"), "{}", ended.stderr);
        rom.unplug();
    }

    pub(super) fn under_the_name_of_rpiboot_the_live_tree_is_served() {
        let files = [("bootcode.bin", 50_000), ("config.txt", 10), ("kernel.img", 1000)];
        let live = Payload::new("srv/live", &files);
        let _clients = Payload::new("srv/clients/by-serial/one", &[("config.txt", 20), ("bootcode.bin", 7)]);
        std::os::unix::fs::symlink("../clients/by-serial/one", live.0.join(port(1))).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_piprov"), live.0.join("../../rpiboot")).unwrap();
        let rpiboot = live.0.join("../../rpiboot");
        // One board and then the end, as rpiboot does it without -l.
        for (slot, len) in [(0, 10), (1, 20)] {
            let mut command = Command::new(&rpiboot);
            command.args(["-o", "-d", live.text()]);
            let piprov = Usbboot::spawn(&mut command);
            let board = board(slot, Rom::new(0x2763, None), vec![(0x2764, &["config.txt", "kernel.img"])]);
            let ended = piprov.end();
            let (rom, got) = board.join().unwrap();
            assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
            assert_eq!(got[0]["config.txt"].as_ref().unwrap().len(), len);
            assert_eq!(got[0]["kernel.img"].as_ref().unwrap().len(), 1000);
            assert_eq!(rom[1].len(), 50_000, "the bootcode is never of the overlay");
        }
        std::fs::remove_file(rpiboot).unwrap();
    }

    pub(super) fn by_serial_each_board_gets_its_own() {
        let clients = Payload::new(
            "clients",
            &[
                ("by-serial/aa000001/bootcode4.bin", 1000),
                ("by-serial/aa000001/config.txt", 11),
                ("default/bootcode4.bin", 2000),
                ("default/config.txt", 12),
            ],
        );
        let settings = clients.0.join("piprov.toml");
        std::fs::write(&settings, format!("[usb]\nclients = \"{}\"\n", clients.text())).unwrap();
        let config = settings.to_str().unwrap();
        let arguments = ["--by-serial", "--json", "--boards", "2", "--timeout", "100", "--config", config];
        let piprov = Usbboot::start(&arguments);
        let one = board(0, Rom::new(0x2711, Some("aa000001")), vec![(0x2711, &["config.txt"])]);
        let two = board(1, Rom::new(0x2711, Some("aa000002")), vec![(0x2711, &["config.txt"])]);
        let ended = piprov.end();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        let lens = |board: JoinHandle<(Vec<Vec<u8>>, Vec<Got>)>| {
            let (rom, got) = board.join().unwrap();
            (rom[1].len(), got[0]["config.txt"].as_ref().unwrap().len())
        };
        assert_eq!((lens(one), lens(two)), ((1000, 11), (2000, 12)));
    }

    pub(super) fn rules_of_the_settings_choose_for_each_board() {
        let newer = Payload::new("rules-newer", &[("bootcode4.bin", 1000), ("config.txt", 11)]);
        let older = Payload::new("rules-older", &[("bootcode.bin", 2000), ("config.txt", 12)]);
        let settings = newer.0.join("piprov.toml");
        let rules = format!(
            "[[usb.board]]\nserial = \"10000000aa000001\"\npayload = \"{}\"\n\
             [[usb.board]]\nchip = \"bcm2837\"\npayload = \"{}\"\n\
             [[usb.board]]\nport = \"{}\"\nleave = true\n",
            newer.text(),
            older.text(),
            port(2),
        );
        std::fs::write(&settings, rules).unwrap();
        let config = settings.to_str().unwrap();
        // The board that is left alone is there first.
        let left = plug(2, Rom::new(0x2711, Some("aa000002")));
        settle();
        let mut dry = Command::new(env!("CARGO_BIN_EXE_piprov"));
        let dry = dry.args(["usbboot", "-n", "--json", "--config", config]).output().unwrap();
        let would: Value = serde_json::from_slice(&dry.stdout).unwrap();
        assert_eq!((&would["event"], &would["dir"]), (&"would-serve".into(), &Value::Null));
        assert_eq!(would["why"], format!("rule 3 is for port {}", port(2)));
        let piprov =
            Usbboot::start(&["--json", "--boards", "2", "-l", "--timeout", "100", "--config", config]);
        let one = board(0, Rom::new(0x2711, Some("aa000001")), vec![(0x2711, &["config.txt"])]);
        let two = board(1, Rom::new(0x2764, None), vec![(0x2764, &["config.txt"])]);
        let ended = piprov.end();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        let lens = |board: JoinHandle<(Vec<Vec<u8>>, Vec<Got>)>| {
            let (rom, got) = board.join().unwrap();
            (rom[1].len(), got[0]["config.txt"].as_ref().unwrap().len())
        };
        assert_eq!((lens(one), lens(two)), ((1000, 11), (2000, 12)));
        let told: Vec<_> = ended.events.iter().filter(|event| event["event"] == "left-alone").collect();
        assert_eq!(told.len(), 1, "{}", ended.stdout);
        assert_eq!(told[0]["board"]["port"], port(2));
        assert_eq!(ended.board(&port(0))["detail"]["why"], "rule 1 is for serial 10000000aa000001");
        left.unplug();
    }

    pub(super) fn what_a_board_becomes_is_waited_for_and_printed() {
        let payload = Payload::new("becomes", &CM4);
        let piprov = Usbboot::start(&["-d", payload.text(), "--wait-for", "serial", "--timeout", "100"]);
        let board = board(0, Rom::new(0x2711, Some("af04b2da")), vec![(0x2711, &["config.txt"])]);
        board.join().unwrap();
        let booted = plug(0, FirstStage::new("00000000d8e4a1f7"));
        let ended = piprov.end();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        assert_eq!(ended.stdout, "/dev/ttyACM0\n");
        booted.unplug();
    }

    /// `piprov deploy` of an image to a disk.
    fn deploy(image: &str, disk: &str) -> Usbboot {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        command.args(["deploy", image, "--device", disk, "--confirm", disk, "--json"]);
        Usbboot::spawn(&mut command)
    }

    pub(super) fn a_board_that_becomes_a_disk_is_deployed_and_read_back_also_after_its_cable_was_pulled() {
        const IMAGE: &str = "/run/disk-os.img";
        const MIB: usize = 1 << 20;
        let payload = Payload::new("disk", &CM4);
        MassStorage::controllers(3);
        // Somebody's stick is there first, and is the first disk.
        let mut stick = MassStorage::new(1, [0x0781, 0x5567], 4);
        stick.plug(3);
        until("the stick", || Path::new("/sys/block/sda/size").exists().then_some(()));
        run(&format!("head -c 12M /dev/urandom >{IMAGE}"));
        let image = std::fs::read(IMAGE).unwrap();

        let boots = || {
            let piprov = Usbboot::start(&["-d", payload.text(), "--wait-for", "block", "--timeout", "100"]);
            let asks: &[&str] = &["config.txt", "boot.img"];
            let (_, got) = board(0, Rom::new(0x2711, Some("af04b2da")), vec![(0x2711, asks)]).join().unwrap();
            assert!(got[0]["boot.img"].as_deref() == Some(&contents("boot.img", 3_000_001)));
            piprov
        };
        let is_disk = |piprov: Usbboot| {
            let ended = piprov.end();
            assert_eq!((ended.code, ended.stdout.as_str()), (0, "/dev/sdb\n"), "{}", ended.stderr);
            ended.stdout.trim().to_owned()
        };

        // Its cable is pulled in mid-write: that is a failure, and nothing would start from the disk.
        let piprov = boots();
        let mut storage = MassStorage::new(0, [0x0a5c, 0x0104], 20);
        storage.plug(0);
        let disk = is_disk(piprov);
        let cut = deploy(IMAGE, &disk);
        let part = 3 * MIB..4 * MIB;
        until("some of it on the disk", || {
            (storage.bytes(part.clone()) == image[part.clone()]).then_some(())
        });
        storage.pull();
        let ended = cut.end();
        assert_eq!(ended.code, 69, "{}\n{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains("has gone away"), "{}", ended.stdout);
        assert!(storage.bytes(0..512).iter().all(|byte| *byte == 0));
        drop(storage);

        // From the beginning. At another controller: the kernel's keeps an answer that the cable was pulled before, and
        // gives it to whoever comes next, who takes it for an error and hangs up.
        let piprov = boots();
        let mut storage = MassStorage::new(2, [0x0a5c, 0x0104], 20);
        storage.plug(0);
        let disk = is_disk(piprov);
        let ended = deploy(IMAGE, &disk).end();
        assert_eq!(ended.code, 0, "{}\n{}", ended.stdout, ended.stderr);
        let record = &ended.events.iter().find(|event| event["event"] == "result").unwrap()["record"];
        let sum = run(&format!("sha256sum {IMAGE}"));
        assert_eq!(record["detail"]["read_back_sha256"], sum[..64], "{record}");
        // What is behind the cable, by itself.
        assert!(storage.bytes(0..image.len()) == image);
        // The end of the disk is zeroed, where an old partition table may be.
        assert!(storage.bytes(image.len()..18 * MIB).iter().all(|byte| *byte == 0xee));
        assert!(stick.bytes(0..4 * MIB).iter().all(|byte| *byte == 0xee));
    }

    pub(super) fn what_is_attached_is_listed() {
        run("modprobe vhci-hcd");
        let rom = plug(0, Rom::new(0x2712, Some("4d01ab99")));
        let old = plug(1, Rom::new(0x2763, None));
        let booted = plug(2, Other(0x0a5c, 0x0104));
        let stranger = plug(3, Other(0x1234, 0x5678));
        settle();
        let output = Command::new(env!("CARGO_BIN_EXE_piprov")).args(["list", "--json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row["board"]["port"].as_str().unwrap(), row["state"].as_str().unwrap()))
            .collect();
        let ports = [port(0), port(1), port(2)];
        assert_eq!(
            seen,
            [
                (ports[0].as_str(), "boot ROM, waiting"),
                (ports[1].as_str(), "boot ROM, waiting"),
                (ports[2].as_str(), "mass storage gadget"),
            ]
        );
        assert_eq!((&rows[0]["serial"], &rows[1]["serial"]), (&"4d01ab99".into(), &Value::Null));
        let output = Command::new(env!("CARGO_BIN_EXE_piprov")).args(["doctor", "--usb"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("libusb starts, and tells when boards come"), "{text}");
        rom.unplug();
        old.unplug();
        booted.unplug();
        stranger.unplug();
    }

    pub(super) fn nothing_attached_is_told_in_time() {
        let payload = Payload::new("nothing", &CM4);
        let booted = plug(0, Other(0x0a5c, 0x0104));
        settle();
        let ended = Usbboot::start(&["-d", payload.text(), "--timeout", "5"]).end();
        assert_eq!(ended.code, 69, "{}\n{}", ended.stdout, ended.stderr);
        let told = format!("at {} is a mass storage gadget: it has booted already", port(0));
        assert!(ended.stderr.contains(&told), "{}", ended.stderr);
        assert!(ended.stderr.contains("error: no board in USB boot came in 0:05"), "{}", ended.stderr);
        booted.unplug();
    }
}
