use super::*;
use crate::station_api::{LabelLanguage, LabelWhen};

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
        [FoundImage { name: "2022-09-22-raspios".into(), file: "abc.xz".into(), sha256: None }]
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
    assert_eq!(ftp.text, "^XA^FD{serial} {mac} {a}^FS");
    assert_eq!((command.name.as_str(), command.text.as_str()), ("lpr", "{slot}"));
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
