//! Boards whose cards hold a secret.

use super::*;

pub(super) fn guarded() -> Job {
    Job::new(0x1a2b).guarded(Secret::from_key([5, 6]), MAC, [7, 8])
}

/// What a board that knows the secret asks instead of these paths. `board` keeps its number and the order's.
pub(super) fn signed(secret: &Secret, nonce: u64, order: u32, path: &str) -> String {
    let read = paths::read(path).unwrap();
    let (step, said) = match read.asked {
        Asked::Job(start, size) => (0, Said::Job(start, size)),
        Asked::Read(n, sum) => (n, Said::Read(sum)),
        Asked::Fail(n, stage) => (n, Said::Fail(stage)),
        Asked::Ok => (0, Said::Ok),
        Asked::File(_) | Asked::Original(_) => panic!("{path}"),
    };
    format!("{path}/{:x}", crate::uboot::proof::tag(secret, nonce, MAC, order, step, said))
}

pub(super) fn value(answer: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(answer).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}

/// Runs a board whose card has this secret. `heard` gets every path that it sends.
pub(super) fn run_signed(
    board: &mut Board,
    secret: &Secret,
    job: &mut Job,
    sample: &Sample,
    news: &mut Vec<News>,
    heard: &mut Vec<String>,
) -> bool {
    let (mut nonce, mut order, mut step) = (0, 0, 0);
    board.run_with(&mut |board, path| {
        let mut answer = if path.starts_with("job/") {
            let challenge = board.get(job, sample, news, path)?;
            heard.push(path.to_owned());
            nonce = u64::from_str_radix(&value(&challenge, "pp_nonce=")?, 16).unwrap();
            order = 0;
            let path = signed(secret, nonce, order, path);
            heard.push(path.clone());
            board.get(job, sample, news, &path)
        } else {
            let path = if path.split('/').count() == 2 && !path.ends_with("OK") {
                let tag = crate::uboot::proof::tag(secret, nonce, MAC, order, step, Said::Fetch);
                format!("{path}/{tag:x}")
            } else {
                signed(secret, nonce, order, path)
            };
            heard.push(path.clone());
            board.get(job, sample, news, &path)
        };
        if let Some(text) = answer.as_mut().filter(|text| text.starts_with(b"pp_")) {
            order = u32::from_str_radix(&value(text, "pp_seq=").unwrap(), 16).unwrap();
            step = value(text, "pp_n=").map_or(0, |n| u32::from_str_radix(&n, 16).unwrap());
        }
        answer
    })
}

#[test]
fn a_board_that_knows_the_secret_is_flashed() {
    let sample = Sample::new(700);
    let (mut job, mut news) = (guarded(), Vec::new());
    let mut board = Board::new(Faults { flips: 1, cuts: 1, ..good(true) });
    assert!(run_signed(&mut board, &Secret::from_key([5, 6]), &mut job, &sample, &mut news, &mut Vec::new()));
    assert!(job.proved() && job.over());
    check_card(&board, &sample, &job);
    assert!(!news.iter().any(|news| matches!(news, News::Refused(_))), "{news:?}");
}

#[test]
fn a_host_that_does_not_know_the_secret_gets_nothing() {
    let sample = Sample::new(0);
    let (mut job, mut news) = (guarded(), Vec::new());
    let wrong = Secret::from_key([5, 7]);
    assert!(!run_signed(&mut Board::new(good(true)), &wrong, &mut job, &sample, &mut news, &mut Vec::new()));
    assert!(!Board::new(good(true)).run(&mut job, &sample, &mut news), "without any proof");
    for path in [
        "00001a2b/table_boot",
        "00001a2b/OK",
        "00001a2b/read/0/0",
        "00001a2b/fail/0/size",
        "rpi_image_part_0",
    ] {
        for tag in ["", "/0", "/ffffffffffffffff"] {
            let answer = job.ask(&format!("{path}{tag}"), &sample, &mut news);
            assert!(matches!(answer, Answer::NotFound(_)), "{path}{tag}");
            assert!(!job.understood());
        }
    }
    assert!(news.iter().all(|news| matches!(news, News::Refused(_))), "{news:?}");
    assert!(!job.over() && job.card().is_none());
}

#[test]
fn what_was_heard_once_is_of_no_use_again() {
    let sample = Sample::new(0);
    let (mut job, mut news, mut heard) = (guarded(), Vec::new(), Vec::new());
    let secret = Secret::from_key([5, 6]);
    // In the middle of the job, and afterwards: everything that was said so far is said again by somebody else.
    let mut board = Board::new(Faults { flips: 1, ..good(true) });
    assert!(run_signed(&mut board, &secret, &mut job, &sample, &mut news, &mut heard));
    let mut later = Job::new(0x1a2b).guarded(secret.clone(), MAC, [7, 9]);
    let mut news = Vec::new();
    for path in &heard {
        later.ask(path, &sample, &mut news);
        assert!(!later.understood(), "{path}");
    }
    assert!(later.card().is_none() && !later.over());
    assert!(news.iter().all(|news| matches!(news, News::Refused(Refused::Unproved))), "{news:?}");

    let mut same = guarded();
    let mut news = Vec::new();
    for (n, path) in heard.iter().enumerate() {
        while same.ask(path, &sample, &mut news) == Answer::Later {}
        let (done, told) = (same.steps_done(), news.len());
        for old in &heard[..n] {
            if old.split('/').count() != 3 || old.starts_with("job/") {
                same.ask(old, &sample, &mut news);
                assert!(!same.understood() || old == path, "{old} after {path}");
                assert_eq!(same.steps_done(), done);
            }
        }
        assert!(news[told..].iter().all(|news| matches!(news, News::Refused(_))), "{news:?}");
    }
    assert!(same.proved());
}
