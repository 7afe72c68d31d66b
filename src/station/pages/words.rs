//! How times, sizes, rates and states are written on pages.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::{Action, Piece, Remedy};
use crate::format;
use crate::run::{Segment, Stage};
use crate::station_api::{Board, Time};

/// A length of time in milliseconds: `1:39`.
pub(super) fn minutes(time: Time) -> String {
    format::minutes(Duration::from_millis(u64::try_from(time).unwrap_or_default()))
}

/// A time of day where it is today, else with its date: `14:05`, `2026-11-24, 09:12`. In the station's time zone.
pub(super) fn when(time: Time, now: Time) -> String {
    when_in(&TimeZone::system(), time, now)
}

fn when_in(zone: &TimeZone, time: Time, now: Time) -> String {
    let at = |time| Timestamp::from_millisecond(time).unwrap_or_default().to_zoned(zone.clone());
    let (time, now) = (at(time), at(now));
    if time.date() == now.date() {
        time.strftime("%H:%M").to_string()
    } else {
        time.strftime("%Y-%m-%d, %H:%M").to_string()
    }
}

/// With its date, whatever day it is: `2026-11-24, 09:12`.
pub(super) fn day_and_time(time: Time) -> String {
    let at = Timestamp::from_millisecond(time).unwrap_or_default().to_zoned(TimeZone::system());
    at.strftime("%Y-%m-%d, %H:%M").to_string()
}

/// To the second: `14:05:07`.
pub(super) fn clock(time: Time) -> String {
    let at = Timestamp::from_millisecond(time).unwrap_or_default().to_zoned(TimeZone::system());
    at.strftime("%H:%M:%S").to_string()
}

/// How far the station's time zone is ahead of UTC at a time: milliseconds.
pub(super) fn zone(time: Time) -> Time {
    let at = Timestamp::from_millisecond(time).unwrap_or_default().to_zoned(TimeZone::system());
    Time::from(at.offset().seconds()) * 1000
}

/// For machines: `2026-11-24T09:12:00Z`.
pub(super) fn stamp(time: Time) -> String {
    Timestamp::from_millisecond(time).unwrap_or_default().to_string()
}

/// When today began, in the station's time zone.
pub(super) fn midnight(now: Time) -> Time {
    let now = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(TimeZone::system());
    now.start_of_day().map_or(0, |day| day.timestamp().as_millisecond())
}

/// Bytes a second.
pub(super) fn rate(bytes: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
    format::rate(bytes.max(0.0) as u64, Duration::from_secs(1))
}

/// How long the rest takes at this rate, where that can be said.
pub(super) fn left(done: u64, total: u64, rate: f64) -> Option<String> {
    if total <= done || rate < 1.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let seconds = (total - done) as f64 / rate;
    (seconds < 360_000.0).then(|| format::minutes(Duration::from_secs_f64(seconds)))
}

/// Whole percent of a stage; `None` where its length isn't known.
pub(super) fn percent(done: u64, total: u64) -> Option<u8> {
    (total > 0).then(|| u8::try_from(u128::from(done.min(total)) * 100 / u128::from(total)).unwrap_or(100))
}

/// What people call a board: its name, else its serial number, else its address.
pub(super) fn name(board: &Board) -> String {
    board.called().unwrap_or_else(|| "unknown board".to_owned())
}

/// The same, short enough to be read from afar: of a serial number its last eight digits, as they are printed and as
/// boot ROMs tell them.
pub(super) fn short(board: &Board) -> String {
    let serial = board.serial.as_ref().map(crate::board::Serial::directory);
    board.name.clone().or(serial).unwrap_or_else(|| name(board))
}

/// A board's model without the maker's name.
pub(super) fn model(board: &Board) -> String {
    let model = board.model.as_deref().unwrap_or("model not known yet");
    format::message(model.strip_prefix("Raspberry Pi ").unwrap_or(model)).into_owned()
}

