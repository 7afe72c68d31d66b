//! Labels: a template and a board's values become what a printer gets. Pure: no printers, no files, no clock.
//!
//! | part | what it is |
//! |---|---|
//! | `drawn` | lines of our own: texts, codes, lines and boxes, in millimetres |
//! | `letters`, `code` | texts and codes as dots |
//! | `bitmap` | a picture of black and white dots |
//! | `out` | a picture in the languages of printers |
//! | `raw` | templates in a printer's own language, with values that can't become commands |
//! | `template` | what stands in braces |
//! | [`scan`] | what a code in a picture says |
//!
//! What is drawn is drawn in the printer's own dots: the picture on a page is the one that is printed, dot by dot.

mod bitmap;
mod code;
mod drawn;
mod letters;
mod out;
mod raw;
pub mod scan;
mod template;

pub use bitmap::Bitmap;
pub use template::literal;

use crate::error::{Explain, Kind};
use crate::station_api::{LONGEST_LABEL, Label, LabelLanguage, PrinterTakes, Values};
use template::{Part, parts};

/// A label has so many bytes at most once values are filled in.
const LONGEST_FILLED: usize = 256 << 10;

/// Why a label can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A template that is too long.
    #[error("a label has {} KiB at most", LONGEST_LABEL >> 10)]
    Long,
    /// It would be too long with these values.
    #[error("with its values it has more than {} KiB", LONGEST_FILLED >> 10)]
    LongFilled,
    /// A line of a label that is drawn.
    #[error("line {line}: {why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// It doesn't say how large it is.
    #[error("no line says how large it is: `size WIDTH HEIGHT`, in millimetres")]
    NoSize,
    /// It names a value that the board hasn't.
    #[error("the board has no value `{name}`")]
    NoValue {
        /// The value's name.
        name: String,
    },
    /// A value would be a command.
    #[error("the value `{name}` has {what} in it, which the printer would take for a command")]
    Command {
        /// The value's name.
        name: String,
        /// What it has.
        what: &'static str,
    },
    /// The picture can't be packed.
    #[error("the picture can't be packed: {why}")]
    Picture {
        /// What the packer says.
        why: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::BadData
    }
}

/// What a printer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether they are a text that people can read.
    pub is_text: bool,
}

/// The names in braces of a template, each once, in their order.
#[must_use]
pub fn names(template: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in parts(template) {
        if let Part::Name(name, _) = part
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Values of a board that isn't there: for a test of a label.
#[must_use]
pub fn samples(template: &str) -> Values {
    let known = [
        ("serial", "10000000af04b2da"),
        ("serial8", "af04b2da"),
        ("mac", "dc:a6:32:01:02:03"),
        ("model", "Raspberry Pi 5 Model B"),
        ("memory", "8589934592"),
        ("slot", "slot-1"),
        ("date", "2026-01-31"),
        ("time", "12:00"),
        ("run", "0123456789ab"),
        ("duid", "0123456789ABCDEF0123456789"),
    ];
    let one = |name: &str| {
        let text = known.iter().find(|(known, _)| *known == name).map_or(name, |(_, text)| *text);
        (name.to_owned(), text.to_owned())
    };
    names(template).into_iter().map(one).collect()
}

/// Whether a template can be a label's: with sample values it can be printed.
///
/// # Errors
/// [`Error`].
pub fn check(label: &Label) -> Result<(), Error> {
    if label.text.len() > LONGEST_LABEL {
        return Err(Error::Long);
    }
    match label.language {
        LabelLanguage::Drawn => drawn::draw(&label.text, &samples(&label.text)).map(drop),
        _ => raw::fill(label.language, &label.text, &samples(&label.text)).map(drop),
    }
}

/// What a printer gets of a label. `takes`: what it gets where the label is drawn.
///
/// # Errors
/// [`Error`].
pub fn fill(
    language: LabelLanguage,
    template: &str,
    values: &Values,
    takes: PrinterTakes,
) -> Result<Filled, Error> {
    if language != LabelLanguage::Drawn {
        let text = raw::fill(language, template, values)?;
        return Ok(Filled { bytes: text.into_bytes(), is_text: true });
    }
    let (picture, dpi) = drawn::draw(template, values)?;
    let bytes = match takes {
        PrinterTakes::Zpl => out::zpl(&picture),
        PrinterTakes::Epl => out::epl(&picture),
        PrinterTakes::Png => out::png(&picture, dpi).map_err(|why| Error::Picture { why })?,
    };
    Ok(Filled { bytes, is_text: false })
}

#[cfg(test)]
mod tests;
