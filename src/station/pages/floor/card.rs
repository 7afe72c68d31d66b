//! A card: a slot, or a board without one. Pure: what it shows is computed from what the store says.

use askama::Template;

use crate::device_api::{Action, End};
use crate::error::{Kind, sentence};
use crate::format::{message, size};
use crate::run::Segment;
use crate::station::jobs::{LEASE, QUIET, SILENCE};
use crate::station::pages::{help, words};
use crate::station::rates::Track;
use crate::station::store::{Place, Waits};
use crate::station_api::{Cell, Enrolment, JobState, Slot, SlotKind, Suspicion, Time};

/// A board that wasn't heard for so long isn't there, where it doesn't ask for work: milliseconds.
const GONE: Time = 120_000;

/// How a card looks: word, sign and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::station::pages) struct State {
    pub(in crate::station::pages) class: &'static str,
    pub(in crate::station::pages) sign: &'static str,
    pub(in crate::station::pages) words: &'static str,
}

const fn state(class: &'static str, sign: &'static str, words: &'static str) -> State {
    State { class, sign, words }
}

/// A button: what it is called, where it leads, and whether it is the main one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station::pages) struct Button {
    pub(in crate::station::pages) words: &'static str,
    pub(in crate::station::pages) path: String,
    pub(in crate::station::pages) main: bool,
    /// It leads to a page, and does nothing yet.
    pub(in crate::station::pages) link: bool,
}

/// A card as it is drawn.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "card.html")]
pub(in crate::station::pages) struct Card {
    /// The element's name.
    pub(in crate::station::pages) key: String,
    /// What stands at its head: the slot, or the board.
    pub(in crate::station::pages) head: String,
    /// The slot's place, for those that look closer.
    pub(in crate::station::pages) place: String,
    /// The board's id; empty where the slot is.
    pub(in crate::station::pages) board: String,
    pub(in crate::station::pages) name: String,
    pub(in crate::station::pages) hardware: String,
    pub(in crate::station::pages) serial: String,
    pub(in crate::station::pages) state: State,
    /// The five segments, in percent.
    pub(in crate::station::pages) segments: [u8; 5],
    /// Percent of the stage, where that is known.
    pub(in crate::station::pages) percent: Option<u8>,
    pub(in crate::station::pages) rate: String,
    pub(in crate::station::pages) left: String,
    /// What goes on, or was done.
    pub(in crate::station::pages) line: String,
    /// What failed, where, and what next.
    pub(in crate::station::pages) why: String,
    pub(in crate::station::pages) next: String,
    /// Where the manual explains what failed.
    pub(in crate::station::pages) help: &'static str,
    /// The curve of the rate, as an SVG path in a box of 100 by 34.
    pub(in crate::station::pages) curve: String,
    pub(in crate::station::pages) buttons: Vec<Button>,
    /// Whether it may be selected.
    pub(in crate::station::pages) selectable: bool,
    /// Whether a failure is there that nobody has seen.
    pub(in crate::station::pages) alarm: bool,
    /// The run's page.
    pub(in crate::station::pages) run: String,
    /// Whether whoever looks may do something.
    pub(in crate::station::pages) acts: bool,
    pub(in crate::station::pages) simulated: bool,
    /// Boards in the same slot beside this one.
    pub(in crate::station::pages) others: usize,
    /// Why the slot is suspected; empty where it isn't.
    pub(in crate::station::pages) suspected: String,
    /// The slot's cell on the map.
    pub(in crate::station::pages) cell: Option<Cell>,
    /// Where switches have seen the board, where the slot doesn't say that.
    pub(in crate::station::pages) port: String,
}

/// What is known beside the store.
#[derive(Debug, Clone, Copy)]
pub(in crate::station::pages) struct Beside<'a> {
    pub(in crate::station::pages) track: Option<&'a Track>,
    /// Where switches have seen it.
    pub(in crate::station::pages) port: Option<&'a str>,
    /// It asks for work right now.
    pub(in crate::station::pages) present: bool,
    pub(in crate::station::pages) now: Time,
    pub(in crate::station::pages) acts: bool,
}

/// The name of a slot's element.
pub(in crate::station::pages) fn slot_key(slot: &str) -> String {
    format!("s{}", &blake3::hash(slot.as_bytes()).to_hex()[..16])
}

/// The name of the element of a board without a slot.
pub(in crate::station::pages) fn board_key(board: &str) -> String {
    format!("b{board}")
}

fn place_of(slot: &Slot) -> String {
    format!("{} {}", slot.kind.words(), message(&slot.place))
}

