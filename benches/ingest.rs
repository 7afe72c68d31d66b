//! Images become chunks: how fast beside the decompressor alone, how much memory, and what an upgrade costs.
//!
//! `cargo bench --bench ingest`. Environment: `PIPROV_BENCH_MIB` (size of the raw image, 1024), `PIPROV_BENCH_ROUNDS`
//! (3; the fastest counts), `PIPROV_BENCH_DIR` (`target/bench-ingest`), `PIPROV_BENCH_OUT` (the table's file,
//! `target/bench-ingest.md`). Chunks are written as plain files, without waiting for the disk: what is measured is
//! the cutting. The images lie in the page cache.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench is a program for people"
)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Bench, Best, cpu, make, number, path, random};
use piprov::image::chunk::cut::{Keep, cut, usual_threads};
use piprov::image::chunk::object::Head;
use piprov::image::chunk::{Chunk, Error, Index};
use piprov::image::{Image, ImageOptions};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--cut") => println!("{}", cut_into(Path::new(&arguments[2]), Path::new(&arguments[3])).1),
        Some("--read") => println!("{}", read(Path::new(&arguments[2]))),
        _ => {
            let dir = path("PIPROV_BENCH_DIR", "bench-ingest");
            let bench = Bench { rounds: number("PIPROV_BENCH_ROUNDS", 3), dir: dir.clone() };
            fs::create_dir_all(&dir).unwrap();
            let table = run(&bench, number("PIPROV_BENCH_MIB", 1024));
            fs::remove_dir_all(&dir).unwrap();
            print!("{table}");
            fs::write(path("PIPROV_BENCH_OUT", "bench-ingest.md"), table).unwrap();
        }
    }
}

/// Chunks as files of a directory.
struct Files {
    dir: PathBuf,
    written: AtomicU64,
}

impl Keep for Files {
    type Error = Error;

    fn known(&self, chunk: &mut Chunk) -> Result<bool, Error> {
        let Ok(file) = fs::File::open(self.dir.join(chunk.id.unwrap().to_string())) else { return Ok(false) };
        let mut head = vec![0; 12 + 4 * chunk.pieces.len()];
        file.read_exact_at(&mut head, 0).unwrap();
        let head = Head::read(&head)?;
        for (n, piece) in chunk.pieces.iter_mut().enumerate() {
            piece.stored_len = head.stored_len(n);
        }
        Ok(true)
    }

    fn keep(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), Error> {
        self.written.fetch_add(object.len() as u64, Ordering::Relaxed);
        fs::write(self.dir.join(chunk.id.unwrap().to_string()), object).unwrap();
        Ok(())
    }
}

/// Cuts an image into chunks in a directory; gives its index, and how many bytes were written.
fn cut_into(image: &Path, dir: &Path) -> (Index, u64) {
    fs::create_dir_all(dir).unwrap();
    let content = Image::open(image, &ImageOptions::default()).unwrap().content();
    let files = Files { dir: dir.to_owned(), written: AtomicU64::new(0) };
    let mut at = 0;
    let mut next = |buf: &mut [u8]| {
        let count = content.read_at(buf, at).unwrap();
        at += count as u64;
        Ok(count)
    };
    let index = cut(&mut next, &files, usual_threads()).unwrap();
    (index, files.written.into_inner())
}

/// Only decompresses; gives the length.
fn read(image: &Path) -> u64 {
    Image::open(image, &ImageOptions::default()).unwrap().content().size().unwrap()
}

fn run(bench: &Bench, mib: u64) -> String {
    let mut table = format!(
        "Raw image of {mib} MiB (text, noise, zeros); {}; {} processors; fastest of {} runs, wall time (processor \
         time). Speed: the decompressor's time through ours.\n\n| what | piprov | the decompressor alone | speed | \
         memory |\n|---|---|---|---|---|\n",
        cpu(),
        std::thread::available_parallelism().map_or(1, usize::from),
        bench.rounds,
    );
    let me = std::env::current_exe().unwrap().display().to_string();
    make(&bench.dir.join("image"), mib << 20);
    common::shell(&bench.dir, "xz -0 -T0 -k image; zstd -q -k image; gzip -1 -k image");
    let mut row = |what: &str, ours: Best, tool: &str, theirs: Best| {
        let line = format!(
            "| {what} | {:.2} s ({:.2}) | {:.2} s ({:.2}), {tool} | {:.2} | {:.0} MiB |",
            ours.seconds,
            ours.cpu,
            theirs.seconds,
            theirs.cpu,
            theirs.seconds / ours.seconds,
            ours.memory
        );
        eprintln!("{line}");
        writeln!(table, "{line}").unwrap();
    };
    for (name, tool) in [("image.xz", "xz -dc -T0"), ("image.gz", "gzip -dc"), ("image.zst", "zstd -dc")] {
        let cut = format!("{me} --cut {name} x/chunks");
        let best = bench.race(&[cut, format!("{tool} {name}"), format!("{me} --read {name}")]);
        row(&format!("ingest of .{}", &name[6..]), best[0], tool, best[1]);
        row(&format!("ingest of .{}", &name[6..]), best[0], "piprov's own", best[2]);
    }
    let best = bench.race(&[format!("{me} --cut image x/chunks"), "cat image".to_owned()]);
    row("ingest of a raw image", best[0], "cat", best[1]);
    table + &upgrade(bench, mib)
}

/// The same image with something changed in it, as an upgrade of packages does: how much is stored and sent anew.
fn upgrade(bench: &Bench, mib: u64) -> String {
    let (image, chunks) = (bench.dir.join("image"), bench.dir.join("chunks"));
    let (before, first) = cut_into(&image, &chunks);
    let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
    let mut state = 7;
    for _ in 0..mib / 16 {
        // Files of up to 200 KiB, anywhere.
        let mut bytes = vec![0; 1 + (random(&mut state) as usize % 200_000)];
        bytes.fill_with(|| random(&mut state) as u8);
        let at = (random(&mut state) % ((mib << 20) - 200_000)) & !4095;
        file.write_all_at(&bytes, at).unwrap();
    }
    let (after, second) = cut_into(&image, &chunks);
    let (mut pieces, mut wire, mut new) = (0u64, 0u64, 0u64);
    for (old, new_one) in before.chunks.iter().zip(&after.chunks) {
        new += u64::from(old.id != new_one.id);
        for (n, piece) in new_one.pieces.iter().enumerate() {
            if old.pieces.get(n).is_none_or(|old| old.digest != piece.digest) {
                pieces += 1;
                wire += u64::from(piece.stored_len);
            }
        }
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!(
        "\nThe image takes {:.1} MiB in the store. With {} files changed in it, {pieces} pieces of 64 KiB differ \
         ({:.1} MiB raw): {:.1} MiB go over the wire to a board that has the first one; {new} chunks are stored \
         anew, {:.1} MiB.\n",
        mib(first),
        (after.raw_len >> 20) / 16,
        mib(pieces << 16),
        mib(wire),
        mib(second),
    )
}
