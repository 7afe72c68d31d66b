use super::*;
use std::collections::HashMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A directory that stands in for the machine.
struct Place {
    dir: tempfile::TempDir,
    env: HashMap<&'static str, OsString>,
    uid: u32,
    explicit: Option<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let env = HashMap::from([("HOME", dir.path().join("home").into_os_string())]);
        Self { dir, env, uid: 1000, explicit: None }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(&self) -> Result<Settings, Error> {
        Settings::of(&Machine {
            env: &|name| self.env.get(name).cloned(),
            explicit: self.explicit.as_deref(),
            project: &self.path("project"),
            system: &self.path("etc"),
            uid: self.uid,
        })
    }
}

#[test]
fn each_layer_beats_the_ones_below_it() {
    let mut machine = Place::new();
    let expect = |machine: &Place, want: u16, origin: &str| {
        let max_window = machine.load().unwrap().tftp.max_window;
        assert_eq!(max_window.value, want);
        let origin = origin.replace('^', machine.dir.path().to_str().unwrap());
        assert_eq!(max_window.origin.to_string(), origin);
    };
    let window = |number: u16| format!("# one\n[tftp]\nmax-window = {number}\n");
    expect(&machine, 16, "built in");
    machine.write("etc/piprov.toml", &window(1));
    expect(&machine, 1, "^/etc/piprov.toml:3");
    machine.write("etc/piprov.d/50-b.toml", &window(3));
    machine.write("etc/piprov.d/10-a.toml", &window(2));
    machine.write("etc/piprov.d/90-c.toml.bak", "nonsense");
    expect(&machine, 3, "^/etc/piprov.d/50-b.toml:3");
    machine.write("home/.config/piprov/config.toml", &window(4));
    expect(&machine, 4, "^/home/.config/piprov/config.toml:3");
    machine.env.insert("XDG_CONFIG_HOME", machine.path("xdg").into_os_string());
    machine.write("xdg/piprov/config.toml", &window(5));
    expect(&machine, 5, "^/xdg/piprov/config.toml:3");
    machine.write("project/piprov.toml", &window(6));
    expect(&machine, 6, "^/project/piprov.toml:3");
    machine.explicit = Some(machine.write("own.toml", &window(7)));
    expect(&machine, 7, "^/own.toml:3");
    machine.env.insert("PIPROV_TFTP_MAX_WINDOW", "8".into());
    expect(&machine, 8, "environment, PIPROV_TFTP_MAX_WINDOW");
    machine.env.insert("PIPROV_TFTP_MAX_WINDOW", "".into());
    expect(&machine, 7, "^/own.toml:3");
    let flag = machine.load().unwrap().tftp.max_window.or_flag("--max-window", Some(9));
    assert_eq!((flag.value, flag.origin.to_string().as_str()), (9, "flag, --max-window"));
}

