//! Texts from outside that would write the operator's terminal: packets, names, cells, settings, what a board tells.
//! Each is sent to the real program, once with its output in a pipe and once on a terminal, and the raw bytes of
//! stdout and stderr are judged.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod screen;

use crate::dhcp_support;
use crate::eeprom;

mod files;
mod packets;
mod source;

/// Takes its line back, says done, says done on a line of its own, and more that terminals obey: a window's title,
/// DEL, controls above 0x80, characters that turn the text or hide.
const EVIL: &str = "x\x1b[2K\rdone\ndone\x1b]0;owned\x07\x7f\u{9b}31m\u{85}\u{202e}\u{2028}\u{feff}\u{200b}y";

/// A part of it as people see it, and as it stands in JSON.
const SHOWN: &str = "x\\x1b[2K\\x0ddone\\x0adone\\x1b]0;owned\\x07\\x7f\\u{9b}31m\\u{85}\\u{202e}\\u{2028}\\u{feff}\\u{200b}y";
const IN_JSON: &str =
    "x\\u001b[2K\\rdone\\ndone\\u001b]0;owned\\u0007\\u007f\\u009b31m\\u0085\\u202e\\u2028\\ufeff\\u200by";
