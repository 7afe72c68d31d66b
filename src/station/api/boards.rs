//! Boards, and what they are to do.

use axum::http::StatusCode;

use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{
    Board, BoardChange, BoardsAsked, Job, JobsAsked, ListAsked, NewJob, Page, Role, RuleTest, Sighting,
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
    call.station.boards(&asked).await
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
    call.station.change_board(&call.who(), &id, &change).await
}

async fn forget(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    let id = id(&call).await?;
    call.station.forget_board(&call.who(), &id).await
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
    call.station.give_job(&call.who(), board, new).await
}

async fn again(call: Call, (): (), (): ()) -> Result<Job, Refusal> {
    call.station.give_again(&call.who(), call.part("job")).await
}

async fn jobs(call: Call, asked: JobsAsked, (): ()) -> Result<Page<Job>, Refusal> {
    Ok(call.station.store().jobs(&asked).await?)
}

async fn job(call: Call, (): (), (): ()) -> Result<Job, Refusal> {
    Ok(call.station.store().job(call.part("job")).await?)
}

async fn cancel(call: Call, (): (), (): ()) -> Result<Job, Refusal> {
    call.station.cancel_job(&call.who(), call.part("job")).await
}
