use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::super::lock;
use super::*;
use crate::device_api::sample;
use crate::error::{Explain, Kind};

/// Writes down what it is told, in its order.
#[derive(Default)]
struct Book {
    told: Mutex<Vec<String>>,
    /// The one with this name may not begin.
    no: &'static str,
}

impl Tell for Book {
    fn begins(&self, script: &Script) -> Result<(), FetchError> {
        lock(&self.told).push(format!("+{}", script.name));
        let no = || FetchError { what: "no".into(), kind: Kind::Unavailable, hint: None };
        if script.name == self.no { Err(no()) } else { Ok(()) }
    }

    fn ended(&self, script: &Script, end: &ScriptEnd) -> Result<(), FetchError> {
        lock(&self.told).push(format!("-{} {}", script.name, if end.is_well() { "well" } else { "not" }));
        Ok(())
    }
}

fn script(name: &str, when: When, text: &str, background: bool) -> Script {
    Script { name: name.into(), text: text.into(), when, background, limit: 60, ..Script::default() }
}

fn run(
    all: &[Script],
    book: &Book,
    stop: &Stop,
    work: Result<u32, Left>,
) -> (Option<u32>, Result<(), Failure>) {
    let place = tempfile::tempdir().unwrap();
    let surroundings = sample();
    let scripts =
        Scripts { all, surroundings: &surroundings, place: place.path(), stop, watch: &(), tell: book };
    scripts.around(|| {
        lock(&book.told).push("work".to_owned());
        work.map_err(|left| Failure {
            stage: Stage::Write,
            error: Error::Stopped,
            left,
            amounts: Box::default(),
        })
    })
}

fn told(book: Book) -> String {
    book.told.into_inner().unwrap().join(", ")
}

#[test]
fn they_run_around_the_work_and_each_is_told_before_and_after() {
    let (book, stop) = (Book::default(), Stop::new().unwrap());
    let all = [script("a", When::Pre, "exit 0", false), script("b", When::Post, "exit 0", false)];
    let (done, result) = run(&all, &book, &stop, Ok(7));
    assert_eq!((done, result.is_ok()), (Some(7), true));
    assert_eq!(told(book), "+a, -a well, work, +b, -b well");
}

#[test]
fn one_that_fails_before_keeps_the_disk_and_one_after_says_that_the_image_is_there() {
    let stop = Stop::new().unwrap();
    let (book, all) =
        (Book::default(), [script("a", When::Pre, "exit 3", false), script("b", When::Pre, ":", false)]);
    let (done, result) = run(&all, &book, &stop, Ok(7));
    let failure = result.unwrap_err();
    assert_eq!(failure.to_string(), "script a (pre) ended with status 3; nothing of the image was written");
    assert_eq!((done, failure.stage, failure.kind()), (None, Stage::Prepare, Kind::Failed));
    assert_eq!(told(book), "+a, -a not");
    let (book, all) =
        (Book::default(), [script("b", When::Post, "kill $$", false), script("c", When::Post, ":", false)]);
    let (done, result) = run(&all, &book, &stop, Ok(7));
    let failure = result.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "script b (post) was killed by signal 15; the image is on the disk and was read back, but its scripts did not all \
         do their work"
    );
    assert_eq!((done, failure.stage), (Some(7), Stage::Report));
    assert_eq!(told(book), "work, +b, -b not");
}

#[test]
fn one_in_the_background_goes_on_beside_the_rest_and_its_end_counts() {
    let (book, stop) = (Book::default(), Stop::new().unwrap());
    let all = [
        script("slow", When::Pre, "sleep 1; exit 5", true),
        script("next", When::Pre, "exit 0", false),
        script("post", When::Post, "exit 0", false),
    ];
    let (done, result) = run(&all, &book, &stop, Ok(7));
    let failure = result.unwrap_err();
    assert!(
        failure.to_string().starts_with("script slow (pre) ended with status 5; the image is"),
        "{failure}"
    );
    assert_eq!(done, Some(7));
    let told = told(book);
    assert!(told.ends_with("-post well, -slow not"), "{told}");
}

#[test]
fn a_failure_ends_those_in_the_background_at_once() {
    let stop = Stop::new().unwrap();
    for (last, work, left) in [
        (script("bad", When::Pre, "exit 1", false), Ok(7), Left::NotBegun),
        (script("good", When::Pre, ":", false), Err(Left::Unbootable), Left::Unbootable),
        // A script that went well may have changed what is there.
        (script("good", When::Pre, ":", false), Err(Left::Untouched), Left::NotBegun),
        (script("bad", When::Post, "exit 1", false), Ok(7), Left::Written),
    ] {
        let (book, begun) = (Book::default(), Instant::now());
        let all = [script("slow", When::Pre, "sleep 300", true), last];
        let (_, result) = run(&all, &book, &stop, work);
        assert_eq!(result.unwrap_err().left, left);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        let told = told(book);
        assert!(told.ends_with("-slow not"), "{told}");
    }
}

#[test]
fn what_the_station_does_not_know_of_does_not_begin() {
    let (book, stop) = (Book { no: "a", ..Book::default() }, Stop::new().unwrap());
    let (_, result) = run(&[script("a", When::Pre, ":", false)], &book, &stop, Ok(7));
    assert_eq!(result.unwrap_err().to_string(), "no; nothing of the image was written");
    assert_eq!(told(book), "+a");
}

#[test]
fn a_cancelled_job_ends_all_of_them() {
    let (book, stop) = (Book::default(), Stop::new().unwrap());
    let setter = stop.clone();
    let waker = std::thread::spawn(move || {
        let _ = Stop::new().unwrap().wait(Duration::from_millis(300));
        setter.set();
    });
    let all = [script("slow", When::Pre, "sleep 300", true), script("post", When::Post, "sleep 300", false)];
    let begun = Instant::now();
    let (_, result) = run(&all, &book, &stop, Ok(7));
    waker.join().unwrap();
    let failure = result.unwrap_err();
    assert!(matches!(failure.error, Error::Stopped) && failure.left == Left::Written, "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(told(book).contains("-slow not"));
}
