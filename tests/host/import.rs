//! What cmprovision and rpi-sb-provisioner had comes over: databases as their programs make them, by their migrations.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::{ConnectOptions, Connection};

use crate::station_cli::Station;

/// The tables of cmprovision 1.6.4, and what a bench has in them.
const CMPROVISION: &str = r#"
CREATE TABLE images (id integer primary key autoincrement not null, filename varchar not null, filename_on_server varchar not null,
    filename_extension varchar not null, sha256 varchar not null, created_at datetime, updated_at datetime, uncompressed_sha256 varchar,
    uncompressed_size bigint);
CREATE TABLE scripts (id integer primary key autoincrement not null, name varchar not null, script_type varchar not null,
    bg tinyint not null, priority integer not null default 100, script text not null, created_at datetime, updated_at datetime);
CREATE TABLE labels (id integer primary key autoincrement not null, name varchar not null, printer_type varchar not null,
    print_command varchar, ftp_hostname varchar, ftp_username varchar, ftp_password varchar, file_extension varchar,
    template text not null, created_at datetime, updated_at datetime);
CREATE TABLE projects (id integer primary key autoincrement not null, name varchar not null, device varchar not null,
    storage varchar not null, image_id integer, label_id integer, label_moment varchar not null, eeprom_firmware varchar,
    eeprom_settings text, created_at datetime, updated_at datetime, verify tinyint not null default 0);
CREATE TABLE project_script (project_id integer not null, script_id integer not null);
CREATE TABLE cms (id integer primary key autoincrement not null, serial varchar not null unique, mac varchar, model varchar,
    memory_in_gb integer, storage integer, cid varchar, csd varchar, firmware varchar, image_filename varchar, image_sha256 varchar,
    pre_script_output text, post_script_output text, script_return_code integer, temp1 integer, temp2 integer, project_id integer,
    provisioning_board varchar, provisioning_started_at datetime, provisioning_complete_at datetime, created_at datetime,
    updated_at datetime);
CREATE TABLE cmlogs (id integer primary key autoincrement not null, cm varchar, board varchar, ip varchar, loglevel varchar,
    msg text, created_at datetime, updated_at datetime);
CREATE TABLE settings (key varchar primary key, value varchar);
CREATE TABLE hosts (id integer primary key autoincrement not null, ip varchar, mac varchar, hostname varchar, created_at datetime,
    updated_at datetime);
CREATE TABLE users (id integer primary key autoincrement not null, name varchar not null, email varchar not null,
    password varchar not null, created_at datetime, updated_at datetime);
INSERT INTO images VALUES (1, 'gateway.img', 'k3Jd9.img', 'img', '@SHA@', '2023-01-01 00:00:00', NULL, NULL, NULL),
    (2, 'gone.img.xz', 'gone.xz', 'xz', '', '2023-01-01 00:00:00', NULL, NULL, NULL);
INSERT INTO scripts VALUES (1, 'Resize ext4 partition', 'postinstall', 0, 50, 'resize2fs $PART2' || char(10), NULL, NULL),
    (2, 'odd', 'preinstall', 1, 100, 'a' || char(27) || 'b', NULL, NULL);
INSERT INTO labels VALUES (1, 'Datamatrix', 'command', 'lpr', NULL, NULL, 'secret', 'jscript', 'J $serial', NULL, NULL);
INSERT INTO projects VALUES (1, 'gateway', 'cm4', '/dev/mmcblk0', 1, 1, 'postinstall', 'stable/pieeprom-2025-08-04.bin',
    'BOOT_UART=1' || char(10), NULL, NULL, 1), (2, 'odd', 'cm4', '/dev/mmcblk0', 2, NULL, 'never', NULL, NULL, NULL, NULL, 0),
    (3, 'late', 'cm4', '/dev/mmcblk0', 2, NULL, 'never', NULL, NULL, NULL, NULL, 0);
