//! The flash chip behind an SPI bus, as bytes that go to it and come back. No I/O: a driver sends what stands here.
//!
//! Commands and answers are those that all SPI NOR chips of this size share: JEDEC's identification (JESD216B, JEP106), and
//! the data sheets of the chips that Pis have (W25X40CL with 512 KiB, W25Q16 with 2 MiB).

use super::image::{Image, SECTOR};

/// What is programmed at once; a page never crosses a multiple of it.
const PAGE: usize = 256;
/// So often at most is a chip asked whether it is ready, with [`PAUSE_US`] between. A sector is erased in 0.4 seconds at most.
const MOST_ASKED: u32 = 4000;
/// Between two questions whether it is ready, in microseconds. It is for the driver to let them pass.
pub const PAUSE_US: u64 = 500;
/// So many bytes are read at once.
pub const CHUNK: usize = 2048;

const WRITE_ENABLE: u8 = 0x06;
const WRITE_DISABLE: u8 = 0x04;
const STATUS: u8 = 0x05;
const READ: u8 = 0x03;
const ERASE_SECTOR: u8 = 0x20;
const PROGRAM: u8 = 0x02;
const JEDEC: u8 = 0x9f;

/// It is at work.
const BUSY: u8 = 0x01;
/// It takes the next change.
const ENABLED: u8 = 0x02;
/// Parts of it can't be changed.
const PROTECTED: u8 = 0x1c;

/// Bytes for the chip, and how many come back after them while it stays selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// What goes out.
    pub out: Vec<u8>,
    /// How many bytes come back.
    pub back: usize,
    /// The chip is at work: [`PAUSE_US`] have to pass before it is asked again.
    pub pause: bool,
}

impl Send {
    fn of(out: Vec<u8>, back: usize) -> Self {
        Self { out, back, pause: false }
    }
}

/// Why a chip isn't written to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing was written.
    #[error("the flash chip is protected against writing; nothing of it was changed")]
    Protected,
    /// It doesn't do what it is told.
    #[error("the flash chip doesn't take a change at {at:#x}")]
    Deaf {
        /// Where.
        at: usize,
    },
    /// It doesn't become ready.
    #[error("the flash chip is still at work at {at:#x} after two seconds")]
    Busy {
        /// Where.
        at: usize,
    },
}

/// Asks which chip it is: three bytes come back.
#[must_use]
pub fn identify() -> Send {
    Send::of(vec![JEDEC], 3)
}

/// How long a chip is that identifies itself so, in bytes; `None` for what is no chip of an EEPROM, or no chip at all.
#[must_use]
pub fn len_of(id: [u8; 3]) -> Option<u64> {
    // An open line reads as all ones or all zeros. The third byte is the length as a power of two.
    let len = 1_u64.checked_shl(u32::from(id[2]))?;
    (!matches!(id[0], 0x00 | 0xff) && Image::SIZES.contains(&len)).then_some(len)
}

/// Reads [`CHUNK`] bytes or less from an offset.
#[must_use]
pub fn read(at: usize, len: usize) -> Send {
    Send::of(addressed(READ, at), len.min(CHUNK))
}

fn addressed(command: u8, at: usize) -> Vec<u8> {
    // No chip here is longer than 24 bits can say.
    let [_, high, middle, low] = (at as u32).to_be_bytes();
    vec![command, high, middle, low]
}

/// Where the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    /// Nothing was sent yet.
    Begin,
    /// The first status is to come.
    Looked,
    /// The next change is to be enabled.
    Change,
    /// It was enabled; its status is to be asked.
    Enable,
    /// The status that says whether it is enabled is to come.
    Enabled,
    /// The change was sent; its status is to be asked.
    Sent,
    /// A status that says whether it is ready is to come.
    Wait,
    /// All is written; nothing can be changed any more.
    End,
}

/// A sector is erased and written with what is new in it.
#[derive(Debug)]
pub struct Write<'a> {
    image: &'a [u8],
    /// Offsets of changes that are still to come, the next one last: whether it is an erasure.
    todo: Vec<(usize, bool)>,
    now: Now,
    asked: u32,
}

impl<'a> Write<'a> {
    /// Writes an image where it differs from what `was` there. The first sector has what the board's ROM starts, so it comes
    /// last.
    #[must_use]
    pub fn new(image: &'a [u8], was: &[u8]) -> Self {
        let mut todo = Vec::new();
        for at in (0..image.len()).step_by(SECTOR) {
            let new = &image[at..(at + SECTOR).min(image.len())];
            if was.get(at..at + new.len()) == Some(new) {
                continue;
            }
            // Taken from the end: pages come after the erasure.
            for page in (at..at + new.len()).step_by(PAGE).rev() {
                let page_is = &image[page..(page + PAGE).min(image.len())];
                // What is erased has only ones.
                if page_is.iter().any(|byte| *byte != 0xff) {
                    todo.push((page, false));
                }
            }
            todo.push((at, true));
        }
        Self { image, todo, now: Now::Begin, asked: 0 }
    }

