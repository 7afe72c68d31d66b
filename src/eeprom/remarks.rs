//! What in a configuration may not be what was meant, line by line. Nothing of it keeps a board from starting: it passes
//! over what it doesn't understand.

use std::collections::BTreeMap;
use std::fmt;

use super::BootConf;
use super::keys::Key;
use super::lines::{Scope, What};

/// Remarks that are made of one configuration.
const MOST: usize = 32;

/// A remark on a line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// The line, counted from 1.
    pub line: usize,
    /// What is to be said of it.
    pub what: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

/// Looks at all lines that are a bootloader's own; those below `[config.txt]` are not.
#[must_use]
pub fn remarks(conf: &BootConf) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut set: BTreeMap<String, usize> = BTreeMap::new();
    let mut left = 0;
    for seen in conf.lines().filter(|seen| seen.scope != Scope::Elsewhere) {
        let line = seen.number;
        let mut remark = |line, what: String| {
            if remarks.len() < MOST { remarks.push(Remark { line, what }) } else { left += 1 }
        };
        match seen.what {
            What::Comment | What::Filter => {}
            What::Other => remark(line, "is no setting; boards pass over it".into()),
            What::Setting { key, value, exact } => {
                if !exact {
                    remark(line, format!("boards don't read {key} with blanks around it or before the ="));
                }
                match Key::find(&key) {
                    Ok(Some(known)) => {
                        if let Err(error) = known.check(&value) {
                            remark(line, error.to_string());
                        }
                    }
                    Ok(None) => remark(line, Key::unknown(&key)),
                    Err(error) => remark(line, error.to_string()),
                }
                if exact
                    && seen.scope == Scope::Always
                    && let Some(before) = set.insert(key.clone(), line)
                {
                    remark(before, format!("line {line} sets {key} again, and counts"));
                }
            }
        }
    }
    if left > 0 {
        let line = remarks.last().map_or(0, |last| last.line);
        remarks.push(Remark { line, what: format!("{left} more remarks are left out") });
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        remarks(&BootConf::parse(text)).iter().map(Remark::to_string).collect()
    }

    #[test]
    fn what_is_odd_is_told_with_its_line() {
        let said =
            of("[all]\nBOOT_UART=yes\n# NO=1\n\nBOOT_UART=1\nBOOT_ODER=0xf1\nhello\n BOOT_UART=1\nA B=1\n");
        for (at, (line, what)) in [
            (2, "0 or 1 was expected"),
            (2, "line 5 sets BOOT_UART again, and counts"),
            (6, "is BOOT_ORDER meant?"),
            (7, "is no setting"),
            (8, "blanks around"),
            (9, "no setting's name"),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(said[at].starts_with(&format!("line {line}: ")) && said[at].contains(what), "{said:?}");
        }
        assert_eq!(said.len(), 6, "{said:?}");
    }

    #[test]
    fn what_is_fine_or_for_others_is_left_alone() {
        assert!(of("").is_empty());
        assert!(
            of("BOOT_UART=1\r\n[cm4]\nBOOT_UART=0\n[config.txt]\nwhatever\nBOOT_UART=x\n[all]\na\n")
                .is_empty()
        );
        let many = of(&"x\n".repeat(1000));
        assert_eq!(many.len(), MOST + 1);
        assert!(many[MOST].ends_with("968 more remarks are left out"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) { let _ = of(&text); }
    }
}
