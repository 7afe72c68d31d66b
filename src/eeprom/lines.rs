//! The lines of `config.txt` and `bootconf.txt`, which have the same syntax: `key=value`, comments, and filters such as
//! `[pi4]` that make what follows count on some boards only, until `[all]`. A line changes; all others stay byte for
//! byte.
//!
//! Filters of different kinds add up and a filter of the same kind replaces the one before (Raspberry Pi's
//! documentation, "Conditional filters"). It makes no difference here: after any filter but `[all]`, a line is not for
//! every board.

/// For which boards a line counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// For all.
    Always,
    /// For no board: it stands below `[none]`.
    Never,
    /// For those that pass the filter.
    When(String),
    /// Not for this file's reader: it stands below `[config.txt]` in a bootconf.txt.
    Elsewhere,
}

impl Scope {
    /// What counts from a line on that is a filter; `None` where it is another line. `other` is the filter whose lines are for
    /// somebody else.
    pub(super) fn of_filter(line: &str, other: Option<&str>) -> Option<Self> {
        let filter = line.strip_prefix('[')?.split(']').next()?;
        Some(match filter {
            filter if Some(filter) == other => Self::Elsewhere,
            "all" => Self::Always,
            "none" => Self::Never,
            filter => Self::When(filter.to_owned()),
        })
    }
}

/// One line that changes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The line, counted from 1, in the text before.
    pub line: usize,
    /// What stood there; `None` where a line is added.
    pub before: Option<String>,
    /// What stands there then; `None` where it is taken out.
    pub after: Option<String>,
}

#[derive(Debug, Clone)]
struct Line {
    /// With its line end.
    raw: Vec<u8>,
    scope: Scope,
    /// Counted from 1, in the text before; of one that was added the number of the line that it stands before.
    number: usize,
    added: bool,
}

/// A line, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Counted from 1.
    pub number: usize,
    /// Without its end and blanks around it.
    pub text: String,
    /// For which boards it counts.
    pub scope: Scope,
    /// What it is.
    pub what: What,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing, or a comment.
    Comment,
    /// A filter: for which boards the lines below it count.
    Filter,
    /// A setting.
    Setting {
        /// Its name.
        key: String,
        /// Its value.
        value: String,
        /// Whether it is written as boards read it: they don't pass over blanks around the `=`.
        exact: bool,
    },
    /// Something else, which boards pass over.
    Other,
}

impl Line {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).trim().to_owned()
    }
}

/// A text as lines.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    lines: Vec<Line>,
}

/// A setting that stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Counted from 0.
    pub(super) at: usize,
    pub(super) value: String,
    pub(super) scope: Scope,
    /// Whether it is written as boards read it: they don't pass over blanks around the `=`.
    exact: bool,
}

