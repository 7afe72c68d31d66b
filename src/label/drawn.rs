//! Labels of our own: a line for each thing on them, with places and sizes in millimetres from the upper left corner.

use super::code::{self, Kind};
use super::template::{self, Filled, parts};
use super::{Bitmap, Error, letters};
use crate::station_api::Values;

/// A label has so many dots at most: some 15 by 25 cm with 300 dots an inch.
const MOST_DOTS: u64 = 16_000_000;
/// Things on a label.
const MOST_THINGS: usize = 200;
/// A text on a label has so many characters at most.
const LONGEST: usize = 2000;
/// A module of a code is so wide at least, in hundredths of a millimetre: smaller ones aren't read by all scanners.
const MODULE: u32 = 25;

/// A length: hundredths of a millimetre.
type Length = u32;

/// A line of a template.
enum Line<'a> {
    Size(Length, Length),
    Dpi(u32),
    Text { at: [Length; 3], text: &'a str },
    Code { kind: Kind, at: [Length; 3], text: &'a str },
    Rule { at: [Length; 4] },
    Frame { at: [Length; 5] },
}

/// Takes the next word of a line.
fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    *rest = behind;
    word
}

/// A length in millimetres, with two places behind the point at most.
fn length(text: &str) -> Option<Length> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let part = format!("{part:0<2}");
    Some(whole.parse::<u32>().ok()? * 100 + part.parse::<u32>().ok()?)
}

fn lengths<const N: usize>(rest: &mut &str, names: [&str; N]) -> Result<[Length; N], String> {
    let mut all = [0; N];
    for (at, name) in all.iter_mut().zip(names) {
        let text = word(rest);
        *at = length(text).ok_or_else(|| match text {
            "" => format!("{name} is missing"),
            text => format!("{name} is `{text}`, not millimetres such as 12.5"),
        })?;
    }
    Ok(all)
}

fn line(text: &str) -> Result<Option<Line<'_>>, String> {
    let mut rest = text;
    let what = word(&mut rest);
    let at = |rest: &mut &str| lengths(rest, ["the place from the left", "the place from above", "the size"]);
    let said = |rest: &str| match rest.trim() {
        "" => Err("nothing stands there".to_owned()),
        _ => Ok(()),
    };
    let line = match what {
        "" => return Ok(None),
        what if what.starts_with('#') => return Ok(None),
        "size" => {
            let [width, height] = lengths(&mut rest, ["the width", "the height"])?;
            if !(500..=20_000).contains(&width) || !(500..=30_000).contains(&height) {
                return Err("a label is 5 to 200 mm wide and 5 to 300 mm high".to_owned());
            }
            Line::Size(width, height)
        }
        "dpi" => {
            let dpi = word(&mut rest).parse().ok().filter(|dpi| (100..=600).contains(dpi));
            Line::Dpi(dpi.ok_or("a printer has 100 to 600 dots an inch")?)
        }
        "text" => {
            let at = at(&mut rest)?;
            said(rest)?;
            return Ok(Some(Line::Text { at, text: rest.trim() }));
        }
        "qr" | "datamatrix" => {
            let kind = if what == "qr" { Kind::Qr } else { Kind::DataMatrix };
            let at = at(&mut rest)?;
            said(rest)?;
            return Ok(Some(Line::Code { kind, at, text: rest.trim() }));
        }
        "line" => {
            let names = ["the place from the left", "the place from above", "the width", "the height"];
            Line::Rule { at: lengths(&mut rest, names)? }
        }
        "box" => {
            let names = [
                "the place from the left",
                "the place from above",
                "the width",
                "the height",
                "the line's width",
            ];
            Line::Frame { at: lengths(&mut rest, names)? }
        }
        other => {
            return Err(format!(
                "there is no `{other}`: there are size, dpi, text, qr, datamatrix, line and box"
            ));
        }
    };
    match rest.trim() {
        "" => Ok(Some(line)),
        more => Err(format!("`{more}` is too much")),
    }
}

/// A text with its values.
fn filled(text: &str, values: &Values) -> Result<String, Error> {
    let mut filled = String::new();
    for part in parts(text) {
        match template::filled(part, values)? {
            Filled::Text(text) | Filled::Value { text, .. } => filled.push_str(text),
        }
    }
    Ok(filled)
}

/// Dots of a length.
const fn dots(length: Length, dpi: u32) -> u32 {
    (length * dpi + 1270) / 2540
}

