//! `piprov usbboot`.

mod attached;
mod chosen;
mod dry;
mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::report::Usage;
use crate::board::{PortPath, Serial};
use crate::cli::{Global, common, list::NO_BOARD, ui::Ui};
use crate::config::Settings;
use crate::error::{Explain, Kind, Remedy};
use crate::format::{minutes, parse_size};
use crate::run::Runs;
use crate::run::ledger::Ledger;
use crate::stop::Stop;
use crate::usb::boot::BootOptions;
use crate::usb::libusb::LibusbBus;
use crate::usb::lookup;
use crate::usb::plan::OnePayload;
use crate::usb::service::{self, Filter, Service};
use crate::usb::sysfs::Sysfs;
use crate::usb::transport::Bus;
use crate::usb::{payload, wait_for};
use chosen::{Chosen, by_rules};
use told::Told;

/// Boot boards over USB: everything rpiboot does, all boards at once
///
/// Sends the bootcode to every board that waits in its boot ROM, then serves it files until it has all. Ends when
/// all boards that came have ended; 0 only if each of them has what it needs. Flags mean what they mean to rpiboot,
/// -0 to -98 too: only boards at that port of a hub.
///
/// Without -d and --by-serial the rules of the setting usb.board count (see piprov.toml(5)): the first that is for a
/// board says what it is served, or that it is left alone. Boards without a rule get what the package rpiboot puts
/// below /usr/share/rpiboot, which makes the board's storage a USB disk. Firmware is not part of this program.
#[derive(Debug, clap::Args)]
pub struct Usbboot {
    /// Serve this directory
    #[arg(short = 'd', long = "dir", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Take files from the folder named like the board's port first
    ///
    /// In the directory of -d, such as 1-1.2. What isn't there comes from the directory itself, and the bootcode
    /// always does.
    #[arg(short = 'o', long, requires = "dir")]
    overlay: bool,
    /// Take all files of a board from clients/by-serial/SERIAL
    ///
    /// SERIAL has 8 digits, as the boot ROM tells it, or 16, as /proc/cpuinfo does; two directories for one board are
    /// an error. Else from clients/default. BCM2711 and BCM2712 tell their serial number in the boot ROM; older ones don't and
    /// get the files of -d. The setting usb.clients says where clients is.
    #[arg(long)]
    by_serial: bool,
    /// Go on with boards that come later, and with those that come again
    #[arg(short = 'l', long = "loop")]
    forever: bool,
    /// Only the board at this port, such as 1-1.2
    #[arg(short = 'p', long = "port", value_name = "PORT")]
    port: Option<PortPath>,
    /// Only boards at this port of whatever hub; -0 to -98 is short for it
    #[arg(long, value_name = "NUMBER", conflicts_with = "port", value_parser = clap::value_parser!(u8).range(0..=98))]
    hub_port: Option<u8>,
    /// Only the board with this serial number
    ///
    /// In 8 digits, as its boot ROM tells it, or in 16, as /proc/cpuinfo does.
    #[arg(short = 'i', long, value_name = "SERIAL", value_parser = serial)]
    serial: Option<Serial>,
    /// End when so many boards have ended
    #[arg(long, value_name = "NUMBER", value_parser = boards)]
    boards: Option<usize>,
    /// Give up after this time, whatever is going on: 90, 5m, 1h30m
    #[arg(long, value_name = "TIME", value_parser = common::time_limit, allow_hyphen_values = true)]
    timeout: Option<Duration>,
    /// Wait for what the boards become, and print it
    ///
    /// The device appears at the board's port: block prints /dev/sda, serial /dev/ttyACM0, net usb0, fastboot the
    /// serial number for `fastboot -s`. A board that shows several disks, such as its eMMC and its NVMe, has each on a
    /// line of its own, in the order of their names.
    #[arg(long, value_name = "WHAT")]
    wait_for: Option<Wanted>,
    /// Time that this may take: 90, 5m, 1h30m
    #[arg(
        long,
        value_name = "TIME",
        default_value = "60",
        value_parser = common::time_limit,
        allow_hyphen_values = true
    )]
    wait_limit: Duration,
    /// Write what a board tells about itself to DIR/SERIAL.json; without DIR, print it
    #[arg(short = 'j', long, value_name = "DIR", num_args = 0..=1)]
    metadata: Option<Option<PathBuf>>,
    /// Send bootcode.sig with the bootcode (BCM2835 to BCM2837)
    #[arg(short = 's', long)]
    signed: bool,
    /// Refuse a payload without boot.sig (boards with secure boot)
    #[arg(long)]
    boot_sig: bool,
    /// Let the payload's links lead to this folder too
    #[arg(long, value_name = "DIR")]
    allow: Vec<PathBuf>,
    /// Allow the payload to burn the fuses that this setting of config.txt burns
    ///
    /// revoke_devkey and whatever begins with program_: program_pubkey, program_jtag_lock, program_rpiboot_gpio,
    /// program_usb_boot_mode and others. It is for ever, on every board that is plugged in. eeprom_write_protect and
    /// erase_eeprom are no fuses and need no leave.
    #[arg(long, value_name = "SETTING", value_delimiter = ',', value_parser = fuse)]
    confirm: Vec<String>,
    /// Look for boards so often; matters only where the system doesn't tell
    #[arg(short = 'm', long, value_name = "MICROSECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    poll: Option<u64>,
    /// Say what each board that is there would be served, and why, and touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Size of a USB transfer to begin with; halved where memory for USB runs out
    #[arg(long, value_name = "SIZE", default_value = "512K", value_parser = transfer)]
    transfer_size: usize,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Wanted {
    /// A disk
    Block,
    /// A serial port
    Serial,
    /// A fastboot device
    Fastboot,
    /// A network interface
    Net,
}

