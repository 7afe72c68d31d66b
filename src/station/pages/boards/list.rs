//! The list of boards. What is looked for stands in its URL.

use askama::Template;

use super::Answer;
use crate::station::Station;
use crate::station::now;
use crate::station::pages::floor::{Beside, Card};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::store::Place;
use crate::station::web::Refusal;
use crate::station_api::{Board, BoardSort, BoardsAsked, Enrolment, Role, Slot};

/// Boards that wait for a person, above the list: so many are named.
const NAMED: u32 = 3;
/// Lines of a page.
const LINES: u32 = 50;

/// A line of the list.
pub(super) struct Line {
    pub(super) board: Board,
    pub(super) name: String,
    pub(super) model: String,
    pub(super) card: Card,
    pub(super) seen: String,
    pub(super) stamp: String,
}

/// A choice of a filter.
pub(in crate::station::pages) struct Choice {
    pub(in crate::station::pages) value: String,
    pub(in crate::station::pages) words: String,
    pub(in crate::station::pages) chosen: bool,
}

/// The choices of a filter; the first one means all.
pub(in crate::station::pages) fn choices(
    chosen: &str,
    all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
) -> Vec<Choice> {
    let all = all.into_iter().map(|(value, words)| (value.into(), words.into()));
    all.map(|(value, words)| Choice { chosen: value == chosen, value, words }).collect()
}

/// A query with some fields in another form, as a link has it.
pub(in crate::station::pages) fn link(
    path: &str,
    query: &Form,
    names: &[&str],
    more: &[(&str, &str)],
) -> String {
    let mut to = form_urlencoded::Serializer::new(String::new());
    for name in names {
        let value = query.text(name);
        if !value.is_empty() && !more.iter().any(|(key, _)| key == name) {
            to.append_pair(name, value);
        }
    }
    for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
        to.append_pair(name, value);
    }
    let query = to.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

const FILTERS: [&str; 6] = ["q", "enrolment", "slot", "state", "there", "sort"];

#[derive(Template)]
#[template(path = "boards.html")]
struct Page {
    frame: Frame,
    text: String,
    enrolments: Vec<Choice>,
    slots: Vec<Choice>,
    states: Vec<Choice>,
    presence: Vec<Choice>,
    sorts: Vec<Choice>,
    waiting: Vec<Line>,
    /// Those that wait beside the ones that are named.
    more: u64,
    lines: Vec<Line>,
    total: u64,
    next: Option<String>,
    /// The list's beginning, where this isn't it.
    first: Option<String>,
    acts: bool,
}

