//! Where a disk begins to be bootable: zeroed first, written last.

use std::io;
use std::time::Instant;

use super::{Error, HEAD, Job, Ordering, Stage, TAIL, Zeroing, lock};
use crate::agent::kept;
use crate::agent::source::is_zero;
use crate::image::aligned::Aligned;
use crate::image::chunk::CHUNK;

impl Job<'_> {
    /// Zeroes both ends, reads zeros back, and finds out on the way how this disk makes zeros fastest.
    pub(super) fn clear_ends(&self) -> Result<(), Error> {
        let mut best = None;
        for way in Zeroing::ALL {
            let took = self.try_zeroing(way)?;
            if let Some(took) = took
                && best.is_none_or(|(_, least)| took < least)
            {
                best = Some((way, took));
            }
        }
        *lock(&self.zeroing) = best.map(|(way, _)| way);
        self.spoil()
    }

    /// Whether zeros are read back after a way to make them: how long that took. The first MiB is overwritten with
    /// something else before, which no board starts.
    fn try_zeroing(&self, way: Zeroing) -> Result<Option<std::time::Duration>, Error> {
        let mut head = Aligned::new(HEAD.min(self.disk.size()) as usize);
        head.fill(0xa5);
        self.disk.write(&head, 0)?;
        self.disk.flush()?;
        let began = Instant::now();
        match self.disk.0.zero(0, head.len() as u64, way) {
            Ok(()) => {}
            // Whatever the reason: sending zeros is tried then, and tells what is wrong with the disk.
            Err(_) => return Ok(None),
        }
        self.disk.flush()?;
        let took = began.elapsed();
        self.disk.read(&mut head, 0)?;
        Ok(is_zero(&head).then_some(took))
    }

    /// Leaves nothing that a board would start: zeros are sent to both ends, and read back.
    pub(super) fn spoil(&self) -> Result<(), Error> {
        let size = self.disk.size();
        let tail = size.saturating_sub(TAIL);
        let mut zeros = Aligned::new(HEAD.min(size) as usize);
        for at in [0, tail] {
            let len = if at == 0 { zeros.len() } else { (size - tail) as usize };
            zeros.fill(0);
            self.disk.write(&zeros[..len], at)?;
            self.disk.flush()?;
            self.disk.read(&mut zeros[..len], at)?;
            if !is_zero(&zeros[..len]) {
                return Err(Error::Differs { disk: self.disk.name(), at });
            }
        }
        Ok(())
    }

    /// Puts the board's key to its place, where there is one. It starts nothing.
    pub(super) fn keep(&self) -> Result<(), Error> {
        let Some(bytes) = &self.kept else { return Ok(()) };
        let mut space = Aligned::new(bytes.len());
        space.copy_from_slice(bytes);
        self.disk.write(&space, kept::PLACE)?;
        self.disk.flush()
    }

    /// Takes it away again, as nothing that belongs there may be written over it.
    fn unkeep(&self) -> Result<(), Error> {
        let Some(bytes) = &self.kept else { return Ok(()) };
        let mut space = Aligned::new(bytes.len());
        self.disk.write(&space, kept::PLACE)?;
        self.disk.flush()?;
        self.disk.read(&mut space, kept::PLACE)?;
        if is_zero(&space) { Ok(()) } else { Err(Error::Differs { disk: self.disk.name(), at: kept::PLACE }) }
    }

    /// Writes what was held back, the very first piece last, and reads it back.
    pub(super) fn write_ends(&self) -> Result<(), Error> {
        let held = std::mem::take(&mut *lock(&self.held));
        let mut space = Aligned::new(crate::image::chunk::PIECE as usize);
        self.unkeep()?;
        for (at, bytes) in held.iter().rev() {
            if self.stop.is_set() {
                return Err(Error::Stopped);
            }
            if *at == 0 {
                // All else is on the disk before a board finds the beginning.
                self.disk.flush()?;
            }
            let space = &mut space[..bytes.len()];
            space.copy_from_slice(bytes);
            self.disk.write(space, *at)?;
            self.counts.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        self.disk.flush()?;
        let mut number = 0;
        let last = self.end.load(Ordering::Relaxed).saturating_sub(1) / CHUNK;
        // The ends are in the first chunk and in the last two; what lies between isn't held.
        while let Some(plan) = self.source.plan(number)? {
            for piece in 0..plan.count() {
                let within = plan.place(piece);
                let place = number * CHUNK + within.start as u64..number * CHUNK + within.end as u64;
                if self.is_held(&place) {
                    let space = &mut space[..within.len()];
                    self.disk.read(space, place.start)?;
                    if !plan.is(piece, space) {
                        return Err(Error::Differs { disk: self.disk.name(), at: place.start });
                    }
                    self.advance(Stage::ReadBack, space.len() as u64);
                }
            }
            number = if number + 2 < last { last - 1 } else { number + 1 };
        }
        Ok(())
    }

    /// Makes a range zero that may be large.
    pub(super) fn zero(&self, at: u64, len: u64, zeros: &[u8]) -> Result<(), Error> {
        let way = *lock(&self.zeroing);
        let whole = len - len % TAIL;
        if let Some(way) = way.filter(|_| whole > 0) {
            match self.disk.0.zero(at, whole, way) {
                Ok(()) => {
                    lock(&self.zeroed).push(at..at + whole);
                    self.counts.zeroed.fetch_add(whole, Ordering::Relaxed);
                    return self.send_zeros(at + whole, len - whole, zeros);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Sending them tells what is wrong, if something is.
                Err(_) => *lock(&self.zeroing) = None,
            }
        }
        self.send_zeros(at, len, zeros)
    }

    fn send_zeros(&self, mut at: u64, len: u64, zeros: &[u8]) -> Result<(), Error> {
        let end = at + len;
        while at < end {
            let count = (end - at).min(zeros.len() as u64);
            self.disk.write(&zeros[..count as usize], at)?;
            self.counts.written.fetch_add(count, Ordering::Relaxed);
            at += count;
        }
        Ok(())
    }
}
