//! One label: its template, how it looks with a board's values, and a print of it.

use crate::error::sentence;
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Answer;
use super::list::{Line, line};
use crate::format::count;
use crate::label::names;
use crate::station::labels::MORE;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::rules::{encoded, mark, unchanged};
use crate::station::pages::table::{go, page_of};
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::{LONGEST_LABEL, Label, LabelLanguage, MOST_COPIES, NewPrint, OWN, PrinterTakes};

/// What a new label begins with.
const BEGIN: &str = "# Millimetres from the upper left corner. Names in braces are the board's values.\n\
    size 50 25\n\
    dpi 203\n\
    text 2 2 4 {called}\n\
    text 2 7 3 {mac}\n\
    qr 32 6 17 {serial}\n";

/// The form, as it stands on the page.
#[derive(Debug, Clone, Default)]
struct Fields {
    name: String,
    language: String,
    text: String,
}

#[derive(Template)]
#[template(path = "label.html")]
struct One {
    frame: Frame,
    /// [`mark`] of the label as it is; empty for a new one.
    was: String,
    /// The label that is there; `None` where one is to be made.
    there: Option<Line>,
    fields: Fields,
    languages: Vec<(&'static str, &'static str)>,
    /// Names that may stand in braces.
    known: String,
    /// The board that it is shown for, as somebody has typed it.
    board: String,
    /// What its printer gets, where that is a text.
    text: Option<String>,
    /// Why it can't be shown.
    why: Option<String>,
    printers: Vec<String>,
    wrong: Option<String>,
    changes: bool,
    works: bool,
    longest: usize,
    most_copies: u32,
}

impl Fields {
    fn of_form(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            language: form.text("language").to_owned(),
            text: form.raw("text").replace("\r\n", "\n"),
        }
    }

    fn of_label(label: &Label) -> Self {
        Self {
            name: label.name.clone(),
            language: label.language.word().to_owned(),
            text: label.text.clone(),
        }
    }

    fn label(&self, form: &Form) -> Result<Label, Refusal> {
        let language = form.word("language")?.unwrap_or_default();
        Ok(Label { name: self.name.clone(), language, text: self.text.clone(), ..Label::default() })
    }
}

async fn show_page(visit: &Visit, there: Option<Label>, fields: Fields, wrong: Option<Refusal>) -> Answer {
    let store = visit.station.store();
    let (projects, printers) = (store.projects().await?, store.printers().await?);
    let board = visit.query.text("board").to_owned();
    let (mut text, mut why) = (None, None);
    if let Some(label) = &there {
        let of = Some(board.as_str()).filter(|board| !board.is_empty());
        match visit.station.filled_label(label, of, PrinterTakes::Png).await {
            Ok(filled) if filled.is_text => {
                text = Some(String::from_utf8_lossy(&filled.bytes).into_owned());
            }
            Ok(_) => {}
            Err(refusal) => why = Some(sentence(&refusal.detail())),
        }
    }
    let title = there.as_ref().map_or("New label", |label| label.name.as_str()).to_owned();
    let frame = visit.frame(&title, "labels").await;
    let (changes, works) = (frame.can("admin"), frame.can("operator"));
    let status = wrong.as_ref().map_or(StatusCode::OK, Refusal::status);
    let was = there.as_ref().map(|label| mark(&Fields::of_label(label))).unwrap_or_default();
    let known: Vec<_> = OWN.iter().chain(&MORE).copied().collect();
    let used = there.as_ref().map(|label| names(&label.text).join(", ")).unwrap_or_default();
    let known = match used.as_str() {
        "" => known.join(", "),
        used => format!("{}. This label has {used}", known.join(", ")),
    };
    page_of(
        status,
        &One {
            frame,
            was,
            there: there.as_ref().map(|label| line(label, &projects)),
            fields,
            languages: LabelLanguage::ALL.map(|one| (one.word(), one.words())).to_vec(),
            known,
            board,
            text,
            why,
            printers: printers.into_iter().map(|printer| printer.name).collect(),
            wrong: wrong.map(|refusal| sentence(&refusal.detail())),
            changes,
            works,
            longest: LONGEST_LABEL,
            most_copies: MOST_COPIES,
        },
    )
}

