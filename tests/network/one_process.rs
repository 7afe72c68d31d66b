//! Flash, USB boot and network boot at the same time in one process, as the station will drive them: one stream of
//! events, one kind of record, and the end of one is nobody else's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use piprov::dhcp::{self, Mode};
use piprov::image::Image;
use piprov::netboot::serve;
use piprov::power::{self, Power};
use piprov::run::ledger::Ledger;
use piprov::run::{Ending, Event, Proof, Record, Runs, Way, What};
use piprov::stop::Stop;
use piprov::targets::Target;
use piprov::tftp::switch::Switch;
use piprov::uboot::flash;
use piprov::uboot::material::ImageMaterial;
use piprov::uboot::port::Port;
use piprov::uboot::watch::Patience;
use piprov::usb::boot::{BootOptions, Limits};
use piprov::usb::choose::AllAlike;
use piprov::usb::lookup::{self, Payload};
use piprov::usb::plan::OnePayload;
use piprov::usb::service::{self, Service};

use crate::flash_model;
use crate::handed;
use crate::netboot_model::{Board as NetBoard, Kind, run};
use crate::netboot_rig::{Net, boots, tree};
use crate::usb_model::Ask::{Done, File};
use crate::usb_model::{Files, ModelBus, Rom, rom, server};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for an event; all that came until then stay in `seen`.
fn until(told: &Receiver<Event>, seen: &mut Vec<Event>, what: &str, is: impl Fn(&Event) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !seen.iter().any(&is) {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = told.recv_timeout(left).unwrap_or_else(|_| panic!("{what} doesn't come: {seen:#?}"));
        seen.push(event);
    }
}

fn ended(way: Way) -> impl Fn(&Event) -> bool {
    move |event| event.way == way && matches!(event.what, What::Ended(_))
}

/// Serves network boots until it is told to end.
fn serve_netboot(
    net: &Net,
    runs: &Runs,
    stop: &Stop,
    ready: &Mutex<Option<Arc<Switch>>>,
) -> Result<(), serve::Error> {
    net.lan.inside("ours", || {
        let mut config = dhcp::Config::new("eth0", net.state.clone());
        config.mode = Mode::Proxy;
        let options = serve::ServeOptions {
            further: Vec::new(),
            dhcp: config,
            tftp_root: net.root.clone(),
            limits: piprov::tftp::Limits::default(),
            control: None,
            sockets: Vec::new(),
            stations: None,
            offers: Arc::default(),
        };
        let server = serve::Server::open(options, stop)?;
        let switch = server.switch();
        let tell = |event: &serve::Event| {
            if matches!(event.what, serve::What::Serving { .. }) {
                *ready.lock().unwrap() = Some(Arc::clone(&switch));
            }
        };
        server.run(&tell, runs, stop).map(drop)
    })
}

/// Flashes boards, which need no reset, with an image.
fn flash_with(image: &Path, boards: &[&str], port: &Port, runs: &Runs, stop: &Stop) -> Vec<Record> {
    let image = Image::open(image, &piprov::image::ImageOptions::default()).unwrap();
    let material = ImageMaterial::prepare(image, 4 << 20, stop).unwrap();
    let target = |mac: &&str| Target {
        name: format!("board {mac}"),
        mac: mac.parse().unwrap(),
        ip: None,
        reset: None,
        secret: None,
        line: 2,
    };
    let targets: Vec<_> = boards.iter().map(target).collect();
    flash::flash(&targets, &material, port, &options(), stop, runs).unwrap()
}

fn options() -> flash::FlashOptions {
    flash::FlashOptions {
        patience: Patience { boot: Some(PATIENCE), silence: PATIENCE },
        stagger: Duration::ZERO,
        reset: None,
        original: false,
        secrets: BTreeMap::new(),
    }
}

/// Flashes the model board, which needs no reset.
fn flash_one(dir: &Path, runs: &Runs, stop: &Stop, address: &Mutex<Option<SocketAddr>>) -> Vec<Record> {
    flash_model::image(&dir.join("os.img"));
    let image = Image::open(&dir.join("os.img"), &piprov::image::ImageOptions::default()).unwrap();
    let material = ImageMaterial::prepare(image, 4 << 20, stop).unwrap();
    let server =
        piprov::tftp::Server::bind("127.0.0.1:0".parse().unwrap(), piprov::tftp::Limits::default()).unwrap();
    *address.lock().unwrap() = Some(server.local_addr());
    let targets = [Target {
        name: "lab-01".to_owned(),
        mac: flash_model::MAC.parse().unwrap(),
        ip: Some("127.0.0.7".parse().unwrap()),
        reset: None,
        secret: None,
        line: 2,
    }];
    flash::flash(&targets, &material, &Port::Own(server), &options(), stop, runs).unwrap()
}

