//! `config.txt` with all that it includes, as far as the firmware's way of reading it is known: for code that must know
//! what a directory of boot files says before a board reads it.
//!
//! A setting is `name=value`, or a word and the rest of its line (`initramfs NAME`, `include FILE`). Blanks around both
//! and what stands behind a `#` are passed over; names count in any letter case. Firmware is less patient in places. A
//! reader that looks for what must not be there sees too much this way, never too little.
//!
//! `include FILE` puts a file's lines in its place, so a filter that it sets goes on behind it. Source: Raspberry Pi's
//! documentation, "Conditional filters" and "include".

use std::io;

use super::lines::Scope;
use crate::error::{Explain, Kind, Remedy};
use crate::format::size_exact;

/// How long one file may be, in bytes. What opens a file for [`ConfigFiles::read`] need not give more.
pub const LONGEST: u64 = 1 << 20;
/// How many files may be read for one config.txt, each time that one is included counted.
pub const MOST_FILES: usize = 32;
/// How deep files may include each other.
pub const DEEPEST: usize = 8;

/// Firmware reads so many characters of a line, with the word `include` and the blank behind it (Raspberry Pi's
/// documentation, "config.txt": 98 characters).
const SHORTEST_LINE: usize = 98 - "include ".len();

/// A config.txt and what it includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFiles {
    settings: Vec<Setting>,
    missing: Vec<Missing>,
}

/// A setting that stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as it is written.
    pub name: String,
    /// Its value, without blanks around it; empty where there is none.
    pub value: String,
    /// For which boards it counts.
    pub scope: Scope,
    /// Where it stands.
    pub place: Place,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it is named where it is included.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.file.escape_debug(), self.line)
    }
}

/// A file that is included and isn't there. Firmware passes over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub file: String,
    /// Where it is included.
    pub place: Place,
}

/// Why a config.txt can't be read whole, so that what is in it can't be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadConfig {
    /// A file can't be read, or may not be: it lies outside, say.
    #[error("reading {}", file.escape_debug())]
    Read {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A file is too long.
    #[error("{} has more than {}", file.escape_debug(), size_exact(LONGEST))]
    TooLong {
        /// The file.
        file: String,
    },
    /// Files include each other too deep, or each other in a ring.
    #[error("{place} includes files more than {DEEPEST} deep")]
    TooDeep {
        /// The last `include` that was looked at.
        place: Place,
    },
    /// Too many are included.
    #[error("{place} includes more than {MOST_FILES} files")]
    TooMany {
        /// The first `include` that is one too many.
        place: Place,
    },
}

impl Explain for BadConfig {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Kind::Permission,
            Self::Read { source, .. } if source.kind() != io::ErrorKind::InvalidInput => Kind::Io,
            _ => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Read { .. } => None,
            Self::TooDeep { .. } => Some("a file may include itself, by others; take that line out.".into()),
            _ => Some("a config.txt has some hundred lines; shorten it.".into()),
        }
    }
}

impl ConfigFiles {
    /// Reads a file, `config.txt` say, and what it includes. `open` gives a file's bytes by the name that stands behind
    /// `include`, and `None` where there is no such file; it has to keep inside the directory, and need not read more
    /// than one byte beyond [`LONGEST`].
    ///
    /// # Errors
    /// [`BadConfig`]. A file that isn't there is no error: see [`Self::missing`].
    pub fn read(
        file: &str,
        mut open: impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    ) -> Result<Self, BadConfig> {
        let mut reader = Reader { open: &mut open, files: 0, scope: Scope::Always, found: Self::default() };
        if let Some(bytes) = reader.open(file)? {
            reader.file(file, &bytes, 1)?;
        }
        Ok(reader.found)
    }

    /// All settings in the order in which they are read, those below filters and `[none]` too.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// What a setting is for all boards: the last one that stands below no filter.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let named =
            |setting: &&Setting| setting.name.eq_ignore_ascii_case(name) && setting.scope == Scope::Always;
        self.settings.iter().rfind(named).map(|setting| setting.value.as_str())
    }

    /// Each place whose value counts on some board: the last one for all boards, and those below filters that come
    /// after it.
    pub fn possible<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Setting> {
        let mut for_all = false;
        let named = self.settings.iter().rev().filter(|setting| setting.name.eq_ignore_ascii_case(name));
        named.filter(move |setting| {
            let counts = !for_all && setting.scope != Scope::Never;
            for_all |= setting.scope == Scope::Always;
            counts
        })
    }

    /// Files that are included and aren't there.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }
}

