//! An image in words: the same in a terminal and on a page.

use sha2::{Digest, Sha256};

use super::image::{Image, Part, What, signed};
use super::keys::Key;
use super::lines::{Scope, Seen};
use crate::format::hex;

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
