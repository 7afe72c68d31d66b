//! The station looks after itself: what will be a problem is seen before it is one, and those that help get what they
//! need.
//!
//! | part | what it is |
//! |---|---|
//! | `trouble` | what is or will be a problem; pure |
//! | `support` | what goes into the file for support |
//!
//! Here: facts are collected, and what is new is told.

mod support;
mod trouble;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::store::MOST_STRANGERS;
use super::{Station, cert, now};
use crate::station_api::{Thing, Time, Trouble};
pub(super) use trouble::help;
pub(super) use trouble::{Certificate, Objects as ObjectFacts};
use trouble::{Facts, JUMP, Sample, troubles};

/// How often it looks at all of it.
const LOOK: u32 = 6;
/// How often it looks whether the database answers, which pages show: each [`LOOK`]th time at all of it.
const GLANCE: Duration = Duration::from_secs(5);
/// How often it is kept how much of the disk is free.
const KEEP: Time = 3_600_000;
/// So much of that is kept: three days.
const SAMPLES: usize = 72;
/// Where it stands in the store.
const DISK: &str = "care:disk";
/// Questions to the database of which the time is known.
const ASKED: usize = 10;

/// What was seen of the station.
#[derive(Debug, Default)]
pub(super) struct Care {
    troubles: Mutex<Arc<[Trouble]>>,
    certificate: Mutex<Option<Certificate>>,
    /// Why images can't be had now.
    objects: Mutex<Option<String>>,
}

impl Care {
    /// What is wrong with the station itself.
    fn troubles(&self) -> Arc<[Trouble]> {
        Arc::clone(&self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the bytes of images can't be had, as far as it was seen at the last look.
    pub(super) fn objects_away(&self) -> Option<String> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was seen of the place of the images' bytes.
    fn saw_objects(&self, away: Option<String>) {
        *self.objects.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }

    /// The certificate that is served.
    pub(super) fn serves(&self, pem: &[u8]) {
        let certificate = Certificate { ends: cert::ends(pem), names: cert::names(pem) };
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    /// Takes over what is wrong now. What wasn't wrong before; `None` where nothing is another than before.
    fn put(&self, all: Vec<Trouble>) -> Option<Vec<Trouble>> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if **troubles == *all {
            return None;
        }
        let before = std::mem::replace(&mut *troubles, all.into());
        // Figures in a sentence change while it is the same trouble.
        let is_known =
            |one: &Trouble| before.iter().any(|known| (known.about, known.is) == (one.about, one.is));
        Some(troubles.iter().filter(|one| !is_known(one)).cloned().collect())
    }
}

/// What is remembered between two looks.
struct Memory {
    samples: VecDeque<Sample>,
    asked: VecDeque<Duration>,
    jump: Option<(Time, Time)>,
    /// The clock, and one that can't be moved, at the last look.
    last: (Time, Instant),
}

impl Memory {
    /// Whether the clock was moved since the last look.
    fn tick(&mut self, now: Time, instant: Instant) {
        let passed = Time::try_from(instant.duration_since(self.last.1).as_millis()).unwrap_or(Time::MAX);
        let by = now.saturating_sub(self.last.0).saturating_sub(passed);
        if by.abs() > JUMP {
            self.jump = Some((now, by));
            // What was measured by that clock means nothing any more.
            self.samples.clear();
        }
        self.last = (now, instant);
    }
}

impl Station {
    /// Looks after itself, as long as it serves.
    pub(super) async fn care(self: Arc<Self>) {
        let mut memory = Memory {
            samples: self.disk_before().await.into(),
            asked: VecDeque::new(),
            jump: None,
            last: (now(), Instant::now()),
        };
        let mut each = tokio::time::interval(GLANCE);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut glances, mut answered) = (0_u32, true);
        loop {
            tokio::select! {
                _ = each.tick() => {}
                () = self.ending.cancelled() => return,
            }
            let answers = self.answers().await;
            let is_other = std::mem::replace(&mut answered, answers) != answers;
            let is_turn = glances.is_multiple_of(LOOK);
            glances = glances.wrapping_add(1);
            if !is_turn && !is_other {
                continue;
            }
            if answers && let Err(error) = self.suspect_slots().await {
                tracing::warn!(%error, "it can't be looked which slots are suspected");
            }
            let facts = self.facts(&mut memory).await;
            self.care.saw_objects(facts.objects.away.as_ref().map(|(why, _)| why.clone()));
            let Some(new) = self.care.put(troubles(&facts)) else { continue };
            self.changes.tell(Thing::Settings, "station", None);
            for trouble in new {
                tracing::warn!(
                    about = trouble.about.word(),
                    text = trouble.text,
                    "the station is in trouble"
                );
                self.ring_trouble(&trouble).await;
            }
        }
    }

    /// What is wrong now: with the station, and with its slots.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let mut all = self.care.troubles().to_vec();
        all.extend(self.suspects.troubles());
        all.sort_by_key(|trouble| std::cmp::Reverse(trouble.is));
        all
    }

    async fn disk_before(&self) -> Vec<Sample> {
        let kept = self.store().setting(DISK).await.ok().flatten().unwrap_or_default();
        let mut samples: Vec<Sample> = serde_json::from_str(&kept).unwrap_or_default();
        // Of another clock.
        samples.retain(|sample| sample.at <= now());
        samples.truncate(SAMPLES);
        samples
    }

