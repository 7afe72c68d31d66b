//! Step by step, with literal messages.

use super::*;
use crate::usb::lookup::Origin;
use crate::usb::message::{BadName, Request};
use proptest::prelude::*;

/// A file with these bytes.
fn found(bytes: &[u8]) -> Found {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Found { file: Arc::new(file), offset: 0, len: bytes.len() as u32, origin: Origin::Base, path: "x".into() }
}

fn files(name: &str) -> Result<Option<Found>, BadName> {
    Ok(match name {
        "config.txt" => Some(found(b"a=1")),
        "empty" => Some(found(b"")),
        "link" => return Err(BadName::LeadsOut),
        _ => None,
    })
}

/// A session, its next steps as texts, and what it told.
struct Talk<S> {
    session: S,
    told: Vec<String>,
}

impl<S: Session<End: std::fmt::Debug>> Talk<S> {
    fn new(session: S) -> Self {
        Self { session, told: Vec::new() }
    }

    fn next(&mut self, reply: Reply<'_>) -> String {
        let told = &mut self.told;
        match self.session.next(reply, &mut |what| told.push(serde_json::to_string(&what).unwrap())) {
            Step::Announce(len) => format!("announce {len}"),
            Step::Write(Content::Bytes(bytes)) => format!("write {bytes:?}"),
            Step::Write(Content::File { name, found }) => format!("send {name} {}", found.len),
            Step::Read(len) => format!("read {len}"),
            Step::End(end) => format!("end {end:?}"),
        }
    }

    fn asks(&mut self, command: u32, name: &str) -> String {
        self.next(Reply::Bytes(&Request::message(command, name.as_bytes())))
    }

    fn fails(&mut self, fault: Fault) -> String {
        self.next(Reply::Failed(Failure::Fault { fault, sent: 1 }))
    }
}

fn server() -> Talk<FileServer<impl Files>> {
    let mut talk = Talk::new(FileServer::new(files));
    assert_eq!(talk.next(Reply::Start), "read 260");
    talk
}

fn upload() -> Talk<FirstStage> {
    Talk::new(FirstStage::new("bootcode.bin", found(&[7; 1000]), &[9; 20]))
}

