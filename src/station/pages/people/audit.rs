//! What was done by whom.

use askama::Template;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::station::now;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, page};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::{Access, Refusal};
use crate::station_api::{Audit as Done, AuditAsked, Role, Time};

const ADMIN: Access = Access::Role(Role::Admin);

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/audit", ADMIN, audit);
    pages.get("/audit/export", ADMIN, |visit| async move { visit.station.export_audit(&visit.who()).await });
}

struct Line {
    done: Done,
    when: String,
    stamp: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    lines: Vec<Line>,
    words: Vec<String>,
    by: String,
    what: String,
    on: String,
    from: String,
    to: String,
    filtered: bool,
    /// The next page, and back to the newest.
    next: Option<String>,
    first: bool,
}

/// When a day of the station's time zone begins; `days` later.
fn day(text: &str, days: i64) -> Result<Option<Time>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Refusal::meaningless(format!("`{text}` is no day such as 2026-11-28"));
    let date: Date = text.parse().map_err(|_| wrong())?;
    let date = date.checked_add(jiff::Span::new().days(days)).map_err(|_| wrong())?;
    let begin = date.to_zoned(TimeZone::system()).map_err(|_| wrong())?;
    Ok(Some(begin.timestamp().as_millisecond()))
}

async fn audit(visit: Visit) -> Result<Response, Refusal> {
    let query = &visit.query;
    let some = |name: &str| Some(query.text(name).to_owned()).filter(|text| !text.is_empty());
    let asked = AuditAsked {
        by: some("by"),
        what: some("what"),
        on: some("on"),
        since: day(query.text("from"), 0)?,
        until: day(query.text("to"), 1)?,
        after: some("after"),
        limit: Some(50),
    };
    let at = now();
    let found = visit.station.store().audit(&asked).await?;
    let lines = found.items.into_iter().map(|done| Line {
        when: words::when(done.time, at),
        stamp: words::stamp(done.time),
        done,
    });
    let text = |name: &str| query.text(name).to_owned();
    let first = asked.after.is_none();
    let page_data = Audit {
        lines: lines.collect(),
        words: visit.station.store().audit_words().await?,
        by: text("by"),
        what: text("what"),
        on: text("on"),
        from: text("from"),
        to: text("to"),
        filtered: ["by", "what", "on", "from", "to"].iter().any(|name| query.is_on(name)),
        next: found.next.map(|next| further(query, &next)),
        first,
        frame: visit.frame("Audit", "audit").await,
    };
    page(&page_data)
}

/// The same list behind its last line.
fn further(query: &Form, next: &str) -> String {
    let mut to = form_urlencoded::Serializer::for_suffix("/audit?".to_owned(), 7);
    for name in ["by", "what", "on", "from", "to"] {
        if query.is_on(name) {
            to.append_pair(name, query.text(name));
        }
    }
    to.append_pair("after", next);
    to.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_and_nothing_else_is() {
        let begin = day("2026-11-28", 0).unwrap().unwrap();
        let end = day("2026-11-28", 1).unwrap().unwrap();
        assert!((82_800_000..=90_000_000).contains(&(end - begin)));
        assert_eq!(day("", 0).unwrap(), None);
        for wrong in ["yesterday", "2026-02-30", "9999-12-31"] {
            assert!(day(wrong, 1).is_err(), "{wrong}");
        }
    }
}
