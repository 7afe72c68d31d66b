//! Boards, and what they are to do.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::device_api::Action;
use crate::station::jobs::Refused;
use crate::station::store::{self, Asked};
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station::{Station, now};
use crate::station_api::{
    Board, BoardChange, BoardsAsked, Enrolment, Held, Job, JobsAsked, ListAsked, NewJob, Page, Role,
    RuleTest, Sighting, Thing,
};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/boards", LOOK, "Boards"), boards);
    table.add(Row::get("/api/v1/boards/{board}", LOOK, "A board"), board);
    table.add(Row::patch("/api/v1/boards/{board}", WORK, "Change a board, let it in or refuse it"), change);
    table.add(Row::delete("/api/v1/boards/{board}", Access::Role(Role::Admin), "Forget a board"), forget);
    table.add(Row::get("/api/v1/boards/{board}/sightings", LOOK, "How a board was seen"), sightings);
    table.add(Row::get("/api/v1/boards/{board}/rules", LOOK, "What the rules say of a board"), rules);
    let row = Row::post("/api/v1/boards/{board}/jobs", WORK, "Give a board something to do");
    table.add(row.answers(StatusCode::CREATED), new_job);
    table.add(Row::get("/api/v1/jobs", LOOK, "Jobs, the newest first"), jobs);
    table.add(Row::get("/api/v1/jobs/{job}", LOOK, "A job"), job);
    table.add(Row::post("/api/v1/jobs/{job}/cancel", WORK, "End a job"), cancel);
    let row = Row::post("/api/v1/jobs/{job}/again", WORK, "The same once more, as another job");
    table.add(row.answers(StatusCode::CREATED), again);
}

async fn boards(call: Call, asked: BoardsAsked, (): ()) -> Result<Page<Board>, Refusal> {
    Ok(call.station.store().boards(&asked).await?)
}

/// The board that the path names.
async fn id(call: &Call) -> Result<String, Refusal> {
    Ok(call.station.store().find_board(call.part("board")).await?)
}

async fn board(call: Call, (): (), (): ()) -> Result<Board, Refusal> {
    let id = id(&call).await?;
    Ok(call.station.store().board(&id).await?)
}

async fn change(call: Call, (): (), change: BoardChange) -> Result<Board, Refusal> {
    let id = id(&call).await?;
    let station = &call.station;
    if matches!(change.held, Some(Held::Armed | Held::Once)) {
        station.expect_anew(&id).await?;
    }
    let board = station.store().change_board(&id, &change).await?;
    station.did(&call.who(), "board.change", &id).await;
    station.changes.tell(Thing::Board, &id, Some(&id));
    if change.enrolment == Some(Enrolment::Enrolled) {
        station.arrived(&id).await?;
    }
    // It may be let in, or put out: it is told at once.
    station.waiting.wake(&id);
    Ok(board)
}

async fn forget(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let id = id(&call).await?;
    call.station.store().forget_board(&id).await?;
    call.station.did(&call.who(), "board.forget", &id).await;
    call.station.changes.tell(Thing::Board, &id, Some(&id));
    call.station.waiting.wake(&id);
    Ok(())
}

async fn sightings(call: Call, asked: ListAsked, (): ()) -> Result<Page<Sighting>, Refusal> {
    let board = Some(id(&call).await?);
    Ok(call.station.store().sightings(&ListAsked { board, ..asked }).await?)
}

async fn rules(call: Call, (): (), (): ()) -> Result<RuleTest, Refusal> {
    let id = id(&call).await?;
    Ok(call.station.store().test_rules(&id).await?)
}

async fn new_job(call: Call, (): (), new: NewJob) -> Result<Job, Refusal> {
    let board = id(&call).await?;
    let who = call.who();
    let asked = asked(&call.station, board, new, who.by.clone()).await?;
    let what = match asked.action {
        Action::Deploy => "board.deploy",
        Action::Backup => "board.backup",
        Action::Reboot => "board.reboot",
        Action::PowerOff => "board.power-off",
    };
    call.station.has_room(asked.action)?;
    call.station.expect_anew(&asked.board).await?;
    let job = call.station.store().make_job(&asked, now()).await?;
    call.station.did(&who, what, &asked.board).await;
    wanted(&call, &job).await?;
    Ok(job)
}

/// A person wants a board to do something: where it doesn't ask for work, its reset line makes it.
async fn wanted(call: &Call, job: &Job) -> Result<(), Refusal> {
    call.station.job_made(job).await?;
    if job.action != Action::PowerOff && !call.station.waiting.is_present(&job.board) {
        Arc::clone(&call.station).rouse(job.clone());
    }
    Ok(())
}

async fn again(call: Call, (): (), (): ()) -> Result<Job, Refusal> {
    let (station, who) = (&call.station, call.who());
    let before = station.store().job(call.part("job")).await?;
    station.has_room(before.action)?;
    station.expect_anew(&before.board).await?;
    let job = station.store().again(call.part("job"), &who.by, now()).await?;
    station.did(&who, "job.again", &job.id).await;
    wanted(&call, &job).await?;
    Ok(job)
}

/// What a job is to be, with what its project says.
async fn asked(station: &Station, board: String, new: NewJob, by: String) -> Result<Asked, Refusal> {
    let project = match &new.project {
        Some(name) => Some(station.store().project(name).await?),
        None => None,
    };
    let image = match (&new.image, project.as_ref().and_then(|project| project.image.as_ref())) {
        (Some(_), Some(_)) => {
            return Err(Refusal::meaningless("`image` and `project` can't both say which image"));
        }
        (Some(name), None) | (None, Some(name)) => Some(station.store().image(name).await?.id),
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
    Ok(Asked { board, project: new.project, action: new.action, image, target, end, by })
}

async fn jobs(call: Call, asked: JobsAsked, (): ()) -> Result<Page<Job>, Refusal> {
    Ok(call.station.store().jobs(&asked).await?)
}

async fn job(call: Call, (): (), (): ()) -> Result<Job, Refusal> {
    Ok(call.station.store().job(call.part("job")).await?)
}

async fn cancel(call: Call, (): (), (): ()) -> Result<Job, Refusal> {
    let job = match call.station.store().cancel_job(call.part("job"), now()).await {
        Err(store::Error::Refused(ended @ Refused::Ended { .. })) => return Err(Refusal::over(&ended)),
        other => other?,
    };
    call.station.did(&call.who(), "job.cancel", &job.id).await;
    call.station.changes.tell(Thing::Job, &job.id, Some(&job.board));
    call.station.waiting.wake(&job.board);
    Ok(job)
}

impl Station {
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
    pub(in crate::station) fn has_room(&self, action: Action) -> Result<(), Refusal> {
        let room = self.room();
        if room.begins_jobs() && (room.takes_images() || action != Action::Backup) {
            return Ok(());
        }
        Err(Refusal::no_room())
    }

    /// A job was made: its board is told at once, and the network answers it until it has done it.
    pub(in crate::station) async fn job_made(&self, job: &Job) -> Result<(), Refusal> {
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
