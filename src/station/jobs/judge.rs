//! What a board's result is worth. The board tells what it has read back; whether that is enough is decided here.

use super::Verdict;
use crate::device_api::{Action, End, Outcome};
use crate::error::Kind;
use crate::run::{Ending, Proof};

/// A board's words in a record: so many characters.
const WORDS: usize = 500;

/// What has to be on the disk, or what the station has of a backup. Each is 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// Its sha256.
    pub sha256: Option<&'a str>,
    /// Its name by its chunks.
    pub chunks: Option<&'a str>,
}

/// How a job ended. What the board tells of what it has read back has to be equal, all of it.
#[must_use]
pub fn judge(action: Action, outcome: &Outcome, expected: Expected<'_>) -> Ending {
    if let Some(why) = &outcome.failed {
        let why: String = why.chars().take(WORDS).collect();
        let why = if why.is_empty() { "the board gives no reason".to_owned() } else { why };
        let why = with_facts(why, outcome);
        return Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Failed };
    }
    if matches!(action, Action::Reboot | Action::PowerOff) {
        return Ending::Done { proof: Proof::Board };
    }
    let (sha256, chunks) = (outcome.read_back_sha256.as_deref(), outcome.read_back_chunks.as_deref());
    let equal = [is_equal(sha256, expected.sha256), is_equal(chunks, expected.chunks)];
    if equal.contains(&Some(false)) {
        Ending::Failed {
            why: "what was read back isn't what was to be there".to_owned(),
            last_seen: None,
            hint: Some("the disk may be worn, or lie about its size".into()),
            kind: Kind::Failed,
        }
    } else if equal.contains(&Some(true)) && outcome.from_memory {
        let why = "what was read back is what was to be there, but it may have come out of the board's memory and not from \
                   the disk, which proves nothing: the board couldn't empty its caches";
        Ending::NotVerified { why: why.to_owned(), hint: None }
    } else if equal.contains(&Some(true)) {
        Ending::Done { proof: Proof::ReadBack }
    } else if sha256.is_some() || chunks.is_some() {
        let why = "the station has nothing to compare with what was read back".to_owned();
        Ending::NotVerified { why, hint: None }
    } else {
        Ending::NotVerified { why: "nothing was read back".to_owned(), hint: None }
    }
}

/// `None` where one of them isn't known.
fn is_equal(read: Option<&str>, expected: Option<&str>) -> Option<bool> {
    let expected = expected.filter(|text| !text.is_empty())?;
    Some(read?.eq_ignore_ascii_case(expected))
}

/// The reason with the disk and the error number, where the board's words don't have them already.
fn with_facts(mut why: String, outcome: &Outcome) -> String {
    if let Some(device) = &outcome.device {
        let device: String = device.chars().take(64).collect();
        if !why.contains(&device) {
            why = format!("{device}: {why}");
        }
    }
    match outcome.errno {
        Some(errno) if !why.contains(&format!("error {errno})")) => format!("{why} (error {errno})"),
        _ => why,
    }
}

