//! What the old utility OS tells of a board's bootloader: the words of `vcgencmd bootloader_version`, or two texts that stand in
//! the chip. Pure.

use crate::format::is_hidden;

/// A bootloader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Its version, at most 64 characters.
    pub(super) version: Option<String>,
    /// When it was built, in seconds since 1970.
    pub(super) built: Option<u64>,
}

impl Version {
    /// Reads it; what isn't there is `None`.
    pub(super) fn read(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines().take(100) {
            let line = line.trim();
            let after = |words: [&str; 2]| words.into_iter().find_map(|word| line.strip_prefix(word));
            if let Some(version) = after(["VERSION:", "version "]) {
                let version = version.split_whitespace().next().unwrap_or_default();
                let version: String = version.chars().filter(|char| !is_hidden(*char)).take(64).collect();
                found.version = found.version.or(Some(version).filter(|version| !version.is_empty()));
            }
            if let Some(built) = after(["BUILD_TIMESTAMP=", "timestamp "]) {
                let built =
                    built.trim().parse().ok().filter(|built| (1..=u64::from(u32::MAX)).contains(built));
                found.built = found.built.or(built);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else_is_taken_for_one() {
        let version = |version: &str, built| Version { version: Some(version.into()), built: Some(built) };
        let vcgencmd = "2023/01/11 17:40:52\nversion 8ba17717fbcedd4c3b6d4bce7e50c7af4155cba9 (release)\n\
            timestamp 1673458852\nupdate-time 0\ncapabilities 0x0000007f\n";
        let want = version("8ba17717fbcedd4c3b6d4bce7e50c7af4155cba9", 1_673_458_852);
        assert_eq!(Version::read(vcgencmd), want);
        let chip = "VERSION:8ba17717\nBUILD_TIMESTAMP=1673458852\n";
        assert_eq!(Version::read(chip), version("8ba17717", 1_673_458_852));
        for nothing in ["", "VERSION:\nBUILD_TIMESTAMP=x", "timestamp -1\n", "timestamp 99999999999"] {
            assert_eq!(Version::read(nothing), Version::default(), "{nothing}");
        }
        let odd = Version::read(&format!("version \u{1b}[2J{}", "x".repeat(200))).version.unwrap();
        assert!(odd.chars().count() == 64 && !odd.contains('\u{1b}'), "{odd}");
    }
}
