//! A Debian with what a board's system has at its first start: its tree, made once, and programs that run in it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The tree of a release: bookworm or trixie. Nobody changes it.
pub(crate) fn tree(release: &str) -> PathBuf {
    let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/target/package-roots");
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/package/fetch.sh");
    let output = Command::new(fetch).args([roots, release, "system"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Path::new(roots).join(format!("{release}-system"))
}

/// A root of its own, whose changes are kept in a directory: what is written goes there, and never into the tree.
pub(crate) struct Layer {
    tree: PathBuf,
    /// The files that differ from the tree.
    dir: tempfile::TempDir,
}

/// In a namespace of its own, with a host name and a network of its own: the tree with a layer in memory above it.
/// `$1` tree, `$2` the directory of changes, `$3` the boot partition's files, `$4` the script.
const OUTER: &str = r#"
    mount --make-rprivate /
    work=$2.work; mkdir -p "$work"; mount -t tmpfs -o mode=755 layer "$work"
    mkdir "$work/upper" "$work/inner" "$work/root"; cp -a "$2/." "$work/upper"
    mount -t overlay -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/inner" root "$work/root"
    mount -t proc proc "$work/root/proc"; mount -t sysfs -o ro sys "$work/root/sys"
    mount -t tmpfs -o mode=755 run "$work/root/run"
    mkdir -p "$work/root/boot/firmware"; mount --bind "$3" "$work/root/boot/firmware"
    # What the firmware would give the kernel.
    [ ! -e "$3/cmdline.txt" ] || { cp "$3/cmdline.txt" "$work/cmdline"; mount --bind "$work/cmdline" "$work/root/proc/cmdline"; }
    status=0; chroot "$work/root" /bin/sh -ec "$4" || status=$?
    cp -a "$work/upper/." "$2"
    exit $status
"#;

impl Layer {
    pub(crate) fn of(release: &str) -> Self {
        Self { tree: tree(release), dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// Runs a script as root in it, and gives what it prints. `boot` is its boot partition.
    #[track_caller]
    pub(crate) fn run(&self, boot: &Path, script: &str) -> String {
        let changes = self.dir.path().join("changes");
        std::fs::create_dir_all(&changes).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-ec"]);
        command.args([OUTER, "sh"]).arg(&self.tree).arg(&changes).arg(boot).arg(script).env_clear();
        command.envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8"), ("HOME", "/root")]);
        let output = command.output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{script}\n{}: {said}", output.status);
        said
    }

    /// A file that has become another, or is new.
    #[track_caller]
    pub(crate) fn changed(&self, path: &str) -> String {
        let file = self.dir.path().join("changes").join(path);
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        String::from_utf8(bytes).unwrap()
    }

    /// Whether there is a new file of this name at the top, in a home or in /tmp: what an injected command would leave.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.dir.path().join("changes").join(path).exists()
    }
}