/// Draws a template with values: the picture, and its dots an inch.
pub(super) fn draw(template: &str, values: &Values) -> Result<(Bitmap, u32), Error> {
    let (mut size, mut dpi, mut things) = (None, 203, Vec::new());
    for (at, text) in template.lines().enumerate() {
        let wrong = |why: String| Error::Line { line: at + 1, why };
        match line(text).map_err(wrong)? {
            None => {}
            Some(Line::Size(..)) if size.is_some() => return Err(wrong("its size is said twice".to_owned())),
            Some(Line::Size(width, height)) => size = Some((width, height)),
            Some(Line::Dpi(said)) => dpi = said,
            Some(_) if things.len() >= MOST_THINGS => {
                return Err(wrong(format!("a label has {MOST_THINGS} things at most")));
            }
            Some(thing) => things.push((at + 1, thing)),
        }
    }
    let (width, height) = size.ok_or(Error::NoSize)?;
    let (width, height) = (dots(width, dpi), dots(height, dpi));
    if u64::from(width) * u64::from(height) > MOST_DOTS {
        return Err(Error::Line { line: 1, why: format!("it would have more than {MOST_DOTS} dots") });
    }
    let mut picture = Bitmap::new(width, height);
    for (line, thing) in things {
        put(&mut picture, &thing, dpi, values).map_err(|wrong| match wrong {
            Wrong::Error(error) => error,
            Wrong::Why(why) => Error::Line { line, why },
        })?;
    }
    Ok((picture, dpi))
}

enum Wrong {
    Error(Error),
    Why(String),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::Why(why)
    }
}

/// Hundredths of a millimetre as millimetres.
fn millimetres(length: Length) -> String {
    format!("{}.{:02} mm", length / 100, length % 100)
}

