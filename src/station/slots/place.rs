//! Which USB port, switch port, reset line or number of jumpers a slot is, and which slot a board is in that was seen
//! somewhere. Pure.

use std::collections::BTreeMap;

use crate::board::{Jumper, Mac, PortPath};
use crate::format::is_hidden;
use crate::station_api::{Slot, SlotKind};
use crate::targets::check_name;

/// The place as it is compared and kept: one place has one spelling.
///
/// # Errors
/// What is wrong with it.
pub(in crate::station) fn place(kind: SlotKind, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 {
        return Err("it has 1 to 200 characters".to_owned());
    }
    match kind {
        SlotKind::Usb => match text.parse::<PortPath>() {
            Ok(port) => Ok(port.to_string()),
            Err(error) => Err(error.to_string()),
        },
        SlotKind::Reset => match text.parse::<Mac>() {
            Ok(mac) => Ok(mac.to_string()),
            Err(_) => match check_name(text) {
                Ok(()) => Ok(text.to_owned()),
                Err(why) => {
                    Err(format!("a reset line is that of a target, by its name or Ethernet address: {why}"))
                }
            },
        },
        // The port is what the switch calls it, which may be anything that can be read.
        SlotKind::Switch => {
            let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_name = |text: &String| text.chars().any(char::is_alphanumeric);
            let parts = text.split_once('/').map(|(switch, port)| (tidy(switch), tidy(port)));
            let fits = parts.filter(|(switch, port)| is_name(switch) && is_name(port));
            match fits.filter(|_| !text.chars().any(is_hidden)) {
                Some((switch, port)) => Ok(format!("{switch}/{port}")),
                None => Err("a switch port is the switch and the port, such as sw1/12".to_owned()),
            }
        }
        SlotKind::Jumper => match text.parse::<Jumper>() {
            Ok(jumper) => Ok(jumper.to_string()),
            Err(error) => Err(error.to_string()),
        },
    }
}

/// The slots of a kind by their places. One of before may be written in another way.
pub(in crate::station) fn by_place(slots: &[Slot], kind: SlotKind) -> BTreeMap<String, &Slot> {
    // Of two at one place, which an earlier version took, the first one counts.
    let all = slots.iter().rev().filter(|slot| slot.kind == kind);
    all.filter_map(|slot| Some((place(kind, &slot.place).ok()?, slot))).collect()
}

/// Where a board comes that was seen at a place of this kind: `to` is the slot there, `now` the one that it is in. `None`
/// where it stays.
///
/// What a person has said of a slot of another kind stays. Of the same kind, the place where the board was seen counts: it
/// is there, and not where it was.
pub(in crate::station) fn moves<'a>(
    now: Option<&Slot>,
    to: Option<&'a Slot>,
    by: SlotKind,
) -> Option<Option<&'a str>> {
    match (now, to) {
        (None, None) => None,
        (None, Some(to)) => Some(Some(&to.name)),
        (Some(now), _) if now.kind != by => None,
        (Some(now), Some(to)) if now.name == to.name => None,
        (Some(_), to) => Some(to.map(|to| to.name.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_of_its_kind_and_has_one_spelling() {
        for (kind, text, kept) in [
            (SlotKind::Usb, " 1-1.2 ", Some("1-1.2")),
            (SlotKind::Usb, "1-1.02", None),
            (SlotKind::Usb, "banana", None),
            (SlotKind::Usb, "1", None),
            (SlotKind::Usb, "", None),
            (SlotKind::Reset, "DC-A6-32-01-02-03", Some("dc:a6:32:01:02:03")),
            (SlotKind::Reset, "lab-03", Some("lab-03")),
            (SlotKind::Reset, "../../etc", None),
            (SlotKind::Reset, "a\u{1b}[31m", None),
            (SlotKind::Switch, "sw1  /  12", Some("sw1/12")),
            (SlotKind::Switch, "sw1/ge-0/0/3", Some("sw1/ge-0/0/3")),
            (SlotKind::Switch, "the blue  one/ 3", Some("the blue one/3")),
            (SlotKind::Switch, "sw1", None),
            (SlotKind::Switch, "sw1/", None),
            (SlotKind::Switch, "/12", None),
            (SlotKind::Switch, "a/\u{202e}b", None),
            (SlotKind::Jumper, " 3 ", Some("3")),
            (SlotKind::Jumper, "8", None),
            (SlotKind::Jumper, "jumper 3", None),
            (SlotKind::Switch, "???", None),
            (SlotKind::Switch, "a\nb", None),
        ] {
            assert_eq!(place(kind, text).ok().as_deref(), kept, "{kind:?} {text:?}");
        }
        assert!(place(SlotKind::Switch, &"x".repeat(201)).is_err());
    }

    #[test]
    fn a_board_goes_where_it_was_seen_and_stays_where_a_person_has_put_it() {
        let slot = |name: &str, kind, place: &str| Slot {
            name: name.to_owned(),
            kind,
            place: place.to_owned(),
            position: 0,
            cell: None,
            suspected: None,
            mended: None,
        };
        let [a, b, usb] = [
            slot("A", SlotKind::Switch, "sw1 / 1"),
            slot("B", SlotKind::Switch, "sw1/2"),
            slot("U", SlotKind::Usb, "1-1"),
        ];
        let by = SlotKind::Switch;
        let all = [a.clone(), b.clone(), usb.clone()];
        let places = by_place(&all, by);
        assert_eq!(places.get("sw1/1"), Some(&&a), "written as before");
        assert_eq!((places.len(), places.contains_key("1-1")), (2, false), "of another kind");
        for (now, to, then) in [
            (None, None, None),
            (None, Some(&a), Some(Some("A"))),
            (Some(&a), Some(&a), None),
            (Some(&a), Some(&b), Some(Some("B"))),
            (Some(&a), None, Some(None)),
            (Some(&usb), Some(&a), None),
            (Some(&usb), None, None),
        ] {
            assert_eq!(moves(now, to, by), then, "{now:?} {to:?}");
        }
    }
}