INSERT INTO project_script VALUES (1, 1), (2, 2);
INSERT INTO cms (id, serial, mac, model, memory_in_gb, storage, cid, image_filename, post_script_output, script_return_code, temp1,
    temp2, project_id, provisioning_board, provisioning_started_at, provisioning_complete_at) VALUES
    (1, '10000000af04b2da', 'dc:a6:32:01:02:03', 'Raspberry Pi Compute Module 4 Rev 1.0', 2, 7818182656,
    '150100424a54443452079a3ef0d2b1a7', 'gateway.img', 'resized' || char(10), 0, 48, 55, 1, '011 (3)', '2023-01-11 17:40:52',
    '2023-01-11 17:45:52'), (2, '10000000af04b2db', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL,
    '2023-01-12 10:00:00', NULL);
INSERT INTO cmlogs VALUES (1, '10000000af04b2da', '011 (3)', NULL, 'info', 'Provisioning started', '2023-01-11 17:40:52', NULL),
    (2, '10000000af04b2db', NULL, NULL, 'error', 'Error during dd. Return code 1.', '2023-01-12 10:01:00', NULL);
INSERT INTO settings VALUES ('active_project', '1'), ('ethernetswitch_ip', '10.0.0.2');
INSERT INTO hosts VALUES (1, '172.20.0.9', 'dc:a6:32:01:02:03', 'bench', NULL, NULL);
INSERT INTO users VALUES (1, 'Ada', 'ada@example.org', '$2y$10$abc', NULL, NULL);
"#;

const SB_PROVISIONER: &str = "
CREATE TABLE devices (id integer primary key, boardname text, serial text, eth_mac text, wifi_mac text, bt_mac text, mmc_size text,
    mmc_cid text, rpi_duid text, board_revision text, processor text, memory text, manufacturer text, secure text, jtag_locked text,
    os_image_filename text, os_image_sha256 text, provision_ts datetime default current_timestamp);
INSERT INTO devices (boardname, serial, eth_mac, jtag_locked, os_image_filename, provision_ts, rpi_duid, mmc_size, memory) VALUES
    ('CM4', '10000000af04b2da', 'dc:a6:32:01:02:03', '1', 'gold.img', '2026-08-18 10:00:00', '0123456789ABCDEF', '7818182656', '4GB'),
    ('CM4', '10000000af04b2da', 'dc:a6:32:01:02:03', '1', 'gold.img', '2026-08-19 10:00:00', '0123456789ABCDEF', '7818182656', '4GB');
";

fn database(path: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut db = options.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
}

/// A station, and a directory as cmprovision has it.
fn cmprovision() -> Station {
    let station = Station::start();
    let image: Vec<u8> = (0..3 << 20).map(|n: u32| (n / 7) as u8).collect();
    let sha = piprov::format::hex(&<sha2::Sha256 as sha2::Digest>::digest(&image));
    fs::create_dir_all(station.path("cmp/public/uploads")).unwrap();
    fs::create_dir_all(station.path("cmp/storage/app/firmware/stable")).unwrap();
    fs::write(station.path("cmp/public/uploads/k3Jd9.img"), &image).unwrap();
    let firmware = crate::eeprom::pi4_of("1754265600", b"[all]\nBOOT_UART=0\n");
    fs::write(station.path("cmp/storage/app/firmware/stable/pieeprom-2025-08-04.bin"), firmware).unwrap();
    database(&station.path("cmp/database.sqlite"), &CMPROVISION.replace("@SHA@", &sha));
    station
}

fn count(lines: &[Value], what: &str) -> (u64, u64) {
    let line = lines.iter().find(|line| line["event"] == "imported" && line["what"] == what);
    line.map_or((0, 0), |line| (line["new"].as_u64().unwrap(), line["already"].as_u64().unwrap()))
}

fn left<'a>(lines: &'a [Value], what: &str) -> Vec<&'a str> {
    let lines = lines.iter().filter(|line| line["event"] == "left-out" && line["what"] == what);
    lines.map(|line| line["why"].as_str().unwrap()).collect()
}

