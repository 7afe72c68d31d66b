//! What was seen of one board's files, made into the requests that its job knows.

use std::time::{Duration, Instant};

use super::Staged;
use super::observe::FileUse;
use super::place::Place;
use super::tree::Kind;
use crate::board::Mac;
use crate::uboot::answer_text;
use crate::uboot::event::Event;
use crate::uboot::job::Answer;
use crate::uboot::step::Material;
use crate::uboot::watch::BoardWatch;

/// A request that got lost is sent again within seconds, and a server may open a file twice for one request; a board
/// that starts again needs longer.
const SAME: Duration = Duration::from_secs(2);

/// One board's staged job, while it is watched.
pub(super) struct Feed {
    pub(super) staged: Staged,
    /// What was opened last.
    last: Option<(String, Instant)>,
    /// The step whose file was opened since the last checksum.
    fetched: Option<usize>,
    /// Files that are open, less those that are closed.
    open: u32,
    stranger: bool,
    /// The reports as they were staged: length and time of change.
    reports: Vec<(&'static str, Option<(u64, i128)>)>,
}

impl Feed {
    pub(super) fn new(staged: Staged) -> Self {
        let reports = super::REPORTS.map(|name| (name, staged.board.changed(name)));
        let reports = match staged.tree().kind {
            Kind::Original => reports.to_vec(),
            Kind::Piprov => Vec::new(),
        };
        Self { staged, last: None, fetched: None, open: 0, stranger: false, reports }
    }

    /// Whether no file is open.
    pub(super) fn quiet(&self) -> bool {
        self.open == 0
    }

    /// Takes what was seen.
    pub(super) fn take(
        &mut self,
        seen: &FileUse,
        watch: &mut BoardWatch,
        material: &dyn Material,
        now: Instant,
        events: &mut Vec<Event>,
    ) {
        match seen {
            FileUse::Opened(_, path) => {
                self.open += 1;
                let same = self.last.as_ref().is_some_and(|(last, at)| last == path && now - *at < SAME);
                self.last = Some((path.clone(), now));
                if !same {
                    self.opened(path, watch, material, now, events);
                }
            }
            FileUse::Closed(_, path) => {
                self.open = self.open.saturating_sub(1);
                // Whether the board has all of it, only the server knows; at least it has ended sending.
                watch.fetched(path, now, events);
            }
            FileUse::Written(_, path) => self.written(path, watch, material),
            FileUse::Missed => {
                let text =
                    "so much was done with the files that the kernel didn't tell everything".to_owned();
                watch.note(text, events);
            }
        }
        // The job has no say any more once everything is proved: a board that starts again must not find it.
        if watch.job().proved() || watch.ending().is_some() {
            self.retire(watch, events);
        }
    }

    pub(super) fn retire(&mut self, watch: &BoardWatch, events: &mut Vec<Event>) {
        if let Err(error) = self.staged.retire() {
            watch.note(format!("the board may find its job again: {error}"), events);
        }
    }

    fn opened(
        &mut self,
        path: &str,
        watch: &mut BoardWatch,
        material: &dyn Material,
        now: Instant,
        events: &mut Vec<Event>,
    ) {
        let tree = self.staged.tree();
        let step = tree.steps.iter().position(|file| file == path);
        if tree.kind == Kind::Original {
            // Reports are opened too, by the server and by ourselves.
            if step.is_some() {
                let _ = watch.ask(path, material, now, events);
            }
            return;
        }
        let words: Vec<&str> = path.split('/').collect();
        let plausible = match words[..] {
            ["job", _] => {
                self.fetched = None;
                true
            }
            // A checksum follows its step's file, and each only once. Something that reads through all files, a
            // backup say, doesn't keep to that order, so it can't prove anything.
            [_, "read", n, _] => match answer_text::hex(n).map(|n| n as usize) {
                Some(n) if Some(n) == self.fetched => {
                    self.fetched = None;
                    true
                }
                Some(n) => n + 1 == watch.job().steps_done(),
                None => false,
            },
            _ => true,
        };
        if plausible && !matches!(watch.ask(path, material, now, events), Answer::NotFound(_)) {
            if step.is_some() {
                self.fetched = step;
            }
        } else if watch.ending().is_none() && !std::mem::replace(&mut self.stranger, true) {
            let text = format!("{path} was opened out of turn; somebody else reads the files, too");
            watch.note(text, events);
        }
    }

    fn written(&mut self, path: &str, watch: &mut BoardWatch, material: &dyn Material) {
        if let Some(place) = self.reports.iter().position(|(name, _)| *name == path) {
            self.report(place, watch, material);
        }
    }

    /// Looks for reports without being told: for file systems on which another machine writes them.
    pub(super) fn poll(&mut self, watch: &mut BoardWatch, material: &dyn Material) {
        for place in 0..self.reports.len() {
            let (name, before) = self.reports[place];
            if self.staged.board.changed(name) != before {
                self.report(place, watch, material);
            }
        }
    }

    fn report(&mut self, place: usize, watch: &mut BoardWatch, material: &dyn Material) {
        let (name, _) = self.reports[place];
        let board: &Place = &self.staged.board;
        self.reports[place].1 = board.changed(name);
        let Some(bytes) = board.peek(name, 64) else { return };
        // An upload that was begun and given up leaves an empty file; a failure is one however it is told.
        if !(bytes.is_empty() && name == "OK") {
            watch.original_report(name, &bytes, &material.raw_len());
        }
    }
}

/// The board whose file it was; `None` where it concerns all boards.
pub(super) fn whose(seen: &FileUse) -> Option<Mac> {
    match seen {
        FileUse::Opened(mac, _) | FileUse::Closed(mac, _) | FileUse::Written(mac, _) => Some(*mac),
        FileUse::Missed => None,
    }
}
