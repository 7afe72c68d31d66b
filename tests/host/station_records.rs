//! What is on record of a run: a real agent tells what its kernel says, a station keeps it, and exports, the report and
//! statistics have it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::station_cli::Station;
use crate::station_deploy::{Agent, boards, bytes};

const MIB: usize = 1 << 20;
const CID: &str = "150100424a544434520ac5d1b4b1a600";
const CSD: &str = "d02701320f5903fff6dbffef8e40400d";

/// What the kernel of a Compute Module tells.
fn tree(root: &Path) {
    let put = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("proc/device-tree/model", b"Raspberry Pi Compute Module 4 Rev 1.1\0");
    put("proc/device-tree/chosen/rpi-duid", b"001000911006186073\0");
    put("proc/device-tree/chosen/bootloader/version", b"4a6d1c1e9ee3\0");
    put("proc/device-tree/chosen/bootloader/build-timestamp", &1_711_483_520_u32.to_be_bytes());
    put("proc/meminfo", b"MemTotal: 3884276 kB\n");
    put("sys/class/thermal/thermal_zone0/type", b"cpu-thermal\n");
    put("sys/class/thermal/thermal_zone0/temp", b"48312\n");
    put("sys/devices/platform/soc/soc:firmware/get_throttled", b"50000\n");
    for (file, text) in [
        ("size", "61071360\n"),
        ("ro", "0\n"),
        ("device/type", "MMC\n"),
        ("device/name", "BJTD4R\n"),
        ("device/cid", CID),
        ("device/csd", CSD),
        ("device/life_time", "0x01 0x03\n"),
        ("device/pre_eol_info", "0x01\n"),
        ("device/serial", "0xc5d1b4b1\n"),
        ("device/manfid", "0x000015\n"),
        ("device/date", "06/2021\n"),
    ] {
        put(&format!("sys/block/mmcblk0/{file}"), text.as_bytes());
    }
}

fn rows(text: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn what_a_board_is_and_how_it_felt_stands_in_its_runs_exports_report_and_figures() {
    let station = Station::start();
    fs::write(station.path("os.img"), bytes(3 * MIB)).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    let root = station.path("root");
    tree(&root);
    for name in ["a", "b"] {
        fs::write(station.path(&format!("{name}.disk")), vec![0; 4 * MIB]).unwrap();
    }
    let url = format!("http://127.0.0.1:{}", station.port);
    let (wide, plain) = ("10000000aaaa0001", "10000000aaaa0002");
    let _wide = Agent::started(&url, wide, &station.path("a.disk"), |command| {
        command.arg("--facts").arg(&root);
    });
    let _plain = Agent::started(&url, plain, &station.path("b.disk"), |_| {});
    boards(&station, 2);
    for board in [wide, plain] {
        station.json(&["board", "deploy", board, "--image", "os", "--end", "wait", "--confirm", board]);
    }

    let csv = station.run(&["run", "export"]);
    let rows = rows(&String::from_utf8(csv.stdout).unwrap());
    assert_eq!(rows.len(), 2);
    let of = |serial: &str| rows.iter().find(|row| row["serial"] == serial).unwrap();
    let row = of(wide);
    for (name, value) in [
        ("outcome", "done"),
        ("model", "Raspberry Pi Compute Module 4 Rev 1.1"),
        ("memory", "3977498624"),
        ("duid", "001000911006186073"),
        ("bootloader", "4a6d1c1e9ee3"),
        ("bootloader_built", "2024-03-26T20:05:20Z"),
        ("disk", "a.disk"),
        ("disk_model", "BJTD4R"),
        ("disk_maker", "0x000015"),
        ("disk_serial", "0xc5d1b4b1"),
        ("disk_made", "06/2021"),
        ("cid", CID),
        ("csd", CSD),
        ("life", "3"),
        ("pre_eol", "1"),
        ("temperature_before", "48.312"),
        ("temperature_after", "48.312"),
        ("zones", "cpu-thermal 48.3 > 48.3"),
        ("throttled_before", "0x50000"),
        ("throttled_after", "0x50000"),
        ("simulated", "true"),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    assert!(!row["station"].is_empty() && !row["by"].is_empty(), "{row:?}");
    // So short a job tells few steps; those that it tells have their time.
    let steps = row.iter().filter(|(name, value)| name.starts_with("seconds_") && !value.is_empty());
    assert!(steps.count() > 0, "{row:?}");
    let proved = [("image_sha256", "read_back_sha256"), ("expected_chunks", "read_back_chunks")];
    assert!(proved.iter().any(|(want, got)| !row[*got].is_empty() && row[*want] == row[*got]), "{row:?}");
    for name in ["cid", "duid", "temperature_before", "throttled_after", "zones", "bootloader", "life"] {
        assert_eq!(of(plain)[name], "", "{name}");
    }

    // The filters, into a file that is there once.
    let told = station.json(&["run", "export", "--format", "json", "--board", wide, "-o", "runs.jsonl"]);
    assert_eq!(told[0]["event"], "exported");
    let lines = fs::read_to_string(station.path("runs.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["record"]["detail"]["told"]["disks"][0]["csd"], CSD);
    assert_eq!(lines[0]["record"]["detail"]["after"]["zones"][0]["name"], "cpu-thermal");

    let told = station.json(&["run", "stats"]);
    let value = &told[0]["value"];
    assert_eq!((&told[0]["event"], &value["done"]), (&Value::from("statistics"), &Value::from(2)));
    assert_eq!(value["boards"], serde_json::json!({"tried": 2, "good": 2, "first_pass": 2}));
    assert!(value["time"]["median"].is_i64() && value["segments"][4]["segment"] == "finish", "{value}");
    let text = String::from_utf8(station.run(&["run", "stats", "--since", "1d"]).stdout).unwrap();
    assert!(text.contains("2 in 2 runs") && text.contains("100.0 %"), "{text}");
    assert_eq!(station.json(&["run", "stats", "--slot", "none"])[0]["value"]["runs"], 0);
}
