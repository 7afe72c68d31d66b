//! Staged trees say what the embedded server would say, and leave alone what isn't theirs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::uboot::job::tests::{Board, Sample, good};
use crate::uboot::job::{Job, News};

const ID: u32 = 0x1a2b;

fn sample() -> Sample {
    let sample = Sample::new(700);
    sample.patience.store(0, std::sync::atomic::Ordering::Relaxed);
    sample
}

fn source(sample: &Sample) -> Source<'_> {
    Source { content: &sample.bytes, file: None }
}

fn put(dir: &Path, name: &str, sample: &Sample) -> Result<Staged, Error> {
    let Known::Is(tree) = Tree::piprov(ID, sample, &CardInfo::default())? else {
        return Err(Error::NotReady);
    };
    Staged::put(dir, name, tree, source(sample), None, &Stop::new().unwrap())
}

/// All files and directories below `dir`, by their paths.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn files_say_what_the_embedded_server_says() {
    for little_endian in [false, true] {
        let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
        let board_dir = dir.path().join("piprov");
        let stop = Stop::new().unwrap();
        write_tree(&board_dir, ID, &sample, &CardInfo::default(), source(&sample), &stop).unwrap();
        let (mut job, mut news) = (Job::new(ID), Vec::new());
        let mut compared = 0;
        let done = Board::new(good(little_endian)).run_with(&mut |board, path| {
            let answer = board.get(&mut job, &sample, &mut news, path);
            assert_eq!(answer, fs::read(board_dir.join(path)).ok(), "{path}");
            compared += 1;
            answer
        });
        assert!(done && compared == 1 + 8 * 2 + 1, "{compared}");
        for path in walk(&board_dir) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o755 } else { 0o644 }, "{}", path.display());
        }
    }
}

#[test]
fn a_difference_and_a_failure_are_not_passed() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let staged = {
        let mut staged = put(dir.path(), "board", &sample).unwrap();
        staged.publish().unwrap();
        staged
    };
    let mut faults = [good(false); 4];
    (faults[0].flips, faults[1].write, faults[2].fetch, faults[3].size) = (1, 1, 1, 1 << 20);
    for (faults, last) in faults.into_iter().zip(["0/sum", "0/write", "0/fetch", "0/size"]) {
        let mut paths = Vec::new();
        let done = Board::new(faults).run_with(&mut |_, path| {
            paths.push(path.to_owned());
            fs::read(staged.path().join(path)).ok()
        });
        assert!(!done);
        assert_eq!(paths.last().unwrap(), &format!("00001a2b/fail/{last}"));
    }
}

#[test]
fn nothing_is_left_behind_and_nothing_else_is_touched() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let foreign = ["board/pxelinux.0", "board/rpi_image_part_0", "board/12345678/OK", "other/job/2000-14000"];
    for path in foreign {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), "mine").unwrap();
    }
    let before = walk(dir.path());
    let mut staged = put(dir.path(), "board", &sample).unwrap();
    assert!(!dir.path().join("board/job").exists(), "before it is published no board finds it");
    staged.publish().unwrap();
    assert!(dir.path().join("board/job/2000-14000").exists());
    staged.retire().unwrap();
    assert!(!dir.path().join("board/job").exists() && dir.path().join("board/00001a2b/OK").exists());
    staged.remove().unwrap();
    assert_eq!(walk(dir.path()), before);
    // A directory that wasn't there before goes too.
    drop(put(dir.path(), "new", &sample).unwrap());
    assert_eq!(walk(dir.path()), before);
}

