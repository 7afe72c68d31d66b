//! The paths that boards ask by, read. What isn't understood here has no effect on a job, and doesn't count as heard.

use super::BoardStage;
use crate::uboot::answer_text::hex;

/// What a path asks or tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// Is there a job? Block and length of U-Boot's partition.
    Job(u32, u32),
    /// The bytes of a step.
    File(&'a str),
    /// What was read back of a step.
    Read(u32, u32),
    /// A step failed.
    Fail(u32, BoardStage),
    /// All is done.
    Ok,
    /// A part, as a card of the original's kind asks for it.
    Original(u64),
}

/// A path in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path<'a> {
    pub(super) asked: Asked<'a>,
    /// The job that it belongs to; `None` where it doesn't belong to one yet.
    pub(super) job: Option<&'a str>,
    /// The proof at its end.
    pub(super) tag: Option<u64>,
}

/// Reads a path below a board's directory.
pub(super) fn read(path: &str) -> Option<Path<'_>> {
    if let Some(number) = path.strip_prefix("rpi_image_part_") {
        let digits = (1..=20).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let asked = Asked::Original(number.parse().ok().filter(|_| digits)?);
        return Some(Path { asked, job: None, tag: None });
    }
    let words: Vec<&str> = path.splitn(6, '/').collect();
    let (job, rest) = words.split_first()?;
    let (asked, tag) = match *rest {
        [place, ref tag @ ..] if *job == "job" => {
            let (start, size) = place.split_once('-')?;
            (Asked::Job(hex(start)?, hex(size)?), tag)
        }
        ["OK", ref tag @ ..] => (Asked::Ok, tag),
        ["read", n, sum, ref tag @ ..] => (Asked::Read(hex(n)?, hex(sum)?), tag),
        ["fail", n, stage, ref tag @ ..] => (Asked::Fail(hex(n)?, BoardStage::from_word(stage)?), tag),
        ["read" | "fail", ..] => return None,
        [file, ref tag @ ..] if !file.is_empty() => (Asked::File(file), tag),
        _ => return None,
    };
    let tag = match *tag {
        [] => None,
        [tag] => Some(tag_of(tag)?),
        _ => return None,
    };
    Some(Path { asked, job: (*job != "job").then_some(job), tag })
}

/// A tag as `setexpr` writes it: up to 16 hexadecimal digits.
fn tag_of(text: &str) -> Option<u64> {
    let ok = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ok.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// The number of an earlier job, where the path begins with one: eight hexadecimal digits.
pub(super) fn earlier(path: &str) -> Option<u32> {
    let head = path.split('/').next()?;
    hex(head).filter(|_| head.len() == 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_with_their_proof_or_without() {
        for (path, asked) in [
            ("job/2000-14000", Asked::Job(0x2000, 0x14000)),
            ("00001a2b/OK", Asked::Ok),
            ("00001a2b/read/f/abc", Asked::Read(15, 0xabc)),
            ("00001a2b/fail/0/read-back", Asked::Fail(0, BoardStage::ReadBack)),
            ("00001a2b/table_boot", Asked::File("table_boot")),
        ] {
            let plain = read(path).unwrap();
            assert_eq!((plain.asked, plain.tag), (asked, None), "{path}");
            assert_eq!(plain.job, (!path.starts_with("job")).then_some("00001a2b"));
            let tagged = format!("{path}/ffffffffffffffff");
            assert_eq!(read(&tagged).unwrap(), Path { tag: Some(u64::MAX), ..plain });
            for odd in ["/", "/x", "/10000000000000000", "/1/2", "/ 1"] {
                assert_eq!(read(&format!("{path}{odd}")), None, "{path}{odd}");
            }
        }
        assert_eq!(read("rpi_image_part_7").unwrap().asked, Asked::Original(7));
        for odd in [
            "",
            "/",
            "job",
            "job/",
            "job/1",
            "job/1-",
            "job/1-123456789",
            "a/read/1",
            "a/fail/1/x",
            "rpi_image_part_",
            "rpi_image_part_+1",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(
            (earlier("deadbeef/OK"), earlier("deadbee/OK"), earlier("x")),
            (Some(0xdead_beef), None, None)
        );
    }
}
