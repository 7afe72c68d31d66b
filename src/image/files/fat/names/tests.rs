use super::*;

/// A short entry.
fn short(name: &[u8; 11], attributes: u8) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry
}

/// A long name's entries with the short one behind them.
fn long(name: &[u16], short_name: &[u8; 11]) -> Vec<u8> {
    let checksum = short_name.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let pieces = name.chunks(13).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    for (n, piece) in pieces.iter().enumerate().rev() {
        let mut entry = [0xff; ENTRY];
        entry[0] = (n as u8 + 1) | if n + 1 == pieces.len() { 0x40 } else { 0 };
        (entry[11], entry[12], entry[13]) = (0x0f, 0, checksum);
        (entry[26], entry[27]) = (0, 0);
        for (at, unit) in PLACES.iter().zip(piece.iter().chain([&0])) {
            entry[*at..*at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend(entry);
    }
    bytes.extend(short(short_name, 0x20));
    bytes
}

fn utf16(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

fn read(bytes: &[u8], is_root: bool) -> Result<Vec<String>, String> {
    let items = items(bytes, Width::Sixteen, is_root)?;
    Ok(items.into_iter().map(|item| item.name).collect())
}

#[test]
fn names_are_read_and_those_that_no_file_can_have_are_told() {
    for good in ["a", "...", "..a", "config.txt", "ü and a blank", &"x".repeat(255), "a thirteenth."] {
        assert_eq!(read(&long(&utf16(good), b"A          "), true).unwrap(), [good]);
    }
    for (bad, told) in [
        (".", "`.`"),
        ("..", "`..`"),
        ("../etc/passwd", "`../etc/passwd`"),
        ("/", "`/`"),
        ("a\n", "`a\\n`"),
        ("\u{1b}[2Jx", "`\\u{1b}[2Jx`"),
        ("a\u{7f}", "\\u{7f}"),
        ("a\u{9b}", "\\u{9b}"),
        (&"x".repeat(256), "…"),
        (&"€".repeat(100), "…"),
    ] {
        for is_root in [true, false] {
            let error = read(&long(&utf16(bad), b"A          "), is_root).unwrap_err();
            assert!(error.contains("no file can have") && error.contains(told), "{error}");
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }
    for bad in [b"A/B        ", b"..         ", b".          ", b"           ", b"A\x1bB        "] {
        for is_root in [true, false] {
            let error = read(&short(bad, 0x20), is_root).unwrap_err();
            assert!(error.contains("no file can have") && !error.contains(char::is_control), "{error:?}");
        }
    }
    // Half a character is no name; the short one counts.
    assert_eq!(read(&long(&[0xd800], b"A       TXT"), true).unwrap(), ["A.TXT"]);
    assert_eq!(read(&long(&[0], b"A       TXT"), true).unwrap_err(), "has a name that no file can have: ``");
}

#[test]
fn a_directory_begins_with_itself_and_the_one_above() {
    let dots = [short(b".          ", 0x10), short(b"..         ", 0x10)].concat();
    let file = short(b"A          ", 0x20);
    assert_eq!(read(&[&dots[..], &file].concat(), false).unwrap(), ["A"]);
    for (bytes, is_root) in [
        ([&dots[..], &file].concat(), true),
        ([&file[..], &dots].concat(), false),
        ([&dots[..], &dots].concat(), false),
        ([&dots[32..], &dots[..32]].concat(), false),
        ([short(b".          ", 0x10), short(b"..         ", 0x20)].concat(), false),
    ] {
        assert!(read(&bytes, is_root).is_err(), "{bytes:?}");
    }
}

#[test]
fn names_that_are_equal_but_for_case_are_damage() {
    for (one, other) in [("config.txt", "CONFIG.TXT"), ("Ärger", "ärger"), ("x", "x")] {
        let bytes = [long(&utf16(one), b"A          "), long(&utf16(other), b"B          ")].concat();
        let error = read(&bytes, true).unwrap_err();
        assert!(error.contains("twice"), "{error}");
    }
    let bytes = [short(b"CONFIG  TXT", 0x20).to_vec(), long(&utf16("config.txt"), b"B          ")].concat();
    assert!(read(&bytes, true).is_err());
    let label = [short(b"CONFIG  TXT", 0x08), short(b"CONFIG  TXT", 0x20)].concat();
    assert_eq!(read(&label, true).unwrap(), ["CONFIG.TXT"], "the label is no file");
}

#[test]
fn short_names_are_of_the_code_page() {
    assert_eq!(UPPER.chars().count(), 128);
    assert_eq!(read(&short(b"\x9aBER    TXT", 0x20), true).unwrap(), ["ÜBER.TXT"]);
    assert_eq!(read(&short(b"\x05BER    TXT", 0x20), true).unwrap(), ["σBER.TXT"]);
}
