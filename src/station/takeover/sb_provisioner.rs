//! What the rows of rpi-sb-provisioner's manufacturing database mean (`host-support/manufacturing-data`, version 2.3.2). Pure.

use std::collections::BTreeMap;

use super::Found;
use super::database::{Row, Rows, Table, Tables};
use super::words::{shown, time};
use crate::board::Serial;
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
    order: "1",
}];

/// What a record has places of its own for.
const OWN: [&str; 5] = ["id", "serial", "provision_ts", "eth_mac", "boardname"];

pub(super) fn found(rows: &Rows) -> Found {
    let mut found = Found::default();
    FROM.clone_into(&mut found.import.from);
    for row in rows.get("devices").map(Vec::as_slice).unwrap_or_default() {
        match record(row) {
            Ok(record) => found.import.records.push(record),
            Err(why) => {
                let serial = row.get("serial").cloned().unwrap_or_default();
                found.left("record", &serial, why);
            }
        }
    }
    found
}

fn record(row: &Row) -> Result<OldRecord, &'static str> {
    let text = |column: &str| row.get(column).map(|text| text.trim()).unwrap_or_default();
    let some = |column: &str| Some(shown(text(column), 200)).filter(|text| !text.is_empty());
    let serial = Serial::of_digits(text("serial")).filter(|serial| !serial.is_zero());
    let serial = serial.ok_or("its serial number is none")?;
    let started = time(text("provision_ts")).ok_or("it has no time")?;
    let facts = row.iter().filter(|(column, _)| !OWN.contains(column));
    let facts: BTreeMap<_, _> = facts
        .map(|(column, text)| ((*column).to_owned(), shown(text, 500)))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    Ok(OldRecord {
        serial,
        mac: text("eth_mac").parse().ok(),
        model: some("boardname"),
        // In which unit they are isn't said: the facts have them as they were.
        memory: None,
        disk: None,
        started,
        ended: None,
        // A row is only written for what succeeded.
        outcome: OldOutcome::Complete,
        why: None,
        image: some("os_image_filename"),
        project: None,
        facts,
        log: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((record.outcome, record.image.as_deref()), (OldOutcome::Complete, Some("gold.img")));
        assert_eq!(record.facts["jtag_locked"], "1");
        assert!(
            record.mac.is_some()
                && record.facts.contains_key("mmc_size")
                && !record.facts.contains_key("serial")
        );
        assert_eq!(found.left.len(), 1);
    }
}
