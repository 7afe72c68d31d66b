//! USB boot: transfer sizes, boards at once, our own waiting, and memory.
//!
//! `cargo bench --bench usb`. The first three are measured in the virtual machine of tests/rig with real libusb and
//! simulated boards: compare them only with each other, since they measure the cost of a transfer and not a bus. What they
//! are compared with are rpiboot's calls of libusb without anything around them. Memory is measured here, with models of
//! boards in the process. Environment: `PIPROV_BENCH_OUT` (the table's file, `target/bench-usb.md`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

#[path = "../tests/rig/mod.rs"]
#[allow(unused_macros, unused_imports, reason = "a bench has no scenarios")]
mod rig;
#[path = "../tests/usb_model/mod.rs"]
mod usb_model;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use piprov::run::{Event, Runs, What};
use piprov::stop::Stop;
use piprov::usb::boot::BootOptions;
use piprov::usb::choose::AllAlike;
use piprov::usb::libusb::LibusbBus;
use piprov::usb::lookup::{self, Payload};
use piprov::usb::message::{REQUEST_IN, REQUEST_OUT, setup};
use piprov::usb::plan::OnePayload;
use piprov::usb::service::{self, Outcome, Service};
use piprov::usb::transport::Bus;
use rig::models::{Rom, Server};
use rig::usbip::{SLOTS, plug};
use rusb::UsbContext as _;

const MIB: usize = 1 << 20;
/// Set in the process that runs in the virtual machine.
const INSIDE: &str = "PIPROV_BENCH_INSIDE";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "--memory") {
        return memory();
    }
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = std::env::current_exe().unwrap();
    let output = Command::new(top.join("tests/rig/run.sh"))
        .arg(&own)
        .env(INSIDE, "1")
        .env("RIG_ENV", INSIDE)
        .env("RIG_TIMEOUT", "1200")
        .current_dir(top)
        .output()
        .unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
    let mut table = String::from_utf8(output.stdout).unwrap();
    let memory = Command::new(&own).arg("--memory").output().unwrap();
    assert!(memory.status.success(), "{memory:?}");
    table += &String::from_utf8(memory.stdout).unwrap();
    table += &helper();
    print!("{table}");
    let out =
        std::env::var_os("PIPROV_BENCH_OUT").map_or_else(|| top.join("target/bench-usb.md"), PathBuf::from);
    std::fs::write(out, table).unwrap();
}

/// A payload in the machine's own memory.
fn payload(dir: &Path, image: usize) -> Arc<OnePayload> {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("bootcode4.bin"), vec![1; 1000]).unwrap();
    std::fs::write(dir.join("boot.img"), vec![2; image]).unwrap();
    Arc::new(OnePayload(Arc::new(Payload::open(dir, &lookup::PayloadOptions::default()).unwrap())))
}

struct Run {
    outcomes: Vec<Outcome>,
    events: Vec<(Instant, Event)>,
    took: Duration,
}

/// Boots boards in these slots at once, each of which asks for `boot.img`.
fn boot(plan: &Arc<OnePayload>, slots: &[u8], transfer: usize) -> Run {
    const SERIALS: [&str; 8] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"];
    let began = Instant::now();
    let plugged: Vec<_> = slots
        .iter()
        .zip(SERIALS)
        .map(|(slot, serial)| {
            let slot = *slot;
            std::thread::spawn(move || {
                plug(slot, Rom::new(0x2711, Some(serial))).left();
                plug(slot, Server::new(0x2711, &["boot.img"]).forgetful()).left()
            })
        })
        .collect();
    let bus: Arc<dyn Bus> = Arc::new(LibusbBus::new().unwrap());
    let service = Service { boards: Some(slots.len()), ..Service::default() };
    let options = BootOptions { transfer, ..BootOptions::default() };
    let (tell, told) = std::sync::mpsc::channel();
    let runs = Runs::unkept(Arc::new(move |event: Event| {
        let _ = tell.send((Instant::now(), event));
    }));
    let mut outcomes = Vec::new();
    let mut ended = |outcome| outcomes.push(outcome);
    let stop = Stop::new().unwrap();
    let all = AllAlike::new(plan.clone(), options);
    service::run(bus, &all, &service, &stop, &runs, &mut ended).unwrap();
    let took = began.elapsed();
    for board in plugged {
        board.join().unwrap();
    }
    assert!(outcomes.iter().all(|outcome| outcome.record.ending.is_done()), "{outcomes:#?}");
    eprintln!("{} boards, transfers of {} KiB: {:.1} s", slots.len(), transfer >> 10, took.as_secs_f64());
    Run { outcomes, events: told.try_iter().collect(), took }
}

