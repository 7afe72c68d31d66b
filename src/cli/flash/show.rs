//! How a flash looks: one moving line a board on a terminal, one plain line an event otherwise, one object an
//! event with `--json`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::board::Mac;
use crate::cli::lines::{Lines, Speed, moving, plain, position};
use crate::cli::ui::{Bar, Style, Text, Ui};
use crate::format::{minutes, percent, rate, size};
use crate::uboot::event::{Ending, Event, Stage, What};

/// Without a terminal, how often progress inside a part is logged, and from which size of part on.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Shows the events of all boards.
pub(super) struct Show {
    ui: Ui,
    lines: Lines,
    boards: Mutex<BTreeMap<Mac, Board>>,
    parts: usize,
    line: Line,
}

/// What a board's moving line consists of: as much as there is room for. Everything but the bar keeps its width, so
/// that nothing jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    /// Width of the names.
    name: usize,
    /// Width of stage and part.
    stage: usize,
    /// Whether the MAC address is shown.
    mac: bool,
    /// Whether rate and time are shown.
    rate: bool,
}

struct Board {
    bar: Option<Bar>,
    began: Instant,
    speed: Speed,
    /// Bytes per second, 0 as long as nothing is known.
    rate: u64,
    part: usize,
    logged: Instant,
}

impl Show {
    /// `names` are the boards in the order of their lines; `parts` is how many parts an image has, as far as known.
    pub(super) fn new(ui: &Ui, names: &[(String, Mac)], parts: usize) -> Self {
        let lines = Lines::new(ui);
        let name = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let line = Line::new(name, parts, ui.width_err.unwrap_or(80));
        let now = Instant::now();
        let boards = names.iter().map(|(name, mac)| {
            let bar = lines.add().inspect(|bar| {
                bar.set_style(moving());
                let name = ui.paint_err(Style::Strong, format_args!("{name:width$}", width = line.name));
                bar.set_prefix(line.prefix(name, *mac, "waiting"));
                bar.set_message(line.message(0, 1, 0));
            });
            (*mac, Board { bar, began: now, speed: Speed::new(0), rate: 0, part: 0, logged: now })
        });
        let boards = Mutex::new(boards.collect());
        Self { ui: ui.clone(), lines, boards, parts, line }
    }

    /// Shows one event.
    pub(super) fn event(&self, event: &Event) {
        if self.ui.json {
            self.ui.object(event);
            return;
        }
        let Ok(mut boards) = self.boards.lock() else { return };
        let Some(board) = boards.get_mut(&event.mac) else { return };
        board.digest(event);
        match &board.bar {
            Some(bar) => self.draw(bar, board, event),
            None => self.log(board, event),
        }
    }

    /// A line above the moving ones.
    pub(super) fn above(&self, line: impl std::fmt::Display) {
        self.lines.above(line);
    }

    /// The bars stay as they are and move no more.
    pub(super) fn finish(&self) {
        if let Ok(boards) = self.boards.lock() {
            for board in boards.values() {
                if let Some(bar) = &board.bar {
                    bar.finish_and_clear();
                }
            }
        }
    }

    fn draw(&self, bar: &Bar, board: &Board, event: &Event) {
        bar.set_position(position(event.done_bytes, event.total_bytes));
        let name =
            self.ui.paint_err(Style::Strong, format_args!("{:width$}", event.target, width = self.line.name));
        match &event.what {
            What::Ended(_) => {
                bar.set_style(plain());
                bar.set_prefix(self.line.prefix(name, event.mac, ""));
                bar.finish_with_message(self.ending(board, event));
            }
            What::Note { text } => self.above(format_args!("{}: {text}", event.target)),
            What::Refused { peer, why } => {
                self.above(format_args!("{}: refused {peer}: {why}", event.target));
            }
            What::Again { label, why } => {
                self.above(format_args!("{}: {label} goes out again: {why}", event.target));
            }
            _ => {
                let stage = match board.part {
                    0 => event.stage.to_string(),
                    part => format!("{} {part}/{}", event.stage, self.parts.max(part)),
                };
                let rate = if event.stage == Stage::Fetch { board.rate } else { 0 };
                bar.set_prefix(self.line.prefix(name, event.mac, &stage));
                bar.set_message(self.line.message(event.done_bytes, event.total_bytes.max(1), rate));
            }
        }
    }

