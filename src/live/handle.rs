//! What the udev helper does with an event: milliseconds of work, and a decision in the log for each board.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::client::{Client, NoClient};
use super::event::Event;
use super::journal::Level;
use super::port::{Seen, Verdict, next};
use super::record::{Command, Owed, Phase, Record, Records, now};
use super::tell::Told;
use super::{Error, Tree};
use crate::board::{BadSerial, PortPath, Serial};

/// How long the helper waits for another process that works on the same port.
const LOCK_LIMIT: Duration = Duration::from_secs(1);
/// How long a board may take for its command before that is left to the unit that can wait.
pub const TELL_LIMIT: Duration = Duration::from_millis(250);

/// What an event is handled with.
pub struct Helper<'a> {
    /// The live tree.
    pub tree: &'a Tree,
    /// What is known of the ports.
    pub records: &'a Records,
    /// How long a port may be empty while its board restarts.
    pub window: Duration,
    /// Where decisions are told.
    pub log: &'a dyn Fn(Level, &str),
    /// Tells a board a command, within a time that counts.
    pub tell: &'a dyn Fn(&Path, Command) -> io::Result<Told>,
}

impl Helper<'_> {
    /// Handles an event.
    ///
    /// # Errors
    /// When the tree or a record can't be changed. The board is then told to power off if it can be.
    pub fn handle(&self, event: Event) -> Result<(), Error> {
        match event {
            Event::Nothing => Ok(()),
            Event::SerialPort { port, tty, serial } => {
                self.identified(port, &tty, serial).inspect_err(|_| {
                    // A board that is told nothing waits for ever and looks as if all were well.
                    let _ = (self.tell)(&tty, Command::Poweroff);
                })
            }
            Event::Device { port, seen } => self.device(port, seen),
        }
    }

    fn info(&self, text: &str) {
        (self.log)(Level::Info, text);
    }

    /// A board's first stage said which board it is.
    fn identified(
        &self,
        port: PortPath,
        tty: &Path,
        serial: Result<Option<Serial>, BadSerial>,
    ) -> Result<(), Error> {
        let locked = self.records.lock(port, LOCK_LIMIT)?;
        let who = match &serial {
            Ok(Some(serial)) => format!("{port}: board {serial}"),
            Ok(None) => format!("{port}: a board without a serial number"),
            Err(bad) => format!("{port}: {bad}; the board"),
        };
        let client =
            serial.as_ref().map_or_else(|_| None, |serial| Some(self.tree.client_for(serial.as_ref())));
        let placed = match &client {
            Some(Ok(client)) => {
                if let Some(note) = &client.note {
                    (self.log)(Level::Warning, &format!("{who}: {note}"));
                }
                self.place(port, client, &who)
            }
            Some(Err(why)) => {
                let help = match why {
                    NoClient::Unknown { .. } => "; told it to power off",
                    NoClient::Incomplete { .. } | NoClient::Unclear { .. } | NoClient::Unreadable { .. } => {
                        "; told the board to power off"
                    }
                };
                (self.log)(Level::Error, &format!("{who}: {why}{help}"));
                None
            }
            None => {
                (self.log)(Level::Error, &format!("{who} gets no files; told it to power off"));
                None
            }
        };
        let (command, phase) = if placed.is_some() {
            (Command::Reboot, Phase::Restarting)
        } else {
            (Command::Poweroff, Phase::Refused)
        };
        if placed.is_none() {
            self.tree.drop_overlay(port)?;
        }
        // Noted before it is told, so that a helper that dies in between leaves no overlay that stays.
        let owed = Owed { command, tty: tty.to_owned(), sent: false };
        let mut record =
            Record { phase, serial: serial.ok().flatten(), empty_since: None, owed: Some(owed.clone()) };
        locked.write(&record)?;
        match (self.tell)(tty, command) {
            Ok(Told::Taken) => {
                record.owed = None;
                locked.write(&record)?;
                if let Some(name) = placed {
                    self.info(&format!("{who}: files from {name}; told it to restart"));
                }
            }
            Ok(Told::Sent) => {
                record.owed = Some(Owed { sent: true, ..owed });
                locked.write(&record)?;
                self.records.note_due(port)?;
                let line = command.line().trim_end();
                (self.log)(Level::Warning, &format!("{who} doesn't say that it took `{line}`; trying on"));
            }
            Ok(Told::NotYet) => {
                self.records.note_due(port)?;
                (self.log)(Level::Warning, &format!("{who} doesn't take commands yet; trying on"));
            }
            Err(error) => {
                self.records.note_due(port)?;
                (self.log)(Level::Warning, &format!("{who}: {}: {error}; trying on", tty.display()));
            }
        }
        Ok(())
    }

    /// Makes the overlay. Gives the client's name; `None` where that can't be done, which is then told.
    fn place(&self, port: PortPath, client: &Client, who: &str) -> Option<String> {
        if let Err(error) = self.tree.set_overlay(port, &client.path) {
            (self.log)(Level::Error, &format!("{who}: {error}; told it to power off"));
            return None;
        }
        if client.name != "default"
            && let Ok(overlays) = self.tree.overlays()
            && let Some(other) =
                overlays.iter().find(|other| other.port != port && other.target == client.path)
        {
            let text = format!("{who}: the board at {} has the same serial number", other.port);
            (self.log)(Level::Warning, &text);
        }
        Some(client.name.clone())
    }

    /// A device came or left.
    fn device(&self, port: PortPath, seen: Seen) -> Result<(), Error> {
        let Some(locked) = self.records.lock_known(port, LOCK_LIMIT)? else {
            if let Verdict::Drop(reason) = next(None, seen, 0, self.window)
                && self.tree.drop_overlay(port)?
            {
                self.info(&format!("{port}: overlay removed: {reason}"));
            }
            return Ok(());
        };
        let record = locked.read();
        match next(record.as_ref(), seen, now(), self.window) {
            Verdict::Stay => Ok(()),
            Verdict::Update(record) => {
                locked.write(&record)?;
                // The helper has to look again when the port's time is over.
                if record.empty_since.is_some() { self.records.note_due(port) } else { Ok(()) }
            }
            Verdict::Drop(reason) => {
                if self.tree.drop_overlay(port)? {
                    self.info(&format!("{port}: overlay of {} removed: {reason}", whose(record.as_ref())));
                }
                locked.forget()
            }
        }
    }
}

