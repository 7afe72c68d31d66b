//! What jobs do beside their images: fixed when a job is made, and kept with its record.

use serde_json::Value as Json;

use super::db::{Tx, values};
use super::jobs::{self, Asked};
use super::values::Back;
use super::{Error, boards, draws, firmware, projects, scripts};
use crate::device_api::Action;
use crate::error::Kind;
use crate::format::json::json;
use crate::station::first_boot;
use crate::station::values::own;
use crate::station_api::{FirstBootSettings, Job, JobState, Plan, Project, Time, Values};

/// What a job does that is made now.
pub(super) async fn of(tx: &mut Tx, asked: &Asked) -> Result<Plan, Error> {
    let project = match &asked.project {
        None => None,
        Some(name) => {
            let project = projects::one(tx, name).await?;
            Some(project.ok_or_else(|| Error::NoSuch { what: "project", name: name.clone() })?)
        }
    };
    let scripts = match &project {
        Some(project) if asked.action == Action::Deploy => scripts::of(tx, &project.scripts).await?,
        _ => Vec::new(),
    };
    // It is filled when all values of the board are known.
    let first_boot = match &project {
        Some(project) if asked.action == Action::Deploy => project.first_boot.clone(),
        _ => FirstBootSettings::new(),
    };
    let firmware = match project.as_ref().and_then(|project| project.eeprom.as_ref()) {
        Some(eeprom) if asked.action == Action::Deploy => Some(firmware::sum(tx, &eeprom.firmware).await?),
        _ => None,
    };
    // What is told of a job is told without secrets.
    let project =
        project.map(|project| Project { first_boot: first_boot::told(&project.first_boot), ..project });
    Ok(Plan { project, scripts, first_boot, firmware, ..Plan::default() })
}

/// A plan whose values are all there: its first-boot settings have them.
pub(super) async fn filled(tx: &mut Tx, plan: Plan, board: &str) -> Result<Plan, Error> {
    if plan.first_boot.is_empty() {
        return Ok(plan);
    }
    let mut values = own(&boards::one(tx, board).await?);
    values.extend(plan.values.clone());
    match first_boot::filled(&plan.first_boot, &values) {
        Ok(first_boot) => Ok(Plan { first_boot, ..plan }),
        Err(wrong) => {
            let wrong = with_sources(tx, &plan, board, wrong).await?;
            Err(Error::BadValue { what: "first_boot", why: wrong.to_string() })
        }
    }
}

/// What is wrong with a board's values, with the sources that they are of: somebody has to mend them there.
async fn with_sources(
    tx: &mut Tx,
    plan: &Plan,
    board: &str,
    mut wrong: first_boot::Wrong,
) -> Result<first_boot::Wrong, Error> {
    if let first_boot::Wrong::Filled { used, .. } = &mut wrong {
        for source in plan.project.iter().flat_map(|project| &project.values) {
            let sql = "SELECT content, back FROM value_given WHERE source = $1 AND board = $2";
            let Some(row) = tx.row(sql, values![source, board]).await? else { continue };
            let mut row = row.of("value_given");
            let content: Values = row.json()?;
            // Only rows of tables have it.
            let back: Option<Back> = row.maybe_text()?.and_then(|back| serde_json::from_str(&back).ok());
            for value in used.iter_mut().filter(|value| content.contains_key(&value.name)) {
                value.source = Some(source.clone());
                value.row = back.as_ref().map(|back| back.place + 1);
            }
        }
    }
    Ok(wrong)
}

/// What a job does.
pub(super) async fn read(tx: &mut Tx, job: &str) -> Result<Plan, Error> {
    let row = tx.row("SELECT plan FROM job WHERE id = $1", values![job]).await?;
    row.map_or_else(|| Ok(Plan::default()), |row| row.of("job").json())
}

/// What a record keeps of it.
pub(super) fn beside(plan: &Plan) -> Json {
    match &plan.project {
        None => Json::Null,
        Some(project) if project.values.is_empty() => json!({ "project": project, "tries": plan.tries }),
        Some(project) => json!({ "project": project, "tries": plan.tries, "values": plan.values }),
    }
}

/// What a board tells comes to what its record has already.
pub(super) fn add(detail: &mut Json, told: Json) {
    match (detail, told) {
        (Json::Object(detail), Json::Object(told)) => detail.extend(told),
        (detail, told) => *detail = told,
    }
}

/// Whether what went wrong may be gone the next time.
pub(super) const fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::Unavailable | Kind::Busy)
}

/// A job has ended. Where its project says so and what went wrong may pass, the same is to be done once more: by another
/// job, with the same plan.
pub(super) async fn retry(tx: &mut Tx, ended: &Job, kind: Option<Kind>, now: Time) -> Result<(), Error> {
    if !matches!(ended.state, JobState::Failed | JobState::Lost) || !kind.is_some_and(may_pass) {
        return Ok(());
    }
    let plan = read(tx, &ended.id).await?;
    let most = plan.project.as_ref().map_or(0, |project| project.retries);
    if plan.tries >= most {
        return Ok(());
    }
    let tries = plan.tries + 1;
    let asked = Asked {
        board: ended.board.clone(),
        project: ended.project.clone(),
        action: ended.action,
        image: ended.image.clone(),
        target: ended.target.clone(),
        end: ended.end,
        by: format!("try {} of {} for {}", tries + 1, most + 1, who(&ended.by)),
        plan: Some(Plan { tries, ..plan }),
    };
    tx.mark("retry").await?;
    let made = Box::pin(jobs::make(tx, &asked, now)).await;
    match tx.settle("retry", made).await {
        Ok(_) => Ok(()),
        // Its image was removed, or is damaged: it stays failed.
        Err(Error::BadValue { .. } | Error::NoSuch { .. } | Error::Refused(_) | Error::UsedUp { .. }) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Who asked for the first of them.
fn who(by: &str) -> &str {
    by.strip_prefix("try ").and_then(|rest| rest.split_once(" for ")).map_or(by, |(_, who)| who)
}

impl super::Store {
    /// What a job would do that is made now. Nothing changes.
    ///
    /// # Errors
    /// As where it is made.
    pub async fn would(&self, asked: &Asked) -> Result<Plan, Error> {
        let mut tx = self.db.begin().await?;
        let plan = of(&mut tx, asked).await?;
        // What is drawn here is drawn by nobody: the transaction is never made last.
        let plan = draws::reserve(&mut tx, plan, &asked.board, 0).await?;
        match plan.asks.is_empty() {
            true => filled(&mut tx, plan, &asked.board).await,
            // What a server will answer isn't known: it is looked at with something that it may answer.
            false => Ok(Plan { first_boot: first_boot::sample(&plan.first_boot), ..plan }),
        }
    }

    /// What a job does beside its image.
    ///
    /// # Errors
    /// What the database says.
    pub async fn plan(&self, job: &str) -> Result<Plan, Error> {
        let row = self.db.row("SELECT plan FROM job WHERE id = $1", values![job]).await?;
        row.map_or_else(|| Ok(Plan::default()), |row| row.of("job").json())
    }
}