    fn ending(&self, board: &Board, event: &Event) -> Text {
        match &event.what {
            What::Ended(Ending::Done { .. }) => {
                let good = self.ui.paint_err(Style::Good, "✓ done");
                Text::line(format_args!("{good}, read back and equal, {}", minutes(board.began.elapsed())))
            }
            What::Ended(Ending::NotVerified { .. }) => self.ui.paint_err(Style::Warn, "! not verified"),
            _ => Text::line(format_args!("{} in {}", self.ui.paint_err(Style::Bad, "✗ failed"), event.stage)),
        }
    }

    fn log(&self, board: &mut Board, event: &Event) {
        if let What::Progress { sent, bytes } = event.what {
            if board.logged.elapsed() >= LOG_EVERY {
                board.logged = Instant::now();
                let speed = rate(board.rate, Duration::from_secs(1));
                self.lines.log(&event.target, format!("fetch {} of {}, {speed}", size(sent), size(bytes)));
            }
            return;
        }
        // Of what is fetched in no time it is enough to say that it was read back.
        let small = matches!(&event.what, What::Fetched { label, .. } if !label.starts_with("part "));
        if small && self.ui.verbose == 0 {
            return;
        }
        if let Some(text) = describe(&event.what, event.stage, self.parts) {
            board.logged = Instant::now();
            self.lines.log(&event.target, text);
        }
    }
}

impl Line {
    /// The line for names of this width on a terminal with so many columns.
    fn new(name: usize, parts: usize, columns: usize) -> Self {
        /// A bar shorter than this says nothing.
        const BAR: usize = 8;
        const MAC: usize = "  dc:a6:32:01:02:03".len();
        let digits = parts.max(1).ilog10() as usize + 1;
        let mut line = Self { name, stage: "read-back ".len() + 2 * digits + 1, mac: true, rate: true };
        // Two blanks behind the name, one on each side of the bar.
        let rest = name + 2 + line.stage + 1 + BAR + 1;
        let message = |rate| Self { rate, ..line }.message(0, 1, 0).chars().count();
        (line.mac, line.rate) = match columns.checked_sub(rest) {
            Some(room) if room >= message(true) + MAC => (true, true),
            Some(room) if room >= message(true) => (false, true),
            _ => (false, false),
        };
        line
    }

    fn prefix(self, name: impl std::fmt::Display, mac: Mac, stage: &str) -> Text {
        let mac = if self.mac { format!("  {mac}") } else { String::new() };
        match stage {
            "" => Text::line(format_args!("{name}{mac} ")),
            stage => Text::line(format_args!("{name}{mac}  {stage:<width$}", width = self.stage)),
        }
    }

    /// How far it is, and how fast (bytes a second, 0 where nothing moves just now).
    fn message(self, done: u64, total: u64, speed: u64) -> String {
        let percent = format!("{:>5}", percent(done, total));
        let (mut fast, mut left) = (String::new(), String::new());
        if speed > 0 {
            fast = rate(speed, Duration::from_secs(1));
            let seconds = total.saturating_sub(done) as f64 / speed as f64;
            // Hours would need more room than there is.
            left = match seconds {
                ..3599.0 => format!("{} left", minutes(Duration::from_secs_f64(seconds))),
                ..359_640.0 => format!("{:.1} h left", seconds / 3600.0),
                _ => "days left".to_owned(),
            };
        }
        if self.rate { format!("{percent}  {fast:>10}  {left:<10}") } else { percent }
    }
}

