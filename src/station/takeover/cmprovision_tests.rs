use super::*;
use crate::station_api::{LabelLanguage, LabelWhen, LeftOut};

fn row(columns: &[(&'static str, &str)]) -> Row {
    columns.iter().map(|(column, text)| (*column, (*text).to_owned())).collect()
}

fn rows() -> Rows {
    let image = row(&[
        ("id", "1"),
        ("filename", "2022-09-22-raspios.img.xz"),
        ("filename_on_server", "abc.xz"),
        ("sha256", "AB"),
    ]);
    let project = row(&[
        ("id", "7"),
        ("name", "Gateway/1"),
        ("storage", "/dev/mmcblk0"),
        ("image_id", "1"),
        ("label_moment", "postinstall"),
        ("label_id", "1"),
        ("eeprom_firmware", "beta/pieeprom-2023-01-11.bin"),
        ("eeprom_settings", "BOOT_UART=1\n[cm4]\nX=1\n[all]\n# no\nWAKE_ON_GPIO=0\n"),
    ]);
    let script = row(&[
        ("id", "3"),
        ("name", "Resize ext4 partition"),
        ("script_type", "postinstall"),
        ("bg", "0"),
        ("priority", "-5"),
        ("script", "exit 0\n"),
    ]);
    let cm = row(&[
        ("id", "1"),
        ("serial", "10000000af04b2da"),
        ("mac", "dc:a6:32:01:02:03"),
        ("memory_in_gb", "2"),
        ("storage", "7818182656"),
        ("provisioning_started_at", "2023-01-11 17:40:52"),
        ("provisioning_complete_at", "2023-01-11 17:45:52"),
        ("script_return_code", "0"),
        ("project_id", "7"),
        ("post_script_output", "+ true\n\u{1b}[2Jdone\n"),
    ]);
    let broken = row(&[("id", "2"), ("serial", "1"), ("provisioning_started_at", "2023-01-11 17:40:52")]);
    let nobody = row(&[("id", "3"), ("serial", "../x"), ("provisioning_started_at", "2023-01-11 17:40:52")]);
    let log = row(&[
        ("id", "1"),
        ("cm", "1"),
        ("loglevel", "error"),
        ("msg", "Error during dd. Return code 1."),
        ("created_at", "2023-01-11 17:41:00"),
    ]);
    let stray = row(&[("id", "2"), ("cm", "gone"), ("loglevel", "info"), ("msg", "x")]);
    [
        ("images", vec![image]),
        ("scripts", vec![script]),
        ("projects", vec![project]),
        ("project_script", vec![row(&[("project_id", "7"), ("script_id", "3")])]),
        ("cms", vec![cm, broken, nobody]),
        ("cmlogs", vec![log, stray]),
        ("settings", vec![row(&[("key", "active_project"), ("value", "7")])]),
        ("hosts", vec![row(&[("id", "1"), ("ip", "172.20.0.9"), ("mac", "dc:a6:32:01:02:03")])]),
        (
            "labels",
            vec![
                row(&[
                    ("id", "1"),
                    ("name", "../x"),
                    ("template", "^XA^FD$serial $mac {a}^FS"),
                    ("file_extension", "zpl"),
                    ("printer_type", "ftp"),
                    ("ftp_hostname", "10.0.0.9"),
                    ("ftp_username", "lab"),
                    ("ftp_password", "secret"),
                ]),
                row(&[
                    ("id", "2"),
                    ("name", "lpr"),
                    ("template", "$provisionboard"),
                    ("printer_type", "command"),
                ]),
            ],
        ),
        ("users", vec![row(&[("id", "1"), ("name", ""), ("email", "ada@example.org")])]),
    ]
    .into()
}

#[test]
fn each_kind_of_row_comes_over() {
    let found = found(&rows());
    assert_eq!(
        found.images,
        [FoundImage {
            name: "2022-09-22-raspios".into(),
            file: "abc.xz".into(),
            sha256: None,
            packed: Some(Format::Xz)
        }]
    );
    let [project] = &found.import.projects[..] else { panic!("{found:?}") };
    assert_eq!((project.name.as_str(), project.scripts.len()), ("Gateway-1", 1));
    assert_eq!(project.image.as_deref(), Some("2022-09-22-raspios"));
    let eeprom = project.eeprom.as_ref().unwrap();
    assert_eq!(eeprom.firmware, "pieeprom-2023-01-11-beta");
    assert_eq!(eeprom.set.keys().collect::<Vec<_>>(), ["BOOT_UART", "WAKE_ON_GPIO"]);
    assert_eq!(found.import.scripts[0].priority, 0);
    let [done, failed] = &found.import.records[..] else { panic!("{found:?}") };
    assert_eq!((done.outcome, done.ended.unwrap() - done.started), (OldOutcome::Complete, 300_000));
    assert_eq!(done.log.last().unwrap().text, "[2Jdone");
    assert_eq!(
        (failed.outcome, failed.why.as_deref()),
        (OldOutcome::Failed, Some("Error during dd. Return code 1."))
    );
    assert_eq!(found.active.as_deref(), Some("Gateway-1"));
    assert_eq!(found.hosts.len(), 1);
    let [ftp, command] = &found.import.labels[..] else { panic!("{found:?}") };
    assert_eq!((ftp.name.as_str(), ftp.language), ("x", LabelLanguage::Zpl));
    assert_eq!(ftp.text, "^XA^FD{serial} {mac} {|{}a}^FS");
    assert_eq!((command.name.as_str(), command.text.as_str()), ("lpr", "{slot|-}"));
    let [printer] = &found.import.printers[..] else { panic!("{found:?}") };
    assert_eq!((printer.name.as_str(), printer.password.as_ref()), ("x", None));
    assert_eq!(printer.at.words(), "ftp 10.0.0.9:21");
    let label = project.label.as_ref().unwrap();
    assert_eq!((label.label.as_str(), label.printer.as_str(), label.when), ("x", "x", LabelWhen::Done));
    assert_eq!(found.import.users, ["ada-example.org"]);
    let left: Vec<_> = found.left.iter().map(|left| left.what.as_str()).collect();
    for what in [
        "record",
        "log",
        "name of a user",
        "e-mail addresses",
        "printer of a label",
        "password of a printer",
        "EEPROM of a project",
        "priority of a script",
        "name of a project",
    ] {
        assert!(left.contains(&what), "{what}: {left:?}");
    }
}

#[test]
fn nothing_is_too_odd() {
    let mut odd = rows();
    for table in odd.values_mut() {
        for row in table.iter_mut() {
            for text in row.values_mut() {
                *text = "\u{1b}]0;x\u{7}/../'; DROP TABLE x; --".repeat(40);
            }
        }
    }
    let found = found(&odd);
    let named = found.import.projects.iter().map(|project| &project.name).chain(&found.import.users);
    for name in named.chain(found.import.scripts.iter().map(|script| &script.name)) {
        assert_eq!(crate::station_api::check_name(name), Ok(()), "{name}");
    }
    assert!(found.images.is_empty() && found.hosts.is_empty() && found.import.records.is_empty());
    assert!(found.left.iter().all(|left| !left.name.contains('\u{1b}') && !left.why.contains('\u{1b}')));
}

/// The lines of this kind about this.
fn told<'a>(found: &'a Found, kind: Fate, what: &str) -> Vec<&'a str> {
    let is = |left: &&LeftOut| left.kind == kind && left.what == what;
    found.left.iter().filter(is).map(|left| left.why.as_str()).collect()
}

