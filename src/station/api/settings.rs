//! The station as a whole, projects, rules and slots.

use axum::body::Bytes;
use axum::http::StatusCode;

use crate::station::Station;
use crate::station::store::part;
use crate::station::web::{Access, Call, Refusal, Row, Table, from_slice};
use crate::station_api::{
    Board, DamagedRecord, ListAsked, NetworkNotice, NewRule, Page, Project, ProjectClone, ProjectFile,
    ProjectImport, Role, Rule, SettingChange, SettingLine, Slot, Status,
};

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
    let row = Row::get("/api/v1/station/support", CHANGE, "What those need that help, without secrets");
    table.add(row, |call: Call, (): (), (): ()| async move { call.station.support(&call.who()).await });
    let row = Row::get("/api/v1/station/records", LOOK, "Records of other commands that can't be taken in");
    table.add(row, records);
    table.add(Row::get("/api/v1/projects", LOOK, "Projects"), projects);
    let row = Row::post("/api/v1/projects/import", CHANGE, "Make or change a project and its scripts");
    table.add_bytes::<(), ProjectImport, Project, _, _>(row, ProjectFile::LONGEST, import);
    let row = Row::post("/api/v1/projects/{project}/clone", CHANGE, "Make a project of another one");
    table.add(row, |call: Call, (): (), new: ProjectClone| async move {
        call.station.clone_project(&call.who(), call.part("project"), &new.name).await
    });
    table.add(Row::get("/api/v1/projects/{project}", LOOK, "A project"), project);
    table.add(Row::put("/api/v1/projects/{project}", CHANGE, "Make or change a project"), put_project);
    table.add(Row::delete("/api/v1/projects/{project}", CHANGE, "Remove a project"), remove_project);
    table.add(Row::get("/api/v1/rules", LOOK, "Rules, in their order"), rules);
    let row = Row::post("/api/v1/rules", CHANGE, "Make a rule");
    table.add(row.answers(StatusCode::CREATED), add_rule);
    table.add(Row::put("/api/v1/rules/{rule}", CHANGE, "Change or move a rule"), change_rule);
    let row = Row::get("/api/v1/rules/{rule}/boards", LOOK, "Boards that a rule would get now");
    table.add(row, boards_of_rule);
    table.add(Row::delete("/api/v1/rules/{rule}", CHANGE, "Remove a rule"), remove_rule);
    table.add(Row::get("/api/v1/network", LOOK, "What is the matter on the network"), network);
    table.add(Row::get("/api/v1/settings", LOOK, "Settings, and where they come from"), settings);
    let row = Row::put("/api/v1/settings/{key}", CHANGE, "Save a setting, which holds at once");
    table.add(row, save_setting);
    let row = Row::delete("/api/v1/settings/{key}", CHANGE, "Let the files say what a setting is");
    table.add(row, clear_setting);
    table.add(Row::get("/api/v1/slots", LOOK, "Slots, by their position"), slots);
    table.add(Row::put("/api/v1/slots/{slot}", CHANGE, "Make, change or rename a slot"), put_slot);
    table.add(Row::delete("/api/v1/slots/{slot}", CHANGE, "Remove a slot"), remove_slot);
    let row =
        Row::post("/api/v1/slots/{slot}/mended", WORK, "Say that a slot is mended: runs count from now");
    table.add(row, mended_slot);
}

/// A list whose length is bounded: one part has it all.
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
            enrol: self.settings.enrol().to_string(),
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
            troubles: self.troubles(),
        })
    }
}

async fn status(call: Call, (): (), (): ()) -> Result<Status, Refusal> {
    call.station.status().await
}

async fn records(call: Call, asked: ListAsked, (): ()) -> Result<Page<DamagedRecord>, Refusal> {
    Ok(part(call.station.store().spool_damaged().await?, &asked, |record| record.file.clone())?)
}

async fn arm(call: Call, armed: bool) -> Result<Status, Refusal> {
    call.station.arm(&call.who(), armed).await?;
    call.station.status().await
}

async fn projects(call: Call, asked: ListAsked, (): ()) -> Result<Page<Project>, Refusal> {
    Ok(part(call.station.projects().await?, &asked, |project| project.name.clone())?)
}

async fn project(call: Call, (): (), (): ()) -> Result<Project, Refusal> {
    call.station.project(call.part("project")).await
}

async fn put_project(call: Call, (): (), project: Project) -> Result<Project, Refusal> {
    if project.name != call.part("project") {
        return Err(Refusal::meaningless("the name in the body isn't that of the path"));
    }
    call.station.put_project(&call.who(), project).await
}

async fn import(call: Call, (): (), body: Bytes) -> Result<Project, Refusal> {
    call.station.import_project(&call.who(), from_slice(&body)?).await
}

async fn remove_project(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_project(&call.who(), call.part("project")).await
}

async fn rules(call: Call, asked: ListAsked, (): ()) -> Result<Page<Rule>, Refusal> {
    let key = |rule: &Rule| format!("{:010}.{}", rule.position, rule.name);
    Ok(part(call.station.store().rules().await?, &asked, key)?)
}

async fn add_rule(call: Call, (): (), new: NewRule) -> Result<Rule, Refusal> {
    call.station.add_rule(&call.who(), &new).await
}

async fn change_rule(call: Call, (): (), new: NewRule) -> Result<Rule, Refusal> {
    call.station.change_rule(&call.who(), call.part("rule"), &new).await
}

async fn boards_of_rule(call: Call, asked: ListAsked, (): ()) -> Result<Page<Board>, Refusal> {
    Ok(call.station.store().boards_of_rule(call.part("rule"), &asked).await?)
}

async fn remove_rule(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_rule(&call.who(), call.part("rule")).await
}

async fn network(call: Call, (): (), (): ()) -> Result<Page<NetworkNotice>, Refusal> {
    Ok(all(call.station.network()))
}

async fn settings(call: Call, (): (), (): ()) -> Result<Page<SettingLine>, Refusal> {
    Ok(all(call.station.settings.lines()))
}

async fn save_setting(call: Call, (): (), change: SettingChange) -> Result<SettingLine, Refusal> {
    call.station.save_setting(&call.who(), call.part("key"), Some(&change.value)).await
}

async fn clear_setting(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.save_setting(&call.who(), call.part("key"), None).await.map(|_| ())
}

async fn slots(call: Call, asked: ListAsked, (): ()) -> Result<Page<Slot>, Refusal> {
    let key = |slot: &Slot| format!("{:010}.{}", slot.position, slot.name);
    Ok(part(call.station.slots().await?, &asked, key)?)
}

async fn put_slot(call: Call, (): (), slot: Slot) -> Result<Slot, Refusal> {
    let was = call.part("slot");
    if slot.name != was {
        return call.station.rename_slot(&call.who(), was, slot).await;
    }
    call.station.put_slot(&call.who(), slot).await
}

async fn mended_slot(call: Call, (): (), (): ()) -> Result<Slot, Refusal> {
    call.station.mended_slot(&call.who(), call.part("slot")).await
}

async fn remove_slot(call: Call, (): (), (): ()) -> Result<(), Refusal> {
    call.station.remove_slot(&call.who(), call.part("slot")).await
}
