//! Flashing through a TFTP server that isn't ours: stage, reset, watch the files, take them away.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::feed::{Feed, whose};
use super::observe::{Observer, shared_by};
use super::place::Place;
use super::tree::{Kind, Tree};
use super::{Error, Source, Staged};
use crate::board::Mac;
use crate::error::{Action, Explain, Knob, Task, remedy};
use crate::run::{Record, Runs};
use crate::stop::{Stop, until};
use crate::targets::Target;
use crate::uboot::boards::Boards;
use crate::uboot::event::{Event, Stage};
use crate::uboot::flash::{self, FlashOptions, LAST_PACKETS, Next, TICK};
use crate::uboot::layout::CardInfo;
use crate::uboot::material::ImageMaterial;
use crate::uboot::step::Known;
use crate::uboot::watch::{Absent, BoardWatch};
use crate::wire;

/// Where and what to stage.
#[derive(Debug, Clone)]
pub struct Files {
    /// What the TFTP server serves.
    pub root: PathBuf,
    /// The boards' cards.
    pub kind: Kind,
    /// Where U-Boot's partition is on cards made by `piprov card build`.
    pub card: CardInfo,
    /// Leaves the files there in the end, all but the one that makes a board begin.
    pub keep: bool,
}

impl Files {
    /// The same with the root's whole path.
    ///
    /// # Errors
    /// Where there is no such directory, or it can't be opened.
    pub fn settled(&self) -> Result<Self, Error> {
        let root = self.root.canonicalize().map_err(|error| Error::os("opening", &self.root, error))?;
        Place::open(&root)?;
        Ok(Self { root, ..self.clone() })
    }

    /// What a board asks for first, below the root.
    #[must_use]
    pub fn first(&self, mac: Mac) -> String {
        match self.kind {
            Kind::Piprov => format!("{mac}/{}", Tree::opening_path(&self.card)),
            Kind::Original => format!("{mac}/rpi_image_part_0"),
        }
    }

    fn absent(&self, mac: Mac) -> Absent {
        let (root, file) = (self.root.display(), self.first(mac));
        let other = match self.kind {
            Kind::Piprov => remedy![
                "Is its card one of the original's kind (",
                Knob::Card.to("original"),
                "), or U-Boot's partition elsewhere?",
            ],
            Kind::Original => {
                remedy!["Is its card one made by ", Task::CardBuild, " (", Knob::Card.to("piprov"), ")?",]
            }
        };
        let hint = match shared_by(&self.root) {
            Some(kind) => remedy![
                format!(
                    "{root} is on {kind}, where this machine doesn't see what a server on another one does. "
                ),
                "Run piprov on that server, or leave out ",
                Knob::TftpRoot.left_out(),
                ".",
            ],
            None => remedy![
                format!("Does your TFTP server serve {root}? While piprov waits, "),
                Action::host("curl").arg(format_args!("tftp://SERVER/{file}")),
                " must give the file, and the card's env.txt must name that server. ",
                other,
            ],
        };
        Absent { file, hint }
    }

    /// The tree for one board; not yet while the image isn't known well enough.
    ///
    /// # Errors
    /// Where the image doesn't fit such cards.
    pub fn tree(&self, id: u32, material: &ImageMaterial) -> Result<Known<Tree>, Error> {
        match self.kind {
            Kind::Piprov => Tree::piprov(id, material, &self.card),
            Kind::Original => Tree::original(id, material),
        }
    }

