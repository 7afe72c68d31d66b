//! `piprov netboot serve`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cli::screen::Lines;
use crate::cli::ui::{Bar, Style, Text, Ui};
use crate::cli::{Global, common, remedy};
use crate::config::netboot::{Mode, parse_range};
use crate::dhcp;
use crate::dhcp::pi::Stage;
use crate::format;
use crate::netboot::serve::service;
use crate::netboot::serve::{Board, Event, Options, Server};
use crate::netboot::steps::{Id, Step};
use crate::stop::Stop;

/// What is said below the options.
const MORE: &str = "\
In mode proxy another DHCP server gives the addresses, and this one only tells \
Raspberry Pis where to boot from; nothing on that server has to be changed. In \
mode dhcp this one gives addresses out of --range too, to Raspberry Pis only; \
it refuses to start where another server answers. PCs are left alone.

A board's files are in DIR/SERIAL (the last 8 digits of its serial number) or \
DIR/MAC (with dashes); what isn't there comes from DIR itself, but files of \
different versions are never mixed. `piprov netboot client add` makes such a \
directory.

Ctrl-C ends it; boards that are fetching are told so.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct Serve {
    /// Serve on this network interface; it is never guessed
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// Beside the network's DHCP server, or instead of one: proxy or dhcp
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// Give out these addresses, in mode dhcp: 10.0.0.100-10.0.0.199
    #[arg(long, value_name = "A-B", value_parser = parse_range)]
    range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Serve the boot files below this directory [default: /srv/netboot/tftp]
    #[arg(long, value_name = "DIR")]
    tftp_root: Option<PathBuf>,
    /// Keep leases and records here [default: /var/lib/piprov/netboot]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Start in mode dhcp although another DHCP server answers
    #[arg(long)]
    force: bool,
}

impl Serve {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let netboot = &settings.netboot;
        let interface = super::interface(self.interface.or(netboot.interface.value.clone()), "serve")?;
        let state = self.state.unwrap_or_else(|| netboot.state.value.clone());
        let mut config = dhcp::Config::new(&interface, state);
        config.mode = self.mode.unwrap_or(netboot.mode.value);
        config.range = self.range.or(netboot.range.value);
        config.lease_time = netboot.lease_time.value;
        config.router = netboot.router.value;
        config.dns.clone_from(&netboot.dns.value);
        config.hosts = netboot.hosts.value.iter().copied().collect();
        config.ouis.extend(&netboot.oui.value);
        config.rom_delay = netboot.rom_delay.value;
        config.delays = netboot.delays.value.iter().copied().collect();
        config.everyone = netboot.everyone.value;
        config.boot_files = netboot.boot_files.value.iter().cloned().collect();
        config.force = self.force;
        if self.range.is_some() && config.mode == Mode::Proxy {
            ui.warn("--range is of no use in mode proxy: addresses come from the other server");
        }
        if config.mode == Mode::Dhcp && !config.force {
            ui.detail(format_args!("looking for other DHCP servers on {interface}"));
        }
        let options = Options {
            dhcp: config,
            tftp_root: self.tftp_root.unwrap_or_else(|| netboot.tftp_root.value.clone()),
            limits: common::tftp_limits(&settings),
            sockets: service::sockets()?,
        };
        let server = Server::open(options, stop)?;
        let screen = Screen::new(ui);
        let result = server.run(&|event| screen.event(event), stop);
        screen.end();
        Ok(result?)
    }
}

/// Shows what happens: one moving line a board on a terminal, one plain line an event otherwise.
pub(super) struct Screen {
    ui: Ui,
    lines: Lines,
    state: Mutex<RefCell<State>>,
}

#[derive(Default)]
struct State {
    bars: BTreeMap<Id, Bar>,
    names: BTreeMap<Id, String>,
    trails: BTreeMap<Id, String>,
    booted: u64,
    stuck: u64,
}

impl Screen {
    pub(super) fn new(ui: &Ui) -> Self {
        Self { ui: ui.clone(), lines: Lines::new(ui), state: Mutex::default() }
    }

