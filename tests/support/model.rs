//! A model of a board that does what `firmware/uboot/boot.cmd` does, by way of curl, and some of what goes wrong.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::served::Server;

/// What it does wrong, each in the step of this number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// What is read back is another byte than what was written.
    pub(crate) flips: Option<u64>,
    /// Writing fails.
    pub(crate) fails: Option<u64>,
    /// It loses its power after it has written.
    pub(crate) dies: Option<u64>,
    /// It stores checksums with the least significant byte first.
    pub(crate) little_endian: bool,
}

/// How a start of it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// There was no job.
    NoJob,
    /// It was told that it is done, and has said so.
    Done,
    /// It was told to stop, or nothing.
    Stopped,
    /// It has lost its power.
    Dead,
}

/// Starts the board once. `card` is its card.
pub(crate) fn start(server: &Server, mac: &str, card: &Path, faults: Faults) -> End {
    let card = File::options().read(true).write(true).open(card).unwrap();
    let ask = |path: &str| -> BTreeMap<String, String> {
        let text = String::from_utf8(server.get(&format!("{mac}/{path}")).unwrap_or_default()).unwrap();
        text.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect()
    };
    let mut order = ask("job/2000-14000");
    if order.is_empty() {
        return End::NoJob;
    }
    while order.get("pp_do").is_some_and(|what| what == "write") {
        let number = |name: &str| u64::from_str_radix(&order[name], 16).unwrap();
        let (job, n, step) = (&order["pp_job"], &order["pp_n"], Some(number("pp_n")));
        let (at, len) = (number("pp_blk") * 512, number("pp_len") as usize);
        let said = match server.get(&format!("{mac}/{job}/{}", order["pp_file"])) {
            Some(bytes) if bytes.len() == len => {
                if faults.fails == step {
                    format!("fail/{n}/write")
                } else {
                    card.write_all_at(&bytes, at).unwrap();
                    if faults.dies == step {
                        return End::Dead;
                    }
                    let mut back = vec![0; len];
                    card.read_exact_at(&mut back, at).unwrap();
                    back[0] ^= u8::from(faults.flips == step);
                    let sum = crc32fast::hash(&back);
                    let sum = if faults.little_endian { sum } else { sum.swap_bytes() };
                    format!("read/{n}/{sum:x}")
                }
            }
            _ => format!("fail/{n}/fetch"),
        };
        let mut next = ask(&format!("{job}/{said}"));
        if next.is_empty() && said.starts_with("read") {
            next = ask(&format!("{job}/fail/{n}/sum"));
        }
        order = next;
    }
    if order.get("pp_do").is_some_and(|what| what == "done") {
        ask(&format!("{}/OK", order["pp_job"]));
        return End::Done;
    }
    End::Stopped
}
