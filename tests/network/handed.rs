//! One port 69 for a flash and a running `netboot serve`: the flash hands its boards over, and boards boot over the
//! network meanwhile.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use piprov::run::{Ending, Proof, Record};
use serde_json::Value;

use crate::dhcp_support::OURS;
use crate::flash_model::{Board, Host, MAC, PATIENCE, image_of};
use crate::netboot_model::{self, Board as NetBoard, Kind};
use crate::netboot_rig::{Net, Program, boots, tree};

pub(crate) const OTHER: &str = "dc:a6:32:01:02:04";
const DHCP: &[&str] = &["--mode", "dhcp", "--range", "10.99.0.100-10.99.0.120"];
const SERVER: SocketAddrV4 = SocketAddrV4::new(OURS, 69);

/// A network with a control socket, images for two boards, and those boards' hosts: `board` and `other`.
pub(crate) fn net() -> Net {
    let mut net = Net::new();
    tree(&net.root, "");
    net.control = Some(net.lan.dir.path().join("run/control.sock"));
    for (host, mac, last) in [("board", MAC, 7), ("other", OTHER, 8)] {
        net.lan.host(host, Some(Ipv4Addr::new(10, 99, 0, last)));
        let space = net.lan.space(host);
        let link = ["-n", &space, "link", "set", "eth0", "address", mac];
        assert!(Command::new("ip").args(link).status().unwrap().success());
    }
    let path = net.lan.dir.path().to_owned();
    for (name, mac, seed) in [("lab-01", MAC, 7), ("lab-02", OTHER, 8)] {
        image_of(&path.join(format!("{name}.img")), seed);
        std::fs::write(path.join(format!("{name}.csv")), format!("name,mac,ip,reset\n{name},{mac},,\n"))
            .unwrap();
    }
    net
}

/// `piprov flash` of a board with the image of this name.
fn flash(net: &Net, board: &str, image: &str) -> Program {
    flash_with(net, board, image, &[])
}

fn flash_with(net: &Net, board: &str, image: &str, more: &[&str]) -> Program {
    let file = |name: String| net.lan.dir.path().join(name).to_str().unwrap().to_owned();
    let (database, image) = (file(format!("{board}.csv")), file(image.to_owned()));
    let words = ["flash", board, &image, "--no-reset", "--force", "--timeout", "60", "--targets", &database];
    net.start("ours", &[&words[..], more].concat())
}

fn host(mac: &'static str) -> Host {
    Host { address: Ipv4Addr::new(10, 99, 0, if mac == MAC { 7 } else { 8 }), server: SERVER, mac }
}

/// Does what the board's script does.
pub(crate) fn run(net: &Net, mac: &'static str) -> bool {
    let name = if mac == MAC { "board" } else { "other" };
    net.lan.inside(name, || Board { host: host(mac), secret: None, before: &mut |_| {} }.run())
}

pub(crate) fn boot(net: &Net, number: u16) {
    let mut boards = vec![NetBoard::new(Kind::Pi4, number)];
    net.lan.inside("client", || netboot_model::run(&mut boards, "eth0", Duration::from_secs(60)));
    boots(&boards[0]);
}

fn admitted(event: &Value) -> bool {
    event["event"] == "admitted"
}

fn withdrawn(event: &Value) -> bool {
    event["event"] == "withdrawn"
}

/// The record of a board's last flash, without what differs each time.
fn record(net: &Net, name: &str) -> (Ending, Value) {
    let of_board = |record: &Record| record.board.name.as_deref() == Some(name);
    let record = net.boots().into_iter().rfind(of_board).unwrap();
    let mut value = serde_json::to_value(&record).unwrap();
    fn same(value: &mut Value) {
        match value {
            Value::Object(all) => {
                all.retain(|key, _| {
                    !matches!(&**key, "run" | "started" | "job" | "stages")
                        && !key.contains("seconds")
                        && !key.contains("time")
                });
                all.values_mut().for_each(same);
            }
            Value::Array(all) => all.iter_mut().for_each(same),
            _ => {}
        }
    }
    same(&mut value);
    (record.ending, value)
}

