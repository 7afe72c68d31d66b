//! The station as a whole, projects, rules and slots.

use axum::http::StatusCode;

use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station::{Station, now};
use crate::station_api::{DamagedRecord, NewRule, Page, Project, Role, Rule, Slot, Status, Thing};

const LOOK: Access = Access::Role(Role::Viewer);
const WORK: Access = Access::Role(Role::Operator);
const CHANGE: Access = Access::Role(Role::Admin);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/station", LOOK, "The station as a whole"), status);
    table.add(Row::post("/api/v1/station/arm", WORK, "Let rules start something"), |call, (), ()| {
        arm(call, true)
    });
    table.add(Row::post("/api/v1/station/disarm", WORK, "Let rules start nothing"), |call, (), ()| {
        arm(call, false)
    });
    let row = Row::get("/api/v1/station/records", LOOK, "Records of other commands that can't be taken in");
    table.add(row, records);
    table.add(Row::get("/api/v1/projects", LOOK, "Projects"), projects);
    table.add(Row::get("/api/v1/projects/{project}", LOOK, "A project"), project);
    table.add(Row::put("/api/v1/projects/{project}", CHANGE, "Make or change a project"), put_project);
    table.add(Row::delete("/api/v1/projects/{project}", CHANGE, "Remove a project"), remove_project);
    table.add(Row::get("/api/v1/rules", LOOK, "Rules, in their order"), rules);
    let row = Row::post("/api/v1/rules", CHANGE, "Make a rule");
    table.add(row.answers(StatusCode::CREATED), add_rule);
    table.add(Row::delete("/api/v1/rules/{rule}", CHANGE, "Remove a rule"), remove_rule);
    table.add(Row::get("/api/v1/slots", LOOK, "Slots, by their position"), slots);
    table.add(Row::put("/api/v1/slots/{slot}", CHANGE, "Make or change a slot"), put_slot);
    table.add(Row::delete("/api/v1/slots/{slot}", CHANGE, "Remove a slot"), remove_slot);
}

fn all<T>(items: Vec<T>) -> Page<T> {
    Page { items, next: None }
}

impl Station {
    /// What it is, and what goes on.
    pub(in crate::station) async fn status(&self) -> Result<Status, Refusal> {
        let (boards, waiting) = self.store().count_boards().await?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            armed: self.store().is_armed().await?,
            enrol: self.options.enrol.to_string(),
            key: self.key().public(),
            store: if self.options.store.is_some() { "postgres" } else { "sqlite" }.to_owned(),
            since: self.since,
            boards,
            waiting,
            present: self.waiting.present(),
            jobs: self.store().count_open_jobs().await?,
            unruled: self.store().count_unruled().await?,
            damaged_records: self.store().count_damaged().await?,
            room: self.room(),
            bootd: self.privileged.known(),
        })
    }

    /// Somebody has changed a setting.
    async fn set(&self, call: &Call, what: &str, on: &str) {
        self.did(&call.who(), what, on).await;
        self.changes.tell(Thing::Settings, on, None);
    }
}

async fn status(call: Call, (): (), (): ()) -> Result<Status, Refusal> {
    call.station.status().await
}

async fn records(call: Call, (): (), (): ()) -> Result<Page<DamagedRecord>, Refusal> {
    Ok(all(call.station.store().spool_damaged().await?))
}

async fn arm(call: Call, armed: bool) -> Result<Status, Refusal> {
    call.station.arm(&call.who(), armed).await?;
    call.station.status().await
}

async fn projects(call: Call, (): (), (): ()) -> Result<Page<Project>, Refusal> {
    Ok(all(call.station.store().projects().await?))
}

async fn project(call: Call, (): (), (): ()) -> Result<Project, Refusal> {
    Ok(call.station.store().project(call.part("project")).await?)
}

async fn put_project(call: Call, (): (), project: Project) -> Result<Project, Refusal> {
    if project.name != call.part("project") {
        return Err(Refusal::meaningless("the name in the body isn't that of the path"));
    }
    let project = call.station.store().put_project(&Project { made: now(), ..project }).await?;
    call.station.set(&call, "project.put", &project.name).await;
    Ok(project)
}

async fn remove_project(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.store().remove_project(call.part("project")).await?;
    call.station.set(&call, "project.remove", call.part("project")).await;
    Ok(())
}

async fn rules(call: Call, (): (), (): ()) -> Result<Page<Rule>, Refusal> {
    Ok(all(call.station.store().rules().await?))
}

async fn add_rule(call: Call, (): (), new: NewRule) -> Result<Rule, Refusal> {
    let rule = call.station.store().add_rule(&new).await?;
    call.station.set(&call, "rule.add", &rule.name).await;
    Ok(rule)
}

async fn remove_rule(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.store().remove_rule(call.part("rule")).await?;
    call.station.set(&call, "rule.remove", call.part("rule")).await;
    Ok(())
}

async fn slots(call: Call, (): (), (): ()) -> Result<Page<Slot>, Refusal> {
    Ok(all(call.station.store().slots().await?))
}

async fn put_slot(call: Call, (): (), slot: Slot) -> Result<Slot, Refusal> {
    if slot.name != call.part("slot") {
        return Err(Refusal::meaningless("the name in the body isn't that of the path"));
    }
    call.station.put_slot(&call.who(), &slot).await?;
    Ok(slot)
}

async fn remove_slot(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.store().remove_slot(call.part("slot")).await?;
    call.station.set(&call, "slot.remove", call.part("slot")).await;
    Ok(())
}
