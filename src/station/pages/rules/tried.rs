//! What the rules say of one board: nothing happens, and nothing is counted.

use askama::Template;

use super::fields::what;
use super::{Answer, encoded};
use crate::format::message;
use crate::station::pages::floor::no_board;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station_api::{Rule, RuleTest};

/// A rule and what it says of the board.
struct Line {
    place: usize,
    name: String,
    path: String,
    what: String,
    why_not: Vec<String>,
    /// It is the first that fits.
    fits: bool,
}

#[derive(Template)]
#[template(path = "tried.html")]
struct Page {
    frame: Frame,
    asked: String,
    id: String,
    name: String,
    hardware: String,
    lines: Vec<Line>,
    /// Places of rules that aren't asked.
    rest: Option<(usize, usize)>,
    /// Why nothing happens whatever the rules say.
    but: Vec<String>,
    /// What would become of its EEPROM.
    eeprom: Option<String>,
    /// A new rule that fits it.
    proposal: Option<String>,
}

/// The end of a sentence.
fn sentence_in(text: &str) -> String {
    format!("{}.", message(text).trim_end_matches('.'))
}

fn lines(rules: &[Rule], test: &RuleTest) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, (rule, said)) in rules.iter().zip(&test.rules).enumerate() {
        let fits = said.why_not.is_empty();
        lines.push(Line {
            place: at + 1,
            name: rule.name.clone(),
            path: encoded(&rule.name),
            what: what(&rule.what),
            why_not: said.why_not.clone(),
            fits,
        });
        if fits {
            break;
        }
    }
    lines
}

pub(super) async fn tried(visit: Visit) -> Answer {
    let store = visit.station.store();
    let asked = visit.query.text("board").to_owned();
    if asked.is_empty() {
        return Err(no_board("write the name, the serial number or the address of a board"));
    }
    let board = store.board(&store.find_board(&asked).await?).await?;
    let rules = store.rules().await?;
    let test = visit.station.test_rules(&board).await?;
    let lines = lines(&rules, &test);
    let rest = (lines.len() < rules.len()).then_some((lines.len() + 1, rules.len()));
    let frame = visit.frame("Rules", "rules").await;
    let but = test.but.iter().map(|but| format!("Nothing would begin now: {}", sentence_in(but))).collect();
    let proposal = (test.what.is_none() && frame.can("admin")).then(|| {
        let mut link = form_urlencoded::Serializer::new("/rules/new?".to_owned());
        let model = board.model.as_deref().and_then(|model| model.strip_prefix("Raspberry Pi "));
        match (model, board.serial) {
            (Some(model), _) => link.append_pair("model", model.split(" Rev").next().unwrap_or(model)),
            (None, Some(serial)) => link.append_pair("serial", serial.as_str()),
            (None, None) => &mut link,
        };
        link.finish()
    });
    page(&Page {
        frame,
        asked,
        id: board.id.clone(),
        name: words::name(&board),
        hardware: words::hardware(&board),
        lines,
        rest,
        but,
        eeprom: test.eeprom.as_deref().map(|text| message(text).into_owned()),
        proposal,
    })
}
