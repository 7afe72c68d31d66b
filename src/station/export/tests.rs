//! Columns against their page, and parts of an export against the store.

use futures::StreamExt as _;

use super::*;
use crate::run::{Record, RunId, Stage, Way};
use crate::station::store::tests::Place;
use crate::station::store::tests::on_both;

#[test]
fn each_column_stands_in_the_page_about_exports_and_in_its_order() {
    let page = include_str!("../../../docs/export.md");
    let told: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .filter(|name| *name != "seconds_STEP")
        .collect();
    let columns: Vec<&str> = table::COLUMNS.iter().map(|(name, _)| *name).collect();
    assert_eq!(told, columns);
    let head = table::head();
    for stage in table::steps() {
        assert!(head.contains(&format!(",{}", table::of_step(stage))), "{stage}");
        assert!(page.contains(&format!("`{}`", table::of_step(stage))), "{stage}");
    }
}

fn line(run: &str) -> RunLine {
    serde_json::from_value(serde_json::json!({
        "run": run, "way": "deploy", "label": "gate", "started": 1_764_324_000_000_i64, "took": 100_000,
        "stage": "done", "outcome": "done",
    }))
    .unwrap()
}

#[test]
fn a_wide_record_fills_its_columns_and_an_old_one_leaves_them_empty() {
    let at = |seconds: i64| jiff::Timestamp::from_second(1_764_324_000 + seconds).unwrap();
    let mut record = Record::begin(RunId::new(1), Way::Deploy, crate::board::Who::named("gate"), at(0));
    let old = table::line(&Seen::of(&line("000000000001"), &record));
    record.enter(Stage::Write, at(10));
    record.enter(Stage::ReadBack, at(60));
    record.seconds = Some(100.0);
    record.detail = serde_json::json!({
        "station": "bench", "device": "mmcblk0", "raw_sha256": "aa", "read_back_sha256": "aa",
        "values": { "n": "=7" }, "first_boot": { "keys": ["hostname", "user"] },
        "before": { "temperature": 41.5, "throttled": 0 },
        "after": { "temperature": 61.25, "throttled": 0x50000, "zones": [] },
        "told": {
            "macs": ["dc:a6:32:01:02:03", "dc:a6:32:01:02:04"], "model": "Raspberry Pi 4", "memory": 4_294_967_296_u64,
            "disks": [
                { "name": "sda", "role": "usb", "size": 1, "cid": "wrong" },
                { "name": "mmcblk0", "role": "emmc", "size": 31_268_536_320_u64, "cid": "1501", "csd": "d027", "life": 3,
                  "pre_eol": 1, "serial": "0xc5d1", "maker": "0x000015", "made": "06/2021" },
            ],
            "facts": { "duid": "0010", "firmware": { "version": "4a6d", "built": 1_711_483_520 }, "temperature": 20.0 },
        },
    });
    let line_of = line("000000000001");
    let text = table::head() + &table::line(&Seen::of(&line_of, &record));
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let of = |name: &str| row.get(head.iter().position(|other| other == name).unwrap()).unwrap();
    for (name, value) in [
        ("station", "bench"),
        ("macs", "dc:a6:32:01:02:03 dc:a6:32:01:02:04"),
        ("memory", "4294967296"),
        ("cid", "1501"),
        ("csd", "d027"),
        ("life", "3"),
        ("pre_eol", "1"),
        ("disk_serial", "0xc5d1"),
        ("duid", "0010"),
        ("bootloader", "4a6d"),
        ("bootloader_built", "2024-03-26T20:05:20Z"),
        ("temperature_before", "41.5"),
        ("temperature_after", "61.25"),
        ("throttled_before", "0x0"),
        ("throttled_after", "0x50000"),
        ("image_sha256", "aa"),
        ("read_back_sha256", "aa"),
        ("values", "n==7"),
        ("first_boot", "hostname user"),
        ("ended", "2025-11-28T10:01:40Z"),
        ("seconds_resolve", "10.000"),
        ("seconds_write", "50.000"),
        ("seconds_read_back", "40.000"),
        ("seconds_fetch", ""),
    ] {
        assert_eq!(of(name), value, "{name}");
    }
    // Of several disks nobody knows which one it was.
    record.detail["device"] = serde_json::Value::Null;
    assert_eq!(Seen::of(&line_of, &record).disk("cid"), "");
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(old.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    let filled: Vec<_> = row.iter().filter(|field| !field.is_empty()).count().to_string().into_bytes();
    assert!(filled.len() <= 2, "{old}");
}

on_both! {
    async fn an_export_holds_a_part_at_a_time_and_gives_all(place: &Place) {
        let store = place.open().await;
        for sql in include_str!("../store/tests/scale.sql").split(';').filter(|sql| !sql.trim().is_empty()) {
            store.execute(sql).await;
        }
        // Records of those aren't whole ones.
        let record = Record::begin(RunId::new(1), Way::Deploy, crate::board::Who::named("gate"), jiff::Timestamp::UNIX_EPOCH);
        let record = crate::format::json::line(&record).unwrap();
        store.execute(&format!("UPDATE run SET record = '{record}', stage = 'done'")).await;
        let asked = RunsAsked { since: Some(0), until: Some(10_000_000), ..RunsAsked::default() };
        for (format, head) in [(ExportFormat::Csv, 1), (ExportFormat::Json, 0)] {
            let mut parts = Box::pin(parts(store.clone(), asked.clone(), format));
            let (mut lines, mut most) = (0, 0);
            while let Some(part) = parts.next().await {
                let part = part.unwrap();
                most = most.max(part.lines().count());
                lines += part.lines().count();
                // Between two parts nothing is held: who writes doesn't wait for a slow reader.
                if lines < 500 {
                    store.execute("UPDATE board SET note = 'written meanwhile' WHERE id = '100000'").await;
                }
            }
            assert_eq!(lines, 10_000 + head, "{format:?}");
            assert!(most <= PART as usize + head, "{most}");
        }
    }
}
