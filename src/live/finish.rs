//! What the udev helper can't do because it would take longer than milliseconds: wait until a port has been empty
//! for so long that its board won't come back, and talk to a board that doesn't listen yet. A systemd unit that is
//! started by the helper's notes does it (`piprov udev finish`), and ends when nothing remains.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::handle::whose;
use super::journal::Level;
use super::port::{Reason, time_left};
use super::record::{Command, Owed, Record, Records, now};
use super::{Error, Tree};
use crate::board::PortPath;
use crate::stop::Stop;

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is about to be sent: from now on the board may leave because of it.
    Sending,
    /// The board has all of it, or has left with it. Told before the serial port is closed, which takes seconds where
    /// the board is gone.
    Taken,
}

/// Is told how far a command is. If it returns an error, nothing more is done, and that error is returned.
pub type Report<'a> = &'a dyn Fn(Progress) -> io::Result<()>;

/// How long another process may work on a port.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
/// How often to look for new notes and for boards that have answered.
const LOOK: Duration = Duration::from_millis(200);

/// What it is done with.
pub struct Finisher<'a> {
    /// The live tree.
    pub tree: &'a Tree,
    /// What is known of the ports.
    pub records: &'a Records,
    /// How long a port may be empty.
    pub window: Duration,
    /// Where it is told.
    pub log: &'a (dyn Fn(Level, &str) + Sync),
    /// Tells a board a command, with patience, and how far it is. The port is given because the serial port may
    /// meanwhile be another board's.
    pub tell: &'a Tell<'a>,
}

/// How a board is told a command: see `live::serial_port::tell_patiently`.
pub type Tell<'a> = dyn Fn(PortPath, &Path, Command, &Stop, Report<'_>) -> io::Result<()> + Sync + 'a;

/// A board that was told something, or not.
type Answer = (PortPath, Owed, io::Result<()>);

