//! What a board may send in USB boot, and archives that a payload may hold.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use piprov::usb::bootfiles::Bootfiles;
use piprov::board::identity::Chip;
use piprov::usb::lookup::{Asker, PayloadOptions, Payload};
use piprov::usb::message::{FILE_MESSAGE, Request};
use piprov::usb::session::{FileServer, Reply, Session, Step};

/// A payload with a file, and one beside it that nobody may get.
fn payload() -> &'static Payload {
    static PAYLOAD: OnceLock<Payload> = OnceLock::new();
    PAYLOAD.get_or_init(|| {
        let root = std::env::temp_dir().join(format!("piprov-fuzz-usb-{}", std::process::id()));
        let dir = root.join("payload");
        std::fs::create_dir_all(dir.join("2711")).unwrap();
        std::fs::write(root.join("secret"), "secret").unwrap();
        std::fs::write(dir.join("config.txt"), "public").unwrap();
        let _ = std::os::unix::fs::symlink(root.join("secret"), dir.join("link"));
        Payload::open(&dir, &PayloadOptions::default()).unwrap()
    })
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(files) = Bootfiles::read(&bytes.to_vec()) {
        for member in files.members() {
            assert!(member.offset + member.len <= bytes.len() as u64);
        }
    }
    if let Ok(Request::Metadata(text)) = Request::parse(bytes) {
        let _ = piprov::usb::metadata::Metadata::default().take(&text);
    }
    let asker = Asker { chip: Chip::Bcm2711, port: None };
    let mut session = FileServer::new(|name: &str| payload().find(asker, name));
    let mut step = session.next(Reply::Start, &mut |_| {});
    // Messages of the right length, the last one as short as it is.
    let mut messages = bytes.chunks(FILE_MESSAGE);
    loop {
        let reply = match &step {
            Step::End(_) => return,
            Step::Read(_) => match messages.next() {
                Some(message) => Reply::Bytes(message),
                None => return,
            },
            Step::Write(piprov::usb::session::Content::File { found, .. }) => {
                assert_eq!(found.read_all().unwrap(), b"public");
                Reply::Done
            }
            Step::Announce(_) | Step::Write(_) => Reply::Done,
        };
        step = session.next(reply, &mut |_| {});
    }
});