#[test]
fn what_a_killed_run_left_is_removed() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let board = dir.path().join("board");
    let mut old = put(dir.path(), "board", &sample).unwrap();
    old.publish().unwrap();
    // It is killed: nothing is taken away, and the kernel gives up the lock.
    old.keep();
    fs::create_dir_all(board.join(".piprov-new/00000001/read")).unwrap();
    fs::write(board.join(".piprov-new/00000001/rpi_image_part_0"), "half").unwrap();
    let Known::Is(tree) = Tree::piprov(7, &sample, &CardInfo::default()).unwrap() else { panic!() };
    let stop = Stop::new().unwrap();
    let staged = Staged::put(dir.path(), "board", tree, source(&sample), None, &stop).unwrap();
    let names: Vec<_> = fs::read_dir(&board).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(board.join("00000007/OK").exists() && !board.join("job").exists());
    staged.remove().unwrap();
    assert_eq!(walk(dir.path()), [board], "the directory was there before, so it stays");
}

#[test]
fn two_jobs_for_one_board_are_refused() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let first = put(dir.path(), "board", &sample).unwrap();
    let files = walk(dir.path());
    assert!(matches!(put(dir.path(), "board", &sample), Err(Error::Busy { .. })));
    assert_eq!(walk(dir.path()), files, "the first one's files stay");
    first.remove().unwrap();
}

