//! What a station does without being asked for.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::jobs::Clock;
use super::{Station, now};
use crate::station_api::Thing;

/// How often boards that went away are looked for.
const LOOK: Duration = Duration::from_secs(5);

impl Station {
    /// Starts it. It ends when what is given back is dropped.
    pub(super) fn background(self: &Arc<Self>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(self).leases());
        if let Some(path) = self.options.bootd.clone() {
            tasks.spawn(Arc::clone(self).with_bootd(path));
        }
        tasks
    }

    /// Boards that went away lose their jobs.
    async fn leases(self: Arc<Self>) {
        let mut clock = Clock::default();
        let mut each = tokio::time::interval(LOOK);
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            each.tick().await;
            let now = now();
            let step = clock.tick(now, self.began.elapsed());
            match self.store().expire(step, now).await {
                Ok(ended) => {
                    for job in ended {
                        tracing::info!(job = %job.id, board = %job.board, state = ?job.state, "a job ended: its lease did");
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
}
