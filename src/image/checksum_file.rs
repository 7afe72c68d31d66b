//! sha256 values as publishers give them: 64 hexadecimal digits, or a file as `sha256sum` writes it.

use std::path::Path;

use super::error::Error;

/// No checksum file is larger than this.
const MOST_BYTES: u64 = 1 << 20;

/// Reads 64 hexadecimal digits, also behind `sha256:`, as forges and registries of packages write them.
#[must_use]
pub fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    const PREFIX: &str = "sha256:";
    let text = text.trim();
    let prefix = text.get(..PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX));
    let digits = text.as_bytes().get(prefix.map_or(0, str::len)..)?;
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut value = [0; 32];
    for (byte, pair) in value.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())?;
    }
    Some(value)
}

/// The digest in one line as `sha256sum` prints it, with whatever name; `None` for several lines.
#[must_use]
pub fn parse_line(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    line(text).filter(|_| !text.contains('\n')).map(|(digest, _)| digest)
}

/// What a checksum file says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The digest.
    pub digest: [u8; 32],
    /// What its line is for, where that is another name than the image's: the image may have been renamed, or the line
    /// belongs to another one.
    pub of: Option<String>,
}

/// Finds an image's digest in a checksum file: the line with its name, or the only line there is.
///
/// # Errors
/// [`Error::Os`]; [`Error::BadRecord`] where there is no digest, [`Error::NoSum`] where several are for other images.
pub fn find_sha256(path: &Path, image_name: &str) -> Result<Found, Error> {
    let file = std::fs::File::open(path).map_err(|error| Error::os(path, "opening", error))?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, MOST_BYTES), &mut text)
        .map_err(|error| Error::os(path, "reading", error))?;
    let lines: Vec<([u8; 32], &str)> = text.lines().filter_map(line).collect();
    let fits = |name: &str| name.rsplit('/').next() == Some(image_name);
    match lines.as_slice() {
        [] => Err(Error::BadRecord { path: path.to_owned(), what: "there is no sha256 in it".into() }),
        // One digest beside one image: people rename downloads. Whether they have, the digest says.
        [(digest, name)] => {
            let of = Some(*name).filter(|name| !name.is_empty() && !fits(name)).map(str::to_owned);
            Ok(Found { digest: *digest, of })
        }
        lines => {
            let own = lines.iter().find(|(_, name)| fits(name));
            own.map(|(digest, _)| Found { digest: *digest, of: None }).ok_or_else(|| Error::NoSum {
                path: path.to_owned(),
                count: lines.len(),
                image: image_name.to_owned(),
            })
        }
    }
}

/// `digest  name`, `digest *name`, `digest`, or `SHA256 (name) = digest`.
fn line(line: &str) -> Option<([u8; 32], &str)> {
    if let Some(rest) = line.strip_prefix("SHA256 (") {
        let (name, digest) = rest.rsplit_once(") = ")?;
        return Some((parse_sha256(digest)?, name));
    }
    let (digest, name) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    Some((parse_sha256(digest)?, name.trim_start().trim_start_matches('*')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain as _;

    fn find(text: &str) -> Result<u8, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("SHA256SUMS");
        std::fs::write(&path, text).unwrap();
        find_sha256(&path, "a.img.xz").map(|found| found.digest[31]).map_err(|error| error.to_string())
    }

    #[test]
    fn an_only_line_says_what_it_is_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("SHA256SUMS");
        let digest = "0".repeat(64);
        for (line, of) in [
            (format!("{digest}  other.img\n"), Some("other.img")),
            (format!("SHA256 (other.img) = {digest}"), Some("other.img")),
            (format!("{digest} *dir/a.img.xz"), None),
            (digest.clone(), None),
        ] {
            std::fs::write(&path, &line).unwrap();
            assert_eq!(find_sha256(&path, "a.img.xz").unwrap().of.as_deref(), of, "{line}");
        }
        std::fs::write(&path, format!("{digest}  b\n{digest}  c\n")).unwrap();
        let error = find_sha256(&path, "a.img.xz").unwrap_err();
        assert!(error.hint().unwrap().names(crate::error::Task::Verify.of("a.img.xz")), "{error}");
    }

    #[test]
    fn the_usual_files_are_read() {
        let hex = |last: &str| format!("{}{last}", "0".repeat(62));
        let (one, two) = (hex("01"), hex("A2"));
        for text in [
            format!("{two}  other.img\n{one}  a.img.xz\n"),
            format!("{two} *other.img\r\n{one} *dir/a.img.xz\r\n"),
            format!("# comment\nSHA256 (other.img) = {two}\nSHA256 (a.img.xz) = {one}\n"),
            format!("{one}\n"),
            format!("{one}  renamed.img.xz"),
        ] {
            assert_eq!(find(&text), Ok(1), "{text}");
        }
        assert!(find(&format!("{two}  x\n{one}  y\n")).unwrap_err().contains("2 sha256 values"));
        assert!(find("no digest\n").unwrap_err().ends_with("there is no sha256 in it"));
        assert!(find(&"0".repeat(63)).is_err());
        assert_eq!(parse_sha256(&two).unwrap()[31], 0xa2);
        assert_eq!(parse_sha256(&format!("SHA256:{two}\n")).unwrap()[31], 0xa2);
        assert_eq!(parse_line(&format!("{two}  os.img\n")).unwrap()[31], 0xa2);
        assert_eq!(parse_line(&format!("SHA256 (os.img) = {two}")).unwrap()[31], 0xa2);
        for bad in [
            "",
            "sha256:",
            "sha256",
            "ä256:00",
            &format!("sha512:{two}"),
            &format!("{two}{two}"),
            &format!("{two}  a\n{two}  b"),
        ] {
            assert!(parse_sha256(bad).is_none() && parse_line(bad).is_none(), "{bad}");
        }
    }
}
