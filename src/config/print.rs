//! What only `[[station.print-command]]` has: programs that print labels.

use std::fmt;
use std::path::Path;

use super::form::{Form, List, Written};
use super::tables::entry;
use super::value::Raw;

entry! {
    /// A program of the station's host that prints labels. A printer of the station names it by its name; what is run is
    /// said here alone.
    PrintCommand of PRINT_KEYS {
        /// What printers name it by.
        name: String = String::new(), "name" as Word;
        /// The program, as a path from `/` on, and its arguments, such as `["/usr/bin/lp", "-d", "zebra", "-o", "raw"]`.
        /// No shell reads them. The label comes by standard input.
        run: Vec<String> = Vec::new(), "run" as List(Word);
    }
}

impl PrintCommand {
    fn makes_sense(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("it has no `name`".to_owned());
        }
        match self.run.first() {
            None => Err("it has no `run`".to_owned()),
            Some(program) if program.starts_with('/') => Ok(()),
            Some(program) => Err(format!("`{program}` is no path from `/` on")),
        }
    }
}

impl fmt::Display for PrintCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

/// A text of one line.
struct Word;

impl Form for Word {
    type Value = String;

    fn wanted(&self) -> String {
        "a text of one line".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<String, String> {
        let good = |text: &&str| text.len() <= 1000 && !text.chars().any(char::is_control);
        raw.text().filter(good).map(str::to_owned).ok_or_else(|| raw.not(&self.wanted()))
    }

    fn write(&self, text: &String) -> Written {
        Written::One(text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_by_its_whole_path() {
        let of = |name: &str, run: &[&str]| PrintCommand {
            name: name.to_owned(),
            run: run.iter().map(|one| (*one).to_owned()).collect(),
        };
        assert_eq!(of("zebra", &["/usr/bin/lp", "-d", "zebra"]).makes_sense(), Ok(()));
        assert!(of("", &["/usr/bin/lp"]).makes_sense().is_err());
        assert!(of("zebra", &[]).makes_sense().is_err() && of("zebra", &["lp"]).makes_sense().is_err());
        let word = |text: &str| Word.read(&Raw::Text(text.to_owned()), Path::new("/"));
        assert!(word("-o").is_ok() && word("a\nb").is_err());
    }
}
