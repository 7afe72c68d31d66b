//! How long things are kept, and what goes when the disk gets full. What a board has to do, and what was done with it as
//! a job, stays: rules look at that.

use super::db::{Value, values};
use super::{Error, Store};
use crate::station_api::{Room, Time};

/// Rows that go in one transaction: nobody waits for long.
const PART: i64 = 500;
const DAY: Time = 86_400_000;

/// How long things are kept. What isn't said is kept for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// Runs, in days from their beginning.
    pub runs_days: Option<u32>,
    /// So many runs, the newest.
    pub runs_most: Option<u64>,
    /// Lines of runs' logs, in days.
    pub logs_days: Option<u32>,
    /// Sightings, and boards of which nothing but sightings is known, in days.
    pub sightings_days: Option<u32>,
    /// What people did, in days.
    pub audit_days: Option<u32>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Runs, with their logs.
    pub runs: u64,
    /// Lines of other runs' logs.
    pub lines: u64,
    /// Sightings.
    pub sightings: u64,
    /// Boards that only sightings knew.
    pub boards: u64,
    /// What people did.
    pub audit: u64,
}

/// How much room a disk has, from the bytes that are free for this user, of all bytes: less than 2 GiB or a twentieth is
/// short, and less than 256 MiB is the last.
#[must_use]
pub const fn room(free: u64, total: u64) -> Room {
    if free < 256 << 20 {
        Room::Last
    } else if free < 2 << 30 || free < total / 20 {
        Room::Short
    } else {
        Room::Enough
    }
}

impl Room {
    /// Whether an image may be taken in, or a backup begun.
    #[must_use]
    pub const fn takes_images(self) -> bool {
        !matches!(self, Self::Last)
    }

    /// Whether a job may be begun.
    #[must_use]
    pub const fn begins_jobs(self) -> bool {
        !matches!(self, Self::Last)
    }
}

impl Keep {
    /// The same, where there is so much room.
    #[must_use]
    pub fn with(&self, room: Room) -> Self {
        let most = |days: Option<u32>, most: u32| Some(days.map_or(most, |days| days.min(most)));
        match room {
            Room::Enough => self.clone(),
            Room::Short => Self { logs_days: most(self.logs_days, 7), ..self.clone() },
            Room::Last => {
                Self { logs_days: Some(0), sightings_days: most(self.sightings_days, 1), ..self.clone() }
            }
        }
    }
}

impl Store {
    /// Removes what is older than is kept. Runs that go on, and those that have made a backup which is still there, stay.
    ///
    /// # Errors
    /// What the database says; what was removed until then is.
    pub async fn retain(&self, keep: &Keep, now: Time) -> Result<Removed, Error> {
        let before = |days: Option<u32>| days.map(|days| now.saturating_sub(Time::from(days) * DAY));
        let mut removed = Removed::default();
        let mut oldest = before(keep.runs_days);
        if let Some(most) = keep.runs_most {
            // Of runs that began in one millisecond all stay.
            let sql = "SELECT started FROM run ORDER BY started DESC, id DESC LIMIT 1 OFFSET $1";
            if let Some(mut row) = self.db.row(sql, values![most.saturating_sub(1)]).await? {
                oldest = oldest.max(Some(row.number()?));
            }
        }
        if let Some(oldest) = oldest {
            let sql = "DELETE FROM run WHERE id IN (SELECT r.id FROM run r WHERE r.started < $1
                       AND r.outcome <> 'unfinished' AND NOT EXISTS (SELECT 1 FROM backup b WHERE b.run = r.id)
                       ORDER BY r.started, r.id LIMIT $2)";
            removed.runs = self.remove(sql, oldest).await?;
        }
        if let Some(oldest) = before(keep.logs_days) {
            let sql = "DELETE FROM run_line WHERE (run, n) IN
                       (SELECT l.run, l.n FROM run_line l WHERE l.said < $1 ORDER BY l.said LIMIT $2)";
            removed.lines = self.remove(sql, oldest).await?;
        }
        if let Some(oldest) = before(keep.sightings_days) {
            let sql = "DELETE FROM sighting WHERE (way, place, who) IN
                       (SELECT s.way, s.place, s.who FROM sighting s WHERE s.seen < $1 ORDER BY s.seen LIMIT $2)";
            removed.sightings = self.remove(sql, oldest).await?;
            let sql = "DELETE FROM board WHERE id IN (SELECT b.id FROM board b WHERE b.enrolment = 'waiting'
                       AND b.last_seen < $1 AND b.name IS NULL AND b.note = ''
                       AND NOT EXISTS (SELECT 1 FROM run r WHERE r.board = b.id)
                       AND NOT EXISTS (SELECT 1 FROM job j WHERE j.board = b.id) LIMIT $2)";
            removed.boards = self.remove(sql, oldest).await?;
        }
        if let Some(oldest) = before(keep.audit_days) {
            removed.audit = self.cut_audit(oldest).await?;
        }
        Ok(removed)
    }

    /// In parts, so that writers get their turn between them.
    async fn remove(&self, sql: &str, oldest: Time) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let removed = tx.run(sql, &[Value::from(oldest), Value::from(PART)]).await?;
            tx.commit().await?;
            all += removed;
            if removed < PART.unsigned_abs() {
                return Ok(all);
            }
        }
    }
}
