//! EEPROM images, and what projects do with them, as a browser without a script uses them.

use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::deb::deb;
use crate::eeprom::{Half, ab, pi4_of};
use crate::station::{Answer, Board, Station, request};

/// The built-in date of the images here: 2025-08-04.
const BUILT: &str = "1754265600";
const CONF: &[u8] = b"[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\nNEW_THING=1\n# <script>alert(1)</script>\n";

fn start(dir: &std::path::Path) -> Station {
    Station::start(dir, &["--enrol", "open"])
}

fn add(browser: &Browser<'_>, name: &str, channel: &str, file: &[u8]) -> Answer {
    let fields = [("name", name), ("channel", channel)];
    browser.post_file("/firmware", &browser.proof(), &fields, file)
}

#[track_caller]
fn done(browser: &Browser<'_>, path: &str, fields: &[(&str, &str)]) {
    let answer = browser.post(path, fields);
    assert_eq!(answer.status, 303, "{path}: {}", text(&answer));
}

#[test]
fn an_image_comes_in_is_shown_with_what_is_in_it_and_goes_where_no_project_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    assert!(ada.page("/firmware").contains("There is no image yet"));
    let image = pi4_of(BUILT, CONF);
    let answer = add(&ada, "lab 4", "default", &image);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/firmware/lab%204")),
        "{}",
        text(&answer)
    );
    let five = ab(&Half { firmware: 7, conf: b"[all]\nBOOT_ORDER=0xf416\n" }, None);
    assert_eq!(add(&ada, "lab 5", "", &five).status, 303);

    let list = ada.page("/firmware");
    for text in
        ["BCM2711", "BCM2712", "2025-08-04", "default", "0a7ef05f", "<td class=\"n\">7</td>", "no project"]
    {
        assert!(list.contains(text), "{text}: {list}");
    }
    let page = ada.page("/firmware/lab%204");
    for text in [
        "BOOT_UART=0",
        "not known; it stays as it is",
        "bootcode",
        "signed by Raspberry Pi",
        "no: for boards without",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // What is in it is shown, and nothing of it is run.
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script>alert"), "{page}");
    let file = ada.get("/firmware/lab%204/image");
    assert_eq!((file.status, file.body == image), (200, true));
    let kind = file.header("content-disposition").unwrap();
    assert_eq!(kind, "attachment; filename=\"pieeprom-2025-08-04.bin\"");

    // Who only looks sees the same, and changes nothing.
    let vic = Browser::user(&station, "vic", "viewer");
    assert!(vic.page("/firmware/lab%204").contains("BOOT_UART=0"));
    assert!(!vic.page("/firmware").contains("name=\"file\""));
    assert_eq!(add(&vic, "x", "", &image).status, 403);
    assert_eq!(vic.post("/firmware/lab%204/remove", &[("sure", "1")]).status, 403);

    done(&ada, "/projects/new", &[("name", "gate way"), ("eeprom-firmware", "lab 4")]);
    let list = ada.page("/firmware");
    assert!(list.contains("<a href=\"/project/gate%20way\">gate way</a>"), "{list}");
    assert!(ada.page("/firmware/lab%204").contains("A project uses it"));
    let kept = ada.post("/firmware/lab%204/remove", &[("sure", "1")]);
    assert_eq!(kept.status, 409, "{}", text(&kept));
    done(&ada, "/project/gate%20way/remove", &[("sure", "1")]);
    assert_eq!(ada.post("/firmware/lab%204/remove", &[]).status, 422, "one click removes nothing");
    done(&ada, "/firmware/lab%204/remove", &[("sure", "1")]);
    assert_eq!(ada.get("/firmware/lab%204").status, 404);
}

