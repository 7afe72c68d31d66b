//! One board, one image: beside a pipe and bmaptool, and an upgrade of what is on the disk.

use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use crate::common::station::children;
use crate::common::{GOALS, goal, shell};
use crate::ground::Ground;

const SERIAL: &str = "1000000000000001";
/// How much faster than a pipe that proves nothing.
const FASTER: f64 = 6.0;
/// Bytes on the wire beside those of the blocks that differ.
const WIRE: f64 = 1.5;

pub(crate) fn run(ground: &Ground, rounds: u64) -> String {
    let (device, web) = (&ground.looped, &ground.web);
    let board = ground.station.board(SERIAL, device.as_ref());
    ground.station.knows(1);
    let ours = |image: &str| {
        ground.station.run(&[
            "board",
            "deploy",
            SERIAL,
            "--image",
            image,
            "--end",
            "wait",
            "--confirm",
            SERIAL,
        ]);
    };
    let pipe = |unpack: &str, name: &str| {
        let dd = format!("dd of={device} bs=1M conv=fsync status=none");
        shell(&ground.dir, &format!("curl -sS {web}/{name} | {unpack} | {dd}"));
    };
    let bmaptool = || {
        let line = format!(
            "bmaptool -q copy --bmap image.bmap {web}/image.zst {device}
             blockdev --flushbufs {device}; head -c {} {device} | openssl dgst -sha256",
            ground.len
        );
        shell(&ground.dir, &line);
    };
    let ways: [(&str, &dyn Fn()); 4] = [
        ("`piprov board deploy`, read back and proven", &|| ours("os")),
        ("`curl`, `xz -dc`, `dd conv=fsync`; nothing is proven", &|| pipe("xz -dc", "image.xz")),
        ("`curl`, `xz -dc -T0`, `dd conv=fsync`; nothing is proven", &|| pipe("xz -dc -T0", "image.xz")),
        ("`bmaptool copy` (zst, bmap), then `openssl dgst -sha256` of the disk", &bmaptool),
    ];
    // Of all that takes part, on both sides.
    let all = || children() + board.cpu() + ground.station.process.cpu() + ground.nginx.cpu();
    let mut best = [f64::INFINITY; 4];
    let mut cpu = [f64::INFINITY; 4];
    for _ in 0..rounds {
        for (n, (what, way)) in ways.iter().enumerate() {
            ground.dirty();
            let (before, began) = (all(), Instant::now());
            way();
            let (took, busy) = (began.elapsed().as_secs_f64(), all() - before);
            eprintln!("{what}: {took:.2} s, processor {busy:.2} s");
            best[n] = best[n].min(took);
            cpu[n] = cpu[n].min(busy);
            ground.forget();
            if what.contains("bmaptool") {
                // Where the bmap has nothing, the disk keeps what it had.
                shell(&ground.dir, &format!("PATH=$PATH:/usr/sbin:/sbin e2fsck -fn {device}"));
            } else {
                ground.same("image", device);
            }
        }
    }
    let mut table = format!(
        "\nOnto a loop device, fastest of {rounds}.\n\n| way | seconds | beside piprov | processor time of all | \
         beside piprov |\n|---|---:|---:|---:|---:|\n"
    );
    for (n, (what, _)) in ways.iter().enumerate() {
        let (took, busy) = (best[n], cpu[n]);
        table +=
            &format!("| {what} | {took:.2} | {:.2} | {busy:.2} s | {:.2} |\n", took / best[0], busy / cpu[0]);
    }
    let upgrade = Upgrade::run(ground, rounds, &ours, &all);
    table += &upgrade.text;
    table += GOALS;
    let times = best[1] / best[0];
    goal(
        &mut table,
        "deploy beside `curl`, `xz -dc`, `dd`",
        "6 times as fast",
        &format!("{times:.1} times"),
        times >= FASTER,
    );
    let times = best[3] / best[0];
    goal(
        &mut table,
        "deploy beside bmaptool and reading back",
        "no slower",
        &format!("{times:.2} times as fast"),
        times >= 1.0,
    );
    let wire = upgrade.wire / upgrade.differ;
    goal(
        &mut table,
        "upgrade: bytes on the wire beside the 64 KiB blocks that differ",
        "at most 1.5",
        &format!("{wire:.2}"),
        wire <= WIRE,
    );
    let part = upgrade.seconds / upgrade.whole;
    goal(
        &mut table,
        "upgrade: time beside a whole deploy",
        "at most 0.5",
        // What else the machine did counts against both.
        &format!("{part:.2}; by processor time {:.2}", upgrade.cpu / upgrade.whole_cpu),
        part <= 0.5,
    );
    let most = board.memory().1;
    goal(&mut table, "memory of the agent", "at most 100 MiB", &format!("{most:.0} MiB"), most <= 100.0);
    table
}

