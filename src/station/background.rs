//! What a station does without being asked for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::jobs::{Clock, LEASE, QUIET, ROUSE};
use super::spool;

use super::{Station, now};
use crate::station_api::{JobState, Room, Thing, Time};
use crate::stop::Stop;

/// How often boards that went away are looked for.
const LOOK: Duration = Duration::from_secs(5);
/// How often boards whose rules can't start are looked at, where nobody has changed anything: each takes a look at its image.
const STUCK: Duration = Duration::from_secs(30);
/// How often records of other commands are looked for.
const SPOOL: Duration = Duration::from_secs(10);
/// How often what is old is removed.
const TIDY: Duration = Duration::from_secs(3600);

impl Station {
    /// Starts it. It ends when what is given back is dropped.
    pub(super) fn background(self: &Arc<Self>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(self).leases());
        tasks.spawn(Arc::clone(self).spool());
        tasks.spawn(Arc::clone(self).tidy());
        tasks.spawn(Arc::clone(self).collect());
        tasks.spawn(Arc::clone(self).tidy_uploads());
        tasks.spawn(Arc::clone(self).feed());
        tasks.spawn(Arc::clone(self).follow_runs());
        tasks.spawn(Arc::clone(self).tell_hooks());
        tasks.spawn(Arc::clone(self).print_labels());
        tasks.spawn(Arc::clone(self).run_host_hooks());
        tasks.spawn(Arc::clone(self).ask_for_values());
        tasks.spawn(Arc::clone(self).follow_objects());
        tasks.spawn(Arc::clone(self).care());
        tasks.spawn(Arc::clone(self).ask_switches());
        tasks.spawn(Arc::clone(self).note_refused());
        if let Some(path) = self.options.bootd.clone() {
            tasks.spawn(Arc::clone(self).with_bootd(path));
        }
        tasks
    }

    /// What other commands of this host have done to boards is seen here too.
    async fn spool(self: Arc<Self>) {
        let mut each = tokio::time::interval(SPOOL);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = String::new();
        loop {
            each.tick().await;
            match spool::take(self.store(), &self.options.records, now()).await {
                Ok(taken) => {
                    told.clear();
                    for (file, why) in &taken.damaged {
                        tracing::warn!(?file, ?why, "a record can't be taken in");
                    }
                    if taken.records > 0 {
                        self.changes.tell(Thing::Gap, "", None);
                    }
                }
                Err(error) => {
                    let error = crate::error::chain(&error);
                    // It stays so until somebody changes it: it is told once.
                    if error != told {
                        tracing::warn!(error, "records of other commands can't be looked at");
                        told = error;
                    }
                }
            }
        }
    }

    /// What is old goes; more of it, where the disk is full.
    async fn tidy(self: Arc<Self>) {
        let mut each = tokio::time::interval(TIDY);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            each.tick().await;
            let room = self.room();
            if room != Room::Enough {
                tracing::warn!(?room, "the station's disk gets full");
            }
            match self.store().retain(&self.settings.keep().with(room), now()).await {
                Ok(removed) => tracing::debug!(?removed, "what is old was removed"),
                Err(error) => tracing::warn!(%error, "what is old can't be removed"),
            }
        }
    }

    /// The bytes of images that were removed, or that never came whole, go: soon after that, and each hour.
    async fn collect(self: Arc<Self>) {
        let mut each = tokio::time::interval(TIDY);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = each.tick() => {}
                () = self.unneeded.notified() => {}
                () = self.ending.cancelled() => return,
            }
            let stop = match Stop::new() {
                Ok(stop) => stop,
                Err(error) => {
                    tracing::warn!(%error, "what nobody needs can't be removed");
                    continue;
                }
            };
            let (images, end) = (self.images.clone(), stop.clone());
            let mut work = tokio::task::spawn_blocking(move || images.collect(&stop));
            let collected = tokio::select! {
                collected = &mut work => collected,
                () = self.ending.cancelled() => {
                    end.set();
                    work.await
                }
            };
            match collected {
                Ok(Ok(collected)) => tracing::debug!(?collected, "what nobody needs was removed"),
                Ok(Err(_)) if end.is_set() => return,
                Ok(Err(error)) => tracing::warn!(%error, "what nobody needs can't be removed"),
                Err(error) => tracing::warn!(%error, "what nobody needs can't be removed"),
            }
        }
    }

    /// Boards that went away lose their jobs.
    async fn leases(self: Arc<Self>) {
        let mut clock = Clock::default();
        let (mut roused, mut looked) = (HashMap::new(), Instant::now());
        let mut each = tokio::time::interval(LOOK);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            each.tick().await;
            let now = now();
            let step = clock.tick(now, self.began.elapsed());
            self.rouse_silent(&mut roused, now).await;
            self.tell_silent(now).await;
            // An image may have come, or a board be in another slot. What people change is looked at when they do.
            if looked.elapsed() >= STUCK {
                self.look_at_stuck().await;
                looked = Instant::now();
            }
            self.images.rest();
            match self.store().expire(step, now).await {
                Ok(ended) => {
                    for job in ended {
                        tracing::info!(job = %job.id, board = %job.board, state = ?job.state, "a job ended: its lease did");
                        self.arrived_all(&job.id);
                        self.owns.forget(&job.id);
                        // One that is done was proved before.
                        if job.state != JobState::Done {
                            self.host_hooks_end(&job);
                        }
                        if let Err(refusal) = self.job_over(&job).await {
                            tracing::warn!(job = %job.id, why = %refusal.detail(), "a job that is tried again isn't told");
                        }
                        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
                        if let Some(run) = &job.run {
                            self.changes.tell(Thing::Run, run, Some(&job.board));
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "leases can't be looked at"),
            }
        }
    }

    /// For how long boards at work were not heard is seen where they are shown.
    async fn tell_silent(&self, now: Time) {
        match self.store().silent_jobs(now.saturating_add(LEASE - QUIET)).await {
            Ok(jobs) => {
                for job in jobs {
                    if let Some(run) = &job.run {
                        self.changes.tell(Thing::Run, run, Some(&job.board));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "silent boards can't be looked for"),
        }
    }

    /// Boards that were at something, and aren't heard any more, are started again by their reset lines, once for each
    /// time that they have drawn their job.
    async fn rouse_silent(self: &Arc<Self>, roused: &mut HashMap<String, u64>, now: Time) {
        match self.store().silent_jobs(now.saturating_sub(ROUSE)).await {
            Ok(jobs) => {
                roused.retain(|id, _| jobs.iter().any(|job| job.id == *id));
                for job in jobs {
                    if roused.insert(job.id.clone(), job.fence) != Some(job.fence) {
                        Arc::clone(self).rouse(job);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "silent boards can't be looked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::jobs::SILENCE;
    use super::super::testing::{drawn, station};
    use super::*;
    use crate::device_api::Action;
    use crate::station::jobs::Step;
    use crate::station_api::JobState;

    #[tokio::test]
    async fn a_board_that_falls_silent_at_its_job_is_started_again_once_by_its_line_and_then_loses_it() {
        let (_dir, station) = station().await;
        let mut asked = station.privileged.asked();
        let (began, mut roused) = (now(), HashMap::new());
        let job = drawn(&station, "00000000000000a1", Action::Backup, began).await;
        let none = async |asked: &mut tokio::sync::mpsc::Receiver<_>| {
            tokio::time::timeout(Duration::from_millis(200), asked.recv()).await.is_err()
        };
        // Its lease has ended, and it may only be slow.
        let late = began + LEASE + ROUSE;
        station.rouse_silent(&mut roused, late).await;
        assert!(none(&mut asked).await, "too early");
        station.rouse_silent(&mut roused, late + 1).await;
        let ask = tokio::time::timeout(Duration::from_secs(20), asked.recv()).await.unwrap().unwrap();
        assert_eq!(ask.target, "dc:a6:32:01:02:a1");
        ask.reply.send(Ok(())).unwrap();
        // Once, whatever it does then.
        station.rouse_silent(&mut roused, late + 5000).await;
        assert!(none(&mut asked).await, "once more");
        // It has come, drawn its job, and is silent again: that is another time.
        let again = station.store().draw(&job.board, late + 6000).await.unwrap().unwrap().job;
        assert_eq!((again.id.as_str(), again.fence), (job.id.as_str(), job.fence + 1));
        let later = late + 6000 + LEASE + ROUSE + 1;
        station.rouse_silent(&mut roused, later).await;
        let ask = tokio::time::timeout(Duration::from_secs(20), asked.recv()).await.unwrap().unwrap();
        drop(ask.reply.send(Ok(())));
        let ended = station.store().expire(Step::Steady, later).await.unwrap();
        assert!(ended.is_empty(), "it has time to start");
        let ended = station.store().expire(Step::Steady, late + 6000 + LEASE + SILENCE + 1).await.unwrap();
        assert_eq!((ended.len(), ended[0].state), (1, JobState::Lost));
    }
}