#[test]
fn what_is_no_image_is_not_taken_and_what_was_typed_still_stands_there() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let image = pi4_of(BUILT, CONF);
    for (name, channel, file, status, why) in [
        ("lab", "", &b"no image"[..], 422, "no image of an EEPROM"),
        ("lab", "", &image[..image.len() - 1], 422, "no image of an EEPROM"),
        ("lab", "", &vec![0xff; 512 << 10], 422, "no image of an EEPROM"),
        ("lab", "<i>", &image, 422, "A channel has 1 to 32 letters"),
        ("a/b", "default", &image, 422, "name"),
        ("lab", "", &pi4_of(BUILT, b"[all]\nA=\x1b[2J\n"), 422, "control characters"),
    ] {
        let answer = add(&ada, name, channel, file);
        let page = text(&answer);
        assert_eq!(answer.status, status, "{name} {channel}: {page}");
        assert!(page.contains(why), "{why}: {page}");
        assert!(page.contains(&format!("name=\"name\" value=\"{name}\"")), "{page}");
        assert!(!page.contains("value=\"<i>"), "{page}");
        assert!(!page.contains('\u{1b}'), "{page:?}");
    }
    let huge = add(&ada, "lab", "", &vec![0; (2 << 20) + 1]);
    assert!(text(&huge).contains("too long"), "{} {}", huge.status, text(&huge));
    // A form of another page.
    let forged = ada.post_file("/firmware", "forged", &[("name", "lab")], &image);
    assert_eq!(forged.status, 403);
    assert_eq!(station.admin("GET", "/api/v1/firmware", None).ok()["items"], json!([]));
    // One name, one image.
    assert_eq!(add(&ada, "lab", "", &image).status, 303);
    let other = add(&ada, "lab", "", &pi4_of("1754265601", CONF));
    assert_eq!(other.status, 409, "{}", text(&other));
    assert!(text(&other).contains("value=\"lab\""));
}

#[test]
fn of_a_package_the_newest_image_of_a_channel_is_taken_and_says_where_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let (old, new) = (pi4_of("1735689600", CONF), pi4_of(BUILT, CONF));
    let (latest, five) = (pi4_of("1767225600", CONF), ab(&Half { firmware: 7, conf: b"" }, None));
    let package = deb(
        "rpi-eeprom",
        "28.1-1<b>",
        &[
            ("./usr/lib/firmware/raspberrypi/bootloader-2711/default/pieeprom-2025-01-01.bin", &old[..]),
            ("./usr/lib/firmware/raspberrypi/bootloader-2711/default/pieeprom-2025-08-04.bin", &new[..]),
            ("./usr/lib/firmware/raspberrypi/bootloader-2711/latest/pieeprom-2026-01-01.bin", &latest[..]),
            ("./usr/lib/firmware/raspberrypi/bootloader-2712/default/pieeprom.bin", &five[..]),
            ("./usr/lib/firmware/raspberrypi/bootloader-2711/default/recovery.bin", &b"short"[..]),
        ],
    );
    let send = |name: &str, channel: &str, board: &str| {
        let fields = [("name", name), ("channel", channel), ("board", board)];
        ada.post_file("/firmware", &ada.proof(), &fields, &package)
    };
    // For whom it is has to be said where it has images of two chips.
    let which = send("lab", "", "");
    let page = text(&which);
    assert!(which.status == 422 && page.contains("several of its images may be meant"), "{page}");
    assert!(page.contains("BCM2711 default 2025-08-04") && page.contains("BCM2712 default"), "{page}");
    let none = send("lab", "beta", "4");
    assert!(text(&none).contains("none of its images is that"), "{}", text(&none));
    assert_eq!(send("lab", "", "<i>").status, 422);
    assert_eq!(send("four", "", "4").status, 303);
    assert_eq!(send("four-latest", "latest", "4").status, 303);
    assert_eq!(send("five", "", "5").status, 303);
    for (name, bytes) in [("four", &new), ("four-latest", &latest), ("five", &five)] {
        let file = ada.get(&format!("/firmware/{name}/image"));
        assert!(file.status == 200 && file.body == *bytes, "{name}");
    }
    let page = ada.page("/firmware/four");
    assert!(page.contains("rpi-eeprom 28.1-1&#60;b&#62;: usr/lib/firmware"), "{page}");
    let known = station.admin("GET", "/api/v1/firmware/four", None).ok();
    assert_eq!(known["channel"], "default");
    // By the call, the same; and one image that isn't for the board that was named isn't taken.
    let put = |path: &str, bytes: &[u8]| station.put(path, bytes);
    assert_eq!(put("/api/v1/firmware/again?board=cm5", &package).ok()["chip"], "BCM2712");
    assert_eq!(put("/api/v1/firmware/wrong?board=cm5", &new).status, 422);
    let empty = put("/api/v1/firmware/x", &deb("empty", "1", &[("./a.bin", &b"short"[..])]));
    assert!(empty.status == 422 && text(&empty).contains("no image of an EEPROM is in the package"));
}