    pub(super) fn event(&self, event: &Event) {
        if self.ui.json {
            #[derive(serde::Serialize)]
            struct Timed<'a> {
                time: String,
                #[serde(flatten)]
                event: &'a Event,
            }
            // Bytes on their way are of use to a screen only; DHCP's own words to who wants details.
            let shown = match event {
                Event::Progress { .. } => false,
                Event::Dhcp { .. } => self.ui.verbose > 0,
                _ => true,
            };
            if shown {
                self.ui.object(&Timed { time: now(), event });
            }
            return;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state.borrow_mut();
        match event {
            Event::Serving { interface, address, mode, range, tftp_root, clients, .. } => {
                let how = match (mode, range) {
                    (Mode::Dhcp, Some((first, last))) => format!("giving out {first} to {last}"),
                    (Mode::Dhcp, None) => "giving fixed addresses".to_owned(),
                    (Mode::Proxy, _) => "beside the network's own DHCP server".to_owned(),
                };
                self.lines.above(format_args!(
                    "serving {} on {interface} as {address}, {how}; {}. Ctrl-C ends it.",
                    tftp_root.display(),
                    format::count(*clients as u64, "client")
                ));
            }
            Event::Board(board) => self.board(board, state),
            Event::Progress { board, path, bytes, total } => {
                if let (Some(bar), Some(trail)) = (state.bars.get(board), state.trails.get(board)) {
                    let of = total.map(|total| format!(" of {}", format::size(total))).unwrap_or_default();
                    let name = state.names.get(board).map_or("", String::as_str);
                    let trail = format!("{trail} → {path} {}{of}", format::size(*bytes));
                    bar.set_message(self.fit(name, &trail));
                }
            }
            Event::TooLarge(file) => self.warn(&file.to_string()),
            Event::Warning { text } => self.warn(&remedy::word(text)),
            Event::Clients { count } => {
                if self.ui.verbose > 0 {
                    self.lines.above(format_args!(
                        "records read again: {}",
                        format::count(*count as u64, "client")
                    ));
                }
            }
            Event::Dhcp { dhcp } => {
                if self.ui.verbose > 1
                    && let Ok(text) = format::json::line(dhcp)
                {
                    self.lines.above(format_args!("{} dhcp {text}", now()));
                }
            }
        }
    }

    /// As much of a board's course as fits behind its name; the end of it matters most.
    fn fit(&self, name: &str, trail: &str) -> String {
        let width = self.ui.width_err.unwrap_or(80);
        shorten(trail, width.saturating_sub(name.chars().count() + 2))
    }

    fn warn(&self, text: &str) {
        self.lines.above(format_args!("{} {text}", self.ui.paint_err(Style::Warn, "warning:")));
    }

    fn board(&self, board: &Board, state: &mut State) {
        let name = name(board);
        state.trails.insert(board.board, board.trail.clone());
        state.names.insert(board.board, name.clone());
        if let Some(bar) = self.bar(board.board, state) {
            bar.set_prefix(&name);
            bar.set_message(self.fit(&name, &board.trail));
        }
        match &board.step {
            Step::Up { .. } => {
                state.booted += 1;
                if let Some(bar) = state.bars.remove(&board.board) {
                    bar.finish_and_clear();
                }
            }
            Step::Stuck { .. } => state.stuck += 1,
            _ => {}
        }
        // On a terminal the moving line tells the course; above it stands what is worth keeping.
        let moves = state.bars.contains_key(&board.board);
        let matters = matches!(
            board.step,
            Step::Missing { .. }
                | Step::Broken { .. }
                | Step::Stuck { .. }
                | Step::Loaded { .. }
                | Step::Up { .. }
        );
        let wanted = match self.ui.verbose {
            0 if moves => matters,
            0 => !board.step.is_detail(),
            _ => true,
        };
        if wanted {
            let (word, text, hint) = phrase(&board.step);
            let word =
                style(&board.step).map_or_else(|| Text::line(word), |style| self.ui.paint_err(style, word));
            self.lines.log(&name, format_args!("{word}{text}"));
            if let Some(hint) = hint {
                self.lines.above(format_args!("  {} {hint}", self.ui.paint_err(Style::Strong, "hint:")));
            }
        }
    }