/// What a board is in one line: `Compute Module 4, 4 GiB, eMMC 29.1 GiB`.
pub(super) fn hardware(board: &Board) -> String {
    let mut parts = vec![model(board)];
    parts.extend(board.memory.map(format::size));
    parts.extend(
        board.disks.iter().take(3).map(|disk| format!("{} {}", disk.role.title(), format::size(disk.size))),
    );
    parts.join(", ")
}

/// A stage, as people say it.
pub(super) fn stage(word: &str) -> (&'static str, Option<Segment>) {
    let stage = Stage::ALL.iter().find(|stage| stage.word() == word);
    let segment = stage.map(|stage| stage.segment());
    let words = match segment {
        None | Some(Segment::Seen) => "Preparing",
        Some(Segment::Boot) => "Booting",
        Some(Segment::Write) => "Writing",
        Some(Segment::ReadBack) => "Reading back",
        Some(Segment::Finish) => "Finishing",
    };
    (words, segment)
}

/// What to do next after a run that failed, or of whose board nothing was heard.
pub(super) fn next(way: &str, lost: bool, segment: Option<Segment>) -> &'static str {
    match (way, lost, segment) {
        ("deploy", true, _) => "Nobody knows what is on its disk. Look at the board, then try again.",
        ("deploy", false, Some(Segment::Write | Segment::ReadBack)) => {
            "The disk can't start: its beginning is written last. Try once more; twice at the same place means a bad disk."
        }
        // Whether it was read back too stands in the record.
        ("deploy", false, Some(Segment::Finish)) => {
            "The image was written before that failed; the run’s page says what proves it. Mend what failed, and try again: only what the disk hasn’t is written."
        }
        // A disk whose ends can't be written may have lost its beginning already.
        ("deploy", ..) => "Nothing of the image was written.",
        ("backup", ..) => "The disk was only read.",
        _ => "",
    }
}

/// What helps, in words for a page.
pub(super) fn remedy(remedy: &Remedy) -> String {
    let words = remedy.pieces().iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Do(Action::Host { command, root }) => {
            format!("“{}{}”", if *root { "sudo " } else { "" }, command.join(" "))
        }
        Piece::Do(Action::Install { packages }) => format!("“apt-get install {}”", packages.join(" ")),
        Piece::Do(action) => Remedy::from(action.clone()).plain().replace(['<', '>'], ""),
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_disk_depends_on_how_far_its_run_came() {
        for (stage, says) in [
            ("prepare", "Nothing of the image was written."),
            ("write", "The disk can't start"),
            ("read-back", "The disk can't start"),
            ("report", "The image was written before that failed"),
        ] {
            let told = next("deploy", false, super::stage(stage).1);
            assert!(told.starts_with(says), "{stage}: {told}");
        }
        assert!(next("deploy", true, Some(Segment::Finish)).starts_with("Nobody knows"));
    }

    #[test]
    fn times_are_short_today_and_whole_before() {
        let zone = TimeZone::UTC;
        let now = 1_764_324_000_000; // 2025-11-28 10:00 UTC
        assert_eq!(when_in(&zone, now - 3_600_000, now), "09:00");
        assert_eq!(when_in(&zone, now - 86_400_000, now), "2025-11-27, 10:00");
        assert_eq!(stamp(now), "2025-11-28T10:00:00Z");
        assert_eq!(minutes(99_000), "1:39");
        assert_eq!(minutes(-5), "0:00");
    }

    #[test]
    fn what_is_left_is_said_where_it_can_be() {
        assert_eq!(left(0, 1000, 10.0).as_deref(), Some("1:40"));
        assert_eq!(left(0, 1000, 0.0), None);
        assert_eq!(left(1000, 1000, 10.0), None);
        assert_eq!(left(0, u64::MAX, 1.0), None);
        assert_eq!(percent(999, 1000), Some(99));
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(5, 1), Some(100));
    }

    #[test]
    fn each_stage_has_words() {
        for known in Stage::ALL {
            assert!(stage(known.word()).1.is_some(), "{known:?}");
        }
        assert_eq!(stage("nonsense"), ("Preparing", None));
    }
}