#[test]
fn images_on_the_stations_host_are_offered_and_what_is_named_is_never_opened_by_that_name() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("firmware");
    let put = |name: &str, bytes: &[u8]| {
        let path = there.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let (old, new) = (pi4_of("1735689600", CONF), pi4_of(BUILT, CONF));
    put("bootloader-2711/default/pieeprom-2025-01-01.bin", &old);
    put("bootloader-2711/default/pieeprom-2025-08-04.bin", &new);
    put("bootloader-2711/latest/<b>.bin", &pi4_of("1767225600", CONF));
    std::fs::write(dir.path().join("secret.bin"), pi4_of("1700000000", CONF)).unwrap();
    std::os::unix::fs::symlink("../secret.bin", there.join("link.bin")).unwrap();
    let settings = format!("[station]\nfirmware-dir = {:?}\n", there.to_str().unwrap());
    std::fs::write(dir.path().join("piprov.toml"), settings).unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open", "--config", "piprov.toml"]);
    let ada = Browser::first(&station);
    assert!(ada.page("/firmware").contains("href=\"/host-firmware\""));
    let page = ada.page("/host-firmware");
    for text in
        ["bootloader-2711/default/pieeprom-2025-08-04.bin", "bcm2711-default-2025-08-04", "&#60;b&#62;.bin"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        !page.contains("2025-01-01") && !page.contains("link.bin") && !page.contains("<b>.bin"),
        "{page}"
    );
    for file in
        ["../secret.bin", "link.bin", "/etc/passwd", "", "bootloader-2711/default/pieeprom-2025-01-01.bin"]
    {
        let answer = ada.post("/host-firmware", &[("name", "x"), ("file", file)]);
        assert_eq!(answer.status, 404, "{file}: {}", text(&answer));
    }
    let file = "bootloader-2711/default/pieeprom-2025-08-04.bin";
    assert_eq!(ada.post("/host-firmware", &[("name", "a/b"), ("file", file)]).status, 422);
    done(&ada, "/host-firmware", &[("name", "lab"), ("file", file)]);
    assert!(ada.get("/firmware/lab/image").body == new);
    let from = format!("{}/{file}", there.display());
    assert!(ada.page("/firmware/lab").contains(&from));
    assert!(ada.page("/host-firmware").contains("here as <a href=\"/firmware/lab\">lab</a>"));
    // Programs see the same.
    let known = station.admin("GET", "/api/v1/host-firmware", None).ok();
    assert_eq!(known["directory"], there.to_str().unwrap());
    assert_eq!(
        (&known["images"][0]["file"], &known["images"][0]["image"]["name"]),
        (&json!(file), &json!("lab"))
    );
    let take = json!({"name": "late", "file": "bootloader-2711/latest/<b>.bin"});
    let taken = station.admin("POST", "/api/v1/host-firmware", Some(&take));
    assert_eq!((taken.status, taken.json()["channel"].clone()), (201, json!("latest")));
    // Who only looks looks elsewhere.
    let vic = Browser::user(&station, "vic", "viewer");
    assert_eq!(vic.get("/host-firmware").status, 403);
    assert_eq!(vic.post("/host-firmware", &[("name", "x"), ("file", file)]).status, 403);
    // Nothing there is no success.
    std::fs::remove_dir_all(&there).unwrap();
    let page = ada.page("/host-firmware");
    assert!(page.contains("There is none: "), "{page}");
    std::fs::create_dir(&there).unwrap();
    assert!(ada.page("/host-firmware").contains("no EEPROM image is in"));
}

