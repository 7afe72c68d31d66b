//! What people do to boards, whether they ask by the API or on a page: the same checks, the same audit, the same news.

pub(super) mod files;
pub(super) mod fit;
mod images;
mod many;

use std::sync::Arc;

use super::jobs::Refused;
use super::store::{self, Asked, There};
use super::web::{Refusal, Who};
use super::{Station, now};
use crate::device_api::Action;
use crate::station_api::{Board, BoardChange, BoardsAsked, Enrolment, Held, Job, NewJob, Page, Slot, Thing};

pub(super) use images::Desk;

impl Station {
    /// A list of boards.
    pub(super) async fn boards(&self, asked: &BoardsAsked) -> Result<Page<Board>, Refusal> {
        let asking = if asked.present.is_some() { self.waiting.boards_present() } else { Vec::new() };
        Ok(self.store().boards(asked, There { asking: &asking, now: now() }).await?)
    }

    /// Changes what people may change of a board.
    pub(super) async fn change_board(
        &self,
        who: &Who,
        id: &str,
        change: &BoardChange,
    ) -> Result<Board, Refusal> {
        if matches!(change.held, Some(Held::Armed | Held::Once)) {
            self.expect_anew(id).await?;
        }
        let name = self.called(id).await;
        let board = self.store().change_board(id, change).await?;
        self.did_named(who, "board.change", id, name.as_deref()).await;
        self.changes.tell(Thing::Board, id, Some(id));
        if change.enrolment == Some(Enrolment::Enrolled) {
            self.arrived(id).await?;
        }
        // It may be let in, or put out: it is told at once.
        self.waiting.wake(id);
        Ok(board)
    }

    /// Makes or changes a slot.
    pub(super) async fn put_slot(&self, who: &Who, slot: Slot) -> Result<Slot, Refusal> {
        self.store().put_slot(&slot).await?;
        self.did(who, "slot.put", &slot.name).await;
        self.changes.tell(Thing::Settings, &slot.name, None);
        let slots = self.slots().await?;
        // What is only told stands there as it is, whatever was sent.
        Ok(slots.into_iter().find(|known| known.name == slot.name).unwrap_or(slot))
    }

    /// Forgets a board.
    pub(super) async fn forget_board(&self, who: &Who, id: &str) -> Result<(), Refusal> {
        let name = self.called(id).await;
        self.store().forget_board(id).await?;
        self.did_named(who, "board.forget", id, name.as_deref()).await;
        self.changes.tell(Thing::Board, id, Some(id));
        self.waiting.wake(id);
        Ok(())
    }

    /// Gives a board something to do.
    pub(super) async fn give_job(
        self: &Arc<Self>,
        who: &Who,
        board: String,
        new: NewJob,
    ) -> Result<Job, Refusal> {
        let asked = self.asked(board, new, who.by.clone()).await?;
        let what = match asked.action {
            Action::Deploy => "board.deploy",
            Action::Backup => "board.backup",
            Action::Reboot => "board.reboot",
            Action::PowerOff => "board.power-off",
        };
        self.has_room(asked.action)?;
        self.can_have(&asked).await?;
        self.expect_anew(&asked.board).await?;
        let job = self.store().make_job(&asked, now()).await?;
        let name = self.called(&asked.board).await;
        self.did_named(who, what, &asked.board, name.as_deref()).await;
        self.wanted(&job).await?;
        Ok(job)
    }

    /// Does the same once more, as another job.
    pub(super) async fn give_again(self: &Arc<Self>, who: &Who, job: &str) -> Result<Job, Refusal> {
        let before = self.store().job(job).await?;
        self.has_room(before.action)?;
        self.expect_anew(&before.board).await?;
        let job = self.store().again(job, &who.by, now()).await?;
        let name = self.called(&job.board).await;
        self.did_named(who, "job.again", &job.id, name.as_deref()).await;
        self.wanted(&job).await?;
        Ok(job)
    }

    /// Ends a job.
    pub(super) async fn cancel_job(&self, who: &Who, job: &str) -> Result<Job, Refusal> {
        let job = match self.store().cancel_job(job, now()).await {
            Err(store::Error::Refused(ended @ Refused::Ended { .. })) => return Err(Refusal::over(&ended)),
            other => other?,
        };
        let name = self.called(&job.board).await;
        self.did_named(who, "job.cancel", &job.id, name.as_deref()).await;
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        self.waiting.wake(&job.board);
        Ok(job)
    }

