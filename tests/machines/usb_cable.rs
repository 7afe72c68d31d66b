//! Boards that come by a USB cable alone: a real USB Ethernet gadget of a real kernel, IPv6 link-local addresses on both of
//! its ends, and a disk that is deployed over it. The board's end and the station's are in network namespaces of their own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::rig;

rig::scenarios! {
    usb_cable:
    a_board_is_booted_and_its_disk_deployed_over_one_usb_cable_and_it_comes_into_its_slot,
    a_cable_that_is_pulled_while_its_board_is_written_goes_on_when_it_is_back,
    of_two_boards_with_one_serial_number_the_second_is_left_alone_and_named,
    a_board_at_a_port_that_is_not_allowed_gets_nothing,
}

mod scenario {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Output, Stdio};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use crate::rig::guest::run;
    use crate::rig::models::{Rom, Server};
    use crate::rig::until;
    use crate::rig::usbip::{plug, port};

    /// That of the machine, which stands for the board.
    const SERIAL: &str = "10000000aa00bb03";
    const HOST: &str = "d6:00:aa:00:bb:03";
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

    /// `piprov bootd`, in the station's network, and what it tells.
    struct Bootd {
        _process: Process,
        told: Arc<Mutex<Vec<Value>>>,
    }

    impl Bootd {
        fn start(settings: &str) -> Self {
            std::fs::write("/run/bootd.toml", settings).unwrap();
            let line = "exec ip netns exec station \"$0\" --config /run/bootd.toml bootd --json --no-network \
                        --usb /run/payload --state /run/bootd";
            let mut command = Command::new("bash");
            command.args(["-c", line, env!("CARGO_BIN_EXE_piprov")]).env("PIPROV_STATE_DIR", "/run/bootd");
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

    /// The controllers, the station's network, and what boards are sent; once for all scenarios.
    fn lay_out() {
        run("modprobe vhci-hcd; modprobe cdc_ncm; [ -e /sys/class/udc/dummy_udc.0 ] || modprobe dummy_hcd num=2
            ip netns list | grep -q station || { ip netns add station; ip -n station link set lo up; }
            mkdir -p /run/payload /run/station /run/bootd /run/piprov /etc/piprov
            head -c 90K /dev/urandom >/run/payload/bootcode4.bin; echo boot_ramdisk=1 >/run/payload/config.txt
            head -c 1M /dev/urandom >/run/payload/boot.img
            echo piprov.usb=http:8080 >/etc/piprov/agent");
    }

    /// What a board's system does when it starts: `firmware/agent/cable`, then the agent, with all that is real.
    fn board() -> Process {
        let cable = concat!(env!("CARGO_MANIFEST_DIR"), "/firmware/agent/cable");
        run(&format!("rm -f /run/piprov/cable; busybox sh {cable} http:8080"));
        Process(Command::new(env!("CARGO_BIN_EXE_piprov-agent")).spawn().unwrap())
    }

    /// Takes the host's end of each cable into the station's network, when it is there.
    fn into_station(mac: &str) {
        run(&format!(
            "for n in $(seq 600); do
                for path in /sys/class/net/*; do
                    if [ \"$(cat $path/address)\" = {mac} ]; then
                        udevadm settle
                        for path in /sys/class/net/*; do
                            [ \"$(cat $path/address)\" != {mac} ] || ip link set ${{path##*/}} netns station
                        done
                        exit 0
                    fi
                done
                sleep 0.1
            done; exit 1"
        ));
    }

    /// The board leaves: its gadget is taken apart.
    fn unplug(gadget: &str) {
        run(&format!(
            "cd /sys/kernel/config/usb_gadget/{gadget} || exit 0; echo '' >UDC; rm -f configs/c.1/ncm.usb0
            rmdir configs/c.1/strings/0x409 configs/c.1 functions/ncm.usb0 strings/0x409; cd ..; rmdir {gadget}"
        ));
    }

    fn serve() -> Process {
        run("rm -rf /run/station/state");
        let line = format!(
            "exec ip netns exec station \"$0\" serve --enrol open --listen [::]:8080 --socket {SOCKET} --state /run/station/state"
        );
        let station =
            Process(Command::new("bash").args(["-c", &line, env!("CARGO_BIN_EXE_piprov")]).spawn().unwrap());
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

    fn image(mebibytes: usize) -> Vec<u8> {
        run(&format!("head -c {mebibytes}M /dev/urandom >{IMAGE}"));
        told(&["image", "add", IMAGE, "--name", "os"]);
        std::fs::read(IMAGE).unwrap()
    }

    fn deploy() -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        command.args([
            "board",
            "deploy",
            SERIAL,
            "--image",
            "os",
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
        let bootd = Bootd::start("");
        let _station = serve();
        let image = image(8);
        // It is booted out of its ROM.
        until("bootd at the control socket", || {
            std::path::Path::new("/run/piprov/control.sock").exists().then_some(())
        });
        let rom = plug(0, Rom::new(0x2711, Some("aa00bb03"))).left();
        assert!(rom.got[1] == std::fs::read("/run/payload/bootcode4.bin").unwrap());
        let got = plug(0, Server::new(0x2711, &["config.txt", "boot.img"])).left().got;
        assert!(got["boot.img"] == std::fs::read("/run/payload/boot.img").ok(), "at {}", port(0));
        // What it has got shows itself as a gadget.
        let _board = board();
        into_station(HOST);
        let linked = bootd.cable("linked");
        assert_eq!(
            (&linked["board"]["serial"], &linked["address"]),
            (&SERIAL.into(), &ADDRESS.into()),
            "{linked}"
        );
        let place = linked["board"]["port"].as_str().unwrap();
        told(&["slot", "put", "bench-1", "usb", place]);
        until("the board", || (!boards().is_empty()).then_some(()));
        is_deployed(deploy(), &image);
        assert_eq!(boards().len(), 1, "its ROM and its agent are one board: {:?}", boards());
        unplug("piprov");
        bootd.cable("gone");
    }

    pub(super) fn a_cable_that_is_pulled_while_its_board_is_written_goes_on_when_it_is_back() {
        lay_out();
        let bootd = Bootd::start("");
        let _station = serve();
        let image = image(32);
        let _board = board();
        into_station(HOST);
        bootd.cable("linked");
        until("the board", || (!boards().is_empty()).then_some(()));
        let written = || std::fs::read_to_string("/sys/block/nvme0n1/stat").unwrap();
        let sectors = || written().split_whitespace().nth(6).unwrap().parse::<u64>().unwrap();
        let before = sectors();
        let mut job = deploy();
        // After both ends of the disk are zeroed and some of the image is there.
        until("some of it on the disk", || (sectors() > before + (12 << 11)).then_some(()));
        run(
            "cat /sys/kernel/config/usb_gadget/piprov/UDC >/run/udc; echo '' >/sys/kernel/config/usb_gadget/piprov/UDC",
        );
        bootd.cable("gone");
        assert!(job.try_wait().unwrap().is_none(), "it waits");
        let start = std::fs::read(DISK).unwrap();
        assert!(start[..512].iter().all(|byte| *byte == 0), "nothing starts from it");
        run("cat /run/udc >/sys/kernel/config/usb_gadget/piprov/UDC");
        into_station(HOST);
        is_deployed(job, &image);
        unplug("piprov");
    }

    /// Another board, whose gadget says that it has this one's number.
    fn twin() {
        run("cd /sys/kernel/config/usb_gadget && mkdir twin && cd twin
            mkdir -p strings/0x409 configs/c.1/strings/0x409 functions/ncm.usb0
            echo 0x1d6b >idVendor; echo 0x0104 >idProduct; echo 'piprov board' >strings/0x409/product
            echo 10000000aa00bb03 >strings/0x409/serialnumber
            echo d2:00:aa:00:bb:03 >functions/ncm.usb0/dev_addr; echo d6:00:aa:00:bb:03 >functions/ncm.usb0/host_addr
            ln -s functions/ncm.usb0 configs/c.1/; echo dummy_udc.1 >UDC");
    }

    pub(super) fn of_two_boards_with_one_serial_number_the_second_is_left_alone_and_named() {
        lay_out();
        let bootd = Bootd::start("");
        let _station = serve();
        let _board = board();
        into_station(HOST);
        let first = bootd.cable("linked");
        twin();
        into_station(HOST);
        let second = bootd.cable("refused");
        assert_eq!(
            (&second["reason"], &second["port"]),
            (&"twin".into(), &first["board"]["port"]),
            "{second}"
        );
        assert_ne!(second["board"]["port"], first["board"]["port"]);
        let addresses = run("ip -n station -6 -o addr show scope link");
        assert_eq!(addresses.matches(&format!("{ADDRESS}/64")).count(), 1, "{addresses}");
        unplug("twin");
        unplug("piprov");
    }

    pub(super) fn a_board_at_a_port_that_is_not_allowed_gets_nothing() {
        lay_out();
        let bootd = Bootd::start("[usb]\nports = ['99-1']\n");
        let _board = board();
        into_station(HOST);
        let refused = bootd.cable("refused");
        assert_eq!(refused["reason"], "port", "{refused}");
        let addresses = run("ip -n station -6 -o addr show scope link");
        assert!(!addresses.contains(ADDRESS), "{addresses}");
        unplug("piprov");
    }
}
