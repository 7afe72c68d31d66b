//! The Debian package in clean roots of bookworm and trixie: installed, upgraded, removed, purged, and nothing left.
//! systemd doesn't run in them; what the package's scripts would have it do is recorded.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::support::path;

/// Units that only a person switches on.
const UNITS: [&str; 6] = [
    "piprov-bootd.service",
    "piprov-clnlive.service",
    "piprov-netboot.service",
    "piprov-station.service",
    "piprov-station.socket",
    "piprov-usb.path",
];

/// In systemctl's place: keeps what it is told to do.
const RECORDER: &str = "#!/bin/sh\necho \"$*\" >>/var/log/systemctl\n\
    case \"$*\" in *is-active*) echo inactive; exit 3 ;; esac\n";

/// What dpkg, debconf and the catalogues keep of a package that was there once, and the user that stays, as Debian's
/// users do: files may belong to it.
const KEPT: [&str; 12] = [
    "var/lib/dpkg/",
    "var/cache/",
    "var/log/",
    "var/lib/systemd/",
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "etc/gshadow",
    "etc/.pwd.lock",
    "run/",
    "tmp/",
    "root/",
];

fn succeeded(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{}: {said}", output.status);
    said
}

/// The package of the programs that these tests run.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/build-deb");
        let output = Command::new(tool).args(["--profile", "dev"]).env("PATH", path()).output().unwrap();
        succeeded(&output);
        let said = String::from_utf8(output.stdout).unwrap();
        Path::new(env!("CARGO_MANIFEST_DIR")).join(said.lines().last().unwrap())
    })
}

/// The same package as an older version that had other settings, in a directory.
fn older(dir: &Path) -> PathBuf {
    let script = r#"dpkg-deb -R "$1" "$2/old"
        sed -i 's/^Version: .*/Version: 0.0.9-1/' "$2/old/DEBIAN/control"
        echo '# What older versions said.' >>"$2/old/etc/piprov/piprov.toml"
        dpkg-deb --root-owner-group -Zgzip -z1 -b "$2/old" "$2/old.deb""#;
    let mut command = Command::new("sh");
    command.args(["-ec", script, "sh"]).arg(package()).arg(dir);
    succeeded(&command.output().unwrap());
    dir.join("old.deb")
}

/// A clean Debian, unpacked.
struct Root(tempfile::TempDir);

impl Root {
    fn of(release: &str) -> Self {
        let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/target/package-roots");
        let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/package/fetch.sh");
        succeeded(&Command::new(fetch).args([roots, release]).env("PATH", path()).output().unwrap());
        let root = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let tar = format!("{roots}/{release}.tar");
        succeeded(&Command::new("tar").args(["-xpf", &tar, "-C"]).arg(root.0.path()).output().unwrap());
        root
    }

