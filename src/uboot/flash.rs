//! The flash flow: serve, reset, watch every board to its end, keep the record. All boards at once; a slow or dead
//! one costs the others nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::boards::Boards;
use super::event::{Ending, Stage};
use super::material::ImageMaterial;
use super::peer::Peer;
use super::port::Port;
use super::record::Flash;
use super::secret::{self, Secret};
use super::step::Material;
use super::watch::{BoardWatch, Patience};
use crate::board::Mac;
use crate::control;
use crate::error::{Explain, Kind, Remedy};
use crate::power;
use crate::run::{Record, Running, Runs, Way, ledger};
use crate::stop::Stop;
use crate::targets::Target;
use crate::tftp;
use crate::tftp::switch::NotJoined;
use crate::wire;

/// How often the boards' deadlines are looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// How long transfers may go on once every board has ended: an answer to the last word is one packet.
pub(super) const LAST_PACKETS: Duration = Duration::from_secs(2);

/// Why boards can't be flashed at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The TFTP server can't go on.
    #[error("serving TFTP: {0}")]
    Tftp(#[from] tftp::Error),
    /// The server of another process doesn't serve them any more.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// The server of this process doesn't take them.
    #[error(transparent)]
    NotJoined(#[from] NotJoined),
    /// The server of this process has ended.
    #[error("the TFTP server that served it has ended")]
    Ended,
    /// What is done to them can't be recorded, so nothing is done.
    #[error(transparent)]
    Record(#[from] ledger::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Tftp(error) => error.kind(),
            Self::Control(error) => error.kind(),
            Self::NotJoined(NotJoined::Ended | NotJoined::NoServer) | Self::Ended => Kind::Unavailable,
            Self::NotJoined(_) => Kind::Busy,
            Self::Record(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Tftp(error) => error.hint(),
            Self::Control(error) => error.hint(),
            Self::NotJoined(_) | Self::Ended => None,
            Self::Record(error) => error.hint(),
        }
    }
}

/// How the boards are to be treated.
#[derive(Debug, Clone)]
pub struct FlashOptions {
    /// How long a board may say nothing.
    pub patience: Patience,
    /// Between the resets of two boards.
    pub stagger: Duration,
    /// How boards are reset; `None` where they are reset by hand.
    pub reset: Option<power::ResetOptions>,
    /// Whether the boards' cards are of the original's kind. Each kind is served alone.
    pub original: bool,
    /// The secrets of cards that have one. Such a board is answered only where it proves that it knows it.
    pub secrets: BTreeMap<Mac, Secret>,
}

/// Flashes `targets`, which `port` serves. Returns when every board has ended, one way or the other, in the order of
/// `targets`.
///
/// # Errors
/// When a record can't be begun, or a server of its own can't go on. What goes wrong with a board is in its [`Record`];
/// so is the end of a server that others share.
pub fn flash(
    targets: &[Target],
    material: &Arc<ImageMaterial>,
    port: &Port,
    options: &FlashOptions,
    stop: &Stop,
    runs: &Runs,
) -> Result<Vec<Record>, Error> {
    let _span = tracing::debug_span!("flash", boards = targets.len()).entered();
    tracing::debug!("begins");
    let began = Instant::now();
    let local = port.is_local();
    let boards = targets.iter().map(|target| {
        let watch = watch(target, options, local, began).map_err(tftp::Error::Loop)?;
        Ok((watch, begin(runs, target, material, Stage::Boot)?))
    });
    let boards = Arc::new(Boards::new(boards.collect::<Result<_, Error>>()?, Arc::clone(material)));
    let place = match port.place(&boards) {
        Ok(place) => place,
        Err(error) => {
            not_served(&boards, &error);
            return Ok(records(&boards, targets));
        }
    };
    // No child of `stop`: the boards hear of Ctrl-C from a server that still answers.
    let server_stop = Stop::new().map_err(tftp::Error::Loop)?;
    material.on_progress(port.wakers());

    let served = std::thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let result = place.serve(&boards, &server_stop);
            // A server that ends early ends the boards too: the loop below looks.
            server_stop.set();
            result
        });
        let frames = &*boards;
        let until = &server_stop;
        scope.spawn(move || {
            // Without the permission to look, a failure just says less.
            let _ = wire::boards::watch(until, &mut |mac, frame| {
                frames.with(mac, |watch, _| watch.frame_seen(frame, Instant::now()));
            });
        });
        drive(&boards, targets, options, stop, &mut || {
            if server_stop.is_set() { Next::End } else { Next::after(stop.wait(TICK)) }
        });
        let until = Instant::now() + LAST_PACKETS;
        while !boards.quiet() && Instant::now() < until && !server_stop.is_set() {
            if stop.wait(Duration::from_millis(10)) {
                break;
            }
        }
        server_stop.set();
        serving.join().unwrap_or(Ok(()))
    });
    boards.each(|watch, events| watch.tick(Instant::now(), &[], events));
    match served {
        Err(error @ (Error::Control(_) | Error::Ended)) => not_served(&boards, &error),
        other => other?,
    }
    finish(&boards, material, stop);
    Ok(records(&boards, targets))
}

/// What is known of one board before it comes. `local`: only this machine is served.
fn watch(
    target: &Target,
    options: &FlashOptions,
    local: bool,
    began: Instant,
) -> std::io::Result<BoardWatch> {
    let watch = BoardWatch::new(target.name.clone(), target.mac, random(), options.patience, began)
        .known_by(Peer::new(target.ip, local));
    Ok(match options.secrets.get(&target.mac) {
        _ if options.original => watch.with_original_card(),
        Some(secret) => watch.guarded(secret.clone(), secret::random_key()?),
        None => watch,
    })
}

