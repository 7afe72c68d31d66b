//! The names in a directory: short ones, long ones in pieces in front of them, and those that no file can have.

use std::collections::HashSet;

use super::{ENTRY, Item, Place, Width};
use crate::beneath::is_name;

/// Where the characters of a long name stand in an entry.
const PLACES: [usize; 13] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

const DOT: &[u8] = b".          ";
const DOT_DOT: &[u8] = b"..         ";

/// The upper half of code page 437, in which short names are written, and which Linux reads them by.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A path as messages have it: what a terminal would take for a command is escaped.
pub(super) fn shown(path: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    format!("`{}`", path.escape_debug())
}

/// Whether a directory can have only one of them.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The entries in a directory's bytes.
///
/// `.` and `..` are the first two of every directory but the root, and nowhere else.
pub(super) fn items(bytes: &[u8], width: Width, is_root: bool) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut long = LongName::default();
    let mut seen = HashSet::new();
    // Where the pieces of the long name begin.
    let mut begun = 0;
    for (n, entry) in bytes.chunks_exact(ENTRY).enumerate() {
        match (entry[0], entry[11]) {
            (0, _) => break,
            (0xe5, _) => long = LongName::default(),
            (_, attributes) if attributes & 0x3f == 0x0f => {
                if entry[0] & 0x40 != 0 {
                    begun = n;
                }
                long.add(entry);
            }
            // The label.
            (_, attributes) if attributes & 0x08 != 0 => long = LongName::default(),
            (b'.', attributes)
                if !is_root
                    && attributes & 0x10 != 0
                    && ((n, &entry[..11]) == (0, DOT) || (n, &entry[..11]) == (1, DOT_DOT)) => {}
            (_, attributes) => {
                let short = short_name(entry);
                let own = std::mem::take(&mut long).finish(entry);
                let slots = if own.is_some() { begun } else { n }..n + 1;
                let name = own.unwrap_or_else(|| short.clone());
                if !is_name(name.as_bytes()) || name.contains(char::is_control) {
                    return Err(format!("has a name that no file can have: {}", shown_name(&name)));
                }
                if !seen.insert(name.to_lowercase()) {
                    return Err(format!("has a name twice, whatever its case: {}", shown_name(&name)));
                }
                let low = u32::from(u16::from_le_bytes([entry[26], entry[27]]));
                let high = u32::from(u16::from_le_bytes([entry[20], entry[21]]));
                let first = if width == Width::ThirtyTwo { high << 16 | low } else { low };
                items.push(Item {
                    name,
                    short,
                    is_directory: attributes & 0x10 != 0,
                    len: u64::from(u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]])),
                    place: Place::Chain(first),
                    slots,
                });
            }
        }
    }
    Ok(items)
}

/// A name that may be very long, or empty.
fn shown_name(name: &str) -> String {
    let start: String = name.chars().take(60).collect();
    let more = if start.len() < name.len() { "…" } else { "" };
    format!("`{}`{more}", start.escape_debug())
}

/// Eight and three characters; two bits say which part is in lower case.
fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8], lower: bool| {
        let text: String = bytes.iter().map(|byte| character(*byte)).collect();
        let text = text.trim_end_matches(' ');
        if lower { text.to_lowercase() } else { text.to_owned() }
    };
    let mut entry: [u8; ENTRY] = std::array::from_fn(|at| entry[at]);
    if entry[0] == 0x05 {
        // 0xe5 at the front would mean that there is no such file.
        entry[0] = 0xe5;
    }
    let (base, extension) = (part(&entry[..8], entry[12] & 8 != 0), part(&entry[8..11], entry[12] & 16 != 0));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

fn character(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(at) => UPPER.chars().nth(at.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// The pieces of a long name, which stand in front of the short one, last piece first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// The number that the next piece must have; 0 when all are there.
    next: u8,
    checksum: u8,
    begun: bool,
}

impl LongName {
    fn add(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3f;
        if entry[0] & 0x40 != 0 {
            *self = Self { units: Vec::new(), next: number, checksum: entry[13], begun: true };
        }
        if !self.begun || number == 0 || number != self.next || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        let piece = PLACES.map(|at| u16::from_le_bytes([entry[at], entry[at + 1]]));
        self.units.splice(0..0, piece);
        self.next -= 1;
    }

    /// The name, if all pieces were there and belong to this entry.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let checksum = entry[..11].iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if !self.begun || self.next != 0 || checksum != self.checksum {
            return None;
        }
        let len = self.units.iter().position(|unit| *unit == 0).unwrap_or(self.units.len());
        String::from_utf16(&self.units[..len]).ok()
    }
}

#[cfg(test)]
mod tests;
