//! What stands in the place of names on a label. Pure, but for the station's time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::station::values::own;
use crate::station_api::{Board, LONGEST_VALUE, Time, Values};

/// What a label is for, beside its board.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::station) struct Of<'a> {
    /// The run.
    pub(in crate::station) run: Option<&'a str>,
    /// The job.
    pub(in crate::station) job: Option<&'a str>,
    /// The project.
    pub(in crate::station) project: Option<&'a str>,
    /// The image, by name.
    pub(in crate::station) image: Option<&'a str>,
    /// The board's values of the project's sources.
    pub(in crate::station) values: Option<&'a Values>,
}

/// The names that labels have beside those of boards' values and sources.
pub(in crate::station) const MORE: [&str; 7] = ["called", "cid", "date", "disk", "duid", "revision", "time"];

/// The values of a label for a board. What isn't known of it isn't there.
#[must_use]
pub(in crate::station) fn values_of(board: &Board, of: Of<'_>, now: Time) -> Values {
    let mut values = own(board);
    let at = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(TimeZone::system());
    let facts = board.facts.as_ref();
    let disk = board.disks.first();
    let more = [
        ("called", board.called()),
        ("cid", disk.and_then(|disk| disk.cid.clone())),
        ("date", Some(at.strftime("%Y-%m-%d").to_string())),
        ("disk", disk.map(|disk| crate::format::size(disk.size))),
        ("duid", facts.and_then(|facts| facts.duid.clone())),
        ("image", of.image.map(str::to_owned)),
        ("project", of.project.map(str::to_owned)),
        ("revision", facts.and_then(|facts| facts.revision).map(|revision| format!("{revision:06x}"))),
        ("time", Some(at.strftime("%H:%M").to_string())),
        ("run", of.run.map(str::to_owned)),
        ("job", of.job.map(str::to_owned)),
    ];
    for (name, text) in more {
        if let Some(text) = text {
            // A board says what it is: what moves the cursor is no part of that.
            let text = text.chars().filter(|char| !crate::format::is_hidden(*char)).take(LONGEST_VALUE);
            values.insert(name.to_owned(), text.collect());
        }
    }
    if let Some(drawn) = of.values {
        values.extend(drawn.clone());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_knows_its_board_its_run_and_its_project() {
        let board: Board = serde_json::from_str(
            r#"{"id":"7","name":"gate-1","serial":"10000000af04b2da","macs":["dc:a6:32:01:02:03"],"model":"Pi \u001b[2J4",
                "disks":[{"name":"mmcblk0","role":"emmc","size":7818182656,"cid":"15010038"}],"enrolment":"enrolled",
                "held":"armed","first_seen":0,"last_seen":0,
                "facts":{"at":0,"agent":"1","duid":"ABC\u00071","revision":12591412}}"#,
        )
        .unwrap();
        let drawn = Values::from([("sn".to_owned(), "SN7".to_owned())]);
        let of = Of {
            run: Some("0a"),
            job: Some("j"),
            project: Some("gates"),
            image: Some("os"),
            values: Some(&drawn),
        };
        let values = values_of(&board, of, 1_764_324_000_000);
        for (name, text) in [
            ("serial", "10000000af04b2da"),
            ("serial8", "af04b2da"),
            ("called", "gate-1"),
            ("duid", "ABC1"),
            ("cid", "15010038"),
            ("revision", "c02134"),
            ("model", "Pi [2J4"),
            ("run", "0a"),
            ("project", "gates"),
            ("image", "os"),
            ("sn", "SN7"),
        ] {
            assert_eq!(values.get(name).map(String::as_str), Some(text), "{name}: {values:?}");
        }
        assert!(values["date"].starts_with("2025-11-2"), "{values:?}");
        assert!(MORE.iter().all(|name| values.contains_key(*name)), "{values:?}");
        // What isn't known has no name.
        let bare = values_of(&Board { facts: None, disks: Vec::new(), ..board }, Of::default(), 0);
        assert!(!bare.contains_key("duid") && !bare.contains_key("run") && !bare.contains_key("cid"));
    }
}
