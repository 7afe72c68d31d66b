//! What people do to an image.

use crate::error::sentence;
use std::sync::Arc;

use askama::Template;

use super::{Answer, CHANGE, WORK};
use crate::format::size;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page};
use crate::station::pages::visit::Visit;
use crate::station_api::Image;

pub(super) fn add_to(pages: &mut Pages) {
    pages.post("/images/{image}/verify", WORK, verify);
    pages.post("/images/{image}/rename", CHANGE, rename);
    pages.get("/images/{image}/remove", CHANGE, ask);
    pages.post("/images/{image}/remove", CHANGE, remove);
}

async fn verify(visit: Visit, form: Form) -> Answer {
    let image = visit.station.store().image(visit.part("image")).await?;
    let (station, who, session) = (Arc::clone(&visit.station), visit.who(), visit.session_digest());
    let checked = image.clone();
    // It takes minutes: what comes out is told on the next page.
    tokio::spawn(async move {
        let (bad, text) = match station.verify_image(&who, &checked).await {
            Ok(verdict) if verdict.damaged.is_empty() => {
                (false, format!("All {} chunks of {} are whole.", verdict.chunks, checked.name))
            }
            Ok(verdict) => {
                (true, format!("{} chunks of {} are damaged.", verdict.damaged.len(), checked.name))
            }
            Err(refusal) => (true, sentence(&refusal.detail())),
        };
        if let Some(session) = session {
            station.notices.put(&session, bad, text);
        }
        station.changes.tell(crate::station_api::Thing::Image, &checked.id, None);
    });
    visit.say(false, format!("{} is being read, all of it.", image.name));
    Ok(go(form.text("to")))
}

async fn rename(visit: Visit, form: Form) -> Answer {
    let image = visit.station.rename_image(&visit.who(), visit.part("image"), form.text("name")).await?;
    visit.say(false, format!("It is called {} now, also where projects name it.", image.name));
    Ok(go(&format!("/images/{}", image.id)))
}

#[derive(Template)]
#[template(path = "image_remove.html")]
struct Ask {
    frame: Frame,
    image: Image,
    frees: String,
    needed: Option<String>,
    backup: bool,
}

/// What cannot be undone asks once more.
async fn ask(visit: Visit) -> Answer {
    let store = visit.station.store();
    let image = store.image(visit.part("image")).await?;
    let (ids, names) = (std::slice::from_ref(&image.id), std::slice::from_ref(&image.name));
    let uses = store.uses(ids, names).await?.remove(&image.id).unwrap_or_default();
    let needed = match (&uses.projects[..], uses.open) {
        ([], 0) => None,
        ([], jobs) => Some(format!("{jobs} jobs aren't done with it")),
        (projects, _) => Some(format!("project {} has it", projects.join(", "))),
    };
    let frees = size(store.shared(&image.id).await?.own);
    let backup = image.backup_of.is_some();
    let frame =
        visit.frame(&format!("Remove {}?", image.name), if backup { "backups" } else { "images" }).await;
    page(&Ask { frame, image, frees, needed, backup })
}

async fn remove(visit: Visit, _: Form) -> Answer {
    let image = visit.station.remove_image(&visit.who(), visit.part("image")).await?;
    visit.say(false, format!("{} is removed.", image.name));
    Ok(go(if image.backup_of.is_some() { "/backups" } else { "/images" }))
}
