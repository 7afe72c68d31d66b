//! Chunk by chunk: look, fetch, prove, write.

use std::io;
use std::ops::Range;

use super::similar::samples;
use super::{Error, Job, Ordering, Stage, lock};
use crate::agent::source::{Got, Plan};
use crate::image::aligned::Aligned;
use crate::image::chunk::object::Unpacker;
use crate::image::chunk::{CHUNK, PIECE};

/// So many zero pieces in a row are zeroed by the disk; fewer are sent with what is beside them, which costs it less.
const MANY: usize = 16;

/// What is to be done with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Todo {
    /// The disk has it, or it is written later.
    Nothing,
    /// It becomes zero.
    Zero,
    /// It is fetched, and written now.
    Write,
    /// It is fetched, and written at the end.
    Hold,
}

/// A chunk under work.
struct Work<'a> {
    number: u64,
    plan: &'a Plan,
    todo: Vec<Todo>,
}

impl Work<'_> {
    const fn at(&self) -> u64 {
        self.number * CHUNK
    }

    fn place(&self, piece: usize) -> Range<u64> {
        let within = self.plan.place(piece);
        self.at() + within.start as u64..self.at() + within.end as u64
    }

    /// Neighbours of which `same` is true for all, from `from` on.
    fn run(&self, from: usize, same: impl Fn(Todo) -> bool) -> Range<usize> {
        let len = self.todo.iter().skip(from).take_while(|todo| same(**todo)).count();
        from..from + len
    }

    /// The next pieces that are fetched at once. Zeros among them are stored nowhere: with them it is one call less.
    fn wanted(&self, from: usize) -> Range<usize> {
        let wanted = |piece: usize| matches!(self.todo[piece], Todo::Write | Todo::Hold);
        let mut end = from;
        for piece in from..self.todo.len() {
            if wanted(piece) {
                end = piece + 1;
            } else if end == from || self.plan.digest(piece).is_some() {
                break;
            }
        }
        from..end
    }

    const fn within(&self, pieces: &Range<usize>) -> Range<usize> {
        self.plan.place(pieces.start).start..self.plan.place(pieces.end - 1).end
    }
}

