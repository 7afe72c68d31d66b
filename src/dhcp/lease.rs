//! Which board has which address; on disk before it is promised.
//!
//! A file of lines, each with a checksum of its own. Changes are appended; from time to time the file is written anew
//! beside the old one, which it then replaces. A file that was damaged is set aside as it is, and what can be read of
//! it goes on counting.
//!
//! ```text
//! lease dc:a6:32:01:02:03 10.0.0.100 1762939200 bound 5d1b3c2a
//! serial dc:a6:32:01:02:03 c2ef5601 0b1f22d1
//! ```
//!
//! A board tells its serial number while it boots, and its system doesn't. So the number that was told stands with the
//! lease, on a line of its own: an older version leaves that line out and keeps the lease.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::error::Error;
use crate::beneath::{Access, own_file, place_of};
use crate::board::{Mac, Serial};

/// Lines that may be out of date before the file is written anew.
const SLACK: usize = 4096;
/// A lease file of 65,536 boards is far smaller.
const MAX_BYTES: u64 = 64 << 20;
/// When a lease ends that doesn't: its board was told so.
pub const NEVER: u64 = u64::MAX;

/// One board's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The board.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Until when, in Unix time; a time that is over means that it may go to another board. [`NEVER`] for a board that was
    /// told that its lease doesn't end.
    pub until: u64,
    /// The board was only offered it, but will use it without asking.
    pub soft: bool,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A board has an address.
    Lease(Lease),
    /// An address isn't given out, because an unknown device has it.
    Barred {
        /// The address.
        address: Ipv4Addr,
        /// Until when, in Unix time.
        until: u64,
    },
    /// A board that has an address has told its serial number.
    Serial {
        /// The board.
        mac: Mac,
        /// What it told.
        serial: Serial,
    },
}

impl Record {
    /// The same, over in `longest` seconds at the latest. A time that is further away was reckoned under another clock.
    #[must_use]
    pub const fn within(self, now: u64, longest: u64) -> Self {
        let latest = now.saturating_add(longest);
        match self {
            Self::Lease(lease) if lease.until > latest => Self::Lease(Lease { until: latest, ..lease }),
            Self::Barred { address, until } if until > latest => Self::Barred { address, until: latest },
            all => all,
        }
    }

    /// It is a lease that doesn't end.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        matches!(self, Self::Lease(Lease { until: NEVER, .. }))
    }

    fn line(&self) -> String {
        let text = match self {
            Self::Lease(Lease { mac, address, until, soft }) => {
                format!("lease {mac} {address} {until} {}", if *soft { "soft" } else { "bound" })
            }
            Self::Barred { address, until } => format!("barred {address} {until}"),
            Self::Serial { mac, serial } => format!("serial {mac} {serial}"),
        };
        format!("{text} {:08x}\n", crc32fast::hash(text.as_bytes()))
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (text, sum) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
        if sum.len() != 8 || u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(text.as_bytes()) {
            return None;
        }
        let words: Vec<&str> = text.split(' ').collect();
        Some(match words[..] {
            ["lease", mac, address, until, kind @ ("soft" | "bound")] => Self::Lease(Lease {
                mac: mac.parse().ok()?,
                address: address.parse().ok()?,
                until: until.parse().ok()?,
                soft: kind == "soft",
            }),
            ["barred", address, until] => {
                Self::Barred { address: address.parse().ok()?, until: until.parse().ok()? }
            }
            ["serial", mac, serial] => Self::Serial { mac: mac.parse().ok()?, serial: serial.parse().ok()? },
            _ => return None,
        })
    }
}

/// What was wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where it was set aside; `None` where only the last line was incomplete: no board was told of that lease.
    pub aside: Option<PathBuf>,
    /// Lines that could be read.
    pub kept: usize,
    /// The numbers of the first lines that could not, from 1.
    pub lines: Vec<usize>,
    /// How many could not.
    pub lost: usize,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, aside, kept, lost, .. } = self;
        let Some(aside) = aside else {
            return write!(out, "{}: its last line is incomplete and left out", path.display());
        };
        let lines: Vec<String> = self.lines.iter().map(usize::to_string).collect();
        let more = if *lost > lines.len() { " and others" } else { "" };
        write!(
            out,
            "{} is damaged in line {}{more}; {kept} lines count, and the file is kept as {}",
            path.display(),
            lines.join(", "),
            aside.display()
        )
    }
}

