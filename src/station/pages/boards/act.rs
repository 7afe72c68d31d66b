//! What people change of a board.

use askama::Template;

use super::Answer;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::{Access, Refusal};
use crate::station_api::{BoardChange, Held, NewPrint, Role};

const WORK: Access = Access::Role(Role::Operator);
const RULE: Access = Access::Role(Role::Admin);

pub(super) fn add_to(pages: &mut Pages) {
    pages.post("/boards/{board}/change", WORK, change);
    pages.post("/boards/{board}/forget-key", WORK, forget_key);
    pages.post("/boards/{board}/label", WORK, print_label);
    pages.get("/boards/{board}/forget", RULE, ask);
    pages.post("/boards/{board}/forget", RULE, forget);
}

async fn id(visit: &Visit) -> Result<String, Refusal> {
    Ok(visit.station.store().find_board(visit.part("board")).await?)
}

/// Changes what the form names, and nothing else.
async fn change(visit: Visit, form: Form) -> Answer {
    let id = id(&visit).await?;
    let field = |name| form.all(name).next().map(str::to_owned);
    let change = BoardChange {
        name: field("name"),
        note: field("note"),
        slot: field("slot"),
        held: form.word::<Held>("held")?,
        ..BoardChange::default()
    };
    let board = visit.station.change_board(&visit.who(), &id, &change).await?;
    visit.say(false, format!("{} is changed.", words::name(&board)));
    Ok(go(&format!("/boards/{id}")))
}

async fn print_label(visit: Visit, form: Form) -> Answer {
    let id = id(&visit).await?;
    let (label, printer) = (form.text("label").to_owned(), form.text("printer").to_owned());
    let new = NewPrint { label, printer, board: Some(id.clone()), copies: 1 };
    visit.station.want_print(&visit.who(), &new).await?;
    visit.say(false, format!("Its label goes to {}.", new.printer));
    Ok(go(&format!("/boards/{id}")))
}

async fn forget_key(visit: Visit, _: Form) -> Answer {
    let id = id(&visit).await?;
    let change = BoardChange { forget_key: true, ..BoardChange::default() };
    let board = visit.station.change_board(&visit.who(), &id, &change).await?;
    let text = "the next key that is shown under its serial number is its own";
    visit.say(false, format!("The key of {} is forgotten: {text}.", words::name(&board)));
    Ok(go(&format!("/boards/{id}")))
}

#[derive(Template)]
#[template(path = "board_forget.html")]
struct Ask {
    frame: Frame,
    id: String,
    name: String,
    hardware: String,
}

/// Nothing is forgotten by one click.
async fn ask(visit: Visit) -> Answer {
    let board = visit.station.store().board(&id(&visit).await?).await?;
    let frame = visit.frame("Forget a board", "boards").await;
    page(&Ask { frame, name: words::name(&board), hardware: words::hardware(&board), id: board.id })
}

async fn forget(visit: Visit, _: Form) -> Answer {
    let board = visit.station.store().board(&id(&visit).await?).await?;
    visit.station.forget_board(&visit.who(), &board.id).await?;
    visit.say(false, format!("{} is forgotten. Its runs stay.", words::name(&board)));
    Ok(go("/boards"))
}
