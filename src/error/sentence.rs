//! Words as a whole sentence: every hint and every notice is one, whoever wrote its words.

/// Beginnings of names that have no capital, wherever they stand.
const NAMES: [&str; 17] = [
    "apt-", "curl", "dhclient", "dnsmasq", "dpkg", "gpio", "libusb", "nfs", "piprov", "qemu", "rpi-",
    "rpiboot", "rpcbind", "systemd", "tftp", "udev", "vcgencmd",
];

/// With a capital and a full stop. A name keeps the letters that it has, and an address at the end stays alone.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let word = text.split([' ', ',', ';']).next().unwrap_or_default();
    // What the system calls a disk stays as it is called: `sda: …`, `mmcblk0: …`.
    let is_disk = word.ends_with(':') && word.starts_with("sd");
    let is_name = is_disk
        || NAMES.iter().any(|name| word.starts_with(name))
        || word.contains(|char: char| char.is_ascii_digit() || "._/=@\\".contains(char));
    let mut letters = text.chars();
    let first: String = match letters.next() {
        Some(first) if is_name => first.into(),
        Some(first) => first.to_uppercase().collect(),
        None => return String::new(),
    };
    let is_address = text.rsplit(' ').next().is_some_and(|last| last.contains("://"));
    let end = if is_address || text.ends_with(['.', '!', '?', '…', ':']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_get_a_capital_and_a_full_stop() {
        for (words, want) in [
            ("is the path right?", "Is the path right?"),
            ("an image of a whole card is needed", "An image of a whole card is needed."),
            ("`piprov list` shows them", "`piprov list` shows them."),
            ("either this, or `--force`", "Either this, or `--force`."),
            ("read-only media can't be written.", "Read-only media can't be written."),
            ("image: it is coming", "Image: it is coming."),
            ("", ""),
        ] {
            assert_eq!(sentence(words), want);
        }
    }

    #[test]
    fn a_name_stays_as_it_is_written() {
        for (words, want) in [
            ("sda: it is gone", "sda: it is gone."),
            ("mmcblk0: it is gone", "mmcblk0: it is gone."),
            ("rpi-eeprom-digest makes it", "rpi-eeprom-digest makes it."),
            ("config.txt names it", "config.txt names it."),
            ("sdhci is the driver", "Sdhci is the driver."),
            ("look at https://example.org/a", "Look at https://example.org/a"),
        ] {
            assert_eq!(sentence(words), want);
        }
    }
}
