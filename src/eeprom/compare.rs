//! Two images beside each other: what of them differs.

use std::collections::BTreeMap;

use super::image::{Image, JOURNAL, Part, SECTOR, UPDATETIME, What};

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Differs {
    /// What it is called: a file, `bootcode`, `module 2`.
    pub what: String,
    /// Where it lies.
    pub part: Part,
    /// How it differs.
    pub how: How,
    /// Whether a board's bootloader changes it by itself: when it was updated last, which partition it starts.
    pub own: bool,
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is in both, and not the same.
    Other,
    /// Only the first image has it.
    First,
    /// Only the second one has it.
    Second,
}

/// What of two images for one chip differs, in the order of the first; nothing where they are equal byte for byte.
#[must_use]
pub fn compare(first: &Image, second: &Image) -> Vec<Differs> {
    if first.bytes() == second.bytes() {
        return Vec::new();
    }
    let (one, other) = (named(first), named(second));
    let mut all = Vec::new();
    let mut tell = |(part, file, what, count): &Key, how| {
        let own = *file && what == UPDATETIME;
        let what = if *count > 1 { format!("{what} {count}") } else { what.clone() };
        all.push(Differs { what, part: *part, how, own });
    };
    for (name, content) in &one.0 {
        match other.1.get(name).map(|at| &other.0[*at].1) {
            None => tell(name, How::First),
            Some(there) if there != content => tell(name, How::Other),
            Some(_) => {}
        }
    }
    for (name, _) in other.0.iter().filter(|(name, _)| !one.1.contains_key(name)) {
        tell(name, How::Second);
    }
    // What lies behind the sections is the bootloader's: a time, or a journal. All else is filling.
    let end = if first.is_ab() { JOURNAL } else { first.bytes().len().saturating_sub(SECTOR) };
    let differs =
        |range: std::ops::Range<usize>| first.bytes().get(range.clone()) != second.bytes().get(range);
    let whole = |what: &str, own| Differs { what: what.to_owned(), part: Part::Whole, how: How::Other, own };
    if differs(end..first.bytes().len()) {
        all.push(whole("what the bootloader keeps behind them", true));
    }
    if all.is_empty() {
        all.push(whole("the filling between them", false));
    }
    all
}

/// What a section is known by: its part, whether it is a file, its name, and which of that name it is.
type Key = (Part, bool, String, usize);

/// Sections with their names, and where each of them is in the list.
type Named<'a> = (Vec<(Key, &'a [u8])>, BTreeMap<Key, usize>);

fn named(image: &Image) -> Named<'_> {
    let (mut list, mut places) = (Vec::new(), BTreeMap::new());
    let mut counts: BTreeMap<(Part, bool, String), usize> = BTreeMap::new();
    for section in image.sections().filter(|section| section.what != What::Padding) {
        let what = match (section.what, section.name) {
            (_, Some(name)) => name.to_owned(),
            (What::Bootcode, None) => "bootcode".to_owned(),
            _ => "module".to_owned(),
        };
        // Names may come again, those of modules do.
        let file = section.name.is_some();
        let count = counts.entry((section.part, file, what.clone())).or_default();
        *count += 1;
        let key = (section.part, file, what, *count);
        places.insert(key.clone(), list.len());
        list.push((key, section.content));
    }
    (list, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::{Half, ab, pi4};

    fn told(first: &Image, second: &Image) -> Vec<String> {
        let all = compare(first, second);
        all.iter().map(|one| format!("{} {:?} {:?} {}", one.what, one.part, one.how, one.own)).collect()
    }

    #[test]
    fn what_differs_is_named() {
        let half = |firmware, conf| Half { firmware, conf };
        let image = |a: Half<'_>, b: Option<Half<'_>>| Image::parse(ab(&a, b.as_ref())).unwrap();
        let one = image(half(7, b"A=1\n"), None);
        assert!(told(&one, &one).is_empty());
        assert_eq!(told(&one, &one.with_bootconf("A=2\n").unwrap()), ["bootconf.txt A Other false"]);
        let other = image(half(8, b"A=1\n"), None);
        assert_eq!(told(&one, &other), ["bootsys A Other false", "module A Other false"]);
        let two = image(half(7, b"A=1\n"), Some(half(7, b"A=1\n")));
        let said = told(&one, &two);
        assert!(said.contains(&"bootconf.txt B Second false".to_owned()), "{said:?}");
        assert!(told(&two, &one).contains(&"bootsys B First false".to_owned()));
    }

    #[test]
    fn what_a_bootloader_writes_by_itself_is_told_apart() {
        let one = Image::parse(pi4(b"A=1\n")).unwrap();
        let mut bytes = one.bytes().to_vec();
        let end = bytes.len();
        bytes[end - 8..].fill(3);
        let used = Image::parse(bytes).unwrap();
        assert_eq!(told(&one, &used), ["what the bootloader keeps behind them Whole Other true"]);
        let five = Image::parse(ab(&Half { firmware: 7, conf: b"" }, None)).unwrap();
        let used = five.with_file(UPDATETIME, &[1; 8]).map_err(|error| error.to_string());
        assert_eq!(told(&five, &used.unwrap()), ["updatetime A Other true"]);
        // Bytes that no section has.
        let mut bytes = one.bytes().to_vec();
        let padding = one.sections().find(|section| section.what == What::Padding).unwrap().offset + 20;
        bytes[padding] = 0;
        let odd = Image::parse(bytes).unwrap();
        assert_eq!(told(&one, &odd), ["the filling between them Whole Other false"]);
    }

    #[test]
    fn sections_with_many_equal_names_end() {
        let mut writer = crate::samples::eeprom::Writer::new(512 << 10);
        for _ in 0..300 {
            writer = writer.section(0x55aa_f22f, b"x");
        }
        let one = Image::parse(writer.done()).unwrap();
        let other = Image::parse(crate::samples::eeprom::Writer::new(512 << 10).done()).unwrap();
        assert_eq!(told(&one, &other).len(), 300);
    }
}