/// Boots whatever is on the bus, until it is told to end.
fn boot_usb(bus: &ModelBus, files: &Files, runs: &Runs, stop: &Stop) {
    let soon = Duration::from_millis(200);
    let limits = Limits { leave: soon, back: soon, next: soon, permission: soon, uploads: 3 };
    let plan =
        OnePayload(Arc::new(Payload::open(&files.path(), &lookup::PayloadOptions::default()).unwrap()));
    let service = Service { forever: true, ..Service::default() };
    let options = BootOptions { limits, ..BootOptions::default() };
    let all = AllAlike::new(Arc::new(plan), options);
    service::run(Arc::new(bus.clone()), &all, &service, stop, runs, &mut drop).unwrap();
}

struct NoLine;

impl Power for NoLine {
    fn reset(&mut self, _stop: &Stop) -> Result<(), power::Error> {
        Ok(())
    }

    fn describe(&self) -> String {
        "gpiochip0:17".to_owned()
    }
}

#[test]
fn all_ways_share_a_process_a_stream_and_a_ledger_and_one_server_dies_alone() {
    let net = Net::new();
    net.lan.house_dnsmasq(&[]);
    tree(&net.root, "");
    let dir = tempfile::tempdir().unwrap();
    let (tell, told) = channel();
    let runs = &Runs::new(Arc::new(tell), Ledger::open(dir.path()).unwrap());
    let program = Stop::new().unwrap();
    let [of_netboot, of_usb, of_flash] = [(); 3].map(|()| program.child().unwrap());
    let (bus, files) =
        (ModelBus::new(), Files::new(&[("bootcode.bin", 5000), ("config.txt", 10), ("kernel.img", 9000)]));
    let (serving, flashing) = (Mutex::new(None), Mutex::new(None));
    let mut seen = Vec::new();

    std::thread::scope(|scope| {
        let netboot = scope.spawn(|| serve_netboot(&net, runs, &of_netboot, &serving));
        let usb = scope.spawn(|| boot_usb(&bus, &files, runs, &of_usb));
        let deadline = Instant::now() + PATIENCE;
        while serving.lock().unwrap().is_none() {
            assert!(Instant::now() < deadline, "network boots aren't served");
            std::thread::yield_now();
        }
        // A network boot and a USB boot, while both are served.
        let mut boards = vec![NetBoard::new(Kind::Pi4, 1)];
        net.lan.inside("client", || run(&mut boards, "eth0", Duration::from_secs(30)));
        boots(&boards[0]);
        bus.plug(
            "1-1.2",
            [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("config.txt"), File("kernel.img"), Done])],
        );
        until(&told, &mut seen, "the end of the network boot", ended(Way::NetBoot));
        until(&told, &mut seen, "the end of the USB boot", ended(Way::UsbBoot));

        // One of the servers dies: the program and the others go on.
        of_netboot.set();
        netboot.join().unwrap().unwrap();
        assert!(!program.is_set() && !of_usb.is_set());
        let flashed = scope.spawn(|| flash_one(dir.path(), runs, &of_flash, &flashing));
        while flashing.lock().unwrap().is_none() {
            assert!(Instant::now() < deadline, "nothing is flashed");
            std::thread::yield_now();
        }
        let Some(SocketAddr::V4(address)) = *flashing.lock().unwrap() else { panic!("no address") };
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, address.port());
        let host = flash_model::Host {
            address: Ipv4Addr::new(127, 0, 0, 7),
            server: address,
            mac: flash_model::MAC,
        };
        assert!(flash_model::Board { host, secret: None, before: &mut |_| {} }.run());
        let record = flashed.join().unwrap().remove(0);
        assert_eq!(record.ending, Ending::Done { proof: Proof::ReadBack });
        until(&told, &mut seen, "the end of the flash", ended(Way::Flash));

        bus.plug("1-1.3", [rom(0x2764, Rom::Answers(0)), server(0x2764, &[File("kernel.img"), Done])]);
        let second = |event: &Event| {
            ended(Way::UsbBoot)(event) && event.board.port.is_some_and(|port| port.to_string() == "1-1.3")
        };
        until(&told, &mut seen, "a USB boot after that", second);
        let stop = program.child().unwrap();
        let board = piprov::board::Who::named("lab-02");
        power::run::reset(board, &mut NoLine, Duration::ZERO, runs, &stop).unwrap();
        // Now the whole program ends.
        program.set();
        usb.join().unwrap();
    });
    seen.extend(told.try_iter());

    // One kind of record for all of them, as they were told, and re-read equal.
    let (records, left_out) = Ledger::open(dir.path()).unwrap().records().unwrap().read();
    assert_eq!(left_out, 0);
    let mut ways: Vec<_> = records.iter().map(|record| record.way).collect();
    ways.sort();
    assert_eq!(ways, [Way::Flash, Way::UsbBoot, Way::UsbBoot, Way::NetBoot, Way::Reset]);
    for record in &records {
        let of_run: Vec<_> = seen.iter().filter(|event| event.run == record.run).collect();
        assert!(matches!(of_run[0].what, What::Began), "{of_run:#?}");
        let told = of_run.iter().find_map(|event| match &event.what {
            What::Ended(ending) => Some(ending),
            _ => None,
        });
        assert_eq!(told, Some(&record.ending), "{record:#?}");
        assert!(record.ending.is_done() && record.seconds.is_some(), "{record:#?}");
        let text = serde_json::to_vec(record).unwrap();
        assert_eq!(Record::read(&text).as_ref(), Some(record));
    }
}

