//! Which USB port, switch port or reset line a slot is. Pure.

use crate::board::{Mac, PortPath};
use crate::station_api::SlotKind;
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
        // Nothing asks a switch; what is printed on it may be anything that can be read.
        SlotKind::Switch
            if text.chars().any(char::is_control) || !text.chars().any(char::is_alphanumeric) =>
        {
            Err("a switch port is the switch and the port, such as sw1/12".to_owned())
        }
        SlotKind::Switch => Ok(text.split_whitespace().collect::<Vec<_>>().join(" ")),
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
            (SlotKind::Switch, "sw1  / 12", Some("sw1 / 12")),
            (SlotKind::Switch, "???", None),
            (SlotKind::Switch, "a\nb", None),
        ] {
            assert_eq!(place(kind, text).ok().as_deref(), kept, "{kind:?} {text:?}");
        }
        assert!(place(SlotKind::Switch, &"x".repeat(201)).is_err());
    }
}
