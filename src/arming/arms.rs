//! The table with its file: lines, each with a checksum of its own, that are appended; from time to time the file is
//! written anew.
//!
//! ```text
//! others armed 5d1b3c2a
//! mac dc:a6:32:01:02:03 once 7 0f3a9c11
//! serial 10000000af04b2da withheld 91c0aa77
//! mac dc:a6:32:01:02:04 forgotten 6b1d0e52
//! spent 7 2f61b3d0
//! ```

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use super::{Arming, Change, Name, Rule, TooMany, Verdict, Word};
use crate::beneath::{Access, place_of, read_bounded};
use crate::board::{Mac, Serial, Who};

/// Lines that may be out of date before the file is written anew.
const SLACK: usize = 4096;
/// A file with all rules that there may be is far smaller.
const MAX_BYTES: u64 = 64 << 20;

/// What was wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Lines that could not be read. The boards that they spoke of have the word of all until somebody says theirs again.
    pub lost: usize,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} is damaged in {}: boards may be answered that were to be left alone, until it is said again which",
            self.path.display(),
            crate::format::count(self.lost as u64, "line")
        )
    }
}

/// The table and its file.
#[derive(Debug)]
pub struct Arms {
    table: RwLock<Arming>,
    log: Mutex<Option<Log>>,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be on disk.
    len: u64,
    lines: usize,
}

impl Default for Arms {
    /// Every board is answered, and nothing is kept.
    fn default() -> Self {
        Self { table: RwLock::default(), log: Mutex::new(None) }
    }
}

impl Arms {
    /// Opens or makes the file. Says what was damaged in it.
    ///
    /// # Errors
    /// Where it can't be opened, read or written.
    pub fn open(path: &Path) -> io::Result<(Self, Option<Damage>)> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let bytes = match crate::beneath::open_regular(path) {
            Ok(file) => read_bounded(&file, MAX_BYTES)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut table = Arming::default();
        let mut lost = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line without its end was never acknowledged.
            let Some(line) = line.strip_suffix(b"\n") else { continue };
            match Line::parse(line) {
                Some(line) => line.into_table(&mut table),
                None => lost += 1,
            }
        }
        // More than there may be stands there only where somebody else has written it.
        lost += table.shorten();
        let damage = (lost > 0).then(|| Damage { path: path.to_owned(), lost });
        let log = Log::write(path, &table)?;
        Ok((Self { table: RwLock::new(table), log: Mutex::new(Some(log)) }, damage))
    }

    fn log(&self) -> MutexGuard<'_, Option<Log>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is done about a board that wants to boot now.
    #[must_use]
    pub fn boots(&self, mac: Option<Mac>, serial: Option<Serial>, now: Instant) -> Verdict {
        self.table.read().unwrap_or_else(PoisonError::into_inner).boots(mac, serial, now)
    }

    /// Whether a board gets files now.
    #[must_use]
    pub fn gets_files(&self, board: &Who, now: Instant) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).gets_files(board, now)
    }

    /// How many boards have a rule, and whether those without one are answered.
    #[must_use]
    pub fn summary(&self) -> (usize, bool) {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        (table.len(), table.others())
    }

    /// Boards with a word of their own, in the order of their names, behind `after`: `most` of them at most, and whether
    /// there are more.
    #[must_use]
    pub fn rules(&self, after: Option<Name>, most: usize) -> (Vec<Rule>, bool) {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let (mut rules, _) = table.all();
        drop(table);
        rules.sort_by_key(|rule| rule.name);
        rules.retain(|rule| after.is_none_or(|after| rule.name > after));
        let more = rules.len() > most;
        rules.truncate(most);
        (rules, more)
    }

    /// A boot is used up: on disk when this returns well.
    ///
    /// # Errors
    /// Where it can't be written. Then the board is not to be answered.
    pub fn spend(&self, turn: u64, now: Instant) -> io::Result<()> {
        let spend = |table: &mut Arming| {
            table.spend(turn, now);
            Ok(())
        };
        self.put(&[Line::Spent(turn)], |_| Ok(()), spend)
    }

    /// A board has its kernel.
    pub fn loaded(&self, board: &Who, now: Instant) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).loaded(board, now);
    }

    /// Takes a change: on disk when this returns well.
    ///
    /// # Errors
    /// Where it can't be written, or there are too many rules.
    pub fn change(&self, change: &Change) -> io::Result<()> {
        let others = change.others.map(Line::Others);
        let lines: Vec<Line> =
            others.into_iter().chain(change.rules.iter().copied().map(Line::Rule)).collect();
        self.put(&lines, |table| table.has_room(change), |table| table.take(change))
    }

    /// Those who ask meanwhile don't wait for the disk: they are told what held before.
    /// What can't be taken is not written either: it would be read at the next start.
    fn put(
        &self,
        lines: &[Line],
        may: impl FnOnce(&Arming) -> Result<(), TooMany>,
        take: impl FnOnce(&mut Arming) -> Result<(), TooMany>,
    ) -> io::Result<()> {
        let mut log = self.log();
        may(&self.table.read().unwrap_or_else(PoisonError::into_inner)).map_err(io::Error::other)?;
        if let Some(log) = log.as_mut() {
            log.append(lines)?;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        take(&mut table).map_err(io::Error::other)?;
        let current = table.len();
        drop(table);
        if let Some(log) = log.as_mut()
            && log.lines > 2 * current + SLACK
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner).clone();
            // The old file has everything: a failure here loses nothing, and it is tried again.
            if let Ok(new) = Log::write(&log.path, &table) {
                *log = new;
            }
        }
        Ok(())
    }
}