#[test]
fn flashes_come_to_the_server_of_network_boot_and_go_each_with_its_own_image() {
    let net = handed::net();
    net.lan.house_dnsmasq(&[]);
    let (tell, told) = channel();
    let runs = &Runs::new(Arc::new(tell), Ledger::open(&net.records).unwrap());
    let program = Stop::new().unwrap();
    let of_netboot = program.child().unwrap();
    let serving = Mutex::new(None);
    let mut seen = Vec::new();
    let path = |name: &str| net.lan.dir.path().join(name);
    std::thread::scope(|scope| {
        let netboot = scope.spawn(|| serve_netboot(&net, runs, &of_netboot, &serving));
        let deadline = Instant::now() + PATIENCE;
        let switch = loop {
            assert!(Instant::now() < deadline, "network boots aren't served");
            match serving.lock().unwrap().clone() {
                Some(switch) => break switch,
                None => std::thread::yield_now(),
            }
        };
        let flash = |image: &str, boards: &[&str]| {
            let (image, port) = (path(image), Port::Shared(Arc::clone(&switch)));
            let boards: Vec<_> = boards.iter().map(|&mac| mac.to_owned()).collect();
            let program = &program;
            scope.spawn(move || {
                let boards: Vec<_> = boards.iter().map(String::as_str).collect();
                flash_with(&image, &boards, &port, runs, program)
            })
        };
        let [one, other] = [("lab-01.img", flash_model::MAC), ("lab-02.img", handed::OTHER)]
            .map(|(image, mac)| flash(image, &[mac]));
        let began = |mac: &'static str| {
            move |event: &Event| {
                matches!(event.what, What::Began) && event.board.mac == Some(mac.parse().unwrap())
            }
        };
        until(&told, &mut seen, "one flash", began(flash_model::MAC));
        until(&told, &mut seen, "the other flash", began(handed::OTHER));
        // A third one can't have a board that one of them has; nothing is done to either of its boards.
        let third = flash("lab-02.img", &[flash_model::MAC, "dc:a6:32:01:02:05"]).join().unwrap();
        for record in &third {
            let Ending::Failed { why, .. } = &record.ending else { panic!("{record:?}") };
            assert!(why.contains("is being served for another flash"), "{why}");
        }
        let boards = scope.spawn(|| {
            assert!(handed::run(&net, handed::OTHER));
            assert!(handed::run(&net, flash_model::MAC));
        });
        handed::boot(&net, 1);
        boards.join().unwrap();
        for (flash, image) in [(one, "lab-01.img"), (other, "lab-02.img")] {
            let record = flash.join().unwrap().remove(0);
            assert_eq!(record.ending, Ending::Done { proof: Proof::ReadBack });
            let steps = serde_json::to_value(&record).unwrap()["detail"]["steps"].clone();
            let sum = crc32fast::hash(&std::fs::read(path(image)).unwrap()[8 << 20..]);
            assert!(
                steps.as_array().unwrap().iter().any(|step| step["crc32"] == format!("{sum:08x}")),
                "{steps}"
            );
        }
        // Both have left: the boards are free for the next one, which the end of the server takes along.
        let last = flash("lab-02.img", &[flash_model::MAC]);
        let again = |event: &Event| began(flash_model::MAC)(event) && event.run != third[0].run;
        let deadline = Instant::now() + PATIENCE;
        while !told.recv_timeout(deadline - Instant::now()).is_ok_and(|event| again(&event)) {}
        of_netboot.set();
        netboot.join().unwrap().unwrap();
        let record = last.join().unwrap().remove(0);
        let Ending::Failed { why, .. } = &record.ending else { panic!("{record:?}") };
        assert!(
            why.contains("the TFTP server that served it has ended") || why.contains("the server has ended"),
            "{why}"
        );
    });
}
