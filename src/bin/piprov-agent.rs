//! The program on a board: it asks the station for work, writes and reads back disks, and tells what came of it. On a
//! host it stands for a board whose disks are files.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "this program has no other surface than its console"
)]

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use piprov::agent::cmdline::{Told, at_cable};
use piprov::agent::eeprom::Flash;
use piprov::agent::facts;
use piprov::agent::identity::Identity;
use piprov::agent::kept;
use piprov::agent::leds::Leds;
use piprov::agent::session::{Disks, Options, Session};
use piprov::board::{Mac, Serial};
use piprov::device_api::{BoardEeprom, End, Register};
use piprov::error::{Explain, Kind, chain};
use piprov::format::{message, unhex};
use piprov::http::{Origin, Trust};
use piprov::stop::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};

const HELP: &str = "\
Writes disks of a board for a piprov station, reads them back, and tells what came of it

Usage: piprov-agent [OPTIONS]

Without options all stands on the kernel's command line or in /etc/piprov/agent: piprov.station=URL, piprov.key=HEX,
piprov.pin=HEX. Where the station is, DHCP may say too (option 224). With piprov.usb=http:PORT it is at the other end of
the USB cable, and images come from piprov.station=URL where it answers there.

Options:
      --station <URL>      The station: http://host:port, https://host:port, unix:/path
      --station-key <HEX>  Its public key; without it the first station that answers is followed
      --pin <HEX>          sha256 of its certificate, for https
      --key <FILE>         Keep the board's own key here; without it it is made anew at each start
      --disk <FILE>        A file stands for a disk: this is a simulated board (several times: several disks)
      --eeprom <FILE>      A file stands for the flash chip with the EEPROM of a simulated board
      --model <MODEL>      Model of a simulated board, as a device tree tells it
      --serial <SERIAL>    Serial number of a simulated board
      --facts <DIR>        A simulated board tells what proc and sys below this directory say
      --run-scripts        A simulated board runs scripts of its jobs: here, as the user who runs this program
      --this-host          This host itself is the board: jobs overwrite its disks
  -h, --help               Print help
  -V, --version            Print version

A simulated board ends when its job says that a board starts again or is switched off.";

/// Where the system for boards says what was found: by DHCP, and at the USB cable.
const FOUND_ON_BOARD: &str = "/run/piprov";
/// A host that has booted a board over USB takes the cable within this time.
const CABLE_COMES: Duration = Duration::from_secs(20);
/// A disk that isn't there so long after the start has no key that is looked for.
const DISKS_COME: Duration = Duration::from_secs(5);

/// Something that the caller has to change.
struct Usage(String);

#[derive(Default)]
struct Arguments {
    told: Told,
    key: Option<PathBuf>,
    disks: Vec<PathBuf>,
    serial: Option<Serial>,
    facts: Option<PathBuf>,
    eeprom: Option<PathBuf>,
    model: Option<String>,
    this_host: bool,
    run_scripts: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match words.first().map(String::as_str) {
        Some("-h" | "--help") => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some("-V" | "--version") => {
            println!("piprov-agent {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    match arguments(words).and_then(|arguments| work(&arguments)) {
        Ok(code) => code,
        Err(Usage(text)) => {
            say(&text);
            say("`piprov-agent --help` tells the options");
            ExitCode::from(2)
        }
    }
}

/// A line on the console. What others have sent is in it, so nothing of it may move the cursor.
fn say(text: &str) {
    eprintln!("piprov-agent: {}", message(text));
}

fn arguments(words: Vec<String>) -> Result<Arguments, Usage> {
    let mut arguments = Arguments::default();
    // A simulated board has nothing to do with how this host was started.
    if !words.iter().any(|word| word == "--disk") {
        arguments.told = Told::by(Path::new("/"));
    }
    let mut by_hand = false;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--this-host" {
            arguments.this_host = true;
            continue;
        }
        if word == "--run-scripts" {
            arguments.run_scripts = true;
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, words.next()),
        };
        let value = value.ok_or_else(|| Usage(format!("{name} needs a value, or isn't known")))?;
        match name.as_str() {
            "--station" => {
                by_hand = true;
                arguments.told.station = Some(value);
            }
            "--station-key" => arguments.told.key = Some(value),
            "--pin" => arguments.told.pin = Some(value),
            "--key" => arguments.key = Some(value.into()),
            "--facts" => arguments.facts = Some(value.into()),
            "--disk" => arguments.disks.push(value.into()),
            "--eeprom" => arguments.eeprom = Some(value.into()),
            "--model" => arguments.model = Some(value),
            "--serial" => {
                arguments.serial = Some(value.parse().map_err(|error| Usage(format!("--serial: {error}")))?);
            }
            _ => return Err(Usage(format!("`{name}` isn't known"))),
        }
    }
    if arguments.disks.is_empty() && arguments.serial.is_some() {
        return Err(Usage("--serial is for a simulated board: --disk FILE makes one".to_owned()));
    }
    if arguments.disks.is_empty() && arguments.facts.is_some() {
        return Err(Usage("--facts is for a simulated board: a real one tells its own".to_owned()));
    }
    if arguments.disks.is_empty() && (arguments.eeprom.is_some() || arguments.model.is_some()) {
        return Err(Usage(
            "--eeprom and --model are for a simulated board: --disk FILE makes one".to_owned(),
        ));
    }
    if arguments.disks.is_empty() && arguments.run_scripts {
        return Err(Usage("--run-scripts is for a simulated board: a real one runs them".to_owned()));
    }
    // On a board nobody types; on a host somebody may have forgotten what makes it a simulated one.
    if arguments.disks.is_empty() && by_hand && !arguments.this_host {
        let text = "jobs of the station would overwrite the disks of this host: --disk FILE makes a simulated board, \
                    --this-host says that they may";
        return Err(Usage(text.to_owned()));
    }
    Ok(arguments)
}

