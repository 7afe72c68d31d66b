//! Where a station keeps the bytes of its images.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::form::{Form, Written};
use super::value::Raw;

/// Most characters of a prefix: keys have 1024 bytes at most, and names stand behind it.
const LONGEST_PREFIX: usize = 200;

/// Where the chunks and indexes of images are kept.
///
/// As text: `directory`, or `s3://BUCKET` with `/PREFIX` behind it where the bucket isn't the station's alone. Each place
/// has one text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(into = "String")]
pub enum ObjectPlace {
    /// In `objects` below the station's state.
    Directory,
    /// In a bucket that is spoken to by the protocol of Amazon S3.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// What stands in front of the names of objects, without `/` at its ends; may be empty.
        prefix: String,
    },
}

impl ObjectPlace {
    /// Whether it is on another host, or may be.
    #[must_use]
    pub const fn is_far(&self) -> bool {
        matches!(self, Self::S3 { .. })
    }
}

impl From<ObjectPlace> for String {
    fn from(place: ObjectPlace) -> Self {
        place.to_string()
    }
}

impl fmt::Display for ObjectPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => out.pad("directory"),
            Self::S3 { bucket, prefix } if prefix.is_empty() => out.pad(&format!("s3://{bucket}")),
            Self::S3 { bucket, prefix } => out.pad(&format!("s3://{bucket}/{prefix}")),
        }
    }
}

impl FromStr for ObjectPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "directory" {
            return Ok(Self::Directory);
        }
        let rest = text.strip_prefix("s3://").ok_or("it is `directory`, or begins with s3://")?;
        let (bucket, prefix) =
            rest.split_once('/').map_or((rest, None), |(bucket, rest)| (bucket, Some(rest)));
        if !is_bucket(bucket) {
            return Err(
                "a bucket's name has 3 to 63 of a-z, 0-9, hyphens and dots, with a letter or digit at its ends",
            );
        }
        let prefix = prefix.unwrap_or_default();
        if rest.len() > bucket.len() && !is_prefix(prefix) {
            return Err(
                "behind the bucket stand words of letters, digits, hyphens, underscores and dots, with one / between them",
            );
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// The rules of Amazon S3, which others have too: no IP address, no two dots.
fn is_bucket(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| letter(*byte) || matches!(byte, b'-' | b'.'))
        && bytes.first().is_some_and(|byte| letter(*byte))
        && bytes.last().is_some_and(|byte| letter(*byte))
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

fn is_prefix(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_word = |word: &str| !word.bytes().all(|byte| byte == b'.') && word.bytes().all(plain);
    prefix.len() <= LONGEST_PREFIX && prefix.split('/').all(is_word)
}

/// An [`ObjectPlace`].
pub(super) struct ObjectPlaceForm;

impl Form for ObjectPlaceForm {
    type Value = ObjectPlace;

    fn wanted(&self) -> String {
        "`directory`, or s3://BUCKET or s3://BUCKET/PREFIX, without a key".to_owned()
    }

    fn read(&self, raw: &Raw, _: &Path) -> Result<ObjectPlace, String> {
        // What isn't taken may have a key in it, and stands in no log.
        let wrong = |why: &str| format!("{} is wanted: {why}", self.wanted());
        let text = raw.text().ok_or_else(|| raw.not(&self.wanted()))?;
        text.parse().map_err(wrong)
    }

    fn write(&self, place: &ObjectPlace) -> Written {
        Written::One(place.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_has_one_text() {
        for text in ["directory", "s3://abc", "s3://a.b-c1/x", "s3://abc/lab_1/images.v2", "s3://abc/..a"] {
            assert_eq!(text.parse::<ObjectPlace>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Directory",
            "/srv/objects",
            "s3:",
            "s3://",
            "s3://ab",
            "s3://ABC",
            "s3://a..b",
            "s3://-abc",
            "s3://abc-",
            "s3://10.0.0.1",
            "s3://abc/",
            "s3://abc/x/",
            "s3://abc//x",
            "s3://abc/./x",
            "s3://abc/..",
            "s3://abc/a b",
            "s3://abc/ä",
            "s3://abc?x",
            "s3://abc/x?versionId=1",
            "s3://key:secret@abc",
            "s3://abc/x#y",
            "S3://abc",
            "https://abc",
            " s3://abc",
        ] {
            assert!(text.parse::<ObjectPlace>().is_err(), "{text}");
        }
        assert!(format!("s3://abc/{}", "x".repeat(200)).parse::<ObjectPlace>().is_ok());
        assert!(format!("s3://abc/{}", "x".repeat(201)).parse::<ObjectPlace>().is_err());
    }

    #[test]
    fn what_is_no_place_is_not_repeated() {
        let why = ObjectPlaceForm.read(&Raw::Text("s3://id:geheim@abc".into()), Path::new("/")).unwrap_err();
        assert!(!why.contains("geheim") && why.contains("s3://BUCKET"), "{why}");
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "(s3://)?[a-z0-9./-]{0,40}") {
            if let Ok(place) = text.parse::<ObjectPlace>() {
                prop_assert_eq!(place.to_string(), text);
            }
        }
    }
}
