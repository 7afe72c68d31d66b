//! Where the bytes of images are kept.

use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station_api::{ObjectsAt, ObjectsStatus, ObjectsWithout, Role};

pub(super) fn add_to(table: &mut Table) {
    let look = Access::Role(Role::Viewer);
    let change = Access::Role(Role::Admin);
    table.add(Row::get("/api/v1/objects", look, "Where the bytes of images are kept"), status);
    let row =
        Row::post("/api/v1/objects/move", change, "Keep the bytes of images elsewhere, and copy them there");
    table.add(row, move_to);
    let row = Row::post("/api/v1/objects/remove", change, "Remove what was left in a place");
    table.add(row, remove);
    let row = Row::post("/api/v1/objects/forget", change, "Wait no more for a station that is gone");
    table.add(row, forget);
}

async fn status(call: Call, (): (), (): ()) -> Result<ObjectsStatus, Refusal> {
    call.station.objects_status().await
}

async fn move_to(call: Call, (): (), asked: ObjectsAt) -> Result<ObjectsStatus, Refusal> {
    call.station.move_objects(&call.who(), &asked).await
}

async fn remove(call: Call, (): (), asked: ObjectsAt) -> Result<ObjectsStatus, Refusal> {
    call.station.remove_objects(&call.who(), &asked).await
}

async fn forget(call: Call, (): (), asked: ObjectsWithout) -> Result<ObjectsStatus, Refusal> {
    call.station.forget_objects_of(&call.who(), &asked).await
}
