//! What is kept of a port on disk, as anything may have left it: no bytes make reading panic, what is read is written
//! and read again as it was, and no port is let off by them.
#![no_main]

use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use piprov::board::PortPath;
use piprov::live::port::{Seen, Verdict, next};
use piprov::live::record::{Phase, Records};

/// A directory of this process's own, in memory where there is such a place.
fn folder() -> &'static Path {
    static FOLDER: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = base.join(format!("piprov-fuzz-record-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("ports")).unwrap();
        folder
    })
}

fuzz_target!(|bytes: &[u8]| {
    let port: PortPath = "1-1.2".parse().unwrap();
    let records = Records::new(folder());
    std::fs::write(records.ports_dir().join("1-1.2"), bytes).unwrap();
    let locked = records.lock_known(port, Duration::from_secs(5)).unwrap().unwrap();
    let read = locked.read();
    let all = records.all().unwrap();
    assert_eq!(all.first().map(|(_, record)| record), read.as_ref());
    if let Some(record) = &read {
        locked.write(record).unwrap();
        assert_eq!(locked.read().as_ref(), Some(record));
    }
    // Whatever is there, a board that has booted ends it, and so does a stranger's start.
    let window = Duration::from_secs(15);
    for now in [0, u64::MAX] {
        if read.is_some() {
            assert!(matches!(next(read.as_ref(), Seen::Other(1, 2), now, window), Verdict::Drop(_)));
        }
        let start = next(read.as_ref(), Seen::Rom, now, window);
        match &read {
            Some(record) if matches!(record.phase, Phase::Restarting | Phase::Rom) => {}
            _ => assert!(matches!(start, Verdict::Drop(_))),
        }
    }
    locked.forget().unwrap();
});