    fn bar<'a>(&self, id: Id, state: &'a mut State) -> Option<&'a Bar> {
        use std::collections::btree_map::Entry;
        match state.bars.entry(id) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => {
                let bar = self.lines.add()?;
                bar.enable_steady_tick(Duration::from_secs(1));
                Some(entry.insert(bar))
            }
        }
    }

    pub(super) fn end(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = state.borrow();
        for bar in state.bars.values() {
            bar.finish_and_clear();
        }
        if !self.ui.json {
            let heard = format::count(state.names.len() as u64, "board");
            let stuck =
                if state.stuck > 0 { format!(", {} stuck on the way", state.stuck) } else { String::new() };
            self.ui.result(format_args!("ended: {heard} heard, {} came up{stuck}", state.booted));
        }
    }
}

/// A client's name, or the board's address with what is known of it.
fn name(board: &Board) -> String {
    let who = board.client.clone().unwrap_or_else(|| board.board.to_string());
    match board.model {
        Some(model) => format!("{who} ({model})"),
        None => who,
    }
}

/// Leaves out steps at the beginning until the rest fits.
fn shorten(trail: &str, width: usize) -> String {
    if trail.chars().count() <= width {
        return trail.to_owned();
    }
    let starts = trail.match_indices(" → ").map(|(at, arrow)| &trail[at + arrow.len()..]);
    let mut last = trail;
    for rest in starts {
        last = rest;
        if rest.chars().count() + 4 <= width {
            break;
        }
    }
    format!("… → {last}").chars().take(width.max(8)).collect()
}

pub(super) fn style(step: &Step) -> Option<Style> {
    match step {
        Step::Loaded { .. } | Step::Up { .. } => Some(Style::Good),
        Step::Stuck { .. } | Step::Broken { .. } | Step::Missing { fatal: true, .. } => Some(Style::Bad),
        Step::Missing { .. } => Some(Style::Warn),
        step if step.is_detail() => Some(Style::Faint),
        _ => None,
    }
}

/// A step in words: the first of them, the rest, and a hint.
pub(super) fn phrase(step: &Step) -> (&'static str, String, Option<String>) {
    let (word, text) = match step {
        Step::Discover { count: 1, stage: Stage::Serial } => {
            ("DISCOVER", format!(" by {}", Stage::Serial.phrase()))
        }
        Step::Discover { count: 1, stage } => ("DISCOVER", format!(" by the {}", stage.phrase())),
        Step::Discover { count, .. } => ("DISCOVER", format!(" again, {count} times now")),
        Step::Again => ("starts", " from the beginning".to_owned()),
        Step::Offer(offer) => {
            let who = if offer.ours { "this host".to_owned() } else { offer.from.to_string() };
            let address =
                offer.address.map(|address| format!(", with address {address}")).unwrap_or_default();
            let boots =
                if offer.boots { ", says where to boot from" } else { ", says nothing of network boot" };
            ("OFFER", format!(" from {who}{address}{boots}"))
        }
        Step::Address { address } => ("address", format!(" {address}")),
        Step::Part { path, .. } => ("fetches", format!(" {path}")),
        Step::Got { path, bytes: 0 } => ("got", format!(" {path}")),
        Step::Got { path, bytes } => ("got", format!(" {path}, {}", format::size(*bytes))),
        Step::Probe { path } => ("probed", format!(" {path}")),
        Step::Absent { path } => ("absent", format!(" {path}, which doesn't matter")),
        Step::Missing { path, then, .. } => ("missing", format!(" {path}: {then}")),
        Step::Broken { path, why } => ("broken off", format!(" {path}: {why}")),
        Step::Stuck { why, hint } => return ("stuck", format!(": {why}"), Some(remedy::word(hint))),
        Step::Loaded { files, bytes, seconds } => (
            "loaded",
            format!(
                ": {} with {} in {seconds} s, its kernel starts",
                format::count(u64::from(*files), "file"),
                format::size(*bytes)
            ),
        ),
        Step::Up { by, seconds } => ("up", format!(" after {seconds} s: {by}")),
    };
    (word, text, None)
}

pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn a_long_course_loses_its_beginning() {
        let trail = "DISCOVER → OFFER → start4.elf → kernel8.img";
        assert_eq!(shorten(trail, 80), trail);
        assert_eq!(shorten(trail, 30), "… → start4.elf → kernel8.img");
        assert_eq!(shorten(trail, 20), "… → kernel8.img");
        assert_eq!(shorten(trail, 10), "… → kernel");
        assert_eq!(shorten("", 10), "");
    }
}
