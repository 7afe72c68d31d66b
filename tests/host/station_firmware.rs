//! `piprov firmware`, and projects with an EEPROM, at a real station.

use std::fs;

use serde_json::json;

use crate::eeprom::pi4_of;
use crate::station_cli::Station;

const CONF: &[u8] = b"[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\nNEW_THING=1\n";

#[test]
fn images_are_added_listed_shown_got_back_and_removed() {
    let station = Station::start();
    let image = pi4_of("1754265600", CONF);
    fs::write(station.path("pieeprom.bin"), &image).unwrap();
    let added = station.json(&["firmware", "add", "lab", "pieeprom.bin", "--channel", "latest"]);
    let value = &added[0]["value"];
    assert_eq!((&added[0]["event"], &value["name"]), (&json!("firmware"), &json!("lab")));
    assert_eq!((&value["chip"], &value["channel"]), (&json!("BCM2711"), &json!("latest")));
    assert_eq!((&value["size"], &value["signed"]), (&json!(512 << 10), &json!(false)));
    // Of a directory the newest image of the usual channel; its directory says which one that is.
    for (place, built) in [("default", "1735689600"), ("default", "1754265601"), ("latest", "1767225600")] {
        let dir = station.path("firmware").join("bootloader-2711").join(place);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("pieeprom-{built}.bin")), pi4_of(built, CONF)).unwrap();
    }
    let added = station.json(&["firmware", "add", "usual", "firmware"]);
    let told = added.iter().find(|line| line["event"] == "firmware").unwrap();
    assert_eq!(
        (&told["value"]["built"], &told["value"]["channel"]),
        (&json!(1_754_265_601), &json!("default"))
    );
    let list = station.run(&["firmware", "list"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.starts_with("FIRMWARE  CHIP     CHANNEL  BUILT       MFG_VER  SIGNED  SIZE"), "{list}");
    assert!(list.contains("lab       BCM2711  latest   2025-08-04           no      512 KiB"), "{list}");

    let show = String::from_utf8(station.run(&["firmware", "show", "lab"]).stdout).unwrap();
    for text in [
        "image  lab, 512 KiB for Pi 4",
        "built 2025-08-04",
        "channel latest",
        "BOOT_UART=0",
        "not known; it stays",
    ] {
        assert!(show.contains(text), "{text}: {show}");
    }
    let lines = station.json(&["firmware", "show", "lab"]);
    assert_eq!((&lines[0]["event"], &lines[1]["event"]), (&json!("firmware"), &json!("image")));
    let out = station.run(&["firmware", "get", "lab", "-o", "back.bin"]);
    assert!(out.status.success(), "{out:?}");
    assert_eq!(fs::read(station.path("back.bin")).unwrap(), image);
    assert!(station.stderr(&["firmware", "get", "lab", "-o", "back.bin"], 73).contains("already"));

    // What is none, and another one of that name.
    fs::write(station.path("none.bin"), "none").unwrap();
    assert!(station.stderr(&["firmware", "add", "x", "none.bin"], 65).contains("none.bin"));
    let error = station.stderr(&["firmware", "add", "lab", "firmware"], 75);
    assert!(error.contains("lab"), "{error}");
    let error = station.stderr(&["firmware", "add", "x", "firmware", "--board", "5"], 2);
    assert!(error.contains("BCM2711 default 2025-08-04") && error.contains("--channel"), "{error}");
    station.stderr(&["firmware", "show", "no such"], 66);

    station.json(&["project", "add", "p", "--eeprom", "lab"]);
    assert!(station.stderr(&["firmware", "remove", "lab", "--confirm", "lab"], 75).contains('p'));
    station.json(&["project", "set", "p", "--eeprom", ""]);
    let removed = station.json(&["firmware", "remove", "lab", "--confirm", "lab"]);
    assert_eq!(removed[0]["event"], "removed");
}

#[test]
fn a_project_keeps_what_it_does_with_eeproms_in_clones_and_files() {
    let station = Station::start();
    fs::write(station.path("pieeprom.bin"), pi4_of("1754265600", CONF)).unwrap();
    station.json(&["firmware", "add", "lab", "pieeprom.bin"]);
    let error = station.stderr(&["project", "add", "p", "--eeprom-set", "BOOT_UART=1"], 2);
    assert!(error.contains("no EEPROM image") && error.contains("--eeprom FIRMWARE"), "{error}");
    let add = [
        "project",
        "add",
        "p",
        "--eeprom",
        "lab",
        "--eeprom-set",
        "BOOT_UART=1",
        "--eeprom-set",
        "FUTURE=a b",
        "--eeprom-unset",
        "NEW_THING",
        "--eeprom-boot-from-target",
        "--eeprom-when",
        "if-older",
        "--eeprom-otherwise",
        "go-on",
    ];
    let out = station.run(&add);
    let said = String::from_utf8(out.stderr.clone()).unwrap();
    assert!(out.status.success() && said.contains("FUTURE is no setting that is known"), "{out:?}");
    let want = json!({
        "firmware": "lab", "when": "if-older", "otherwise": "go-on", "boot_from_target": true, "unset": ["NEW_THING"],
        "set": {"BOOT_UART": "1", "FUTURE": "a b"},
    });
    let of = |name: &str| station.json(&["project", "show", name])[0]["value"]["eeprom"].clone();
    assert_eq!(of("p"), want);
    let shown = String::from_utf8(station.run(&["project", "show", "p"]).stdout).unwrap();
    assert!(
        shown.contains("lab, BOOT_UART=1, FUTURE=a b, without NEW_THING, boots from the disk, if-older"),
        "{shown}"
    );

    station.json(&["project", "clone", "p", "q"]);
    assert_eq!(of("q"), want);
    assert!(station.run(&["project", "export", "p", "-o", "p.toml"]).status.success());
    station.json(&["project", "import", "p.toml", "--name", "r"]);
    assert_eq!(of("r"), want);
    // What isn't said stays.
    station.json(&["project", "set", "q", "--end", "wait"]);
    assert_eq!(of("q"), want);
    let set = [
        "project",
        "set",
        "q",
        "--eeprom-leave",
        "FUTURE",
        "--eeprom-set",
        "NEW_THING=2",
        "--eeprom-boot-from-target=no",
    ];
    station.json(&set);
    let changed = of("q");
    assert_eq!(changed["set"], json!({"BOOT_UART": "1", "NEW_THING": "2"}));
    assert_eq!((changed.get("unset"), &changed["boot_from_target"]), (None, &json!(false)));
    let error = station.stderr(&["project", "set", "q", "--eeprom-set", "A=1", "--eeprom-unset", "A"], 2);
    assert!(error.contains("A is said twice"), "{error}");
    let error = station.stderr(&["project", "set", "q", "--eeprom-set", "BOOT_UART=yes"], 65);
    assert!(error.contains("0 or 1 was expected"), "{error}");
    station.json(&["project", "set", "q", "--eeprom", ""]);
    assert!(of("q").is_null());
    // A file that names an image which isn't there is refused.
    let file = fs::read_to_string(station.path("p.toml")).unwrap().replace("\"lab\"", "\"other\"");
    fs::write(station.path("other.toml"), file).unwrap();
    let out = station.run(&["project", "import", "other.toml", "--name", "s"]);
    assert!(!out.status.success() && String::from_utf8(out.stderr).unwrap().contains("other"));
}