    async fn facts(&self, memory: &mut Memory) -> Facts {
        let at = now();
        memory.tick(at, Instant::now());
        let free = self.disk().map(|(_, free)| free);
        let began = Instant::now();
        let answer = tokio::time::timeout(Duration::from_secs(10), self.store().answers()).await;
        let away = match answer {
            Ok(Ok(())) => {
                memory.asked.push_back(began.elapsed());
                memory.asked.drain(..memory.asked.len().saturating_sub(ASKED));
                None
            }
            Ok(Err(error)) => Some(crate::error::chain(&error)),
            Err(_) => Some("no answer within 10 s".to_owned()),
        };
        let oldest = at - KEEP * Time::try_from(SAMPLES).unwrap_or(Time::MAX);
        memory.samples.retain(|sample| sample.at >= oldest);
        if let Some(free) = free
            && memory.samples.back().is_none_or(|last| at - last.at >= KEEP)
        {
            memory.samples.push_back(Sample { at, free });
            let text = crate::format::json::line(&memory.samples).unwrap_or_default();
            if away.is_none()
                && let Err(error) = self.store().set(DISK, Some(&text)).await
            {
                tracing::warn!(%error, "how the disk fills isn't kept");
            }
        }
        let database = match &away {
            None => self.store().bytes().await.ok(),
            Some(_) => None,
        };
        let certificate = self.care.certificate.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A database that is away is waited for once.
        let values = match &away {
            None => self.store().values_drawn().await.unwrap_or_default(),
            Some(_) => Vec::new(),
        };
        let doubles = match &away {
            None => self.doubled().await.unwrap_or_default(),
            Some(_) => Vec::new(),
        };
        let jumpers = match &away {
            None => self.one_number().await.unwrap_or_default(),
            Some(_) => Vec::new(),
        };
        let strangers = match &away {
            None => self.store().strangers().await.ok().map(|waiting| (waiting, MOST_STRANGERS)),
            Some(_) => None,
        };
        let objects = match &away {
            None => self.objects_facts().await,
            Some(_) => trouble::Objects::default(),
        };
        let printers = match &away {
            None => self.store().printers().await.unwrap_or_default(),
            Some(_) => Vec::new(),
        };
        Facts {
            now: at,
            room: self.room(),
            free,
            samples: memory.samples.iter().copied().collect(),
            synchronised: synchronised(),
            jump: memory.jump,
            up: self.began.elapsed(),
            asked: memory.asked.iter().copied().collect(),
            away,
            database,
            certificate,
            values,
            switches: self.switches.wrong(),
            doubles,
            jumpers,
            strangers,
            objects,
            printers,
            names: self.options.settings.station.names.value.clone(),
        }
    }

    /// Bytes of the station's disk, and how many of them are free.
    pub(super) fn disk(&self) -> Option<(u64, u64)> {
        let disk = rustix::fs::statvfs(self.state()).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some((bytes(disk.f_blocks), bytes(disk.f_bavail)))
    }
}

/// Whether the kernel's clock is kept by something that knows the time: adjtimex(2). `None` where it isn't told.
fn synchronised() -> Option<bool> {
    // SAFETY: timex is a structure of numbers, for which zeros are values; with `modes` 0 nothing is changed.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a whole timex of our own.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    (state >= 0).then_some(state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::{TroubleIs, TroubleOf};

    fn trouble(about: TroubleOf, is: TroubleIs, text: &str) -> Trouble {
        Trouble { about, is, text: text.to_owned(), hint: "x".into(), help: String::new() }
    }

    #[test]
    fn what_is_new_is_told_once_and_again_when_it_gets_worse() {
        let care = Care::default();
        let coming = |text| trouble(TroubleOf::Disk, TroubleIs::Coming, text);
        assert_eq!(care.put(Vec::new()), None);
        assert_eq!(care.put(vec![coming("5 days")]), Some(vec![coming("5 days")]));
        assert_eq!(care.put(vec![coming("5 days")]), None);
        assert_eq!(care.put(vec![coming("4 days")]), Some(Vec::new()), "pages show it, hooks don't");
        let here = trouble(TroubleOf::Disk, TroubleIs::Here, "full");
        assert_eq!(care.put(vec![here.clone()]), Some(vec![here]));
        assert_eq!(care.put(Vec::new()), Some(Vec::new()));
        assert_eq!(care.troubles().len(), 0);
    }

    #[test]
    fn a_clock_that_is_moved_is_seen_and_one_that_goes_isn_t() {
        let began = Instant::now();
        let mut memory = Memory {
            samples: VecDeque::from([Sample { at: 0, free: 1 }]),
            asked: VecDeque::new(),
            jump: None,
            last: (1000, began),
        };
        memory.tick(31_500, began + Duration::from_secs(30));
        assert_eq!((memory.jump, memory.samples.len()), (None, 1));
        memory.tick(31_500, began + Duration::from_secs(60));
        assert_eq!((memory.jump, memory.samples.len()), (Some((31_500, -30_000)), 0));
    }
}
