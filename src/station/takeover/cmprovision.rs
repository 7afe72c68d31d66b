//! What the rows of cmprovision's database mean. Its tables are those of its migrations (`database/migrations`, version 1.6.4).
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::database::{Row, Rows, Table, Tables};
use super::labels::{self, label_of};
use super::words::{file, lines, name, shown, time, truth};
use super::{Found, FoundFirmware, FoundHost, FoundImage};
use crate::board::Serial;
use crate::device_api::{Disk, End, Role, Script, When};
use crate::format::count;
use crate::station_api::{Again, OldLine, OldOutcome, OldRecord, Project, ProjectEeprom, image_name};

const FROM: &str = "cmprovision";
/// Lines that are kept of each log of a board.
const LINES: usize = 60;

macro_rules! table {
    ($name:literal, $needed:literal, [$($column:literal),*], [$($later:literal),*]) => {
        Table { name: $name, needed: $needed, columns: &[$($column),*], later: &[$($later),*], order: "1" }
    };
}

/// What is read. The columns that came with later versions may be missing.
pub(super) const TABLES: Tables = &[
    table!("images", true, ["id", "filename", "filename_on_server", "sha256"], ["uncompressed_sha256"]),
    table!("scripts", true, ["id", "name", "script_type", "bg", "priority", "script"], []),
    table!(
        "projects",
        true,
        ["id", "name", "storage", "image_id"],
        ["label_id", "label_moment", "eeprom_firmware", "eeprom_settings", "verify"]
    ),
    table!("project_script", true, ["project_id", "script_id"], []),
    table!(
        "cms",
        true,
        ["id", "serial", "provisioning_started_at"],
        [
            "mac",
            "model",
            "memory_in_gb",
            "storage",
            "cid",
            "csd",
            "firmware",
            "image_filename",
            "image_sha256",
            "pre_script_output",
            "post_script_output",
            "script_return_code",
            "temp1",
            "temp2",
            "project_id",
            "provisioning_board",
            "provisioning_complete_at",
            "created_at"
        ]
    ),
    table!("cmlogs", false, ["id", "cm", "loglevel", "msg", "created_at"], ["board"]),
    table!("settings", false, ["key", "value"], []),
    table!("hosts", false, ["id", "ip", "mac"], []),
    table!(
        "labels",
        false,
        ["id", "name", "template"],
        ["file_extension", "printer_type", "ftp_hostname", "ftp_username", "ftp_password"]
    ),
    table!("users", false, ["id", "name", "email"], []),
];

pub(super) fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).map(String::as_str).unwrap_or_default()
}

fn some(row: &Row, column: &str, most: usize) -> Option<String> {
    Some(shown(text(row, column), most)).filter(|text| !text.is_empty())
}

/// All that can come over.
pub(super) fn found(rows: &Rows) -> Found {
    let of = |table: &str| rows.get(table).map(Vec::as_slice).unwrap_or_default();
    let mut found = Found::default();
    FROM.clone_into(&mut found.import.from);
    let images = images(&mut found, of("images"));
    let scripts = scripts(&mut found, of("scripts"));
    let labels = labels::taken(&mut found, of("labels"));
    let projects = projects(&mut found, of("projects"), of("project_script"), (&images, &scripts, &labels));
    let mut logs: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for line in of("cmlogs") {
        logs.entry(text(line, "cm")).or_default().push(line);
    }
    for cm in of("cms") {
        match record(cm, logs.get(text(cm, "serial")).map(Vec::as_slice).unwrap_or_default(), &projects) {
            Ok(record) => found.import.records.push(record),
            Err(why) => found.left("record", text(cm, "serial"), why),
        }
    }
    let known: BTreeSet<&str> = of("cms").iter().map(|cm| text(cm, "serial")).collect();
    let nobodys =
        logs.iter().filter(|(cm, _)| !known.contains(*cm)).map(|(_, lines)| lines.len()).sum::<usize>();
    if nobodys > 0 {
        found.left(
            "log",
            &count(nobodys as u64, "line"),
            "they are of modules that aren't in the database any more",
        );
    }
    settings(&mut found, of("settings"), &projects);
    for host in of("hosts") {
        match fixed(host) {
            Some(host) => found.hosts.push(host),
            None => {
                found.left("host", text(host, "mac"), "it has no Ethernet and IP address that can be read")
            }
        }
    }
    users(&mut found, of("users"));
    found
}

/// Names by the numbers of their rows.
type Names = BTreeMap<String, String>;

