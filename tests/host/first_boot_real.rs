//! First-boot files, taken by what reads them on a board: Debian's cloud-init, bash and Debian's programs for
//! `firstrun.sh`, NetworkManager, sshd and sudo for what comes of it, and the reader of TOML that custom.toml's uses.

use std::fs;
use std::path::PathBuf;

use crate::deploy_first_boot::{make_system, shell};
use crate::disks::Disk;
use crate::system::Layer;

/// Whatever a shell, YAML or TOML could make of it. Bytes: 27.
const SSID: &str = "-'\"$(touch /pwned);\\\u{85}\u{2028}é";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4oJ8vZ4o it's \"me\" \
                   $(touch /pwned) `touch /pwned` \\' ;touch /pwned #{é: [}";
const PASSWORD: &str = "it's \"x\" $(touch /pwned) `touch /pwned`;touch /pwned \\ ☺";
/// As make_system has it.
const LINE: &str = "console=tty1 root=PARTUUID=8a3b01c7-02 rootwait";

/// What `piprov deploy` writes to the boot partition in a format, in a directory.
struct Boot {
    disk: Disk,
    dir: PathBuf,
}

impl Boot {
    fn of(format: &str, ssid: &str) -> Self {
        let disk = Disk::new();
        make_system(&disk.path(""));
        if format == "custom-toml" {
            shell(
                "echo 'quiet init=/usr/lib/raspberrypi-sys-mods/firstboot' >fresh; mcopy -o -i os.img@@1M fresh ::cmdline.txt",
                &disk.path(""),
            );
        }
        let mut settings = toml::Table::new();
        for (key, value) in [
            ("hostname", "gate-7"),
            ("user", "ada"),
            ("password", PASSWORD),
            ("wifi-ssid", ssid),
            ("wifi-password", "pass'word$1"),
            ("wifi-country", "DE"),
            ("timezone", "Europe/Berlin"),
            ("keyboard", "de"),
        ] {
            settings.insert(key.to_owned(), value.into());
        }
        settings.insert("sudo".to_owned(), true.into());
        settings.insert("wifi-hidden".to_owned(), true.into());
        fs::write(disk.path("settings.toml"), settings.to_string()).unwrap();
        let args = ["deploy", "os.img", "--device", "one", "--confirm", "one", "--set-file", "settings.toml"];
        let key = format!("ssh-key={KEY}");
        let more = [
            "--set",
            &key,
            "--set",
            "ssh-key=ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDexampleexampleexample second",
        ];
        disk.run(&[&args[..], &more, &["--set-format", format]].concat()).ok();
        let dir = disk.path("boot.files");
        fs::create_dir(&dir).unwrap();
        // As a board mounts it.
        shell("mcopy -i one@@1M '::*' boot.files/; chmod 755 boot.files/*", &disk.path(""));
        Self { disk, dir }
    }

    #[track_caller]
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The value of `NAME: ` in what a script printed.
#[track_caller]
fn line<'a>(said: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    said.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{name} in {said}"))
}

/// What the programs of a system say of what was set.
const LOOK: &str = r#"
    echo "name: $(cat /etc/hostname)"; echo "host: $(getent hosts gate-7)"
    echo "user: $(getent passwd 1000)"; echo "hash: $(getent shadow ada | cut -d: -f2)"
    echo "keys: $(stat -c '%a %U %G' /home/ada/.ssh /home/ada/.ssh/authorized_keys | tr '\n' ' ')"
    visudo -cq; echo "sudo: $(sudo -n -l -U ada | tail -n 1 | tr -s ' ')"
    mkdir -p /run/sshd; ssh-keygen -qA; echo "password: $(sshd -T | grep -i '^passwordauthentication')"
    echo "enabled: $(systemctl is-enabled ssh)"; echo "zone: $(readlink -f /etc/localtime)"
    echo "keyboard: $(sed -n 's/^XKBLAYOUT=//p' /etc/default/keyboard)"
"#;

