//! Codes on boards and labels: a hand scanner types them, and a camera's pictures are looked at by the station.

use askama::Template;
use axum::body::Body;

use super::Answer;
use crate::station::api::scan::{Asked, seen};
use crate::station::pages::frame::Frame;
use crate::station::pages::table;
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;

#[derive(Template)]
#[template(path = "scan.html")]
struct Scan {
    frame: Frame,
}

pub(super) async fn page(visit: Visit) -> Answer {
    let frame = visit.frame("Scan", "scan").await;
    table::page(&Scan { frame })
}

/// A picture: a byte a dot. It comes from one of our pages, or isn't looked at.
pub(super) async fn frame(visit: Visit, body: Body) -> Answer {
    let shown = visit.headers.get("x-piprov-proof").and_then(|shown| shown.to_str().ok());
    visit.proven(shown.unwrap_or_default())?;
    let side = |name: &str| {
        let side = visit.query.maybe::<u32>(name)?;
        side.ok_or_else(|| Refusal::malformed(format!("`{name}` is missing")))
    };
    let asked = Asked { width: side("width")?, height: side("height")? };
    seen(&visit.station, &asked, body).await
}
