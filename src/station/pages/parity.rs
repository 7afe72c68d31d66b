//! What a page does, a program may do too: `parity.txt` says by which calls, or why it may not. A page that doesn't stand
//! there fails here, and so does a call that takes another role than its page.

use std::collections::BTreeMap;

use crate::station::table;
use crate::station::web::{Access, Row};

/// `METHOD PATH = METHOD PATH, …`, or `METHOD PATH - why there is no call`.
const PARITY: &str = include_str!("parity.txt");

/// What each page has beside it.
fn told() -> BTreeMap<&'static str, Result<Vec<&'static str>, &'static str>> {
    let line = |line: &'static str| match (line.split_once(" = "), line.split_once(" - ")) {
        (Some((page, calls)), None) => (page, Ok(calls.split(", ").collect())),
        (None, Some((page, why))) => (page, Err(why)),
        _ => panic!("{line}: neither calls nor a reason"),
    };
    let lines: Vec<_> = PARITY.lines().map(line).collect();
    let (count, told) = (lines.len(), lines.into_iter().collect::<BTreeMap<_, _>>());
    assert_eq!(told.len(), count, "a page stands there twice");
    told
}

/// A page for each thing that is done by it.
fn names(row: &Row) -> Vec<String> {
    let name = format!("{} {}", row.method.word().to_uppercase(), row.path);
    if row.whats.is_empty() {
        return vec![name];
    }
    row.whats.iter().map(|what| name.replace("{what}", what)).collect()
}

#[test]
fn what_a_page_does_a_program_may_do_too_with_the_same_role() {
    let (pages, calls) = (super::all(), table());
    let calls: BTreeMap<_, _> = calls
        .rows()
        .iter()
        .filter(|row| row.path.starts_with("/api/v1/"))
        .map(|row| (format!("{} {}", row.method.word().to_uppercase(), row.path), row.access))
        .collect();
    let mut told = told();
    let mut wrong = Vec::new();
    for row in pages.rows() {
        assert!(!row.path.ends_with("/{what}") || !row.whats.is_empty(), "{}: what is done by it?", row.path);
        for page in names(row) {
            let beside = match told.remove(page.as_str()) {
                None => {
                    wrong.push(format!("{page}: no call, and no reason"));
                    continue;
                }
                Some(Err(why)) => {
                    assert!(why.len() > 10, "{page}: {why}");
                    continue;
                }
                Some(Ok(beside)) => beside,
            };
            let mut most = None;
            for call in beside {
                let Some(access) = calls.get(call) else {
                    wrong.push(format!("{page}: there is no {call}"));
                    continue;
                };
                most = most.max(match access {
                    Access::Role(role) => Some(*role),
                    Access::Open | Access::Board => None,
                });
            }
            let own = match row.access {
                Access::Role(role) => Some(role),
                Access::Open | Access::Board => None,
            };
            // What is looked at before something is done may need less than doing it.
            let looks = row.method.is_get() && most < own;
            if most != own && !looks {
                wrong.push(format!("{page} takes {own:?}, and its calls take {most:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(told.is_empty(), "no such page: {told:#?}");
}