#[test]
fn whatever_is_not_as_it_was_is_told_and_what_is_taken_is_not_called_left_out() {
    let mut rows = rows();
    let script = &mut rows.get_mut("scripts").unwrap()[0];
    for (column, text) in [("script_type", "weird"), ("priority", "abc"), ("bg", "2")] {
        script.insert(column, text.to_owned());
    }
    let project = &mut rows.get_mut("projects").unwrap()[0];
    project.insert("label_moment", "garbage".to_owned());
    let cm = &mut rows.get_mut("cms").unwrap()[0];
    for (column, text) in [("mac", "none"), ("storage", "big"), ("memory_in_gb", "0")] {
        cm.insert(column, text.to_owned());
    }
    let twin = Row::from([
        ("id", "9".to_owned()),
        ("serial", "10000000AF04B2DA".to_owned()),
        ("provisioning_started_at", "2023-01-11 17:40:52".to_owned()),
    ]);
    rows.get_mut("cms").unwrap().push(twin);
    let found = found(&rows);
    let [script] = &found.import.scripts[..] else { panic!("{found:?}") };
    assert_eq!((script.when, script.priority, script.background), (When::Post, 100, false));
    for (what, why) in [
        ("type of a script", "`weird` becomes `postinstall`"),
        ("priority of a script", "`abc` becomes 100"),
        ("script", "in the background was `2`"),
        ("label of a project", "`garbage`, is nothing here"),
        ("record", "what can't be read of it: storage, mac"),
        ("name of a project", "it is called `Gateway-1` here"),
        ("name of a label", "it is called `x` here"),
        ("EEPROM of a project", "hold for some boards alone"),
    ] {
        let lines = told(&found, Fate::Changed, what);
        assert!(lines.iter().any(|line| line.contains(why)), "{what}: {lines:?}");
        if what != "record" {
            assert!(told(&found, Fate::LeftOut, what).is_empty(), "{what}: {found:?}");
        }
    }
    let twice = told(&found, Fate::LeftOut, "record");
    assert!(twice.iter().any(|line| line.contains("the same board and the same time")), "{twice:?}");
    assert_eq!(found.import.records.len(), 2);
}

