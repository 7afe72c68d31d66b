//! Calls of boards. docs/device-api.md has them as a table.

mod bytes;
mod eeprom;
mod hello;
mod job;
mod register;
mod scripts;
mod serving;
mod work;

pub(super) use eeprom::{Begun as BegunEeprom, begin as begin_eeprom, bytes as eeprom_bytes};
pub(super) use register::Nonces;
pub(super) use scripts::to_run as scripts_to_run;
pub(super) use serving::Serving;
pub(super) use work::draw;

use axum::http::StatusCode;

use super::Station;
use super::key::Pass;
use super::store::{Arrival, Unfit};
use super::web::{Call, Refusal, Table};
use crate::error::Kind;
use crate::station_api::{Board, Enrolment, Job, Thing};

/// Puts them into the table.
pub(super) fn add_to(table: &mut Table) {
    hello::add_to(table);
    register::add_to(table);
    work::add_to(table);
    job::add_to(table);
    scripts::add_to(table);
    eeprom::add_to(table);
    bytes::add_to(table);
}

/// What the token of a call stands for.
fn pass(call: &Call) -> Result<Pass, Refusal> {
    call.station.pass(call.from, &call.headers)
}

/// The board whose token it is, with the key that it has shown.
async fn board_of(call: &Call) -> Result<(Board, String), Refusal> {
    let Pass::Board { board, key } = pass(call)? else {
        return Err(Refusal::forbidden("this is the token of a job, not of a board"));
    };
    let found = call.station.store().board(&board).await;
    let found = found.map_err(|_| Refusal::unknown("the board was forgotten: register again"))?;
    if found.key.as_deref() != Some(&key) {
        return Err(Refusal::unknown("the board has another key now: register again"));
    }
    Ok((found, key))
}

/// The job whose token it is, if it is still this one's, and the path's.
async fn job_of(call: &Call) -> Result<Job, Refusal> {
    let Pass::Job { job, fence, board } = pass(call)? else {
        return Err(Refusal::forbidden("this is the token of a board, not of a job"));
    };
    if job != call.part("job") {
        return Err(Refusal::forbidden("this is the token of another job"));
    }
    let job = call.station.store().job(&job).await?;
    if job.board != board {
        return Err(Refusal::forbidden("this is the token of another board"));
    }
    if job.fence != fence {
        return Err(late(job.fence, fence));
    }
    let board = call.station.store().board(&board).await?;
    may_work(&board)?;
    if board.key.is_none() {
        // A shell client: what it says of its disk is no proof.
        return Err(Refusal::forbidden("this board has shown no key"));
    }
    call.station.waiting.heard(&board.id);
    Ok(job)
}

/// An older number than the job has.
fn late(fence: u64, shown: u64) -> Refusal {
    let text = format!("the job was given out again: its number is {fence}, not {shown}");
    Refusal::new(StatusCode::CONFLICT, Kind::Busy, text)
}

fn may_work(board: &Board) -> Result<(), Refusal> {
    match board.enrolment {
        Enrolment::Enrolled => Ok(()),
        Enrolment::Waiting => {
            Err(Refusal::forbidden("a person has to say first that this board may take work"))
        }
        Enrolment::Refused => Err(Refusal::forbidden("a person has said that this board may not take work")),
    }
}

impl Station {
    /// A board has come that may take work: the rules say what it gets.
    pub(super) async fn arrived(&self, board: &str) -> Result<(), Refusal> {
        if !self.room().begins_jobs() {
            tracing::warn!(board, "no rule starts a job: the station's disk has too little room left");
            return Ok(());
        }
        // A board runs scripts that can't be taken back and uses up values: first it is seen whether it can have the rest.
        let unfit = self.unfit(board, false).await?;
        match self.store().arrive_unless(board, unfit.as_ref(), super::now()).await? {
            Arrival::Starts(job) => {
                tracing::info!(board, job = %job.id, by = %job.by, "a rule starts a job");
                self.job_made(&job).await?;
            }
            Arrival::Broken { rule, why } => tracing::warn!(board, rule, why, "a rule can't do what it says"),
            other => tracing::debug!(board, ?other, "a board has come"),
        }
        Ok(())
    }

    /// What a rule would start for a board that can't have it. `armed`: as if the station were that.
    pub(super) async fn unfit(&self, board: &str, armed: bool) -> Result<Option<Unfit>, Refusal> {
        let Some(asked) = self.store().would_start(board, armed).await? else { return Ok(None) };
        Ok(self.can_have_image(&asked).await.err().map(|why| Unfit { asked, why: why.detail() }))
    }

    /// Something has changed: where a board's rule can start now, or for another reason can't, that is what is told of it.
    pub(super) async fn look_at_stuck(&self) {
        let looked = async {
            for board in self.store().stuck_boards().await? {
                let unfit = self.unfit(&board, true).await?;
                let why = match self.store().would_arrive(&board, unfit.as_ref()).await? {
                    Arrival::Broken { why, .. } => Some(why),
                    _ => None,
                };
                if self.store().put_stuck(&board, why.as_deref()).await? {
                    self.changes.tell(Thing::Board, &board, Some(&board));
                }
            }
            Ok::<(), Refusal>(())
        };
        if let Err(refusal) = looked.await {
            tracing::warn!(why = %refusal.detail(), "boards whose rules can't start can't be looked at");
        }
    }
}
