//! A board of ARMv6 in QEMU, with the system that is built for it: it finds the station, writes its card, reads it back,
//! and switches itself off.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::packages::packages;
use crate::station::{MAC, disk, station_with_image};
use crate::support::agent::{Machine, assembled};
use crate::support::need;

#[test]
fn a_virtual_pi_zero_without_an_agent_is_deployed_and_proves_it() {
    need("qemu-system-arm", "qemu-system-arm");
    need("fdtput", "device-tree-compiler");
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    let (station, port, image) = station_with_image(room.path(), "127.0.0.1", 5);
    let mut arguments = vec!["--arch".to_owned(), "armv6".to_owned()];
    for deb in packages("armel", "linux-image-rpi") {
        arguments.extend(["--deb".to_owned(), deb.to_str().unwrap().to_owned()]);
    }
    let said = assembled(&arguments, &path("boot"));
    assert!(said.contains("Zero: starts, without Ethernet of its own"), "{said}");
    // The length of a card is a power of two.
    disk(&path("card.img"), 8);
    // Its one USB port is a host's here, and the driver for the power domains looks at what isn't emulated.
    let tree = path("boot/bcm2835-rpi-zero.dtb");
    let role = ["-t", "s", tree.to_str().unwrap(), "/soc/usb@7e980000", "dr_mode", "host"];
    assert!(Command::new("fdtput").args(role).status().unwrap().success());
    let line = std::fs::read_to_string(path("boot/cmdline.txt")).unwrap().replace("console=tty0", "");
    let line = format!(
        "{} initcall_blacklist=bcm2835_power_driver_init piprov.station=http://10.0.2.2:{port}",
        line.trim()
    );
    let start = || {
        let mut command = Command::new("qemu-system-arm");
        command.args(["-M", "raspi0", "-no-reboot", "-netdev", "user,id=n", "-append", &line]);
        command.args(["-device", &format!("usb-net,netdev=n,mac={MAC}")]);
        command.arg("-drive").arg(format!("file={},format=raw,if=sd", path("card.img").display()));
        command
            .arg("-kernel")
            .arg(path("boot/piprov-armv6.img"))
            .arg("-initrd")
            .arg(path("boot/piprov-armv6.gz"));
        command.arg("-dtb").arg(&tree);
        Machine::on(command, &["-serial"], &path("console"))
    };
    // Where its host is busy, QEMU's board may stand still for good. Then it is switched off and on, as a person would do:
    // the station gives it its job again. One that stands still when all was proved and the answer is on its way has none
    // any more, and is deployed once more.
    let deploy = || {
        station.json(&[
            "board",
            "deploy",
            MAC,
            "--image",
            "os",
            "--end",
            "power-off",
            "--confirm",
            MAC,
            "--no-wait",
        ]);
    };
    let mut machine = start();
    let mut after = |what: &str, is: &dyn Fn(&Machine) -> bool| {
        let mut done = 0;
        for _ in 0..4 {
            let end = Instant::now() + Duration::from_secs(150);
            while Instant::now() < end {
                if is(&machine) {
                    return machine.said();
                }
                std::thread::park_timeout(Duration::from_millis(500));
            }
            println!("{what} doesn't come, so the board is switched off and on: {}", machine.said());
            machine.off();
            machine = start();
            if station.runs("done").len() > done {
                done += 1;
                deploy();
            }
        }
        panic!("`{what}` doesn't come:\n{}", machine.said());
    };
    let found = format!("board {MAC} on usb0, disk mmcblk0");
    after("its client", &|machine| machine.said().contains(&found));
    after("the board", &|_| station.board(MAC).is_some_and(|board| board["enrolment"] == "enrolled"));
    deploy();
    let said = after("its end", &|machine| machine.said().contains("reboot: Power down"));
    assert!(said.contains("switching off"), "{said}");
    let done = station.runs("done");
    assert!(!done.is_empty() && done.iter().all(|run| run["simulated"] != true), "{done:?}");
    // What it proved is so, and behind the image nothing was touched.
    let card = std::fs::read(path("card.img")).unwrap();
    assert!(card[..image.len()] == image, "{said}");
    assert!(card[image.len()..].iter().all(|byte| *byte == 0xee));
}