#[test]
fn a_script_of_bytes_is_not_taken_and_no_project_goes_without_it() {
    let mut rows = rows();
    rows.get_mut("scripts").unwrap()[0].insert("script", "exit \u{fffd}\u{fffd}\n".to_owned());
    rows.get_mut("labels").unwrap()[0].insert("template", "^XA\u{fffd}".to_owned());
    let plain = row(&[
        ("id", "8"),
        ("name", "plain"),
        ("storage", "/dev/mmcblk0"),
        ("label_moment", "preinstall"),
        ("label_id", "1"),
    ]);
    rows.get_mut("projects").unwrap().push(plain);
    let found = found(&rows);
    assert!(found.import.scripts.is_empty());
    assert!(told(&found, Fate::LeftOut, "script")[0].contains("no text"));
    assert!(told(&found, Fate::LeftOut, "label")[0].contains("no text"));
    let [project] = &found.import.projects[..] else { panic!("{found:?}") };
    assert_eq!((project.name.as_str(), &project.label), ("plain", &None));
    assert!(told(&found, Fate::LeftOut, "project")[0].contains("its script `Resize ext4 partition`"));
    assert!(told(&found, Fate::Changed, "label of a project")[0].contains("without its label"));
    let noted = told(&found, Fate::Noted, "image of a project");
    assert_eq!(noted, ["it has none there: no board can get this project until it has an image"]);
}

/// What can't come has no name: the station may have an image of that one.
#[test]
fn two_files_never_become_one_and_what_has_no_file_is_no_image_of_a_project() {
    let mut rows = rows();
    rows.get_mut("images").unwrap()[0].insert("filename_on_server", "../../etc/passwd".to_owned());
    let mut other = rows["projects"][0].clone();
    for (column, text) in
        [("id", "8"), ("name", "other"), ("eeprom_firmware", "beta/pieeprom-2023+01-11.bin")]
    {
        other.insert(column, text.to_owned());
    }
    rows.get_mut("projects").unwrap().push(other);
    let mut found = found(&rows);
    assert!(found.import.projects.iter().all(|project| project.image.is_none()));
    assert!(told(&found, Fate::Changed, "image of a project")[0].contains("without its image"));
    let names: Vec<_> = found.firmware.iter().map(|one| (one.name.as_str(), one.file.as_str())).collect();
    let want = [
        ("pieeprom-2023-01-11-beta", "pieeprom-2023-01-11.bin"),
        ("pieeprom-2023-01-11-beta-2", "pieeprom-2023+01-11.bin"),
    ];
    assert_eq!(names, want);
    found.firmware_is_called("pieeprom-2023-01-11-beta", "third");
    let firmware =
        |found: &Found, at: usize| found.import.projects[at].eeprom.as_ref().map(|one| one.firmware.clone());
    assert_eq!(firmware(&found, 0).as_deref(), Some("third"));
    assert_eq!(firmware(&found, 1).as_deref(), Some("pieeprom-2023-01-11-beta-2"));
    assert_eq!(found.without_firmware("third"), ["Gateway-1"]);
    assert_eq!(found.import.firmware, ["pieeprom-2023-01-11-beta-2"]);
    assert!(firmware(&found, 0).is_none());
}

