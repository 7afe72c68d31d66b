//! The page of the floor.

use askama::Template;

use super::Answer;
use super::card::Card;
use super::feed::Figures;
use super::first::Step;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page};
use crate::station::pages::visit::Visit;
use crate::station_api::Role;

#[derive(Template)]
#[template(path = "floor.html")]
struct Page {
    frame: Frame,
    figures: Figures,
    /// Slots that are on the map, row by row.
    map: Vec<Card>,
    /// Slots that aren't.
    slots: Vec<Card>,
    others: Vec<Card>,
    number: u64,
    acts: bool,
    /// The image that was written last.
    image: Option<String>,
    /// For a screen above the bench: nothing but the cards.
    wall: bool,
    /// The first steps of a station that has done nothing yet.
    first: Option<Vec<Step>>,
}

/// `/floor` is what people call it.
pub(super) async fn called(visit: Visit) -> Answer {
    Ok(go(if visit.query.has("wall") { "/?wall=1" } else { "/" }))
}

pub(super) async fn floor(visit: Visit) -> Answer {
    let wall = visit.query.has("wall");
    let acts = visit.can(Role::Operator) && !wall;
    let drawn = visit.station.drawn(acts).await?;
    let image = visit.station.store().image_before().await?;
    let first = if wall { None } else { super::first::steps(&visit).await? };
    let frame = visit.frame("Floor", "floor").await;
    let (mut map, slots): (Vec<_>, Vec<_>) = drawn.slots.into_iter().partition(|card| card.cell.is_some());
    map.sort_by_key(|card| card.cell);
    page(&Page {
        frame,
        figures: drawn.figures,
        map,
        slots,
        others: drawn.others,
        number: drawn.number,
        acts,
        image,
        wall,
        first,
    })
}