/// Goes through the files.
struct Reader<'a> {
    open: &'a mut dyn FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    files: usize,
    scope: Scope,
    found: ConfigFiles,
}

impl Reader<'_> {
    fn open(&mut self, file: &str) -> Result<Option<Vec<u8>>, BadConfig> {
        self.files += 1;
        match (self.open)(file) {
            Ok(Some(bytes)) if bytes.len() as u64 > LONGEST => {
                Err(BadConfig::TooLong { file: file.to_owned() })
            }
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(BadConfig::TooLong { file: file.to_owned() })
            }
            Err(source) => Err(BadConfig::Read { file: file.to_owned(), source }),
        }
    }

    fn file(&mut self, file: &str, bytes: &[u8], depth: usize) -> Result<(), BadConfig> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut line = 0;
        // A zero byte ends a line too: what stands behind it may be read or not.
        for raw in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            let text = String::from_utf8_lossy(raw);
            let text = text.trim_matches(|char: char| char.is_ascii_whitespace() || char == '\0');
            let place = Place { file: file.to_owned(), line: line + 1 };
            line += usize::from(raw.ends_with(b"\n"));
            let mut text = text;
            // What stands behind a filter on its line may be read or not.
            while let Some(scope) = Scope::of_filter(text, None) {
                self.scope = scope;
                text = text
                    .split_once(']')
                    .map_or_else(|| text.trim_start_matches('['), |(_, rest)| rest)
                    .trim();
            }
            let Some((name, value)) = setting(text) else { continue };
            if name.eq_ignore_ascii_case("include") {
                self.include(value, place, depth)?;
                continue;
            }
            let mut put = |name: &str| {
                let (name, value) = (name.to_owned(), value.to_owned());
                let (scope, place) = (self.scope.clone(), place.clone());
                self.found.settings.push(Setting { name, value, scope, place });
            };
            put(name);
            // Whether firmware passes over what no name can have is not known.
            let tail = name.rsplit(|char: char| !char.is_ascii_alphanumeric() && char != '_').next();
            if let Some(tail) = tail.filter(|tail| !tail.is_empty() && *tail != name) {
                put(tail);
            }
        }
        Ok(())
    }

    fn include(&mut self, value: &str, place: Place, depth: usize) -> Result<(), BadConfig> {
        // How firmware takes quotes, more words, and a line that is too long for it is not known: all that it may mean
        // is read.
        let word = value.split_whitespace().next().unwrap_or_default();
        let mut names = vec![value, word, value.trim_matches(['"', '\'']), word.trim_matches(['"', '\''])];
        names.extend((value.len() > SHORTEST_LINE).then(|| value.get(..SHORTEST_LINE)).flatten());
        let mut tried: Vec<&str> = Vec::new();
        let mut any = false;
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            if tried.contains(&name) {
                continue;
            }
            tried.push(name);
            if depth >= DEEPEST {
                return Err(BadConfig::TooDeep { place });
            }
            if self.files >= MOST_FILES {
                return Err(BadConfig::TooMany { place });
            }
            if let Some(bytes) = self.open(name)? {
                any = true;
                self.file(name, &bytes, depth + 1)?;
            }
        }
        if !any {
            self.found.missing.push(Missing { file: value.to_owned(), place });
        }
        Ok(())
    }
}

/// Name and value of a line that has some.
fn setting(line: &str) -> Option<(&str, &str)> {
    let text = line.split('#').next()?.trim();
    let (name, value) = match text.split_once('=') {
        // `include a=b`: the word decides, not the sign in its file's name.
        Some((name, _)) if name.trim_end().contains(char::is_whitespace) => {
            text.split_once(char::is_whitespace)?
        }
        Some(pair) => pair,
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name, value.trim()))
}

#[cfg(test)]
mod tests;
