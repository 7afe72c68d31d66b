//! Boards that come by a USB cable alone: a real USB Ethernet gadget of a real kernel, IPv6 link-local addresses on both of
//! its ends, and a disk that is deployed over it. The board's end is in a network namespace of its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::rig;

rig::scenarios! {
    usb_cable after system:
    a_board_is_booted_and_its_disk_deployed_over_one_usb_cable_and_it_comes_into_its_slot,
    a_hub_that_loses_power_while_a_board_is_written_costs_time_alone,
    of_two_boards_with_one_serial_number_the_second_is_left_alone_and_named,
    a_board_at_a_port_that_is_not_allowed_gets_nothing,
    images_come_over_ethernet_where_the_station_answers_there_and_over_the_cable_where_it_stops,
}

/// The system for boards, as `piprov initramfs build --over-usb` makes it.
fn system() {
    let _ = crate::station::system();
}

/// The device tree of the board with a BCM2837 that is booted out of its ROM: a 3A+.
pub(crate) const TREE: &str = "bcm2837-rpi-3-a-plus.dtb";

/// The directory with all that this board was sent.
pub(crate) fn sent() -> std::path::PathBuf {
    a_board_is_booted_and_its_disk_deployed_over_one_usb_cable_and_it_comes_into_its_slot();
    MACHINE.kept("")
}