#[test]
fn a_flash_beside_network_boot_shares_its_port_and_its_record_is_that_of_its_own_port() {
    let net = net();
    net.lan.house_dnsmasq(&[]);
    let serve = net.serve(&[]);
    // A dry run says who would serve them, and hands nothing over.
    let (code, plan, said) = flash_with(&net, "lab-01", "lab-01.img", &["--dry-run"]).wait();
    assert_eq!((code, plan[0]["listen"].as_str()), (Some(0), Some("10.99.0.2:69")), "{plan:#?}\n{said}");
    assert!(said.contains(") serves 10.99.0.2:69; it would serve these boards too"), "{said}");
    let flashing = flash(&net, "lab-01", "lab-01.img");
    let event = serve.until("the boards are taken", admitted);
    assert_eq!(event["boards"], serde_json::json!([MAC]));
    assert_eq!(event["uid"], 0);
    std::thread::scope(|scope| {
        let flashed = scope.spawn(|| run(&net, MAC));
        boot(&net, 1);
        assert!(flashed.join().unwrap());
    });
    let pid = serve.pid();
    let (code, events, said) = flashing.wait();
    assert_eq!(code, Some(0), "{events:#?}\n{said}");
    assert!(said.contains("`netboot serve` (pid "), "{said}");
    assert!(said.contains(") serves 10.99.0.2:69; it serves these boards too"), "{said}");
    let gone = serve.until("the boards are withdrawn", withdrawn);
    assert_eq!((&gone["boards"], &gone["pid"]), (&event["boards"], &event["pid"]));
    assert_ne!(event["pid"], pid);
    let (ending, handed) = record(&net, "lab-01");
    assert_eq!(ending, Ending::Done { proof: Proof::ReadBack });
    // Network boot knows nothing of the flash, and the other way round.
    let told = serve.end();
    let mac = |event: &&Value| event["board"]["mac"] == MAC;
    assert_eq!(told.iter().filter(mac).count(), 0, "{told:#?}");
    assert!(!net.control.as_ref().unwrap().exists());

    // The same on its own port: the same record, the same steps told.
    let alone = flash(&net, "lab-01", "lab-01.img");
    alone.until("it serves", |event| event["event"] == "began");
    assert!(run(&net, MAC));
    let (code, own, said) = alone.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("these boards too"), "{said}");
    let steps = |events: &[Value]| -> Vec<String> {
        let names = events.iter().map(|event| event["event"].as_str().unwrap().to_owned());
        names.filter(|name| name != "progress").collect()
    };
    assert_eq!(steps(&events), steps(&own));
    let (_, own) = record(&net, "lab-01");
    assert_eq!(handed, own);
}

#[test]
fn two_flashes_with_their_own_images_and_a_board_that_another_flash_has() {
    let net = net();
    let serve = net.serve(DHCP);
    let (path, xz) = (net.lan.dir.path(), "lab-02.img.xz");
    // One of them is unpacked while it is served.
    let status = Command::new("xz").args(["-1", "-k"]).arg(path.join("lab-02.img")).status().unwrap();
    assert!(status.success());
    let flashes = [flash(&net, "lab-01", "lab-01.img"), flash(&net, "lab-02", xz)];
    let both = |event: &Value| event["event"] == "began";
    flashes.iter().for_each(|flash| drop(flash.until("it begins", both)));

    let (code, _, said) = flash(&net, "lab-01", "lab-02.img").wait();
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains(&format!("{MAC} is being served for another flash")), "{said}");

    std::thread::scope(|scope| {
        let one = scope.spawn(|| run(&net, MAC));
        assert!(run(&net, OTHER));
        assert!(one.join().unwrap());
    });
    for (flash, image) in flashes.into_iter().zip(["lab-01.img", "lab-02.img"]) {
        let (code, events, said) = flash.wait();
        assert_eq!(code, Some(0), "{said}");
        let result = events.iter().find(|event| event["event"] == "result").unwrap();
        // What the board told of its parts are that image's bytes.
        let steps = result["record"]["detail"]["steps"].as_array().unwrap();
        let part = steps.iter().find(|step| step["label"] == "part 1").unwrap();
        assert_eq!(part["crc32"], sum(&path.join(image)), "{image}");
    }
    serve.end();
}

fn sum(image: &Path) -> String {
    format!("{:08x}", crc32fast::hash(&std::fs::read(image).unwrap()[8 << 20..]))
}