#[test]
fn a_bootcode_is_announced_sent_and_acknowledged() {
    let mut talk = upload();
    let message: Vec<u8> = [232, 3, 0, 0].into_iter().chain([9; 20]).collect();
    assert_eq!(talk.next(Reply::Start), format!("write {message:?}"));
    assert_eq!(talk.next(Reply::Done), "send bootcode.bin 1000");
    assert_eq!(talk.next(Reply::Done), "read 4");
    assert_eq!(talk.next(Reply::Bytes(&[0; 4])), "end Sent(Some(0))");
    assert_eq!(talk.told, [r#"{"event":"uploading","name":"bootcode.bin","bytes":1000}"#]);
}

#[test]
fn no_answer_to_the_bootcode_is_no_failure() {
    for fault in [Fault::Gone, Fault::Wire, Fault::Timeout, Fault::Stall] {
        let mut talk = upload();
        for reply in [Reply::Start, Reply::Done, Reply::Done] {
            talk.next(reply);
        }
        assert_eq!(talk.fails(fault), "end Sent(None)");
    }
    let mut talk = upload();
    for reply in [Reply::Start, Reply::Done, Reply::Done] {
        talk.next(reply);
    }
    assert_eq!(talk.next(Reply::Bytes(&[1, 2])), "end Sent(None)", "a short answer is no answer");
}

#[test]
fn a_bootcode_that_cannot_be_sent_is_a_failure() {
    let mut talk = upload();
    talk.next(Reply::Start);
    assert_eq!(talk.fails(Fault::Timeout), "end Failed(Fault(Timeout))");
    let mut talk = upload();
    talk.next(Reply::Start);
    talk.next(Reply::Done);
    let end = "end Failed(CutOff { name: \"bootcode.bin\", sent: 1, bytes: 1000 })";
    assert_eq!(talk.fails(Fault::Gone), end);
}

#[test]
fn size_then_contents_then_done() {
    let mut talk = server();
    assert_eq!(talk.asks(0, "config.txt"), "announce 3");
    assert_eq!(talk.next(Reply::Done), "read 260");
    assert_eq!(talk.asks(1, "config.txt"), "send config.txt 3");
    assert_eq!(talk.next(Reply::Done), "read 260");
    assert_eq!(talk.asks(0, "start.elf"), "announce 0");
    assert_eq!(talk.next(Reply::Done), "read 260");
    assert_eq!(talk.asks(2, "x"), "end Done");
    assert_eq!(
        talk.told,
        [
            r#"{"event":"files-begin"}"#,
            r#"{"event":"found","name":"config.txt","bytes":3,"origin":"base"}"#,
            r#"{"event":"missing","name":"start.elf"}"#,
            r#"{"event":"files-end","files":1}"#,
        ]
    );
    assert_eq!((talk.session.last(), talk.session.sent()), (Some("start.elf"), (1, 3)));
}

#[test]
fn contents_are_found_by_name_whatever_was_announced() {
    let mut talk = server();
    assert_eq!(talk.asks(1, "config.txt"), "send config.txt 3", "without a size before");
    talk.next(Reply::Done);
    assert_eq!(talk.asks(0, "empty"), "announce 0");
    talk.next(Reply::Done);
    assert_eq!(talk.asks(1, "config.txt"), "send config.txt 3", "another one than announced");
    talk.next(Reply::Done);
    assert_eq!(talk.asks(1, "start.elf"), "announce 0");
}

#[test]
fn an_empty_name_is_answered_and_the_end() {
    let mut talk = server();
    assert_eq!(talk.asks(0, ""), "announce 0");
    assert_eq!(talk.next(Reply::Done), "end Done");
    let mut talk = server();
    assert_eq!(talk.asks(2, ""), "announce 0");
    assert_eq!(talk.fails(Fault::Gone), "end Done", "it needs no answer any more");
}

#[test]
fn metadata_is_told_and_answered_with_nothing() {
    let mut talk = server();
    assert_eq!(talk.asks(0, "*EEPROM_UPDATE*success"), "announce 0");
    assert_eq!(talk.next(Reply::Done), "read 260");
    assert_eq!(talk.asks(1, "**"), "announce 0");
    assert_eq!(talk.told[1..], [r#"{"event":"told","key":"EEPROM_UPDATE","value":"success"}"#]);
    assert_eq!(talk.session.last(), None, "it is no file");
}

#[test]
fn what_must_not_be_served_is_answered_as_missing() {
    let mut talk = server();
    for name in ["../x", "/etc/passwd", "a\x01", "link"] {
        assert_eq!(talk.asks(0, name), "announce 0");
        assert_eq!(talk.next(Reply::Done), "read 260");
    }
    assert!(talk.told[1..].iter().all(|told| told.contains("refused")), "{:?}", talk.told);
}

#[test]
fn garbage_three_times_in_a_row_is_the_end() {
    let mut talk = server();
    assert_eq!(talk.asks(7, "x"), "read 260");
    assert_eq!(talk.next(Reply::Bytes(&[1])), "read 260");
    assert_eq!(talk.asks(0, "empty"), "announce 0", "one good one and the count begins anew");
    talk.next(Reply::Done);
    assert_eq!(talk.asks(7, "x"), "read 260");
    assert_eq!(talk.asks(u32::MAX, "x"), "read 260");
    assert_eq!(talk.asks(3, "x"), "end Failed(Malformed { times: 3, last: Command(3) })");
}

#[test]
fn silence_is_waited_for_in_full_reads() {
    let mut talk = server();
    assert_eq!(talk.fails(Fault::Timeout), "read 260");
    assert_eq!(talk.fails(Fault::Timeout), "read 260");
    assert_eq!(talk.asks(0, "empty"), "announce 0");
    talk.next(Reply::Done);
    assert_eq!(talk.fails(Fault::Timeout), "read 260");
    assert_eq!(talk.fails(Fault::Timeout), "read 260");
    assert_eq!(talk.fails(Fault::Timeout), "end Failed(Silent(60s))");
}

#[test]
fn leaving_between_files_is_not_leaving_in_one() {
    assert_eq!(server().fails(Fault::Gone), "end Left");
    for (fault, end) in [(Fault::Wire, "end Left"), (Fault::Stall, "end Failed(Fault(Stall))")] {
        let mut talk = server();
        assert_eq!(talk.fails(fault.clone()), "read 260");
        assert_eq!(talk.fails(fault.clone()), "read 260");
        assert_eq!(talk.fails(fault), end);
    }
    let mut talk = server();
    talk.asks(1, "config.txt");
    assert_eq!(talk.fails(Fault::Gone), "end Failed(CutOff { name: \"config.txt\", sent: 1, bytes: 3 })");
    let mut talk = server();
    talk.asks(1, "config.txt");
    let end = "end Failed(Stuck { name: \"config.txt\", sent: 1, bytes: 3, fault: Stall })";
    assert_eq!(talk.fails(Fault::Stall), end);
}

#[test]
fn a_file_that_shrinks_is_named() {
    let mut talk = server();
    talk.asks(1, "config.txt");
    let end = talk.next(Reply::Failed(Failure::Shrunk { at: 2 }));
    assert_eq!(end, "end Failed(Shrunk { name: \"config.txt\", at: 2, bytes: 3 })");
}

#[test]
fn a_board_that_asks_for_ever_is_stopped() {
    let mut talk = server();
    let mut asked = 0;
    let end = loop {
        asked += 1;
        let step = talk.asks(0, "boot.sig");
        if step != "announce 0" {
            break step;
        }
        talk.next(Reply::Done);
    };
    assert_eq!((asked, end.as_str()), (201, "end Failed(AsksAgain { name: \"boot.sig\", times: 201 })"));
    let mut talk = server();
    let mut asked = 0;
    while talk.asks(0, if asked % 2 == 0 { "a" } else { "b" }).starts_with("announce") {
        talk.next(Reply::Done);
        talk.told.clear();
        asked += 1;
    }
    assert_eq!(asked, 100_000);
}

#[test]
fn stop_ends_every_step() {
    let stop = || Reply::Failed(Failure::Stopped);
    assert_eq!(server().next(stop()), "end Failed(Stopped)");
    let mut talk = upload();
    for reply in [Reply::Start, Reply::Done, Reply::Done] {
        talk.next(reply);
    }
    assert_eq!(talk.next(stop()), "end Failed(Stopped)");
}

fn replies() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let name = prop_oneof![Just("config.txt"), Just("empty"), Just("x"), Just(""), Just("*K*V"), Just("..")];
    let message =
        (0u32..4, name).prop_map(|(command, name)| Request::message(command, name.as_bytes()).to_vec());
    let bytes = prop_oneof![message, prop::collection::vec(any::<u8>(), 0..300)];
    prop::collection::vec((0u8..10, bytes), 0..200)
}

proptest! {
    #[test]
    fn no_answers_panic_a_session(replies in replies()) {
        let mut server = server();
        let mut upload = upload();
        let mut over = [false; 2];
        for (kind, bytes) in &replies {
            let reply = || match kind {
                0 => Reply::Failed(Failure::Fault { fault: Fault::Timeout, sent: 0 }),
                1 => Reply::Failed(Failure::Fault { fault: Fault::Stall, sent: 5 }),
                2 => Reply::Failed(Failure::Shrunk { at: 5 }),
                3..=5 => Reply::Done,
                _ => Reply::Bytes(bytes),
            };
            over[0] = over[0] || server.next(reply()).starts_with("end");
            over[1] = over[1] || upload.next(reply()).starts_with("end");
        }
    }
}
