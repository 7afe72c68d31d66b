//! systemd's units let a service do what it does.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::Path;

/// Settings of a unit, each with the values of all its lines.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.flat_map(str::split_whitespace).collect()
}

#[test]
fn a_service_in_a_sandbox_can_write_its_records_and_its_leases() {
    let unit = std::fs::read_to_string("systemd/piprov-netboot.service").unwrap();
    assert_eq!(values(&unit, "ProtectSystem"), ["strict"]);
    let writable: Vec<_> =
        values(&unit, "StateDirectory").into_iter().map(|name| Path::new("/var/lib").join(name)).collect();
    // What root's program takes without a configuration: state-dir and netboot.state.
    for path in ["/var/lib/piprov", "/var/lib/piprov/netboot"] {
        assert!(writable.iter().any(|dir| dir == Path::new(path)), "{path}, but {writable:?}");
    }
}

#[test]
fn a_service_in_a_sandbox_can_make_its_control_socket_and_leaves_what_others_have_there() {
    let unit = std::fs::read_to_string("systemd/piprov-netboot.service").unwrap();
    let socket = piprov::config::Settings::without_files().control_socket.value.unwrap();
    let made: Vec<_> =
        values(&unit, "RuntimeDirectory").into_iter().map(|name| Path::new("/run").join(name)).collect();
    assert_eq!(made, [socket.parent().unwrap()]);
    // Notes of the udev helper lie there, too.
    assert_eq!(values(&unit, "RuntimeDirectoryPreserve"), ["yes"]);
    // The socket is given to a group that the service isn't in.
    assert!(values(&unit, "CapabilityBoundingSet").contains(&"CAP_CHOWN"));
    assert!(values(&unit, "RestrictAddressFamilies").contains(&"AF_UNIX"));
}

#[test]
fn the_station_is_nobodys_root_and_its_sandbox_is_tight() {
    let unit = std::fs::read_to_string("systemd/piprov-station.service").unwrap();
    assert_eq!(values(&unit, "User"), ["piprov"]);
    assert!(values(&unit, "CapabilityBoundingSet").is_empty() && unit.contains("\nCapabilityBoundingSet=\n"));
    // What root's program takes without a configuration is not where the station may write: its own part of it is.
    let settings = piprov::config::Settings::without_files();
    assert_eq!(settings.station.state.value, None);
    assert_eq!(values(&unit, "StateDirectory"), ["piprov/station"]);
    // Its sockets are where the settings say, and root's.
    let socket = std::fs::read_to_string("systemd/piprov-station.socket").unwrap();
    let path = settings.station.socket.value.unwrap();
    let mut places = vec![path.display().to_string()];
    places.extend(settings.station.listen.value.iter().map(ToString::to_string));
    assert_eq!(values(&socket, "ListenStream"), places);
    assert_eq!((values(&socket, "SocketUser"), values(&socket, "SocketMode")), (vec!["root"], vec!["0660"]));
    assert_eq!(values(&unit, "Requires"), ["piprov-station.socket"]);
    let analyze = std::process::Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=30", "systemd/piprov-station.service"])
        .output()
        .expect("systemd-analyze is needed: apt-get install systemd");
    assert!(analyze.status.success(), "{}", String::from_utf8_lossy(&analyze.stdout));
}