#[test]
fn a_flash_that_is_killed_takes_its_boards_along_and_network_boot_goes_on() {
    let net = net();
    net.lan.house_dnsmasq(&[]);
    let serve = net.serve(&[]);
    let flashing = flash(&net, "lab-01", "lab-01.img");
    serve.until("the boards are taken", admitted);
    net.lan.inside("board", || {
        let host = host(MAC);
        let order = host.order("job/2000-14000").unwrap();
        host.get(format!("{}/{}", order["pp_job"], order["pp_file"])).unwrap();
        let read = format!("{}/read/0/0", order["pp_job"]);
        // The part begins, and in the middle of it the flash dies.
        let step = host.order(&read);
        assert!(step.is_some(), "the table is repeated");
        let path = format!("{MAC}/{}/rpi_image_part_0", order["pp_job"]);
        let table = host.get(format!("{}/{}", order["pp_job"], order["pp_file"])).unwrap();
        let told = format!("{}/read/0/{:x}", order["pp_job"], crc32fast::hash(&table));
        let next = host.order(&told).unwrap();
        assert!(next["pp_file"].contains("rpi_image_part_0"), "{next:?}");
        let request = Host::request(1, path.as_bytes(), b"blksize\x001400\0windowsize\x0016\0");
        let (socket, from, _) = host.ask(&request).unwrap();
        flashing.kill();
        let gone = serve.until("the boards are withdrawn", withdrawn);
        assert_eq!(gone["boards"], serde_json::json!([MAC]));
        // It reads on, and is soon told that there is no more.
        let (mut buffer, mut acked) = ([0; 2000], 0u16);
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "the transfer goes on at block {acked}");
            let [high, low] = acked.to_be_bytes();
            socket.send_to(&[0, 4, high, low], from).unwrap();
            let Ok((len, _)) = socket.recv_from(&mut buffer) else { continue };
            match buffer[..len] {
                [0, 3, high, low, ..] if u16::from_be_bytes([high, low]) == acked.wrapping_add(1) => {
                    acked += 1
                }
                [0, 3, ..] => {}
                [0, 5, _, _, ref text @ ..] => {
                    let text = String::from_utf8_lossy(text);
                    assert!(text.contains("the program that served this board has ended"), "{text}");
                    break;
                }
                ref other => panic!("{other:?}"),
            }
        }
        assert!(u32::from(acked) * 1400 < 300_000, "it was sent {acked} blocks of a flash that is dead");
        // What it asks now is network boot's, which has nothing for it.
        assert!(host.order("job/2000-14000").is_none());
    });
    boot(&net, 2);
    // The board is free again.
    let again = flash(&net, "lab-01", "lab-01.img");
    again.until("it begins", |event| event["event"] == "began");
    assert!(run(&net, MAC));
    let (code, _, said) = again.wait();
    assert_eq!(code, Some(0), "{said}");
    serve.end();
}

#[test]
fn without_a_server_the_ports_error_and_its_remedy_stay() {
    let net = net();
    let space = net.lan.space("ours");
    let holder = net.lan.inside("ours", || std::net::UdpSocket::bind("0.0.0.0:69").unwrap());
    let (code, _, said) = flash(&net, "lab-01", "lab-01.img").wait();
    assert_eq!(code, Some(75), "{space}: {said}");
    assert!(said.contains("UDP port 69 of 0.0.0.0 is in use") && said.contains("hint: "), "{said}");
    assert!(!said.contains("control"), "{said}");
    drop(holder);
}

#[test]
fn a_server_that_is_killed_ends_the_flashes_that_it_served_with_a_reason() {
    let net = net();
    let serve = net.serve(DHCP);
    let flashing = flash(&net, "lab-01", "lab-01.img");
    serve.until("the boards are taken", admitted);
    let pid = serve.pid();
    net.lan.inside("board", || assert!(host(MAC).order("job/2000-14000").is_some()));
    serve.kill();
    let (code, events, said) = flashing.wait();
    assert_eq!(code, Some(69), "{said}");
    let result = events.iter().find(|event| event["event"] == "result").unwrap();
    let why = result["record"]["why"].as_str().unwrap();
    assert!(why.contains(&format!("the server that served it (process {pid}) has ended")), "{why}");
    let (ending, _) = record(&net, "lab-01");
    assert!(!ending.is_done());
    // What was left behind is in nobody's way: not in the next flash's, nor in the next server's.
    assert!(net.control.as_ref().unwrap().exists());
    let alone = flash(&net, "lab-01", "lab-01.img");
    alone.until("it begins", |event| event["event"] == "began");
    assert!(run(&net, MAC));
    assert_eq!(alone.wait().0, Some(0));
    let serve = net.serve(DHCP);
    let handed = flash(&net, "lab-01", "lab-01.img");
    handed.until("it begins", |event| event["event"] == "began");
    assert!(run(&net, MAC));
    serve.until("the boards were taken", admitted);
    assert_eq!(handed.wait().0, Some(0));
    serve.end();
}
