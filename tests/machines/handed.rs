//! `piprov flash` of real U-Boot beside a running `netboot serve`, which has port 69: the board gets its image by it, and
//! a Pi boots over the network meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::process::Command;
use std::time::Duration;

use crate::dhcp_support::OURS;
use crate::netboot_model::{self, Board, Kind};
use crate::netboot_rig::{Net, boots, tree};
use crate::support::card::FOLLOWED;
use crate::support::program::Running;
use crate::support::rig::Rig;

const MIB: usize = 1 << 20;

#[test]
fn real_u_boot_is_flashed_through_network_boots_port_while_a_pi_boots() {
    let mut net = Net::new();
    tree(&net.root, "");
    net.control = Some(net.lan.dir.path().join("run/control.sock"));
    let mut rig = Rig::at(1, OURS);
    let image = rig.image("os.img", "--boot-size 20 --root-size 12 --files 4");
    crate::support::shell(&format!("xz -T2 -1 -k {}", image.display()));
    let card = rig.card("card.img", 80);
    rig.board("lab-01", &card.path);
    let serve = net.serve(&["--mode", "dhcp", "--range", "10.99.0.100-10.99.0.120"]);

    // The flash, and the virtual board that its reset starts, are on the host that serves.
    let outside = rig.flash_command(&["lab-01", "os.img.xz", "--part-size", "16MiB"]);
    let mut command: Command = net.lan.command("ours", outside.get_program().to_str().unwrap());
    command.args(outside.get_args()).current_dir(outside.get_current_dir().unwrap());
    for (name, value) in outside.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("PIPROV_CONTROL_SOCKET", net.control.as_ref().unwrap());
    let mut flash = Running::start(&mut command);
    flash.until_amid_a_part("lab-01");
    let mut boards = vec![Board::new(Kind::Pi4, 1)];
    net.lan.inside("client", || netboot_model::run(&mut boards, "eth0", Duration::from_secs(60)));
    boots(&boards[0]);

    let ended = flash.end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (0, ("done", "done")), "{ended:#?}");
    assert!(ended.stderr.contains(":69; it serves these boards too"), "{ended:#?}");
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &[(90_112, 40_960), (131_072, 24_576)]);
    let told = serve.end();
    for wanted in ["admitted", "withdrawn"] {
        assert_eq!(told.iter().filter(|event| event["event"] == wanted).count(), 1, "{told:#?}");
    }
}
