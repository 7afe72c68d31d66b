//! Real PXE ROMs beside boards: iPXE under SeaBIOS and the PXE of UEFI firmware (OVMF), in QEMU. A PC boots from the
//! PXE server that is there for PCs, as if ours weren't there; the boards boot from ours.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use crate::dhcp_support;
use crate::netboot_model;
use crate::netboot_rig;
use crate::slots;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use netboot_model::{Board, Kind, run};
use netboot_rig::{Net, boots, tree};
use piprov::stop::Stop;

const BIOS: &str = "52:54:00:aa:00:02";
const UEFI: &str = "52:54:00:aa:00:03";
/// What the PC's boot file says when it runs.
const MARK: &str = "PC-BOOTED-FROM-ITS-OWN-SERVER";

/// A machine that boots from the network; its console goes to a file.
fn pc(net: &Net, tap: &str, mac: &str, firmware: &[String]) -> PathBuf {
    let hub = |arguments: &[&str]| {
        assert!(net.lan.command("hub", "ip").args(arguments).status().unwrap().success(), "{arguments:?}");
    };
    hub(&["tuntap", "add", tap, "mode", "tap"]);
    hub(&["link", "set", tap, "master", "br0", "up"]);
    let console = net.lan.dir.path().join(format!("{tap}.console"));
    dhcp_support::tool("qemu-system-x86", std::process::Command::new("qemu-system-x86_64").arg("--version"));
    let mut command = net.lan.command("hub", "qemu-system-x86_64");
    command.args([
        "-accel",
        "tcg",
        "-m",
        "256",
        "-nographic",
        "-monitor",
        "none",
        "-no-reboot",
        "-boot",
        "n",
    ]);
    command.arg("-serial").arg(format!("file:{}", console.display()));
    command.arg("-netdev").arg(format!("tap,id=n0,ifname={tap},script=no,downscript=no"));
    let rom = if firmware.is_empty() { "" } else { ",romfile=" };
    command.arg("-device").arg(format!("virtio-net-pci,netdev=n0,mac={mac}{rom}")).args(firmware);
    net.lan.start(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()));
    console
}

fn wait_for(console: &Path, text: &str, end: Instant) {
    let never = Stop::new().unwrap();
    loop {
        let said = String::from_utf8_lossy(&std::fs::read(console).unwrap_or_default()).into_owned();
        if said.contains(text) {
            return;
        }
        let tail: String = said.chars().rev().take(1500).collect::<String>().chars().rev().collect();
        assert!(Instant::now() < end, "`{text}` is not on {}, which ends:\n{tail}", console.display());
        let _ = never.wait(Duration::from_millis(200));
    }
}

#[test]
fn pcs_boot_from_their_own_server_and_boards_from_ours() {
    for (file, package) in
        [("/usr/lib/ipxe/qemu/pxe-virtio.rom", "ipxe-qemu"), ("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")]
    {
        assert!(Path::new(file).exists(), "{file} is missing: sudo apt-get install --yes {package}");
    }
    let _slots = slots::Slots::take(2);
    let mut net = Net::new();
    net.lan.host("pxe", Some(Ipv4Addr::new(10, 99, 0, 3)));
    net.lan.house_dnsmasq(&[]);
    // The server for PCs: a proxy like ours, on another host.
    let files = net.lan.dir.path().join("pc");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("bootme.0"), format!("#!ipxe\necho {MARK}\nsleep 600\n")).unwrap();
    std::fs::write(files.join("boot.efi"), vec![0x5a; 70_000]).unwrap();
    let leases = net.lan.dir.path().join("pxe.leases");
    let root = format!("--tftp-root={}", files.display());
    net.lan.dnsmasq(
        "pxe",
        &leases,
        &[
            "--dhcp-range=10.99.0.255,proxy",
            "--enable-tftp",
            &root,
            "--pxe-service=X86PC,Boot rig,bootme",
            "--pxe-service=X86-64_EFI,Boot rig,boot.efi",
        ],
    );
    tree(&net.root, "");
    let serve = net.serve(&["-v"]);
    let end = Instant::now() + Duration::from_secs(150);
    let bios = pc(&net, "tap0", BIOS, &[]);
    let vars = net.lan.dir.path().join("vars.fd");
    std::fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &vars).unwrap();
    let flash =
        |file: &str, more: &str| ["-drive".to_owned(), format!("if=pflash,format=raw,file={file}{more}")];
    let code = flash("/usr/share/OVMF/OVMF_CODE_4M.fd", ",readonly=on");
    let firmware =
        [&["-machine".to_owned(), "q35".to_owned()][..], &code, &flash(vars.to_str().unwrap(), "")].concat();
    let uefi = pc(&net, "tap1", UEFI, &firmware);
    // Boards boot before, and while the PCs do.
    let pair = |number: u16| {
        let mut boards = vec![Board::new(Kind::Pi4, number), Board::new(Kind::Pi5, number + 1)];
        net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(60)));
        boards.iter().for_each(boots);
    };
    pair(1);
    for mac in [BIOS, UEFI] {
        let never = Stop::new().unwrap();
        while !serve.told().iter().any(|event| event["dhcp"]["mac"] == mac) {
            assert!(Instant::now() < end, "the PC {mac} is not heard");
            let _ = never.wait(Duration::from_millis(100));
        }
        pair(if mac == BIOS { 3 } else { 5 });
    }
    wait_for(&bios, MARK, end);
    wait_for(&uefi, "NBP filename is boot.efi", end);
    wait_for(&uefi, "NBP file downloaded successfully", end);
    let told = serve.end();
    for mac in [BIOS, UEFI] {
        let answers: Vec<_> = told
            .iter()
            .filter(|event| event["dhcp"]["mac"] == mac)
            .map(|event| &event["dhcp"]["answer"])
            .collect();
        assert!(!answers.is_empty() && answers.iter().all(|answer| *answer == "none"), "{mac}: {answers:?}");
        assert!(!told.iter().any(|event| event["board"]["mac"] == mac), "{mac} is no board");
    }
}
