//! How sizes, times and rates are written for people, and how sizes are read from the command line.
//! Every subcommand uses these, so that the same thing looks the same everywhere. Also how texts from outside are
//! written, so that none of them writes the terminal.

pub mod braces;
pub mod json;
mod outside;

use std::time::Duration;

pub use outside::{MOST, brief, is_hidden, message, printable, shown, write_shown};

const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of bytes with three significant digits: `2.66 GiB`, `750 MiB`, `512 bytes`.
///
/// A whole number of a unit is written without a fraction, so that round sizes look round.
#[must_use]
pub fn size(bytes: u64) -> String {
    for (name, unit) in UNITS {
        if bytes >= unit {
            if bytes.is_multiple_of(unit) {
                return format!("{} {name}", bytes / unit);
            }
            return format!("{} {name}", three_digits(bytes as f64 / unit as f64));
        }
    }
    match bytes {
        1 => "1 byte".to_owned(),
        n => format!("{n} bytes"),
    }
}

/// A number of bytes for people and for calculating: `2.66 GiB (2856321024 bytes)`.
#[must_use]
pub fn size_exact(bytes: u64) -> String {
    if bytes < 1024 { size(bytes) } else { format!("{} ({bytes} bytes)", size(bytes)) }
}

/// A rate: `11.2 MiB/s`. Nothing was moved in no time: `0 bytes/s`.
#[must_use]
pub fn rate(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds <= 0.0 {
        return "0 bytes/s".to_owned();
    }
    let value = bytes as f64 / seconds;
    for (name, unit) in UNITS {
        if value >= unit as f64 {
            return format!("{} {name}/s", three_digits(value / unit as f64));
        }
    }
    format!("{value:.0} bytes/s")
}

/// A length of time: `1:39`, `12:04`, `1:02:03`. Rounded to the nearest second.
#[must_use]
pub fn minutes(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_millis() >= 500);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A length of time in JSON: seconds, rounded to milliseconds. For serde's `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// Reads what [`seconds`] writes. For serde's `deserialize_with`.
///
/// # Errors
/// Those of the deserializer, and where the number is no length of time.
pub fn of_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = <f64 as serde::Deserialize>::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
}

/// `done` of `total` in whole percent, rounded down so that 100 % means all of it: `58 %`.
#[must_use]
pub fn percent(done: u64, total: u64) -> String {
    let value = if total == 0 { 100 } else { u128::from(done.min(total)) * 100 / u128::from(total) };
    format!("{value} %")
}

/// A part of a whole in percent with a tenth, rounded; less than all is never `100.0 %`, and more than nothing never `0.0 %`
/// where that can be said: `66.7 %`. `None`: there is no whole.
#[must_use]
pub fn share(part: u64, of: u64) -> Option<String> {
    let (part, whole) = (u128::from(part), u128::from(of));
    let tenths = (part * 1000 + whole / 2).checked_div(whole)?;
    let tenths = if part < whole { tenths.min(999) } else { tenths };
    let tenths = if part > 0 { tenths.max(1) } else { tenths };
    Some(format!("{}.{} %", tenths / 10, tenths % 10))
}

/// A number with its noun: `1 part`, `4 parts`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A host with its port: an IPv6 address has brackets.
#[must_use]
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The bytes of exactly so many pairs of hexadecimal digits, which [`hex`] has written: no upper case, so that the same
/// bytes are always the same text.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() == N * 2 { unhex_bytes(text)?.try_into().ok() } else { None }
}

/// The bytes of pairs of hexadecimal digits.
#[must_use]
pub fn unhex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2)
        || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Bytes as lower-case hexadecimal digits, as checksums are written.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// No time that somebody gives is longer, in seconds: about 31 years.
pub const LONGEST_TIME: f64 = 1e9;

