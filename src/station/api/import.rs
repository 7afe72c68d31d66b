//! What comes over from another provisioner.

use axum::body::Bytes;

use crate::station::now;
use crate::station::web::{Access, Call, Refusal, Row, Table, from_slice};
use crate::station_api::{Import, ImportAsked, Imported, Role};

/// It makes scripts, which run as root on boards, and accounts.
const CHANGE: Access = Access::Role(Role::Admin);

pub(super) fn add_to(table: &mut Table) {
    let row =
        Row::post("/api/v1/import", CHANGE, "Take over what another provisioner had: all of it, or nothing");
    table.add_bytes::<ImportAsked, Import, Imported, _, _>(row, Import::LONGEST, import);
}

async fn import(call: Call, asked: ImportAsked, body: Bytes) -> Result<Imported, Refusal> {
    let import: Import = from_slice(&body)?;
    drop(body);
    let station = &call.station;
    let imported = station.store().import(&import, asked.dry, now()).await?;
    if !asked.dry {
        station.changed(&call.who(), "import", &import.from).await;
    }
    Ok(imported)
}