fn images(found: &mut Found, rows: &[Row]) -> Names {
    let (mut names, mut taken) = (Names::new(), BTreeSet::new());
    for row in rows {
        let given = text(row, "filename");
        let image = image_name(given).unwrap_or_else(|| "image".to_owned());
        let image = name(&image, &mut taken);
        names.insert(text(row, "id").to_owned(), image.clone());
        let Some(file) = file(text(row, "filename_on_server")) else {
            found.left("image", given, "the name of its file is none");
            continue;
        };
        let digest = text(row, "sha256").trim().to_ascii_lowercase();
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        found.import.images.push(image.clone());
        found.images.push(FoundImage { name: image, file, sha256: is_digest.then_some(digest) });
    }
    names
}

fn scripts(found: &mut Found, rows: &[Row]) -> Names {
    let (mut names, mut taken) = (Names::new(), BTreeSet::new());
    for row in rows {
        let given = text(row, "name");
        let called = name(given, &mut taken);
        if called != given {
            found.left("name of a script", given, format!("it is called `{called}` here"));
        }
        let priority: i64 = text(row, "priority").trim().parse().unwrap_or(100);
        let kept = u32::try_from(priority.clamp(0, 1000)).unwrap_or(100);
        if i64::from(kept) != priority {
            found.left("priority of a script", given, format!("{priority} becomes {kept}"));
        }
        let when = if text(row, "script_type") == "preinstall" { When::Pre } else { When::Post };
        let script = Script {
            name: called.clone(),
            text: text(row, "script").to_owned(),
            when,
            priority: kept,
            background: truth(row.get("bg")),
            once: false,
            limit: 600,
        };
        names.insert(text(row, "id").to_owned(), called);
        found.import.scripts.push(script);
    }
    names
}

/// The disk that a path is, in a project's words.
fn target(storage: &str) -> Option<Vec<Role>> {
    match storage.trim() {
        "" => Some(vec![Role::Emmc, Role::Sd]),
        path if path.starts_with("/dev/mmcblk") => Some(vec![Role::Emmc, Role::Sd]),
        path if path.starts_with("/dev/nvme") => Some(vec![Role::Nvme]),
        path if path.starts_with("/dev/sd") => Some(vec![Role::Usb]),
        _ => None,
    }
}

fn projects(
    found: &mut Found,
    rows: &[Row],
    pairs: &[Row],
    (images, scripts, labels): (&Names, &Names, &labels::Labels),
) -> Names {
    let (mut names, mut taken) = (Names::new(), BTreeSet::new());
    for row in rows {
        let given = text(row, "name");
        let called = name(given, &mut taken);
        names.insert(text(row, "id").to_owned(), called.clone());
        if called != given {
            found.left("name of a project", given, format!("it is called `{called}` here"));
        }
        let Some(target) = target(text(row, "storage")) else {
            let why = format!(
                "its disk is `{}`, which is no eMMC, SD card, NVMe or USB disk",
                shown(text(row, "storage"), 60)
            );
            found.left("project", given, why);
            continue;
        };
        let id = text(row, "id");
        let own = pairs.iter().filter(|pair| text(pair, "project_id") == id);
        let own: Vec<String> = own.filter_map(|pair| scripts.get(text(pair, "script_id")).cloned()).collect();
        let image = images.get(text(row, "image_id")).cloned();
        if image.is_none() {
            found.left("image of a project", given, "it has none there");
        }
        let eeprom = eeprom(found, row, given);
        let label = label_of(found, labels, row, given);
        let mut scripts = own;
        scripts.sort();
        scripts.dedup();
        found.import.projects.push(Project {
            name: called,
            image,
            target,
            end: End::Wait,
            again: Again::Skip,
            scripts,
            eeprom,
            label,
            ..Project::default()
        });
    }
    names
}

/// A project's EEPROM: the image by its file, and what of its settings holds for each board.
fn eeprom(found: &mut Found, row: &Row, project: &str) -> Option<ProjectEeprom> {
    let given = text(row, "eeprom_firmware").trim();
    if given.is_empty() {
        return None;
    }
    let parts = given.split_once('/').and_then(|(channel, name)| Some((file(channel)?, file(name)?)));
    let Some((channel, image)) = parts.filter(|(_, image)| image.ends_with(".bin")) else {
        found.left(
            "EEPROM of a project",
            project,
            format!("`{}` is no file of an EEPROM", shown(given, 100)),
        );
        return None;
    };
    let stem = image.trim_end_matches(".bin");
    let called = if channel == "stable" { stem.to_owned() } else { format!("{stem}-{channel}") };
    let called = name(&called, &mut BTreeSet::new());
    if !found.import.firmware.contains(&called) {
        found.import.firmware.push(called.clone());
        found.firmware.push(FoundFirmware { name: called.clone(), channel, file: image });
    }
    let (mut set, mut left, mut for_all) = (BTreeMap::new(), 0, true);
    for line in text(row, "eeprom_settings").lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            for_all = line == "[all]";
            continue;
        }
        match line.split_once('=').filter(|_| for_all && set.len() < ProjectEeprom::MOST) {
            Some((key, value)) => drop(set.insert(key.trim().to_owned(), value.trim().to_owned())),
            None => left += 1,
        }
    }
    if left > 0 {
        let why = format!(
            "{left} of the EEPROM's settings hold for some boards alone, or are none, and aren't taken"
        );
        found.left("EEPROM of a project", project, why);
    }
    Some(ProjectEeprom { firmware: called, set, ..ProjectEeprom::default() })
}

