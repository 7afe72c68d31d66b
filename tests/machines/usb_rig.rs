//! Real udev, real USB: the rules and the helper in a virtual machine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::rig;

rig::scenarios! {
    usb_rig:
    a_board_gets_its_own_files,
    boards_swap_places,
    two_boards_boot_their_own_systems_and_swap_places,
    a_board_may_take_any_time_to_obey,
    what_takes_longer_is_done_by_the_unit,
    an_unknown_board_is_switched_off,
    a_board_that_is_pulled_out_leaves_nothing,
    a_board_that_hangs_does_not_hang_udev,
    an_empty_port_is_tidied_up,
    boot_roms_may_be_used_by_their_group,
    the_disk_of_a_boot_rom_is_left_alone,
    the_first_stage_says_who_it_is_and_obeys,
    a_reset_line_is_pulled_low_and_released,
}

mod scenario {
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use crate::rig::guest::{LiveTree, piprov, run, settle};
    use crate::rig::models::{FirstStage, Other, Rom, Server};
    use crate::rig::until;
    use crate::rig::usbip::{plug, port};

    const ONE: &str = "00000000d8e4a1f7";
    const TWO: &str = "000000001badb007";

    /// A board in its boot ROM, and then gone.
    fn rom(slot: u8) {
        let device = plug(slot, Rom::new(0x2763, None));
        settle();
        device.unplug();
        settle();
    }

    /// A board in its second stage, and then gone.
    fn second_stage(slot: u8) {
        let device = plug(slot, Server::new(0x2764, &[]));
        settle();
        device.unplug();
        settle();
    }

