//! A `boot.scr` that an image brings along. U-Boot runs it as it is, so what it says of partitions by their numbers
//! goes wrong where they get others.

use crate::image::files::partition_of;

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

/// The first words by which the script names a partition by number, as far as they are known here. `disk_id`: the image's MBR
/// has this id.
pub(super) fn numbered(file: &[u8], disk_id: Option<u32>) -> Option<String> {
    let text = String::from_utf8_lossy(file.get(TEXT..)?);
    let own = disk_id.map(|id| format!("{id:08x}-"));
    text.lines().flat_map(commands).find_map(|command| command.numbered(own.as_deref()))
}

/// A command of a script, by its words.
struct Command<'a> {
    words: Vec<&'a str>,
    /// It runs only where the one in front of it fails: `test -n "${bootpart}" || setenv bootpart 1`.
    otherwise: bool,
}

/// The commands in a line. What is only shown to somebody is none.
fn commands(line: &str) -> Vec<Command<'_>> {
    /// Words of the shell that stand in front of a command.
    const SHELL: [&str; 7] = ["if", "elif", "then", "else", "while", "do", "!"];
    let mut found = Vec::new();
    let mut otherwise = false;
    for piece in line.split_inclusive([';', '|', '&']) {
        let words = piece.split(|c: char| c.is_whitespace() || "\"';|&".contains(c));
        let words = words.filter(|word| !word.is_empty()).take_while(|word| !word.starts_with('#'));
        let words: Vec<&str> = words.skip_while(|word| SHELL.contains(word)).collect();
        if words.first().is_some_and(|first| *first != "echo") {
            found.push(Command { words, otherwise });
        }
        if piece.split_whitespace().any(|word| word.starts_with('#')) {
            break;
        }
        // The second sign of `||` ends a piece without words.
        otherwise = piece.ends_with('|');
    }
    found
}

impl Command<'_> {
    /// The words by which it names a partition by number.
    fn numbered(&self, own: Option<&str>) -> Option<String> {
        let words = &self.words;
        for (at, word) in words.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |at| words[at]);
            // `mmc 0:2`, `${devtype} ${devnum}:2`
            if let Some((device, partition)) = word.rsplit_once(':')
                && (before == "mmc" || before.starts_with('$'))
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
            // `setenv distro_bootpart 1`
            if matches!(*word, "setenv" | "set")
                && !self.otherwise
                && let [name, number, ..] = more
                && is_partition(name, number)
            {
                return Some(shown(&[*word, name, number].join(" ")));
            }
            if names_device(word) || own.is_some_and(|own| names_partuuid(word, own)) {
                return Some(shown(word));
            }
        }
        None
    }
}

/// Whether a variable of this name holds a partition's number: `distro_bootpart`, `mender_boot_part_hex`.
fn is_partition(name: &str, number: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let (name, radix) = name.strip_suffix("_hex").map_or((name.as_str(), 10), |name| (name, 16));
    let name = ["_number", "_num", "_id"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let is_part = name.ends_with("part") || name.ends_with("partition") || name.ends_with("partnum");
    let digits = number.trim_start_matches("0x");
    is_part
        && (1..=2).contains(&digits.len())
        && u32::from_str_radix(digits, radix).is_ok_and(|number| number > 0)
}

/// Whether a word has a partition of the card in it, or a root by its number: `root=/dev/mmcblk1p2`, `root=/dev/sda2`,
/// `/dev/mmcblk${devnum}p2`. Other disks keep their numbers.
fn names_device(word: &str) -> bool {
    word.match_indices("/dev/").any(|(at, _)| {
        let device = &word[at..];
        if !device.starts_with("/dev/mmcblk") && !word[..at].ends_with("root=") {
            return false;
        }
        let end = device.find(|c: char| !c.is_ascii_alphanumeric() && c != '/').unwrap_or(device.len());
        if partition_of(&device[..end]).is_some() {
            return true;
        }
        // A number that only U-Boot knows stands for the disk's.
        let behind = device[end..].strip_prefix("${").and_then(|rest| rest.split_once('}'));
        let number = behind.and_then(|(_, rest)| rest.strip_prefix('p'));
        number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Whether a word has a PARTUUID of the disk whose PARTUUIDs begin so.
fn names_partuuid(word: &str, own: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.match_indices(own).any(|(at, _)| {
        let number = word.get(at + own.len()..at + own.len() + 2);
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

fn shown(words: &str) -> String {
    words.chars().take(60).collect()
}