impl Board {
    fn digest(&mut self, event: &Event) {
        match &event.what {
            What::Fetching { label, .. } => {
                if let Some(part) = label.strip_prefix("part ").and_then(|part| part.parse().ok()) {
                    self.part = part;
                }
                self.speed = Speed::new(event.done_bytes);
            }
            What::Progress { .. } => self.rate = self.speed.at(event.done_bytes),
            _ => {}
        }
    }
}

/// An event as the rest of a log line; none for what is too small to be logged.
fn describe(what: &What, stage: Stage, parts: usize) -> Option<String> {
    let of = |label: &str| match label.strip_prefix("part ") {
        Some(n) => format!("part {n}/{parts}"),
        None => label.to_owned(),
    };
    Some(match what {
        What::Staged { path, bytes, time } => {
            format!("prepare {path} staged {} in {:.1} s", size(*bytes), time.as_secs_f64())
        }
        What::Resetting { how } => format!("reset {how}"),
        What::Reset | What::Progress { .. } | What::Fetching { .. } => return None,
        What::Booted { peer, before: 0, .. } => {
            format!("boot asked for its job{}", peer.map(|ip| format!(" from {ip}")).unwrap_or_default())
        }
        What::Booted { before, .. } => format!("boot asked for its job again, start {}", before + 1),
        What::Fetched { label, bytes, time } => {
            format!("fetch {} done {} in {:.1} s", of(label), size(*bytes), time.as_secs_f64())
        }
        What::Equal { label, bytes, crc32, time, .. } => {
            format!(
                "read-back {} equal {} crc32 {crc32} in {:.1} s",
                of(label),
                size(*bytes),
                time.as_secs_f64()
            )
        }
        What::Again { label, why } => format!("again {}: {why}", of(label)),
        What::Note { text } => format!("note {text}"),
        What::Refused { peer, why } => format!("refused {peer}: {why}"),
        What::Ended(Ending::Done { bound, .. }) => {
            format!("done read back and equal; peer {}", bound.phrase())
        }
        What::Ended(Ending::NotVerified { why, .. }) => format!("not verified: {why}"),
        What::Ended(Ending::Failed { why, .. }) => format!("failed in {stage}: {why}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_what_there_is_room_for_and_never_jumps() {
        let shown = |columns| {
            let line = Line::new(6, 4, columns);
            (line.mac, line.rate)
        };
        assert_eq!(shown(120), (true, true));
        assert_eq!(shown(80), (true, true));
        assert_eq!(shown(79), (true, true));
        assert_eq!(shown(78), (false, true));
        assert_eq!(shown(60), (false, true));
        assert_eq!(shown(59), (false, false));
        assert_eq!(shown(3), (false, false));
        for columns in [36, 60, 79] {
            let line = Line::new(6, 4, columns);
            let mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
            let widths = [
                (line.prefix("lab-01", mac, "boot"), line.message(0, 1, 0)),
                (line.prefix("lab-01", mac, "read-back 4/4"), line.message(58, 100, 0)),
                (line.prefix("lab-01", mac, "fetch 2/4"), line.message(100, 100, 11_200_000)),
                (line.prefix("lab-01", mac, "fetch 2/4"), line.message(1, 1 << 32, 126_464)),
                (line.prefix("lab-01", mac, "fetch 2/4"), line.message(1, 1 << 40, 1)),
            ]
            .map(|(prefix, message)| {
                prefix.to_string().chars().count() + 1 + 8 + 1 + message.chars().count()
            });
            assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
            assert!(widths[0] <= columns.max(36), "{widths:?}");
        }
    }

    #[test]
    fn log_lines_say_what_happened() {
        let fetched =
            What::Fetched { label: "part 1".into(), bytes: 750 << 20, time: Duration::from_millis(41_800) };
        assert_eq!(
            describe(&fetched, Stage::Write, 4).as_deref(),
            Some("fetch part 1/4 done 750 MiB in 41.8 s")
        );
        let reset = What::Resetting { how: "gpiochip0:17 low 0.5 s".into() };
        assert_eq!(describe(&reset, Stage::Reset, 4).as_deref(), Some("reset gpiochip0:17 low 0.5 s"));
    }
}