impl Card {
    /// A slot in which nothing is.
    pub(in crate::station::pages) fn empty(slot: &Slot, acts: bool) -> Self {
        Self {
            key: slot_key(&slot.name),
            head: slot.name.clone(),
            place: place_of(slot),
            board: String::new(),
            name: String::new(),
            hardware: String::new(),
            serial: String::new(),
            state: state("idle", "○", "Empty"),
            segments: [0; 5],
            percent: None,
            rate: String::new(),
            left: String::new(),
            line: String::new(),
            why: String::new(),
            next: String::new(),
            help: "",
            curve: String::new(),
            buttons: Vec::new(),
            selectable: false,
            alarm: false,
            run: String::new(),
            acts,
            simulated: false,
            others: 0,
            suspected: slot
                .suspected
                .map(|one| format!("{}: {}.", one.text(), Suspicion::HINT))
                .unwrap_or_default(),
            cell: slot.cell,
            port: String::new(),
        }
    }

    /// A board, in its slot or without one.
    pub(in crate::station::pages) fn of(place: &Place, slot: Option<&Slot>, beside: Beside<'_>) -> Self {
        let board = &place.board;
        let mut card = slot.map_or_else(
            || {
                let nowhere = Slot::new(words::short(board), SlotKind::Usb, String::new());
                let key = board_key(&board.id);
                Self { key, place: String::new(), ..Self::empty(&nowhere, beside.acts) }
            },
            |slot| Self::empty(slot, beside.acts),
        );
        card.board.clone_from(&board.id);
        card.name = words::name(board);
        card.hardware = words::hardware(board);
        card.serial = board.serial.as_ref().map(ToString::to_string).unwrap_or_default();
        card.simulated = board.simulated;
        let is_said = |port: &&str| slot.is_none_or(|slot| format!("at {}", slot.place) != **port);
        card.port = beside.port.filter(is_said).unwrap_or_default().to_owned();
        card.selectable = beside.acts && board.enrolment == Enrolment::Enrolled;
        card.buttons.clear();
        card.fill(place, beside);
        card
    }

    /// How long the bar of a segment is, as the template's picture has it.
    fn bar(&self, segment: usize) -> String {
        const WIDTHS: [f64; 5] = [11.0, 15.0, 45.0, 26.0, 13.0];
        let of = |at: usize| f64::from(self.segments.get(at).copied().unwrap_or(0));
        format!("{:.1}", WIDTHS.get(segment).copied().unwrap_or(0.0) * of(segment) / 100.0)
    }

    fn button(&mut self, words: &'static str, path: String, main: bool) {
        self.buttons.push(Button { words, path, main, link: false });
    }

    fn link(&mut self, words: &'static str, path: String, main: bool) {
        self.buttons.push(Button { words, path, main, link: true });
    }

    fn fill(&mut self, place: &Place, beside: Beside<'_>) {
        let id = &place.board.id;
        let there = beside.present || beside.now.saturating_sub(place.board.last_seen) < GONE;
        if place.board.enrolment == Enrolment::Refused {
            self.state = state("idle", "○", "Refused");
            self.line = "Gets nothing here until somebody lets it in.".to_owned();
            self.button("Let in", format!("/boards/{id}/let-in"), false);
            return;
        }
        if let Some(job) = &place.job {
            self.run = job.run.as_ref().map(|run| format!("/runs/{run}")).unwrap_or_default();
            match job.state {
                JobState::Queued | JobState::Running | JobState::Finishing => {
                    return self.working(place, beside);
                }
                // What ended otherwise stays until something else is of more weight.
                JobState::Failed | JobState::Lost if !place.noticed => return self.failed(place),
                _ => {}
            }
        }
        if let Some(waits) = &place.waits
            && there
            // What somebody has done with it since counts for more than a rule that gives it nothing.
            && (place.job.is_none() || !matches!(waits, Waits::NoRule | Waits::Rule { .. }))
        {
            return self.waiting(place, waits);
        }
        match place.job.as_ref().map(|job| job.state) {
            Some(JobState::Done) => self.ended(place, state("ok", "✓", "Done, verified")),
            Some(JobState::NotVerified) => self.ended(place, state("wait", "▲", "Done, not verified")),
            Some(JobState::Failed) => self.ended(place, state("bad", "✕", "Failed")),
            Some(JobState::Lost) => self.ended(place, state("bad", "✕", "Lost")),
            Some(JobState::Cancelled) => self.ended(place, state("idle", "○", "Cancelled")),
            _ if there => self.state = state("idle", "●", "Ready"),
            _ => self.state = state("idle", "○", "Not there"),
        }
        if place.job.is_none() {
            self.segments = [if there { 100 } else { 0 }, 0, 0, 0, 0];
            self.line = format!("Seen {}.", words::when(place.board.last_seen, beside.now));
        }
        if self.selectable {
            self.link("Deploy…", format!("/deploy?board={id}"), false);
        }
    }