impl Run {
    /// How long `boot.img` took on the wire.
    fn image_seconds(&self) -> f64 {
        let sent = self.events.iter().find_map(|(_, event)| match &event.what {
            What::Detail(detail) if detail.word() == "sent" && detail.facts()["name"] == "boot.img" => {
                Some(detail.facts())
            }
            _ => None,
        });
        let sent = sent.unwrap();
        sent["seconds"].as_f64().unwrap()
    }

    /// How long we took from the sight of a stage to its first transfer, for both stages together: our own waiting.
    fn own_waiting(&self) -> Duration {
        let mut waited = Duration::ZERO;
        let mut seen = None;
        for (at, event) in &self.events {
            match event.what.word() {
                "seen" => seen = Some(*at),
                "uploading" | "files-begin" => {
                    waited += seen.take().map_or(Duration::ZERO, |seen| at.duration_since(seen));
                }
                _ => {}
            }
        }
        waited
    }
}

/// The seconds that a file takes with rpiboot's calls: it is read into memory, and goes out, behind its length, in blocking
/// transfers of 16 KiB (`file_server` and `ep_write` of usbboot's main.c).
fn rpiboot(path: &Path) -> f64 {
    let bytes = usize::try_from(std::fs::metadata(path).unwrap().len()).unwrap();
    let board = plug(0, Server::new(0x2711, &["boot.img"]).forgetful());
    // A new context: an older one hears of devices only when its events are taken.
    let device = rusb::Context::new().unwrap().open_device_with_vid_pid(0x0a5c, 0x2711).unwrap();
    device.claim_interface(0).unwrap();
    let wait = Duration::from_secs(20);
    let tell = |length: usize| {
        let (value, index) = setup(u32::try_from(length).unwrap());
        device.write_control(REQUEST_OUT, 0, value, index, &[], wait).unwrap();
    };
    let mut took = None;
    loop {
        let mut message = [0; 260];
        let (value, index) = setup(260);
        let got = device.read_control(REQUEST_IN, 0, value, index, &mut message, wait).unwrap();
        assert_eq!(got, 260);
        match message[0] {
            0 => tell(bytes),
            1 => {
                let began = Instant::now();
                let file = std::fs::read(path).unwrap();
                tell(file.len());
                for piece in file.chunks(16 << 10) {
                    assert_eq!(device.write_bulk(1, piece, wait).unwrap(), piece.len());
                }
                took = Some(began.elapsed().as_secs_f64());
            }
            _ => break,
        }
    }
    drop(device);
    board.left();
    took.unwrap()
}

fn inside() {
    // What rules do with each device takes more of the emulated processor than all that is measured here.
    rig::guest::run(
        "mount -t tmpfs none /usr/lib/udev/rules.d; udevadm control --reload; modprobe vhci-hcd; udevadm settle",
    );
    let mut table = String::new();
    let plan = payload(Path::new("/tmp/bench64"), 64 * MIB);
    writeln!(table, "## USB boot\n\nIn the virtual machine of tests/rig: only the ratios mean anything.\n")
        .unwrap();
    writeln!(table, "| one file of 64 MiB, transfers of | MiB/s | times rpiboot's calls |\n|---|---|---|")
        .unwrap();
    // The fastest of some, taken in turns where two are nearly alike: the machine is shared.
    let mut theirs = f64::MAX;
    let mut ours = f64::MAX;
    for _ in 0..5 {
        theirs = theirs.min(rpiboot(Path::new("/tmp/bench64/boot.img")));
        ours = ours.min(boot(&plan, &[0], 16 << 10).image_seconds());
    }
    let mut row = |what: &str, seconds: f64| {
        writeln!(table, "| {what} | {:.0} | {:.2} |", 64.0 / seconds, theirs / seconds).unwrap();
    };
    row("16 KiB, rpiboot's calls alone", theirs);
    row("16 KiB", ours);
    for kib in [32, 64, 128, 256, 512, 1024, 2048] {
        let seconds = (0..2).map(|_| boot(&plan, &[0], kib << 10).image_seconds()).fold(f64::MAX, f64::min);
        row(&format!("{kib} KiB"), seconds);
    }
    let plan = payload(Path::new("/tmp/bench16"), 16 * MIB);
    let transfer = BootOptions::default().transfer;
    let fastest =
        |slots: &[u8]| (0..3).map(|_| boot(&plan, slots, transfer).took).min().unwrap().as_secs_f64();
    let (apart, together): (Vec<u8>, Vec<u8>) = ((0..8).map(|at| at * SLOTS).collect(), (0..8).collect());
    let one = fastest(&[0]);
    let (apart, together) = (fastest(&apart), fastest(&together));
    writeln!(table, "\n| boards with 16 MiB each | s | times one |\n|---|---|---|").unwrap();
    writeln!(table, "| 1 | {one:.2} | 1 |").unwrap();
    writeln!(table, "| 8, each on a hub of its own | {apart:.2} | {:.1} |", apart / one).unwrap();
    writeln!(table, "| 8 on one hub | {together:.2} | {:.1} |", together / one).unwrap();
    let plan = payload(Path::new("/tmp/bench0"), 1);
    let small = boot(&plan, &[0], transfer);
    let waiting = small.own_waiting().as_secs_f64();
    writeln!(table, "\n| a boot of two stages with next to no files | s |\n|---|---|").unwrap();
    writeln!(table, "| in all, with the kernel's part | {:.2} |", small.took.as_secs_f64()).unwrap();
    writeln!(table, "| from the sight of a device to its first transfer, both stages | {waiting:.3} |")
        .unwrap();
    assert_eq!(small.outcomes.len(), 1);
    print!("{table}");
}