/// The file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: File,
    /// Held while the file is replaced, too.
    _lock: File,
    /// Bytes that are known to be on disk.
    len: u64,
    lines: usize,
    leases: HashMap<Mac, Lease>,
    barred: HashMap<Ipv4Addr, u64>,
    owners: HashMap<Ipv4Addr, Mac>,
    /// All that the file has; those of boards without a lease go when it is written anew.
    /// With the number of the line that told it: the later one counts where two boards tell one number.
    serials: HashMap<Mac, (u64, Serial)>,
    /// Who told a number last.
    tellers: HashMap<Serial, Mac>,
    /// Lines of numbers that were read or written.
    told: u64,
}

impl Store {
    /// Opens or makes the file. Says what was damaged in it.
    ///
    /// # Errors
    /// Where it can't be opened, read or written, or another process has it.
    pub fn open(path: &Path) -> Result<(Self, Option<Damage>), Error> {
        let fail = |source| Error::Leases { path: path.to_owned(), source };
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(fail)?;
        }
        let lock_path = path.with_extension("lock");
        let lock = own_file(&lock_path, 0o644).map_err(fail)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::LeasesInUse { path: path.to_owned() }),
            Err(error) => return Err(fail(error.into())),
        }
        let mut file = own_file(path, 0o644).map_err(fail)?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > MAX_BYTES {
            // To go on would be to lose what stands behind.
            return Err(fail(io::Error::new(
                io::ErrorKind::InvalidData,
                "more than 64 MiB: this is no file of leases",
            )));
        }
        let mut store = Self {
            path: path.to_owned(),
            file,
            _lock: lock,
            len: 0,
            lines: 0,
            leases: HashMap::new(),
            barred: HashMap::new(),
            owners: HashMap::new(),
            serials: HashMap::new(),
            tellers: HashMap::new(),
            told: 0,
        };
        let mut damage = store.read(&bytes);
        if let Some(damage) = damage.as_mut().filter(|damage| damage.lost > 0) {
            damage.aside = Some(set_aside(path, &bytes).map_err(fail)?);
        }
        // Also what a crash left of the last line goes.
        store.rewrite().map_err(fail)?;
        Ok((store, damage))
    }

    fn read(&mut self, bytes: &[u8]) -> Option<Damage> {
        let mut damage = Damage { path: self.path.clone(), aside: None, kept: 0, lines: Vec::new(), lost: 0 };
        let mut torn = false;
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match line.strip_suffix(b"\n").map(Record::parse) {
                Some(Some(record)) => {
                    self.note(&record);
                    damage.kept += 1;
                }
                None => torn = true,
                Some(None) => {
                    damage.lost += 1;
                    if damage.lines.len() < 5 {
                        damage.lines.push(at + 1);
                    }
                }
            }
        }
        (torn || damage.lost > 0).then_some(damage)
    }

    fn note(&mut self, record: &Record) {
        let address = match *record {
            Record::Lease(Lease { address, .. }) | Record::Barred { address, .. } => address,
            Record::Serial { mac, serial } => {
                self.told += 1;
                self.serials.insert(mac, (self.told, serial));
                self.tellers.insert(serial, mac);
                return;
            }
        };
        // An address has one owner: the later line counts.
        if let Some(mac) = self.owners.remove(&address) {
            self.leases.remove(&mac);
        }
        self.barred.remove(&address);
        match *record {
            Record::Lease(lease) => {
                if let Some(old) = self.leases.insert(lease.mac, lease) {
                    self.owners.remove(&old.address);
                }
                self.owners.insert(address, lease.mac);
            }
            Record::Barred { until, .. } => {
                self.barred.insert(address, until);
            }
            Record::Serial { .. } => {}
        }
    }

    /// All that counts now.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut leases: Vec<Lease> = self.leases.values().copied().collect();
        leases.sort_by_key(|lease| lease.address);
        let barred =
            self.barred.iter().map(|(address, until)| Record::Barred { address: *address, until: *until });
        let told = leases.iter().filter_map(|lease| Some((lease.mac, *self.serials.get(&lease.mac)?)));
        let mut told: Vec<_> = told.collect();
        told.sort_by_key(|(_, (at, _))| *at);
        let serials = told.into_iter().map(|(mac, (_, serial))| Record::Serial { mac, serial });
        leases.into_iter().map(Record::Lease).chain(serials).chain(barred).collect()
    }

    /// Puts these on disk, all with one flush. When this returns well, they are there.
    ///
    /// # Errors
    /// Where writing fails; then no lease of this batch counts, and a later try begins at the same place.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        // Each renewal tells the number that is there already.
        let is_known = |record: &Record| match record {
            Record::Serial { mac, serial } => {
                self.tellers.get(serial) == Some(mac)
                    && self.serials.get(mac).is_some_and(|(_, told)| told == serial)
            }
            _ => false,
        };
        let records: Vec<Record> = records.iter().filter(|record| !is_known(record)).copied().collect();
        let text: String = records.iter().map(Record::line).collect();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            let _ = self.file.set_len(self.len);
            let _ = self.file.seek(io::SeekFrom::Start(self.len));
            return Err(error);
        }
        self.len += text.len() as u64;
        self.lines += records.len();
        records.iter().for_each(|record| self.note(record));
        // A lease, and the number of its board.
        let current = 2 * self.leases.len() + self.barred.len();
        if self.lines > 2 * current + SLACK {
            // The old file has everything: a failure here loses nothing, and it is tried again.
            let _ = self.rewrite();
        }
        Ok(())
    }

    /// Writes a new file with what counts, and puts it in place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let records = self.records();
        let text: String = records.iter().map(Record::line).collect();
        let (dir, name) = place_of(&self.path)?;
        let new = dir.new_file(name, Access::Mode(0o600))?;
        new.file().write_all(text.as_bytes())?;
        self.file = new.replace()?;
        self.len = text.len() as u64;
        self.lines = records.len();
        let leases = &self.leases;
        self.serials.retain(|mac, _| leases.contains_key(mac));
        self.tellers.retain(|_, mac| leases.contains_key(mac));
        Ok(())
    }

    /// From now on every write fails as on a full disk.
    #[cfg(test)]
    pub(super) fn fill_disk(&mut self) {
        self.file = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    }
}