fn record(row: &Row, log: &[&Row], projects: &Names) -> Result<OldRecord, &'static str> {
    let serial = Serial::of_digits(text(row, "serial").trim()).filter(|serial| !serial.is_zero());
    let serial = serial.ok_or("its serial number is none")?;
    let began = time(text(row, "provisioning_started_at")).or_else(|| time(text(row, "created_at")));
    let began = began.ok_or("it has no time")?;
    let complete = time(text(row, "provisioning_complete_at")).filter(|complete| *complete >= began);
    let status = text(row, "script_return_code").trim();
    let last_error = log.iter().rev().find(|line| text(line, "loglevel") == "error");
    let outcome = match (complete, status, last_error) {
        (Some(_), "" | "0", _) => OldOutcome::Complete,
        (None, "" | "0", None) => OldOutcome::Unknown,
        _ => OldOutcome::Failed,
    };
    let size = text(row, "storage").trim().parse::<u64>().ok().filter(|size| (1..1 << 60).contains(size));
    let register = |column: &str| {
        let text = text(row, column).trim().to_ascii_lowercase();
        (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
    };
    let disk = size.map(|size| Disk {
        cid: register("cid"),
        csd: register("csd"),
        ..Disk::new("mmcblk0".to_owned(), Role::Emmc, size)
    });
    let gigabytes = text(row, "memory_in_gb").trim().parse::<u64>().ok().filter(|gb| (1..1024).contains(gb));
    let mut facts = BTreeMap::new();
    for column in ["firmware", "image_sha256", "temp1", "temp2", "provisioning_board", "script_return_code"] {
        if let Some(text) = some(row, column, 500) {
            facts.insert(column.to_owned(), text);
        }
    }
    let ends = complete.unwrap_or(began);
    let mut all: Vec<OldLine> = Vec::new();
    for line in log.iter().rev().take(LINES).rev() {
        let text = format!("{}: {}", shown(text(line, "loglevel"), 10), shown(text(line, "msg"), 480));
        all.push(OldLine { time: line.get("created_at").and_then(|at| time(at)).unwrap_or(began), text });
    }
    for column in ["pre_script_output", "post_script_output"] {
        all.extend(lines(text(row, column), LINES).into_iter().map(|text| OldLine { time: ends, text }));
    }
    Ok(OldRecord {
        serial,
        mac: text(row, "mac").trim().parse().ok(),
        model: some(row, "model", 200),
        memory: gigabytes.map(|gigabytes| gigabytes << 30),
        disk,
        started: began,
        ended: complete,
        outcome,
        why: last_error.map(|line| shown(text(line, "msg"), 500)).filter(|why| !why.is_empty()),
        image: some(row, "image_filename", 200),
        project: projects.get(text(row, "project_id")).cloned(),
        facts,
        log: all,
    })
}

fn settings(found: &mut Found, rows: &[Row], projects: &Names) {
    for row in rows {
        match (text(row, "key"), text(row, "value").trim()) {
            (_, "") | ("active_eeprom_sha256", _) => {}
            ("active_project", id) => found.active = projects.get(id).cloned(),
            (key @ ("ethernetswitch_ip" | "ethernetswitch_snmp_community"), _) => {
                found.left("setting", key, "the switch has to be set up anew");
            }
            (key, _) => found.left("setting", key, "nothing here is like it"),
        }
    }
}

fn fixed(row: &Row) -> Option<FoundHost> {
    Some(FoundHost { mac: text(row, "mac").trim().parse().ok()?, ip: text(row, "ip").trim().parse().ok()? })
}

fn users(found: &mut Found, rows: &[Row]) {
    let mut taken = BTreeSet::new();
    for row in rows {
        let given = Some(text(row, "name")).filter(|name| !name.trim().is_empty());
        let given = given.unwrap_or_else(|| text(row, "email"));
        let called = name(given, &mut taken);
        if called != given {
            found.left("name of a user", given, format!("the account is called `{called}` here"));
        }
        found.import.users.push(called);
    }
    let addresses = rows.iter().filter(|row| !text(row, "email").trim().is_empty()).count();
    if addresses > 0 {
        let why = "accounts here have none: they aren't taken";
        found.left("e-mail addresses", &count(addresses as u64, "user"), why);
    }
}

#[cfg(test)]
#[path = "cmprovision_tests.rs"]
mod tests;