#[test]
fn the_privileged_half_reaches_reset_lines_and_usb_and_nothing_of_the_station() {
    let unit = std::fs::read_to_string("systemd/piprov-bootd.service").unwrap();
    assert_eq!(values(&unit, "DevicePolicy"), ["closed"]);
    let devices = values(&unit, "DeviceAllow");
    assert_eq!(devices, ["char-gpiochip", "rw", "char-usb_device", "rw"]);
    assert_eq!(values(&unit, "StateDirectory"), ["piprov", "piprov/netboot"]);
    assert!(values(&unit, "CapabilityBoundingSet").iter().all(|name| !name.contains("SYS_ADMIN")));
    // All of what keeps network boot in bounds keeps this in bounds, but for the devices.
    let netboot = std::fs::read_to_string("systemd/piprov-netboot.service").unwrap();
    for line in netboot.lines().filter(|line| line.starts_with("Protect") || line.starts_with("Restrict")) {
        assert!(unit.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn systemd_takes_each_unit_as_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for entry in std::fs::read_dir("systemd").unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let path = dir.path().join(entry.file_name());
        std::fs::write(&path, text.replace("/usr/bin/piprov", env!("CARGO_BIN_EXE_piprov"))).unwrap();
        units.push(path);
    }
    let analyze = std::process::Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&units)
        .output()
        .expect("systemd-analyze is needed: apt-get install systemd");
    let said = String::from_utf8_lossy(&analyze.stderr).into_owned();
    assert!(units.len() >= 7 && analyze.status.success() && said.is_empty(), "{said}");
}

#[test]
fn what_make_installs_below_a_prefix_is_all_there_and_goes_again() {
    let dir = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_piprov")).parent().unwrap().display().to_string();
    let make = |goal: &str| {
        let mut command = std::process::Command::new("make");
        command.args([goal, "PREFIX=/usr/local", &format!("BUILT={built}")]);
        let output = command.arg(format!("DESTDIR={}", dir.path().display())).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    make("install");
    let prefix = dir.path().join("usr/local");
    let mut units = 0;
    for entry in std::fs::read_dir(prefix.join("lib/systemd/system")).unwrap() {
        let unit = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!unit.contains("/usr/bin/piprov"), "{unit}");
        if let Some(command) = values(&unit, "ExecStart").first() {
            assert!(dir.path().join(command.trim_start_matches('/')).is_file(), "{command}");
        }
        units += 1;
    }
    assert_eq!(units, 4);
    assert!(
        prefix.join("lib/piprov/piprov-udev").is_file()
            && prefix.join("lib/sysusers.d/piprov.conf").is_file()
    );
    assert!(prefix.join("share/man/man5/piprov.toml.5").is_file());
    // What the manual calls samples; those that a station runs can be run.
    let samples = prefix.join("share/doc/piprov/examples");
    assert!(samples.join("scripts/resize-root.sh").is_file());
    let hook = std::fs::metadata(samples.join("hooks/done.d/10-csv")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&hook.permissions()) & 0o777, 0o755);
    // What belongs to somebody else stays.
    std::fs::write(prefix.join("lib/piprov/own"), "").unwrap();
    make("uninstall");
    let mut left = Vec::new();
    let mut folders = vec![prefix.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { left.push(path) }
        }
    }
    assert_eq!(left, [prefix.join("lib/piprov/own")]);
}

#[test]
fn the_package_gives_the_settings_that_are_built_in_as_examples() {
    let text = std::fs::read_to_string("packaging/piprov.toml").unwrap();
    assert!(
        toml::from_str::<toml::Table>(&text)
            .unwrap()
            .values()
            .all(|table| table.as_table().unwrap().is_empty())
    );
    // Each of them counts when its # is taken away, and is what is built in unless the line before says "such as".
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("piprov.toml");
    let setting =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
    let text: Vec<&str> = text.lines().collect();
    let open: Vec<String> =
        text.iter().map(|line| setting(line).unwrap_or_else(|| (*line).to_owned())).collect();
    std::fs::write(&file, open.join("\n")).unwrap();
    let settings = piprov::config::Settings::load(Some(&file)).unwrap();
    let (built_in, mut table, mut seen) = (piprov::config::Settings::without_files(), "", 0);
    let built_in = built_in.rows();
    for (before, line) in text.iter().zip(text.iter().skip(1)) {
        table = before.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(table);
        let Some(line) = setting(line) else { continue };
        let key = format!("{table}.{}", line.split_once(" = ").unwrap().0);
        let value = |rows: &[piprov::config::Row]| {
            rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("{key}")).value.to_string()
        };
        if !before.ends_with("Such as") {
            assert_eq!(value(&settings.rows()), value(&built_in), "{key}");
        }
        seen += 1;
    }
    assert!(seen >= 9, "{seen}");
}
