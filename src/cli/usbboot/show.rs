//! How a USB boot looks while it goes on, and at its end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::board::identity::Identity;
use crate::board::{PortPath, Serial};
use crate::cli::remedy;
use crate::cli::screen::{Lines, Speed, moving, plain, position};
use crate::cli::ui::{Bar, Style, Text, Ui};
use crate::format::{count, json, minutes, percent, rate, size};
use crate::usb::event::{Ending, Event, What};
use crate::usb::station::{Audience, Outcome};
use crate::usb::transport::Device;

/// Without a terminal, how often progress inside a file is logged.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// After this time without a board, what is attached is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows the events of all boards.
pub(super) struct Show {
    ui: Ui,
    lines: Lines,
    boards: BTreeMap<PortPath, Board>,
    /// Whether it was told already what is waited for.
    told: bool,
    /// The board that is meant, where one is.
    wanted: Option<Serial>,
}

struct Board {
    bar: Option<Bar>,
    name: Text,
    file: String,
    speed: Speed,
    logged: Instant,
}

impl Show {
    pub(super) fn new(ui: &Ui, wanted: Option<Serial>) -> Self {
        Self { ui: ui.clone(), lines: Lines::new(ui), boards: BTreeMap::new(), told: false, wanted }
    }

    fn draw(board: &mut Board, ui: &Ui, what: &What) {
        let Some(bar) = &board.bar else { return };
        let stage = |text: &str| Text::message(format_args!("{}  {text:<11}", board.name));
        match what {
            What::Seen { state } => bar.set_prefix(stage(&state.to_string())),
            What::Uploading { .. } => bar.set_prefix(stage("first stage")),
            What::Uploaded { .. } | What::Left => bar.set_prefix(stage("restart")),
            What::FilesBegin => bar.set_prefix(stage("file server")),
            What::FilesEnd { .. } => bar.set_prefix(stage("has all")),
            What::Progress { name, sent, bytes } => {
                bar.set_style(moving());
                bar.set_position(position(*sent, *bytes));
                let speed = rate(board.speed.at(*sent), Duration::from_secs(1));
                bar.set_message(format!("{:>5}  {speed}  {name}", percent(*sent, *bytes)));
                return;
            }
            What::Ended(ending) => {
                let text = match ending {
                    Ending::Done { seconds, .. } => Text::line(format_args!(
                        "{}, {}",
                        ui.paint_err(Style::Good, "✓ done"),
                        minutes(*seconds)
                    )),
                    Ending::Failed { stage, .. } => {
                        Text::message(format_args!("{} in {stage}", ui.paint_err(Style::Bad, "✗ failed")))
                    }
                };
                bar.set_style(plain());
                bar.set_prefix(&board.name);
                bar.finish_with_message(text);
                return;
            }
            _ => return,
        }
        bar.set_style(plain());
        bar.set_message(&board.file);
    }

    fn log(&mut self, event: &Event) {
        let Some(board) = self.boards.get_mut(&event.port) else { return };
        let text = match &event.what {
            What::Progress { name, sent, bytes } => {
                if board.bar.is_some() || board.logged.elapsed() < LOG_EVERY {
                    return;
                }
                let speed = rate(board.speed.at(*sent), Duration::from_secs(1));
                format!("file {name} {} of {}, {speed}", size(*sent), size(*bytes))
            }
            what => match describe(event, what, self.ui.verbose > 0) {
                Some(text) => text,
                None => return,
            },
        };
        board.logged = Instant::now();
        // On a terminal the line itself shows what is usual.
        let unusual = matches!(
            event.what,
            What::Refused { .. }
                | What::Note { .. }
                | What::Told { .. }
                | What::Serving { of_board: true, .. }
        );
        if board.bar.is_none() || unusual || self.ui.verbose > 0 {
            self.lines.log(jiff::Timestamp::now(), event.port, text);
        }
    }
}