    fn working(&mut self, place: &Place, beside: Beside<'_>) {
        let (Some(job), run) = (&place.job, &place.run) else { return };
        let what = what(place);
        match (job.state, run) {
            (JobState::Queued, _) => {
                self.state = state("run", "◔", "Queued");
                self.segments = [if beside.present { 100 } else { 0 }, 0, 0, 0, 0];
                self.line = if let Some(waits) = &job.waits {
                    format!("{what}. It waits: {}.", message(waits))
                } else if beside.present {
                    format!("{what}.")
                } else {
                    format!("{what}, when the board asks for work. Switch it on, or start it again.")
                };
            }
            (_, Some(run)) => {
                let (stage, segment) = words::stage(&run.stage);
                let sign = match segment {
                    Some(Segment::ReadBack) => "◑",
                    Some(Segment::Finish) => "◕",
                    _ => "◔",
                };
                self.percent = words::percent(run.done, run.total);
                self.state = state("run", sign, stage);
                if job.state == JobState::Finishing {
                    // Read back and equal: what comes after is the start of its own system.
                    self.ended(place, state("ok", "✓", "Done, verified"));
                    self.percent = None;
                    self.line = match job.end {
                        End::Reboot => format!("{what}. It starts from its disk."),
                        End::PowerOff => format!("{what}. It is switched off."),
                        End::Wait => format!("{what}."),
                    };
                    return;
                }
                self.segments = segments(segment.unwrap_or(Segment::Seen), self.percent.unwrap_or(0));
                self.line = format!("{what}.");
                let silent = beside.now.saturating_sub(job.lease_until.saturating_sub(LEASE));
                if job.lease_until > 0 && silent >= QUIET {
                    let (silent, lost) = (words::minutes(silent), words::minutes(LEASE + SILENCE));
                    self.line = format!("{what}. ▲ Silent for {silent}; after {lost} it counts as lost.");
                } else if let Some(track) = beside.track {
                    if let Some(rate) = track.rate() {
                        self.rate = words::rate(rate);
                        self.left = words::left(run.done, run.total, rate).unwrap_or_default();
                    }
                    self.curve = path(&track.curve());
                }
            }
            _ => self.state = state("run", "◔", "Beginning"),
        }
        if job.cancel {
            self.line = "Being cancelled: the board is told with its next word.".to_owned();
        } else {
            self.button("Cancel", format!("/jobs/{}/cancel", job.id), false);
        }
    }

    fn failed(&mut self, place: &Place) {
        let Some(job) = &place.job else { return };
        self.alarm = true;
        self.state = if job.state == JobState::Lost {
            state("bad", "✕", "Lost")
        } else {
            state("bad", "✕", "Failed")
        };
        self.reason(place);
        // Where the same must fail again, what would help comes first: it stands in the sentence above.
        let in_vain = place.run.as_ref().and_then(|run| run.kind).is_some_and(Kind::is_lasting);
        self.button("Try again", format!("/jobs/{}/again", job.id), !in_vain);
        self.button("Seen", format!("/boards/{}/seen", job.board), false);
    }

    /// Why the last run failed, where, and what next.
    fn reason(&mut self, place: &Place) {
        let (Some(job), run) = (&place.job, &place.run) else { return };
        let (stage, segment) = run.as_ref().map_or(("", None), |run| words::stage(&run.stage));
        self.segments = segments(segment.unwrap_or(Segment::Seen), 50);
        let done = run.as_ref().filter(|run| run.done > 0).map(|run| format!(", after {}", size(run.done)));
        let at =
            if stage.is_empty() { String::new() } else { format!("{stage}{}: ", done.unwrap_or_default()) };
        let why = run.as_ref().map(|run| message(&run.why).into_owned()).filter(|why| !why.is_empty());
        self.why =
            format!("{at}{}.", why.unwrap_or_else(|| "nothing was told".to_owned()).trim_end_matches('.'));
        self.help = help::of_failure(job.action, job.state, segment);
        let way = match job.action {
            Action::Deploy => "deploy",
            Action::Backup => "backup",
            Action::Reboot | Action::PowerOff => "reset",
        };
        words::next(way, job.state == JobState::Lost, segment).clone_into(&mut self.next);
    }

