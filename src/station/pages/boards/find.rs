//! Straight to a board: by its name, serial number, address, or what a scanner reads from its label.

use super::Answer;
use crate::station::pages::table::go;
use crate::station::pages::visit::Visit;
use crate::station::store::Error;
use crate::station_api::{BoardsAsked, Page};

pub(super) async fn find(visit: Visit) -> Answer {
    let text = visit.query.text("q");
    let store = visit.station.store();
    if let Some(id) = visit.station.board_of_text(text).await? {
        return Ok(go(&format!("/boards/{id}")));
    }
    if !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match store.run_line(text).await {
            Ok((line, _)) => return Ok(go(&format!("/runs/{}", line.run))),
            Err(Error::NoSuch { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let begins = Some(text.to_owned()).filter(|text| !text.is_empty());
    let asked = BoardsAsked { begins, limit: Some(2), ..BoardsAsked::default() };
    if let Page { items, next: None } = visit.station.boards(&asked).await?
        && let [only] = &items[..]
        && !text.is_empty()
    {
        return Ok(go(&format!("/boards/{}", only.id)));
    }
    let mut to = form_urlencoded::Serializer::new("/boards?".to_owned());
    to.append_pair("q", text);
    Ok(go(&to.finish()))
}