/// The units of a time, from the longest down, in seconds.
const TIMES: [(&str, f64); 5] = [("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];

/// Reads a time: a number of seconds, also with a fraction, or a number with its unit (`ms`, `s`, `m`, `h`, `d`), or several
/// of those from the longest unit down, up to [`LONGEST_TIME`]. `None` for anything else.
#[must_use]
pub fn parse_time(text: &str) -> Option<Duration> {
    let seconds = text.parse::<f64>().ok().or_else(|| sum(text))?;
    let seconds = Some(seconds).filter(|seconds| (0.0..=LONGEST_TIME).contains(seconds))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// `1h30m`: numbers with their units, each unit shorter than the one before.
fn sum(text: &str) -> Option<f64> {
    let (mut rest, mut total, mut before) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let (number, more) = rest.split_at(rest.find(|char: char| char.is_ascii_alphabetic())?);
        let end = more.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(more.len());
        let (word, more) = more.split_at(end);
        let (_, unit) = TIMES.iter().find(|(unit, _)| *unit == word)?;
        let number = number.parse::<f64>().ok().filter(|number| *number >= 0.0 && *unit < before)?;
        (rest, total, before) = (more, total + number * unit, *unit);
    }
    Some(total).filter(|_| !text.is_empty())
}

/// Reads a size as people and coreutils write it: `786432000`, `750M`, `750MiB` (powers of 1024),
/// `750MB` (powers of 1000). Upper or lower case, a space before the unit allowed.
///
/// # Errors
/// A sentence for the user that says what is accepted.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "`{text}` is no size; write bytes (786432000) or a number with a unit (750M, 750MiB, 786MB, 1.5G)"
        )
    };
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (prefix, base) = match unit.as_str() {
        "" | "b" => ("", 1u64),
        other => match other.strip_suffix("ib") {
            Some(prefix) => (prefix, 1024),
            None => match other.strip_suffix('b') {
                Some(prefix) => (prefix, 1000),
                None => (other, 1024),
            },
        },
    };
    let power = match prefix {
        "" if base == 1 => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    let factor = u128::from(base.pow(power));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || fraction.len() > 9 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let mut bytes = u128::from(whole) * factor;
    if !fraction.is_empty() {
        let value: u128 = fraction.parse().map_err(|_| wrong())?;
        let scaled = value * factor;
        let ten = 10u128.pow(fraction.len() as u32);
        if !scaled.is_multiple_of(ten) {
            return Err(format!("`{text}` is not a whole number of bytes"));
        }
        bytes += scaled / ten;
    }
    u64::try_from(bytes).map_err(|_| format!("`{text}` is more than fits into 64 bits"))
}

/// Three significant digits, without an exponent.
fn three_digits(value: f64) -> String {
    // Rounded first: 9.996 becomes 10.0, not 10.00.
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (786_432_000, "750 MiB"),
            (2_856_321_024, "2.66 GiB"),
            (4 << 30, "4 GiB"),
            ((10 << 30) - 1, "10.0 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size_exact(2_856_321_024), "2.66 GiB (2856321024 bytes)");
        assert_eq!(size_exact(512), "512 bytes");
    }

    #[test]
    fn times_rates_and_percent() {
        assert_eq!(minutes(Duration::from_millis(99_400)), "1:39");
        assert_eq!(minutes(Duration::from_millis(59_500)), "1:00");
        assert_eq!(minutes(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(rate(11_744_051 * 3, Duration::from_secs(3)), "11.2 MiB/s");
        assert_eq!(rate(100, Duration::ZERO), "0 bytes/s");
        assert_eq!(rate(100, Duration::from_secs(1)), "100 bytes/s");
        assert_eq!(percent(0, 0), "100 %");
        let shares = [
            (2, 3, "66.7 %"),
            (1, 3, "33.3 %"),
            (9999, 10_000, "99.9 %"),
            (1, 100_000, "0.1 %"),
            (3, 3, "100.0 %"),
        ];
        for (part, of, text) in shares {
            assert_eq!(share(part, of).as_deref(), Some(text));
        }
        assert_eq!((share(0, 5).as_deref(), share(0, 0)), (Some("0.0 %"), None));
        assert_eq!(percent(999, 1000), "99 %");
        assert_eq!(percent(u64::MAX, u64::MAX), "100 %");
        assert_eq!((count(1, "part"), count(2, "part")), ("1 part".into(), "2 parts".into()));
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }

    proptest::proptest! {
        #[test]
        fn hexadecimal_digits_are_bytes(bytes: [u8; 32], text in ".{0,70}") {
            proptest::prop_assert_eq!(unhex::<32>(&hex(&bytes)), Some(bytes));
            if let Some(bytes) = unhex::<32>(&text) {
                proptest::prop_assert_eq!(hex(&bytes), text);
            }
        }
    }

    #[test]
    fn sizes_from_the_command_line() {
        for text in
            ["786432000", "750M", "750MiB", "750 mib", "768000k", "768000KiB", "786432KB", "0.732421875G"]
        {
            assert_eq!(parse_size(text), Ok(786_432_000), "{text}");
        }
        assert_eq!(parse_size("1.5G"), Ok(3 << 29));
        assert_eq!(parse_size("16777215T"), Ok(16_777_215 << 40));
        for text in [
            "",
            "M",
            "x",
            "1x",
            "-1",
            "1.2.3M",
            "1.1",
            ".5M",
            "1MiBs",
            "16777216T",
            "99999999999999999999",
            "1..5M",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
