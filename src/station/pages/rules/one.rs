//! One rule: made, looked at, changed.

use crate::error::sentence;
use askama::Template;

use super::fields::{Fields, conditions, what};
use super::list::Named;
use super::{Answer, encoded, mark, unchanged};
use crate::station::now;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page_of};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::Refusal;
use crate::station_api::{ListAsked, NO_IMAGE, NewRule, Rule, What};

/// Boards of a rule that its page shows at a time.
const SHOWN: u32 = 25;

#[derive(Template)]
#[template(path = "rule.html")]
struct Page {
    frame: Frame,
    /// [`mark`] of the rule as it is; empty for a new one.
    was: String,
    /// The rule that is there; `None` where one is to be made.
    rule: Option<There>,
    fields: Fields,
    projects: Vec<String>,
    places: u32,
    wrong: Option<String>,
    changes: bool,
}

/// What is known of a rule that is there.
struct There {
    name: String,
    path: String,
    conditions: Vec<String>,
    what: String,
    matched: u64,
    last: Option<String>,
    boards: Vec<Named>,
    next: Option<String>,
    /// Whether the list of boards is shown from its beginning.
    from_first: bool,
}

async fn there(visit: &Visit, rule: &Rule) -> Result<There, Refusal> {
    let after = Some(visit.query.text("after").to_owned()).filter(|after| !after.is_empty());
    let from_first = after.is_none();
    let asked = ListAsked { after, limit: Some(SHOWN), ..ListAsked::default() };
    let boards = visit.station.store().boards_of_rule(&rule.name, &asked).await?;
    Ok(There {
        name: rule.name.clone(),
        path: encoded(&rule.name),
        conditions: conditions(&rule.matching),
        what: what(&rule.what),
        matched: rule.matched,
        last: rule.last.map(|last| words::when(last, now())),
        boards: boards.items.iter().map(Named::of).collect(),
        next: boards.next,
        from_first,
    })
}

async fn show_page(visit: &Visit, rule: Option<&Rule>, fields: Fields, wrong: Option<Refusal>) -> Answer {
    let title = rule.map_or("New rule", |rule| rule.name.as_str());
    let frame = visit.frame(title, "rules").await;
    let store = visit.station.store();
    let there = match rule {
        Some(rule) => Some(there(visit, rule).await?),
        None => None,
    };
    let places = u32::try_from(store.rules().await?.len()).unwrap_or(u32::MAX);
    let places = if rule.is_some() { places } else { places.saturating_add(1) };
    let changes = frame.can("admin");
    let status = wrong.as_ref().map_or(axum::http::StatusCode::OK, Refusal::status);
    let wrong = wrong.map(|refusal| sentence(&refusal.detail()));
    let projects = store.projects().await?.into_iter().map(|project| project.name).collect();
    let was = rule.map(|rule| mark(&Fields::of_rule(rule))).unwrap_or_default();
    page_of(status, &Page { frame, was, rule: there, fields, projects, places, wrong, changes })
}

pub(super) async fn show(visit: Visit) -> Answer {
    let rule = visit.station.store().rule(visit.part("rule")).await?;
    show_page(&visit, Some(&rule), Fields::of_rule(&rule), None).await
}

/// The form of a new one. What a link says of it stands there already.
pub(super) async fn new(visit: Visit) -> Answer {
    let fields = Fields::of_form(&visit.query);
    show_page(&visit, None, fields, None).await
}

/// Says so where a rule leads boards to a project that they can't get.
async fn warn_of_image(visit: &Visit, rule: &Rule) -> Result<(), Refusal> {
    if let What::Project { project } = &rule.what
        && visit.station.store().project(project).await?.image.is_none()
    {
        visit.say(true, format!("Project “{project}”: {NO_IMAGE}."));
    }
    Ok(())
}

pub(super) async fn make(visit: Visit, form: Form) -> Answer {
    let fields = Fields::of_form(&form);
    let made: Result<Rule, Refusal> = async {
        let new = fields.rule()?;
        visit.station.add_rule(&visit.who(), &new).await
    }
    .await;
    match made {
        Ok(rule) => {
            visit.say(false, format!("Rule “{}” is made. It is asked when a board comes.", rule.name));
            warn_of_image(&visit, &rule).await?;
            Ok(go("/rules"))
        }
        Err(refusal) => show_page(&visit, None, fields, Some(refusal)).await,
    }
}

pub(super) async fn change(visit: Visit, form: Form) -> Answer {
    let name = visit.part("rule").to_owned();
    let before = visit.station.store().rule(&name).await?;
    let fields = Fields::of_form(&form);
    let changed: Result<Rule, Refusal> = async {
        unchanged(&form, &Fields::of_rule(&before))?;
        let new: NewRule = fields.rule()?;
        visit.station.change_rule(&visit.who(), &name, &new).await
    }
    .await;
    match changed {
        Ok(rule) => {
            visit.say(false, format!("Rule “{}” is changed.", rule.name));
            warn_of_image(&visit, &rule).await?;
            Ok(go("/rules"))
        }
        Err(refusal) => show_page(&visit, Some(&before), fields, Some(refusal)).await,
    }
}
