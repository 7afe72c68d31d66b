//! All rules in their order.

use askama::Template;

use super::fields::{conditions, is_any, what};
use super::{Answer, encoded};
use crate::station::now;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::There;
use crate::station::web::Refusal;
use crate::station_api::{BoardsAsked, NewRule, Rule, What, shadow};

/// Boards without a rule that are named on the page.
const NAMED: u32 = 10;

/// A rule as a line.
struct Line {
    place: u32,
    name: String,
    path: String,
    conditions: Vec<String>,
    what: String,
    /// The page of the project that it gives.
    project: Option<String>,
    matched: u64,
    last: Option<String>,
    /// The rule that keeps it from being asked.
    shadow: Option<String>,
    is_first: bool,
    is_last: bool,
}

/// A board that a page names.
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hardware: String,
}

impl Named {
    pub(super) fn of(board: &crate::station_api::Board) -> Self {
        Self { id: board.id.clone(), name: words::name(board), hardware: words::hardware(board) }
    }
}

#[derive(Template)]
#[template(path = "rules.html")]
struct Page {
    frame: Frame,
    rules: Vec<Line>,
    unruled: u64,
    boards: Vec<Named>,
    changes: bool,
}

fn line(rules: &[Rule], at: usize, rule: &Rule, now: i64) -> Line {
    Line {
        place: rule.position + 1,
        name: rule.name.clone(),
        path: encoded(&rule.name),
        conditions: conditions(&rule.matching),
        what: what(&rule.what),
        project: match &rule.what {
            What::Project { project } => Some(encoded(project)),
            _ => None,
        },
        matched: rule.matched,
        last: rule.last.map(|last| words::when(last, now)),
        shadow: shadow(rules, at).map(str::to_owned),
        is_first: at == 0,
        is_last: at + 1 == rules.len(),
    }
}

pub(super) async fn list(visit: Visit) -> Answer {
    let store = visit.station.store();
    // Before anything is read: what changes from here on is told to the page.
    let frame = visit.frame("Rules", "rules").await;
    let rules = store.rules().await?;
    let unruled = store.count_unruled().await?;
    let asked = BoardsAsked { unruled: true, limit: Some(NAMED), ..BoardsAsked::default() };
    let boards = if unruled > 0 { store.boards(&asked, There::default()).await?.items } else { Vec::new() };
    let now = now();
    let lines = rules.iter().enumerate().map(|(at, rule)| line(&rules, at, rule, now)).collect();
    let changes = frame.can("admin");
    page(&Page { frame, rules: lines, unruled, boards: boards.iter().map(Named::of).collect(), changes })
}

/// Moves a rule, or removes it.
pub(super) async fn act(visit: Visit, form: Form) -> Answer {
    let (station, who) = (&visit.station, visit.who());
    let rule = station.store().rule(visit.part("rule")).await?;
    let to = match visit.part("what") {
        "up" => rule.position.saturating_sub(1),
        "down" => rule.position.saturating_add(1),
        "remove" => {
            if !form.is_on("sure") {
                return Err(Refusal::meaningless("nothing was removed: the box wasn't ticked"));
            }
            station.remove_rule(&who, &rule.name).await?;
            visit.say(false, format!("Rule “{}” is removed.", rule.name));
            return Ok(go("/rules"));
        }
        _ => return Err(Refusal::missing("there is no such thing to do with a rule")),
    };
    let moved = NewRule {
        name: rule.name.clone(),
        position: Some(to),
        any: is_any(&rule),
        matching: rule.matching,
        what: rule.what,
    };
    station.change_rule(&who, &rule.name, &moved).await?;
    Ok(go("/rules"))
}