#[test]
fn every_key_is_read_and_shown() {
    let mut machine = Place::new();
    let text = "targets = 'lab.csv'\nstate-dir = \"/srv/state\"\nruntime-dir = '/srv/run'\n\
        control-socket = '/srv/run/piprov.sock'\n\
        [flash]\nlisten = \"10.0.0.2\"\npart-size = \"128MiB\"\nboot-timeout = 90\nstagger = 2.5\n\
        [reset]\nhold = 1\ncommand-timeout = 5\n[tftp]\nmax-window = 0x8\nmax-blksize = 1_024\n\
        [usb]\nlive = \"live\"\nclients = \"/srv/clients\"\nports = ['1-1.2', '2-*']\ngadget = \"1d6b:0104\"\nrestart-window = 20\n\
        [[usb.board]]\nport = '1-1.2'\npayload = 'own'\nallow = ['/a', 'b']\nsigned = true\n\
        [[usb.board]]\nchip = 'BCM2712'\nleave = true\n\
        [netboot]\ninterface = 'eth1'\nserver = '10.0.0.2'\nmode = 'dhcp'\nrange = '10.0.0.9-20'\nlease-time = 600\nrouter = '10.0.0.1'\n\
        dns = ['10.0.0.1', '9.9.9.9']\nhosts = [\n  'dc:a6:32:01:02:03=10.0.0.7',\n]\noui = '2c:cf:67'\nrom-delay = 1\n\
        delays = 'dc:a6:32:01:02:03=0.5'\neveryone = true\nallow = ['af04b2da', '2c:cf:67']\n\
        deny = 'dc:a6:32:01:02:03'\ntftp-server = '10.0.0.5'\noption-43 = 'Ours'\nboot-files = ['7=ipxe.efi']\nstation = 'http://10.0.0.1:8080'\n\
        tftp-root = '/srv/tftp'\nclients = '/srv/roots'\nshared = '/srv/shared'\nstate = '/srv/netboot'\n\
        [[netboot.subnet]]\nnetwork = '10.1.0.0/24'\nrange = '10.1.0.9-20'\n[[netboot.subnet]]\ninterface = 'eth2'\nrouter = '10.2.0.1'\n\
        [station]\nlisten = ['10.0.0.1:8443', '[::1]:8080']\nsocket = '/srv/run/station.sock'\nstate = '/srv/station'\n\
        store = 'postgres://db/piprov'\nobjects = 's3://piprov/lab'\nobjects-credentials = '/srv/keys'\nobjects-patience = 5\nenrol = 'open'\nkeep-runs = 400\nkeep-logs = 'off'\nkeep-sightings = 1\nkeep-audit = '36500'\nshell-clients = false\nhooks-local = true\nhooks-dir = '/srv/hooks'\nfirmware-dir = '/srv/firmware'\nprint-dir = '/srv/labels'\nprinters-local = true\nimages-local = true\n\
        proxy-header = 'X-Remote-User'\nproxy-from = ['10.0.0.5', 'fd00::/64']\nnames = ['station.example', '192.0.2.1']\n\
        tls-cert = '/srv/cert.pem'\ntls-key = '/srv/key.pem'\n\
        url = 'https://station:8443'\ntoken-file = '/srv/token'\npin = '"
        .to_owned()
        + &"0a".repeat(32)
        + "'\n[[station.print-command]]\nname = 'zebra'\nrun = ['/usr/bin/lp', '-d', 'zebra']\n";
    machine.explicit = Some(machine.write("piprov.toml", &text));
    let settings = machine.load().unwrap();
    let pin = "0a".repeat(32);
    let lab = machine.path("lab.csv").display().to_string();
    let live = machine.path("live").display().to_string();
    let own = machine.path("").display().to_string();
    let boards = format!("allow=/a, {own}b payload={own}own port=1-1.2 signed=true; chip=bcm2712 leave=true");
    let want = [
        &lab,
        "/srv/state",
        "/srv/run",
        "/srv/run/piprov.sock",
        "10.0.0.2:69",
        "128MiB",
        "90",
        "2.5",
        "1",
        "5",
        "8",
        "1024",
        &live,
        "/srv/clients",
        &boards,
        "1-1.2, 2-*",
        "1d6b:0104",
        "20",
        "eth1",
        "10.0.0.2",
        "dhcp",
        "10.0.0.9-10.0.0.20",
        "600",
        "10.0.0.1",
        "10.0.0.1, 9.9.9.9",
        "dc:a6:32:01:02:03=10.0.0.7",
        "2c:cf:67",
        "1",
        "dc:a6:32:01:02:03=0.5",
        "true",
        "network=10.1.0.0/24 range=10.1.0.9-10.1.0.20; interface=eth2 router=10.2.0.1",
        "af04b2da, 2c:cf:67",
        "dc:a6:32:01:02:03",
        "10.0.0.5",
        "Ours",
        "7=ipxe.efi",
        "http://10.0.0.1:8080",
        "/srv/tftp",
        "/srv/roots",
        "/srv/shared",
        "/srv/netboot",
        "10.0.0.1:8443, [::1]:8080",
        "/srv/run/station.sock",
        "/srv/station",
        "postgres://db/piprov",
        "s3://piprov/lab",
        "/srv/keys",
        "5",
        "open",
        "400",
        "off",
        "1",
        "36500",
        "false",
        "true",
        "/srv/hooks",
        "/srv/firmware",
        "name=zebra run=/usr/bin/lp, -d, zebra",
        "/srv/labels",
        "true",
        "true",
        "x-remote-user",
        "10.0.0.5/32, fd00::/64",
        "station.example, 192.0.2.1",
        "/srv/cert.pem",
        "/srv/key.pem",
        "https://station:8443",
        "/srv/token",
        &pin,
    ];
    let rows = settings.rows();
    assert_eq!(rows.iter().map(|row| row.value.to_string()).collect::<Vec<_>>(), want);
    for row in &rows {
        assert!(matches!(row.origin, Origin::File { .. }), "{} {}", row.key, row.origin);
    }
    // What is shown can be read again, as a variable too.
    for row in rows.into_iter().filter(|row| row.members.is_empty()) {
        machine.env.insert(Box::leak(variable(row.key).into_boxed_str()), row.value.to_string().into());
    }
    let settings = machine.load().unwrap();
    let rows = settings.rows();
    assert_eq!(rows.iter().map(|row| row.value.to_string()).collect::<Vec<_>>(), want);
    let of_environment = |row: &Row| matches!(row.origin, Origin::Environment { .. });
    assert!(rows.iter().all(|row| of_environment(row) == row.members.is_empty()), "but lists of tables");
}

