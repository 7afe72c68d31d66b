//! What a board's moving line consists of: as much as there is room for. Everything but the bar keeps its width, so
//! that nothing jumps.

use std::fmt::Display;
use std::time::Duration;

use crate::board::Who;
use crate::cli::ui::Text;
use crate::format::{minutes, percent, rate, size};

/// A bar shorter than this says nothing.
const BAR: usize = 8;
/// The longest word for a stage.
const STAGE: usize = "file-server".len();
/// Room for what tells the board beside its name: a MAC address, or a chip with a serial number.
const OTHER: usize = "dc:a6:32:01:02:03".len();
/// Percent; then also rate and time.
const PERCENT: usize = 5;
const RATE: usize = PERCENT + 2 + 10 + 2 + 10;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    columns: usize,
    name: usize,
}

/// What moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moving<'a> {
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    /// Bytes a second, 0 where nothing moves just now.
    pub(super) rate: u64,
    /// What the board is at.
    pub(super) at: &'a str,
}

impl Layout {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>, columns: usize) -> Self {
        let mut layout = Self { columns, name: 0 };
        for name in names {
            layout.make_room_for(name);
        }
        layout
    }

    /// A name may take a third of the line.
    pub(super) fn make_room_for(&mut self, name: &str) {
        self.name = self.name.max(name.chars().count()).min((self.columns / 3).max(8));
    }

    /// Two blanks behind the name, one on each side of the bar.
    fn rest(self) -> Option<usize> {
        self.columns.checked_sub(self.name + 2 + STAGE + 1 + BAR + 1)
    }

    fn has_rate(self) -> bool {
        self.rest().is_some_and(|rest| rest >= RATE)
    }

    fn has_other(self) -> bool {
        self.rest().is_some_and(|rest| rest >= RATE + OTHER + 2)
    }

    /// A name in its width.
    pub(super) fn name(self, name: &str) -> String {
        format!("{:width$.width$}", name, width = self.name)
    }

    /// What stands in front of the bar.
    pub(super) fn prefix(self, name: impl Display, board: &Who, stage: &str) -> Text {
        let other = if self.has_other() { format!("  {:OTHER$}", other(board)) } else { String::new() };
        match stage {
            "" => Text::line(format_args!("{name}{other} ")),
            stage => Text::line(format_args!("{name}{other}  {stage:<STAGE$}")),
        }
    }

    /// What stands behind it: how far, how fast, and at what.
    pub(super) fn message(self, moving: &Moving<'_>) -> String {
        let used = self.name + 2 + if self.has_other() { OTHER + 2 } else { 0 } + STAGE + 1;
        let Some(total) = moving.total else {
            let fast = match moving.rate {
                0 => String::new(),
                rate => {
                    format!("{:>10}  {:>10}  ", size(moving.done), self::rate(rate, Duration::from_secs(1)))
                }
            };
            let room = self.columns.saturating_sub(used + 1);
            // What it is at matters more than how fast.
            let fast = if room >= fast.len() + 20 { fast } else { String::new() };
            return format!("{fast}{}", shorten(moving.at, room.saturating_sub(fast.len())));
        };
        let percent = format!("{:>PERCENT$}", percent(moving.done, total));
        if !self.has_rate() {
            return percent;
        }
        let (mut fast, mut left) = (String::new(), String::new());
        if moving.rate > 0 {
            fast = rate(moving.rate, Duration::from_secs(1));
            let seconds = total.saturating_sub(moving.done) as f64 / moving.rate as f64;
            // Hours would need more room than there is.
            left = match seconds {
                ..3599.0 => format!("{} left", minutes(Duration::from_secs_f64(seconds))),
                ..359_640.0 => format!("{:.1} h left", seconds / 3600.0),
                _ => "days left".to_owned(),
            };
        }
        let room = self.columns.saturating_sub(used + BAR + 1 + RATE + 2);
        let at = match room {
            0..12 => String::new(),
            room => format!("  {:20}", shorten(moving.at, room.min(20))),
        };
        format!("{percent}  {fast:>10}  {left:<10}{at}")
    }
}