    /// What a board without an overlay does: boot ROM, second stage, first stage. Gives what it is told there.
    fn identify(slot: u8, serial: &str) -> String {
        rom(slot);
        second_stage(slot);
        let board = plug(slot, FirstStage::new(serial)).left();
        settle();
        String::from_utf8(board.heard.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn a_board_gets_its_own_files() {
        let own = format!("by-serial/{ONE}");
        let tree = LiveTree::new(&[&own]);
        assert_eq!(identify(0, ONE), "reboot\n");
        assert_eq!(tree.overlay(&port(0)), Some(own.clone()));
        assert!(tree.logged(&["<30>piprov-udev", ONE, "told it to restart"]));
        // Its boot keeps it.
        for stage in [rom, second_stage, second_stage] {
            stage(0);
            assert_eq!(tree.overlay(&port(0)), Some(own.clone()));
        }
        let shown = String::from_utf8(piprov(&["live"]).stdout).unwrap();
        assert!(shown.contains(&own) && shown.contains("gets its files"), "{shown}");
        // Its end drops it.
        let booted = plug(0, Other(0x0525, 0xa4a5));
        until("the overlay to go", || tree.overlay(&port(0)).is_none().then_some(()));
        settle();
        booted.unplug();
        assert!(tree.logged(&["the boot is over", "0525:a4a5"]));
    }

    /// A restart window that a loaded machine, on which everything takes its time, keeps within; until it is dropped.
    struct Patient;

    impl Patient {
        fn new() -> Self {
            std::fs::create_dir_all("/etc/piprov").unwrap();
            std::fs::write("/etc/piprov/piprov.toml", "[usb]\nrestart-window = 120\n").unwrap();
            Self
        }
    }

    impl Drop for Patient {
        fn drop(&mut self) {
            let _ = std::fs::remove_file("/etc/piprov/piprov.toml");
        }
    }

    pub(super) fn boards_swap_places() {
        let _patient = Patient::new();
        let (one, two) = (format!("by-serial/{ONE}"), format!("by-serial/{TWO}"));
        let tree = LiveTree::new(&[&one, &two]);
        for serials in [[ONE, TWO], [TWO, ONE]] {
            for (slot, serial) in (0..).zip(serials) {
                // Whoever comes first is nobody yet, although the one before was pulled out just now.
                let device = plug(slot, Rom::new(0x2763, None));
                settle();
                assert_eq!(tree.overlay(&port(slot)), None);
                device.unplug();
                settle();
                assert_eq!(identify(slot, serial), "reboot\n");
            }
            for stage in [rom, second_stage] {
                for (slot, serial) in (0..).zip(serials) {
                    stage(slot);
                    assert_eq!(tree.overlay(&port(slot)), Some(format!("by-serial/{serial}")));
                }
            }
        }
    }

    /// `piprov usbboot` under rpiboot's name and with the flags that the original's README gives.
    struct Rpiboot(std::process::Child);

    impl Rpiboot {
        fn start() -> Self {
            run("rm -f /tmp/rpiboot");
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_piprov"), "/tmp/rpiboot").unwrap();
            let mut command = std::process::Command::new("/tmp/rpiboot");
            let log = std::fs::File::create("/tmp/rpiboot.log").unwrap();
            command.args(["-l", "-o", "-d", "/srv/usbboot/live"]);
            command.stdout(log.try_clone().unwrap()).stderr(log);
            Self(command.spawn().unwrap())
        }
    }

    impl Drop for Rpiboot {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// What a board found in `config.txt` and `kernel.img` in each of its starts, until it had a system of its own.
    fn boot(slot: u8, serial: &str) -> Vec<String> {
        let mut starts = Vec::new();
        while starts.len() < 4 {
            assert_eq!(plug(slot, Rom::new(0x2763, None)).left().got[1], b"bootcode");
            let got = plug(slot, Server::new(0x2764, &["config.txt", "kernel.img"])).left().got;
            let text = |name: &str| String::from_utf8(got[name].clone().unwrap()).unwrap();
            let start = format!("{} with {}", text("config.txt"), text("kernel.img"));
            let is_first_stage = start.contains("first stage");
            starts.push(start);
            if !is_first_stage {
                break;
            }
            let board = plug(slot, FirstStage::new(serial)).left();
            assert_eq!(*board.heard.lock().unwrap(), b"reboot\n");
        }
        starts
    }

    pub(super) fn two_boards_boot_their_own_systems_and_swap_places() {
        let (one, two) = (format!("by-serial/{ONE}"), format!("by-serial/{TWO}"));
        let tree = LiveTree::new(&["1ststage", &one, &two]);
        for (client, kernel) in [("1ststage", "first stage"), (&one, ONE), (&two, TWO)] {
            std::fs::write(tree.client(client).join("kernel.img"), kernel).unwrap();
        }
        std::fs::write(tree.client("1ststage").join("bootcode.bin"), "bootcode").unwrap();
        assert!(piprov(&["mklive"]).status.success());
        let rpiboot = Rpiboot::start();
        let told = || std::fs::read_to_string("/tmp/rpiboot.log").unwrap();
        // The second time in each other's ports, at once after they have their files: the ports still have the
        // overlays then, and nothing but the boot ROM tells that a new boot has begun.
        for serials in [[ONE, TWO], [TWO, ONE]] {
            let boards = [0, 1].map(|slot| {
                let serial = serials[usize::from(slot)];
                (serial, std::thread::spawn(move || boot(slot, serial)))
            });
            for (serial, board) in boards {
                let starts = board.join().unwrap_or_else(|_| panic!("{serial}: {}", told()));
                let own = format!("by-serial/{serial} with {serial}");
                let (last, before) = starts.split_last().unwrap();
                assert_eq!(*last, own, "{starts:?}\n{}", told());
                assert_eq!(*before, ["1ststage with first stage"], "{starts:?}\n{}", told());
            }
        }
        for serial in [ONE, TWO] {
            assert!(tree.logged(&[serial, "told it to restart"]));
        }
        // What they are in the end is no business of the overlays any more.
        let booted = [0, 1].map(|slot| plug(slot, Other(0x0525, 0xa4a5)));
        until("the overlays to go", || (0..2).all(|at| tree.overlay(&port(at)).is_none()).then_some(()));
        for board in booted {
            board.unplug();
        }
        drop(rpiboot);
    }

    /// A board that was told to restart comes back into its boot ROM and asks for its files. It has its overlay.
    fn comes_back(tree: &LiveTree, slot: u8, own: &str, what: &str) {
        settle();
        assert_eq!(tree.overlay(&port(slot)).as_deref(), Some(own), "{what}, when it is gone");
        for (name, stage) in [("the boot ROM", rom as fn(u8)), ("the second stage", second_stage)] {
            stage(slot);
            assert_eq!(tree.overlay(&port(slot)).as_deref(), Some(own), "{what}, after {name}");
        }
    }

    pub(super) fn a_board_may_take_any_time_to_obey() {
        let _patient = Patient::new();
        let own = format!("by-serial/{ONE}");
        // None: it leaves without saying that it has the line. The shortest times more than once: they are races.
        let times = [(None, 2), (Some(0), 3), (Some(1), 1), (Some(5), 1), (Some(20), 2), (Some(100), 1)];
        for (time, rounds) in times.into_iter().chain([1000, 10_000, 30_000].map(|time| (Some(time), 1))) {
            for round in 0..rounds {
                let what = format!("{time:?} ms, round {round}");
                let tree = LiveTree::new(&[&own]);
                rom(0);
                second_stage(0);
                let obeys = Some(time.map(Duration::from_millis));
                let board = plug(0, FirstStage { obeys, ..FirstStage::new(ONE) }).left();
                assert_eq!(*board.heard.lock().unwrap(), b"reboot\n", "{what}");
                comes_back(&tree, 0, &own, &what);
            }
        }
        // The same for one that hears so late that the unit tells it.
        for time in [None, Some(0)] {
            let what = format!("late, {time:?} ms");
            let tree = LiveTree::new(&[&own]);
            let obeys = Some(time.map(Duration::from_millis));
            let slow = FirstStage { deaf: true, obeys, ..FirstStage::new(ONE) };
            let awake = slow.awake.clone();
            let board = plug(0, slow);
            until("the note", || tree.logged(&["doesn't take commands yet"]).then_some(()));
            awake.store(true, Ordering::Relaxed);
            assert_eq!(*board.left().heard.lock().unwrap(), b"reboot\n", "{what}");
            comes_back(&tree, 0, &own, &what);
            until("its word", || tree.logged(&[ONE, "told it to reboot"]).then_some(()));
        }
    }

    /// Whether systemd lets a unit run.
    fn is_active(unit: &str) -> bool {
        run(&format!("systemctl is-active {unit} || true")).trim() == "active"
    }

    pub(super) fn what_takes_longer_is_done_by_the_unit() {
        // Longer than its serial port takes to open, and shorter than a person waits.
        std::fs::create_dir_all("/etc/piprov").unwrap();
        std::fs::write("/etc/piprov/piprov.toml", "[usb]\nrestart-window = 2\n").unwrap();
        let tree = LiveTree::new(&["default"]);
        // A board that takes its time before it listens: udev's helper can't wait for that.
        let slow = FirstStage { deaf: true, ..FirstStage::new(ONE) };
        let awake = slow.awake.clone();
        let board = plug(0, slow);
        until("the note", || tree.logged(&["doesn't take commands yet"]).then_some(()));
        awake.store(true, Ordering::Relaxed);
        until("the unit", || is_active("piprov-usb.service").then_some(()));
        let board = board.left();
        assert_eq!(String::from_utf8(board.heard.lock().unwrap().clone()).unwrap(), "reboot\n");
        until("its word", || tree.logged(&[ONE, "told it to reboot"]).then_some(()));
        // It doesn't come back. The unit sees to it that nobody else gets its files.
        until("the overlay to go", || tree.overlay(&port(0)).is_none().then_some(()));
        until("its word", || tree.logged(&["the port was empty for"]).then_some(()));
        until("the unit's end", || (!is_active("piprov-usb.service")).then_some(()));
        std::fs::remove_file("/etc/piprov/piprov.toml").unwrap();
    }

    pub(super) fn an_unknown_board_is_switched_off() {
        let tree = LiveTree::new(&[]);
        assert_eq!(identify(0, ONE), "poweroff\n");
        assert_eq!(tree.overlay(&port(0)), None);
        assert!(tree.logged(&["<27>piprov-udev", ONE, "unknown"]));
        let shown = String::from_utf8(piprov(&["live"]).stdout).unwrap();
        assert!(shown.contains(ONE) && shown.contains("told to power off"), "{shown}");
        assert_eq!(identify(1, ".."), "poweroff\n");
        let default = LiveTree::new(&["default"]);
        assert_eq!(identify(0, ONE), "reboot\n");
        assert_eq!(default.overlay(&port(0)).as_deref(), Some("default"));
    }

    pub(super) fn a_board_that_is_pulled_out_leaves_nothing() {
        let tree = LiveTree::new(&["default"]);
        let board = plug(0, FirstStage { deaf: true, ..FirstStage::new(ONE) });
        until("the overlay", || tree.overlay(&port(0)));
        board.unplug();
        until("the overlay to go", || tree.overlay(&port(0)).is_none().then_some(()));
        settle();
        assert!(tree.logged(&["unplugged"]));
        assert_eq!(run("ls /run/piprov/ports"), "");
    }

    pub(super) fn a_board_that_hangs_does_not_hang_udev() {
        let tree = LiveTree::new(&["default"]);
        let board = plug(0, FirstStage { deaf: true, ..FirstStage::new(ONE) });
        // The kernel's driver waits five seconds for such a board, here and whenever its serial port is opened.
        until("the serial port", || run("ls /sys/class/tty").contains("ttyACM").then_some(()));
        let began = Instant::now();
        until("the overlay", || tree.overlay(&port(0)));
        settle();
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        assert!(tree.logged(&["doesn't take commands yet"]));
        assert_eq!(run("ls /run/piprov/due").trim(), port(0));
        board.unplug();
    }

    pub(super) fn an_empty_port_is_tidied_up() {
        let tree = LiveTree::new(&["default"]);
        std::fs::create_dir_all("/etc/piprov").unwrap();
        std::fs::write("/etc/piprov/piprov.toml", "[usb]\nrestart-window = 1\n").unwrap();
        assert_eq!(identify(0, ONE), "reboot\n");
        settle();
        let output = piprov(&["udev", "finish", "-v"]);
        std::fs::remove_file("/etc/piprov/piprov.toml").unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(tree.overlay(&port(0)), None);
        assert!(tree.logged(&["the port was empty for"]));
        assert_eq!(run("ls /run/piprov/ports /run/piprov/due"), "/run/piprov/due:\n\n/run/piprov/ports:\n");
    }

    pub(super) fn boot_roms_may_be_used_by_their_group() {
        let _station = LiveTree::new(&[]);
        run("grep -q ^plugdev: /etc/group || groupadd -r plugdev; true");
        for product in [0x2763, 0x2764, 0x2711, 0x2712] {
            let rom = plug(0, Rom::new(product, matches!(product, 0x2711 | 0x2712).then_some("af04b2da")));
            settle();
            let device = run(&format!("udevadm info -q name /sys/bus/usb/devices/{}", port(0)));
            let node = format!("/dev/{}", device.trim());
            assert_eq!(run(&format!("stat -c %a:%G {node}")).trim(), "660:plugdev", "{product:x}");
            let tags = run(&format!("udevadm info -q property {node}"));
            assert!(tags.contains(":uaccess:"), "{tags}");
            rom.unplug();
        }
    }

    pub(super) fn the_disk_of_a_boot_rom_is_left_alone() {
        let tree = LiveTree::new(&[]);
        run("modprobe usb-storage");
        let rom = plug(0, Rom::with_disk(0x2764));
        settle();
        let interface = |number: u8| format!("/sys/bus/usb/devices/{}:1.{number}", port(0));
        assert_eq!(run(&format!("cat {}/authorized", interface(0))).trim(), "0");
        assert!(!std::path::Path::new(&interface(0)).join("driver").exists(), "usb-storage has it");
        assert_eq!(run(&format!("cat {}/authorized", interface(1))).trim(), "1");
        // It takes its bootcode over the other interface.
        std::fs::write("/tmp/bootcode.bin", [7; 3000]).unwrap();
        let boot =
            std::thread::spawn(|| piprov(&["usbboot", "-d", "/tmp", "--boards", "1", "--timeout", "20"]));
        let rom = rom.left();
        assert_eq!(
            rom.got.last().map(Vec::len),
            Some(3000),
            "{:?}",
            rom.got.iter().map(Vec::len).collect::<Vec<_>>()
        );
        drop((boot.join().unwrap(), tree));
    }

    /// Starts the first stage's own init as if it were a system's, with a board's serial number. What its system
    /// would end with is the signal that ends it (pid_namespaces(7)): 1 for a restart, 2 for switching off.
    fn first_stage() -> std::process::Child {
        run("modprobe dummy_hcd; modprobe usb_f_acm; rm -rf /tmp/stage1; mkdir -p /tmp/stage1/bin; \
             cp /usr/bin/busybox /tmp/stage1/bin/; ln -s busybox /tmp/stage1/bin/sh");
        let init = include_str!("../../firmware/stage1/init");
        let place = "/proc/device-tree/serial-number";
        // A PC has no such file.
        assert_eq!(init.matches(place).count(), 1);
        std::fs::write("/tmp/stage1/init", init.replace(place, "/serial-number")).unwrap();
        std::fs::write("/tmp/stage1/serial-number", format!("{ONE}\0")).unwrap();
        run("chmod 755 /tmp/stage1/init");
        let mut command = std::process::Command::new("unshare");
        command.args(["--pid", "--fork", "--mount", "chroot", "/tmp/stage1", "/init"]);
        command.spawn().unwrap()
    }

    /// The port at which the emulated gadget controller's host sees it.
    fn gadget_port() -> String {
        let find = "for d in /sys/bus/usb/devices/*-*; do [ \"$(cat $d/idProduct 2>/dev/null)\" = b007 ] && \
                    basename $d; done; true";
        until("the gadget", || Some(run(find).trim().to_owned()).filter(|port| !port.is_empty()))
    }

    /// Takes the gadget off its controller, as a restart would.
    fn remove_gadget() {
        run("cd /sys/kernel/config/usb_gadget/piprov && echo '' >UDC && rm configs/c.1/acm.usb0 && \
             rmdir configs/c.1 functions/acm.usb0 strings/0x409 && cd .. && rmdir piprov");
        settle();
    }

    pub(super) fn the_first_stage_says_who_it_is_and_obeys() {
        use std::os::unix::process::ExitStatusExt;
        let own = format!("by-serial/{ONE}");
        for (clients, signal) in [(vec![own.as_str()], 1), (vec![], 2)] {
            let tree = LiveTree::new(&clients);
            let mut stage = first_stage();
            let port = gadget_port();
            let status = until("the first stage to end", || stage.try_wait().unwrap());
            assert!(status.signal() == Some(signal) || status.code() == Some(128 + signal), "{status:?}");
            assert_eq!(tree.overlay(&port).as_deref(), clients.first().copied());
            assert!(tree.logged(&[ONE]));
            remove_gadget();
        }
        // Anything else is not obeyed, and does no harm.
        run("rm -f /etc/udev/rules.d/60-piprov.rules && udevadm control --reload");
        let mut stage = first_stage();
        gadget_port();
        settle();
        let tty = run("ls -d /sys/class/tty/ttyACM*").trim().rsplit('/').next().unwrap().to_owned();
        run(&format!("stty -F /dev/{tty} raw -echo"));
        let write = |line: &str| std::fs::write(format!("/dev/{tty}"), line).unwrap();
        for line in ["\n", "rebootx\n", " halt; reboot -f\n", "$(reboot)\n", "poweroff now\n", "REBOOT\n"] {
            write(line);
        }
        write(&format!("{}\n", "x".repeat(3000)));
        crate::rig::pause(Duration::from_secs(2));
        assert!(stage.try_wait().unwrap().is_none());
        write("reboot\r\n");
        until("the first stage to end", || stage.try_wait().unwrap());
        remove_gadget();
    }

    pub(super) fn a_reset_line_is_pulled_low_and_released() {
        run("modprobe rig-gpio-sim && mkdir -p /sys/kernel/config/gpio-sim/rig/bank/line3 && \
             cd /sys/kernel/config/gpio-sim/rig && echo 8 >bank/num_lines && echo RESET >bank/line3/name && \
             echo 1 >live");
        settle();
        let chip = run("cat /sys/kernel/config/gpio-sim/rig/bank/chip_name").trim().to_owned();
        let line = run(&format!("echo /sys/devices/platform/gpio-sim.*/{chip}/sim_gpio3")).trim().to_owned();
        run(&format!("echo pull-up >{line}/pull"));
        let value = || std::fs::read_to_string(format!("{line}/value")).unwrap().trim().to_owned();
        assert_eq!(value(), "1");
        for name in ["3", "RESET"] {
            let began = Instant::now();
            let mut reset = std::process::Command::new(env!("CARGO_BIN_EXE_piprov"))
                .args(["reset", "--chip", &chip, "--line", name, "--hold", "1"])
                .spawn()
                .unwrap();
            until("the line to be low", || (value() == "0").then_some(()));
            let low = Instant::now();
            until("the line to be released", || (value() == "1").then_some(()));
            assert!(
                low.elapsed() > Duration::from_millis(800),
                "{:?} of {:?}",
                low.elapsed(),
                began.elapsed()
            );
            assert!(reset.wait().unwrap().success());
            // An input, not an output that happens to be high.
            let info = run(&format!("gpioinfo {chip}"));
            let row = info.lines().find(|row| row.contains("RESET")).unwrap_or_else(|| panic!("{info}"));
            assert!(row.contains("input") && row.contains("unused"), "{row}");
        }
        run(
            "cd /sys/kernel/config/gpio-sim/rig && echo 0 >live && rmdir bank/line3 bank && cd .. && rmdir rig",
        );
    }
}
