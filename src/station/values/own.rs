//! What each board has by itself. Pure.

use crate::station_api::{Board, Values};

/// The values that a board has without any source: those of [`OWN`](crate::station_api::OWN) that are known of it.
/// What a job, a run, a project or an image is called isn't the board's.
#[must_use]
pub fn own(board: &Board) -> Values {
    let facts = [
        ("serial", board.serial.map(|serial| serial.as_str().to_owned())),
        ("serial8", board.serial.map(|serial| serial.directory())),
        ("mac", board.macs.first().map(ToString::to_string)),
        ("model", board.model.clone()),
        ("slot", board.slot.clone()),
        ("board", Some(board.id.clone())),
        ("name", board.name.clone()),
        ("memory", board.memory.map(|memory| memory.to_string())),
    ];
    let known = facts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
    // A board says what it is: what moves the cursor is no part of that.
    let shown = known.map(|(name, text)| {
        let text = text.chars().filter(|char| !crate::format::is_hidden(*char));
        (name, text.take(crate::station_api::LONGEST_VALUE).collect())
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::OWN;

    #[test]
    fn a_board_has_what_is_known_of_it() {
        let board: Board = serde_json::from_str(
            r#"{"id":"7","serial":"10000000af04b2da","macs":["dc:a6:32:01:02:03"],"model":"Pi \u001b[2J4",
                "memory":4294967296,"disks":[],"enrolment":"enrolled","held":"armed","first_seen":0,"last_seen":0}"#,
        )
        .unwrap();
        let own = own(&board);
        assert!(own.keys().all(|name| OWN.contains(&name.as_str())), "{own:?}");
        let all: Vec<_> = own.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(
            all.join(" "),
            "board=7 mac=dc:a6:32:01:02:03 memory=4294967296 model=Pi [2J4 serial=10000000af04b2da serial8=af04b2da"
        );
    }
}
