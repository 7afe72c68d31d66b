//! What the rows of rpi-sb-provisioner's manufacturing database mean (`host-support/manufacturing-data`, version 2.3.2). Pure.

use std::collections::BTreeMap;

use super::Found;
use super::database::{Row, Rows, Table, Tables};
use super::words::{register, shown, time};
use crate::board::{Mac, Model, Serial};
use crate::device_api::{Disk, Role};
use crate::station_api::{OldOutcome, OldRecord};

const FROM: &str = "rpi-sb-provisioner";

/// What is read: a row for each time that a board was provisioned.
pub(super) const TABLES: Tables = &[Table {
    name: "devices",
    needed: true,
    columns: &["serial", "provision_ts"],
    later: &[
        "id",
        "boardname",
        "eth_mac",
        "wifi_mac",
        "bt_mac",
        "mmc_size",
        "mmc_cid",
        "rpi_duid",
        "board_revision",
        "processor",
        "memory",
        "manufacturer",
        "secure",
        "jtag_locked",
        "eeprom_write_protected",
        "pubkey_programmed",
        "devkey_revoked",
        "signed_boot_enabled",
        "os_image_filename",
        "os_image_sha256",
        "connect_registered",
        "connect_device_id",
        "eeprom_size",
        "eeprom_jedec",
        "eeprom_unique_id",
        "bootloader_build_timestamp",
        "customer_key_fingerprint",
        "customer_key_label",
    ],
    order: "rowid",
}];

/// What a record has places of its own for.
const OWN: [&str; 5] = ["id", "serial", "provision_ts", "eth_mac", "boardname"];

pub(super) fn found(rows: &Rows) -> Found {
    let mut found = Found::default();
    FROM.clone_into(&mut found.import.from);
    for row in rows.get("devices").map(Vec::as_slice).unwrap_or_default() {
        match record(row) {
            Ok((record, odd)) => {
                if !odd.is_empty() {
                    let why = format!(
                        "its run has all that it had; the board doesn't get what can't be read: {}",
                        odd.join(", ")
                    );
                    found.changed("record", record.serial.as_str(), why);
                }
                found.record(record);
            }
            Err(why) => {
                let serial = row.get("serial").cloned().unwrap_or_default();
                found.left("record", &serial, why);
            }
        }
    }
    found
}

/// `256MB` to `16GB` in bytes, as that program writes them.
fn memory(text: &str) -> Option<u64> {
    let (number, shift) = match (text.strip_suffix("GB"), text.strip_suffix("MB")) {
        (Some(number), _) => (number, 30),
        (None, Some(number)) => (number, 20),
        (None, None) => return None,
    };
    let number = number.trim().parse::<u64>().ok().filter(|number| (1..=1024).contains(number))?;
    Some(number << shift)
}

/// What is called mmcblk0 on a board: Compute Modules have an eMMC there, others a slot for cards.
fn role(board: &str) -> Role {
    use Model::{Cm1, Cm3, Cm3Plus, Cm4, Cm4s, Cm5};
    match Model::told(board) {
        Some(Cm1 | Cm3 | Cm3Plus | Cm4 | Cm4s | Cm5) => Role::Emmc,
        _ => Role::Sd,
    }
}