fn work(arguments: &Arguments) -> Result<ExitCode, Usage> {
    let stop = match listen() {
        Ok(stop) => stop,
        Err(error) => {
            say(&chain(&error));
            return Ok(ExitCode::FAILURE);
        }
    };
    let (told, cable) = &told(arguments, &stop);
    let origin = |url: &String| url.parse::<Origin>().map_err(|error| Usage(chain(&error)));
    let named = told.station.as_ref().map(origin).transpose()?;
    let (origin, faster) = match (cable, named) {
        // What is told over the cable is told to the host that has started this board.
        (Some(cable), named) => (origin(cable)?, named),
        (None, Some(named)) => (named, None),
        (None, None) => return Err(Usage("no station is named".into())),
    };
    let trust = match &told.pin {
        Some(pin) => Trust::Pinned(pin.parse().map_err(|error| Usage(format!("the pin: {error}")))?),
        None => Trust::System,
    };
    if told.key.as_ref().is_some_and(|key| unhex::<32>(key).is_none()) {
        return Err(Usage("the station's key has 64 hexadecimal digits".into()));
    }
    let simulated = !arguments.disks.is_empty();
    let identity = match (&arguments.key, facts::secret(Path::new("/sys")).filter(|_| !simulated)) {
        (Some(path), _) => Identity::of_file(path),
        (None, Some(secret)) => Identity::of_secret(&secret),
        (None, None) => Identity::new(),
    };
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => {
            let place =
                arguments.key.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default();
            say(&format!("{place}{}", chain(&error)));
            return Ok(ExitCode::from(Kind::of_io(&error).exit_code()));
        }
    };
    for disk in &arguments.disks {
        match std::fs::metadata(disk) {
            Ok(found) if found.is_file() || found.file_type().is_block_device() => {}
            Ok(_) => {
                say(&format!("{}: it is neither a file nor a block device", disk.display()));
                return Ok(ExitCode::from(Kind::BadData.exit_code()));
            }
            Err(error) => {
                say(&format!("{}: {}", disk.display(), chain(&error)));
                return Ok(ExitCode::from(Kind::of_io(&error).exit_code()));
            }
        }
    }
    let eeprom = match arguments.eeprom.as_deref().map(|path| (path, Flash::file(path))) {
        None => None,
        Some((_, Ok(flash))) => Some(flash),
        Some((path, Err(error))) => {
            say(&format!("{}: {}", path.display(), chain(&error)));
            return Ok(ExitCode::from(Kind::of_io(&error).exit_code()));
        }
    };
    let (public, serial) = (identity.public(), arguments.serial);
    let (tree, flash, named) = (arguments.facts.clone(), eeprom.clone(), arguments.model.clone());
    let simulate = move || {
        let told = model(&public, serial, tree.as_deref());
        // A tree tells what a board's firmware would; of the chip the file tells all.
        let eeprom = match told.eeprom {
            Some(told) => Some(BoardEeprom { flash: flash.as_ref().map(Flash::len), ..told }),
            None => flash.as_ref().map(Flash::told),
        };
        Register { eeprom, model: named.clone().or(told.model), ..told }
    };
    let tell = move || if simulated { simulate() } else { facts::facts(Path::new("/")) };
    let disks = if simulated { Disks::Files(arguments.disks.clone()) } else { Disks::Real };
    let kept = if arguments.key.is_some() { None } else { kept(&tell, &disks, &stop) };
    let identity = identity.with_kept(kept);
    let session = Session {
        options: Options {
            origin,
            faster,
            trust,
            key: told.key.clone(),
            disks,
            run_scripts: arguments.run_scripts,
            eeprom,
        },
        identity,
        facts: &tell,
        leds: if simulated { Leds::default() } else { Leds::find(Path::new("/sys")) },
        stop: &stop,
        say: &say,
        seen: Mutex::default(),
    };
    match session.run() {
        Ok(Some(end)) if !simulated => leave(end, &stop),
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            say(&chain(&error));
            Ok(ExitCode::from(error.kind().exit_code()))
        }
    }
}