/// What tells a board beside its name.
fn other(board: &Who) -> String {
    let label = board.label();
    let of = |text: Option<String>| text.filter(|text| *text != label);
    if let Some(mac) = of(board.mac.map(|mac| mac.to_string())) {
        return mac;
    }
    let chip = board.model.map(|model| model.to_string()).or_else(|| board.chip.map(|chip| chip.to_string()));
    let serial = of(board.serial.as_ref().map(ToString::to_string));
    let all: Vec<_> = chip.into_iter().chain(serial).collect();
    all.join("  ").chars().take(OTHER).collect()
}

/// The end of a text matters most: of a course, the last steps.
fn shorten(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return text.to_owned();
    }
    let rest: String = text.chars().skip(len - width.saturating_sub(1)).collect();
    // Not in the middle of a step, where it can be helped.
    match rest.split_once(" → ") {
        Some((_, rest)) if !rest.is_empty() && width > 4 => format!("… → {rest}"),
        _ => format!("…{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Who {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_line_shows_what_there_is_room_for_and_never_jumps() {
        let board = who(r#"{"name":"lab-01","mac":"dc:a6:32:01:02:03"}"#);
        let shown = |columns| {
            let layout = Layout::new(["lab-01"], columns);
            (layout.has_other(), layout.has_rate())
        };
        assert_eq!(shown(120), (true, true));
        assert_eq!(shown(77), (true, true));
        assert_eq!(shown(76), (false, true));
        assert_eq!(shown(58), (false, true));
        assert_eq!(shown(57), (false, false));
        assert_eq!(shown(3), (false, false));
        for columns in [36, 58, 77, 100, 200] {
            let layout = Layout::new(["lab-01"], columns);
            let total = Some(1 << 32);
            let widths = [
                ("boot", Moving { done: 0, total, rate: 0, at: "" }),
                ("read-back", Moving { done: 58 << 20, total, rate: 0, at: "part 4/4" }),
                ("fetch", Moving { done: 1 << 32, total, rate: 11_200_000, at: "part 2/4" }),
                ("fetch", Moving { done: 1, total, rate: 126_464, at: &"x".repeat(99) }),
                ("fetch", Moving { done: 1, total, rate: 1, at: "é" }),
            ]
            .map(|(stage, state)| {
                let prefix = layout.prefix(layout.name("lab-01"), &board, stage).to_string();
                prefix.chars().count() + 1 + BAR + 1 + layout.message(&state).chars().count()
            });
            assert!(widths[0] <= columns.max(36), "{columns}: {widths:?}");
            assert!(
                columns >= 100 || widths.iter().all(|width| *width == widths[0]),
                "{columns}: {widths:?}"
            );
            assert!(widths.iter().all(|width| *width <= columns.max(36)), "{columns}: {widths:?}");
        }
    }

    #[test]
    fn where_nobody_knows_how_much_it_is_a_line_tells_how_fast_it_goes() {
        let layout = Layout::new(["lab-01"], 76);
        let at = "DISCOVER → OFFER → start4.elf → kernel8.img";
        let moving = Moving { done: 12 << 20, total: None, rate: 11_200_000, at };
        assert_eq!(layout.message(&moving), "    12 MiB  10.7 MiB/s  … → start4.elf → kernel8.img");
        assert_eq!(layout.message(&Moving { rate: 0, ..moving }), at);
        let narrow = Layout::new(["lab-01"], 50);
        assert_eq!(narrow.message(&moving), "… → start4.elf → kernel8.img");
        for columns in 0..100 {
            let layout = Layout::new(["lab-01"], columns);
            assert!(layout.message(&moving).chars().count() <= columns.max(20), "{columns}");
        }
    }

    #[test]
    fn a_course_is_shortened_at_its_beginning() {
        let course = "dhcp → start4.elf → config.txt → kernel8.img";
        assert_eq!(shorten(course, 80), course);
        assert_eq!(shorten(course, 30), "… → config.txt → kernel8.img");
        assert_eq!(shorten("a-very-long-file-name", 10), "…file-name");
        assert_eq!(shorten("abc", 0), "…");
    }

    #[test]
    fn what_a_board_is_called_isn_t_said_twice() {
        assert_eq!(other(&who(r#"{"mac":"dc:a6:32:01:02:03"}"#)), "");
        assert_eq!(other(&who(r#"{"name":"a","mac":"dc:a6:32:01:02:03"}"#)), "dc:a6:32:01:02:03");
        assert_eq!(
            other(&who(r#"{"port":"1-1.2","chip":"bcm2711","serial":"af04b2da"}"#)),
            "BCM2711  af04b2da"
        );
    }
}
