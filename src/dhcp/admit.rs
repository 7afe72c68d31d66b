//! Known boards only: whom a server answers at all.

use super::event::Silence;
use crate::board::{Mac, Serial};
use crate::config::netboot::BoardName;

/// Whom a server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// Only these; everybody where it is empty.
    pub allow: Vec<BoardName>,
    /// Never these, whatever [`Self::allow`] says.
    pub deny: Vec<BoardName>,
}

impl Admission {
    /// Why a board gets no answer. Its serial number counts as far as it has told it, in this boot or one before.
    #[must_use]
    pub fn refuses(&self, mac: Mac, serial: Option<Serial>) -> Option<Silence> {
        if is_in(&self.deny, mac, serial) {
            return Some(Silence::Denied);
        }
        (!self.allow.is_empty() && !self.lists(mac, serial)).then_some(Silence::NotAllowed)
    }

    /// Whether a board is among those that get an answer by name.
    #[must_use]
    pub fn lists(&self, mac: Mac, serial: Option<Serial>) -> bool {
        is_in(&self.allow, mac, serial)
    }

    /// Those that are allowed by one list and denied by the other, each one once: they get nothing.
    #[must_use]
    pub fn in_both(&self) -> Vec<BoardName> {
        let mut both: Vec<BoardName> = Vec::new();
        for name in &self.allow {
            if self.deny.iter().any(|denied| denied.has(name)) && !both.contains(name) {
                both.push(*name);
            }
        }
        both
    }
}

fn is_in(list: &[BoardName], mac: Mac, serial: Option<Serial>) -> bool {
    list.iter().any(|name| name.is_of(mac, serial.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_both_lists_is_known() {
        let names =
            |texts: &[&str]| -> Vec<BoardName> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let allow =
            names(&["dc:a6:32:00:00:01", "af04b2da", "2c:cf:67", "b8:27:eb:00:00:01", "10000000af04b2da"]);
        let deny = names(&["dc:a6:32:00:00:01", "10000000AF04B2DA", "b8:27:eb", "2c:cf:67:00:00:01"]);
        let both = Admission { allow, deny }.in_both();
        // One board of an allowed maker may well be denied.
        assert_eq!(both, names(&["dc:a6:32:00:00:01", "af04b2da", "b8:27:eb:00:00:01", "10000000af04b2da"]));
        assert_eq!(Admission { allow: names(&["2c:cf:67"]), deny: names(&["dc:a6:32"]) }.in_both(), []);
    }

    /// What the ROM of a 3B sends: no serial number, and a MAC address that has the number in it.
    #[test]
    fn a_serial_number_names_a_board_up_to_the_pi_3_that_tells_none() {
        let names =
            |texts: &[&str]| -> Vec<BoardName> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let (own, other) = ("b8:27:eb:04:b2:da".parse().unwrap(), "b8:27:eb:04:b2:db".parse().unwrap());
        for serial in ["0004b2da", "000000000004b2da", "00000000AF04B2DA"] {
            let allowed = Admission { allow: names(&[serial]), deny: Vec::new() };
            assert_eq!(allowed.refuses(own, None), None, "{serial}");
            assert_eq!(allowed.refuses(other, None), Some(Silence::NotAllowed), "{serial}");
            let denied = Admission { allow: Vec::new(), deny: names(&[serial]) };
            assert_eq!(denied.refuses(own, None), Some(Silence::Denied), "{serial}");
            assert_eq!(denied.refuses(other, None), None, "{serial}");
        }
        // A later board's address has no number in it.
        let later = Mac::new([0xdc, 0xa6, 0x32, 0x04, 0xb2, 0xda]);
        let allowed = Admission { allow: names(&["0004b2da"]), deny: Vec::new() };
        assert_eq!(allowed.refuses(later, None), Some(Silence::NotAllowed));
        for (allow, deny) in [("0004b2da", "b8:27:eb:04:b2:da"), ("b8:27:eb:04:b2:da", "0004b2da")] {
            assert_eq!(Admission { allow: names(&[allow]), deny: names(&[deny]) }.in_both(), names(&[allow]));
        }
    }

    #[test]
    fn a_list_names_boards_by_what_is_known_of_them() {
        let names = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let (one, two) = (Mac::new([0xdc, 0xa6, 0x32, 0, 0, 1]), Mac::new([0x2c, 0xcf, 0x67, 0, 0, 2]));
        let serial = Some("af04b2da".parse().unwrap());
        let all = Admission::default();
        assert_eq!(all.refuses(one, None), None);
        let some = Admission { allow: names(&["dc:a6:32:00:00:01", "10000000AF04B2DA"]), deny: Vec::new() };
        assert_eq!(some.refuses(one, None), None);
        assert_eq!(some.refuses(two, serial), None);
        assert_eq!(some.refuses(two, None), Some(Silence::NotAllowed), "it hasn't told its serial number");
        let not = Admission { allow: names(&["dc:a6:32"]), deny: names(&["dc-a6-32-00-00-01"]) };
        assert_eq!(not.refuses(one, serial), Some(Silence::Denied));
        assert_eq!(not.refuses(Mac::new([0xdc, 0xa6, 0x32, 9, 9, 9]), None), None, "of an allowed maker");
        assert_eq!(not.refuses(two, None), Some(Silence::NotAllowed));
    }
}