/// 64 boards at once, with models in this process; the models hold what they got, so they get little.
fn memory() {
    let dir = std::env::temp_dir().join(format!("piprov-bench-usb-{}", std::process::id()));
    let plan = payload(&dir, 300_000);
    let before = high_water();
    let bus = usb_model::ModelBus::new();
    for at in 0..64 {
        let port = format!("{}-1.{}", at / 16 + 1, at % 16 + 1);
        let asks = [usb_model::Ask::File("boot.img"), usb_model::Ask::Done];
        let lives = [usb_model::rom(0x2711, usb_model::Rom::Answers(0)), usb_model::server(0x2711, &asks)];
        bus.plug(&port, lives);
    }
    let bus: Arc<dyn Bus> = Arc::new(bus);
    let service = Service { boards: Some(64), ..Service::default() };
    let runs = Runs::unkept(Arc::new(|_: Event| {}));
    let stop = Stop::new().unwrap();
    let mut outcomes = Vec::new();
    let mut ended = |outcome: Outcome| outcomes.push(outcome);
    let all = AllAlike::new(plan, BootOptions::default());
    service::run(bus, &all, &service, &stop, &runs, &mut ended).unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.record.ending.is_done()).count(), 64);
    std::fs::remove_dir_all(dir).unwrap();
    println!("\n| 64 boards, models and their copies included | MiB |\n|---|---|");
    println!("| before | {:.1} |\n| at most | {:.1} |", before, high_water());
}

/// What the udev helper takes for its longest piece of work: a board's first stage has come, gets its overlay, and is
/// told to restart.
#[expect(clippy::zombie_processes, reason = "wait4 waits, and tells what the process took")]
fn helper() -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("clients/by-serial/00000000d8e4a1f7")).unwrap();
    let (mut times, mut most) = (Vec::new(), 0);
    for _ in 0..21 {
        let wire = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&wire).unwrap();
        unlockpt(&wire).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_piprov-udev"))
            .env_clear()
            .env("ACTION", "add")
            .env("SUBSYSTEM", "tty")
            .env("DEVPATH", "/devices/pci0000:00/0000:00:14.0/usb9/9-1/9-1:1.0/tty/ttyACM0")
            .env("DEVNAME", ptsname(&wire, Vec::new()).unwrap().to_str().unwrap())
            .env("ID_SERIAL_SHORT", "00000000d8e4a1f7")
            .env("PIPROV_USB_LIVE", dir.path().join("live"))
            .env("PIPROV_USB_CLIENTS", dir.path().join("clients"))
            .env("PIPROV_RUNTIME_DIR", dir.path().join("run"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both places are there for the call; nobody else waits for this child.
        let waited = unsafe { libc::wait4(child.id().cast_signed(), &raw mut status, 0, usage.as_mut_ptr()) };
        assert!(waited == child.id().cast_signed() && status == 0, "{status:x}");
        // SAFETY: all zeros are a value of this struct, and the call has filled it in.
        let usage = unsafe { usage.assume_init() };
        let milliseconds = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
        times.push(milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime));
        most = most.max(usage.ru_maxrss);
        let mut buffer = [0; 64];
        let count = rustix::io::read(&wire, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"reboot\n");
    }
    times.sort_by(f64::total_cmp);
    format!(
        "\n| piprov-udev, from the first stage's event to `reboot` | |\n|---|---|\n| processor, median of {} | {:.1} ms |\n\
         | memory at most | {:.1} MiB |\n",
        times.len(),
        times[times.len() / 2],
        most as f64 / 1024.0
    )
}

/// The most memory that this process has had, in MiB.
fn high_water() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