#[test]
fn mistakes_are_named_with_file_line_and_key() {
    let mut machine = Place::new();
    for (text, want) in [
        ("[flash]\n\npart-sise = 1", "^:3: there is no setting `flash.part-sise`"),
        ("b = 1\na = 1", "^:1: there is no setting `b`"),
        ("[flsh]\npart-size = 1", "^:1: there is no setting `flsh`"),
        ("flash = 3", "^:1: there is no setting `flash`"),
        ("targets = 3", "^:1: `targets`: 3 is not a path"),
        ("targets = ''", "^:1: `targets`: `` is not a path"),
        ("[tftp]\nmax-window = 0", "^:2: `tftp.max-window`: 0 is not a whole number from 1 to 65535"),
        (
            "[tftp]\nmax-window = true",
            "^:2: `tftp.max-window`: a whole number from 1 to 65535 is wanted, not a value of type boolean",
        ),
        (
            "[flash]\nlisten = 'lan'",
            "^:2: `flash.listen`: `lan` is not an address with a port, such as 0.0.0.0:69",
        ),
        (
            "[tftp]\nmax-window = [1]",
            "^:2: `tftp.max-window`: a whole number from 1 to 65535 is wanted, not a value of type array",
        ),
        (
            "[netboot]\ndns = ['10.0.0.1',\n  'lan']",
            "^:2: `netboot.dns`: `lan` is not an IPv4 address, such as 10.0.0.1",
        ),
        (
            "[netboot]\ndns = [['10.0.0.1']]",
            "^:2: `netboot.dns`: an IPv4 address, such as 10.0.0.1 is wanted",
        ),
        ("[flash]\n[flash]\n", "^:2: duplicate key"),
        ("\ntargets = ", "^:2: "),
        ("\n\n= 1", "^:3: "),
    ] {
        machine.explicit = Some(machine.write("bad.toml", text));
        let error = machine.load().unwrap_err();
        let want = want.replace('^', machine.explicit.as_ref().unwrap().to_str().unwrap());
        assert!(error.to_string().starts_with(&want), "{text:?}: {error}, not {want}");
        assert_eq!(error.kind(), Kind::Config);
    }
    machine.explicit = None;
    machine.env.insert("PIPROV_FLASH_STAGGER", "soon".into());
    let error = machine.load().unwrap_err().to_string();
    assert_eq!(
        error,
        "environment, PIPROV_FLASH_STAGGER: `flash.stagger`: `soon` is not a time from 0 to 3600 s, in seconds or with its unit (ms, s, m, h or d)"
    );
}

#[test]
fn a_wrong_key_comes_with_the_right_one() {
    let hint =
        |key: &str| Error::Unknown { path: PathBuf::new(), line: 1, key: key.to_owned() }.hint().unwrap();
    assert_eq!(hint("flash.part-sise"), "did you mean `flash.part-size`?".into());
    assert_eq!(hint("part-size"), "`part-size` stands below [flash]".into());
    assert!(hint("colour").names(crate::error::Task::ConfigShow));
}

