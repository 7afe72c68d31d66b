//! What the rows of cmprovision's database mean. Its tables are those of its migrations (`database/migrations`, version 1.6.4).
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::database::{Row, Rows, Table, Tables};
use super::labels::{self, label_of};
use super::order::{self, Ordered};
use super::words::{file, is_binary, lines, name, quoted, register, shown, time, truth};
use super::{Found, FoundFirmware, FoundHost, FoundImage};
use crate::board::Serial;
use crate::device_api::{Disk, End, Role, Script, When};
use crate::format::count;
use crate::image::format::Format;
use crate::station_api::{
    Again, Fate, NO_IMAGE, OldLine, OldOutcome, OldRecord, Project, ProjectEeprom, image_name,
};

const FROM: &str = "cmprovision";
/// What lines of a project's image are about.
const IMAGE: &str = "image of a project";
/// Lines that are kept of each log of a board.
const LINES: usize = 60;

macro_rules! table {
    ($name:literal, $needed:literal, [$($column:literal),*], [$($later:literal),*]) => {
        Table { name: $name, needed: $needed, columns: &[$($column),*], later: &[$($later),*], order: "rowid" }
    };
}

/// What is read. The columns that came with later versions may be missing.
pub(super) const TABLES: Tables = &[
    table!(
        "images",
        true,
        ["id", "filename", "filename_on_server", "sha256"],
        ["uncompressed_sha256", "filename_extension"]
    ),
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
    table!("hosts", false, ["id", "ip", "mac"], ["hostname"]),
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
    let scripts = scripts(&mut found, of("scripts"), of("project_script"));
    let labels = labels::taken(&mut found, of("labels"));
    let projects = projects(&mut found, of("projects"), of("project_script"), (&images, &scripts, &labels));
    let mut logs: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for line in of("cmlogs") {
        logs.entry(text(line, "cm")).or_default().push(line);
    }
    for cm in of("cms") {
        match record(cm, logs.get(text(cm, "serial")).map(Vec::as_slice).unwrap_or_default(), &projects) {
            Ok((record, odd)) => {
                if !odd.is_empty() {
                    let why = format!("it is taken without what can't be read of it: {}", odd.join(", "));
                    found.changed("record", text(cm, "serial"), why);
                }
                found.record(record);
            }
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
            Some(known) => {
                found.hosts.push(known);
                let called = text(host, "hostname").trim();
                if !called.is_empty() {
                    let why =
                        format!("its name {} isn't taken: fixed addresses have none here", quoted(called));
                    found.changed("host", text(host, "mac"), why);
                }
            }
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
        let Some(file) = file(text(row, "filename_on_server")) else {
            found.left("image", given, "the name of its file is none");
            continue;
        };
        names.insert(text(row, "id").to_owned(), image.clone());
        // Its ending isn't part of its name here.
        if !given.starts_with(image.as_str()) {
            found.changed("name of an image", given, format!("it is called `{image}` here"));
        }
        let digest = text(row, "sha256").trim().to_ascii_lowercase();
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        found.import.images.push(image.clone());
        // A name that says how a file is packed said so to the old server too.
        let endings = [text(row, "filename_extension"), given, &file];
        let endings =
            endings.map(|name| name.rsplit('.').next().unwrap_or_default().trim().to_ascii_lowercase());
        let packed = endings.into_iter().find_map(|ending| Format::of_ending(&ending));
        let sha256 = is_digest.then_some(digest);
        found.images.push(FoundImage { name: image, file, sha256, packed });
    }
    names
}

/// Scripts by the numbers of their rows: what they are called, and whether they are taken.
type Scripts = BTreeMap<String, (String, bool)>;

fn scripts(found: &mut Found, rows: &[Row], pairs: &[Row]) -> Scripts {
    let (mut names, mut taken) = (Scripts::new(), BTreeSet::new());
    let (mut all, mut ordered) = (Vec::new(), Vec::new());
    let mut projects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pair in pairs {
        projects.entry(text(pair, "script_id")).or_default().insert(text(pair, "project_id"));
    }
    for row in rows {
        let given = text(row, "name");
        let called = name(given, &mut taken);
        // It would run as root on boards.
        let is_text = !is_binary(text(row, "script"));
        names.insert(text(row, "id").to_owned(), (called.clone(), is_text));
        if !is_text {
            found.left("script", given, "it has bytes that are no text");
            continue;
        }
        if called != given {
            found.changed("name of a script", given, format!("it is called `{called}` here"));
        }
        let kind = text(row, "script_type");
        let when = if kind == "preinstall" { When::Pre } else { When::Post };
        if !matches!(kind, "preinstall" | "postinstall") {
            let why = format!("{} becomes `postinstall`: it runs after the image", quoted(kind));
            found.changed("type of a script", given, why);
        }
        let beside = text(row, "bg").trim();
        if !matches!(beside, "0" | "1" | "true" | "false" | "t" | "f") {
            let why = format!("whether it runs in the background was {}: it doesn't", quoted(beside));
            found.changed("script", given, why);
        }
        let id = text(row, "id");
        ordered.push(Ordered {
            when,
            // The column's default there.
            priority: text(row, "priority").trim().parse().unwrap_or(100),
            id: id.parse().unwrap_or(i64::MAX),
            name: called.clone(),
            projects: projects.get(id).cloned().unwrap_or_default(),
        });
        let script = Script {
            name: called,
            text: text(row, "script").to_owned(),
            when,
            priority: 100,
            background: truth(row.get("bg")),
            once: false,
            limit: 600,
        };
        all.push((row, script));
    }
    let kept = order::kept(&ordered);
    for project in kept.other {
        let why = format!("those of the project with the number {project} run in another order here");
        found.changed("scripts", project, why);
    }
    for ((row, mut script), priority) in all.into_iter().zip(kept.priorities) {
        let (given, was) = (text(row, "name"), text(row, "priority").trim());
        if was != priority.to_string() {
            let why = format!("{} becomes {priority}, which keeps the order", quoted(was));
            found.changed("priority of a script", given, why);
        }
        script.priority = priority;
        found.import.scripts.push(script);
    }
    names
}

/// The whole disk that a path is, in a project's words, and whether it is the first of its kind: a project here names kinds.
fn target(storage: &str) -> Option<(Vec<Role>, bool)> {
    let number = |text: &str| {
        let good = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.trim_start_matches('0').is_empty())
    };
    let card = || vec![Role::Emmc, Role::Sd];
    if storage.is_empty() {
        return Some((card(), true));
    }
    let name = storage.strip_prefix("/dev/")?;
    if let Some(rest) = name.strip_prefix("mmcblk") {
        return Some((card(), number(rest)?));
    }
    if let Some((controller, space)) = name.strip_prefix("nvme").and_then(|rest| rest.split_once('n')) {
        number(space)?;
        return Some((vec![Role::Nvme], number(controller)? && space == "1"));
    }
    let letters = name.strip_prefix("sd")?;
    let good = (1..=3).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_lowercase());
    good.then(|| (vec![Role::Usb], letters == "a"))
}

