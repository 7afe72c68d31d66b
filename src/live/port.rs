//! The rules by which an overlay goes away, so that the next board at a port never gets its files.
//!
//! A board with an overlay does this at its port: the first stage's gadget leaves, the boot ROM comes, the second stage
//! comes (once, twice or three times) and asks for the files, and then something else comes or nothing. Every boot
//! begins in the ROM, and the ROM of the boards that need overlays doesn't say which board it is. So an overlay holds
//! for one way through, and only if the port wasn't empty for longer than a restart takes.

use std::fmt;
use std::time::Duration;

use super::record::{Phase, Record};

/// What happened at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A boot ROM that wants its bootcode.
    Rom,
    /// A second stage that asks for files.
    SecondStage,
    /// The first stage's gadget; its serial port, which comes later, says what to do.
    Gadget,
    /// Any other device, with its vendor and product id.
    Other(u16, u16),
    /// The device left.
    Gone,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changes.
    Stay,
    /// The record changes, the overlay stays.
    Update(Record),
    /// The overlay and the record go.
    Drop(Reason),
}

/// Why an overlay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its origin isn't known: it is of an earlier start of this machine, or was made by hand.
    Unknown,
    /// The port was empty for so many milliseconds.
    Empty(u64),
    /// The board has its files and starts again from the beginning.
    NewBoot,
    /// The board has booted and shows itself as this device.
    Booted(u16, u16),
    /// The first stage left before it could be told to restart.
    Unplugged,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => out.write_str("it is not of this boot"),
            Self::Empty(time) => write!(out, "the port was empty for {:.1} s", *time as f64 / 1000.0),
            Self::NewBoot => out.write_str("a new boot begins"),
            Self::Booted(vendor, product) => {
                write!(out, "the boot is over, {vendor:04x}:{product:04x} is there")
            }
            Self::Unplugged => out.write_str("the board was unplugged before it could be told to restart"),
        }
    }
}

/// What follows from what was seen at a port with this record, at a time of the records' clock.
#[must_use]
pub fn next(record: Option<&Record>, seen: Seen, now: u64, window: Duration) -> Verdict {
    let Some(record) = record else {
        return if seen == Seen::Rom { Verdict::Drop(Reason::Unknown) } else { Verdict::Stay };
    };
    let empty = record.empty_since.map_or(0, |since| now.saturating_sub(since));
    // The first stage is over then, and with it what it was to be told.
    let update = |phase| Verdict::Update(Record { phase, empty_since: None, owed: None, ..record.clone() });
    let untold = record.owed.as_ref().is_some_and(|owed| !owed.sent);
    match (seen, record.phase) {
        (Seen::Gone | Seen::Rom, Phase::Restarting) if untold => Verdict::Drop(Reason::Unplugged),
        (Seen::Rom, Phase::Restarting | Phase::Rom) if u128::from(empty) > window.as_millis() => {
            Verdict::Drop(Reason::Empty(empty))
        }
        // Twice in the ROM happens: a bootcode that didn't arrive.
        (Seen::Rom, Phase::Restarting | Phase::Rom) => update(Phase::Rom),
        (Seen::Rom, Phase::Served | Phase::Refused) => Verdict::Drop(Reason::NewBoot),
        // No board begins here, so it is the one that was there before, however slow it was.
        (Seen::SecondStage, Phase::Restarting | Phase::Rom | Phase::Served) => update(Phase::Served),
        (Seen::SecondStage, Phase::Refused) | (Seen::Gadget, _) => Verdict::Stay,
        (Seen::Other(vendor, product), _) => Verdict::Drop(Reason::Booted(vendor, product)),
        // It switches off because it was told to; what is known of it is worth showing.
        (Seen::Gone, Phase::Refused) => Verdict::Stay,
        // A command that was on its way has been obeyed, however little time there was to hear that it was taken.
        (Seen::Gone, _) => {
            let empty_since = Some(record.empty_since.unwrap_or(now));
            Verdict::Update(Record { empty_since, owed: None, ..record.clone() })
        }
    }
}

/// How long the port may stay empty from `now` on before its overlay goes. `None` while something is there, and for
/// a board that has no overlay.
#[must_use]
pub fn time_left(record: &Record, now: u64, window: Duration) -> Option<Duration> {
    let since = record.empty_since.filter(|_| record.phase != Phase::Refused)?;
    Some(window.saturating_sub(Duration::from_millis(now.saturating_sub(since))))
}

#[cfg(test)]
mod tests {
    use super::super::record::{Command, Owed};
    use super::*;

    const WINDOW: Duration = Duration::from_secs(15);

    fn record(phase: Phase) -> Record {
        Record { phase, serial: Some("a".parse().unwrap()), empty_since: None, owed: None }
    }

