//! A `boot.scr` that an image brings along. U-Boot runs it as it is, so what it says of partitions by their numbers
//! goes wrong where they get others.

/// A script of more than this isn't looked at.
pub(super) const LONGEST: usize = 64 << 10;
/// The header of U-Boot's images (include/image.h), and the lengths in front of a script's text.
const TEXT: usize = 64 + 8;

/// What stands in the first line of each boot.scr that this program adds.
pub const MARK: &str = "# Made by piprov from config.txt";

/// Whether it is one that this program has made: it is made anew then.
pub(super) fn is_ours(file: &[u8]) -> bool {
    file.get(TEXT..).is_some_and(|text| text.starts_with(MARK.as_bytes()))
}

/// The first words by which the script names a partition by number, as far as they are known here.
pub(super) fn numbered(file: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(file.get(TEXT..)?);
    for line in text.lines() {
        let words: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || "\"';".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        if words.first().is_some_and(|first| first.starts_with('#')) {
            continue;
        }
        for (at, word) in words.iter().enumerate() {
            // `mmc 0:2`, `${devnum}:2`
            if let Some((device, partition)) = word.rsplit_once(':')
                && (device.starts_with('$')
                    || device.chars().all(|c| c.is_ascii_digit()) && !device.is_empty())
                && (1..=2).contains(&partition.len())
                && partition.chars().all(|c| c.is_ascii_hexdigit())
            {
                return Some(shown(word));
            }
            // `part start mmc 0 6 name`
            let more = &words[at + 1..];
            if *word == "part"
                && more.first().is_some_and(|verb| ["start", "size", "uuid", "type"].contains(verb))
                && more.get(3).is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
            {
                return Some(shown(&[&[*word], &more[..4]].concat().join(" ")));
            }
            if let Some((_, device)) = word.split_once("/dev/mmcblk0p")
                && device.starts_with(|c: char| c.is_ascii_digit())
            {
                return Some(shown(word));
            }
        }
    }
    None
}

fn shown(words: &str) -> String {
    words.chars().take(60).collect()
}
