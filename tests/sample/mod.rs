//! Sample disk images and the tools that look into them. Nothing here needs root.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of the test's own with an image in it; both go away with the value.
pub(crate) struct Sample {
    /// The directory.
    pub(crate) dir: tempfile::TempDir,
    /// The image in it.
    pub(crate) image: PathBuf,
}

impl Sample {
    /// Makes an image with `examples/make-sample-image.sh`.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("sample.img");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/make-sample-image.sh");
        run(Command::new(script).arg(&image).args(arguments));
        Self { dir, image }
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in the directory, with the directories above it.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }
}

/// Runs a tool that must succeed and gives what it prints. A missing tool is a failure that says what to install.
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a tool, whatever it ends with.
pub(crate) fn output(command: &mut Command) -> std::process::Output {
    // mkfs, sfdisk and debugfs live in directories that an ordinary user's PATH may lack.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).env_remove("MTOOLSRC");
    command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}\napt-get install mtools dosfstools e2fsprogs fdisk gdisk u-boot-tools")
    })
}

/// A command line split at spaces.
pub(crate) fn tool(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// A file of the ext4 file system at a byte offset of an image.
pub(crate) fn ext4_cat(image: &Path, offset: u64, path: &str) -> String {
    run(Command::new("debugfs").args(["-R", &format!("cat {path}")]).arg(at(image, offset)))
}

/// The name under which e2fsprogs take a file system inside an image.
pub(crate) fn at(image: &Path, offset: u64) -> String {
    format!("{}?offset={offset}", image.display())
}

/// A file of the FAT file system at a byte offset of an image.
pub(crate) fn fat_cat(image: &Path, offset: u64, path: &str) -> String {
    run(Command::new("mtype").args(["-i", &format!("{}@@{offset}", image.display()), &format!("::{path}")]))
}

/// Copies a part of a file into one of its own, for tools that take no offset.
pub(crate) fn cut(image: &Path, offset: u64, len: u64, to: &Path) {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(len).unwrap()];
    std::fs::File::open(image).unwrap().read_exact_at(&mut bytes, offset).unwrap();
    std::fs::write(to, bytes).unwrap();
}