impl From<Wanted> for wait_for::Wanted {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Block => Self::Block,
            Wanted::Serial => Self::Serial,
            Wanted::Fastboot => Self::Fastboot,
            Wanted::Net => Self::Net,
        }
    }
}

fn boards(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|boards| *boards > 0).ok_or_else(|| "a number from 1 up is needed".to_owned())
}

/// Another one no boot ROM tells, so that it would be waited for in vain.
fn serial(text: &str) -> Result<Serial, String> {
    let is_its = matches!(text.len(), 8 | 16) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let serial = text.parse().ok().filter(|_| is_its);
    serial.ok_or_else(|| "a Raspberry Pi's serial number has 8 or 16 hexadecimal digits".to_owned())
}

/// A setting that burns fuses: of another one the leave would say nothing.
fn fuse(text: &str) -> Result<String, String> {
    match payload::burns(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("no such setting burns fuses: there are revoke_devkey and what begins with program_"
                .to_owned())
        }
    }
}

fn transfer(text: &str) -> Result<usize, String> {
    let size = usize::try_from(parse_size(text)?).unwrap_or(usize::MAX);
    let sizes = 512..=16 << 20;
    // A transfer that doesn't end with a full packet ends what the board takes for the file.
    if !sizes.contains(&size) || !size.is_multiple_of(512) {
        return Err("whole blocks of 512 bytes are needed, at most 16 MiB".to_owned());
    }
    Ok(size)
}

/// Boots every board that is plugged in, until it is stopped, with the files of a directory, or as the rules of the settings
/// say; each boot is one of `runs`.
///
/// # Errors
/// Where the host has no USB, or nothing can be booted with these files.
pub(super) fn beside<'a>(
    dir: Option<&Path>,
    settings: &Settings,
    runs: &'a Runs,
    ui: &'a Ui,
) -> crate::cli::Result<crate::bootd::Beside<'a>> {
    let ports = &settings.usb.ports.value;
    let chosen = match dir {
        None => Chosen::of_rules(ports, by_rules(settings, Vec::new(), BootOptions::default(), ui)),
        Some(dir) => {
            let options = lookup::PayloadOptions { overlays: false, allow: Vec::new() };
            let payload = lookup::Payload::open(dir, &options)?;
            let wanted =
                payload::Wanted { chips: Vec::new(), signed: false, boot_sig: false, confirmed: Vec::new() };
            for note in payload::check(&payload, None, &wanted)? {
                ui.warn(note);
            }
            Chosen::same(ports, Arc::new(OnePayload(Arc::new(payload))), BootOptions::default())
        }
    };
    let bus: Arc<dyn Bus> = Arc::new(LibusbBus::new()?);
    Ok(Box::new(move |stop| {
        let service = Service { forever: true, ..Service::default() };
        let mut ended = |_: service::Outcome| {};
        service::run(bus, chosen.choose(), &service, stop, runs, &mut ended)
            .map_err(|error| Box::new(error) as _)
    }))
}