impl Log {
    /// Writes a new file with what counts, in place of the old one.
    fn write(path: &Path, table: &Arming) -> io::Result<Self> {
        let (rules, spent) = table.all();
        let mut lines = vec![Line::Others(table.others())];
        lines.extend(rules.into_iter().map(Line::Rule));
        lines.extend(spent.into_iter().map(Line::Spent));
        let text: String = lines.iter().map(Line::text).collect();
        let (dir, name) = place_of(path)?;
        let new = dir.new_file(name, Access::Mode(0o600))?;
        new.file().write_all(text.as_bytes())?;
        let file = new.replace()?;
        Ok(Self { path: path.to_owned(), file, len: text.len() as u64, lines: lines.len() })
    }

    fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let text: String = lines.iter().map(Line::text).collect();
        let seek = self.file.seek(io::SeekFrom::Start(self.len)).map(drop);
        let written =
            seek.and_then(|()| self.file.write_all(text.as_bytes())).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What is there of it doesn't count.
            let _ = self.file.set_len(self.len);
            return Err(error);
        }
        self.len += text.len() as u64;
        self.lines += lines.len();
        Ok(())
    }
}

/// A line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Others(bool),
    Rule(Rule),
    Spent(u64),
}

impl Line {
    fn text(&self) -> String {
        let text = match self {
            Self::Others(armed) => format!("others {}", if *armed { "armed" } else { "withheld" }),
            Self::Spent(turn) => format!("spent {turn}"),
            Self::Rule(Rule { name, say }) => {
                let say = match say {
                    None => "forgotten".to_owned(),
                    Some(Word::Armed) => "armed".to_owned(),
                    Some(Word::Withheld) => "withheld".to_owned(),
                    Some(Word::Once { turn }) => format!("once {turn}"),
                };
                match name {
                    Name::Mac(mac) => format!("mac {mac} {say}"),
                    Name::Serial(serial) => format!("serial {serial} {say}"),
                }
            }
        };
        format!("{text} {:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (text, sum) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
        if sum.len() != 8 || u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(text.as_bytes()) {
            return None;
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (name, say) = match &words[..] {
            ["others", "armed"] => return Some(Self::Others(true)),
            ["others", "withheld"] => return Some(Self::Others(false)),
            ["spent", turn] => return Some(Self::Spent(turn.parse().ok()?)),
            ["mac", mac, say @ ..] => (Name::Mac(mac.parse().ok()?), say),
            ["serial", serial, say @ ..] => (Name::Serial(serial.parse().ok()?), say),
            _ => return None,
        };
        let say = match say {
            ["forgotten"] => None,
            ["armed"] => Some(Word::Armed),
            ["withheld"] => Some(Word::Withheld),
            ["once", turn] => Some(Word::Once { turn: turn.parse().ok()? }),
            _ => return None,
        };
        Some(Self::Rule(Rule { name, say }))
    }

    fn into_table(self, table: &mut Arming) {
        match self {
            Self::Others(armed) => table.apply(&Change { others: Some(armed), rules: Vec::new() }),
            Self::Rule(rule) => table.apply(&Change { others: None, rules: vec![rule] }),
            Self::Spent(turn) => {
                // Which boot it was, nobody knows any more: it is over.
                table.spent.insert(turn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_RULES;
    use super::super::tests::{PI, rule};
    use super::*;

    #[test]
    fn what_was_said_last_holds_after_a_restart_and_one_boot_is_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("netboot/arming");
        let now = Instant::now();
        let serial = Serial::of_low(0x99);
        {
            let (arms, damage) = Arms::open(&path).unwrap();
            assert_eq!(damage, None);
            arms.change(&Change { others: Some(false), rules: Vec::new() }).unwrap();
            arms.change(&rule(Name::Mac(PI), Word::Once { turn: 7 })).unwrap();
            arms.change(&rule(Name::Serial(serial), Word::Armed)).unwrap();
            assert_eq!(arms.boots(Some(PI), None, now), Verdict::Spend(7));
            arms.spend(7, now).unwrap();
            assert_eq!(arms.boots(Some(PI), None, now), Verdict::Answer);
        }
        for _ in 0..2 {
            let (arms, damage) = Arms::open(&path).unwrap();
            assert_eq!((damage, arms.summary()), (None, (2, false)));
            assert_eq!(arms.boots(Some(PI), None, now), Verdict::Withhold, "its one boot was given");
            assert_eq!(arms.boots(None, Some(serial), now), Verdict::Answer);
            assert_eq!(arms.boots(None, None, now), Verdict::Withhold);
        }
        let (arms, _) = Arms::open(&path).unwrap();
        arms.change(&Change { others: None, rules: vec![Rule { name: Name::Mac(PI), say: None }] }).unwrap();
        drop(arms);
        assert!(!std::fs::read_to_string(&path).unwrap().is_empty());
        assert_eq!(Arms::open(&path).unwrap().0.summary(), (1, false));
        assert!(!std::fs::read_to_string(&path).unwrap().contains("spent"), "nothing speaks of it any more");
    }

    #[test]
    fn what_is_too_much_is_not_written_and_a_file_with_too_much_is_read_as_far_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arming");
        let name = |n: u32| {
            let [_, a, b, c] = n.to_be_bytes();
            Name::Mac(Mac::new([0xdc, 0xa6, 0x32, a, b, c]))
        };
        let armed = |from: u32, count: u32| Change {
            others: None,
            rules: (from..from + count).map(|n| Rule { name: name(n), say: Some(Word::Armed) }).collect(),
        };
        let most = MOST_RULES as u32;
        let (arms, _) = Arms::open(&path).unwrap();
        arms.change(&armed(0, most - 1)).unwrap();
        assert!(arms.change(&armed(most, 2)).is_err());
        assert_eq!(arms.summary().0, MOST_RULES - 1, "nothing of it is taken");
        // One goes, and two come; the same board again takes no room.
        let mut change = armed(most, 2);
        change.rules.push(Rule { name: name(0), say: None });
        change.rules.push(Rule { name: name(most), say: Some(Word::Withheld) });
        arms.change(&change).unwrap();
        drop(arms);
        let (arms, damage) = Arms::open(&path).unwrap();
        assert_eq!((damage, arms.summary().0), (None, MOST_RULES));
        assert!(arms.change(&armed(0, 1)).is_err());
        drop(arms);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(&Line::Rule(Rule { name: name(0), say: Some(Word::Withheld) }).text());
        std::fs::write(&path, text).unwrap();
        let (arms, damage) = Arms::open(&path).unwrap();
        assert_eq!((damage.map(|damage| damage.lost), arms.summary().0), (Some(1), MOST_RULES));
    }

    #[test]
    fn a_torn_line_never_was_and_a_damaged_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arming");
        let good = Line::Rule(Rule { name: Name::Mac(PI), say: Some(Word::Withheld) }).text();
        std::fs::write(&path, format!("{good}spent 7 00000000\nothers with")).unwrap();
        let (arms, damage) = Arms::open(&path).unwrap();
        assert_eq!(damage.map(|damage| damage.lost), Some(1));
        assert_eq!(arms.summary(), (1, true));
        assert_eq!(arms.boots(Some(PI), None, Instant::now()), Verdict::Withhold);
        std::fs::create_dir(dir.path().join("x")).unwrap();
        assert!(Arms::open(&dir.path().join("x")).is_err());
    }

    #[test]
    fn rules_are_told_page_by_page() {
        let arms = Arms::default();
        let names = (0..5).map(|n| Name::Mac(Mac::new([2, 0, 0, 0, 0, n])));
        let names: Vec<_> = names.chain([Name::Serial(Serial::of_low(1))]).collect();
        let rules = names.iter().rev().map(|name| Rule { name: *name, say: Some(Word::Withheld) }).collect();
        arms.change(&Change { others: None, rules }).unwrap();
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let (page, more) = arms.rules(after, 4);
            told.extend(page.iter().map(|rule| rule.name));
            after = told.last().copied();
            if !more {
                break;
            }
        }
        assert_eq!(told, names);
        assert_eq!(arms.rules(after, 4), (Vec::new(), false));
    }

    #[test]
    fn a_full_disk_gives_no_boot() {
        let (table, file) = (Arming::default(), File::options().write(true).open("/dev/full").unwrap());
        let log = Log { path: "/dev/full".into(), file, len: 0, lines: 0 };
        let arms = Arms { table: RwLock::new(table), log: Mutex::new(Some(log)) };
        assert!(arms.change(&rule(Name::Mac(PI), Word::Once { turn: 7 })).is_err());
        assert_eq!(arms.boots(Some(PI), None, Instant::now()), Verdict::Answer, "nothing was taken");
        assert!(arms.spend(7, Instant::now()).is_err());
    }

    #[test]
    fn the_file_stays_small() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arming");
        let (arms, _) = Arms::open(&path).unwrap();
        let rules: Vec<Rule> = vec![Rule { name: Name::Mac(PI), say: Some(Word::Withheld) }; SLACK];
        for _ in 0..4 {
            arms.change(&Change { others: None, rules: rules.clone() }).unwrap();
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 60 * (SLACK as u64 + 100));
        arms.change(&rule(Name::Mac(PI), Word::Armed)).unwrap();
        drop(arms);
        assert_eq!(Arms::open(&path).unwrap().0.boots(Some(PI), None, Instant::now()), Verdict::Answer);
    }
}