    fn waiting(&mut self, place: &Place, waits: &Waits) {
        let id = &place.board.id;
        self.state = state("wait", "◇", "Waiting for you");
        self.segments = [100, 0, 0, 0, 0];
        match waits {
            Waits::LetIn => {
                self.selectable = false;
                self.line = "Never let in here. Nothing on it was read or changed.".to_owned();
                self.button("Let in", format!("/boards/{id}/let-in"), true);
                self.button("Refuse", format!("/boards/{id}/refuse"), false);
            }
            Waits::Rule { rule } => {
                self.line = format!("Rule “{rule}” leaves it to you.");
                self.link("Deploy…", format!("/deploy?board={id}"), true);
            }
            Waits::NoValues { rule, source } => {
                self.line = format!("Rule “{rule}” can't start: no values of “{source}” are left for it.");
                self.link("Its values", format!("/value/{}", encoded(source)), true);
            }
            Waits::Stuck { rule, why } => {
                self.line = format!("Rule “{rule}” matches it and can't start: {}", sentence(&message(why)));
                self.link("Rules", "/rules".to_owned(), true);
            }
            Waits::Again { rule, project, before } => {
                let before = match before {
                    JobState::Done => "was done and verified before",
                    JobState::NotVerified => "was done before, not verified",
                    _ => "was tried before",
                };
                self.line = format!("“{project}” {before}; rule “{rule}” asks you.");
                self.link("Deploy again…", format!("/deploy?board={id}&project={}", encoded(project)), true);
                self.button("Leave it", format!("/boards/{id}/leave"), false);
            }
            Waits::NoRule => {
                self.line = "No rule matches it.".to_owned();
                self.link("Deploy…", format!("/deploy?board={id}"), false);
            }
        }
    }

    fn ended(&mut self, place: &Place, state: State) {
        self.state = state;
        let Some(job) = &place.job else { return };
        let took = place.run.as_ref().and_then(|run| run.took).map(words::minutes);
        match job.state {
            JobState::Done | JobState::Finishing | JobState::NotVerified => {
                self.segments = [100; 5];
                if job.state == JobState::NotVerified {
                    self.segments[3] = 0;
                }
                let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
                self.line = format!("{}{took}.", what(place));
                if job.state == JobState::NotVerified
                    && let Some(run) = &place.run
                {
                    self.why = message(&run.why).into_owned();
                }
            }
            JobState::Failed | JobState::Lost => self.reason(place),
            _ => self.line = format!("{}.", what(place)),
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What a job does.
fn what(place: &Place) -> String {
    let Some(job) = &place.job else { return String::new() };
    let image = place.image.as_deref().unwrap_or("an image that is gone");
    match (job.action, &job.project) {
        (Action::Deploy, Some(project)) => format!("{image}, of project {project}"),
        (Action::Deploy, None) => image.to_owned(),
        (Action::Backup, _) => "Backup".to_owned(),
        (Action::Reboot, _) => "Start again".to_owned(),
        (Action::PowerOff, _) => "Switch off".to_owned(),
    }
}

/// The five segments of a run that is in this one, so far.
pub(in crate::station::pages) fn segments(at: Segment, percent: u8) -> [u8; 5] {
    let order = [Segment::Seen, Segment::Boot, Segment::Write, Segment::ReadBack, Segment::Finish];
    order.map(|segment| match segment.cmp(&at) {
        std::cmp::Ordering::Less => 100,
        std::cmp::Ordering::Equal => percent,
        std::cmp::Ordering::Greater => 0,
    })
}

/// A curve in a box of 100 by 34, its highest point below the upper edge; empty where there is nothing to draw.
pub(in crate::station::pages) fn path(curve: &[(Time, f64)]) -> String {
    use std::fmt::Write as _;
    let (Some(last), true) = (curve.last(), curve.len() > 1) else { return String::new() };
    let most = curve.iter().map(|(_, rate)| *rate).fold(1.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let (first, width) = (curve.first().map_or(0, |first| first.0) as f64, (last.0.max(1)) as f64);
    let mut path = String::new();
    for (at, rate) in curve {
        #[expect(clippy::cast_precision_loss, reason = "a picture")]
        let x = (*at as f64 - first) / (width - first).max(1.0) * 100.0;
        let y = 33.0 - rate / most * 30.0;
        let letter = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a text doesn't fail.
        let _ = write!(path, "{letter}{x:.1} {y:.1}");
    }
    path
}
