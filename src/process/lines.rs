//! What a program prints becomes lines for people, and never more of them than are wanted. Pure.

use std::collections::VecDeque;

use crate::format::shown;

/// A program gives so many lines to a run's log at most.
const MOST: u64 = 1000;
/// A line has so many characters in the log at most.
const LONGEST: usize = 400;
/// So many bytes are kept of a line that doesn't end: the rest is counted with it.
const BYTES: usize = 4 * LONGEST;
/// So many lines are kept for the record, the last ones.
const LAST: usize = 40;
/// Its last lines have so many characters together at most.
pub const LAST_WORDS: usize = 4000;

/// Takes bytes, gives lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// A line that has not ended yet.
    begun: Vec<u8>,
    /// Some of it wasn't kept.
    cut: bool,
    told: u64,
    left_out: u64,
    last: VecDeque<String>,
}

impl Lines {
    /// Takes what was printed. `tell` gets each line of the log.
    pub fn take(&mut self, mut bytes: &[u8], tell: &mut dyn FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.add(&bytes[..end]);
            self.end(tell);
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = BYTES.saturating_sub(self.begun.len());
        self.cut |= bytes.len() > room;
        self.begun.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// A line ends. What shows how far something is ends its lines by going back to their beginning: so many of them are
    /// empty.
    fn end(&mut self, tell: &mut dyn FnMut(&str)) {
        let (bytes, cut) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.cut));
        if bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&bytes);
        let shown = shown(text.trim_end());
        let long = cut || shown.chars().nth(LONGEST).is_some();
        let mut line: String = shown.chars().take(LONGEST).collect();
        if long {
            line.push('…');
        }
        if self.told < MOST {
            self.told += 1;
            tell(&line);
        } else {
            self.left_out += 1;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Nothing more comes. The last lines as one text, and how many lines the log hasn't got.
    pub fn finish(mut self, tell: &mut dyn FnMut(&str)) -> (String, u64) {
        self.end(tell);
        let mut room = LAST_WORDS;
        let mut kept: Vec<&str> = Vec::new();
        for line in self.last.iter().rev() {
            let len = line.chars().count() + 1;
            if len > room {
                break;
            }
            room -= len;
            kept.push(line);
        }
        kept.reverse();
        (kept.join("\n"), self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::is_hidden;

    fn all(parts: &[&[u8]]) -> (Vec<String>, String, u64) {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        let mut tell = |line: &str| told.push(line.to_owned());
        for part in parts {
            lines.take(part, &mut tell);
        }
        let (last, left_out) = lines.finish(&mut tell);
        (told, last, left_out)
    }

    #[test]
    fn lines_are_put_together_whatever_they_come_in() {
        let (told, last, left_out) = all(&[b"one\ntw", b"o\r\n\n10 %\r20 %\rthree"]);
        assert_eq!(told, ["one", "two", "10 %", "20 %", "three"]);
        assert_eq!((last.as_str(), left_out), ("one\ntwo\n10 %\n20 %\nthree", 0));
        assert_eq!(all(&[]), (vec![], String::new(), 0));
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let (told, last, _) = all(&[b"\x1b[2J\x1b]0;title\x07ok\xff\x00\n"]);
        assert_eq!(told, ["\\x1b[2J\\x1b]0;title\\x07ok\u{fffd}\\x00"]);
        assert_eq!(last, told[0]);
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let flood: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        let (told, last, left_out) = all(&[flood.as_bytes()]);
        assert_eq!((told.len() as u64, left_out), (MOST, 4000));
        assert!(last.starts_with("line 4960\n") && last.ends_with("line 4999"), "{last}");
        let (told, last, _) = all(&[&vec![b'x'; 1 << 20], b"\nafter\n"]);
        assert_eq!(told[0].chars().count(), LONGEST + 1);
        assert!(told[0].ends_with("x…") && last.ends_with("…\nafter"), "{last}");
    }

    proptest! {
        #[test]
        fn whatever_is_printed_stays_in_its_bounds(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..8)) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let (told, last, _) = all(&parts);
            prop_assert!(told.iter().all(|line| line.chars().count() <= LONGEST + 1 && !line.contains(is_hidden)));
            prop_assert!(last.chars().count() <= LAST_WORDS && !last.replace('\n', "").contains(is_hidden));
        }
    }
}