#[test]
fn a_projects_settings_are_explained_kept_and_a_mistyped_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    assert_eq!(add(&ada, "lab", "", &pi4_of(BUILT, CONF)).status, 303);
    let new = ada.page("/projects/new");
    assert!(
        new.contains("lab: BCM2711, built 2025-08-04") && new.contains("<code>BOOT_UART</code>"),
        "{new}"
    );
    let settings = "BOOT_UAT=1\r\nBOOT_UART = 1\r\nFUTURE_KEY=a b\r\n-NEW_THING\r\n";
    let fields = [
        ("eeprom-firmware", "lab"),
        ("eeprom-when", "if-older"),
        ("eeprom-otherwise", "go-on"),
        ("eeprom-boot", "1"),
        ("eeprom-settings", settings),
    ];
    done(&ada, "/projects/new", &[&[("name", "p")], &fields[..]].concat());
    let told = ada.page("/projects");
    assert!(
        told.contains("BOOT_UAT is no setting that is known") && told.contains("is BOOT_UART meant?"),
        "{told}"
    );
    let eeprom = |station: &Station| station.admin("GET", "/api/v1/projects/p", None).ok()["eeprom"].clone();
    let want = json!({
        "firmware": "lab", "when": "if-older", "otherwise": "go-on", "boot_from_target": true,
        "unset": ["NEW_THING"], "set": {"BOOT_UART": "1", "BOOT_UAT": "1", "FUTURE_KEY": "a b"},
    });
    assert_eq!(eeprom(&station), want);
    let page = ada.page("/project/p");
    for text in ["<del>NEW_THING=1</del>", "+ BOOT_UART=1", "FUTURE_KEY is no setting", "is BOOT_UART meant?"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("<script>alert"), "{page}");
    // The form that is there, sent as it is, changes nothing: unknown keys stay.
    let field = crate::browser::between(&page, "name=\"eeprom-settings\"", "</textarea>").unwrap();
    let shown = field.split_once('>').unwrap().1.to_owned();
    assert_eq!(shown, "-NEW_THING\nBOOT_UART=1\nBOOT_UAT=1\nFUTURE_KEY=a b\n");
    let same = [&fields[..4], &[("eeprom-settings", shown.as_str())]].concat();
    done(&ada, "/project/p", &same);
    assert_eq!(eeprom(&station), want);

    // What can't be is told, and all that was typed still stands there.
    for (settings, why) in [
        ("BOOT_UART=yes", "0 or 1 was expected"),
        ("BOOT_UART", "a line is KEY=VALUE"),
        ("BOOT_UART=1\nBOOT_UART=0", "stands there twice"),
        ("<b>=1", "&#60;b&#62;"),
        ("BOOT_ORDER=0xf1", "one of them"),
        ("-BOOT_UART\nBOOT_UART=1", "to be set and to be taken out"),
    ] {
        let refused = ada.post("/project/p", &[&fields[..4], &[("eeprom-settings", settings)]].concat());
        let page = text(&refused);
        assert_eq!(refused.status, 422, "{settings}: {page}");
        assert!(page.contains(why) && page.contains("<option value=\"lab\" selected>"), "{settings}: {page}");
        assert!(!page.contains("<b>=1"), "{page}");
    }
    let none = ada.post("/project/p", &[("eeprom-firmware", "no such"), ("eeprom-settings", "")]);
    assert_eq!(none.status, 404, "{}", text(&none));
    let lonely = ada.post("/project/p", &[("eeprom-settings", "BOOT_UART=1")]);
    assert_eq!((lonely.status, text(&lonely).contains("no image is chosen")), (422, true));
    assert_eq!(eeprom(&station), want);
    done(&ada, "/project/p", &[("eeprom-firmware", "")]);
    assert_eq!(eeprom(&station), Value::Null);
    assert!(ada.page("/project/p").contains("stays as it is"));
}

