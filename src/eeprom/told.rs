//! An image in words: the same in a terminal and on a page.

use sha2::{Digest, Sha256};

use super::day;
use super::image::{Image, Part, What, signed};
use super::keys::Key;
use super::lines::{Scope, Seen};
use crate::device_api::BoardEeprom;
use crate::format::{hex, size};
use crate::station_api::EepromRun;

/// A section, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Where it begins, in bytes.
    pub offset: usize,
    /// What it is called, behind the partition that it lies in.
    pub name: String,
    /// Bytes of its content.
    pub length: usize,
    /// sha256 of its content, 64 hexadecimal digits.
    pub sha256: String,
    /// What is worth a word: who has signed it.
    pub note: &'static str,
    /// Nothing but filling.
    pub is_padding: bool,
}

/// All sections, in their order.
#[must_use]
pub fn sections(image: &Image) -> Vec<Section> {
    let all = image.sections().map(|section| {
        let what = match (section.what, section.name) {
            (_, Some(name)) => name,
            (What::Bootcode, None) => "bootcode",
            (What::Padding, None) => "padding",
            _ => "module",
        };
        let part = match section.part {
            Part::Whole => "",
            Part::A => "A ",
            Part::B => "B ",
        };
        let program = section.what == What::Bootcode || what == "bootsys";
        let note = match signed(section.content).filter(|_| program) {
            Some(by) if by.customer.is_some() => "signed by a customer too",
            Some(_) => "signed by Raspberry Pi",
            None if section.what == What::File && section.is_blank() => "blank",
            None => "",
        };
        Section {
            offset: section.offset,
            name: format!("{part}{what}"),
            length: section.content.len(),
            sha256: hex(&Sha256::digest(section.content)),
            note,
            is_padding: section.what == What::Padding,
        }
    });
    all.collect()
}

/// What a line of the configuration does; `None` where it is no setting of the bootloader.
#[must_use]
pub fn what(seen: &Seen) -> Option<&'static str> {
    match &seen.what {
        super::What::Setting { key, .. } if seen.scope != Scope::Elsewhere => Some(match Key::find(key) {
            Ok(Some(known)) => known.what().unwrap_or("known to bootloaders; what it does is not documented"),
            _ => "not known; it stays as it is",
        }),
        _ => None,
    }
}

/// What a signature in an image means.
#[must_use]
pub fn signature(image: &Image) -> String {
    let hash =
        image.key_hash().map_or_else(String::new, |hash| format!(" (hash in the OTP: {})", hex(&hash)));
    let mut text = match (image.is_signed(), image.has_key()) {
        (true, true) => {
            format!("yes, with the key in it{hash}: bootconf.txt can't be changed without that key")
        }
        (true, false) => "bootconf.txt is, but there is no public key in the image".to_owned(),
        (false, true) => format!("no, but there is a public key in it{hash}"),
        (false, false) => "no: for boards without a key burned in".to_owned(),
    };
    if image.is_counter_signed() {
        text.push_str(
            "; its bootcode is signed by a customer, so only boards with that key burned in start it",
        );
    }
    text
}

/// What a board tells of its EEPROM, in a line.
#[must_use]
pub fn board(told: &BoardEeprom) -> String {
    let parts = [
        told.built.and_then(day).map(|day| format!("built {day}")),
        told.version.as_ref().map(|version| format!("version {version}")),
        told.needs.map(|needs| format!("needs MFG_VER {needs}")),
        told.is_signed()
            .map(|is| if is { "starts signed systems only" } else { "no key burned in" }.to_owned()),
        Some(match told.flash {
            Some(bytes) => format!("its agent can write the {}", size(bytes)),
            None => "its agent can't write it".to_owned(),
        }),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What became of a board's EEPROM: each fact with a short name, in the order of a record.
#[must_use]
pub fn run(run: &EepromRun) -> Vec<(&'static str, String)> {
    let built = |built: Option<u64>| built.and_then(day).map(|day| format!("built {day}"));
    let text = |parts: Vec<Option<String>>| parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let mut facts = vec![("image", run.firmware.clone()), ("state", run.state.phrase().to_owned())];
    let mut put = |name, text: String| {
        if !text.is_empty() {
            facts.push((name, text));
        }
    };
    put("why", run.why.clone());
    let before = &run.before;
    let version = before.version.as_ref().map(|version| format!("version {version}"));
    let sum = before.sha256.as_ref().map(|sum| format!("sha256 {sum}"));
    put("before", text(vec![built(before.built), version, sum]));
    put("new", text(vec![built(run.built), run.sha256.as_ref().map(|sum| format!("sha256 {sum}"))]));
    put("settings", run.changes.join(", "));
    put("earlier", run.earlier.as_ref().map(|earlier| format!("attempt {earlier}")).unwrap_or_default());
    put("read back", run.read_back.clone().map(|sum| format!("sha256 {sum}")).unwrap_or_default());
    let seen = run.seen.and_then(|seen| jiff::Timestamp::from_millisecond(seen).ok());
    put("seen", seen.map(|seen| seen.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default());
    run.notes.iter().for_each(|note| put("note", note.clone()));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::{EepromHad, EepromState};

    #[test]
    fn a_board_is_told_in_a_line() {
        let mut told = BoardEeprom { built: Some(1_650_968_668), signed: Some(8), ..BoardEeprom::default() };
        assert_eq!(board(&told), "built 2022-04-26, starts signed systems only, its agent can't write it");
        (told.needs, told.signed, told.flash) = (Some(1), Some(4), Some(512 << 10));
        let want = "built 2022-04-26, needs MFG_VER 1, no key burned in, its agent can write the 512 KiB";
        assert_eq!(board(&told), want);
    }

    #[test]
    fn a_record_is_told_with_what_there_is() {
        let mut of = EepromRun {
            firmware: "lab".into(),
            sha256: None,
            built: Some(1_754_265_600),
            before: EepromHad::default(),
            changes: Vec::new(),
            config: None,
            state: EepromState::Skipped,
            why: "a Pi 3 has no EEPROM".into(),
            notes: Vec::new(),
            read_back: None,
            seen: None,
            earlier: None,
            network: false,
        };
        let text = |run: &EepromRun| {
            super::run(run)
                .into_iter()
                .map(|(name, text)| format!("{name}: {text}"))
                .collect::<Vec<_>>()
                .join("; ")
        };
        assert_eq!(
            text(&of),
            "image: lab; state: not written; why: a Pi 3 has no EEPROM; new: built 2025-08-04"
        );
        of.why = String::new();
        of.before =
            EepromHad { built: Some(1_650_968_668), version: Some("v1".into()), sha256: Some("ab".into()) };
        (of.state, of.sha256, of.read_back) = (EepromState::Seen, Some("cd".into()), Some("cd".into()));
        (of.changes, of.notes, of.seen) = (vec!["+ BOOT_UART=1".into()], vec!["look".into()], Some(0));
        assert_eq!(
            text(&of),
            "image: lab; state: handed over, and seen after a boot; before: built 2022-04-26, version v1, sha256 ab; \
             new: built 2025-08-04, sha256 cd; settings: + BOOT_UART=1; read back: sha256 cd; \
             seen: 1970-01-01 00:00:00Z; note: look"
        );
        let of = EepromRun {
            earlier: Some("r1".into()),
            state: EepromState::Earlier,
            ..EepromRun::skipped("lab")
        };
        assert_eq!(
            text(&of),
            "image: lab; state: begun by an earlier attempt, read back now and equal; earlier: attempt r1"
        );
    }
}