fn projects(
    found: &mut Found,
    rows: &[Row],
    pairs: &[Row],
    (images, scripts, labels): (&Names, &Scripts, &labels::Labels),
) -> Names {
    let (mut names, mut taken) = (Names::new(), BTreeSet::new());
    for row in rows {
        let given = text(row, "name");
        let called = name(given, &mut taken);
        names.insert(text(row, "id").to_owned(), called.clone());
        let storage = text(row, "storage").trim();
        let Some((target, is_first)) = target(storage) else {
            let why =
                format!("its disk is {}, which is no whole eMMC, SD card, NVMe or USB disk", quoted(storage));
            found.left("project", given, why);
            continue;
        };
        let id = text(row, "id");
        let own = pairs.iter().filter(|pair| text(pair, "project_id") == id);
        let own: Vec<&(String, bool)> = own.filter_map(|pair| scripts.get(text(pair, "script_id"))).collect();
        if let Some((script, _)) = own.iter().find(|(_, is_taken)| !is_taken) {
            let why = format!("all of it is left out, since its script `{script}` isn't taken");
            found.left("project", given, why);
            continue;
        }
        if called != given {
            found.changed("name of a project", given, format!("it is called `{called}` here"));
        }
        if !is_first {
            let kinds: Vec<_> = target.iter().map(|role| role.title()).collect();
            let why = format!(
                "its disk is {}; here it is the first {} of a board",
                quoted(storage),
                kinds.join(" or ")
            );
            found.changed("disk of a project", given, why);
        }
        let image = images.get(text(row, "image_id")).cloned();
        match (&image, text(row, "image_id")) {
            (Some(_), _) => {}
            (None, "") => {
                found.tell(Fate::Noted, IMAGE, given, format!("it has none there: {NO_IMAGE}"));
            }
            (None, _) => {
                let why = format!("it is taken without its image, which isn't taken: {NO_IMAGE}");
                found.changed(IMAGE, given, why);
            }
        }
        let eeprom = eeprom(found, row, given);
        let label = label_of(found, labels, row, given);
        let mut scripts: Vec<String> = own.into_iter().map(|(name, _)| name.clone()).collect();
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
        if !text(row, "eeprom_settings").trim().is_empty() {
            let why = "its EEPROM settings aren't taken: it has no EEPROM image that they are put into";
            found.changed("EEPROM of a project", project, why);
        }
        return None;
    }
    let parts = given.split_once('/').and_then(|(channel, name)| Some((file(channel)?, file(name)?)));
    let Some((channel, image)) = parts.filter(|(_, image)| image.ends_with(".bin")) else {
        let why = format!(
            "it is taken without its EEPROM image and settings: {} is no file of an EEPROM",
            quoted(given)
        );
        found.changed("EEPROM of a project", project, why);
        return None;
    };
    let stem = image.trim_end_matches(".bin");
    let called = if channel == "stable" { stem.to_owned() } else { format!("{stem}-{channel}") };
    let known = found.firmware.iter().find(|one| one.channel == channel && one.file == image);
    let called = match known {
        Some(known) => known.name.clone(),
        // Two files may become one name.
        None => {
            let called =
                name(&called, &mut found.firmware.iter().map(|one| one.name.to_lowercase()).collect());
            found.import.firmware.push(called.clone());
            found.firmware.push(FoundFirmware { name: called.clone(), channel, file: image });
            called
        }
    };
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
        found.changed("EEPROM of a project", project, why);
    }
    Some(ProjectEeprom { firmware: called, set, ..ProjectEeprom::default() })
}

