//! One source: who has what of it, and what may be done with it.

use askama::Template;

use super::{Answer, Line};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::Refusal;
use crate::station_api::{GivenAsked, ValueSourceChange, ValuesOf};

/// What a board has.
struct Given {
    board: String,
    label: String,
    values: String,
    given: String,
}

#[derive(Template)]
#[template(path = "value.html")]
struct One {
    frame: Frame,
    line: Line,
    boards: Vec<Given>,
    /// The projects that draw from it.
    projects: Vec<String>,
    search: String,
    next: Option<String>,
    first: bool,
    is_table: bool,
    is_range: bool,
    /// The last one of a range.
    end: String,
    unique: String,
    changes: bool,
    works: bool,
}

pub(super) async fn show(visit: Visit) -> Answer {
    let store = visit.station.store();
    let source = store.value_source(visit.part("source")).await?;
    let some = |name: &str| Some(visit.query.text(name).to_owned()).filter(|text| !text.is_empty());
    let asked = GivenAsked { text: some("text"), after: some("after"), limit: Some(50) };
    let given = store.given_values(&source.name, &asked).await?;
    let projects = store.projects().await?.into_iter();
    let projects = projects.filter(|project| project.values.contains(&source.name));
    let projects = projects.map(|project| project.name).collect();
    let boards = given.items.into_iter().map(|one| {
        let values: Vec<_> = one.values.iter().map(|(name, text)| format!("{name} = {text}")).collect();
        let label = one.serial.unwrap_or_else(|| one.board.clone());
        Given { board: one.board, label, values: values.join(", "), given: words::stamp(one.given) }
    });
    let boards = boards.collect();
    let next = given.next.map(|after| {
        let mut next = form_urlencoded::Serializer::for_suffix(
            format!("/value/{}?", source.name),
            source.name.len() + 8,
        );
        if let Some(text) = &asked.text {
            next.append_pair("text", text);
        }
        next.append_pair("after", &after);
        next.finish()
    });
    let unique = match &source.of {
        ValuesOf::Table(sheet) => sheet.unique.clone(),
        ValuesOf::Http(server) => server.unique.clone(),
        _ => None,
    };
    let end = source.of.total().and_then(|total| source.of.at(total.saturating_sub(1)));
    let frame = visit.frame(&source.name, "values").await;
    let (changes, works) = (frame.can("admin"), frame.can("operator"));
    page(&One {
        frame,
        line: Line::new(&source),
        boards,
        projects,
        search: asked.text.unwrap_or_default(),
        next,
        first: asked.after.is_none(),
        is_table: matches!(source.of, ValuesOf::Table(_)),
        is_range: source.of.total().is_some(),
        end: end.unwrap_or_default(),
        unique: unique.unwrap_or_default(),
        changes,
        works,
    })
}

pub(super) async fn change(visit: Visit, form: Form) -> Answer {
    let end = Some(form.text("end").to_owned()).filter(|end| !end.is_empty());
    let change = ValueSourceChange { warn: form.maybe("warn")?, end };
    let source = visit.station.change_value_source(&visit.who(), visit.part("source"), &change).await?;
    visit.say(false, format!("The source {} is changed.", source.name));
    Ok(go(&format!("/value/{}", source.name)))
}

pub(super) async fn release(visit: Visit, form: Form) -> Answer {
    if !form.is_on("sure") {
        return Err(Refusal::meaningless("nothing was given back: the box wasn't ticked"));
    }
    let name = visit.part("source");
    visit.station.release_values(&visit.who(), name, form.text("board")).await?;
    visit.say(false, "The board has given its values back. Another one may get them.".to_owned());
    Ok(go(&format!("/value/{name}")))
}

pub(super) async fn remove(visit: Visit, form: Form) -> Answer {
    if !form.is_on("sure") {
        return Err(Refusal::meaningless("nothing was removed: the box wasn't ticked"));
    }
    let name = visit.part("source");
    visit.station.remove_value_source(&visit.who(), name).await?;
    visit.say(false, format!("The source {name} is removed. Records of runs keep what they have."));
    Ok(go("/values"))
}