    /// What the user should know before: each a sentence.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(kind) = shared_by(&self.root) {
            notes.push(format!(
                "{} is on {kind}: what a server on another machine reads isn't seen here, so progress and success \
                 aren't either",
                self.root.display()
            ));
        }
        if self.kind == Kind::Original {
            notes.push(
                "cards of the original's kind upload their result: tftpd-hpa takes it, dnsmasq takes no uploads"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Waits until the image is known well enough to be staged.
///
/// # Errors
/// [`Error::Stopped`]; [`Error::Material`] where the image turns out to be damaged; and as [`Files::tree`].
pub fn ready(files: &Files, material: &ImageMaterial, stop: &Stop) -> Result<(), Error> {
    while files.tree(0, material)? == Known::NotYet {
        if let Some(error) = material.failure() {
            return Err(Error::Material(error));
        }
        if stop.wait(TICK) {
            return Err(Error::Stopped);
        }
    }
    Ok(())
}

/// Flashes `targets` through the TFTP server that serves `files.root`. Returns when every board has ended, one way or
/// the other, in the order of `targets`.
///
/// # Errors
/// When a record can't be begun, when the root can't be opened or watched, and as [`ready`]. What goes wrong with one board is in its [`Record`].
pub fn flash(
    targets: &[Target],
    material: &Arc<ImageMaterial>,
    files: &Files,
    options: &FlashOptions,
    stop: &Stop,
    runs: &Runs,
) -> Result<Vec<Record>, Error> {
    let began = Instant::now();
    let files = &files.settled()?;
    let mut observer = Observer::new(&files.root)?;
    let frames_stop = Stop::new().map_err(|source| Error::Watch { path: files.root.clone(), source })?;
    ready(files, material, stop)?;

    let ids: Vec<u32> = targets.iter().map(|_| flash::random()).collect();
    let boards = targets.iter().zip(&ids).map(|(target, id)| {
        let running = flash::begin(runs, target, material, Stage::Prepare)?;
        let watch = BoardWatch::new(target.name.clone(), target.mac, *id, options.patience, began)
            .staged(files.absent(target.mac));
        Ok((if files.kind == Kind::Original { watch.with_original_card() } else { watch }, running))
    });
    let boards = Boards::new(boards.collect::<Result<_, Error>>()?, Arc::clone(material));
    let mut feeds: BTreeMap<Mac, Feed> = BTreeMap::new();
    for (target, id) in targets.iter().zip(ids) {
        let twin = feeds.values().next().map(|feed| &feed.staged);
        match stage(target.mac, id, material, files, &mut observer, twin, stop) {
            Ok(staged) => {
                let (path, bytes) = (staged.path().display().to_string(), staged.tree().len());
                feeds.insert(target.mac, Feed::new(staged));
                boards.with(target.mac, |watch, events| {
                    watch.files_staged(path, bytes, began.elapsed(), events);
                });
            }
            Err(Error::Stopped) => break,
            Err(error) => {
                boards.with(target.mac, |watch, events| {
                    watch.end(Stage::Prepare, error.kind(), error.to_string(), error.hint(), events);
                });
            }
        }
    }
    if stop.is_set() {
        flash::interrupted(&boards);
    }

    std::thread::scope(|scope| {
        let (boards, until) = (&boards, &frames_stop);
        scope.spawn(move || {
            // Without the permission to look, a failure just says less.
            let _ = wire::boards::watch(until, &mut |mac, frame| {
                boards.with(mac, |watch, _| watch.frame_seen(frame, Instant::now()));
            });
        });
        flash::drive(boards, targets, options, stop, &mut || {
            let next = Next::after(wait(&observer, stop));
            look(boards, &observer, &mut feeds, material);
            next
        });
        // An answer to the last word may still be under way; what is open stays readable, but it may be asked again.
        let until = Instant::now() + LAST_PACKETS;
        while !feeds.values().all(Feed::quiet) && Instant::now() < until && !wait(&observer, stop) {
            look(boards, &observer, &mut feeds, material);
        }
        frames_stop.set();
    });
    boards.each(|watch, events| watch.tick(Instant::now(), &[], events));
    for (mac, feed) in feeds {
        boards.with(mac, |watch, events| take_away(feed, files.keep, watch, events));
    }
    flash::finish(&boards, material, stop);
    Ok(flash::records(&boards, targets))
}

fn stage(
    mac: Mac,
    id: u32,
    material: &Arc<ImageMaterial>,
    files: &Files,
    observer: &mut Observer,
    twin: Option<&Staged>,
    stop: &Stop,
) -> Result<Staged, Error> {
    let Known::Is(tree) = files.tree(id, material)? else { return Err(Error::NotReady) };
    let content = material.content();
    let source = Source { content: &*content, file: material.image().raw_file().map(|file| &**file) };
    let mut staged = Staged::put(&files.root, &mac.to_string(), tree, source, twin, stop)?;
    // Our own opens are over; the board's can't have begun.
    observer.add(mac, &staged)?;
    staged.publish()?;
    Ok(staged)
}

/// Waits until there is something to look at, at most for a tick. Says whether to stop.
fn wait(observer: &Observer, stop: &Stop) -> bool {
    let mut fds = [PollFd::new(stop, PollFlags::IN), PollFd::new(observer, PollFlags::IN)];
    // Nothing can be done about an error; the next look is a tick later.
    let _ = until(&mut fds, Some(Instant::now() + TICK));
    stop.is_set()
}

fn look(boards: &Boards, observer: &Observer, feeds: &mut BTreeMap<Mac, Feed>, material: &ImageMaterial) {
    let now = Instant::now();
    // Nothing can be done about an error; without them the boards' deadlines end them.
    for seen in observer.look().unwrap_or_default() {
        for (mac, feed) in feeds.iter_mut().filter(|(mac, _)| whose(&seen).is_none_or(|whose| whose == **mac))
        {
            boards.with(*mac, |watch, events| feed.take(&seen, watch, material, now, events));
        }
    }
    for (mac, feed) in feeds {
        boards.with(*mac, |watch, events| {
            feed.poll(watch, material);
            if watch.ending().is_some() {
                feed.retire(watch, events);
            }
        });
    }
}

fn take_away(mut feed: Feed, keep: bool, watch: &BoardWatch, events: &mut Vec<Event>) {
    feed.retire(watch, events);
    let path = feed.staged.path().display().to_string();
    if keep {
        let bytes = crate::format::size(feed.staged.keep());
        watch.note(format!("{path} keeps {bytes}; the file that makes a board begin is gone"), events);
    } else if let Err(error) = feed.staged.remove() {
        watch.note(format!("not everything is removed: {error}"), events);
    }
}