/// A record, and the columns in which it has something that can't be read.
fn record(row: &Row, log: &[&Row], projects: &Names) -> Result<(OldRecord, Vec<&'static str>), &'static str> {
    let serial = Serial::of_digits(text(row, "serial").trim()).filter(|serial| !serial.is_blank());
    let serial = serial.ok_or("its serial number is none")?;
    let started = time(text(row, "provisioning_started_at"));
    let began = started.or_else(|| time(text(row, "created_at"))).ok_or("it has no time")?;
    let complete = time(text(row, "provisioning_complete_at")).filter(|complete| *complete >= began);
    let status = text(row, "script_return_code").trim();
    let last_error = log.iter().rev().find(|line| text(line, "loglevel") == "error");
    let outcome = match (complete, status, last_error) {
        (Some(_), "" | "0", _) => OldOutcome::Complete,
        (None, "" | "0", None) => OldOutcome::Unknown,
        _ => OldOutcome::Failed,
    };
    let size = text(row, "storage").trim().parse::<u64>().ok().filter(|size| (1..1 << 60).contains(size));
    let (cid, csd) = (register(text(row, "cid")), register(text(row, "csd")));
    let gigabytes = text(row, "memory_in_gb").trim().parse::<u64>().ok().filter(|gb| (1..1024).contains(gb));
    let mac = text(row, "mac").trim().parse().ok();
    let odd = [
        ("provisioning_started_at", started.is_some()),
        ("provisioning_complete_at", complete.is_some()),
        ("storage", size.is_some() || text(row, "storage").trim() == "0"),
        // They are kept with their disk.
        ("cid", cid.is_some() && size.is_some()),
        ("csd", csd.is_some() && size.is_some()),
        ("memory_in_gb", gigabytes.is_some() || text(row, "memory_in_gb").trim() == "0"),
        ("mac", mac.is_some()),
    ];
    let odd = odd.iter().filter(|(column, is_read)| !is_read && !text(row, column).trim().is_empty());
    let odd = odd.map(|(column, _)| *column).collect();
    let disk = size.map(|size| Disk { cid, csd, ..Disk::new("mmcblk0".to_owned(), Role::Emmc, size) });
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
    let record = OldRecord {
        serial,
        mac,
        model: some(row, "model", 200),
        memory: gigabytes.map(|gigabytes| gigabytes << 30),
        disk,
        duid: None,
        started: began,
        ended: complete,
        outcome,
        why: last_error.map(|line| shown(text(line, "msg"), 500)).filter(|why| !why.is_empty()),
        image: some(row, "image_filename", 200),
        project: projects.get(text(row, "project_id")).cloned(),
        facts,
        log: all,
    };
    Ok((record, odd))
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
            found.changed("name of a user", given, format!("the account is called `{called}` here"));
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