#[track_caller]
fn all_is_set(said: &str, layer: &Layer, hash: &str, keyboard: Option<&str>) {
    assert_eq!(line(said, "name"), "gate-7");
    assert!(line(said, "host").starts_with("127.0.1.1"), "{said}");
    let user: Vec<&str> = line(said, "user").split(':').collect();
    assert_eq!(
        (&user[..4], &user[5..]),
        (&["ada", "x", "1000", "1000"][..], &["/home/ada", "/bin/bash"][..])
    );
    assert_eq!(line(said, "hash"), hash);
    assert_eq!(line(said, "keys"), "700 ada ada 600 ada ada ");
    assert_eq!(line(said, "sudo").trim(), "(ALL) NOPASSWD: ALL");
    assert_eq!(line(said, "password"), "passwordauthentication no");
    assert_eq!(line(said, "enabled"), "enabled");
    assert_eq!(line(said, "zone"), "/usr/share/zoneinfo/Europe/Berlin");
    if let Some(keyboard) = keyboard {
        assert_eq!(line(said, "keyboard").trim_matches('"'), keyboard);
    }
    let keys = layer.changed("home/ada/.ssh/authorized_keys");
    let keys: Vec<&str> = keys.lines().collect();
    assert!(keys.len() == 2 && keys.contains(&KEY), "as they were given, in any order: {keys:?}");
    for place in ["pwned", "root/pwned", "boot/firmware/pwned", "home/ada/pwned"] {
        assert!(!layer.has(place), "a value was run: {place}");
    }
}

/// Of a line `key: "value"` or `key='value'`.
fn quoted<'a>(text: &'a str, start: &str, end: char) -> &'a str {
    let from = text.find(start).unwrap_or_else(|| panic!("{start} in {text}")) + start.len();
    text[from..].split(end).next().unwrap()
}

/// The name as NetworkManager keeps octets.
fn octets(ssid: &str) -> String {
    ssid.bytes().map(|byte| format!("{byte};")).collect()
}

fn the_script_in(release: &str) {
    let boot = Boot::of("first-run", SSID);
    let hash = quoted(&boot.read("firstrun.sh"), "\nhash='", '\'').to_owned();
    let layer = Layer::of(release);
    // The system as it is before its first start.
    layer.run(&boot.dir, "systemctl -q disable ssh; ! getent passwd 1000");
    let wifi = "echo \"wifi: $(nmcli --offline connection modify connection.zone '' \
        </etc/NetworkManager/system-connections/firstrun.nmconnection | tr '\\n' ' ')\"; \
        stat -c 'mode: %a %U' /etc/NetworkManager/system-connections/firstrun.nmconnection";
    let said = layer.run(&boot.dir, &format!("/boot/firmware/firstrun.sh; {LOOK}\n{wifi}"));
    all_is_set(&said, &layer, &hash, Some("de"));
    let log = layer.changed("var/log/firstrun.log");
    assert_eq!(log, "first boot: settings are made\nfirst boot: done\n", "nothing went wrong");
    assert_eq!(line(&said, "mode"), "600 root");
    let written = layer.changed("etc/NetworkManager/system-connections/firstrun.nmconnection");
    assert!(written.contains(&format!("\nssid={}\n", octets(SSID))), "{written}");
    let taken = line(&said, "wifi");
    assert!(taken.contains(&format!("ssid={} ", octets(SSID))) && taken.contains("hidden=true"), "{taken}");
    // It has taken itself away, and the next start is an ordinary one.
    assert!(!boot.dir.join("firstrun.sh").exists());
    assert_eq!(boot.read("cmdline.txt").trim(), format!("{LINE} cfg80211.ieee80211_regdom=DE"));
    assert!(!boot.dir.join("pwned").exists());
}

#[test]
fn the_script_sets_all_in_bookworm_and_takes_itself_away() {
    the_script_in("bookworm");
}

#[test]
fn the_script_sets_all_in_trixie_and_takes_itself_away() {
    the_script_in("trixie");
}

/// Raspberry Pi OS has a user pi until somebody gives it another name.
#[test]
fn the_script_gives_the_first_user_its_name() {
    let boot = Boot::of("first-run", "floor");
    let hash = quoted(&boot.read("firstrun.sh"), "\nhash='", '\'').to_owned();
    let layer = Layer::of("bookworm");
    layer.run(
        &boot.dir,
        "systemctl -q disable ssh; useradd -m -u 1000 -s /bin/bash -G dialout pi; echo mine >/home/pi/file
        echo 'pi ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/010_pi-nopasswd; chmod 440 /etc/sudoers.d/010_pi-nopasswd",
    );
    let said = layer.run(
        &boot.dir,
        &format!("/boot/firmware/firstrun.sh; {LOOK}\necho \"groups: $(id -Gn ada)\"; ! getent passwd pi"),
    );
    all_is_set(&said, &layer, &hash, Some("de"));
    assert_eq!(line(&said, "groups"), "ada dialout");
    assert_eq!(layer.changed("home/ada/file"), "mine\n");
    assert!(layer.changed("etc/sudoers.d/010_pi-nopasswd").starts_with("ada "));
    assert_eq!(
        layer.changed("var/log/firstrun.log"),
        "first boot: settings are made\nfirst boot: done\n",
        "nothing went wrong"
    );
}

