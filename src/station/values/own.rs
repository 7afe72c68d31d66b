//! What each board has by itself. Pure.

use crate::board::{Mac, Model, Serial};
use crate::station::shell::scriptexecute::AGENT;
use crate::station_api::{Board, Values};

/// The values that a board has without any source: those of [`OWN`](crate::station_api::OWN) that are known of it.
/// What a job, a run, a project or an image is called isn't the board's.
#[must_use]
pub fn own(board: &Board) -> Values {
    let facts = [
        ("serial", board.serial.map(|serial| serial.as_str().to_owned())),
        ("serial8", board.serial.map(|serial| serial.directory())),
        ("mac", board.macs.first().copied().or_else(|| stand_in(board)).map(|mac| mac.to_string())),
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

/// What stands for the address of a board that the old utility OS runs on. Nobody finds the board by it.
fn stand_in(board: &Board) -> Option<Mac> {
    let is_old = board.facts.as_ref().is_some_and(|facts| facts.agent == AGENT);
    if is_old { stands_for_mac(board.model.as_deref(), board.serial?) } else { None }
}

/// What stands for an Ethernet address on labels and in scripts of a Compute Module 1 or 3, which has no Ethernet of its
/// own. cmprovision took the same (`ScriptExecuteController.php`), so labels stay as they were.
#[must_use]
pub(in crate::station) fn stands_for_mac(model: Option<&str>, serial: Serial) -> Option<Mac> {
    let has_none = matches!(Model::told(model?)?, Model::Cm1 | Model::Cm3 | Model::Cm3Plus);
    if has_none { Mac::of_serial(&serial) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::OWN;

    #[test]
    fn a_module_without_ethernet_has_a_stand_in_for_its_address_under_the_old_utility_os_alone() {
        let of = |model: &str, agent: &str, macs: &str| {
            let board: Board = serde_json::from_str(&format!(
                r#"{{"id":"7","serial":"00000000af04b2da","macs":[{macs}],"model":"{model}","disks":[],"enrolment":"enrolled",
                    "held":"armed","first_seen":0,"last_seen":0,"facts":{{"at":0,"agent":"{agent}"}}}}"#
            ))
            .unwrap();
            own(&board).remove("mac")
        };
        let cm3 = "Raspberry Pi Compute Module 3 Plus Rev 1.0";
        for model in [cm3, "Raspberry Pi Compute Module 3 Rev 1.0", "Raspberry Pi Compute Module Rev 1.1"] {
            assert_eq!(of(model, AGENT, "").as_deref(), Some("b8:27:eb:04:b2:da"), "{model}");
        }
        assert_eq!(of("Raspberry Pi Compute Module 4 Rev 1.0", AGENT, ""), None);
        assert_eq!(of(cm3, "0.1.0", ""), None, "an agent tells what there is");
        let told = of(cm3, AGENT, r#""dc:a6:32:01:02:03""#);
        assert_eq!(told.as_deref(), Some("dc:a6:32:01:02:03"), "what it tells comes first");
    }

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
