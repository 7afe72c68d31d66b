//! `piprov netboot client add`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Args;

use super::{Where as Places, name};
use crate::cli::Global;
use crate::cli::bar::Bar;
use crate::cli::remedy;
use crate::cli::table::columns;
use crate::cli::ui::{Style, Ui};
use crate::error::Remedy;
use crate::format::json::json;
use crate::format::{count, minutes, size};
use crate::netboot::client::{Line, Mode, Network, Prepared, Record, Request, Watch, Where};
use crate::progress::Progress;
use crate::stop::Stop;

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The client's name, which becomes its host name
    name: String,
    /// The board's serial number (8 or 16 hex digits), or its MAC address
    ///
    /// Whichever its boot loader asks by: the serial number, unless TFTP_PREFIX=2 is set in it.
    #[arg(long, value_name = "ID")]
    board: String,
    /// An image, raw or compressed; a root directory; or / for the running system
    ///
    /// An image is read as it is: nothing is mounted. Of a directory, other file systems and the contents
    /// of proc, sys, dev, run and tmp are left out, but the boot partition is taken along.
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// How the client has its root
    ///
    /// With ro and overlay, what the client writes is gone at its next start. In all of them, file capabilities
    /// stay on the server: NFSv3 has none, and a program that needs one works for root alone.
    #[arg(long, value_enum, default_value_t = Mode::Rw)]
    mode: Mode,
    /// Name of the root to share, with --mode overlay; default: the image's
    #[arg(long, value_name = "NAME")]
    shared: Option<String>,
    /// This host's address, as the client sees it; default: from --interface
    #[arg(long, value_name = "IP")]
    server: Option<Ipv4Addr>,
    /// The client's address; only it may mount
    ///
    /// The DHCP server has to give the board this address each time (in piprov's, `netboot.hosts`).
    #[arg(long, value_name = "IP", conflicts_with = "network")]
    address: Option<Ipv4Addr>,
    /// The clients' network; default: that of --interface or --server
    #[arg(long, value_name = "NETWORK/PREFIX")]
    network: Option<String>,
    /// The interface that the client is on; default: `netboot.interface`
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// Export nothing; somebody else does
    #[arg(long)]
    no_exports: bool,
    /// Directory for the unpacked bytes of a compressed image
    ///
    /// Default: $TMPDIR, or /var/tmp.
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
    /// Take it even if it is no Raspberry Pi OS
    #[arg(short, long)]
    force: bool,
    /// Print every change, and make none
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    place: Places,
}

impl Add {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let (clients, settings) = self.place.clients(global, ui, stop)?;
        let network = match (self.address, self.network) {
            (Some(address), _) => Some(Network::one(address)),
            (None, network) => network.map(|network| network.parse()).transpose()?,
        };
        let interface = settings.netboot.interface.value;
        let request = Request {
            name: name(&self.name)?,
            board: self.board.parse()?,
            from: self.from,
            mode: self.mode,
            shared: self.shared.as_deref().map(name).transpose()?,
            server: self.server,
            network,
            interface: self.interface.or(interface),
            export: !self.no_exports,
            force: self.force,
            spool_dir: self.spool_dir,
        };
        let started = Instant::now();
        let prepared = clients.prepare(&request)?;
        show_plan(ui, &prepared, self.dry_run);
        if self.dry_run {
            return Ok(());
        }
        let shown = Shown { ui, progress: Moving::default() };
        let record = {
            let record = prepared.run(&shown);
            shown.end();
            record?
        };
        show_done(ui, &record, started);
        Ok(())
    }
}

/// The plan: what is, or would be, done. With `--dry-run` it is the result.
fn show_plan(ui: &Ui, prepared: &Prepared<'_>, dry: bool) {
    let (record, lines) = (prepared.record(), prepared.lines());
    let notes = prepared.notes();
    if ui.json {
        let event = if dry { "would-add" } else { "plan" };
        ui.object(&json!({ "event": event, "client": record, "changes": lines, "notes": notes }));
        return;
    }
    let layout = &record.layout;
    let print = |line: String| if dry { ui.result(line) } else { ui.say(line) };
    let bits = if layout.bits == 0 { String::new() } else { format!(", {}-bit", layout.bits) };
    print(format!("source   {} ({}{bits})", record.origin.from.display(), layout.release));
    print(format!("client   {}, board {}, {}", record.name, record.board, record.mode.name()));
    print(format!("server   {}, for {}", record.server, record.network));
    if prepared.resumes() {
        print("goes on with what a run that was killed has left".to_owned());
    }
    // The whole list is for those who ask for it.
    if dry || ui.verbose > 0 {
        let would = if dry { "would " } else { "" };
        let rows: Vec<[String; 3]> = lines
            .into_iter()
            .map(|Line { action, item, path, tree, .. }| {
                let below = match tree {
                    Some(Where::Root) => "root: ",
                    Some(Where::Boot) => "boot: ",
                    None => "",
                };
                [format!("{would}{action}"), item.to_owned(), format!("{below}{}", path.display())]
            })
            .collect();
        columns(&rows).into_iter().for_each(print);
    }
    for note in notes {
        ui.warn(remedy::word(&note));
    }
}

fn show_done(ui: &Ui, record: &Record, started: Instant) {
    if ui.json {
        ui.object(&json!({ "event": "added", "client": record, "equal": true, "seconds": started.elapsed().as_secs_f64() }));
        return;
    }
    let origin = &record.origin;
    let what = if origin.entries > 0 {
        format!("{}, {}, ", count(origin.entries, "name"), size(origin.bytes))
    } else {
        String::new()
    };
    let done = ui.paint(Style::Good, "added, read back and equal");
    ui.result(format_args!("{} {done}, {what}{}", record.name, minutes(started.elapsed())));
}

/// Shows the work as it goes.
struct Shown<'a> {
    ui: &'a Ui,
    progress: Moving,
}

/// Hands positions on to the bar of the moment.
#[derive(Default)]
struct Moving(Mutex<Option<Bar>>);

impl Progress for Moving {
    fn at(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.at(done, total);
        }
    }
}

impl Shown<'_> {
    fn end(&self) {
        *self.progress.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Watch for Shown<'_> {
    fn begin(&self, what: &'static str) {
        self.end();
        self.ui.detail(what);
        let bar = Bar::new(self.ui, what);
        *self.progress.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn note(&self, note: &Remedy) {
        self.ui.warn(remedy::word(note));
    }

    fn progress(&self) -> &dyn Progress {
        &self.progress
    }
}