impl Finisher<'_> {
    /// Does all that is due, until nothing remains or `stop` is set. What isn't done then stays noted.
    ///
    /// # Errors
    /// When the tree or a record can't be changed.
    pub fn run(&self, stop: &Stop) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let (sender, answers) = channel();
            let mut talking = BTreeSet::new();
            loop {
                self.take(&answers, &mut talking)?;
                let mut wait = None;
                for port in self.records.due()? {
                    if talking.contains(&port) {
                        continue;
                    }
                    match self.look(port)? {
                        Next::Done => {}
                        Next::Wait(time) => wait = Some(wait.map_or(time, |least: Duration| least.min(time))),
                        Next::Talk(owed) => {
                            talking.insert(port);
                            let sender: Sender<Answer> = sender.clone();
                            scope.spawn(move || self.talk(port, &owed, stop, &sender));
                        }
                    }
                }
                if talking.is_empty() && wait.is_none() {
                    return Ok(());
                }
                if stop.wait(wait.unwrap_or(LOOK).clamp(Duration::from_millis(1), LOOK)) {
                    return Ok(());
                }
            }
        })
    }

    /// Tells a board what is owed to it.
    fn talk(&self, port: PortPath, owed: &Owed, stop: &Stop, sender: &Sender<Answer>) {
        // Nobody listens any more only if this is being given up.
        let answer = |result| drop(sender.send((port, owed.clone(), result)));
        let taken = Cell::new(false);
        let report = |progress| match progress {
            Progress::Sending => self.sending(port, owed).map_err(io::Error::other),
            Progress::Taken => {
                taken.set(true);
                answer(Ok(()));
                Ok(())
            }
        };
        let result = (self.tell)(port, &owed.tty, owed.command, stop, &report);
        if !taken.get() {
            answer(result);
        }
    }

    /// Notes that a command is on its way.
    fn sending(&self, port: PortPath, owed: &Owed) -> Result<(), Error> {
        let Some(locked) = self.records.lock_known(port, LOCK_LIMIT)? else { return Ok(()) };
        let record = locked.read().filter(|record| is_owed(record, owed));
        let Some(record) = record else { return Ok(()) };
        locked.write(&Record { owed: Some(Owed { sent: true, ..owed.clone() }), ..record })
    }

    /// What a port needs now. A note of one that needs nothing is taken back.
    fn look(&self, port: PortPath) -> Result<Next, Error> {
        let Some(locked) = self.records.lock_known(port, LOCK_LIMIT)? else {
            self.records.clear_due(port);
            return Ok(Next::Done);
        };
        let Some(record) = locked.read() else {
            self.records.clear_due(port);
            locked.forget()?;
            return Ok(Next::Done);
        };
        if let Some(owed) = record.owed {
            return Ok(Next::Talk(owed));
        }
        match time_left(&record, now(), self.window) {
            None => {
                // As long as the port is locked: nobody notes anything new in between.
                self.records.clear_due(port);
                Ok(Next::Done)
            }
            Some(Duration::ZERO) => {
                let empty = now().saturating_sub(record.empty_since.unwrap_or(0));
                if self.tree.drop_overlay(port)? {
                    let (whose, reason) = (whose(Some(&record)), Reason::Empty(empty));
                    (self.log)(Level::Info, &format!("{port}: overlay of {whose} removed: {reason}"));
                }
                self.records.clear_due(port);
                locked.forget()?;
                Ok(Next::Done)
            }
            Some(left) => Ok(Next::Wait(left)),
        }
    }

    /// Takes over what boards have answered.
    fn take(&self, answers: &Receiver<Answer>, talking: &mut BTreeSet<PortPath>) -> Result<(), Error> {
        for (port, owed, result) in answers.try_iter() {
            talking.remove(&port);
            let Some(locked) = self.records.lock_known(port, LOCK_LIMIT)? else { continue };
            let Some(record) = locked.read() else { continue };
            let whose = whose(Some(&record));
            let line = owed.command.line().trim_end();
            let still = is_owed(&record, &owed);
            match result {
                Ok(()) => {
                    // Owed nothing: it was faster than this. Owed something else: it is another board.
                    if still || record.owed.is_none() {
                        (self.log)(Level::Info, &format!("{port}: {whose}: told it to {line}"));
                    }
                    if still {
                        locked.write(&Record { owed: None, ..record })?;
                    }
                }
                Err(error) if still => {
                    // It stays owed, and nothing was sent: if the board leaves, this command isn't the cause.
                    let owed = Some(Owed { sent: false, ..owed });
                    locked.write(&Record { owed, ..record })?;
                    self.records.clear_due(port);
                    (self.log)(Level::Error, &format!("{port}: {whose} was not told to {line}: {error}"));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether a record's board is still owed this, on its way or not. Another board may have come meanwhile.
fn is_owed(record: &Record, owed: &Owed) -> bool {
    record.owed.as_ref().is_some_and(|now| now.command == owed.command && now.tty == owed.tty)
}

/// What a port needs.
enum Next {
    Done,
    Wait(Duration),
    Talk(Owed),
}

#[cfg(test)]
mod tests {
    use super::super::record::Phase;
    use super::super::tree::tests::{Lab, port};
    use super::*;
    use std::sync::Mutex;

    const WINDOW: Duration = Duration::from_millis(400);

    struct Bench {
        lab: Lab,
        records: Records,
        logged: Mutex<Vec<(Level, String)>>,
        told: Mutex<Vec<(PortPath, Command)>>,
    }

    impl Bench {
        fn new() -> Self {
            let lab = Lab::new();
            lab.clients(&["by-serial/a/"]);
            let records = Records::new(&lab.dir.path().join("run"));
            Self { lab, records, logged: Mutex::default(), told: Mutex::default() }
        }

        fn board(&self, at: &str, change: impl FnOnce(&mut Record)) {
            self.lab.tree.set_overlay(port(at), &self.lab.tree.clients().join("by-serial/a")).unwrap();
            let serial = Some("a".parse().unwrap());
            let mut record = Record { phase: Phase::Restarting, serial, empty_since: None, owed: None };
            change(&mut record);
            self.records.lock(port(at), LOCK_LIMIT).unwrap().write(&record).unwrap();
            self.records.note_due(port(at)).unwrap();
        }

        fn run(&self, stop: &Stop, answer: fn(PortPath) -> io::Result<()>) {
            let finisher = Finisher {
                tree: &self.lab.tree,
                records: &self.records,
                window: WINDOW,
                log: &|level, text| self.logged.lock().unwrap().push((level, text.to_owned())),
                tell: &|port, _, command, _, report| {
                    self.told.lock().unwrap().push((port, command));
                    report(Progress::Sending)?;
                    answer(port)?;
                    report(Progress::Taken)
                },
            };
            finisher.run(stop).unwrap();
        }
    }

    #[test]
    fn an_empty_port_loses_its_overlay_when_its_time_is_over_and_not_before() {
        let bench = Bench::new();
        let began = now();
        bench.board("1-1", |record| record.empty_since = Some(began));
        bench.board("1-2", |record| record.empty_since = Some(began.saturating_sub(60_000)));
        bench.board("1-3", |_| {});
        bench.run(&Stop::new().unwrap(), |_| Ok(()));
        assert!(now() - began >= 400, "{}", now() - began);
        assert_eq!(bench.lab.shown(), ["1-3 -> by-serial/a"]);
        assert_eq!(bench.records.due().unwrap(), []);
        assert_eq!(bench.records.all().unwrap().len(), 1);
        assert_eq!(bench.logged.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_board_that_comes_back_in_time_keeps_it() {
        let bench = Bench::new();
        bench.board("1-1", |record| record.empty_since = Some(now()));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let stop = Stop::new().unwrap();
                assert!(!stop.wait(Duration::from_millis(50)));
                bench.board("1-1", |record| record.phase = Phase::Rom);
            });
            bench.run(&Stop::new().unwrap(), |_| Ok(()));
        });
        assert_eq!(bench.lab.shown(), ["1-1 -> by-serial/a"]);
    }

    #[test]
    fn what_is_owed_is_told_and_a_deaf_board_delays_nobody() {
        let bench = Bench::new();
        let owed = |record: &mut Record| record.owed = Some(reboot());
        bench.board("1-1", owed);
        bench.board("1-2", owed);
        bench.board("1-3", |record| record.empty_since = Some(now().saturating_sub(60_000)));
        bench.run(&Stop::new().unwrap(), |at| {
            if at == port("1-2") { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
        });
        let mut told = bench.told.lock().unwrap().clone();
        told.sort_by_key(|(port, _)| *port);
        assert_eq!(told, [(port("1-1"), Command::Reboot), (port("1-2"), Command::Reboot)]);
        let owed = bench.records.all().unwrap().into_iter().map(|(_, record)| record.owed);
        assert_eq!(owed.collect::<Vec<_>>(), [None, Some(reboot())]);
        let logged = bench.logged.lock().unwrap();
        assert!(
            logged.iter().any(|(level, text)| *level == Level::Error && text.contains("1-2")),
            "{logged:?}"
        );
    }

    fn reboot() -> Owed {
        Owed { command: Command::Reboot, tty: "/dev/ttyACM0".into(), sent: false }
    }

    #[test]
    fn a_board_that_obeys_before_it_is_known_to_have_heard_keeps_its_files() {
        use super::super::port::{Seen, Verdict, next};
        for seen_after in [Progress::Sending, Progress::Taken] {
            let bench = Bench::new();
            bench.board("1-1", |record| record.owed = Some(reboot()));
            let leaves = |progress| {
                if progress != seen_after {
                    return;
                }
                // What udev's helper does meanwhile.
                let locked = bench.records.lock_known(port("1-1"), LOCK_LIMIT).unwrap().unwrap();
                let record = locked.read();
                let Verdict::Update(gone) = next(record.as_ref(), Seen::Gone, now(), WINDOW) else {
                    panic!("{record:?}")
                };
                locked.write(&gone).unwrap();
                bench.records.note_due(port("1-1")).unwrap();
            };
            let (began, shown) = (now(), Mutex::new(Vec::new()));
            let finisher = Finisher {
                tree: &bench.lab.tree,
                records: &bench.records,
                window: WINDOW,
                log: &|level, text| bench.logged.lock().unwrap().push((level, text.to_owned())),
                tell: &|_, _, _, _, report| {
                    for progress in [Progress::Sending, Progress::Taken] {
                        report(progress)?;
                        leaves(progress);
                    }
                    *shown.lock().unwrap() = bench.lab.shown();
                    Ok(())
                },
            };
            finisher.run(&Stop::new().unwrap()).unwrap();
            assert_eq!(*shown.lock().unwrap(), ["1-1 -> by-serial/a"]);
            // It didn't come back, and its place is tidied up when its time is over.
            assert!(now() - began >= 400 && bench.lab.shown().is_empty());
            let logged = bench.logged.lock().unwrap();
            assert!(logged[0].1.contains("told it to reboot") && logged.len() == 2, "{logged:?}");
            assert_eq!(bench.records.due().unwrap(), []);
        }
    }

    #[test]
    fn it_can_be_stopped_and_leaves_what_remains_noted() {
        let bench = Bench::new();
        bench.board("1-1", |record| record.empty_since = Some(now() + 600_000));
        let stop = Stop::new().unwrap();
        stop.set();
        bench.run(&stop, |_| Ok(()));
        assert_eq!(bench.records.due().unwrap(), [port("1-1")]);
    }

    #[test]
    fn a_note_without_a_record_is_taken_back() {
        let bench = Bench::new();
        bench.records.note_due(port("1-1")).unwrap();
        bench.run(&Stop::new().unwrap(), |_| Ok(()));
        assert_eq!(bench.records.due().unwrap(), []);
    }
}