fn put(picture: &mut Bitmap, thing: &Line<'_>, dpi: u32, values: &Values) -> Result<(), Wrong> {
    let (width, height) = (picture.width(), picture.height());
    // What lies outside would be cut off without a word.
    let within = |x: u32, y: u32, wide: u32, high: u32| {
        let fits = |at: u32, size: u32, all: u32| at.checked_add(size).is_some_and(|end| end <= all);
        match fits(x, wide, width) && fits(y, high, height) {
            true => Ok(()),
            false => Err(Wrong::Why("it lies outside of the label".to_owned())),
        }
    };
    let of = |length: &Length| dots(*length, dpi);
    match thing {
        Line::Text { at: [x, y, size], text } => {
            let text = filled(text, values)?;
            let (x, y, high) = (of(x), of(y), of(size));
            within(x, y, 1, high)?;
            if text.chars().count() > LONGEST {
                return Err(format!("a text has {LONGEST} characters at most").into());
            }
            if let Some(char) = letters::missing(&text) {
                return Err(format!("the font has no {}", char.escape_debug()).into());
            }
            let least = dots(letters::SMALLEST, dpi).min(high);
            if letters::draw(picture, &text, (x, y), (width - x, high), least).is_none() {
                let chars = text.chars().count();
                return Err(
                    format!("there is no room for a text of {chars} characters that can be read").into()
                );
            }
        }
        Line::Code { kind, at: [x, y, size], text } => {
            let text = filled(text, values)?;
            if !text.is_ascii() {
                return Err("a code has ASCII in it only: scanners read other letters differently"
                    .to_owned()
                    .into());
            }
            let (x, y, side) = (of(x), of(y), of(size));
            within(x, y, side, side)?;
            let code = code::modules(*kind, &text);
            let code = code.ok_or_else(|| format!("{} characters are too many for a code", text.len()))?;
            let all = code.side + 2 * code.quiet;
            // Each module is a whole number of dots: else they would differ.
            let least = dots(MODULE, dpi).max(2);
            let by = side / all;
            if by < least {
                let wanted = millimetres((all * least * 2540).div_ceil(dpi));
                return Err(format!("the code of this text has {all} modules, and needs {wanted}").into());
            }
            let (x, y) = (x + (side - code.side * by) / 2, y + (side - code.side * by) / 2);
            for (column, row) in code.black {
                picture.fill(x + column * by, y + row * by, by, by);
            }
        }
        Line::Rule { at: [x, y, wide, high] } => {
            let (x, y, wide, high) = (of(x), of(y), of(wide).max(1), of(high).max(1));
            within(x, y, wide, high)?;
            picture.fill(x, y, wide, high);
        }
        Line::Frame { at: [x, y, wide, high, line] } => {
            let (x, y, wide, high, line) = (of(x), of(y), of(wide), of(high), of(line).max(1));
            within(x, y, wide, high)?;
            if line.saturating_mul(2) > wide.min(high) {
                return Err("its lines are wider than it is".to_owned().into());
            }
            picture.fill(x, y, wide, line);
            picture.fill(x, y + high - line, wide, line);
            picture.fill(x, y, line, high);
            picture.fill(x + wide - line, y, line, high);
        }
        // Both were taken before.
        Line::Size(..) | Line::Dpi(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(template: &str) -> String {
        draw(template, &Values::new()).unwrap_err().to_string()
    }

    #[test]
    fn a_length_is_exact() {
        for (text, hundredths) in [
            ("0", Some(0)),
            ("2", Some(200)),
            ("2.5", Some(250)),
            ("12.05", Some(1205)),
            ("999.99", Some(99_999)),
        ] {
            assert_eq!(length(text), hundredths, "{text}");
        }
        for bad in ["", ".", ".5", "-1", "1e3", "1.234", "1000", "1,5", "NaN", "٣"] {
            assert_eq!(length(bad), None, "{bad}");
        }
        assert_eq!((dots(5000, 203), dots(2500, 203), dots(100, 300), dots(0, 600)), (400, 200, 12, 0));
    }

    #[test]
    fn a_label_has_its_size_and_what_stands_on_it() {
        let (picture, dpi) =
            draw("# a test\nsize 50 25\n\nline 0 0 50 1\nbox 10 10 10 10 0.5\n", &Values::new()).unwrap();
        assert_eq!((picture.width(), picture.height(), dpi), (400, 200, 203));
        assert!(picture.is_black(0, 0) && picture.is_black(399, 7) && !picture.is_black(0, 8));
        assert!(picture.is_black(80, 80) && picture.is_black(159, 159) && !picture.is_black(100, 100));
        let values = Values::from([("serial".to_owned(), "10000000af04b2da".to_owned())]);
        let (text, _) = draw("size 50 25\ndpi 300\ntext 2 2 5 {serial}", &values).unwrap();
        let black = text.bytes().iter().map(|byte| byte.count_ones()).sum::<u32>();
        assert!((200..20_000).contains(&black), "{black}");
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        for (template, why) in [
            ("", "no line says how large"),
            ("size 50", "line 1: the height is missing"),
            ("size 50 x", "line 1: the height is `x`"),
            ("size 4 25", "line 1: a label is 5 to 200 mm"),
            ("size 50 25 mm", "line 1: `mm` is too much"),
            ("size 50 25\nsize 50 25", "line 2: its size is said twice"),
            ("size 50 25\ndpi 99", "line 2: a printer has"),
            ("size 50 25\ntxt 1 1 1 a", "line 2: there is no `txt`"),
            ("size 50 25\ntext 1 1 4", "line 2: nothing stands there"),
            ("size 50 25\ntext 1 24 4 a", "line 2: it lies outside"),
            ("size 50 25\ntext 60 1 4 a", "line 2: it lies outside"),
            ("size 50 25\ntext 1 1 4 ж", "line 2: the font has no ж"),
            (&format!("size 50 25\ntext 1 1 4 {}", "x".repeat(100)), "line 2: there is no room"),
            (
                "size 50 25\n\nqr 1 1 5 10000000af04b2da",
                "line 3: the code of this text has 29 modules, and needs",
            ),
            ("size 50 25\nqr 1 1 20 Größe", "line 2: a code has ASCII"),
            (&format!("size 50 25\nqr 1 1 20 {}", "x".repeat(2500)), "line 2: 2500 characters are too many"),
            ("size 50 25\nbox 1 1 2 2 3", "line 2: its lines are wider"),
            ("size 200 300\ndpi 600", "line 1: it would have more"),
            ("size 50 25\ntext 1 1 4 {serial}", "the board has no value `serial`"),
        ] {
            let error = wrong(template);
            assert!(error.starts_with(why), "{template:?}: {error}");
        }
        let many = "line 1 1 1 1\n".repeat(MOST_THINGS + 1);
        assert!(wrong(&format!("size 50 25\n{many}")).contains("200 things"));
    }

    proptest! {
        #[test]
        fn any_template_is_drawn_or_refused(template in "(size|dpi|text|qr|datamatrix|line|box|[ 0-9.{}a\\n-]){0,40}") {
            drop(draw(&format!("size 20 10\n{template}"), &Values::new()));
        }
    }
}
