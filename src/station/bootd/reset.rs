//! A board that doesn't answer is started again by its reset line, which the privileged half holds.
//!
//! Which line that is: the one of the board's slot, where that is a slot with a reset line; else that of the target with
//! the board's Ethernet address. Both are names in the privileged half's own database.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::wishes::{Ask, NotReset};
use crate::device_api::Action;
use crate::error::Kind;
use crate::power::run::Reset;
use crate::run::{Ending, Proof, Stage};
use crate::station::store::{Error, Finished};
use crate::station::{Station, now};
use crate::station_api::{Board, BoardChange, Held, Job, SlotKind, Thing};

/// Addresses of a board that are tried.
const MOST: usize = 4;

impl Station {
    /// What the board's line may be called in the privileged half's database, the likeliest first.
    async fn lines_of(&self, board: &Board) -> Result<Vec<String>, Error> {
        if let Some(name) = &board.slot
            && let Some(slot) = self.store().slots().await?.into_iter().find(|slot| slot.name == *name)
            && slot.kind == SlotKind::Reset
        {
            return Ok(vec![slot.place]);
        }
        Ok(board.macs.iter().take(MOST).map(ToString::to_string).collect())
    }

    /// Pulls the reset line of a board; what it is called.
    async fn pull(&self, board: &Board) -> Result<String, NotReset> {
        let lines =
            self.lines_of(board).await.map_err(|error| NotReset::Failed(crate::error::chain(&error)))?;
        let mut not =
            NotReset::NoLine("it has no slot with a reset line, and no Ethernet address".to_owned());
        for target in lines {
            let (reply, told) = oneshot::channel();
            let ask = Ask { target: target.clone(), reply };
            let ends = || NotReset::Away("the station ends".to_owned());
            self.privileged.ask.send(ask).await.map_err(|_| ends())?;
            match told.await.map_err(|_| ends())? {
                Ok(()) => return Ok(target),
                Err(why @ NotReset::NoLine(_)) => not = why,
                Err(why) => return Err(why),
            }
        }
        Err(not)
    }

    /// A board that has something to do, and doesn't ask for it, is started again by its line, where it has one. The
    /// network answers it then.
    pub(in crate::station) fn rouse(self: Arc<Self>, job: Job) {
        let ending = self.ending.clone();
        let work = async move {
            if let Err(error) = self.roused(&job).await {
                let error = crate::error::chain(&error);
                tracing::warn!(board = job.board, error, "a silent board isn't started again");
            }
        };
        tokio::spawn(async move {
            tokio::select! { () = work => {} () = ending.cancelled() => {} }
        });
    }

    async fn roused(&self, job: &Job) -> Result<(), Error> {
        let mut board = self.store().board(&job.board).await?;
        if board.held == Held::Done && job.action != Action::Reboot {
            let change = BoardChange { held: Some(Held::Once), ..BoardChange::default() };
            board = self.store().change_board(&board.id, &change).await?;
        }
        let done = self.pull(&board).await;
        match &done {
            Ok(line) => {
                tracing::info!(board = board.id, line, "a silent board was started again by its reset line")
            }
            Err(NotReset::NoLine(why)) => {
                tracing::debug!(board = board.id, why, "a silent board has no reset line")
            }
            Err(why) => tracing::warn!(board = board.id, %why, "a silent board isn't started again"),
        }
        if job.action == Action::Reboot && !matches!(done, Err(NotReset::NoLine(_) | NotReset::Away(_))) {
            self.rebooted(job, done).await?;
        }
        Ok(())
    }

    /// The reset was all that there was to do.
    async fn rebooted(&self, job: &Job, done: Result<String, NotReset>) -> Result<(), Error> {
        let now = now();
        // Its board may have come meanwhile, and is at it.
        if self.store().job(&job.id).await?.state != job.state {
            return Ok(());
        }
        let Some(drawn) = self.store().draw(&job.board, now).await? else { return Ok(()) };
        let (ending, how) = match done {
            Ok(line) => (Ending::Done { proof: Proof::Host }, format!("the reset line of {line}")),
            Err(error) => {
                let why = error.to_string();
                (Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Failed }, String::new())
            }
        };
        let detail = serde_json::to_value(Reset { how }).unwrap_or_default();
        let finished = Finished { fence: drawn.job.fence, stage: Stage::Reset, ending, kind: None, detail };
        let job = self.store().finish(&drawn.job.id, &finished, now).await?;
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        self.changes.tell(Thing::Run, &drawn.run, Some(&job.board));
        Ok(())
    }
}
