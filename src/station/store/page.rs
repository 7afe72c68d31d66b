//! Lists come in parts. The next part begins behind the last line of the one before, not at a number: so it costs the
//! same wherever it is, and what comes meanwhile moves nothing.

use super::Error;
use crate::station_api::{ListAsked, Page, Time};

/// Lines of a part, where nobody says how many.
const USUAL: u32 = 50;
/// The most.
const MOST: u32 = 500;

/// How many lines.
///
/// # Errors
/// [`Error::BadValue`] for none, and for too many.
pub fn limit(asked: Option<u32>) -> Result<usize, Error> {
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

/// A part of a list that is short enough to be read as a whole, in the order of what each line is told apart by: so a line
/// that was removed meanwhile still says where the next part begins.
///
/// # Errors
/// [`Error::BadValue`] for a `limit` that isn't one.
pub fn part<T>(mut all: Vec<T>, asked: &ListAsked, key: impl Fn(&T) -> String) -> Result<Page<T>, Error> {
    let limit = limit(asked.limit)?;
    // Databases differ in how they order texts.
    all.sort_by_cached_key(&key);
    let after = asked.after.as_deref().unwrap_or_default();
    let items = all.into_iter().skip_while(|one| key(one).as_str() <= after).take(limit + 1).collect();
    Ok(page(items, limit, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(after: Option<&str>, limit: u32) -> ListAsked {
        ListAsked { after: after.map(str::to_owned), limit: Some(limit), ..ListAsked::default() }
    }

    #[test]
    fn a_whole_list_comes_in_parts_each_line_once_whatever_is_removed_meanwhile() {
        let all: Vec<String> = (0..250).map(|n| format!("u{n:03}")).collect();
        for limit in [1, 7, 50, 249, 250, 500] {
            let (mut seen, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = part(all.clone(), &asked(after.as_deref(), limit), Clone::clone).unwrap();
                assert!(page.items.len() <= limit as usize);
                seen.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "{limit}");
        }
        let mut fewer = all.clone();
        fewer.remove(99);
        let page = part(fewer, &asked(Some("u099"), 2), Clone::clone).unwrap();
        assert_eq!(page.items, ["u100", "u101"]);
        assert_eq!(part(all.clone(), &asked(Some("z"), 2), Clone::clone).unwrap().items.len(), 0);
        for limit in [0, 501] {
            assert!(part(all.clone(), &asked(None, limit), Clone::clone).is_err());
        }
    }
}