#[test]
fn all_of_cmprovision_comes_over_once_and_what_does_not_is_named() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    let (file, dir) = (path("cmp/database.sqlite"), path("cmp"));
    let before = fs::read(&file).unwrap();
    let args = ["import", "cmprovision", &file, "--files", &dir];
    let dry = station.json(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(
        (count(&dry, "image"), count(&dry, "record"), count(&dry, "project")),
        ((1, 0), (2, 0), (2, 0)),
        "{dry:#?}"
    );
    assert!(station.json(&["project", "list"]).is_empty() && station.json(&["image", "list"]).is_empty());
    assert!(station.json(&["label", "list"]).is_empty());

    let lines = station.json(&args);
    for (what, new) in [
        ("image", 1),
        ("EEPROM image", 1),
        ("script", 1),
        ("project", 2),
        ("user", 1),
        ("record", 2),
        ("label", 1),
    ] {
        assert_eq!(count(&lines, what), (new, 0), "{what}: {lines:#?}");
    }
    assert!(left(&lines, "image")[0].contains("gone.xz"), "{lines:#?}");
    assert!(left(&lines, "script")[0].contains("control character"), "{lines:#?}");
    assert!(left(&lines, "project")[0].contains("its script `odd`"), "{lines:#?}");
    assert!(left(&lines, "image of a project")[0].contains("the image `gone` isn't taken"), "{lines:#?}");
    assert_eq!(left(&lines, "setting").len(), 1);
    assert_eq!(fs::read(&file).unwrap(), before, "the database has changed");
    let label = station.json(&["label", "show", "Datamatrix"]).remove(0)["value"].clone();
    assert_eq!((&label["language"], &label["text"]), (&"jscript".into(), &"J {serial}".into()));
    // A command of theirs becomes none of ours.
    assert!(left(&lines, "printer of a label")[0].contains("the station's settings"), "{lines:#?}");
    assert!(station.json(&["printer", "list"]).is_empty());

    let project = station.json(&["project", "show", "gateway"]).remove(0)["value"].clone();
    assert_eq!(
        (&project["image"], &project["end"], &project["again"]),
        (&"gateway".into(), &"wait".into(), &"skip".into())
    );
    assert_eq!(project["eeprom"]["firmware"], "pieeprom-2025-08-04", "{project:#}");
    assert_eq!(project["eeprom"]["set"]["BOOT_UART"], "1");
    let users = station.json(&["user", "list"]);
    let ada = users.iter().find(|user| user["value"]["name"] == "Ada").unwrap();
    assert_eq!((&ada["value"]["disabled"], &ada["value"]["role"]), (&true.into(), &"viewer".into()));
    // Its history: nothing of it is proved here, and all of it is kept.
    let runs = station.json(&["run", "list", "--station", &station.url()]);
    let of =
        |serial: &str| runs.iter().find(|run| run["value"]["serial"] == serial).unwrap()["value"].clone();
    let (done, failed) = (of("10000000af04b2da"), of("10000000af04b2db"));
    assert_eq!(
        (&done["outcome"], &done["took"], &done["project"]),
        (&"not-verified".into(), &300_000.into(), &"gateway".into())
    );
    assert_eq!(
        (&failed["outcome"], &failed["why"]),
        (&"failed".into(), &"Error during dd. Return code 1.".into())
    );
    let log = station.json(&["run", "log", done["run"].as_str().unwrap(), "--station", &station.url()]);
    let log: Vec<_> = log.iter().map(|line| line["value"]["text"].as_str().unwrap()).collect();
    assert_eq!(log, ["info: Provisioning started", "resized"]);
    let board = station.json(&["board", "show", "10000000af04b2da"]).remove(0)["value"].clone();
    assert_eq!(
        (&board["memory"], &board["enrolment"]),
        (&(2u64 << 30).into(), &"waiting".into()),
        "{board:#}"
    );

    // A second time nothing comes twice.
    let again = station.json(&args);
    for what in ["image", "EEPROM image", "script", "project", "user", "record", "label"] {
        let (new, already) = count(&again, what);
        assert!(new == 0 && already > 0, "{what}: {again:#?}");
    }
    assert_eq!(station.json(&["run", "list", "--station", &station.url()]).len(), 2);
}