impl Audience for Show {
    fn event(&mut self, event: &Event) {
        if self.ui.json {
            self.ui.object(event);
            return;
        }
        let name = {
            let chip = event.chip.map(|chip| chip.to_string()).unwrap_or_default();
            let serial = event.serial.as_ref().map(ToString::to_string).unwrap_or_default();
            let port = self.ui.paint_err(Style::Strong, format_args!("{:<7}", event.port));
            Text::message(format_args!("{port}  {chip:<7}  {serial:<8}"))
        };
        let now = Instant::now();
        let board = self.boards.entry(event.port).or_insert_with(|| Board {
            bar: self.lines.add(),
            name: Text::default(),
            file: String::new(),
            speed: Speed::new(0),
            logged: now,
        });
        board.name = name;
        match &event.what {
            What::Found { name, .. } => {
                board.file.clone_from(name);
                board.speed = Speed::new(0);
            }
            What::Seen { .. } => board.file.clear(),
            _ => {}
        }
        Self::draw(board, &self.ui, &event.what);
        self.log(event);
    }

    fn waiting(&mut self, time: Duration, devices: &[Device]) {
        if self.told || time < PATIENCE || self.ui.json {
            return;
        }
        self.told = true;
        self.ui.say("waiting for a board in USB boot");
        for line in attached(devices, self.wanted.as_ref()) {
            self.ui.say(format_args!("  {line}"));
        }
        self.ui.say(format_args!("  {} {NO_BOARD}", self.ui.paint_err(Style::Strong, "hint:")));
    }
}

/// What makes a board show itself.
pub(in crate::cli) const NO_BOARD: &str = "a board shows itself when it finds nothing else to boot: take the SD card out, or \
     fit the jumper (EMMC_DISABLE, nRPIBOOT), or hold the power button of a Pi 5; then plug it in again.";

/// What is attached that could be meant, and why it isn't. `wanted` is the board that is.
pub(super) fn attached(devices: &[Device], wanted: Option<&Serial>) -> Vec<String> {
    let known = devices.iter().filter_map(|device| Some((device, device.identity()?)));
    known
        .map(|(device, identity)| {
            let port = device.port;
            match (identity, device.board_serial()) {
                (Identity::Rom(chip) | Identity::FileServer(chip), Some(serial)) => {
                    let near = wanted.is_some_and(|wanted| wanted.is_close(serial.as_str()));
                    let meant = if near { "; is it the one that is meant?" } else { "" };
                    format!("at {port} is a {chip} in {identity}, serial {serial}, which is left out{meant}")
                }
                (Identity::Rom(chip) | Identity::FileServer(chip), None) => {
                    format!("at {port} is a {chip} in {identity}, which is left out")
                }
                (booted, _) => format!("at {port} is a {booted}: it has booted already"),
            }
        })
        .collect()
}

/// An event as the rest of a log line; none for what is too small to be logged.
fn describe(event: &Event, what: &What, verbose: bool) -> Option<String> {
    let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
    Some(match what {
        What::Seen { state } => match (event.chip, &event.serial) {
            (Some(chip), Some(serial)) => format!("{state}, {chip}, serial {serial}"),
            (Some(chip), None) => format!("{state}, {chip} ({})", chip.boards()),
            _ => state.to_string(),
        },
        What::Uploaded { code, seconds: time } => {
            let code = match code {
                None | Some(0) => String::new(),
                Some(code) => format!(", code {code:#x}"),
            };
            format!("first stage sent in {}{code}", seconds(time))
        }
        What::Refused { name, why } => format!("refused {name}: {why}"),
        What::Sent { name, bytes, seconds: time } => {
            format!("file {name} {} in {}", size(*bytes), seconds(time))
        }
        What::Told { key, value } => format!("told {key} = {value}"),
        What::FilesEnd { files } => format!("has all, {}", count(*files, "file")),
        What::Note { text } => format!("note {text}"),
        What::Appeared(appeared) => format!("appeared {}", device(appeared)),
        What::Ended(Ending::Done { files, bytes, seconds, .. }) => {
            format!("done {}, {}, {}", count(*files, "file"), size(*bytes), minutes(*seconds))
        }
        What::Ended(Ending::Failed { stage, why, .. }) => format!("failed {stage}: {why}"),
        What::Serving { dir, of_board } if verbose || *of_board => format!("served from {}", dir.display()),
        What::Missing { name } if verbose => format!("missing {name}"),
        What::Found { name, origin, .. } if verbose => {
            let origin = json::line(origin).unwrap_or_default();
            format!("found {name}, {}", origin.trim_matches('"'))
        }
        What::Left if verbose => "left the bus".to_owned(),
        _ => return None,
    })
}