/// Packages of the system in the image are upgraded, and a board gets that one.
struct Upgrade {
    text: String,
    /// Bytes of the blocks that differ.
    differ: f64,
    wire: f64,
    seconds: f64,
    cpu: f64,
    /// The first image onto the same disk, when that holds something else.
    whole: f64,
    whole_cpu: f64,
}

impl Upgrade {
    fn run(ground: &Ground, rounds: u64, ours: &dyn Fn(&str), all: &dyn Fn() -> f64) -> Self {
        let files = upgrade(ground);
        ground.station.run(&["image", "add", &ground.path("upgraded"), "--name", "upgraded"]);
        let blocks = differ(ground);
        let (mut seconds, mut whole, mut wire) = (f64::INFINITY, f64::INFINITY, 0.0);
        let (mut cpu, mut whole_cpu) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            ground.dirty();
            let (busy, began) = (all(), Instant::now());
            ours("os");
            whole = whole.min(began.elapsed().as_secs_f64());
            whole_cpu = whole_cpu.min(all() - busy);
            let (before, busy, began) = (ground.sent(), all(), Instant::now());
            ours("upgraded");
            let took = began.elapsed().as_secs_f64();
            cpu = cpu.min(all() - busy);
            eprintln!("upgrade: {took:.2} s");
            seconds = seconds.min(took);
            wire = ground.sent() - before;
            ground.forget();
            ground.same("upgraded", &ground.looped);
        }
        let mib = f64::from(1 << 20);
        let differ = (blocks << 16) as f64;
        let text = format!(
            "\nAn upgrade of libc6 and perl-base within that ext4, as dpkg does it: each of their files is written anew \
             beside the old one, with other content, and renamed over it ({files} files). {blocks} blocks of 64 KiB differ, \
             {:.1} MiB. With the image on the disk a board gets the upgraded one in {seconds:.2} s, where all of it takes \
             {whole:.2} s; {:.1} MiB go over the wire.\n",
            differ / mib,
            wire / mib,
        );
        Self { text, differ, wire, seconds, cpu, whole, whole_cpu }
    }
}

/// Makes `upgraded` out of `image`; says how many files were replaced.
fn upgrade(ground: &Ground) -> u64 {
    // All of a file moves by a byte: no block stays what it was.
    let line = "cp --sparse=always image upgraded; mkdir -p mounted; mount -o loop upgraded mounted
        trap 'umount mounted' EXIT
        for file in $(dpkg -L libc6 perl-base | while read -r file; do realpath -q \"$file\"; done | sort -u); do
            new=mounted$file
            if [ -f \"$new\" ] && [ ! -L \"$new\" ]; then
                { printf '+'; cat \"$new\"; } >\"$new.dpkg-new\"; mv \"$new.dpkg-new\" \"$new\"; echo >>replaced
            fi
        done";
    shell(&ground.dir, line);
    shell(&ground.dir, "sync");
    std::fs::metadata(ground.dir.join("replaced")).unwrap().len()
}

fn differ(ground: &Ground) -> u64 {
    let open = |name: &str| File::open(ground.dir.join(name)).unwrap();
    let (mut one, mut other) = (open("image"), open("upgraded"));
    let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut count = 0;
    for _ in 0..ground.len >> 16 {
        one.read_exact(&mut a).unwrap();
        other.read_exact(&mut b).unwrap();
        count += u64::from(a != b);
    }
    count
}