mod scenario {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Output, Stdio};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use crate::rig::guest::run;
    use crate::rig::models::{Rom, Server};
    use crate::rig::usbip::{Cord, plug, plug_gadget, port};
    use crate::rig::{keep, until};
    use crate::station::SYSTEM;

    use super::TREE;

    /// That of the machine, which stands for the board.
    const SERIAL: &str = "10000000aa00bb03";
    const ADDRESS: &str = "fe80::d400:aaff:fe00:bb03";
    const SOCKET: &str = "/run/station/s.sock";
    const IMAGE: &str = "/run/os.img";
    const DISK: &str = "/dev/nvme0n1";

    /// A process that ends with the scenario.
    struct Process(Child);

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// `piprov bootd`, and what it tells.
    struct Bootd {
        _process: Process,
        told: Arc<Mutex<Vec<Value>>>,
    }

    impl Bootd {
        /// With files for boards that nobody boots here.
        fn start(settings: &str) -> Self {
            Self::sending("/run/payload", settings)
        }

        fn sending(payload: &str, settings: &str) -> Self {
            std::fs::write("/run/bootd.toml", settings).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
            command.args(["--config", "/run/bootd.toml", "bootd", "--json", "--no-network"]);
            command.args(["--usb", payload, "--state", "/run/bootd"]);
            command.env("PIPROV_STATE_DIR", "/run/bootd");
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            let told: Arc<Mutex<Vec<Value>>> = Arc::default();
            let (out, lines) = (child.stdout.take().unwrap(), Arc::clone(&told));
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    println!("bootd: {line}");
                    lines.lock().unwrap().extend(serde_json::from_str(&line));
                }
            });
            Self { _process: Process(child), told }
        }

        /// Waits for something about a cable.
        fn cable(&self, what: &str) -> Value {
            until(&format!("a cable that is {what}"), || {
                let told = self.told.lock().unwrap();
                told.iter().rev().find(|event| event["event"] == "cable" && event["cable"] == what).cloned()
            })
        }
    }

    /// The controllers, the board's network, and what boards are sent; once for all scenarios.
    fn lay_out() {
        run("modprobe vhci-hcd; modprobe cdc_ncm
            modprobe nvme; ip netns list | grep -q board || { ip netns add board; ip -n board link set lo up; }
            mkdir -p /run/payload /run/station /run/bootd /run/piprov /etc/piprov
            for name in bootcode.bin bootcode4.bin start.elf kernel8.img; do
                head -c 90K /dev/urandom >/run/payload/$name
            done
            echo kernel=kernel8.img >/run/payload/config.txt; echo x >/run/payload/cmdline.txt
            echo piprov.usb=http:8080 >/etc/piprov/agent");
        // A scenario that failed has left it.
        unplug("twin");
    }

    /// A board that has been started, at its cable: the gadget of a controller of this kernel.
    struct Board {
        _agent: Process,
        _cord: Option<Cord>,
    }

    impl Board {
        /// One whose controller has a port of its own.
        fn start() -> Self {
            run("modprobe -r usbip-vudc; modprobe dummy_hcd num=2");
            Self::begin(None)
        }

        /// One at the port from whose ROM it was booted.
        fn start_at(slot: u8) -> Self {
            run("modprobe -r dummy_hcd; modprobe usbip-vudc");
            Self::begin(Some(slot))
        }

        /// What its system does: `firmware/agent/cable`, then the agent, with all that is real.
        fn begin(slot: Option<u8>) -> Self {
            let cable = concat!(env!("CARGO_MANIFEST_DIR"), "/firmware/agent/cable");
            // The kernel makes the board's end in the machine's own network.
            run(&format!(
                "rm -f /run/piprov/cable; ip netns exec board busybox sh {cable} http:8080 >/run/cable.log 2>&1 &
                for n in $(seq 600); do
                    for path in /sys/class/net/*; do
                        if [ \"$(cat $path/address)\" = d2:00:aa:00:bb:03 ]; then
                            ip link set ${{path##*/}} netns board; exit 0
                        fi
                    done
                    sleep 0.1
                done; cat /run/cable.log; exit 1"
            ));
            let cord = slot.map(|slot| plug_gadget(0, slot));
            until("the board to be taken", || Path::new("/run/piprov/cable").exists().then_some(()));
            let mut agent = Command::new("ip");
            agent.args(["netns", "exec", "board", env!("CARGO_BIN_EXE_piprov-agent")]);
            Self { _agent: Process(agent.spawn().unwrap()), _cord: cord }
        }
    }

    /// Takes the power from a port of a hub, or gives it back.
    fn power(port: &str, is_on: bool) {
        let (bus, number) = port.split_once('-').unwrap();
        let hub = format!("/sys/bus/usb/devices/usb{bus}/{bus}-0:1.0/usb{bus}-port{number}/disable");
        std::fs::write(hub, if is_on { "0" } else { "1" }).unwrap();
    }

    /// Its gadget is taken apart.
    impl Drop for Board {
        fn drop(&mut self) {
            unplug("piprov");
        }
    }

    fn unplug(gadget: &str) {
        run(&format!(
            "cd /sys/kernel/config/usb_gadget/{gadget} 2>/dev/null || exit 0
            [ -z \"$(cat UDC)\" ] || echo '' >UDC; rm -f configs/c.1/ncm.usb0
            rmdir configs/c.1/strings/0x409 configs/c.1 functions/ncm.usb0 strings/0x409; cd ..; rmdir {gadget}"
        ));
    }

    fn serve() -> Process {
        // What other commands have noted on the host, whose files these are, is no board of this one.
        run("rm -rf /run/station/state /var/lib/piprov/runs");
        let mut station = Command::new(env!("CARGO_BIN_EXE_piprov"));
        station.args(["serve", "--enrol", "open", "--listen", "[::]:8080", "--socket", SOCKET]);
        let station = Process(station.args(["--state", "/run/station/state"]).spawn().unwrap());
        until("the station", || ask(&["station", "status"]).status.success().then_some(()));
        station
    }

    fn ask(arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        command.args(arguments).arg("--json").env("PIPROV_STATION_SOCKET", SOCKET).output().unwrap()
    }

    #[track_caller]
    fn told(arguments: &[&str]) -> Vec<Value> {
        let out = ask(arguments);
        assert!(out.status.success(), "{arguments:?}: {out:?}");
        String::from_utf8(out.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn image(name: &str, mebibytes: usize) -> Vec<u8> {
        run(&format!("head -c {mebibytes}M /dev/urandom >{IMAGE}"));
        told(&["image", "add", IMAGE, "--name", name]);
        std::fs::read(IMAGE).unwrap()
    }

    fn deploy(image: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        command.args([
            "board",
            "deploy",
            SERIAL,
            "--image",
            image,
            "--end",
            "wait",
            "--confirm",
            SERIAL,
            "--json",
        ]);
        command
            .env("PIPROV_STATION_SOCKET", SOCKET)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Its disk has the image, read past all caches.
    #[track_caller]
    fn is_deployed(job: Child, image: &[u8]) {
        let out = job.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!(out.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&out.stderr));
        run(&format!("sync; blockdev --flushbufs {DISK}; echo 3 >/proc/sys/vm/drop_caches"));
        assert!(std::fs::read(DISK).unwrap()[..image.len()] == *image, "{text}");
    }

    fn boards() -> Vec<Value> {
        told(&["board", "list"])
    }

    pub(super) fn a_board_is_booted_and_its_disk_deployed_over_one_usb_cable_and_it_comes_into_its_slot() {
        lay_out();
        let bootd = Bootd::sending(SYSTEM, "");
        let _station = serve();
        let image = image("os", 8);
        let control = Path::new("/run/piprov/control.sock");
        until("bootd at the control socket", || control.exists().then_some(()));
        // Out of their ROMs: one with a BCM2837, which tells no number, and a Compute Module 4.
        for (slot, product, serial, bootcode, firmware, tree) in [
            (1, 0x2764, None, "bootcode.bin", "start.elf", TREE),
            (0, 0x2711, Some("aa00bb03"), "bootcode4.bin", "start4.elf", "bcm2711-rpi-cm4-io.dtb"),
        ] {
            let original = |name: &str| std::fs::read(Path::new(SYSTEM).join(name)).unwrap();
            let rom = plug(slot, Rom::new(product, serial)).left();
            assert!(rom.got[1] == original(bootcode), "at {}", port(slot));
            let got = plug(slot, Server::new(product, &[firmware, "config.txt"]).of_board(tree)).left().got;
            let asked: Vec<_> = got.keys().map(String::as_str).collect();
            let kernel = ["overlays/cable.dtbo", "piprov-arm64.gz", "piprov-arm64.img"];
            assert_eq!(asked, [&[tree, "cmdline.txt", "config.txt"][..], &kernel, &[firmware]].concat());
            for (name, bytes) in got {
                let bytes = bytes.unwrap_or_else(|| panic!("{name} wasn't sent to {}", port(slot)));
                assert!(bytes == original(&name), "{name} at {}", port(slot));
                if slot == 1 {
                    keep(name.rsplit('/').next().unwrap(), &bytes);
                }
            }
        }
        // What it has got shows itself as a gadget.
        let board = Board::start_at(0);
        let linked = bootd.cable("linked");
        assert_eq!(
            (&linked["board"]["serial"], &linked["address"]),
            (&SERIAL.into(), &ADDRESS.into()),
            "{linked}"
        );
        let interface = linked["interface"].as_str().unwrap();
        let listens = std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{interface}/accept_ra"));
        assert_eq!(listens.unwrap().trim(), "0", "a board is no router");
        let place = linked["board"]["port"].as_str().unwrap();
        assert_eq!(place, port(0));
        told(&["slot", "put", "bench-1", "usb", place]);
        until("the board", || (!boards().is_empty()).then_some(()));
        is_deployed(deploy("os"), &image);
        assert_eq!(boards().len(), 1, "its ROM and its agent are one board: {:?}", boards());
        drop(board);
        bootd.cable("gone");
    }

    pub(super) fn a_hub_that_loses_power_while_a_board_is_written_costs_time_alone() {
        lay_out();
        let bootd = Bootd::start("");
        let _station = serve();
        let image = image("os", 32);
        let _board = Board::start();
        let linked = bootd.cable("linked");
        let port = linked["board"]["port"].as_str().unwrap();
        until("the board", || (!boards().is_empty()).then_some(()));
        let written = || std::fs::read_to_string("/sys/block/nvme0n1/stat").unwrap();
        let sectors = || written().split_whitespace().nth(6).unwrap().parse::<u64>().unwrap();
        let before = sectors();
        let mut job = deploy("os");
        // After both ends of the disk are zeroed and some of the image is there.
        until("some of it on the disk", || (sectors() > before + (12 << 11)).then_some(()));
        power(port, false);
        bootd.cable("gone");
        assert!(job.try_wait().unwrap().is_none(), "it waits");
        let start = std::fs::read(DISK).unwrap();
        assert!(start[..512].iter().all(|byte| *byte == 0), "nothing starts from it");
        power(port, true);
        is_deployed(job, &image);
    }

    /// Another board, whose gadget says that it has this one's number.
    fn twin() {
        run("cd /sys/kernel/config/usb_gadget && mkdir twin && cd twin
            mkdir -p strings/0x409 configs/c.1/strings/0x409 functions/ncm.usb0
            echo 0x1d6b >idVendor; echo 0x0104 >idProduct; echo 'piprov gadget' >strings/0x409/product
            echo 10000000aa00bb03 >strings/0x409/serialnumber
            echo d2:00:aa:00:bb:03 >functions/ncm.usb0/dev_addr; echo d6:00:aa:00:bb:03 >functions/ncm.usb0/host_addr
            ln -s functions/ncm.usb0 configs/c.1/; echo dummy_udc.1 >UDC");
    }

    pub(super) fn of_two_boards_with_one_serial_number_the_second_is_left_alone_and_named() {
        lay_out();
        let bootd = Bootd::start("");
        let _station = serve();
        let _board = Board::start();
        let first = bootd.cable("linked");
        twin();
        let second = bootd.cable("refused");
        assert_eq!(
            (&second["reason"], &second["port"]),
            (&"twin".into(), &first["board"]["port"]),
            "{second}"
        );
        assert_ne!(second["board"]["port"], first["board"]["port"]);
        let addresses = run("ip -6 -o addr show scope link");
        assert_eq!(addresses.matches(&format!("{ADDRESS}/64")).count(), 1, "{addresses}");
        unplug("twin");
    }

    pub(super) fn a_board_at_a_port_that_is_not_allowed_gets_nothing() {
        lay_out();
        let bootd = Bootd::start("[usb]\nports = ['99-1']\n");
        let _board = Board::start();
        let refused = bootd.cable("refused");
        assert_eq!(refused["reason"], "port", "{refused}");
        let addresses = run("ip -6 -o addr show scope link");
        assert!(!addresses.contains(ADDRESS), "{addresses}");
    }

    /// A second way between board and station.
    fn ethernet() {
        run("ip link add lan type veth peer name peer; ip link set lan netns board
            ip addr add 10.9.0.1/24 dev peer; ip link set peer up
            ip -n board addr add 10.9.0.2/24 dev lan; ip -n board link set lan up
            echo 'piprov.usb=http:8080 piprov.station=http://10.9.0.1:8080' >/etc/piprov/agent");
    }

    /// Bytes that the station has sent there.
    fn sent(interface: &str) -> u64 {
        let path = format!("/sys/class/net/{interface}/statistics/tx_bytes");
        std::fs::read_to_string(path).map_or(0, |text| text.trim().parse().unwrap())
    }

    pub(super) fn images_come_over_ethernet_where_the_station_answers_there_and_over_the_cable_where_it_stops()
     {
        const MIB: u64 = 1 << 20;
        lay_out();
        let bootd = Bootd::start("");
        let _station = serve();
        ethernet();
        let first = image("first", 16);
        let _board = Board::start();
        let linked = bootd.cable("linked");
        let cable = linked["interface"].as_str().unwrap().to_owned();
        until("the board", || (!boards().is_empty()).then_some(()));
        is_deployed(deploy("first"), &first);
        let (over_lan, over_cable) = (sent("peer"), sent(&cable));
        assert!(over_lan > 16 * MIB && over_cable < 2 * MIB, "{over_lan} {over_cable}");
        // Another image, and the faster way ends in its midst.
        let second = image("second", 48);
        let job = deploy("second");
        until("some of it", || (sent("peer") > over_lan + MIB).then_some(()));
        assert!(Command::new("ip").args(["link", "del", "peer"]).status().unwrap().success());
        is_deployed(job, &second);
        let rest = sent(&cable) - over_cable;
        assert!(rest > 4 * MIB, "{rest}");
    }
}