    /// Bytes of the sectors that are written.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.todo.iter().filter(|(_, erase)| *erase).count() as u64 * SECTOR as u64
    }

    /// What goes to the chip next, where `answer` came back for what went before; `None`: all is written.
    ///
    /// # Errors
    /// [`Trouble`]: the chip is to be read, and what is there told.
    pub fn next(&mut self, answer: &[u8]) -> Result<Option<Send>, Trouble> {
        let at = self.todo.last().map_or(0, |(at, _)| *at);
        let status = answer.first().copied().unwrap_or(0xff);
        let ask = |pause| Ok(Some(Send { pause, ..Send::of(vec![STATUS], 1) }));
        match self.now {
            Now::Begin => {
                self.now = Now::Looked;
                ask(false)
            }
            Now::Looked if status & PROTECTED != 0 => Err(Trouble::Protected),
            Now::Looked | Now::Change => {
                self.now = if self.todo.is_empty() { Now::End } else { Now::Enable };
                let command = if self.todo.is_empty() { WRITE_DISABLE } else { WRITE_ENABLE };
                Ok(Some(Send::of(vec![command], 0)))
            }
            Now::Enable => {
                self.now = Now::Enabled;
                ask(false)
            }
            Now::Enabled if status & ENABLED == 0 || status & BUSY != 0 => Err(Trouble::Deaf { at }),
            Now::Enabled => {
                self.now = Now::Sent;
                self.asked = 0;
                let is_erasure = self.todo.last().is_some_and(|(_, erase)| *erase);
                let mut out = addressed(if is_erasure { ERASE_SECTOR } else { PROGRAM }, at);
                if !is_erasure {
                    out.extend(&self.image[at..(at + PAGE).min(self.image.len())]);
                }
                Ok(Some(Send::of(out, 0)))
            }
            Now::Sent => {
                self.now = Now::Wait;
                ask(false)
            }
            Now::Wait if status & BUSY == 0 => {
                self.todo.pop();
                self.now = Now::Change;
                self.next(&[])
            }
            Now::Wait if self.asked >= MOST_ASKED => Err(Trouble::Busy { at }),
            Now::Wait => {
                self.asked += 1;
                ask(true)
            }
            Now::End => Ok(None),
        }
    }
}

/// Reads all of a chip; `exchange` sends.
///
/// # Errors
/// What `exchange` says.
pub fn read_all<E>(len: usize, mut exchange: impl FnMut(&Send) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let mut all = Vec::with_capacity(len);
    while all.len() < len {
        let mut bytes = exchange(&read(all.len(), len - all.len()))?;
        // A driver that gives less than was asked for would never end.
        bytes.resize(CHUNK.min(len - all.len()), 0);
        all.append(&mut bytes);
    }
    Ok(all)
}

