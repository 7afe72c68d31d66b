//! Files out of Debian's arm64 packages: U-Boot for a Pi, a kernel, busybox. Fetched once with an apt directory of
//! our own, so that the host's architectures and lists stay as they are, and kept in cargo's directory for tests.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{need, shell};

/// Unpacks a package and gives the directory with its files. Takes the newest where `name` is one that only names
/// another, as `linux-image-arm64` does.
pub(crate) fn unpacked(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
    let files = home.join(name);
    if !files.exists() {
        need("apt-get", "apt (these packages are Debian's)");
        need("dpkg-deb", "dpkg");
        shell(&format!(
            r#"set -euo pipefail
            mkdir -p {home} && cd {home} && mkdir -p state/lists/partial cache/archives/partial
            printf 'APT::Architectures {{ "%s"; "arm64"; }};\nDir::State "%s/state";\nDir::Cache "%s/cache";\n' \
                "$(dpkg --print-architecture)" "$PWD" "$PWD" > apt.conf
            printf 'Dir::State::status "/dev/null";\nAcquire::Languages "none";\nAcquire::Retries "3";\n' >> apt.conf
            export APT_CONFIG=$PWD/apt.conf
            # Lists of half an hour ago are fresh enough.
            [ -n "$(find state/lists -maxdepth 1 -name '*arm64*' -mmin -30 -print -quit)" ] || apt-get -qq update
            package={name}
            real=$(apt-cache show --no-all-versions $package:arm64 | sed -n 's/^Depends: \(linux-image-[^ ]*\).*/\1/p')
            rm -rf fresh && mkdir fresh && cd fresh
            apt-get -qq download "${{real:-$package}}:arm64"
            dpkg-deb -x *.deb files && mv files ../{name} && cd .. && rm -rf fresh"#,
            home = home.display(),
        ));
    }
    files
}

/// The only file below `dir` of a package whose path matches a shell pattern.
pub(crate) fn file(package: &str, pattern: &str) -> PathBuf {
    let dir = unpacked(package);
    let found = shell(&format!("cd {} && ls -d {pattern}", dir.display()));
    let [path] = found.lines().collect::<Vec<_>>()[..] else { panic!("{package}: {pattern}: {found}") };
    dir.join(path)
}