    fn at(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// Runs a shell script in it, without a network. What is mounted there is gone afterwards.
    fn try_run(&self, script: &str) -> Output {
        let outer =
            r#"mount --make-rprivate /; mount -t proc proc "$1/proc"; exec chroot "$1" /bin/sh -ec "$2""#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", outer, "sh"]);
        command.arg(self.0.path()).arg(script).env_clear();
        command.envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8"), ("HOME", "/root")]);
        command.env("DEBIAN_FRONTEND", "noninteractive").output().unwrap()
    }

    #[track_caller]
    fn run(&self, script: &str) -> String {
        let output = self.try_run(script);
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{script}\n{}: {said}", output.status);
        said
    }

    /// All files below it, with what tells whether one was changed.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = std::fs::symlink_metadata(&path).unwrap();
                let below = path.strip_prefix(self.0.path()).unwrap().to_str().unwrap().to_owned();
                let mut facts = format!("{:o} {} {}", meta.mode(), meta.uid(), meta.gid());
                if meta.is_dir() {
                    folders.push(path);
                } else {
                    let link = std::fs::read_link(&path).unwrap_or_default();
                    facts += &format!(" {} {} {}", meta.len(), meta.mtime(), link.display());
                }
                files.insert(below, facts);
            }
        }
        files
    }

    /// What is new, changed or gone since then, but for what Debian keeps.
    fn changes(&self, before: &BTreeMap<String, String>) -> Vec<String> {
        let after = self.files();
        let kept = |path: &&String| !KEPT.iter().any(|kept| path.starts_with(kept));
        let new = after.keys().filter(|path| before.get(*path) != after.get(*path));
        let gone = before.keys().filter(|path| !after.contains_key(*path));
        new.chain(gone).filter(kept).cloned().collect()
    }

    /// What systemd was told since the last look, but for questions.
    fn told_systemd(&self) -> Vec<String> {
        let path = self.at("var/log/systemctl");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(&path);
        let question = |line: &&str| {
            !["is-active", "is-enabled", "show", "list-"].iter().any(|word| line.contains(word))
        };
        text.lines().filter(question).map(str::to_owned).collect()
    }

    fn is_enabled(&self, unit: &str) -> String {
        let output = self.try_run(&format!("systemctl.real --root=/ is-enabled {unit}"));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn in_a_clean_root(release: &str) {
    let root = Root::of(release);
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::copy(older(scratch.path()), root.at("root/old.deb")).unwrap();
    std::fs::copy(package(), root.at("root/new.deb")).unwrap();
    std::fs::rename(root.at("usr/bin/systemctl"), root.at("usr/bin/systemctl.real")).unwrap();
    std::fs::write(root.at("usr/bin/systemctl"), RECORDER).unwrap();
    root.run("chmod 755 /usr/bin/systemctl; mkdir -p /run/systemd/system");
    let before = root.files();

    // An older version is installed: all of it is in its place, and nothing else has changed.
    root.run("dpkg -i /root/old.deb");
    let below = ["usr/", "etc/piprov"];
    let changes = root.changes(&before);
    let elsewhere: Vec<_> =
        changes.iter().filter(|path| !below.iter().any(|part| path.starts_with(part))).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let changed: Vec<_> =
        changes.iter().filter(|path| before.contains_key(*path) && !root.at(path).is_dir()).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(root.told_systemd(), ["--system daemon-reload"]);
    for unit in UNITS {
        assert_eq!(root.is_enabled(unit), "disabled", "{unit}");
    }
    works(&root);

    // Somebody uses it, and upgrades.
    root.run(
        "printf '[station]\\nenrol = \"open\"\\n' >/etc/piprov/piprov.toml; echo secret >/etc/piprov/lab.secret
        systemctl.real --root=/ --quiet enable piprov-usb.path
        install -d -o piprov /var/lib/piprov/station; echo key >/var/lib/piprov/station/key
        mkdir -p /run/piprov /srv/precious; echo precious >/srv/precious/file; ln -s /srv/precious /var/lib/piprov/images",
    );
    root.run("dpkg --force-confold -i /root/new.deb");
    let settings = || std::fs::read_to_string(root.at("etc/piprov/piprov.toml")).unwrap();
    assert_eq!(settings(), "[station]\nenrol = \"open\"\n");
    assert!(root.at("etc/piprov/piprov.toml.dpkg-dist").exists());
    let shown = root.run("piprov config show");
    assert!(shown.lines().any(|line| line.contains("station.enrol") && line.contains("open")), "{shown}");
    for unit in UNITS {
        let wanted = if unit == "piprov-usb.path" { "enabled" } else { "disabled" };
        assert_eq!(root.is_enabled(unit), wanted, "{unit}");
    }
    // Only what runs already is started anew.
    let told = root.told_systemd();
    let harmless = |line: &String| line == "--system daemon-reload" || line.contains("try-restart");
    assert!(told.iter().all(harmless) && told.iter().any(|line| line.contains("try-restart")), "{told:?}");

    // Removed: programs are gone, what people made stays.
    root.run("dpkg -r piprov");
    assert!(!root.at("usr/bin/piprov").exists() && !root.at("usr/lib/piprov").exists());
    assert_eq!(settings(), "[station]\nenrol = \"open\"\n");
    assert!(root.at("var/lib/piprov/station/key").exists());
    let told = root.told_systemd();
    assert!(
        told.iter().any(|line| line.contains("stop") && line.contains("piprov-station.service")),
        "{told:?}"
    );
    assert!(!told.iter().any(|line| line.contains("start") || line.contains("enable")), "{told:?}");

    // Purged by somebody who wants to keep it, and by somebody who doesn't.
    let answer = |keep: bool| {
        root.run(&format!("echo piprov piprov/remove-data boolean {} | debconf-set-selections", !keep));
    };
    answer(true);
    let said = root.run("dpkg -P piprov");
    assert!(said.contains("/var/lib/piprov and /etc/piprov stay"), "{said}");
    assert!(root.at("var/lib/piprov/station/key").exists() && root.at("etc/piprov/lab.secret").exists());
    assert!(!root.at("etc/piprov/piprov.toml").exists() && !root.at("run/piprov").exists());
    root.run("dpkg -i /root/new.deb");
    answer(false);
    // What is mounted there is somebody else's.
    root.run(
        "mkdir /var/lib/piprov/mounted; mount -t tmpfs own /var/lib/piprov/mounted; echo own >/var/lib/piprov/mounted/file
        dpkg -P piprov
        grep -q own /var/lib/piprov/mounted/file",
    );
    assert_eq!(std::fs::read_to_string(root.at("srv/precious/file")).unwrap(), "precious\n");
    assert!(!root.at("var/lib/piprov/station").exists() && !root.at("var/lib/piprov/images").is_symlink());
    answer(false);
    // State that was moved elsewhere is not looked for.
    let said = root.run(
        "dpkg-deb -e /root/new.deb /root/scripts; rm -rf /var/lib/piprov; ln -s /srv/precious /var/lib/piprov
        DPKG_MAINTSCRIPT_PACKAGE=piprov sh /root/scripts/postrm purge; rm -r /root/scripts",
    );
    assert_eq!(std::fs::read_to_string(root.at("srv/precious/file")).unwrap(), "precious\n");
    assert!(!root.at("var/lib/piprov").is_symlink() && said.contains("/srv/precious, which stays"), "{said}");

    // Nothing is left but what somebody had made elsewhere.
    std::fs::remove_dir_all(root.at("srv/precious")).unwrap();
    let left: Vec<_> = root.changes(&before).into_iter().filter(|path| !root.at(path).is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
    let named = root
        .files()
        .into_keys()
        .filter(|path| path.contains("piprov") && !path.starts_with("var/"))
        .collect::<Vec<_>>();
    assert!(named.is_empty(), "{named:?}");
}

/// What is installed does what it is there for.
#[track_caller]
fn works(root: &Root) {
    let version = concat!("piprov ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(root.run("piprov --version"), version);
    assert_eq!(root.run("/usr/lib/udev/piprov-udev --version"), version.replace("piprov ", "piprov-udev "));
    assert_eq!(
        root.run("/usr/lib/piprov/piprov-agent-amd64 --version"),
        version.replace("piprov ", "piprov-agent ")
    );
    assert_eq!(root.run("man -w piprov piprov-flash piprov.toml").lines().count(), 3);
    for file in [
        "usr/share/bash-completion/completions/piprov",
        "usr/share/zsh/vendor-completions/_piprov",
        "usr/share/fish/vendor_completions.d/piprov.fish",
        "usr/share/doc/piprov/copyright",
        "usr/share/doc/piprov/changelog.gz",
        "usr/share/doc/piprov/third-party.gz",
    ] {
        assert!(root.at(file).is_file(), "{file}");
    }
    assert_eq!(
        root.run("systemd-analyze verify --recursive-errors=no /usr/lib/systemd/system/piprov-*.*"),
        ""
    );
    let user = root.run("getent passwd piprov; getent group piprov");
    assert!(user.contains("/usr/sbin/nologin") && user.lines().count() == 2, "{user}");
    // The agent of another processor is found; only what is fetched from the network is missing.
    let output =
        root.try_run("piprov initramfs build --arch arm64 --station http://10.0.0.1:8080 -o /root/boot");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("fetching kernel and tools") && !said.contains("no agent"),
        "{said}"
    );
    // What `udev install` would write is there already: it only has to be switched on.
    let said = root.run("piprov udev install --dry-run");
    assert!(said.contains("unchanged /usr/lib/udev/rules.d/60-piprov.rules"), "{said}");
    assert!(!said.contains("would install") && said.contains("enable --now piprov-usb.path"), "{said}");
    // The settings are all examples.
    let shown = root.run("piprov config show");
    assert!(!shown.contains("/etc/piprov/piprov.toml:"), "{shown}");
}

#[test]
fn the_package_comes_and_goes_in_bookworm() {
    in_a_clean_root("bookworm");
}

#[test]
fn the_package_comes_and_goes_in_trixie() {
    in_a_clean_root("trixie");
}

#[test]
fn lintian_has_nothing_against_the_package() {
    let output = Command::new("lintian")
        .args(["--allow-root", "--fail-on", "error,warning"])
        .arg(package())
        .env("PATH", path())
        .output()
        .expect("lintian is missing: tools/install-packages test");
    let said = succeeded(&output);
    assert!(!said.contains("unused-override") && !said.contains("mismatched-override"), "{said}");
}