#[test]
fn an_image_that_was_damaged_comes_when_it_is_mended_and_its_project_has_it_then() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    let args = ["import", "cmprovision", &path("cmp/database.sqlite"), "--files", &path("cmp")];
    let file = station.path("cmp/public/uploads/k3Jd9.img");
    let good = fs::read(&file).unwrap();
    let mut torn = good.clone();
    torn[1 << 20] ^= 1;
    fs::write(&file, torn).unwrap();
    let lines = station.json(&args);
    assert_eq!(count(&lines, "image"), (0, 0), "{lines:#?}");
    assert!(
        left(&lines, "image of a project").iter().any(|why| why.contains("the image `gateway` isn't taken")),
        "{lines:#?}"
    );
    assert!(station.json(&["image", "list"]).is_empty(), "what hasn't come whole doesn't stay");
    // A dry run compares it too.
    let dry = station.json(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(count(&dry, "image"), (0, 0), "{dry:#?}");
    assert!(left(&dry, "image").iter().any(|why| why.contains("its sha256 is")), "{dry:#?}");
    let image =
        |station: &Station| station.json(&["project", "show", "gateway"]).remove(0)["value"]["image"].clone();
    assert_eq!(image(&station), Value::Null);
    fs::write(&file, good).unwrap();
    let lines = station.json(&args);
    assert_eq!(count(&lines, "image"), (1, 0), "{lines:#?}");
    assert_eq!(image(&station), "gateway");
}

/// What a project of the station has.
fn of_project(station: &Station, project: &str, member: &str) -> Value {
    station.json(&["project", "show", project]).remove(0)["value"][member].clone()
}