/// What the loop over all boards does next.
pub(super) enum Next {
    /// Looks at them again.
    Look,
    /// Ends them: Ctrl-C.
    Stop,
    /// Leaves them as they are.
    End,
}

impl Next {
    /// After waiting for a stop flag that says `stopped`.
    pub(super) fn after(stopped: bool) -> Self {
        if stopped { Self::Stop } else { Self::Look }
    }
}

/// Resets the boards and looks at their deadlines until all have ended, whatever serves them. `pause` is called
/// between two looks; it waits, at most for [`TICK`].
pub(super) fn drive(
    boards: &Boards,
    targets: &[Target],
    options: &FlashOptions,
    stop: &Stop,
    pause: &mut dyn FnMut() -> Next,
) {
    std::thread::scope(|scope| {
        for (n, target) in targets.iter().enumerate() {
            let delay = options.stagger * u32::try_from(n).unwrap_or(u32::MAX);
            scope.spawn(move || reset(boards, target, options, delay, stop));
        }
        loop {
            boards.each(|watch, events| watch.tick(Instant::now(), &boards.others(), events));
            if boards.all_ended() {
                break;
            }
            if boards.end_for_the_image() {
                break;
            }
            match pause() {
                Next::Look => {}
                Next::End => break,
                Next::Stop => {
                    interrupted(boards);
                    break;
                }
            }
        }
    });
}

/// Ends every board that hasn't ended: nobody serves it.
fn not_served(boards: &Boards, error: &Error) {
    boards.each(|watch, events| {
        let untouched = || Some("nothing was done to it; flash it again".into());
        let hint = if watch.was_heard() { error.hint() } else { untouched() };
        watch.end(watch.stage(), error.kind(), error.to_string(), hint, events);
    });
}

/// Ends every board that hasn't ended: Ctrl-C.
pub(super) fn interrupted(boards: &Boards) {
    let hint = "its card starts U-Boot only until it is flashed again; U-Boot keeps asking for a job.";
    boards.each(|watch, events| {
        let hint = watch.was_heard().then(|| hint.into());
        watch.end(watch.stage(), Kind::Interrupted, "interrupted".to_owned(), hint, events);
    });
}

/// Waits for what only the records need: the digests, where any board is done. They cover what lies behind the
/// image's last partition, too.
pub(super) fn finish(boards: &Boards, material: &ImageMaterial, stop: &Stop) {
    let mut any_done = false;
    boards.each(|watch, _| any_done |= matches!(watch.ending(), Some(Ending::Done { .. })));
    if any_done {
        material.finish(stop);
    }
}

/// The records of all boards, in the order of `targets`.
pub(super) fn records(boards: &Boards, targets: &[Target]) -> Vec<Record> {
    targets.iter().filter_map(|target| boards.record(target.mac)).collect()
}

/// Begins the run of a board: from now on a record says that it was tried.
pub(super) fn begin(
    runs: &Runs,
    target: &Target,
    material: &ImageMaterial,
    stage: Stage,
) -> Result<Running, ledger::Error> {
    let board = target.board();
    let detail = Flash { image: material.record(), bytes: material.total_bytes(), ..Flash::default() };
    let warnings = material.warnings().into_iter().map(Into::into).collect();
    runs.begin_with(Way::Flash, board, stage, &detail, warnings)
}

/// Resets one board, when its turn has come.
fn reset(boards: &Boards, target: &Target, options: &FlashOptions, delay: Duration, stop: &Stop) {
    let turn = Instant::now() + delay;
    loop {
        if stop.wait(turn.saturating_duration_since(Instant::now()).min(TICK)) {
            return;
        }
        // Its files couldn't be staged, or it has asked by itself and is done already.
        if boards.with(target.mac, |watch, _| watch.ending().is_some()) != Some(false) {
            return;
        }
        if Instant::now() >= turn {
            break;
        }
    }
    let Some(reset) = &options.reset else {
        boards.with(target.mac, |watch, events| watch.reset_done(false, Instant::now(), events));
        return;
    };
    let mut power = match power::of_target(target, reset) {
        Ok(power) => power,
        Err(error) => return failed_reset(boards, target, &error),
    };
    boards.with(target.mac, |watch, events| watch.resetting(power.describe(), events));
    match power.reset(stop) {
        Ok(()) => {
            boards.with(target.mac, |watch, events| watch.reset_done(true, Instant::now(), events));
        }
        // Interrupted: the loop tells that of every board.
        Err(_) if stop.is_set() => {}
        Err(error) => failed_reset(boards, target, &error),
    }
}

fn failed_reset(boards: &Boards, target: &Target, error: &power::Error) {
    let why = crate::error::chain(error);
    boards.with(target.mac, |watch, events| {
        let hint = error.hint_or(power::by_hand());
        watch.end(Stage::Reset, error.kind(), why, hint, events);
    });
}

/// A job's name must differ from those of earlier jobs; 32 random bits do.
pub(super) fn random() -> u32 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(4) => u32::from_ne_bytes(bytes),
        // Without random numbers the clock has to do: two jobs in one nanosecond's 32 bits are as unlikely.
        _ => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.subsec_nanos() ^ (time.as_secs() as u32).rotate_left(16)),
    }
}