/// What a file says, as far as it can be read; the later line counts. It is neither locked nor changed.
#[must_use]
pub fn read(path: &Path) -> Vec<Record> {
    let mut bytes = Vec::new();
    let done = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    if done.is_err() {
        return Vec::new();
    }
    let (mut addresses, mut serials) = (HashMap::new(), Vec::new());
    for record in bytes.split(|byte| *byte == b'\n').filter_map(Record::parse) {
        match record {
            Record::Lease(Lease { address, .. }) | Record::Barred { address, .. } => {
                addresses.insert(address, record);
            }
            Record::Serial { .. } => serials.push(record),
        }
    }
    addresses.into_values().chain(serials).collect()
}

/// Keeps a damaged file under a name of its own.
fn set_aside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        let aside = PathBuf::from(name);
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&aside) {
            Ok(mut file) => {
                file.write_all(bytes)?;
                file.sync_all()?;
                return Ok(aside);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(n: u8, last: u8, until: u64) -> Record {
        let mac = Mac::new([0xdc, 0xa6, 0x32, 0, 0, n]);
        Record::Lease(Lease { mac, address: Ipv4Addr::new(10, 0, 0, last), until, soft: n == 9 })
    }

    fn barred(last: u8) -> Record {
        Record::Barred { address: Ipv4Addr::new(10, 0, 0, last), until: 7 }
    }

    struct Place(tempfile::TempDir);

    impl Place {
        fn path(&self) -> PathBuf {
            self.0.path().join("dhcp/eth0.leases")
        }

        fn with(records: &[Record]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            let (mut store, damage) = Store::open(&place.path()).unwrap();
            assert_eq!(damage, None);
            store.append(records).unwrap();
            place
        }

        fn open(&self) -> (Vec<Record>, Option<Damage>) {
            let (store, damage) = self.store();
            (store.records(), damage)
        }

        /// Opens it. A program that another test starts holds a copy of the lock until it has begun.
        fn store(&self) -> (Store, Option<Damage>) {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
            loop {
                match Store::open(&self.path()) {
                    Err(Error::LeasesInUse { .. }) if std::time::Instant::now() < deadline => {
                        std::thread::yield_now();
                    }
                    opened => return opened.unwrap(),
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_there_the_next_time() {
        let place = Place::with(&[lease(1, 100, 5), lease(9, 101, 6), barred(102)]);
        assert_eq!(place.open(), (vec![lease(1, 100, 5), lease(9, 101, 6), barred(102)], None));
        let text = std::fs::read_to_string(place.path()).unwrap();
        assert!(text.starts_with("lease dc:a6:32:00:00:01 10.0.0.100 5 bound "), "{text}");
        assert!(text.contains("10.0.0.101 6 soft "), "{text}");
    }

    #[test]
    fn the_later_line_counts() {
        let place = Place::with(&[
            lease(1, 100, 5),
            lease(2, 100, 6),
            lease(2, 101, 7),
            lease(3, 100, 8),
            barred(101),
        ]);
        assert_eq!(place.open().0, [lease(3, 100, 8), barred(101)]);
        let place = Place::with(&[barred(100), lease(1, 100, 5)]);
        assert_eq!(place.open().0, [lease(1, 100, 5)]);
    }

    #[test]
    fn a_line_that_was_never_finished_is_left_out() {
        let place = Place::with(&[lease(1, 100, 5), lease(2, 101, 6)]);
        let bytes = std::fs::read(place.path()).unwrap();
        for cut in 1..=lease(2, 101, 6).line().len() {
            std::fs::write(place.path(), &bytes[..bytes.len() - cut]).unwrap();
            let (records, damage) = place.open();
            assert_eq!(records, [lease(1, 100, 5)], "{cut} bytes less");
            let whole = cut == lease(2, 101, 6).line().len();
            assert_eq!(damage.is_none(), whole);
            assert!(damage.is_none_or(|damage| damage.lost == 0 && damage.aside.is_none()));
        }
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_rest_counts() {
        let all: Vec<Record> = (1..=4).map(|n| lease(n, 100 + n, 5)).collect();
        let place = Place::with(&all);
        let mut bytes = std::fs::read(place.path()).unwrap();
        let second = lease(1, 101, 5).line().len();
        bytes[second + 30] ^= 4;
        bytes.splice(..0, *b"\xff\0\n");
        std::fs::write(place.path(), &bytes).unwrap();
        let (records, damage) = place.open();
        assert_eq!(records, [all[0], all[2], all[3]]);
        let damage = damage.unwrap();
        assert_eq!((damage.kept, damage.lost, &damage.lines[..]), (3, 2, &[1, 3][..]));
        assert_eq!(std::fs::read(damage.aside.as_ref().unwrap()).unwrap(), bytes);
        assert!(damage.to_string().contains("damaged in line 1, 3; 3 lines count"), "{damage}");
        // It is whole now, and a second damage doesn't cover the first.
        assert_eq!(place.open().1, None);
        std::fs::write(place.path(), "nonsense\n").unwrap();
        let again = place.open().1.unwrap();
        assert_ne!(again.aside, damage.aside);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let place = Place::with(&[]);
        let (mut store, _) = place.store();
        for round in 0..20 {
            let renewed: Vec<Record> =
                (0..500).map(|n| lease((n % 8) as u8, 100 + (n % 8) as u8, round)).collect();
            store.append(&renewed).unwrap();
        }
        assert!(store.lines < SLACK + 500, "{}", store.lines);
        assert_eq!(store.len, std::fs::metadata(place.path()).unwrap().len());
        store.append(&[lease(7, 107, 99)]).unwrap();
        drop(store);
        assert_eq!(place.open().0.last(), Some(&lease(7, 107, 99)));
    }

    #[test]
    fn no_time_is_further_away_than_a_lease_lasts() {
        assert_eq!(lease(1, 100, 2_082_758_400).within(1_700_000_000, 3600), lease(1, 100, 1_700_003_600));
        assert_eq!(lease(1, 100, 1_700_003_600).within(1_700_000_000, 3600), lease(1, 100, 1_700_003_600));
        assert_eq!(lease(1, 100, 5).within(1_700_000_000, 3600), lease(1, 100, 5), "it is over");
        let far = Record::Barred { address: Ipv4Addr::new(10, 0, 0, 1), until: u64::MAX };
        assert_eq!(far.within(7, 3), Record::Barred { address: Ipv4Addr::new(10, 0, 0, 1), until: 10 });
    }

    fn serial(n: u8, low: u32) -> Record {
        Record::Serial { mac: Mac::new([0xdc, 0xa6, 0x32, 0, 0, n]), serial: Serial::of_low(low) }
    }

    #[test]
    fn the_number_that_a_board_has_told_stays_with_its_lease() {
        let place =
            Place::with(&[lease(1, 100, 5), serial(1, 0xc2ef_5601), lease(2, 101, NEVER), serial(3, 7)]);
        let text = std::fs::read_to_string(place.path()).unwrap();
        assert!(text.contains("\nserial dc:a6:32:00:00:01 c2ef5601 "), "{text}");
        let kept = [lease(1, 100, 5), lease(2, 101, NEVER), serial(1, 0xc2ef_5601)];
        assert_eq!(place.open(), (kept.to_vec(), None), "and not that of a board without a lease");
        assert_eq!(place.open().0, kept);
        // Its address goes to another board, and the number with it; the board itself may come back.
        let (mut store, _) = place.store();
        store.append(&[lease(4, 100, 6)]).unwrap();
        assert_eq!(store.records(), [lease(4, 100, 6), lease(2, 101, NEVER)]);
        store.append(&[lease(1, 102, 7), serial(1, 0xc2ef_5601)]).unwrap();
        drop(store);
        assert_eq!(place.open().0.last(), Some(&serial(1, 0xc2ef_5601)));
    }

    #[test]
    fn numbers_that_are_known_and_boards_that_are_gone_fill_no_file() {
        let place = Place::with(&[]);
        let (mut store, _) = place.store();
        for _ in 0..1000 {
            store.append(&[lease(1, 100, 5), serial(1, 7)]).unwrap();
        }
        assert_eq!(store.lines, 1001);
        // One address goes round among many that tell a number each.
        for n in 0..6000u32 {
            let [_, _, high, low] = n.to_be_bytes();
            let mac = Mac::new([2, 0, 0, 0, high, low]);
            let lease = Lease { mac, address: Ipv4Addr::new(10, 0, 0, 100), until: 5, soft: false };
            let serial = Serial::of_low(n);
            store.append(&[Record::Lease(lease), Record::Serial { mac, serial }]).unwrap();
        }
        assert!(store.lines < SLACK + 500 && store.serials.len() < SLACK, "{}", store.lines);
    }

    #[test]
    fn who_told_a_number_last_is_known_over_a_restart() {
        let place = Place::with(&[]);
        let (mut store, _) = place.store();
        for mac in [1, 2] {
            store.append(&[lease(mac, 100 + mac, NEVER), serial(mac, 7)]).unwrap();
        }
        assert_eq!(place_last(&store), serial(2, 7));
        store.append(&[serial(1, 7)]).unwrap();
        assert_eq!(place_last(&store), serial(1, 7));
        drop(store);
        // Twice: opening writes it anew.
        for _ in 0..2 {
            assert_eq!(place.open().0.last(), Some(&serial(1, 7)));
        }
    }

    fn place_last(store: &Store) -> Record {
        *store.records().last().unwrap()
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let place = Place::with(&[]);
        let path = place.path();
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        assert!(matches!(Store::open(&path), Err(Error::Leases { .. })));
    }

    #[test]
    fn two_processes_do_not_share_it() {
        let place = Place::with(&[]);
        let _first = place.store();
        assert!(matches!(Store::open(&place.path()), Err(Error::LeasesInUse { .. })));
    }

    #[test]
    fn a_full_disk_promises_nothing() {
        let place = Place::with(&[lease(1, 100, 5)]);
        let (mut store, _) = place.store();
        store.fill_disk();
        assert_eq!(store.append(&[lease(2, 101, 5)]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(store.records(), [lease(1, 100, 5)]);
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>) {
            for line in bytes.split(|byte| *byte == b'\n') {
                let _ = Record::parse(line);
            }
        }
    }
}