#[test]
fn a_label_is_in_the_language_that_it_shows_whatever_its_files_end_in() {
    // As the seed of cmprovision has it, and as makers' manuals do.
    let jscript = "m m\nJ\n; 6.35 mm\nS l1;0,0,6.35,6.35,19.05\nT 6,2,0,3,1.5;$mac\nA 1\n";
    let dos = jscript.replace('\n', "\r\n");
    let epl = "N\nq609\nA50,0,0,1,1,1,N,\"$serial\"\nP1\n";
    for (template, ending, language) in [
        (jscript, "txt", LabelLanguage::Jscript),
        (dos.as_str(), "", LabelLanguage::Jscript),
        (jscript, "zpl", LabelLanguage::Jscript),
        ("^XA^FO10,10^FD$serial^FS^XZ", "prn", LabelLanguage::Zpl),
        (epl, "txt", LabelLanguage::Epl),
        ("<!DOCTYPE html><p>$serial", "", LabelLanguage::Html),
        ("J $serial", "jscript", LabelLanguage::Jscript),
        ("$serial", "epl", LabelLanguage::Epl),
        ("Name: N\nA name, and $serial", "txt", LabelLanguage::Text),
    ] {
        let mut rows = rows();
        let label = &mut rows.get_mut("labels").unwrap()[0];
        label.insert("template", template.to_owned());
        label.insert("file_extension", ending.to_owned());
        assert_eq!(found(&rows).import.labels[0].language, language, "{template}");
    }
}

#[test]
fn scripts_of_one_priority_run_in_the_order_of_their_rows_as_before() {
    let script = |id: &str, name: &str, priority: &str| {
        row(&[
            ("id", id),
            ("name", name),
            ("script_type", "preinstall"),
            ("bg", "0"),
            ("priority", priority),
            ("script", "exit 0"),
        ])
    };
    let mut rows = rows();
    let all =
        [("1", "z", "100"), ("2", "m", "100"), ("3", "a", "100"), ("4", "far", "5000"), ("5", "b", "-7")];
    rows.insert("scripts", all.map(|(id, name, priority)| script(id, name, priority)).into());
    let pairs = ["1", "2", "3", "4", "5"].map(|id| row(&[("project_id", "7"), ("script_id", id)]));
    rows.insert("project_script", pairs.into());
    let found = found(&rows);
    let mut scripts = found.import.scripts.clone();
    Script::sort(&mut scripts);
    let order: Vec<_> = scripts.iter().map(|one| (one.name.as_str(), one.priority)).collect();
    assert_eq!(order, [("b", 0), ("z", 100), ("m", 101), ("a", 102), ("far", 1000)]);
    let lines = told(&found, Fate::Changed, "priority of a script");
    assert_eq!(lines.len(), 4, "each change is told: {lines:?}");
    assert!(lines.contains(&"`100` becomes 101, which keeps the order"), "{lines:?}");
}