fn asked(query: &Form) -> Result<BoardsAsked, Refusal> {
    let some = |name: &str| Some(query.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(BoardsAsked {
        begins: some("q"),
        enrolment: query.word("enrolment")?,
        slot: some("slot"),
        state: query.word("state")?,
        present: match query.text("there") {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
        sort: query.word("sort")?.unwrap_or(BoardSort::Seen),
        after: some("after"),
        limit: Some(LINES),
        ..BoardsAsked::default()
    })
}

impl Station {
    /// Lines of a list for these boards, in their order.
    pub(super) async fn lines(&self, boards: &[Board], acts: bool) -> Result<Vec<Line>, Refusal> {
        let ids: Vec<String> = boards.iter().map(|board| board.id.clone()).collect();
        let mut places = self.store().places(&ids).await?;
        places.sort_by_key(|place| ids.iter().position(|id| *id == place.board.id));
        let at = now();
        Ok(places.into_iter().map(|place| self.line(place, at, acts)).collect())
    }

    fn line(&self, place: Place, at: i64, acts: bool) -> Line {
        let present = self.waiting.is_present(&place.board.id);
        let track = place.job.as_ref().and_then(|job| self.rates.of(job.run.as_ref()?));
        let beside = Beside { track: track.as_ref(), port: None, present, now: at, acts };
        let card = Card::of(&place, None, beside);
        Line {
            name: words::name(&place.board),
            model: words::hardware(&place.board),
            card,
            seen: words::when(place.board.last_seen, at),
            stamp: words::stamp(place.board.last_seen),
            board: place.board,
        }
    }
}

pub(super) async fn list(visit: Visit) -> Answer {
    let (station, query) = (&visit.station, &visit.query);
    let asked = asked(query)?;
    let acts = visit.can(Role::Operator);
    let found = station.boards(&asked).await?;
    let lines = station.lines(&found.items, acts).await?;
    let (total, waits) = station.store().count_boards().await?;
    let (waiting, more) = waiting(&visit, "", waits).await?;
    let slots: Vec<Slot> = station.store().slots().await?;
    let slots = slots.into_iter().map(|slot| (slot.name.clone(), slot.name));
    let all = |words: &str| std::iter::once((String::new(), words.to_owned()));
    let texts = |all: &[(&str, &str)]| {
        let all: Vec<_> =
            all.iter().map(|(value, words)| ((*value).to_owned(), (*words).to_owned())).collect();
        all
    };
    let sort = if query.text("sort").is_empty() { "seen" } else { query.text("sort") };
    let page_of = Page {
        frame: visit.frame("Boards", "boards").await,
        text: query.text("q").to_owned(),
        enrolments: choices(
            query.text("enrolment"),
            texts(&[
                ("", "all"),
                ("waiting", "waiting for you"),
                ("enrolled", "let in"),
                ("refused", "refused"),
            ]),
        ),
        slots: choices(query.text("slot"), all("all").chain(slots)),
        states: choices(
            query.text("state"),
            texts(&[
                ("", "all"),
                ("queued", "queued"),
                ("running", "at work"),
                ("finishing", "finishing"),
                ("done", "done, verified"),
                ("not-verified", "done, not verified"),
                ("failed", "failed"),
                ("lost", "lost"),
                ("cancelled", "cancelled"),
            ]),
        ),
        presence: choices(query.text("there"), texts(&[("", "all"), ("yes", "there"), ("no", "not there")])),
        sorts: choices(
            sort,
            texts(&[
                ("seen", "seen last"),
                ("name", "name"),
                ("newest", "came last"),
                ("first", "came first"),
            ]),
        ),
        waiting,
        more,
        lines,
        total,
        next: found.next.map(|next| link("/boards", query, &FILTERS, &[("after", &next)])),
        first: query.is_on("after").then(|| link("/boards", query, &FILTERS, &[])),
        acts,
    };
    page(&page_of)
}

/// Boards that wait for a person, but for this one; and how many more.
pub(super) async fn waiting(visit: &Visit, but: &str, waits: u64) -> Result<(Vec<Line>, u64), Refusal> {
    if waits == 0 {
        return Ok((Vec::new(), 0));
    }
    let asked = BoardsAsked {
        enrolment: Some(Enrolment::Waiting),
        sort: BoardSort::Seen,
        limit: Some(NAMED + 1),
        ..BoardsAsked::default()
    };
    let mut boards = visit.station.boards(&asked).await?.items;
    let all = boards.len();
    boards.retain(|board| board.id != but);
    let own = u64::from(boards.len() < all);
    boards.truncate(NAMED as usize);
    let lines = visit.station.lines(&boards, visit.can(Role::Operator)).await?;
    let more = waits.saturating_sub(lines.len() as u64 + own);
    Ok((lines, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_what_is_looked_for_and_nothing_else() {
        let query = Form::read(b"q=a%26b&sort=name&after=1.x&evil=1").unwrap();
        assert_eq!(link("/boards", &query, &FILTERS, &[]), "/boards?q=a%26b&sort=name");
        assert_eq!(link("/boards", &query, &FILTERS, &[("sort", "seen")]), "/boards?q=a%26b&sort=seen");
        assert_eq!(link("/boards", &Form::default(), &FILTERS, &[]), "/boards");
    }
}