#[test]
fn what_merely_has_the_same_name_is_not_what_a_project_had() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    let (file, dir) = (path("cmp/database.sqlite"), path("cmp"));
    let bare = ["import", "cmprovision", &file];
    let args = ["import", "cmprovision", &file, "--files", &dir];
    // The station's own image and EEPROM image, which are called like those of the old server.
    fs::write(station.path("own.img"), vec![7; 4 << 20]).unwrap();
    station.json(&["image", "add", &path("own.img"), "--name", "gateway"]);
    fs::write(station.path("own.bin"), crate::eeprom::pi4_of("1700000000", b"[all]\n")).unwrap();
    station.json(&["firmware", "add", "pieeprom-2025-08-04", &path("own.bin")]);

    // Without its file it can't be taken, and no project has the other one instead.
    let lines = station.json(&bare);
    assert!(left(&lines, "image of a project")[0].contains("the image `gateway` isn't taken"), "{lines:#?}");
    assert!(left(&lines, "EEPROM of a project")[0].contains("isn't taken"), "{lines:#?}");
    for member in ["image", "eeprom"] {
        assert_eq!(of_project(&station, "gateway", member), Value::Null, "{member}");
    }

    let dry = station.json(&[&args[..], &["--dry-run"]].concat());
    assert_eq!((count(&dry, "image"), count(&dry, "EEPROM image")), ((1, 0), (1, 0)), "{dry:#?}");
    let lines = station.json(&args);
    assert_eq!((count(&lines, "image"), count(&lines, "EEPROM image")), ((1, 0), (1, 0)), "{lines:#?}");
    let changed = |lines: &[Value], what: &str| {
        let is = |line: &&Value| line["kind"] == "changed" && line["what"] == what;
        lines.iter().find(is).map(|line| line["why"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert!(changed(&lines, "image").contains("`gateway-2`"), "{lines:#?}");
    assert!(changed(&lines, "EEPROM image").contains("`pieeprom-2025-08-04-2`"), "{lines:#?}");
    let again = station.json(&args);
    assert_eq!((count(&again, "image"), count(&again, "EEPROM image")), ((0, 1), (0, 1)), "{again:#?}");
    assert_eq!(of_project(&station, "gateway", "image"), "gateway-2");
    assert_eq!(of_project(&station, "gateway", "eeprom")["firmware"], "pieeprom-2025-08-04-2");
    assert_eq!(station.json(&["image", "list"]).len(), 2);
    let sizes = ["gateway", "gateway-2"].map(|name| {
        station.json(&["image", "show", name]).remove(0)["value"]["raw_len"].as_u64().unwrap() >> 20
    });
    assert_eq!(sizes, [4, 3]);
    // A project that has all of it lacks nothing, also where its files aren't there any more.
    let lines = station.json(&bare);
    let lack = |what: &str| lines.iter().any(|line| line["what"] == what && line["name"] == "gateway");
    assert!(!lack("image of a project") && !lack("EEPROM of a project"), "{lines:#?}");
}

#[test]
fn an_image_without_a_digest_is_said_not_to_be_compared_and_is_known_again() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    database(&station.path("cmp/database.sqlite"), "UPDATE images SET sha256 = '' WHERE id = 1;");
    let args = ["import", "cmprovision", &path("cmp/database.sqlite"), "--files", &path("cmp")];
    let noted = |lines: &[Value]| lines.iter().any(|line| line["kind"] == "noted" && line["what"] == "image");
    let lines = station.json(&args);
    assert!(count(&lines, "image") == (1, 0) && noted(&lines), "{lines:#?}");
    let again = station.json(&args);
    assert!(count(&again, "image") == (0, 1) && !noted(&again), "{again:#?}");
    assert!(!left(&again, "image").iter().any(|why| why.contains("another image")), "{again:#?}");
    assert_eq!(of_project(&station, "gateway", "image"), "gateway");
}

/// Whoever may write there could have any file of the host taken as an image otherwise.
#[test]
fn no_link_below_the_directory_is_followed() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    let args = ["import", "cmprovision", &path("cmp/database.sqlite"), "--files", &path("cmp")];
    database(&station.path("cmp/database.sqlite"), "UPDATE images SET sha256 = '';");
    let (image, uploads) = (station.path("cmp/public/uploads/k3Jd9.img"), station.path("cmp/public/uploads"));
    fs::rename(&image, station.path("elsewhere")).unwrap();
    let firmware = station.path("cmp/storage/app/firmware");
    fs::rename(&firmware, station.path("firmware")).unwrap();
    std::os::unix::fs::symlink(station.path("firmware"), &firmware).unwrap();
    let links: [&dyn Fn(); 2] =
        [&|| std::os::unix::fs::symlink(station.path("elsewhere"), &image).unwrap(), &|| {
            fs::rename(&uploads, station.path("uploads")).unwrap();
            fs::remove_file(station.path("uploads/k3Jd9.img")).unwrap();
            fs::copy(station.path("elsewhere"), station.path("uploads/k3Jd9.img")).unwrap();
            std::os::unix::fs::symlink(station.path("uploads"), &uploads).unwrap();
        }];
    for link in links {
        link();
        let lines = station.json(&args);
        assert!(left(&lines, "image").iter().any(|why| why.contains("it is a link")), "{lines:#?}");
        assert!(left(&lines, "EEPROM image")[0].contains("it is a link"), "{lines:#?}");
        assert!(
            station.json(&["image", "list"]).is_empty() && station.json(&["firmware", "list"]).is_empty()
        );
    }
}

