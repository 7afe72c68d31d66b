//! Boards, and what they are to do.

use axum::http::StatusCode;

use crate::station::acts::fit::Fit;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{
    self, Board, BoardChange, BoardNames, BoardsAsked, BoardsChange, FitAsked, Job, JobsAsked, ListAsked,
    NewJob, NewJobs, OfBoards, Page, Role, RuleTest, Sighting,
};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/boards", LOOK, "Boards"), boards);
    let row = Row::patch("/api/v1/boards", WORK, "Change several boards, let them in or refuse them");
    table.add(row, change_many);
    table.add(Row::get("/api/v1/boards/{board}", LOOK, "A board"), board);
    table.add(Row::patch("/api/v1/boards/{board}", WORK, "Change a board, let it in or refuse it"), change);
    table.add(Row::delete("/api/v1/boards/{board}", Access::Role(Role::Admin), "Forget a board"), forget);
    table.add(Row::get("/api/v1/boards/{board}/sightings", LOOK, "How a board was seen"), sightings);
    table.add(Row::get("/api/v1/boards/{board}/rules", LOOK, "What the rules say of a board"), rules);
    let row = Row::get("/api/v1/boards/{board}/fit", LOOK, "Whether a board and an image go together");
    table.add(row, fit);
    let row = Row::post("/api/v1/boards/{board}/seen", WORK, "Say that its failure was seen");
    table.add(row, seen);
    let row = Row::post("/api/v1/boards/{board}/jobs", WORK, "Give a board something to do");
    table.add(row.answers(StatusCode::CREATED), new_job);
    table.add(Row::get("/api/v1/jobs", LOOK, "Jobs, the newest first"), jobs);
    table.add(Row::post("/api/v1/jobs", WORK, "Give several boards something to do"), new_jobs);
    let row = Row::post("/api/v1/jobs/cancel", WORK, "End what several boards are doing");
    table.add(row, cancel_many);
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
    call.station.test_rules(&call.station.store().board(&id).await?).await
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

async fn seen(call: Call, (): (), (): ()) -> Result<Board, Refusal> {
    let id = id(&call).await?;
    call.station.notice_failure(&call.who(), &id).await?;
    Ok(call.station.store().board(&id).await?)
}

async fn fit(call: Call, asked: FitAsked, (): ()) -> Result<station_api::Fit, Refusal> {
    let (image, project) = (asked.image.unwrap_or_default(), asked.project.unwrap_or_default());
    if image.is_empty() == project.is_empty() {
        return Err(Refusal::malformed("either `image` or `project` says which image"));
    }
    let board = call.station.store().board(&id(&call).await?).await?;
    let fit = Fit::of(&call.station, &project, &image).await?;
    let fit = fit.ok_or_else(|| Refusal::missing("there is no such image, or the project has none"))?;
    Ok(station_api::Fit { warning: fit.warning(&board, asked.target), image: fit.image.name })
}

/// The boards that a body names, of which there is at least one.
async fn named(call: &Call, names: &[String]) -> Result<Vec<(String, Result<String, Refusal>)>, Refusal> {
    if names.is_empty() {
        return Err(Refusal::meaningless("no board is named"));
    }
    call.station.named_boards(names.iter().map(String::as_str)).await
}

async fn new_jobs(call: Call, (): (), new: NewJobs) -> Result<OfBoards, Refusal> {
    let boards = named(&call, &new.boards).await?;
    Ok(OfBoards { items: call.station.give_jobs(&call.who(), boards, &new.job).await })
}

async fn change_many(call: Call, (): (), new: BoardsChange) -> Result<OfBoards, Refusal> {
    let boards = named(&call, &new.boards).await?;
    Ok(OfBoards { items: call.station.change_boards(&call.who(), boards, &new.change).await })
}

async fn cancel_many(call: Call, (): (), of: BoardNames) -> Result<OfBoards, Refusal> {
    let boards = named(&call, &of.boards).await?;
    Ok(OfBoards { items: call.station.cancel_boards(&call.who(), boards).await })
}