#[test]
fn a_disk_is_a_whole_one_and_one_that_is_not_the_first_is_told() {
    for (storage, want) in [
        ("", Some((vec![Role::Emmc, Role::Sd], false))),
        ("/dev/mmcblk0", Some((vec![Role::Emmc, Role::Sd], false))),
        (" /dev/nvme0n1", Some((vec![Role::Nvme], false))),
        ("/dev/sda", Some((vec![Role::Usb], false))),
        ("/dev/mmcblk1", Some((vec![Role::Emmc, Role::Sd], true))),
        ("/dev/nvme1n1", Some((vec![Role::Nvme], true))),
        ("/dev/nvme0n2", Some((vec![Role::Nvme], true))),
        ("/dev/sdb", Some((vec![Role::Usb], true))),
        ("/dev/mmcblk0p2", None),
        ("/dev/mmcblk0boot0", None),
        ("/dev/mmcblk0rpmb", None),
        ("/dev/mmcblk", None),
        ("/dev/nvme0", None),
        ("/dev/nvme0n1p1", None),
        ("/dev/sdb1", None),
        ("/dev/sd", None),
        ("/dev/../tmp/mmcblk0", None),
        ("mmcblk0", None),
        ("/tmp/x", None),
    ] {
        let mut rows = rows();
        rows.get_mut("projects").unwrap()[0].insert("storage", storage.to_owned());
        let found = found(&rows);
        let is_told = !told(&found, Fate::Changed, "disk of a project").is_empty();
        let got = found.import.projects.first().map(|project| (project.target.clone(), is_told));
        assert_eq!(got, want, "{storage}");
        let left = told(&found, Fate::LeftOut, "project");
        assert_eq!(left.iter().any(|why| why.contains("no whole")), want.is_none(), "{storage}: {left:?}");
    }
}

#[test]
fn a_label_prints_what_it_printed_and_needs_no_place_of_its_board() {
    for (template, here) in [
        ("$serial at $provisionboard, $mac", "{serial} at {slot|-}, {mac}"),
        // What was no variable there is none here.
        ("{serial} {slot|x} {|{} {A} {", "{|{}serial} {|{}slot|x} {|{}|{} {A} {"),
        ("{$serial} {a|$mac} {|$mac}", "{{serial}} {a|{mac}} {|{mac}}"),
        ("$serialx $serials$", "{serial}x {serial}s$"),
    ] {
        let mut rows = rows();
        rows.get_mut("labels").unwrap()[1].insert("template", template.to_owned());
        assert_eq!(found(&rows).import.labels[1].text, here, "{template}");
    }
}

#[test]
fn boards_that_end_in_the_same_digits_are_two_and_a_name_of_an_address_is_told() {
    let mut rows = rows();
    let cm = |id: &str, serial: &str| {
        row(&[("id", id), ("serial", serial), ("provisioning_started_at", "2023-01-11 17:40:52")])
    };
    let all = [
        cm("1", "6000000000000001"),
        cm("2", "2000000000000001"),
        cm("3", "2000000000000001"),
        cm("4", "00000001"),
    ];
    rows.insert("cms", all.into());
    rows.get_mut("hosts").unwrap()[0].insert("hostname", "bench\u{1b}[2J".to_owned());
    let found = found(&rows);
    let serials: Vec<_> = found.import.records.iter().map(|record| record.serial.to_string()).collect();
    assert_eq!(serials, ["6000000000000001", "2000000000000001"]);
    assert_eq!(told(&found, Fate::LeftOut, "record").len(), 2);
    let hosts = told(&found, Fate::Changed, "host");
    assert!(found.hosts.len() == 1 && hosts[0].starts_with("its name `bench[2J` isn't taken"), "{hosts:?}");
}

#[test]
fn how_an_image_is_packed_is_known_from_whichever_name_says_it() {
    for (extension, given, file, packed) in [
        ("xz", "a.img", "abc", Some(Format::Xz)),
        ("", "a.img.GZ", "abc", Some(Format::Gz)),
        ("", "a", "abc.bz2", Some(Format::Bz2)),
        ("img", "a.img", "abc.img", None),
    ] {
        let mut rows = rows();
        let image = &mut rows.get_mut("images").unwrap()[0];
        for (column, text) in
            [("filename_extension", extension), ("filename", given), ("filename_on_server", file)]
        {
            image.insert(column, text.to_owned());
        }
        assert_eq!(found(&rows).images[0].packed, packed, "{extension} {given} {file}");
    }
}

#[test]
fn a_thousand_lines_of_a_sort_are_told_and_the_rest_is_summed_up() {
    let mut rows = rows();
    let nobody = |n: usize| row(&[("id", &n.to_string()), ("serial", "../x")]);
    rows.insert("cms", (0..2500).map(nobody).collect());
    let found = found(&rows).summed();
    assert_eq!(told(&found, Fate::LeftOut, "record").len(), 1001);
    assert_eq!(found.left.last().unwrap().name, "1500 more");
}