/// Whose record it is, for a message.
pub(super) fn whose(record: Option<&Record>) -> String {
    let serial = record.and_then(|record| record.serial.as_ref());
    serial.map_or_else(|| "an unnamed board".to_owned(), |serial| format!("board {serial}"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::{Lab, port};
    use super::*;
    use std::cell::RefCell;

    /// A tree, records, and what was told.
    struct Bench {
        lab: Lab,
        records: Records,
        told: RefCell<Vec<String>>,
        logged: RefCell<Vec<(Level, String)>>,
        /// What the serial port does.
        answers: fn() -> io::Result<Told>,
    }

    impl Bench {
        fn new(clients: &[&str]) -> Self {
            let lab = Lab::new();
            lab.clients(clients);
            let records = Records::new(&lab.dir.path().join("run"));
            let (told, logged) = Default::default();
            Self { lab, records, told, logged, answers: || Ok(Told::Taken) }
        }

        fn handle(&self, event: Event) -> Result<(), Error> {
            let helper = Helper {
                tree: &self.lab.tree,
                records: &self.records,
                window: Duration::from_secs(15),
                log: &|level, text| self.logged.borrow_mut().push((level, text.to_owned())),
                tell: &|tty, command| {
                    self.told.borrow_mut().push(format!("{} {}", tty.display(), command.line().trim_end()));
                    (self.answers)()
                },
            };
            helper.handle(event)
        }

        fn board(&self, at: &str, serial: &str) {
            let serial = if serial.is_empty() { Ok(None) } else { serial.parse().map(Some) };
            self.handle(Event::SerialPort { port: port(at), tty: format!("/dev/tty{at}").into(), serial })
                .unwrap();
        }

        fn device(&self, at: &str, seen: Seen) {
            self.handle(Event::Device { port: port(at), seen }).unwrap();
        }

        fn errors(&self) -> Vec<String> {
            let logged = self.logged.borrow();
            logged.iter().filter(|(level, _)| *level == Level::Error).map(|(_, text)| text.clone()).collect()
        }

        /// What would be after so much time: the port became empty that much earlier.
        fn later(&self, at: &str, time: Duration) {
            let locked = self.records.lock_known(port(at), LOCK_LIMIT).unwrap().unwrap();
            let mut record = locked.read().unwrap();
            record.empty_since =
                record.empty_since.map(|since| since.saturating_sub(time.as_millis().try_into().unwrap()));
            locked.write(&record).unwrap();
        }
    }

    #[test]
    fn a_board_gets_its_own_files_for_one_boot() {
        let bench = Bench::new(&["by-serial/a/", "default/"]);
        bench.board("1-1", "a");
        bench.board("2-1.3", "b");
        bench.board("1-2", "");
        assert_eq!(bench.lab.shown(), ["1-1 -> by-serial/a", "1-2 -> default", "2-1.3 -> default"]);
        assert_eq!(
            *bench.told.borrow(),
            ["/dev/tty1-1 reboot", "/dev/tty2-1.3 reboot", "/dev/tty1-2 reboot"]
        );
        let logged = bench.logged.borrow().clone();
        assert!(logged.iter().all(|(level, _)| *level == Level::Info), "{logged:?}");
        assert!(logged[0].1.contains("board a: files from by-serial/a"), "{logged:?}");
        for seen in [Seen::Gone, Seen::Rom, Seen::Gone, Seen::SecondStage, Seen::Gone, Seen::SecondStage] {
            bench.device("1-1", seen);
            assert_eq!(bench.lab.shown()[0], "1-1 -> by-serial/a", "{seen:?}");
        }
        bench.device("1-1", Seen::Gone);
        assert_eq!(bench.records.due().unwrap(), [port("1-1")]);
        bench.device("1-1", Seen::Other(0x525, 0xa4a5));
        assert_eq!(bench.lab.shown(), ["1-2 -> default", "2-1.3 -> default"]);
        assert_eq!(bench.records.all().unwrap().len(), 2);
    }

    #[test]
    fn boards_that_swap_places_get_their_own_files() {
        let bench = Bench::new(&["by-serial/a/", "by-serial/b/"]);
        let served = [Seen::Gone, Seen::Rom, Seen::Gone, Seen::SecondStage, Seen::Gone];
        for (one, two) in [("a", "b"), ("b", "a")] {
            for (at, serial) in [("1-1", one), ("1-2", two)] {
                // The board is in the ROM, and which board it is isn't known yet.
                bench.device(at, Seen::Rom);
                assert!(!bench.lab.tree.overlay_path(port(at)).exists());
                bench.device(at, Seen::Gone);
                bench.device(at, Seen::SecondStage);
                bench.device(at, Seen::Gone);
                bench.device(at, Seen::Gadget);
                bench.board(at, serial);
                served.into_iter().for_each(|seen| bench.device(at, seen));
            }
            let want = [format!("1-1 -> by-serial/{one}"), format!("1-2 -> by-serial/{two}")];
            assert_eq!(bench.lab.shown(), want);
        }
        assert_eq!(bench.errors(), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_board_is_switched_off_and_named_in_the_log() {
        let bench = Bench::new(&["by-serial/a/"]);
        bench.lab.link("1-1", bench.lab.tree.clients().join("by-serial/a"));
        bench.board("1-1", "b");
        assert_eq!(
            (bench.lab.shown(), bench.told.borrow().clone()),
            (vec![], vec!["/dev/tty1-1 poweroff".into()])
        );
        let errors = bench.errors();
        assert!(
            errors.len() == 1 && errors[0].contains("board b") && errors[0].contains("by-serial/b"),
            "{errors:?}"
        );
        bench.device("1-1", Seen::Gone);
        assert_eq!(bench.records.all().unwrap()[0].1.phase, Phase::Refused);
        assert_eq!(bench.records.due().unwrap(), []);
        bench.device("1-1", Seen::Rom);
        assert_eq!(bench.records.all().unwrap(), []);
    }

    #[test]
    fn a_serial_number_that_is_a_path_gets_nothing() {
        let bench = Bench::new(&["by-serial/a/", "default/", "secret/"]);
        for serial in ["../secret", "..", "a/b", "/etc"] {
            bench.board("1-1", serial);
        }
        assert!(
            bench.lab.shown().is_empty() && bench.told.borrow().iter().all(|told| told.ends_with("poweroff"))
        );
        assert_eq!(bench.errors().len(), 4);
    }

    #[test]
    fn a_link_that_is_there_and_a_board_that_comes_again_are_no_obstacle() {
        let bench = Bench::new(&["by-serial/a/", "by-serial/b/"]);
        bench.board("1-1", "a");
        bench.board("1-1", "a");
        assert_eq!(bench.lab.shown(), ["1-1 -> by-serial/a"]);
        bench.board("1-1", "b");
        assert_eq!(bench.lab.shown(), ["1-1 -> by-serial/b"]);
        assert_eq!(bench.told.borrow().len(), 3);
        assert_eq!(bench.errors(), Vec::<String>::new());
    }

    #[test]
    fn a_station_that_can_not_keep_records_switches_boards_off() {
        let bench = Bench::new(&["default/"]);
        std::fs::write(bench.lab.dir.path().join("run"), "").unwrap();
        let event = Event::SerialPort { port: port("1-1"), tty: "/dev/tty".into(), serial: Ok(None) };
        assert!(bench.handle(event).is_err());
        assert_eq!(
            (bench.told.borrow().clone(), bench.lab.shown()),
            (vec!["/dev/tty poweroff".into()], vec![])
        );
    }

    #[test]
    fn somebody_elses_directory_for_the_port_is_told_and_left() {
        let bench = Bench::new(&["default/"]);
        std::fs::create_dir_all(bench.lab.tree.overlay_path(port("1-1"))).unwrap();
        bench.board("1-1", "a");
        assert_eq!(*bench.told.borrow(), ["/dev/tty1-1 poweroff"]);
        assert!(bench.errors()[0].contains("is in the way"), "{:?}", bench.errors());
        assert_eq!(bench.lab.shown(), ["1-1 a directory"]);
    }

    #[test]
    fn a_board_that_was_away_too_long_may_be_another_one() {
        let bench = Bench::new(&["by-serial/a/"]);
        bench.board("1-1", "a");
        bench.device("1-1", Seen::Gone);
        bench.later("1-1", Duration::from_secs(14));
        bench.device("1-1", Seen::Rom);
        assert_eq!(bench.lab.shown().len(), 1);
        bench.device("1-1", Seen::Gone);
        bench.later("1-1", Duration::from_secs(16));
        bench.device("1-1", Seen::Rom);
        assert_eq!(bench.lab.shown(), Vec::<String>::new());
        let logged = bench.logged.borrow();
        assert!(
            logged.last().unwrap().1.contains("board a removed: the port was empty for 16."),
            "{logged:?}"
        );
    }

    #[test]
    fn an_overlay_that_nobody_knows_is_not_used() {
        let bench = Bench::new(&["by-serial/a/"]);
        bench.lab.link("1-1", bench.lab.tree.clients().join("by-serial/a")).link("1-2", "/srv/mine");
        for at in ["1-1", "1-2", "1-3"] {
            bench.device(at, Seen::Rom);
        }
        assert_eq!(bench.lab.shown(), ["1-2 -> /srv/mine"]);
        assert_eq!(bench.logged.borrow().len(), 1);
    }

    #[test]
    fn a_board_that_does_not_listen_is_left_to_the_unit_and_an_unplugged_one_is_forgotten() {
        let answers = [|| Ok(Told::NotYet), || Err(io::ErrorKind::NotFound.into())];
        for answers in answers as [fn() -> io::Result<Told>; 2] {
            let bench = Bench { answers, ..Bench::new(&["by-serial/a/"]) };
            bench.board("1-1", "a");
            assert_eq!(bench.records.due().unwrap(), [port("1-1")]);
            let owed = bench.records.all().unwrap().swap_remove(0).1.owed.unwrap();
            assert_eq!(owed, Owed { command: Command::Reboot, tty: "/dev/tty1-1".into(), sent: false });
            bench.device("1-1", Seen::Gone);
            assert_eq!(bench.lab.shown(), Vec::<String>::new());
        }
    }

    #[test]
    fn a_board_that_leaves_before_it_is_known_to_have_heard_keeps_its_files() {
        let bench = Bench { answers: || Ok(Told::Sent), ..Bench::new(&["by-serial/a/"]) };
        bench.board("1-1", "a");
        assert_eq!(bench.records.due().unwrap(), [port("1-1")], "it may as well not have heard");
        for seen in [Seen::Gone, Seen::Rom, Seen::Gone, Seen::SecondStage] {
            bench.device("1-1", seen);
            assert_eq!(bench.lab.shown(), ["1-1 -> by-serial/a"], "{seen:?}");
        }
        let record = bench.records.all().unwrap().swap_remove(0).1;
        assert_eq!((record.phase, record.owed), (Phase::Served, None));
    }

    #[test]
    fn two_boards_with_one_serial_number_are_told_apart_in_the_log() {
        let bench = Bench::new(&["by-serial/a/"]);
        bench.board("1-1", "a");
        bench.board("1-2", "a");
        let logged = bench.logged.borrow();
        assert!(
            logged.iter().any(|(level, text)| *level == Level::Warning && text.contains("1-1")),
            "{logged:?}"
        );
        assert_eq!(bench.lab.shown().len(), 2);
    }

    #[test]
    fn events_that_race_leave_whole_links() {
        let bench = Bench::new(&["by-serial/a/", "by-serial/b/", "default/"]);
        let (tree, records) = (&bench.lab.tree, &bench.records);
        std::thread::scope(|scope| {
            for serial in ["a", "b", "c"] {
                scope.spawn(move || {
                    let helper = Helper {
                        tree,
                        records,
                        window: Duration::from_secs(15),
                        log: &|level, text| assert!(level != Level::Error, "{text}"),
                        tell: &|_, _| Ok(Told::Taken),
                    };
                    for _ in 0..50 {
                        for at in ["1-1", "1-2"] {
                            let (port, tty) = (port(at), "/dev/tty".into());
                            let serial = Ok(Some(serial.parse().unwrap()));
                            helper.handle(Event::SerialPort { port, tty, serial }).unwrap();
                            // The link and the record are of the same board, whichever process was last.
                            let locked = records.lock(port, Duration::from_secs(20)).unwrap();
                            let serial = locked.read().unwrap().serial.unwrap();
                            let link = std::fs::read_link(tree.overlay_path(port)).unwrap();
                            let link = tree.client_name(&link);
                            let own = format!("by-serial/{serial}");
                            assert_eq!(link, if serial.as_str() == "c" { "default" } else { own.as_str() });
                        }
                    }
                });
            }
        });
    }
}
