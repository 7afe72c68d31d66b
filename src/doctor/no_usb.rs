//! What a program without USB boot says about it.

use super::Host;
use crate::config::Settings;
use crate::error::Finding;

/// That there is no USB boot in this program.
pub(super) fn look(_: &Host, _: &Settings) -> Vec<Finding> {
    let remedy = "use a build with the feature `usb` for boards that boot over USB";
    vec![Finding::warning("usb", "this program was built without USB boot", remedy)]
}
