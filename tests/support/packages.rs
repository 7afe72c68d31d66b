//! Debian's packages of another architecture, as `piprov` fetches them: a kernel, busybox-static and raspi-firmware.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use piprov::debian::apt::Wanted::{Behind, Package};
use piprov::debian::apt::{Source, fetch};

/// Fetched once, and then kept beside what was built. `kernel` is the package that stands for the kernel.
pub(crate) fn packages(debian: &str, kernel: &str) -> Vec<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rig/stage1").join(debian);
    if !cache.exists() {
        let stop = piprov::stop::Stop::new().unwrap();
        let source = Source { architecture: debian, release: "bookworm", mirror: None };
        let wanted = [Behind(kernel), Package("busybox-static"), Package("raspi-firmware")];
        let fetched = fetch(&wanted, source, &stop).unwrap_or_else(|error| {
            let hint = piprov::cli::remedy::word(&piprov::error::Explain::hint(&error).unwrap_or_default());
            panic!("this test needs packages of Debian {debian}: {error}\nhint: {hint}")
        });
        // Whole or not at all, should this be interrupted.
        let half = cache.with_extension("half");
        let _ = std::fs::remove_dir_all(&half);
        std::fs::create_dir_all(&half).unwrap();
        for package in &fetched.packages {
            std::fs::copy(package, half.join(package.file_name().unwrap())).unwrap();
        }
        std::fs::rename(half, &cache).unwrap();
    }
    let mut debs: Vec<PathBuf> =
        std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    debs.sort();
    assert_eq!(debs.len(), 3, "remove {} and try again: {debs:?}", cache.display());
    debs
}