    /// Somebody has seen that a board has failed.
    pub(super) async fn notice_failure(&self, who: &Who, board: &str) -> Result<(), Refusal> {
        self.store().notice(board).await?;
        let name = self.called(board).await;
        self.did_named(who, "board.seen", board, name.as_deref()).await;
        self.changes.tell(Thing::Board, board, Some(board));
        Ok(())
    }

    /// Lets rules start something, or nothing.
    pub(super) async fn arm(&self, who: &Who, armed: bool) -> Result<(), Refusal> {
        self.store().arm(armed).await?;
        self.did(who, if armed { "station.arm" } else { "station.disarm" }, "station").await;
        self.changes.tell(Thing::Settings, "station", None);
        if armed {
            // Boards that came while nothing was started have waited for this.
            for board in self.waiting.boards_present() {
                self.arrived(&board).await?;
            }
        }
        Ok(())
    }

    /// A person wants a board to do something: where it doesn't ask for work, its reset line makes it.
    async fn wanted(self: &Arc<Self>, job: &Job) -> Result<(), Refusal> {
        self.job_made(job).await?;
        if job.action != Action::PowerOff && !self.waiting.is_present(&job.board) {
            Arc::clone(self).rouse(job.clone());
        }
        Ok(())
    }

    /// What a job is to be, with what its project says.
    async fn asked(&self, board: String, new: NewJob, by: String) -> Result<Asked, Refusal> {
        let project = match &new.project {
            Some(name) => Some(self.store().project(name).await?),
            None => None,
        };
        let image = match (&new.image, project.as_ref().and_then(|project| project.image.as_ref())) {
            (Some(_), Some(_)) => {
                return Err(Refusal::meaningless("`image` and `project` can't both say which image"));
            }
            (Some(name), None) | (None, Some(name)) => Some(self.store().image(name).await?.id),
            (None, None) => None,
        };
        if new.action == Action::Deploy && image.is_none() {
            return Err(Refusal::meaningless("a deploy needs `image`, or a `project` that has one"));
        }
        if new.action != Action::Deploy && image.is_some() {
            return Err(Refusal::meaningless("only a deploy has an image"));
        }
        if new.target.len() > 8 {
            return Err(Refusal::meaningless("`target` has 8 members at most"));
        }
        let target = match &project {
            Some(project) if new.target.is_empty() => project.target.clone(),
            _ => new.target,
        };
        let end = new.end.or(project.as_ref().map(|project| project.end)).unwrap_or_default();
        Ok(Asked { board, project: new.project, action: new.action, image, target, end, by, plan: None })
    }

    /// A person wants something from a board. If it isn't there, it comes with another key where it has no place for one.
    async fn expect_anew(&self, board: &str) -> Result<(), Refusal> {
        if !self.waiting.is_present(board) {
            self.store().expect_anew(board).await?;
        }
        Ok(())
    }

    /// Whether its disk has room for what such a job brings.
    ///
    /// # Errors
    /// 507 where it hasn't.
    pub(super) fn has_room(&self, action: Action) -> Result<(), Refusal> {
        let room = self.room();
        if room.begins_jobs() && (room.takes_images() || action != Action::Backup) {
            return Ok(());
        }
        Err(Refusal::no_room())
    }

    /// A job has ended. Where the same is tried again, that is told as any new job is.
    pub(super) async fn job_over(&self, ended: &Job) -> Result<(), Refusal> {
        let again = self.store().board(&ended.board).await?.job;
        if let Some(again) = again.filter(|again| *again != ended.id) {
            self.job_made(&self.store().job(&again).await?).await?;
        }
        Ok(())
    }

    /// A job was made: its board is told at once, and the network answers it until it has done it.
    pub(super) async fn job_made(&self, job: &Job) -> Result<(), Refusal> {
        let board = self.store().board(&job.board).await?;
        if board.held == Held::Done {
            // Somebody wants something from it, so it may boot from the network once more.
            let change = BoardChange { held: Some(Held::Once), ..BoardChange::default() };
            self.store().change_board(&job.board, &change).await?;
        }
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        self.changes.tell(Thing::Board, &job.board, Some(&job.board));
        self.waiting.wake(&job.board);
        Ok(())
    }
}