impl Lines {
    /// Reads a text. What stands below the filter `other` is for somebody else.
    pub(super) fn parse(bytes: &[u8], other: Option<&str>) -> Self {
        let mut scope = Scope::Always;
        let mut lines = Vec::new();
        for raw in bytes.split_inclusive(|byte| *byte == b'\n') {
            let number = lines.len() + 1;
            let mut line = Line { raw: raw.to_vec(), scope: Scope::Always, number, added: false };
            if scope != Scope::Elsewhere {
                scope = Scope::of_filter(&line.text(), other).unwrap_or(scope);
            }
            line.scope = scope.clone();
            lines.push(line);
        }
        Self { lines }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.raw.iter().copied()).collect()
    }

    /// Everywhere a setting stands, also with blanks around it.
    pub(super) fn find<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = Found> + 'a {
        self.lines.iter().enumerate().filter_map(move |(at, line)| {
            let text = line.text();
            let (name, value) = text.split_once('=')?;
            let value = value.trim().to_owned();
            let exact = line.raw.starts_with(format!("{key}={value}").as_bytes());
            (name.trim_end() == key).then(|| Found { at, value, scope: line.scope.clone(), exact })
        })
    }

    /// All lines, for people.
    pub(super) fn look(&self) -> impl Iterator<Item = Seen> + '_ {
        self.lines.iter().enumerate().map(|(at, line)| {
            let text = line.text();
            let what = match text.split_once('=') {
                _ if text.is_empty() || text.starts_with('#') => What::Comment,
                _ if text.starts_with('[') => What::Filter,
                Some((key, value)) => {
                    let (key, value) = (key.trim_end().to_owned(), value.trim().to_owned());
                    let exact = line.raw.starts_with(format!("{key}={value}").as_bytes());
                    What::Setting { key, value, exact }
                }
                None => What::Other,
            };
            Seen { number: at + 1, text, scope: line.scope.clone(), what }
        })
    }

    /// Puts another text in place of this one. What differs is told as one block.
    pub(super) fn replace(&mut self, with: &Self) -> Vec<Change> {
        let (old, new) = (&self.lines, &with.lines);
        let equal = |(a, b): &(&Line, &Line)| a.raw == b.raw;
        let head = old.iter().zip(new).take_while(equal).count();
        let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(equal).count();
        let gone = old[head..old.len() - tail].iter().map(|line| Change {
            line: line.number,
            before: Some(line.text()),
            after: None,
        });
        let come = new[head..new.len() - tail].iter().map(|line| Change {
            line: head + 1,
            before: None,
            after: Some(line.text()),
        });
        let changes = gone.chain(come).collect();
        *self = with.clone();
        changes
    }

    /// The setting that counts for all boards: the last one.
    pub(super) fn value(&self, key: &str) -> Option<String> {
        let counts = |found: &Found| found.exact && found.scope == Scope::Always;
        self.find(key).rev().find(counts).map(|found| found.value)
    }

    /// Sets it for all boards. Below a filter it stays as it is and goes on to count there.
    pub(super) fn set(&mut self, key: &str, value: &str, comment: Option<&str>) -> Vec<Change> {
        let new = format!("{key}={value}");
        let there = self.find(key).rev().find(|found| found.scope == Scope::Always);
        if let Some(there) = there {
            if there.exact && there.value == value {
                return Vec::new();
            }
            let before = self.lines[there.at].text();
            let end = self.end_of(there.at);
            self.lines[there.at].raw = [new.as_bytes(), &end].concat();
            return vec![Change { line: self.number(there.at), before: Some(before), after: Some(new) }];
        }
        let filtered =
            self.find(key).find(|found| matches!(found.scope, Scope::When(_))).map(|found| found.at);
        let ours =
            self.lines.iter().position(|line| line.scope == Scope::Elsewhere).unwrap_or(self.lines.len());
        let mut texts: Vec<String> = comment.map(str::to_owned).into_iter().collect();
        let at = if let Some(filtered) = filtered {
            // Before those that are for some boards only: the last one counts.
            let before = &self.lines[..filtered];
            let wanted = |line: &Line| line.scope == Scope::Always && !matches!(line.raw.first(), Some(b'#'));
            before.iter().rposition(|line| wanted(line) && !line.text().is_empty()).map_or(0, |at| at + 1)
        } else {
            // At the end, but not behind blank lines.
            let at =
                self.lines[..ours].iter().rposition(|line| !line.text().is_empty()).map_or(0, |at| at + 1);
            if at > 0 && self.lines[at - 1].scope != Scope::Always {
                texts.push("[all]".into());
            }
            at
        };
        texts.push(new);
        self.insert(at, texts)
    }

    /// Takes lines out, given by their places from 0.
    pub(super) fn remove(&mut self, places: &[usize]) -> Vec<Change> {
        let mut changes = Vec::new();
        for at in places {
            let Some(line) = self.lines.get(*at) else { continue };
            changes.push(Change { line: line.number, before: Some(line.text()), after: None });
        }
        let mut at = 0;
        self.lines.retain(|_| {
            at += 1;
            !places.contains(&(at - 1))
        });
        changes
    }

    /// The text of a line, without its end and blanks around it.
    pub(super) fn text(&self, at: usize) -> Option<String> {
        self.lines.get(at).map(Line::text)
    }

    fn insert(&mut self, at: usize, texts: Vec<String>) -> Vec<Change> {
        let end = if self.lines.iter().any(|line| line.raw.ends_with(b"\r\n")) { "\r\n" } else { "\n" };
        if let Some(before) = at.checked_sub(1).and_then(|before| self.lines.get_mut(before))
            && !before.raw.ends_with(b"\n")
        {
            before.raw.extend_from_slice(end.as_bytes());
        }
        let line = self.number(at);
        let mut changes = Vec::new();
        for (n, text) in texts.into_iter().enumerate() {
            let raw = format!("{text}{end}").into_bytes();
            self.lines.insert(at + n, Line { raw, scope: Scope::Always, number: line, added: true });
            changes.push(Change { line, before: None, after: Some(text) });
        }
        changes
    }

    /// The number of a place in the text before.
    fn number(&self, at: usize) -> usize {
        if let Some(line) = self.lines.get(at) {
            return line.number;
        }
        self.lines.last().map_or(1, |last| last.number + usize::from(!last.added))
    }

    fn end_of(&self, at: usize) -> Vec<u8> {
        let raw = &self.lines[at].raw;
        let text = raw.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
        raw[text..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, key: &str, value: &str) -> String {
        let mut lines = Lines::parse(text.as_bytes(), Some("config.txt"));
        lines.set(key, value, None);
        String::from_utf8(lines.bytes()).unwrap()
    }

    #[test]
    fn a_setting_for_all_boards_is_replaced_where_it_counts() {
        assert_eq!(set("A=1\nB=2\nA=3 \n", "A", "4"), "A=1\nB=2\nA=4\n");
        assert_eq!(set("A=1", "A", "4"), "A=4", "no line end is added");
        assert_eq!(set("A=1\r\n", "A", "4"), "A=4\r\n");
        assert_eq!(
            set("#A=1\nAB=2\n[none]\nA=1\n[all]\nA=2\n", "A", "4"),
            "#A=1\nAB=2\n[none]\nA=1\n[all]\nA=4\n"
        );
        assert_eq!(set("A=4\n\n", "A", "4"), "A=4\n\n");
        assert_eq!(set("A = 4\n", "A", "4"), "A=4\n", "boards don't read it with blanks");
        assert_eq!(Lines::parse(b" A=1\nA =2\nA=3 \r\nA= 4", None).value("A").as_deref(), Some("3"));
    }

    #[test]
    fn a_new_one_goes_where_it_counts_for_all() {
        assert_eq!(set("", "A", "1"), "A=1\n");
        assert_eq!(set("B=1", "A", "1"), "B=1\nA=1\n");
        assert_eq!(set("B=1\r\n\r\n", "A", "1"), "B=1\r\nA=1\r\n\r\n");
        assert_eq!(set("[pi4]\nB=1\n", "A", "1"), "[pi4]\nB=1\n[all]\nA=1\n");
        assert_eq!(set("[all]\nB=1\n[none]\nC=0\n", "A", "1"), "[all]\nB=1\n[none]\nC=0\n[all]\nA=1\n");
        assert_eq!(
            set("B=1\n[config.txt]\nA=0\n[all]\nA=5\n", "A", "1"),
            "B=1\nA=1\n[config.txt]\nA=0\n[all]\nA=5\n"
        );
    }

    #[test]
    fn what_is_for_some_boards_goes_on_to_count_there() {
        assert_eq!(
            set("B=1\n\n# seven\n[gpio7=0]\nA=7\n", "A", "1"),
            "B=1\nA=1\n\n# seven\n[gpio7=0]\nA=7\n"
        );
        assert_eq!(set("[gpio7=0]\nA=7\n[all]\nB=1\n", "A", "1"), "A=1\n[gpio7=0]\nA=7\n[all]\nB=1\n");
    }

    proptest::proptest! {
        #[test]
        fn a_setting_that_was_set_is_found_and_no_other_line_changes(
            text in "(A=1| A = 4|B=2|\\[all\\]|\\[pi4\\]|\\[none\\]|\\[config.txt\\]|#A=3|| |\r|\n|\n){0,12}", value in "[a-z0-9]{1,4}"
        ) {
            let before = Lines::parse(text.as_bytes(), Some("config.txt"));
            let mut after = before.clone();
            let changes = after.set("A", &value, None);
            let again = Lines::parse(&after.bytes(), Some("config.txt"));
            proptest::prop_assert_eq!(again.value("A"), Some(value.clone()));
            // No filter's settings changed.
            let filtered = |lines: &Lines| {
                let found = lines.find("A").filter(|found| found.scope != Scope::Always);
                found.map(|found| (found.value, found.scope)).collect::<Vec<_>>()
            };
            proptest::prop_assert_eq!(filtered(&again), filtered(&before));
            proptest::prop_assert_eq!(again.value("B"), before.value("B"));
            let mut twice = again.clone();
            proptest::prop_assert!(twice.set("A", &value, None).is_empty());
            let added = changes.iter().filter(|change| change.before.is_none()).count();
            proptest::prop_assert_eq!(again.lines.len(), before.lines.len() + added);
        }
    }
}