pub(super) async fn show(visit: Visit) -> Answer {
    let label = visit.station.store().label(visit.part("label")).await?;
    show_page(&visit, Some(label.clone()), Fields::of_label(&label), None).await
}

pub(super) async fn new(visit: Visit) -> Answer {
    let fields = Fields { text: BEGIN.to_owned(), ..Fields::default() };
    show_page(&visit, None, fields, None).await
}

/// The picture of a label that is drawn: the dots that its printer gets.
pub(super) async fn picture(visit: Visit) -> Answer {
    let label = visit.station.store().label(visit.part("label")).await?;
    if label.language != LabelLanguage::Drawn {
        return Err(Refusal::missing("this label has no picture: its printer draws it"));
    }
    let board = Some(visit.query.text("board")).filter(|board| !board.is_empty());
    let filled = visit.station.filled_label(&label, board, PrinterTakes::Png).await?;
    let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, filled.bytes).into_response())
}

pub(super) async fn make(visit: Visit, form: Form) -> Answer {
    let fields = Fields::of_form(&form);
    let made: Result<Label, Refusal> = async {
        let label = fields.label(&form)?;
        if visit.station.store().label(&label.name).await.is_ok() {
            return Err(Refusal::conflict(format!("there is a label `{}` already", label.name)));
        }
        visit.station.put_label(&visit.who(), &label).await
    }
    .await;
    match made {
        Ok(label) => {
            visit.say(false, format!("Label “{}” is made. A project that names it prints it.", label.name));
            label.warnings.iter().for_each(|doubt| visit.say(true, sentence(doubt)));
            Ok(go(&format!("/label/{}", encoded(&label.name))))
        }
        Err(refusal) => show_page(&visit, None, fields, Some(refusal)).await,
    }
}

pub(super) async fn change(visit: Visit, form: Form) -> Answer {
    let before = visit.station.store().label(visit.part("label")).await?;
    // A label keeps its name: projects call it so.
    let fields = Fields { name: before.name.clone(), ..Fields::of_form(&form) };
    let changed: Result<Label, Refusal> = async {
        unchanged(&form, &Fields::of_label(&before))?;
        let label = fields.label(&form)?;
        visit.station.put_label(&visit.who(), &label).await
    }
    .await;
    match changed {
        Ok(label) => {
            visit.say(
                false,
                format!("Label “{}” is changed. What waits to be printed stays as it is.", label.name),
            );
            label.warnings.iter().for_each(|doubt| visit.say(true, sentence(doubt)));
            Ok(go(&format!("/label/{}", encoded(&label.name))))
        }
        Err(refusal) => show_page(&visit, Some(before), fields, Some(refusal)).await,
    }
}

pub(super) async fn print(visit: Visit, form: Form) -> Answer {
    let new = NewPrint {
        label: visit.part("label").to_owned(),
        printer: form.text("printer").to_owned(),
        board: Some(form.text("board").to_owned()).filter(|board| !board.is_empty()),
        copies: form.maybe("copies")?.unwrap_or(1),
    };
    let prints = visit.station.want_print(&visit.who(), &new).await?;
    let labels = count(prints.len() as u64, "label");
    visit.say(false, format!("{labels} for {}. How that goes stands here.", new.printer));
    // A test has a sample of each name, also of one that no board has.
    let label = visit.station.label(&new.label).await?;
    for doubt in label.warnings.iter().filter(|_| new.board.is_none()) {
        visit.say(true, sentence(doubt));
    }
    Ok(go("/printers"))
}

pub(super) async fn remove(visit: Visit, form: Form) -> Answer {
    if !form.is_on("sure") {
        return Err(Refusal::meaningless("nothing was removed: the box wasn't ticked"));
    }
    let name = visit.part("label");
    visit.station.remove_label(&visit.who(), name).await?;
    visit.say(false, format!("Label “{name}” is removed."));
    Ok(go("/labels"))
}