    /// Lets a port see things at times in seconds. Gives the phase at the end, or why the overlay went.
    fn after(events: &[(u64, Seen)]) -> Result<Option<Phase>, Reason> {
        let mut record = Some(record(Phase::Restarting));
        for (time, seen) in events {
            match next(record.as_ref(), *seen, time * 1000, WINDOW) {
                Verdict::Stay => {}
                Verdict::Update(next) => record = Some(next),
                Verdict::Drop(reason) => return Err(reason),
            }
        }
        Ok(record.map(|record| record.phase))
    }

    use Seen::{Gadget, Gone, Other, Rom, SecondStage};

    #[test]
    fn a_boot_keeps_its_overlay_to_the_end() {
        let start = [(100, Gone), (104, Rom), (106, Gone), (107, SecondStage)];
        assert_eq!(after(&start), Ok(Some(Phase::Served)));
        // The file server may come several times, with long pauses, and the ROM twice.
        let rom_twice = [(100, Gone), (104, Rom), (106, Gone), (108, Rom), (110, Gone), (111, SecondStage)];
        assert_eq!(after(&rom_twice), Ok(Some(Phase::Served)));
        let mut thrice = start.to_vec();
        thrice.extend([(120, Gone), (160, SecondStage), (170, Gone), (173, SecondStage)]);
        assert_eq!(after(&thrice), Ok(Some(Phase::Served)));
        thrice.extend([(180, Gone), (190, Other(0x0525, 0xa4a5))]);
        assert_eq!(after(&thrice), Err(Reason::Booted(0x0525, 0xa4a5)));
    }

    #[test]
    fn the_next_board_never_gets_it() {
        assert_eq!(after(&[(100, Gone), (116, Rom)]), Err(Reason::Empty(16_000)));
        let served = [(100, Gone), (104, Rom), (106, Gone), (107, SecondStage), (120, Gone)];
        for pause in [121, 125, 1000] {
            let mut events = served.to_vec();
            events.push((pause, Rom));
            assert_eq!(after(&events), Err(Reason::NewBoot));
        }
        assert_eq!(next(None, Rom, 5000, WINDOW), Verdict::Drop(Reason::Unknown));
        let refused = record(Phase::Refused);
        assert_eq!(next(Some(&refused), Rom, 0, WINDOW), Verdict::Drop(Reason::NewBoot));
        for seen in [Gone, Rom] {
            assert_eq!(next(Some(&owed(false)), seen, 0, WINDOW), Verdict::Drop(Reason::Unplugged));
        }
    }

    /// A board that has not been told to restart, or to which that is on its way.
    fn owed(sent: bool) -> Record {
        let owed = Some(Owed { command: Command::Reboot, tty: "/dev/ttyACM0".into(), sent });
        Record { owed, ..record(Phase::Restarting) }
    }

    #[test]
    fn a_board_that_leaves_while_the_command_is_on_its_way_has_obeyed() {
        let obeyed = Record { empty_since: Some(7), ..record(Phase::Restarting) };
        assert_eq!(next(Some(&owed(true)), Gone, 7, WINDOW), Verdict::Update(obeyed));
        // Its departure may go unseen.
        let back = Verdict::Update(record(Phase::Rom));
        assert_eq!(next(Some(&owed(true)), Rom, 7, WINDOW), back);
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        for seen in [SecondStage, Gadget, Other(1, 2), Gone] {
            assert_eq!(next(None, seen, 0, WINDOW), Verdict::Stay);
        }
        for phase in [Phase::Restarting, Phase::Rom, Phase::Served, Phase::Refused] {
            assert_eq!(next(Some(&record(phase)), Gadget, 0, WINDOW), Verdict::Stay);
        }
        assert_eq!(next(Some(&record(Phase::Refused)), Gone, 0, WINDOW), Verdict::Stay);
    }

    #[test]
    fn an_empty_port_has_its_time() {
        let mut empty = record(Phase::Served);
        assert_eq!(time_left(&empty, 5000, WINDOW), None);
        empty.empty_since = Some(1000);
        assert_eq!(time_left(&empty, 5000, WINDOW), Some(Duration::from_secs(11)));
        assert_eq!(time_left(&empty, 50_000, WINDOW), Some(Duration::ZERO));
        empty.phase = Phase::Refused;
        assert_eq!(time_left(&empty, 5000, WINDOW), None);
        // A second report of the same departure doesn't prolong it.
        let Verdict::Update(again) =
            next(Some(&Record { phase: Phase::Served, ..empty }), Gone, 9000, WINDOW)
        else {
            panic!()
        };
        assert_eq!(again.empty_since, Some(1000));
    }
}