fn device(appeared: &crate::usb::wait_for::Appeared) -> String {
    match appeared.size_bytes {
        Some(bytes) => format!("{} {}", appeared.device, size(bytes)),
        None => appeared.device.clone(),
    }
}

/// The end, whatever happened on the way.
pub(super) fn summary(ui: &Ui, outcomes: &[Outcome]) {
    let width = outcomes.iter().map(|outcome| outcome.port.to_string().len()).max().unwrap_or(0);
    let done = outcomes.iter().filter(|outcome| outcome.ending.is_done()).count();
    for outcome in outcomes {
        let port = format!("{:width$}", outcome.port);
        match &outcome.ending {
            Ending::Done { files, bytes, seconds, appeared } => {
                let word = ui.paint_err(Style::Good, "done");
                let what: Vec<String> = appeared.iter().map(device).collect();
                let tail = if what.is_empty() { String::new() } else { format!("   {}", what.join(", ")) };
                let files = count(*files, "file");
                ui.say(format_args!(
                    "{port}  {word}      {files}, {}   {}{tail}",
                    size(*bytes),
                    minutes(*seconds)
                ));
            }
            Ending::Failed { stage, why, hint, last_file, files, .. } => {
                let word = ui.paint_err(Style::Bad, "failed");
                let mut lines = vec![Text::message(format_args!("{port}  {word}    {stage}: {why}"))];
                if let Some(last) = last_file.as_ref().filter(|last| !why.contains(last.as_str())) {
                    let files = count(*files, "file");
                    lines.push(Text::message(format_args!(
                        "{:width$}  last asked for {last}, after {files}",
                        ""
                    )));
                }
                if let Some(hint) = hint {
                    let (word, hint) = (ui.paint_err(Style::Strong, "hint:"), remedy::word(hint));
                    lines.push(Text::message(format_args!("{:width$}  {word} {hint}", "")));
                }
                // Also with --quiet: it is an error.
                ui.loud().say(Text::lines(lines));
            }
        }
    }
    if outcomes.len() > 1 {
        ui.say(format_args!("{done} of {} done", outcomes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::identity::Chip;
    use crate::usb::lookup::Origin;

    fn event(what: What) -> Event {
        let serial = Some("af04b2da".parse().unwrap());
        Event { port: "1-1.2".parse().unwrap(), chip: Some(Chip::Bcm2711), serial, what }
    }

    fn line(what: What, verbose: bool) -> Option<String> {
        let event = event(what);
        describe(&event, &event.what, verbose)
    }

    #[test]
    fn log_lines_say_what_happened() {
        let text = |what| line(what, false).unwrap();
        let seen = What::Seen { state: Identity::Rom(Chip::Bcm2711) };
        assert_eq!(text(seen), "boot ROM, BCM2711, serial af04b2da");
        let sent =
            What::Sent { name: "boot.img".into(), bytes: 28 << 20, seconds: Duration::from_millis(540) };
        assert_eq!(text(sent), "file boot.img 28 MiB in 0.5 s");
        let uploaded = What::Uploaded { code: Some(5), seconds: Duration::from_secs(1) };
        assert_eq!(text(uploaded), "first stage sent in 1.0 s, code 0x5");
        let found = || What::Found { name: "a".into(), bytes: 1, origin: Origin::Overlay };
        assert_eq!(line(found(), false), None);
        assert_eq!(line(found(), true).unwrap(), "found a, overlay");
    }

    #[test]
    fn what_is_attached_is_named_with_the_reason() {
        let device = |product, index| Device {
            port: "1-1".parse().unwrap(),
            address: 1,
            vendor: 0x0a5c,
            product,
            serial_index: index,
            serial: None,
        };
        assert_eq!(
            attached(&[device(0x0104, 3), device(0x2711, 3), device(0x1234, 0)], None),
            [
                "at 1-1 is a mass storage gadget: it has booted already",
                "at 1-1 is a BCM2711 in boot ROM, which is left out",
            ]
        );
        let other = Device { serial: Some("af04b2da".into()), ..device(0x2711, 3) };
        let wanted = "10000000af04b2d0".parse().unwrap();
        assert_eq!(
            attached(&[other], Some(&wanted)),
            [
                "at 1-1 is a BCM2711 in boot ROM, serial af04b2da, which is left out; is it the one that is meant?"
            ]
        );
    }
}