#[test]
fn root_takes_nothing_from_other_users() {
    let mut machine = Place::new();
    let project = machine.write("project/piprov.toml", "targets = '/tmp/evil.csv'\n");
    let user = machine.write("home/.config/piprov/config.toml", "targets = '/tmp/evil.csv'\n");
    machine.uid = 0;
    // The files belong to the user that runs the test, which must not be taken for root.
    let owner = std::fs::metadata(&project).unwrap().uid();
    let chown = |uid| {
        for path in [&project, &user] {
            std::os::unix::fs::chown(path, Some(uid), None).unwrap();
        }
    };
    if owner == 0 {
        chown(4711);
    }
    let settings = machine.load().unwrap();
    assert_eq!(settings.targets.origin, Origin::Default);
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
    assert!(settings.warnings[1].says("project/piprov.toml is left out"), "{:?}", settings.warnings);

    let uid = std::fs::metadata(&project).unwrap().uid();
    machine.env.insert("SUDO_UID", uid.to_string().into());
    assert_eq!(machine.load().unwrap().targets.value, Path::new("/tmp/evil.csv"));

    std::fs::set_permissions(&project, std::fs::Permissions::from_mode(0o666)).unwrap();
    let settings = machine.load().unwrap();
    assert!(settings.warnings[0].says("everybody may write"), "{:?}", settings.warnings);
    assert_eq!(settings.targets.origin.to_string(), format!("{}:1", user.display()));

    machine.explicit = Some(project);
    assert!(machine.load().unwrap().warnings.is_empty());
}

#[test]
fn a_named_file_must_be_there() {
    let mut machine = Place::new();
    machine.explicit = Some(PathBuf::from("/nonexistent/piprov.toml"));
    assert_eq!(machine.load().unwrap_err().kind(), Kind::NoInput);
    machine.explicit = Some(PathBuf::from("/dev/zero"));
    assert_eq!(machine.load().unwrap_err().kind(), Kind::BadData);
    machine.explicit = Some(PathBuf::from("/"));
    assert!(machine.load().is_err());
}

#[test]
fn state_lies_where_the_user_may_write() {
    let mut machine = Place::new();
    assert_eq!(machine.load().unwrap().state_dir.value, machine.path("home/.local/state/piprov"));
    machine.env.insert("XDG_STATE_HOME", "/s".into());
    assert_eq!(machine.load().unwrap().state_dir.value, Path::new("/s/piprov"));
    machine.uid = 0;
    assert_eq!(machine.load().unwrap().state_dir.value, Path::new("/var/lib/piprov"));
}

#[test]
fn a_home_that_cannot_be_read_stops_nobody() {
    // A name that is too long stands for a place that can't be looked at: root, which may run this, is refused
    // nothing by permissions.
    let mut machine = Place::new();
    for home in [PathBuf::from("/nonexistent/home"), PathBuf::from("relative"), machine.path("file")] {
        machine.write("file", "no directory");
        machine.env.insert("HOME", home.clone().into_os_string());
        let settings = machine.load().unwrap();
        assert!(settings.warnings.is_empty(), "{}: {:?}", home.display(), settings.warnings);
    }
    machine.env.insert("HOME", machine.path("x".repeat(300).as_str()).into_os_string());
    assert!(machine.load().unwrap().warnings[0].says("is left out: File name too long"));
    machine.env.remove("HOME");
    let settings = machine.load().unwrap();
    assert!(settings.warnings.is_empty() && settings.state_dir.value == Path::new("/var/lib/piprov"));

    machine.env.insert("HOME", machine.path("home").into_os_string());
    machine.write("home/.config", "no directory");
    assert!(machine.load().unwrap().warnings.is_empty());
    std::fs::remove_file(machine.path("home/.config")).unwrap();
    std::fs::create_dir_all(machine.path("home/.config/piprov/config.toml")).unwrap();
    let settings = machine.load().unwrap();
    assert!(settings.warnings[0].says("config.toml is left out: Is a directory"), "{:?}", settings.warnings);
    std::fs::remove_dir(machine.path("home/.config/piprov/config.toml")).unwrap();
    std::os::unix::fs::symlink("config.toml", machine.path("home/.config/piprov/config.toml")).unwrap();
    assert_eq!(machine.load().unwrap().warnings.len(), 1);

    // What stands there and can be read counts, with its mistakes.
    std::fs::remove_file(machine.path("home/.config/piprov/config.toml")).unwrap();
    machine.write("home/.config/piprov/config.toml", "nonsense = 1\n");
    assert!(machine.load().is_err());
    // A directory in the place of the machine's own file is a mistake in this machine's setup.
    std::fs::remove_file(machine.path("home/.config/piprov/config.toml")).unwrap();
    std::fs::create_dir_all(machine.path("etc/piprov.toml")).unwrap();
    assert!(machine.load().is_err());
}