/// A board with a Pi 4's EEPROM, which its client can write.
fn register(station: &Station, board: &mut Board) {
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = board.told(hello["nonce"].as_str().unwrap());
    told["revision"] = json!(0x00c0_3114);
    told["eeprom"] = json!({"built": 1_650_968_668, "version": "<b>v1", "signed": 0, "flash": 512 << 10});
    let body = told.to_string();
    let told = board.register_with(station, body.as_bytes(), &board.sign(body.as_bytes())).ok();
    board.token = told["token"].as_str().unwrap().to_owned();
    board.id = told["board"].as_str().unwrap().to_owned();
}

#[test]
fn rules_say_what_would_become_of_an_eeprom_and_a_run_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let image = pi4_of(BUILT, CONF);
    assert_eq!(add(&ada, "lab", "", &image).status, 303);
    station.put("/api/v1/images/os", &[7; 1 << 20]).ok();
    let project =
        json!({"name": "p", "image": "os", "eeprom": {"firmware": "lab", "set": {"BOOT_UART": "1"}}});
    station.admin("PUT", "/api/v1/projects/p", Some(&project)).ok();
    let mut board = Board::new("10000000af04b2da");
    register(&station, &mut board);
    let rule = json!({"name": "all", "matching": {"serials": ["10000000af04b2da"]}, "what": {"do": "project", "project": "p"}});
    station.admin("POST", "/api/v1/rules", Some(&rule)).ok();
    let would = "lab would be written by the agent and read back";
    assert!(ada.page("/rules/try?board=10000000af04b2da").contains(would));
    let test = station.admin("GET", &format!("/api/v1/boards/{}/rules", board.id), None).ok();
    assert_eq!(test["eeprom"], would);

    let jobs = format!("/api/v1/boards/{}/jobs", board.id);
    station.admin("POST", &jobs, Some(&json!({"action": "deploy", "project": "p"}))).ok();
    let work = board.work(&station, 5).ok();
    let (job, token) = (work["job"].as_str().unwrap(), work["token"].as_str().unwrap());
    let path = format!("/api/v1/device/jobs/{job}/manifest");
    let manifest =
        station.raw(&request("GET", &path, Some(token), None, &[("piprov-can", "scripts eeprom")])).ok();
    assert_eq!(manifest["eeprom"]["name"], "lab");
    let run = station.admin("GET", "/api/v1/runs", None).ok()["items"][0]["run"].as_str().unwrap().to_owned();
    let page = ada.page(&format!("/runs/{run}"));
    for text in ["is to be written by the agent", "built 2022-04-26, version &#60;b&#62;v1", "+ BOOT_UART=1"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    let told = json!({"before": "ab".repeat(32), "built": 1_650_968_668, "written": 4096, "read_back": "cd".repeat(32)});
    let body = json!({"fence": work["fence"], "stage": "report", "failed": "it broke", "eeprom": told});
    station.call("POST", &format!("/api/v1/device/jobs/{job}/result"), Some(token), Some(&body)).ok();
    let page = ada.page(&format!("/runs/{run}"));
    assert!(page.contains("<span aria-hidden=\"true\">✕</span> failed"), "{page}");
    assert!(page.contains(&format!("sha256 {}", "cd".repeat(32))), "{page}");
    let report = ada.page("/runs/report");
    let line = "EEPROM lab; failed; before built 2022-04-26, version &#60;b&#62;v1, sha256 abab";
    assert!(report.contains(line), "{report}");
    let csv = ada.page("/runs.csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let of = |name: &str| row[head.iter().position(|one| one == name).unwrap()].to_owned();
    assert_eq!((of("eeprom"), of("eeprom_state")), ("lab".to_owned(), "failed".to_owned()));
    assert_eq!(
        (of("eeprom_before"), of("eeprom_built")),
        ("2022-04-26T10:24:28Z".into(), "2025-08-04T00:00:00Z".into())
    );
    assert_eq!(of("eeprom_read_back"), "cd".repeat(32));
}
