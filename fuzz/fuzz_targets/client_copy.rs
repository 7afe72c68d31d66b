//! A file system that says anything, copied as a client's root and as boot files into a directory of its own: nothing
//! outside that directory changes.
#![no_main]

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use libfuzzer_sys::fuzz_target;

/// Contents, mode, owner, times and number of names of what must stay as it is.
fn outside(top: &Path) -> Vec<(u32, u32, u32, i64, i64, u64, Vec<u8>)> {
    let known = ["", "clients", "outside", "outside/secret"].map(|path| top.join(path));
    let host = ["/", "/etc", "/srv", "/etc/passwd"].map(std::path::PathBuf::from);
    known
        .iter()
        .chain(&host)
        .map(|path| {
            let meta = std::fs::symlink_metadata(path).expect("it is there");
            let bytes = if meta.is_file() { std::fs::read(path).expect("it can be read") } else { Vec::new() };
            (meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec(), meta.nlink(), bytes)
        })
        .collect()
}

fuzz_target!(|bytes: &[u8]| {
    // In memory, so that the disk is not what is measured.
    let dir = tempfile::Builder::new().tempdir_in("/dev/shm").expect("room in /dev/shm");
    let at = |path: &str| dir.path().join(path);
    std::fs::create_dir_all(at("outside")).expect("room");
    std::fs::create_dir_all(at("clients/copy")).expect("room");
    std::fs::write(at("outside/secret"), "secret").expect("room");
    let before = outside(dir.path());
    let boot = bytes.first().is_some_and(|byte| byte & 1 == 1);
    let _ = piprov::netboot::client::hostile::copy(bytes.get(1..).unwrap_or_default(), &at("clients/copy"), boot);
    assert_eq!(outside(dir.path()), before);
});
