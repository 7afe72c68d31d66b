//! `piprov netboot client add`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{Where as Places, name};
use crate::cli::Global;
use crate::cli::failure::Failure;
use crate::cli::screen::Screen;
use crate::cli::table;
use crate::cli::ui::{Style, Ui};
use crate::cli::{remedy, report};
use crate::format::json::json;
use crate::format::{count, minutes, size};
use crate::netboot::client::run::Added;
use crate::netboot::client::{Mode, Network, Prepared, Request};
use crate::run::ledger::Ledger;
use crate::run::{self, Runs, Tell};
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
    /// A path of the source that is not copied, as /home/pi/video; may be given again
    #[arg(long, value_name = "PATH")]
    exclude: Vec<PathBuf>,
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
    /// The client's address; only it may mount. Not with --network
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
        let interface = settings.netboot.interface.value.clone();
        let request = Request {
            name: name(&self.name)?,
            board: self.board.parse()?,
            from: self.from,
            exclude: self.exclude,
            mode: self.mode,
            shared: self.shared.as_deref().map(name).transpose()?,
            server: self.server,
            network,
            interface: self.interface.or(interface),
            export: !self.no_exports,
            force: self.force,
            spool_dir: self.spool_dir,
        };
        let prepared = clients.prepare(&request)?;
        show_plan(ui, &prepared, self.dry_run);
        if self.dry_run {
            return Ok(());
        }
        let screen = Arc::new(Screen::new(ui, [self.name.as_str()]));
        let runs = Runs::new(Arc::clone(&screen) as Arc<dyn Tell>, Ledger::open(&settings.state_dir.value)?);
        let record = prepared.run(&runs)?;
        screen.finish();
        end(ui, &record)?;
        Ok(runs.complete()?)
    }
}

/// The plan: what is, or would be, done. With `--dry-run` it is the result.
fn show_plan(ui: &Ui, prepared: &Prepared<'_>, dry: bool) {
    let (record, lines) = (prepared.record(), prepared.lines());
    let notes = prepared.notes();
    if ui.json {
        let event = if dry { "would-add" } else { "plan" };
        ui.object(&json!({ "event": event, "board": record.who(), "client": record, "changes": lines, "notes": notes }));
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
    // The whole list is shown on request.
    if dry || ui.verbose > 0 {
        let would = if dry { "would " } else { "" };
        let rows: Vec<[String; 3]> = lines
            .into_iter()
            .map(|line| [format!("{would}{}", line.action), line.item.to_owned(), line.place()])
            .collect();
        let width = if dry { ui.width_out } else { ui.width_err };
        table::Columns::default().within(&rows, width).into_iter().flatten().for_each(print);
    }
    // The run itself tells them, where there is one.
    for note in notes.iter().filter(|_| dry) {
        ui.warn(remedy::word(note));
    }
}

/// The outcome. A failure is told as that of any command is.
fn end(ui: &Ui, record: &run::Record) -> crate::cli::Result<()> {
    if ui.json {
        ui.object(&json!({ "event": "result", "board": record.board, "record": record }));
    }
    if let (Some(kind), Some(why)) = (record.ending.kind(), record.ending.why()) {
        report::error(ui, None, why, &[], record.ending.hint().map(remedy::hint).as_deref());
        return Err(Failure::already_told(kind));
    }
    let Some(Added { client }) = Added::of(record).filter(|_| !ui.json) else { return Ok(()) };
    let origin = &client.origin;
    let what = if origin.entries > 0 {
        format!("{}, {}, ", count(origin.entries, "name"), size(origin.bytes))
    } else {
        String::new()
    };
    let done = ui.paint(Style::Good, "added, read back and equal");
    let took = Duration::from_secs_f64(record.seconds.unwrap_or_default().clamp(0.0, 3.2e9));
    ui.result(format_args!("{} {done}, {what}{}", client.name, minutes(took)));
    Ok(())
}