/// What it is told, and where the station is at the other end of the board's USB cable. On a board DHCP may say where the
/// station is, as soon as there is an answer, and the cable when a host has taken it. A board that knows its station otherwise
/// doesn't wait for a cable for long: it may have been booted over the network.
fn told(arguments: &Arguments, stop: &Stop) -> (Told, Option<String>) {
    let mut told = arguments.told.clone();
    let on_a_board = arguments.disks.is_empty() && Path::new(FOUND_ON_BOARD).exists();
    let wants_cable = on_a_board && told.usb.is_some();
    let began = Instant::now();
    loop {
        let cable = wants_cable.then(|| at_cable(Path::new("/"))).flatten();
        if on_a_board && told.station.is_none() {
            told.station = Told::by(Path::new("/")).station;
        }
        let waits_for_cable = wants_cable && began.elapsed() < CABLE_COMES;
        let waits = match (&cable, &told.station) {
            (Some(_), _) => false,
            (None, Some(_)) => waits_for_cable,
            (None, None) => on_a_board,
        };
        if !waits || stop.wait(Duration::from_millis(500)) {
            return (told, cable);
        }
    }
}

/// The key that this board has kept on the disk that it was writing, if it was.
fn kept(tell: &dyn Fn() -> Register, disks: &Disks, stop: &Stop) -> Option<Identity> {
    if let Disks::Files(files) = disks {
        return kept::find(&tell(), files.iter().map(PathBuf::as_path));
    }
    let end = Instant::now() + DISKS_COME;
    loop {
        let told = tell();
        if !told.disks.is_empty() || Instant::now() >= end || stop.wait(Duration::from_millis(200)) {
            let paths: Vec<PathBuf> =
                told.disks.iter().map(|disk| Path::new("/dev").join(&disk.name)).collect();
            return kept::find(&told, paths.iter().map(PathBuf::as_path));
        }
    }
}

/// What a simulated board tells: an address and a serial number that follow from its key, and what stands in a tree.
fn model(public: &str, serial: Option<Serial>, tree: Option<&Path>) -> Register {
    let digits = unhex::<32>(public).unwrap_or_default();
    let [a, b, c, d, e, ..] = digits;
    let told = facts::facts(tree.unwrap_or(Path::new("/nonexistent")));
    Register {
        serial: serial.or_else(|| Serial::of_digits(public.get(..16)?)),
        // Administered locally, of one station.
        macs: vec![Mac::new([2, a, b, c, d, e])],
        model: told.model.clone().or_else(|| Some("Simulated board".into())),
        simulated: true,
        ..told
    }
}

/// The board starts again or switches itself off: process 1 does that.
fn leave(end: End, stop: &Stop) -> Result<ExitCode, Usage> {
    let command = if end == End::PowerOff { "poweroff" } else { "reboot" };
    say(command);
    rustix::fs::sync();
    match std::process::Command::new(command).status() {
        Ok(status) if status.success() => {
            // Whatever comes now, no other job is begun.
            while !stop.wait(Duration::from_secs(3600)) {}
            Ok(ExitCode::SUCCESS)
        }
        Ok(status) => {
            say(&format!("{command} ends with {status}"));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            say(&format!("{command}: {error}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ctrl-C and SIGTERM set the flag; a second one ends the program.
fn listen() -> std::io::Result<Stop> {
    let stop = Stop::new()?;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let flag = stop.clone();
    std::thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count == 0 {
                flag.set();
            } else {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(stop)
}
