//! A file of leases with any bytes in it: it is opened all the same, an address and a board are in it once, what counts
//! is what counts the next time, and what could not be read is kept.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use piprov::dhcp::lease::{Record, Store};

fuzz_target!(|bytes: &[u8]| {
    // In memory, where a flush costs nothing.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = dir.path().join("eth0.leases");
    // Lines of plain words get their checksum, so that most of the input is read.
    let mut text = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"~\n") {
            Some(words) => {
                text.extend_from_slice(words);
                text.extend_from_slice(format!(" {:08x}\n", crc(words)).as_bytes());
            }
            None => text.extend_from_slice(line),
        }
    }
    std::fs::write(&path, &text).unwrap();
    let (store, damage) = Store::open(&path).expect("no content keeps it from being opened");
    let records = store.records();
    drop(store);
    assert!(records.len() <= text.split(|byte| *byte == b'\n').count());
    let (mut addresses, mut boards) = (HashSet::new(), HashSet::new());
    for record in &records {
        let address = match record {
            Record::Lease(lease) => {
                assert!(boards.insert(lease.mac), "a board has one address");
                lease.address
            }
            Record::Barred { address, .. } => *address,
            Record::Serial { mac, .. } => {
                assert!(boards.contains(mac), "a number stands with a lease");
                continue;
            }
        };
        assert!(addresses.insert(address), "an address has one owner");
    }
    if let Some(damage) = damage {
        let _ = damage.to_string();
        assert_eq!(damage.aside.is_some(), damage.lost > 0);
        if let Some(aside) = damage.aside {
            assert_eq!(std::fs::read(aside).unwrap(), text, "nothing is thrown away");
        }
    }
    let (store, damage) = Store::open(&path).expect("what was written can be read");
    assert!(damage.is_none());
    let set =
        |records: Vec<Record>| -> HashSet<String> { records.iter().map(|it| format!("{it:?}")).collect() };
    assert_eq!(set(store.records()), set(records));
});

/// CRC-32 as zlib has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