#[test]
fn a_list_of_tables_is_read_whole_and_told_by_line_where_it_is_wrong() {
    let mut machine = Place::new();
    machine.write("etc/piprov.toml", "[[usb.board]]\npayload = 'a'\n[[usb.board]]\npayload = 'b'\n");
    assert_eq!(machine.load().unwrap().usb.boards.value.len(), 2);
    // That of a stronger file stands in for it.
    let file = machine.write("project/piprov.toml", "[[usb.board]]\nleave = true\n");
    let boards = machine.load().unwrap().usb.boards;
    assert_eq!(boards.origin.to_string(), format!("{}:1", file.display()));
    assert_eq!(boards.value, [usb::BoardRule { leave: true, ..usb::BoardRule::default() }]);
    for (text, at, wrong, hint) in [
        (
            "[[usb.board]]\npayload = 'a'\n\n[[usb.board]]\nport = '1-1'\npayloads = 'a'\n",
            6,
            "there is no setting `usb.board.payloads`",
            "did you mean `usb.board.payload`?",
        ),
        ("[[usb.board]]\npayload = 'a'\nport = '1.1'\n", 3, "`usb.board.port`: `1.1` is not the path", ""),
        ("[[usb.board]]\nchip = 'bcm2710'\nleave = true", 2, "`usb.board.chip`: `bcm2710` is not one of", ""),
        ("[[usb.board]]\nserial = 5\nleave = true", 2, "`usb.board.serial`: 5 is not a serial number", ""),
        ("#\n[[usb.board]]\nport = '1-1'", 2, "`usb.board`: it has neither `payload` nor", ""),
        ("[[usb.board]]\nleave = true\npayload = 'a'", 1, "`usb.board`: it has `payload`, and `leave", ""),
        ("[usb]\nboard = ['a']", 2, "`usb.board`: a list of tables in a file is wanted", ""),
        ("[usb.board]\nport = '1-1'", 1, "`usb.board`: a list of tables in a file", ""),
        ("[[usb.board]]\nleave = [true]", 2, "`usb.board.leave`: `true` or `false` is wanted", ""),
        ("[[usb.bord]]\nleave = true", 1, "there is no setting `usb.bord`", "did you mean `usb.board`?"),
    ] {
        let path = machine.write("project/piprov.toml", text);
        let error = machine.load().unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with(&format!("{}:{at}: {wrong}", path.display())), "{text}: {told}");
        assert!(hint.is_empty() || error.hint().unwrap().says(hint), "{text}: {:?}", error.hint());
    }
    let many = "[[usb.board]]\nleave = true\n".repeat(1001);
    machine.write("project/piprov.toml", &many);
    assert!(machine.load().unwrap_err().to_string().contains("1001 tables are more than 1000"));
    std::fs::remove_file(machine.path("project/piprov.toml")).unwrap();
    machine.env.insert("PIPROV_USB_BOARD", "port=1-1".into());
    let error = machine.load().unwrap_err().to_string();
    assert!(error.contains("PIPROV_USB_BOARD") && error.contains("list of tables in a file"), "{error}");
}

#[test]
fn every_setting_says_what_it_is() {
    let settings = Settings::without_files();
    let rows = settings.rows();
    assert_eq!(rows.iter().map(|row| row.key).collect::<Vec<_>>(), KEYS);
    let mut keys = KEYS.to_vec();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), KEYS.len(), "a key stands twice");
    let mut tables: Vec<&str> =
        KEYS.iter().map(|key| key.rsplit_once('.').map_or("", |(table, _)| table)).collect();
    tables.dedup();
    assert_eq!(
        tables,
        ["", "flash", "reset", "tftp", "usb", "netboot", "station"],
        "a table stands in two places"
    );
    for row in rows {
        assert!(row.help.trim_end().ends_with('.') && !row.wanted.is_empty(), "{}", row.key);
        assert_eq!(row.origin, &Origin::Default);
    }
}