/// What an ending means for its job. `simulated`: the board is a program, whose disks are files.
#[must_use]
pub const fn verdict(action: Action, end: End, simulated: bool, ending: &Ending) -> Verdict {
    match (ending, action, end) {
        // Only of a board that starts its own system something is seen afterwards; a simulated one has none.
        (Ending::Done { .. }, Action::Deploy | Action::Backup, End::Reboot) if !simulated => Verdict::Proved,
        (Ending::Done { .. }, _, _) => Verdict::ProvedAndOver,
        (Ending::NotVerified { .. }, _, _) => Verdict::NotVerified,
        (Ending::Failed { .. } | Ending::Lost { .. } | Ending::Unfinished, _, _) => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Stage;

    fn outcome(failed: Option<&str>, read: Option<&str>) -> Outcome {
        Outcome {
            fence: 1,
            stage: Stage::ReadBack,
            failed: failed.map(str::to_owned),
            kind: None,
            device: Some("mmcblk0".to_owned()),
            errno: failed.map(|_| 5),
            read_back_sha256: read.map(str::to_owned),
            read_back_chunks: None,
            from_memory: false,
            written: 0,
            kept: 0,
            fetched: 0,
            before: None,
            after: None,
            eeprom: None,
        }
    }

    #[test]
    fn done_only_where_what_was_read_back_is_equal() {
        let deploy = |outcome: &Outcome, sha256| {
            judge(Action::Deploy, outcome, Expected { sha256, ..Expected::default() })
        };
        assert_eq!(deploy(&outcome(None, Some("AB")), Some("ab")), Ending::Done { proof: Proof::ReadBack });
        assert_eq!(deploy(&outcome(None, Some("ac")), Some("ab")).word(), "failed");
        for (read, expected) in [(None, Some("ab")), (None, None), (Some("ab"), None), (Some(""), Some(""))] {
            assert_eq!(deploy(&outcome(None, read), expected).word(), "not verified", "{read:?}");
        }
        // Out of memory it proves nothing, and what differs there differs.
        let from_memory = |read| Outcome { from_memory: true, ..outcome(None, Some(read)) };
        let unproved = deploy(&from_memory("ab"), Some("ab"));
        assert!(unproved.word() == "not verified" && unproved.why().unwrap().contains("the board's memory"));
        assert_eq!(deploy(&from_memory("ac"), Some("ab")).word(), "failed");
        let failed = deploy(&outcome(Some("read failed"), Some("ab")), Some("ab"));
        assert_eq!(failed.why(), Some("mmcblk0: read failed (error 5)"));
        // What is told twice is told once.
        let told = "/dev/mmcblk0: reading: Input/output error (os error 5)";
        assert_eq!(deploy(&outcome(Some(told), None), None).why(), Some(told));
        assert_eq!(
            judge(Action::Reboot, &outcome(None, None), Expected::default()),
            Ending::Done { proof: Proof::Board }
        );
    }

    #[test]
    fn the_name_by_chunks_proves_as_much_and_one_that_differs_fails_all() {
        let expected = Expected { sha256: Some("ab"), chunks: Some("cd") };
        let word = |sha256: Option<&str>, chunks: Option<&str>, expected| {
            let told = Outcome { read_back_chunks: chunks.map(str::to_owned), ..outcome(None, sha256) };
            judge(Action::Deploy, &told, expected).word()
        };
        assert_eq!(word(None, Some("CD"), expected), "done");
        assert_eq!(word(Some("ab"), Some("cd"), expected), "done");
        assert_eq!(word(None, Some("ab"), expected), "failed");
        assert_eq!(word(Some("ab"), Some("ab"), expected), "failed");
        assert_eq!(word(Some("cd"), Some("cd"), expected), "failed");
        assert_eq!(word(None, Some("cd"), Expected { sha256: Some("ab"), chunks: None }), "not verified");
    }

    #[test]
    fn a_board_that_stays_is_done_at_once() {
        let done = Ending::Done { proof: Proof::ReadBack };
        assert_eq!(verdict(Action::Deploy, End::Reboot, false, &done), Verdict::Proved);
        assert_eq!(verdict(Action::Deploy, End::PowerOff, false, &done), Verdict::ProvedAndOver);
        assert_eq!(verdict(Action::Deploy, End::Reboot, true, &done), Verdict::ProvedAndOver);
        assert_eq!(verdict(Action::Deploy, End::Wait, false, &done), Verdict::ProvedAndOver);
        assert_eq!(verdict(Action::Reboot, End::Reboot, false, &done), Verdict::ProvedAndOver);
        let not = Ending::NotVerified { why: String::new(), hint: None };
        assert_eq!(verdict(Action::Deploy, End::Reboot, false, &not), Verdict::NotVerified);
    }
}