/// cloud-init's stages as its units run them, and its own account of them.
const CLOUD_INIT: &str = r#"
    for stage in 'init --local' init 'modules --mode=config' 'modules --mode=final'; do
        cloud-init $stage >>/run/log 2>&1 || echo "ended: $stage"
    done
    echo "source: $(python3 -c 'import json; print(json.load(open("/run/cloud-init/result.json"))["v1"]["datasource"])')"
    echo "errors: $(python3 -c 'import json; print(*json.load(open("/run/cloud-init/result.json"))["v1"]["errors"])')"
    echo "id: $(cat /var/lib/cloud/data/instance-id)"
"#;

/// What NetworkManager gets by netplan, as Raspberry Pi OS has it.
const NETPLAN: &str = r#"
    printf 'network: {renderer: NetworkManager}' >/etc/netplan/00-renderer.yaml; chmod 600 /etc/netplan/*
    netplan generate 2>/dev/null; file=$(ls /run/NetworkManager/system-connections/*wlan0*)
    echo "wifi: $(nmcli --offline connection modify connection.zone '' <"$file" | tr '\n' ' ')"
"#;

/// `before` is what this release needs, `fails` what it can't do without a systemd that runs.
fn cloud_init_in(release: &str, before: &str, fails: &str) {
    let boot = Boot::of("cloud-init-rpi", SSID);
    let hash = quoted(&boot.read("user-data"), "\n  passwd: \"", '"').to_owned();
    let layer = Layer::of(release);
    let schema = "cloud-init schema --config-file /boot/firmware/user-data";
    let said =
        layer.run(&boot.dir, &format!("systemctl -q disable ssh; ! getent passwd 1000; {schema} 2>&1"));
    assert!(said.contains("Valid") && !said.to_lowercase().contains("deprecat"), "{said}");
    let said = layer.run(&boot.dir, &format!("{before}\n{CLOUD_INIT}\n{LOOK}\n{NETPLAN}"));
    all_is_set(&said, &layer, &hash, fails.is_empty().then_some("de"));
    let id = boot.read("meta-data");
    assert_eq!(line(&said, "id"), id.trim().strip_prefix("instance-id: ").unwrap());
    assert!(line(&said, "source").starts_with("DataSourceNoCloud"), "{said}");
    let errors = line(&said, "errors");
    assert!(errors.starts_with(fails) && errors.matches("('").count() <= 1, "{said}");
    assert_eq!(errors.is_empty(), fails.is_empty(), "{said}");
    let wifi = line(&said, "wifi");
    let found = wifi.contains(&format!("ssid={} ", octets(SSID))) && wifi.contains("hidden=true");
    assert!(found && quoted(wifi, "psk=", ' ').len() == 64, "{wifi}");
    assert!(!boot.dir.join("pwned").exists());
}

/// It sets the keyboard through systemd, and takes a network from where a seed lies only by itself.
#[test]
fn cloud_init_of_bookworm_sets_what_the_seed_says_but_the_keyboard() {
    let seed = "mkdir -p /var/lib/cloud/seed; ln -s /boot/firmware /var/lib/cloud/seed/nocloud";
    cloud_init_in("bookworm", seed, "('keyboard', ");
}

#[test]
fn cloud_init_of_trixie_sets_what_the_seed_says() {
    cloud_init_in("trixie", "", "");
}

/// custom.toml's reader takes Python's `toml`, which isn't the library that others take.
#[test]
fn custom_toml_says_the_same_to_the_library_that_reads_it() {
    let boot = Boot::of("custom-toml", "it's `net` \"5\" é #");
    let layer = Layer::of("bookworm");
    let print =
        "python3 -c 'import json, toml; print(json.dumps(toml.load(\"/boot/firmware/custom.toml\")))'";
    let said = layer.run(&boot.dir, print);
    let found: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(found["ssh"]["authorized_keys"][0], KEY);
    assert_eq!(found["ssh"]["authorized_keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["wlan"]["ssid"], "it's `net` \"5\" é #");
    assert_eq!((&found["system"]["hostname"], &found["config_version"]), (&"gate-7".into(), &1.into()));
    assert_eq!(
        (&found["user"]["password_encrypted"], &found["wlan"]["hidden"]),
        (&true.into(), &true.into())
    );
    drop(boot.disk);
}