impl Usbboot {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let chosen = self.chosen(&settings, ui)?;
        if let Some(Some(dir)) = &self.metadata
            && !dir.is_dir()
        {
            let message = format!("{} is no directory to write metadata to", dir.display());
            return Err(Usage { message, hint: Some("`mkdir` it first".into()) }.into());
        }
        if self.dry_run {
            let told = dry::show(ui, &chosen, &self.service().filter);
            // What the run itself needs beside.
            Ledger::would_open(&settings.state_dir.value)?;
            told?;
            LibusbBus::new()?;
            return Ok(());
        }
        // Where it can't be recorded, nothing is done to any board.
        let ledger = Ledger::open(&settings.state_dir.value)?;
        let sysfs = Sysfs::default();
        if sysfs.devices().is_none() {
            let why = format!("there is no {}", sysfs.root().join("bus/usb/devices").display());
            return Err(crate::usb::Error::Host { what: "looking for boards", why }.into());
        }
        let bus = LibusbBus::new()?;
        if !bus.has_hotplug() {
            ui.detail("libusb has no hotplug here; looking for boards instead");
        }
        let bus: Arc<dyn Bus> = Arc::new(bus);
        ui.detail(format_args!("records: {}", ledger.path().display()));
        let (tell, events) = channel();
        let runs = Runs::new(Arc::new(tell), ledger);
        let mut told = Told::new(ui, events, self.filter(), self.kept(), self.forever);
        let served = service::run(bus.clone(), chosen.choose(), &self.service(), stop, &runs, &mut told);
        if told.count() == 0 {
            served?;
            return Err(self.nothing(stop, bus.as_ref()));
        }
        // What came of the boards is told in any case.
        let ended = told.finish();
        served?;
        ended?;
        Ok(runs.complete()?)
    }

    /// Where what boards tell about themselves goes.
    fn kept(&self) -> told::Metadata {
        match &self.metadata {
            None => told::Metadata::Dropped,
            Some(None) => told::Metadata::Printed,
            Some(Some(dir)) => told::Metadata::Kept(dir.clone()),
        }
    }

    fn wanted(&self) -> payload::Wanted {
        payload::Wanted {
            chips: Vec::new(),
            signed: self.signed,
            boot_sig: self.boot_sig,
            confirmed: self.confirm.clone(),
        }
    }

    fn options(&self) -> BootOptions {
        BootOptions {
            signed: self.signed,
            boot_sig: self.boot_sig,
            confirmed: self.confirm.clone(),
            transfer: self.transfer_size,
            wait_for: self.wait_for.map(Into::into),
            wait_limit: self.wait_limit,
            ..BootOptions::default()
        }
    }

    fn filter(&self) -> Filter {
        Filter { port: self.port, last_port: self.hub_port, serial: self.serial }
    }

    fn service(&self) -> Service {
        let mut service = Service {
            filter: self.filter(),
            forever: self.forever,
            boards: self.boards,
            timeout: self.timeout,
            ..Service::default()
        };
        if let Some(poll) = self.poll {
            service.poll = Duration::from_micros(poll);
        }
        service
    }

    /// Why nothing was booted.
    fn nothing(&self, stop: &Stop, bus: &dyn Bus) -> crate::cli::Failure {
        if stop.is_set() {
            return NoBoard { what: "stopped before a board came".to_owned(), kind: Kind::Interrupted }
                .into();
        }
        let attached = attached::attached(&bus.devices().unwrap_or_default(), &self.filter());
        let mut what = format!("no board in USB boot came in {}", minutes(self.timeout.unwrap_or_default()));
        for line in attached {
            what += &format!("; {line}");
        }
        NoBoard { what, kind: Kind::Unavailable }.into()
    }
}

/// No board has come.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct NoBoard {
    what: String,
    kind: Kind,
}

impl Explain for NoBoard {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn hint(&self) -> Option<Remedy> {
        (self.kind != Kind::Interrupted).then(|| NO_BOARD.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::usb::wire::TRANSFER;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        boot: Usbboot,
    }

    #[test]
    fn the_command_begins_with_the_librarys_transfer_size() {
        let line = Line::parse_from(["piprov", "-d", "files"]);
        assert_eq!(line.boot.transfer_size, TRANSFER);
    }
}
