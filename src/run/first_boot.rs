//! What records keep of first-boot settings.

use serde::{Deserialize, Serialize};

/// First-boot settings that were written into an image: never their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstBoot {
    /// Their format, as the command line names it.
    pub format: String,
    /// The boot partition's number.
    pub partition: u32,
    /// The files on it.
    pub files: Vec<String>,
    /// What was set.
    pub keys: Vec<String>,
}