#[test]
fn one_record_with_a_wrong_clock_keeps_no_other_from_coming_and_a_missing_project_is_not_advised() {
    let station = cmprovision();
    let file = station.path("cmp/database.sqlite");
    let wrong = "UPDATE cms SET provisioning_started_at = '1999-12-31 23:59:59' WHERE id = 2;
        UPDATE settings SET value = '2' WHERE key = 'active_project';
        INSERT INTO cmlogs VALUES (3, 'gone', NULL, NULL, 'info', 'x', '2023-01-11 17:40:52', NULL);
        INSERT INTO users VALUES (2, 'Grace Hopper', 'g@example.org', 'x', NULL, NULL), (3, 'Müller/x', '', 'x', NULL, NULL);";
    database(&file, wrong);
    let file = file.display().to_string();
    let output = station.run(&["import", "cmprovision", &file]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(output.status.success(), "{said}");
    for line in [
        "record: 1 taken over",
        "left out: record 10000000af04b2db: it says that it began 1999-12-31T23:59:59Z",
        "left out: project odd: all of it is left out, since its script `odd` isn't taken",
        "each board got the project odd there, which isn't taken",
        "left out: log 1 line:",
        "left out: e-mail addresses 2 users:",
        "changed: name of a user Müller/x",
        "changed: EEPROM of a project gateway: it is taken without its EEPROM image and settings",
        "changed: image of a project gateway: it is taken without its image",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("piprov rule add all"), "{said}");
}

/// What is told to be typed can be typed: each command runs as it stands.
#[test]
fn the_commands_that_are_told_run_and_none_is_told_for_a_project_that_no_board_can_get() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    let args = ["import", "cmprovision", &path("cmp/database.sqlite"), "--files", &path("cmp")];
    let said = |args: &[&str]| {
        let output = station.run(args);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{args:?}: {said}");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let types = |command: &str| {
        let command = command.replace("USER", "Ada").replace("ROLE", "operator").replace("IMAGE", "gateway");
        said(&command.split(' ').skip(1).collect::<Vec<_>>())
    };
    let commands = |said: &str| {
        let told = said.split('`').filter(|word| word.starts_with("piprov "));
        told.map(str::to_owned).collect::<Vec<_>>()
    };
    // Before anything is there the same is told.
    let dry = said(&[&args[..], &["--dry-run"]].concat());
    let told = said(&args);
    assert_eq!(commands(&told), commands(&dry), "{told}");
    assert_eq!(commands(&told).len(), 4, "{told}");
    for command in commands(&told) {
        assert!(!types(&command).contains("until it has an image"), "{command}");
    }
    let rules = station.json(&["rule", "list"]);
    assert_eq!(rules[0]["value"]["what"]["project"], "gateway", "{rules:#?}");
    // A project whose image is gone, and the one that the old server gave to each board.
    database(
        &station.path("cmp/database.sqlite"),
        "UPDATE settings SET value = '3' WHERE key = 'active_project';",
    );
    let none = "no board can get this project until it has an image";
    let said_of = |line: &str, said: &str| assert!(said.contains(line), "{line}: {said}");
    let told = said(&args);
    said_of(
        &format!(
            "image of a project late: it is taken without its image: the image `gone` isn't taken; {none}"
        ),
        &told,
    );
    said_of(&format!("each board got the project late there, which has no image here: {none}"), &told);
    assert!(!told.contains("piprov rule add"), "{told}");
    let warned = said(&["rule", "add", "late", "--model", "4", "--project", "late"]);
    said_of(none, &warned);
    commands(&warned).iter().for_each(|command| drop(types(command)));
    assert!(!said(&["rule", "add", "later", "--model", "4", "--project", "late"]).contains(none));
}

/// What such a name says of a file isn't so: as an image it would be written onto disks byte for byte.
#[test]
fn what_is_named_as_packed_and_is_not_is_no_image() {
    let station = cmprovision();
    let path = |name: &str| station.path(name).display().to_string();
    let more = "INSERT INTO images VALUES (3, 'torn.img', 'torn', 'xz', '', NULL, NULL, NULL, NULL);";
    database(&station.path("cmp/database.sqlite"), more);
    let torn: Vec<u8> = (0..2 << 20).map(|n: u32| (n / 3) as u8).collect();
    fs::write(station.path("cmp/public/uploads/torn"), &torn).unwrap();
    let args = ["import", "cmprovision", &path("cmp/database.sqlite"), "--files", &path("cmp")];
    for args in [[&args[..], &["--dry-run"]].concat(), args.to_vec()] {
        let lines = station.json(&args);
        let left = left(&lines, "image");
        assert!(
            left.iter().any(|why| why.contains("torn") && why.contains("named like xz data")),
            "{left:#?}"
        );
    }
    for ending in ["gz", "xz", "bz2", "zst"] {
        let file = format!("by-hand.img.{ending}");
        fs::write(station.path(&file), &torn).unwrap();
        let said = station.stderr(&["image", "add", &path(&file)], 65);
        assert!(said.contains(&format!("named like {ending} data")), "{said}");
    }
    let images = station.json(&["image", "list"]);
    assert!(images.len() == 1 && images[0]["value"]["name"] == "gateway", "{images:#?}");
}

