//! Lines that burn fuses, wherever in an image they stand: without its file system.

use std::io;

use crate::image::read_at::ReadAt;

const BUFFER: usize = 1 << 20;
/// A line is seen whole where it is not longer than this.
const LINE: usize = 256;
/// How many are told.
const MOST: usize = 32;

/// Names of settings that burn fuses, at the beginning of a line and with a value that isn't 0, and their places.
pub(super) fn fuses(image: &dyn ReadAt) -> io::Result<Vec<(String, u64)>> {
    let mut found: Vec<(String, u64)> = Vec::new();
    let mut buffer = vec![0; BUFFER + LINE];
    let mut at = 0;
    loop {
        let mut len = 0;
        while len < buffer.len() {
            match image.read_at(&mut buffer[len..], at + len as u64)? {
                0 => break,
                count => len += count,
            }
        }
        let bytes = &buffer[..len];
        for start in 0..len.min(BUFFER) {
            let begins = start == 0 || matches!(bytes[start - 1], b'\n' | b'\r' | 0 | b']');
            if begins && let Some(name) = fuse(&bytes[start..len.min(start + LINE)]) {
                found.push((name, at + start as u64));
                if found.len() >= MOST {
                    return Ok(found);
                }
            }
        }
        if len < buffer.len() {
            return Ok(found);
        }
        at += BUFFER as u64;
    }
}

/// The name of a setting that a line begins with, where it burns a fuse.
fn fuse(line: &[u8]) -> Option<String> {
    let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = &line[blanks..];
    // Most bytes end here.
    if !matches!(line.first()?, b'p' | b'P' | b'r' | b'R') {
        return None;
    }
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
    let name = std::str::from_utf8(&line[..end]).ok()?.to_ascii_lowercase();
    if !super::super::burns(&name) {
        return None;
    }
    let value = line[end..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let value = value.split(|byte| byte.is_ascii_whitespace() || matches!(byte, 0 | b'#')).next()?;
    (value.first()?.is_ascii_alphanumeric() && value != b"0").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u8]) -> Vec<(String, u64)> {
        fuses(&bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_line_is_found_wherever_it_stands() {
        for line in
            ["program_pubkey=1", " Program_PubKey = 1 # x", "revoke_devkey=1\n", "program_new_one=0x3"]
        {
            for before in ["", "\n", "x=1\r\n", "\0", "[all]"] {
                assert_eq!(names(format!("{before}{line}\n").as_bytes()).len(), 1, "{before:?} {line}");
            }
        }
        let mut long = vec![b'x'; BUFFER - 3];
        long.extend(b"\nprogram_jtag_lock=1\n");
        long.resize(3 * BUFFER, b'y');
        assert_eq!(names(&long), [("program_jtag_lock".to_owned(), BUFFER as u64 - 2)]);
    }

    #[test]
    fn other_bytes_are_none() {
        for line in [
            "program_pubkey=0",
            "#program_pubkey=1",
            "xprogram_pubkey=1",
            "program_=1",
            "program_x",
            "pro",
            "",
        ] {
            assert_eq!(names(line.as_bytes()), [], "{line}");
        }
    }
}
