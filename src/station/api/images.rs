//! Images and backups.

use crate::station::Station;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{Backup, Image, Job, ListAsked, Page, Role};

const LOOK: Access = Access::Role(Role::Viewer);

pub(super) fn add_to(table: &mut Table) {
    table.add(Row::get("/api/v1/images", LOOK, "Images, the newest first"), images);
    table.add(Row::get("/api/v1/images/{image}", LOOK, "An image"), image);
    table.add(Row::get("/api/v1/backups", LOOK, "Backups, the newest first"), backups);
}

async fn images(call: Call, asked: ListAsked, (): ()) -> Result<Page<Image>, Refusal> {
    Ok(call.station.store().images(&asked).await?)
}

async fn image(call: Call, (): (), (): ()) -> Result<Image, Refusal> {
    Ok(call.station.store().image(call.part("image")).await?)
}

async fn backups(call: Call, asked: ListAsked, (): ()) -> Result<Page<Backup>, Refusal> {
    Ok(call.station.store().backups(&asked).await?)
}

impl Station {
    /// The backup that a job has made, if its index has come.
    pub(in crate::station) async fn backup_of(&self, job: &Job) -> Result<Option<Image>, Refusal> {
        Ok(self.store().image(&job.id).await.ok())
    }
}