/// What the page says is what works: its commands, one after the other.
#[test]
fn the_commands_of_the_page_run_in_their_order() {
    let station = cmprovision();
    fs::create_dir(station.path("cmp/database")).unwrap();
    fs::rename(station.path("cmp/database.sqlite"), station.path("cmp/database/database.sqlite")).unwrap();
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/from-cmprovision.md")).unwrap();
    let commands: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("piprov import cmprovision ")).collect();
    assert_eq!(commands.len(), 2, "{commands:#?}");
    let cmp = station.path("cmp").display().to_string();
    let mut taken = Vec::new();
    for command in commands {
        let words = command.split(' ').map(|word| word.replace("/var/lib/cmprovision", &cmp));
        let words: Vec<String> =
            ["import", "cmprovision"].map(str::to_owned).into_iter().chain(words).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let lines = station.json(&words);
        assert!(lines.iter().any(|line| line["event"] == "imported"), "{lines:#?}");
        taken.push((count(&lines, "project"), count(&lines, "record"), count(&lines, "image")));
    }
    assert_eq!(taken, [((2, 0), (2, 0), (1, 0)); 2], "the first changes nothing");
    assert_eq!(station.json(&["project", "list"]).len(), 2);
}

#[test]
fn a_manufacturing_database_comes_over_with_each_time_that_a_board_was_done() {
    let station = Station::start();
    let file = station.path("m.db").display().to_string();
    database(Path::new(&file), SB_PROVISIONER);
    for (new, already) in [(2, 0), (0, 2)] {
        let lines = station.json(&["import", "rpi-sb-provisioner", &file]);
        assert_eq!(count(&lines, "record"), (new, already), "{lines:#?}");
    }
    let runs = station.json(&["run", "list", "--station", &station.url()]);
    assert_eq!(runs.len(), 2);
    for name in ["0123456789ABCDEF", "10000000af04b2da"] {
        let board = station.json(&["board", "show", name]).remove(0)["value"].clone();
        assert_eq!(
            (&board["serial"], &board["memory"], &board["disks"][0]["size"]),
            (&"10000000af04b2da".into(), &(4u64 << 30).into(), &7_818_182_656_u64.into()),
            "{board:#}"
        );
    }
    let run = runs[0]["value"]["run"].as_str().unwrap();
    let record = station.json(&["run", "show", run, "--station", &station.url()]).remove(0)["record"].clone();
    assert_eq!(record["detail"]["facts"]["jtag_locked"], "1", "{record:#}");
}

#[test]
fn a_database_that_is_damaged_half_made_or_another_one_brings_nothing() {
    let station = cmprovision();
    let good = fs::read(station.path("cmp/database.sqlite")).unwrap();
    let mut torn = good.clone();
    torn.truncate(good.len() / 2);
    let mut noise = good.clone();
    noise[4096..8192].fill(0x5a);
    fs::write(station.path("torn"), torn).unwrap();
    fs::write(station.path("noise"), noise).unwrap();
    fs::write(station.path("text"), "no database").unwrap();
    fs::write(station.path("empty"), "").unwrap();
    database(&station.path("half"), "CREATE TABLE images (id integer); CREATE TABLE users (id integer);");
    // Its tables are no tables: what they would run isn't run.
    let views = "CREATE VIEW images AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS id FROM n;";
    database(&station.path("views"), views);
    for (name, why) in [
        ("torn", "no database that can be read"),
        ("noise", "no database that can be read"),
        ("text", "no database that can be read"),
        ("empty", "has no table `images`"),
        ("half", "has no column `filename`"),
        ("views", "has no table `images`"),
        ("missing", "can't be read"),
    ] {
        let file = station.path(name).display().to_string();
        let output = station.run(&["import", "cmprovision", &file]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{name}: {said}");
    }
    assert!(station.json(&["project", "list"]).is_empty());
    assert!(station.json(&["run", "list", "--station", &station.url()]).is_empty());
}