impl Job<'_> {
    /// What each thread does.
    pub(super) fn write_chunks(&self) -> Result<(), Error> {
        let mut raw = Aligned::new(CHUNK as usize);
        let zeros = Aligned::new(CHUNK as usize / 4);
        let mut unpacker =
            Unpacker::new().map_err(|error| Error::Thread(io::Error::other(error.to_string())))?;
        while let Some(number) = self.turn()? {
            let Some(plan) = self.source.plan(number)? else { break };
            let end = number * CHUNK + plan.len as u64;
            self.fits(end, self.source.raw_len().is_none())?;
            self.end.fetch_max(end, Ordering::Relaxed);
            let mut work = Work { number, plan: &plan, todo: Vec::with_capacity(plan.count()) };
            self.choose(&mut work, &mut raw)?;
            self.fetch(&work, &mut raw, &mut unpacker)?;
            self.put(&work, &mut raw, &zeros)?;
            self.advance(Stage::Write, plan.len as u64);
        }
        Ok(())
    }

    /// Decides about each piece. Where the disk looks alike it is read, and what it has stays.
    fn choose(&self, work: &mut Work<'_>, raw: &mut [u8]) -> Result<(), Error> {
        for piece in 0..work.plan.count() {
            let held = self.is_held(&work.place(piece));
            let zero = work.plan.digest(piece).is_none();
            work.todo.push(match (held, zero) {
                (false, false) => Todo::Write,
                (false, true) => Todo::Zero,
                (true, false) => self.was_there(work, piece),
                // Zeros are there since the beginning, or are the last bytes of a disk.
                (true, true) => self.zero_end(&work.place(piece)),
            });
        }
        if !self.looks_alike(work, raw)? {
            return Ok(());
        }
        self.disk.read(&mut raw[..work.plan.len], work.at())?;
        for (piece, todo) in work.todo.iter_mut().enumerate() {
            let within = work.plan.place(piece);
            if matches!(todo, Todo::Write | Todo::Zero) && work.plan.is(piece, &raw[within.clone()]) {
                if *todo == Todo::Write {
                    self.counts.kept.fetch_add(within.len() as u64, Ordering::Relaxed);
                }
                *todo = Todo::Nothing;
            }
        }
        Ok(())
    }

    /// A piece that is written at the end: it may have been on the disk before its beginning was zeroed.
    fn was_there(&self, work: &Work<'_>, piece: usize) -> Todo {
        let place = work.place(piece);
        match self.saved.get(place.start as usize..place.end as usize) {
            Some(saved) if place.start < super::HEAD && work.plan.is(piece, saved) => {
                self.counts.kept.fetch_add(saved.len() as u64, Ordering::Relaxed);
                lock(&self.held).insert(place.start, saved.to_vec());
                Todo::Nothing
            }
            _ => Todo::Hold,
        }
    }

    /// A zero piece in the first MiB is done. At the end of a disk only its last bytes are.
    const fn zero_end(&self, place: &Range<u64>) -> Todo {
        if place.start < super::HEAD { Todo::Nothing } else { Todo::Zero }
    }

    fn looks_alike(&self, work: &Work<'_>, raw: &mut [u8]) -> Result<bool, Error> {
        let full: Vec<_> = (0..work.todo.len()).filter(|piece| work.todo[*piece] == Todo::Write).collect();
        if full.is_empty() || !lock(&self.similar).asks(work.number) {
            return Ok(false);
        }
        let mut hit = false;
        for sample in samples(full.len()) {
            let piece = full[sample];
            let within = work.plan.place(piece);
            self.disk.read(&mut raw[..within.len()], work.place(piece).start)?;
            hit |= work.plan.is(piece, &raw[..within.len()]);
            if hit {
                break;
            }
        }
        lock(&self.similar).learn(hit);
        Ok(hit)
    }

    /// Fetches what is missing, and proves it.
    fn fetch(&self, work: &Work<'_>, raw: &mut [u8], unpacker: &mut Unpacker) -> Result<(), Error> {
        let mut from = 0;
        while from < work.todo.len() {
            let run = work.wanted(from);
            if run.is_empty() {
                from += 1;
                continue;
            }
            from = run.end;
            // What is damaged on its way is asked for again, once.
            match self.fetch_run(work, run.clone(), raw, unpacker)? {
                None => {}
                Some(_) => {
                    if let Some(piece) = self.fetch_run(work, run, raw, unpacker)? {
                        return Err(Error::Damaged { at: work.place(piece).start });
                    }
                }
            }
        }
        Ok(())
    }

    /// Says which piece is damaged.
    fn fetch_run(
        &self,
        work: &Work<'_>,
        run: Range<usize>,
        raw: &mut [u8],
        unpacker: &mut Unpacker,
    ) -> Result<Option<usize>, Error> {
        let got = self.source.fetch(work.number, work.plan, run.clone())?;
        let (Got::Stored(bytes) | Got::Raw(bytes)) = &got;
        self.counts.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut at = 0;
        for piece in run {
            let space = &mut raw[work.plan.place(piece)];
            let taken = match &got {
                Got::Raw(bytes) => bytes.get(at..at + space.len()).map(|bytes| {
                    space.copy_from_slice(bytes);
                    bytes.len()
                }),
                Got::Stored(bytes) => {
                    let len = work.plan.pieces.get(piece).map_or(0, |piece| piece.stored_len as usize);
                    bytes
                        .get(at..at + len)
                        .filter(|stored| unpacker.piece(stored, space).is_ok())
                        .map(<[u8]>::len)
                }
            };
            match taken {
                Some(taken) if work.plan.is(piece, space) => at += taken,
                _ => return Ok(Some(piece)),
            }
        }
        Ok(None)
    }

    /// Writes it.
    fn put(&self, work: &Work<'_>, raw: &mut [u8], zeros: &[u8]) -> Result<(), Error> {
        for (piece, todo) in work.todo.iter().enumerate() {
            let within = work.plan.place(piece);
            match todo {
                Todo::Hold => {
                    lock(&self.held).insert(work.place(piece).start, raw[within].to_vec());
                }
                Todo::Zero => raw[within].fill(0),
                Todo::Write | Todo::Nothing => {}
            }
        }
        let _one = lock(&self.writer);
        let mut from = 0;
        while from < work.todo.len() {
            let run = self.next_write(work, from);
            if run.is_empty() {
                from += 1;
                continue;
            }
            let within = work.within(&run);
            let at = work.at() + within.start as u64;
            if run.len() >= MANY && is_zero_run(work, &run) {
                self.zero(at, within.len() as u64, zeros)?;
            } else {
                self.disk.write(&raw[within.clone()], at)?;
                self.counts.written.fetch_add(within.len() as u64, Ordering::Relaxed);
            }
            from = run.end;
        }
        Ok(())
    }

    /// The next pieces that are done at once: many zeros, or what is written with the few zeros in it.
    fn next_write(&self, work: &Work<'_>, from: usize) -> Range<usize> {
        let zeros = work.run(from, |todo| todo == Todo::Zero);
        if zeros.len() >= MANY {
            return zeros;
        }
        let all = work.run(from, |todo| matches!(todo, Todo::Write | Todo::Zero));
        let many = all.clone().find(|piece| {
            work.todo[*piece] == Todo::Zero && work.run(*piece, |todo| todo == Todo::Zero).len() >= MANY
        });
        from..many.unwrap_or(all.end)
    }
}

fn is_zero_run(work: &Work<'_>, run: &Range<usize>) -> bool {
    work.todo[run.clone()].iter().all(|todo| *todo == Todo::Zero)
}

const _: () = assert!(CHUNK.is_multiple_of(PIECE));
