//! An image of real files.

#![allow(dead_code, reason = "each bench uses its part")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::common::shell;

/// Makes an ext4 `image` of programs and libraries of this system, two thirds full, and the same compressed by each of
/// these commands. With `PIPROV_BENCH_IMAGES`, a directory, they are kept there for the next time.
pub(crate) fn image(dir: &Path, mib: u64, pack: &[&str]) {
    let kept = std::env::var("PIPROV_BENCH_IMAGES").ok().map(std::path::PathBuf::from);
    let place = kept.as_deref().unwrap_or(dir);
    std::fs::create_dir_all(place).unwrap();
    if !place.join("image").exists() {
        make(place, mib);
    }
    for pack in pack {
        let name = format!("image.{}", &pack[..pack.find(' ').unwrap()]);
        let name = name.replace("gzip", "gz").replace("zstd", "zst").replace("bmaptool", "bmap");
        shell(place, &format!("[ -s {name} ] || {{ {pack} >{name}.new; mv {name}.new {name}; }}"));
        if place != dir {
            // No symbolic ones: zstd leaves those alone.
            for name in [&*name, "image"] {
                shell(
                    dir,
                    &format!(
                        "[ -e {name} ] || ln {0}/{name} {name} || cp {0}/{name} {name}",
                        place.display()
                    ),
                );
            }
        }
    }
}

fn make(dir: &Path, mib: u64) {
    let most = mib * 67 / 100;
    shell(
        dir,
        &format!(
            "mkdir tree; set +o pipefail
             find /usr/lib/$(uname -m)-linux-gnu /usr/bin /usr/sbin /usr/share /usr/lib -xdev -type f \
                 -size -64M -printf '%s %p\\n' 2>/dev/null | awk -v most={most} \
                 '!seen[$2]++ {{ got += int(($1 + 8191) / 4096) * 4096; if (got > most * 1048576) exit; print substr($0, length($1) + 2) }}' |
                 xargs -d '\\n' cp --parents -t tree
             set -o pipefail
             PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -d tree image {mib}M; rm -rf tree; sync"
        ),
    );
}

/// How much of a file is zero.
pub(crate) fn zeros(path: &Path) -> f64 {
    let (mut file, mut block) = (File::open(path).unwrap(), vec![0; 4096]);
    let (mut all, mut zero) = (0.0, 0.0);
    while file.read_exact(&mut block).is_ok() {
        all += 1.0;
        zero += f64::from(u8::from(block.iter().all(|byte| *byte == 0)));
    }
    zero / all
}
