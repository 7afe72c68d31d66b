//! The last lines of this process's log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So many lines are kept.
const MOST: usize = 2000;
/// A line has so many bytes at most.
const LONGEST: usize = 2000;

/// Lines, the oldest of which go when new ones come.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<String>>);

impl Recent {
    /// Without lines.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// Keeps a line.
    pub fn put(&self, line: &str) {
        let line = line[..line.floor_char_boundary(LONGEST)].to_owned();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MOST {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Those that are kept, the oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

static LOG: Recent = Recent::new();

/// Those of this process: a process has one log.
#[must_use]
pub fn recent() -> &'static Recent {
    &LOG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_each_is_bounded() {
        let recent = Recent::new();
        recent.put(&"é".repeat(LONGEST));
        assert_eq!(recent.lines()[0].len(), LONGEST);
        for n in 0..MOST + 5 {
            recent.put(&n.to_string());
        }
        let lines = recent.lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[MOST - 1].as_str()), (MOST, "5", "2004"));
    }
}
