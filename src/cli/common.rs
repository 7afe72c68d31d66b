//! What several subcommands do in the same way.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::report::Usage;
use super::ui::Style;
use crate::cli::{Global, ui::Ui};
use crate::config::Settings;
use crate::error::Severity;
use crate::format::size_exact;
use crate::tftp::Limits;

/// The settings, with their warnings told.
///
/// # Errors
/// When a configuration file is wrong.
pub(super) fn settings(global: &Global, ui: &Ui) -> crate::cli::Result<Settings> {
    let settings = Settings::load(global.config().as_deref())?;
    for warning in &settings.warnings {
        ui.warn(super::remedy::word(warning));
    }
    Ok(settings)
}

/// How the severity of a finding is called.
pub(super) const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "ok",
        Severity::Warning => "warning",
        Severity::Problem => "problem",
    }
}

/// How the severity of a finding is shown.
pub(super) const fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Good => Style::Good,
        Severity::Warning => Style::Warn,
        Severity::Problem => Style::Bad,
    }
}

/// No time on the command line is longer: about 31 years.
const LONGEST: f64 = 1e9;

/// A time on the command line: a number of seconds, also with a fraction, or a number with its unit (`ms`, `s`, `m`, `h`,
/// `d`), up to a thousand million seconds. All commands take it so.
///
/// # Errors
/// A sentence for clap, where it is no such time.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    let seconds = number.parse::<f64>().ok().map(|number| number * factor);
    let seconds = seconds.filter(|seconds| (0.0..=LONGEST).contains(seconds));
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("a time from 0 to {LONGEST} s is needed, such as 90, 1.5s, 5m or 1h"))
}

/// A time before now, with its unit: a bare number is a few seconds to one and days to another.
pub(super) fn with_unit(text: &str) -> Option<Duration> {
    seconds(text).ok().filter(|_| text.ends_with(|last: char| last.is_ascii_alphabetic()))
}

/// That a board is named twice, by whatever names: nothing is done then, whatever was to be done.
pub(super) fn named_twice(name: &str) -> Usage {
    Usage { message: format!("{name} is named twice"), hint: None }
}

/// Where to serve TFTP: an address with or without a port; without, it is the port that boards ask.
///
/// # Errors
/// A sentence for clap, where it is no address.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 69))).map_err(|_| {
        "an IP address of this host is needed, as 10.0.0.2 or 10.0.0.2:69; 0.0.0.0 stands for all of them"
            .to_owned()
    })
}

/// The group whose users may hand boards over to a server, where this system has it.
pub(super) fn control_group() -> Option<u32> {
    crate::config::group_id(Path::new("/"), "piprov")
}

/// The limits of a TFTP server.
pub(super) fn tftp_limits(settings: &Settings) -> Limits {
    let mut limits = Limits::default();
    limits.policy.max_window = settings.tftp.max_window.value;
    limits.policy.max_blksize = settings.tftp.max_blksize.value;
    limits
}

/// A part that a board fetches at a time.
///
/// # Errors
/// Where no board can take parts of this size.
pub(super) fn check_part_size(part_size: u64) -> Result<(), Usage> {
    if part_size > 0 && part_size.is_multiple_of(512) && part_size <= 1 << 30 {
        return Ok(());
    }
    Err(Usage {
        message: format!("a part of {} can't be flashed", size_exact(part_size)),
        hint: Some("It has whole blocks of 512 bytes, and at most 1 GiB.".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_syntax() {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("1.5", 1_500),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "s", "-1", "1 s", "5min", "nan", "inf", "1e99", "2000000000", "1hh"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