/// A record, and the columns in which it has something that can't be read.
fn record(row: &Row) -> Result<(OldRecord, Vec<&'static str>), &'static str> {
    let text = |column: &str| row.get(column).map(|text| text.trim()).unwrap_or_default();
    let some = |column: &str| Some(shown(text(column), 200)).filter(|text| !text.is_empty());
    let serial = Serial::of_digits(text("serial")).filter(|serial| !serial.is_blank());
    let serial = serial.ok_or("its serial number is none")?;
    let started = time(text("provision_ts")).ok_or("it has no time")?;
    // Bytes: that program multiplies the sectors with their size. 0 is no such disk.
    let size = text("mmc_size").parse::<u64>().ok().filter(|size| (1..1 << 60).contains(size));
    let cid = register(text("mmc_cid"));
    let memory = memory(text("memory"));
    let is_duid =
        |duid: &&str| (1..=64).contains(&duid.len()) && duid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let duid = Some(text("rpi_duid")).filter(is_duid).map(str::to_owned);
    let mac: Option<Mac> = text("eth_mac").parse().ok();
    let odd = [
        ("eth_mac", mac.is_some()),
        ("mmc_size", size.is_some() || text("mmc_size") == "0"),
        ("mmc_cid", cid.is_some() && size.is_some()),
        ("memory", memory.is_some()),
        ("rpi_duid", duid.is_some()),
    ];
    let odd = odd.iter().filter(|(column, is_read)| !is_read && !text(column).is_empty());
    let odd = odd.map(|(column, _)| *column).collect();
    let disk =
        size.map(|size| Disk { cid, ..Disk::new("mmcblk0".to_owned(), role(text("boardname")), size) });
    // An address that can't be read is kept as it was.
    let is_fact = |column: &str| !OWN.contains(&column) || (column == "eth_mac" && mac.is_none());
    let facts = row.iter().filter(|(column, _)| is_fact(column));
    let facts: BTreeMap<_, _> = facts
        .map(|(column, text)| ((*column).to_owned(), shown(text, 500)))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let record = OldRecord {
        serial,
        mac,
        model: some("boardname"),
        memory,
        disk,
        duid,
        started,
        ended: None,
        // A row is only written for what succeeded.
        outcome: OldOutcome::Complete,
        why: None,
        image: some("os_image_filename"),
        project: None,
        facts,
        log: Vec::new(),
    };
    Ok((record, odd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::Fate;

    #[test]
    fn a_row_becomes_a_record_with_all_that_it_has() {
        let row: Row = [
            ("serial", "10000000af04b2da"),
            ("provision_ts", "2026-08-18 10:00:00"),
            ("eth_mac", "dc:a6:32:01:02:03"),
            ("boardname", "Raspberry Pi Compute Module 4"),
            ("mmc_size", "7818182656"),
            ("jtag_locked", "1"),
            ("os_image_filename", "gold.img"),
        ]
        .map(|(column, text)| (column, text.to_owned()))
        .into();
        let none =
            Row::from([("serial", "x".to_owned()), ("provision_ts", "2026-08-18 10:00:00".to_owned())]);
        let found = found(&[("devices", vec![row, none])].into());
        let [record] = &found.import.records[..] else { panic!("{found:?}") };
        let disk = record.disk.as_ref().unwrap();
        assert_eq!((disk.size, disk.role, disk.cid.as_deref()), (7_818_182_656, Role::Emmc, None));
        assert_eq!((record.outcome, record.image.as_deref()), (OldOutcome::Complete, Some("gold.img")));
        assert_eq!(record.facts["jtag_locked"], "1");
        assert!(
            record.mac.is_some()
                && record.facts.contains_key("mmc_size")
                && !record.facts.contains_key("serial")
        );
        assert_eq!(found.left.len(), 1);
    }

    #[test]
    fn what_names_the_board_and_what_it_has_leaves_the_facts_and_what_cannot_be_read_is_told() {
        let row = |more: &[(&'static str, &str)]| -> Row {
            let own = [("serial", "af04b2da"), ("provision_ts", "2026-08-18 10:00:00"), ("boardname", "5")];
            own.iter().chain(more).map(|(column, text)| (*column, (*text).to_owned())).collect()
        };
        let cid = "150100424a54443452079a3ef0d2b1a7";
        let good = [
            ("rpi_duid", "0123456789ABCDEF"),
            ("mmc_size", "31914983424"),
            ("mmc_cid", cid),
            ("memory", "8GB"),
        ];
        let (record, odd) = super::record(&row(&good)).unwrap();
        assert_eq!((record.duid.as_deref(), record.memory), (Some("0123456789ABCDEF"), Some(8 << 30)));
        let disk = record.disk.unwrap();
        assert_eq!((disk.size, disk.role, disk.cid.as_deref()), (31_914_983_424, Role::Sd, Some(cid)));
        assert!(odd.is_empty() && record.facts.contains_key("mmc_cid"), "{odd:?}");
        let bad = [
            ("rpi_duid", "a b\"%"),
            ("mmc_size", "0"),
            ("mmc_cid", cid),
            ("memory", "Unknown"),
            ("eth_mac", "00:00:00:00:00:00"),
        ];
        let (record, odd) = super::record(&row(&bad)).unwrap();
        assert_eq!(odd, ["eth_mac", "mmc_cid", "memory", "rpi_duid"]);
        assert_eq!((record.duid, record.memory, record.disk, record.mac), (None, None, None, None));
        assert_eq!(record.facts["eth_mac"], "00:00:00:00:00:00", "nothing is lost");
        // The same board at the same time is one record, whatever the case of its number.
        let twice = |serial: &str| {
            Row::from([("serial", serial.to_owned()), ("provision_ts", "1700000000".to_owned())])
        };
        let found = found(&[("devices", vec![twice("af04b2da"), twice("AF04B2DA")])].into());
        assert_eq!(found.import.records.len(), 1);
        assert!(
            matches!(&found.left[..], [one] if one.kind == Fate::LeftOut && one.why.contains("the same time")),
            "{found:?}"
        );
    }
}
