//! Lists come in parts. The next part begins behind the last line of the one before, not at a number: so it costs the
//! same wherever it is, and what comes meanwhile moves nothing.

use super::Error;
use crate::station_api::{Page, Time};

/// Lines of a part, where nobody says how many.
const USUAL: u32 = 50;
/// The most.
const MOST: u32 = 500;

/// How many lines.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Error> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit as usize),
        other => Err(Error::BadValue { what: "limit", why: format!("{other} isn't 1 to {MOST}") }),
    }
}

/// One line more was asked for than is told: where it came, there is a next part.
pub(super) fn page<T>(mut items: Vec<T>, limit: usize, last: impl Fn(&T) -> String) -> Page<T> {
    let next = if items.len() > limit {
        items.truncate(limit);
        items.last().map(last)
    } else {
        None
    };
    Page { items, next }
}

/// Where a part begins that is ordered by time and a name: `1764324000000.0123456789ab`.
pub(super) fn at(after: &str) -> Result<(Time, String), Error> {
    let wrong = || Error::BadValue { what: "after", why: format!("`{after}` is no place in this list") };
    let (time, name) = after.split_once('.').ok_or_else(wrong)?;
    Ok((time.parse().map_err(|_| wrong())?, name.to_owned()))
}
