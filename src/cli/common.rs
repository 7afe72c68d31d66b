//! What several subcommands do in the same way.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::report::Usage;
use super::ui::Style;
use crate::cli::{Global, ui::Ui};
use crate::config::Settings;
use crate::error::Severity;
use crate::format::{LONGEST_TIME, parse_time, size_exact};
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

/// A time on the command line, as [`parse_time`] takes it. All commands and all settings take it so.
///
/// # Errors
/// A sentence for clap, where it is no such time.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    parse_time(text)
        .ok_or_else(|| format!("a time of at most {LONGEST_TIME} s is needed, such as 90, 1.5s, 5m or 1h30m"))
}

/// A time that something may take: as [`seconds`] takes it, but not 0, in which nothing is done.
///
/// # Errors
/// A sentence for clap, where it is no such time.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("a time above 0 is needed, such as 90, 1.5s, 5m or 1h30m".to_owned()),
        time => Ok(time),
    }
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
            ("1h30m", 5_400_000),
            ("1d2h3m4.5s6ms", 93_784_506),
        ] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        let bad = [
            "",
            "s",
            "-1",
            "-5m",
            "1 s",
            "5min",
            "nan",
            "inf",
            "infs",
            "1e99",
            "2000000000",
            "1hh",
            "30m1h",
            "1m1m",
            "1h30",
            "1h-30m",
            "1h 30m",
            "h30m",
        ];
        for bad in bad {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        for none in ["0", "0s", "0h0m", "0.0", "1e-20"] {
            assert_eq!(seconds(none), Ok(Duration::ZERO), "{none}");
            assert!(time_limit(none).is_err(), "{none}");
        }
        assert_eq!(time_limit("0.001"), Ok(Duration::from_millis(1)));
    }
}