#[test]
fn links_are_not_followed_and_strangers_are_named() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), dir.path().join("link")).unwrap();
    assert!(matches!(put(dir.path(), "link", &sample), Err(Error::Link { .. })));
    fs::write(dir.path().join("file"), "mine").unwrap();
    assert!(matches!(put(dir.path(), "file", &sample), Err(Error::Foreign { .. })));
    fs::create_dir(dir.path().join("board")).unwrap();
    symlink(outside.path(), dir.path().join("board/job")).unwrap();
    assert!(matches!(put(dir.path(), "board", &sample), Err(Error::Link { .. })));
    fs::remove_file(dir.path().join("board/job")).unwrap();
    fs::create_dir(dir.path().join("board/job")).unwrap();
    fs::write(dir.path().join("board/job/notes"), "mine").unwrap();
    let error = put(dir.path(), "board", &sample).unwrap_err();
    assert!(error.to_string().contains("/board/job is in the way"), "{error}");
    assert_eq!(fs::read(dir.path().join("board/job/notes")).unwrap(), b"mine");
    assert_eq!(walk(outside.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_tree_that_is_deeper_than_ours_stays_whole() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let mut old = put(dir.path(), "board", &sample).unwrap();
    old.publish().unwrap();
    old.keep();
    let job = dir.path().join("board/00001a2b");
    fs::create_dir_all(job.join("a/b/c/d/e")).unwrap();
    fs::write(job.join("a/b/c/d/e/mine"), "mine").unwrap();
    fs::remove_dir_all(dir.path().join("board/job")).unwrap();
    let before = walk(&job);
    let error = put(dir.path(), "board", &sample).unwrap_err();
    assert!(error.to_string().contains("/a/b/c/d is in the way"), "{error}");
    assert_eq!(walk(&job), before, "what is ours in it stays too: the mark by which it is known is there");
}

#[test]
fn parts_of_the_second_board_are_shared() {
    use std::os::unix::fs::MetadataExt;
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let first = put(dir.path(), "one", &sample).unwrap();
    let Known::Is(tree) = Tree::piprov(8, &sample, &CardInfo::default()).unwrap() else { panic!() };
    let stop = Stop::new().unwrap();
    let second = Staged::put(dir.path(), "two", tree, source(&sample), Some(&first), &stop).unwrap();
    let inode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().ino();
    assert_eq!(inode("one/00001a2b/rpi_image_part_1"), inode("two/00000008/rpi_image_part_1"));
    assert_ne!(inode("one/00001a2b/OK"), inode("two/00000008/OK"));
    first.remove().unwrap();
    assert!(dir.path().join("two/00000008/rpi_image_part_1").exists());
    drop(second);
}

#[test]
fn a_changed_image_is_noticed_and_a_stop_is_heard() {
    let (mut sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let Known::Is(tree) = Tree::piprov(ID, &sample, &CardInfo::default()).unwrap() else { panic!() };
    sample.bytes[9 << 20] ^= 1;
    let stop = Stop::new().unwrap();
    let error = Staged::put(dir.path(), "a", tree.clone(), source(&sample), None, &stop).unwrap_err();
    assert!(error.to_string().contains("rpi_image_part_2 holds crc32"), "{error}");
    stop.set();
    let error = Staged::put(dir.path(), "a", tree, source(&sample), None, &stop).unwrap_err();
    assert!(matches!(error, Error::Stopped));
    assert_eq!(walk(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn the_kernel_copies_what_lies_in_a_file() {
    let (sample, dir) = (sample(), tempfile::tempdir().unwrap());
    let image = dir.path().join("image");
    fs::write(&image, &sample.bytes).unwrap();
    let file = fs::File::open(&image).unwrap();
    let source = Source { content: &file, file: Some(&file) };
    let stop = Stop::new().unwrap();
    let board = dir.path().join("piprov");
    write_tree(&board, ID, &sample, &CardInfo::default(), source, &stop).unwrap();
    let last = fs::read(board.join("00001a2b/rpi_image_part_4")).unwrap();
    assert_eq!((last.len(), &last[..700]), (1024, &sample.bytes[10 << 20..]));
}

#[test]
fn cards_of_the_original_kind_take_only_what_they_can() {
    let mut sample = sample();
    let error = Tree::original(ID, &sample).unwrap_err();
    assert!(matches!(error, Error::OriginalPartition { start: 0x80_0000, len: 0x10_0000 }), "{error}");
    sample.table.partitions[0].start = 4 << 20;
    sample.table.partitions[0].len = 40 << 20;
    let dir = tempfile::tempdir().unwrap();
    let Known::Is(tree) = Tree::original(ID, &sample).unwrap() else { panic!() };
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("a/OK"), [1, 2, 3, 4]).unwrap();
    let stop = Stop::new().unwrap();
    let mut staged = Staged::put(dir.path(), "a", tree.clone(), source(&sample), None, &stop).unwrap();
    assert!(!dir.path().join("a/rpi_image_part_0").exists());
    staged.publish().unwrap();
    let part = fs::read(dir.path().join("a/rpi_image_part_0")).unwrap();
    assert_eq!((part.len(), &part[..sample.bytes.len()]), (sample.bytes.len() + 324, &sample.bytes[..]));
    for report in REPORTS {
        let meta = fs::metadata(dir.path().join("a").join(report)).unwrap();
        assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (0, 0o666), "stale ones are gone");
    }
    staged.remove().unwrap();
    assert_eq!(walk(&dir.path().join("a")), Vec::<PathBuf>::new());
    // The user's own parts, or a file that can't be a report, are not ours to remove.
    fs::write(dir.path().join("a/rpi_image_part_3"), "mine").unwrap();
    let error = Staged::put(dir.path(), "a", tree.clone(), source(&sample), None, &stop).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    fs::remove_file(dir.path().join("a/rpi_image_part_3")).unwrap();
    fs::write(dir.path().join("a/OK"), [0; 100]).unwrap();
    let error = Staged::put(dir.path(), "a", tree, source(&sample), None, &stop).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

#[test]
fn a_disk_that_is_full_is_said_and_left_clean() {
    // The error's text; the whole way is walked on a small tmpfs in tests/machines/staged.rs.
    let error = Error::Full { path: "/srv/a".into(), needed: 3 << 20, free: Some(1 << 20) };
    assert_eq!(error.to_string(), "writing /srv/a: no room for its 3 MiB, 1 MiB are free");
}

#[test]
fn staged_jobs_fail_at_once() {
    let (sample, mut news) = (sample(), Vec::new());
    let mut job = Job::new(ID).staged();
    for path in ["job/2000-14000", "00001a2b/table_boot", "00001a2b/fail/0/sum"] {
        let _ = job.ask(path, &sample, &mut news);
    }
    assert!(matches!(news.last(), Some(News::Failed(_))), "{news:?}");
}
