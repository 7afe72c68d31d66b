//! The sections of an image in its bytes: found, and one written anew.

use std::ops::Range;

use super::{
    A, B, BEFORE_CONTENT, BOOTSYS, Error, FILE, HEADER, JOURNAL, MAGIC, MAGIC_MASK, NAME, PADDING, Part,
    SECTOR, Section,
};

/// All sections, in their order.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<Section>, Error> {
    if !is_ab(bytes) {
        // What is changed ends before the place of B, also where there is no B.
        return walk(bytes, Part::Whole, 0..bytes.len(), B.min(bytes.len() - SECTOR));
    }
    let mut all = walk(bytes, Part::Whole, 0..A, A)?;
    all.append(&mut walk(bytes, Part::A, A..B, B)?);
    all.append(&mut walk(bytes, Part::B, B..JOURNAL, JOURNAL)?);
    Ok(all)
}

/// Whether the image has two partitions: the first begins with `bootsys`.
pub(super) fn is_ab(bytes: &[u8]) -> bool {
    let name = A + HEADER;
    bytes.len() > JOURNAL && bytes[name..].starts_with(BOOTSYS.as_bytes())
}

/// The name of a file's section. One that is no text is no file that anybody asks for.
pub(super) fn name<'a>(bytes: &'a [u8], section: &Section) -> Option<&'a str> {
    if section.magic != FILE {
        return None;
    }
    let field = bytes.get(section.offset + HEADER..section.offset + HEADER + NAME)?;
    let len = field.iter().position(|byte| *byte == 0).unwrap_or(NAME);
    std::str::from_utf8(&field[..len]).ok().filter(|name| !name.chars().any(char::is_control))
}

/// Writes a file's content, of at most `most` bytes, into its section and fills what is left of its room. Gives the room
/// if that is too small.
pub(super) fn replace(bytes: &mut [u8], section: &Section, content: &[u8], most: usize) -> Result<(), usize> {
    let old_end = align(section.offset + HEADER + section.length);
    let mut room = section.room(most);
    if section.last {
        // What lies behind the last one is no section; only erased flash is free.
        let used = bytes[old_end..section.until.max(old_end)].iter().position(|byte| *byte != 0xff);
        let free_to = used.map_or(section.until, |at| old_end + at);
        room = room.min(free_to.saturating_sub(section.offset + BEFORE_CONTENT));
    }
    let length = u32::try_from(content.len() + BEFORE_CONTENT - HEADER).map_err(|_| room)?;
    if content.len() > room {
        return Err(room);
    }
    let at = section.offset;
    bytes[at + 4..at + 8].copy_from_slice(&length.to_be_bytes());
    let from = at + BEFORE_CONTENT;
    let to = from + content.len();
    bytes[from..to].copy_from_slice(content);
    let padding = align(to);
    bytes[to..padding].fill(0xff);
    let until = if section.last { old_end.max(padding) } else { section.until };
    bytes[padding..until].fill(0xff);
    if !section.last && until > padding {
        let length = u32::try_from(until - padding - HEADER).map_err(|_| room)?;
        bytes[padding..padding + 4].copy_from_slice(&PADDING.to_be_bytes());
        bytes[padding + 4..padding + 8].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// The sections in a part, up to erased flash, zeros or its end. The room of the last one ends at `end`.
fn walk(bytes: &[u8], part: Part, within: Range<usize>, end: usize) -> Result<Vec<Section>, Error> {
    let mut sections = Vec::new();
    let mut offset = within.start;
    while offset + HEADER <= within.end {
        let (Some(magic), Some(length)) = (word(bytes, offset), word(bytes, offset + 4)) else { break };
        if matches!(magic, 0 | u32::MAX) {
            break;
        }
        if magic & MAGIC_MASK != MAGIC {
            return Err(Error::Header { offset, got: magic });
        }
        let bad = |why| Error::Length { offset, length, why };
        let past = match part {
            Part::Whole if within.end == bytes.len() => "goes past the image's end",
            _ => "goes past its partition's end",
        };
        let len = usize::try_from(length).map_err(|_| bad(past))?;
        if len > within.end - offset - HEADER {
            return Err(bad(past));
        }
        if magic == FILE && len < BEFORE_CONTENT - HEADER {
            return Err(bad("is too short for a file's header"));
        }
        sections.push(Section { magic, part, offset, length: len, until: 0, last: false });
        offset = align(offset + HEADER + len);
    }
    limits(&mut sections, end);
    Ok(sections)
}

/// Sets where the room of each section ends.
fn limits(sections: &mut [Section], end: usize) {
    let (mut until, mut last) = (end, true);
    for section in sections.iter_mut().rev() {
        section.until = until;
        section.last = last;
        last = false;
        if section.magic != PADDING {
            until = section.offset;
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

fn align(offset: usize) -> usize {
    offset.next_multiple_of(8)
}