/// Writes an image where it differs from what `was` there: so many bytes of sectors.
///
/// # Errors
/// What `exchange` says; [`Trouble`].
pub fn write_all<E: From<Trouble>>(
    image: &[u8],
    was: &[u8],
    mut exchange: impl FnMut(&Send) -> Result<Vec<u8>, E>,
) -> Result<u64, E> {
    let mut write = Write::new(image, was);
    let sectors = write.sectors();
    let mut answer = Vec::new();
    while let Some(send) = write.next(&answer)? {
        answer = exchange(&send)?;
    }
    Ok(sectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chip, as its data sheet has it: it can only clear bits, and forgets after each change that it may be changed.
    struct Chip {
        cells: Vec<u8>,
        enabled: bool,
        busy: u32,
        protected: bool,
        changes: Vec<(u8, usize)>,
    }

    impl Chip {
        fn new(cells: Vec<u8>) -> Self {
            Self { cells, enabled: false, busy: 0, protected: false, changes: Vec::new() }
        }

        fn take(&mut self, send: &Send) -> Vec<u8> {
            let out = &send.out;
            let at = || usize::from(out[1]) << 16 | usize::from(out[2]) << 8 | usize::from(out[3]);
            if self.busy > 0 && out[0] != STATUS {
                return vec![0xff; send.back];
            }
            match out[0] {
                STATUS => {
                    let is_busy = self.busy > 0;
                    self.busy = self.busy.saturating_sub(1);
                    let bits = [(is_busy, BUSY), (self.enabled, ENABLED), (self.protected, 0x04)];
                    return vec![bits.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum()];
                }
                WRITE_ENABLE => self.enabled = true,
                WRITE_DISABLE => self.enabled = false,
                READ => return self.cells[at()..at() + send.back].to_vec(),
                ERASE_SECTOR if self.enabled && !self.protected => {
                    let from = at() / SECTOR * SECTOR;
                    self.cells[from..from + SECTOR].fill(0xff);
                    (self.enabled, self.busy) = (false, 7);
                    self.changes.push((ERASE_SECTOR, from));
                }
                PROGRAM if self.enabled && !self.protected => {
                    for (index, byte) in out[4..].iter().enumerate() {
                        // It goes round within its page.
                        let cell = at() / PAGE * PAGE + (at() + index) % PAGE;
                        self.cells[cell] &= byte;
                    }
                    (self.enabled, self.busy) = (false, 3);
                    self.changes.push((PROGRAM, at()));
                }
                _ => {}
            }
            vec![0; send.back]
        }
    }

    fn run(chip: &mut Chip, image: &[u8]) -> Result<u64, Trouble> {
        let was = read_all(chip.cells.len(), |send| Ok::<_, Trouble>(chip.take(send)))?;
        assert!(was == chip.cells);
        write_all(image, &was, |send| {
            let answer = chip.take(send);
            assert_eq!(answer.len(), send.back);
            Ok(answer)
        })
    }

    fn pattern(len: usize, seed: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 + at / 251 + seed) as u8).collect()
    }

    #[test]
    fn both_chips_are_written_where_they_differ_and_the_first_sector_last() {
        for len in Image::SIZES.map(|len| len as usize) {
            let was = pattern(len, 0);
            let mut image = was.clone();
            image[0] ^= 0x55;
            image[SECTOR * 3..SECTOR * 4].fill(0xff);
            image[len - 1] ^= 1;
            let mut chip = Chip::new(was.clone());
            assert_eq!(run(&mut chip, &image), Ok(3 * SECTOR as u64));
            assert!(chip.cells == image);
            assert!(!chip.enabled);
            let erased: Vec<_> = chip.changes.iter().filter(|(what, _)| *what == ERASE_SECTOR).collect();
            assert_eq!(
                erased,
                [&(ERASE_SECTOR, len - SECTOR), &(ERASE_SECTOR, 3 * SECTOR), &(ERASE_SECTOR, 0)]
            );
            // What is erased isn't programmed with ones.
            assert!(
                !chip
                    .changes
                    .iter()
                    .any(|(what, at)| *what == PROGRAM && (3 * SECTOR..4 * SECTOR).contains(at))
            );
            assert_eq!(run(&mut chip, &image), Ok(0), "what is there isn't written");
            let mut whole = Chip::new(pattern(len, 9));
            run(&mut whole, &image).unwrap();
            assert!(whole.cells == image);
        }
    }

    #[test]
    fn a_chip_that_is_protected_deaf_or_never_ready_is_told() {
        let (was, image) = (pattern(512 << 10, 0), pattern(512 << 10, 1));
        let mut chip = Chip { protected: true, ..Chip::new(was.clone()) };
        assert_eq!(run(&mut chip, &image), Err(Trouble::Protected));
        assert!(chip.cells == was && chip.changes.is_empty());
        let last = image.len() - SECTOR;
        let mut write = Write::new(&image, &was);
        assert_eq!(write.next(&[]).unwrap().unwrap().out, [STATUS]);
        assert_eq!(write.next(&[0]).unwrap().unwrap().out, [WRITE_ENABLE]);
        assert_eq!(write.next(&[]).unwrap().unwrap().out, [STATUS]);
        assert_eq!(write.next(&[0]), Err(Trouble::Deaf { at: last }));
        let mut write = Write::new(&image, &was);
        let mut sent = 0;
        let answers = |send: &Send, busy: bool| vec![if busy { BUSY } else { ENABLED }; send.back];
        let mut send = write.next(&[]).unwrap().unwrap();
        let mut busy = false;
        let error = loop {
            busy |= send.out[0] == ERASE_SECTOR;
            sent += 1;
            match write.next(&answers(&send, busy)) {
                Ok(next) => send = next.unwrap(),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Trouble::Busy { at: last });
        assert!((MOST_ASKED..MOST_ASKED + 9).contains(&sent), "{sent}");
    }

    #[test]
    fn chips_are_known_by_their_identification() {
        for (id, len) in [
            ([0xef, 0x30, 0x13], Some(512 << 10)),
            ([0xef, 0x40, 0x15], Some(2 << 20)),
            ([0xef, 0x40, 0x18], None),
            ([0xff, 0xff, 0xff], None),
            ([0x00, 0x00, 0x00], None),
            ([0x00, 0x40, 0x15], None),
        ] {
            assert_eq!(len_of(id), len, "{id:x?}");
        }
        assert_eq!((identify().out, identify().back), (vec![0x9f], 3));
        assert_eq!((read(0x12_3456, 9999).out, read(0, 9999).back), (vec![0x03, 0x12, 0x34, 0x56], CHUNK));
    }
}
