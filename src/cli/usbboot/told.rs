//! What is told of USB boots beside what their runs tell: what is waited for, and what came of each board.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::attached::{attached, left_out};
use crate::beneath::{Access, Dir};
use crate::board::Who;
use crate::cli::list::NO_BOARD;
use crate::cli::report;
use crate::cli::screen::{Facts, Screen, Summary};
use crate::cli::ui::{Style, Ui};
use crate::error::{Explain, Kind, chain};
use crate::format::{count, json};
use crate::run::{Event, Record};
use crate::usb::choose::Seen;
use crate::usb::record::UsbBoot;
use crate::usb::service::{Audience, Filter, Outcome};
use crate::usb::transport::Device;

/// After this time without a board, what is attached is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where what a board tells about itself goes.
#[derive(Debug, Clone)]
pub(super) enum Metadata {
    /// Nowhere.
    Dropped,
    /// To stdout.
    Printed,
    /// Into a file of this directory, called by the board's serial number.
    Kept(PathBuf),
}

/// Shows what runs tell, and then what came of boards: of all together at the end, or of each when it ends, where the
/// end may be months away.
///
/// Events wait to be shown: a terminal that takes nothing, or a slow disk behind stdout, must hold up no board.
pub(super) struct Told {
    ui: Ui,
    screen: Screen,
    events: Receiver<Event>,
    /// The boards that are meant.
    filter: Filter,
    metadata: Metadata,
    service: bool,
    /// Whether it was told already what is waited for.
    waiting: bool,
    /// The boards that have ended. Of a service's only the numbers are kept.
    outcomes: Vec<Outcome>,
    done: usize,
    count: usize,
    /// How boards have ended, each way once: more the exit code doesn't depend on.
    kinds: Vec<Option<Kind>>,
    failure: Option<CantWrite>,
}

impl Told {
    /// `events` come from the runs of these boards.
    pub(super) fn new(
        ui: &Ui,
        events: Receiver<Event>,
        filter: Filter,
        metadata: Metadata,
        service: bool,
    ) -> Self {
        Self {
            ui: ui.clone(),
            screen: if service { Screen::of_service(ui) } else { Screen::new(ui, []) },
            events,
            filter,
            metadata,
            service,
            waiting: false,
            outcomes: Vec::new(),
            done: 0,
            count: 0,
            kinds: Vec::new(),
            failure: None,
        }
    }

    /// How many boards have ended.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Tells what is to be told at the end.
    ///
    /// # Errors
    /// Where not all boards are done, or what they told can't be kept: the reason that decides the exit code.
    pub(super) fn finish(mut self) -> crate::cli::Result<()> {
        self.look();
        self.screen.finish();
        let outcomes = std::mem::take(&mut self.outcomes);
        outcomes.iter().for_each(|outcome| self.devices(outcome));
        let ended = if self.service {
            self.ui.say(format_args!("{} of {} done", self.done, self.count));
            report::boards(self.kinds.iter().copied())
        } else {
            let records: Vec<_> = outcomes.iter().map(|outcome| outcome.record.clone()).collect();
            Summary::as_message(&self.ui).finish(&records, facts)
        };
        for outcome in &outcomes {
            self.metadata(outcome);
            self.keep(outcome);
        }
        self.failure.map_or(ended, |failure| Err(failure.into()))
    }

    /// What has appeared of a board is the command's result.
    fn devices(&self, outcome: &Outcome) {
        if self.ui.json || !outcome.record.ending.is_done() {
            return;
        }
        let appeared = UsbBoot::of(&outcome.record).map(|boot| boot.appeared).unwrap_or_default();
        appeared.iter().for_each(|one| self.ui.result(&one.device));
    }

    /// So is what it told about itself, where that is asked for. With `--json` the record has it.
    fn metadata(&self, outcome: &Outcome) {
        let asked = !matches!(self.metadata, Metadata::Dropped);
        if asked && outcome.metadata.is_empty() && outcome.record.ending.is_done() {
            let board = &outcome.record.board;
            let why = match board.chip {
                Some(chip) if !chip.tells_metadata() => format!("; no {chip} does"),
                _ => ": its bootcode is too old, or config.txt says recovery_metadata=0".to_owned(),
            };
            let written =
                if matches!(self.metadata, Metadata::Kept(_)) { ", so nothing was written" } else { "" };
            self.ui.warn(format_args!("{board} told nothing about itself{written}{why}"));
        }
        if matches!(self.metadata, Metadata::Printed)
            && !self.ui.json
            && !outcome.metadata.is_empty()
            && let Ok(line) = json::line(&outcome.metadata)
        {
            self.ui.result(line);
        }
    }

    /// Writes it to its file. Why it can't be written is told at the end, and by a service at once too.
    fn keep(&mut self, outcome: &Outcome) {
        let Metadata::Kept(dir) = &self.metadata else { return };
        if outcome.metadata.is_empty() {
            return;
        }
        match write(dir, outcome) {
            Ok(path) => {
                let board = &outcome.record.board;
                self.screen.above(format_args!("{board}: wrote {}", path.display()));
            }
            Err(error) => {
                if self.service {
                    self.screen.aside(|| self.ui.warn(chain(&error)));
                }
                self.failure.get_or_insert(error);
            }
        }
    }
}

impl Audience for Told {
    fn look(&mut self) {
        self.events.try_iter().for_each(|event| self.screen.event(&event));
    }

    fn ended(&mut self, outcome: Outcome) {
        self.look();
        let kind = outcome.record.ending.kind();
        self.count += 1;
        self.done += usize::from(kind.is_none());
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        if !self.service {
            self.outcomes.push(outcome);
            return;
        }
        self.screen.aside(|| {
            if self.ui.json {
                Summary::as_message(&self.ui).object(&outcome.record);
            }
            self.devices(&outcome);
            self.metadata(&outcome);
        });
        self.keep(&outcome);
    }

    fn left_alone(&mut self, board: &Who, why: &str) {
        if self.ui.json {
            self.screen.aside(|| {
                self.ui.object(&json::json!({ "event": "left-alone", "board": board, "why": why }));
            });
        } else {
            self.screen.above(format!("{board} is left alone: {why}"));
        }
    }

    fn waiting(&mut self, time: Duration, devices: &[Device]) {
        if self.waiting || time < PATIENCE {
            return;
        }
        self.waiting = true;
        if self.ui.json {
            for device in devices {
                let Some((why, seen)) = left_out(device, &self.filter).zip(Seen::of(device)) else {
                    continue;
                };
                if seen.state.chip().is_some() {
                    self.left_alone(&seen.board, &why);
                }
            }
            return;
        }
        self.ui.say("waiting for a board in USB boot");
        for line in attached(devices, &self.filter) {
            self.ui.say(format_args!("  {line}"));
        }
        self.ui.say(format_args!("  {} {NO_BOARD}", self.ui.paint_err(Style::Strong, "hint:")));
    }
}

/// What only a USB boot can say at its end.
fn facts(record: &Record) -> Facts {
    let Some(boot) = UsbBoot::of(record) else { return Facts::default() };
    let mut text = vec![count(boot.files, "file")];
    text.extend(boot.appeared.iter().map(ToString::to_string));
    Facts { bytes: Some(boot.bytes), text, ..Facts::default() }
}

/// Writes what a board told about itself.
fn write(dir: &Path, outcome: &Outcome) -> Result<PathBuf, CantWrite> {
    let board = &outcome.record.board;
    let name = board.serial.as_ref().map_or_else(|| board.label(), ToString::to_string);
    let path = dir.join(format!("{name}.json"));
    let failed = |source| CantWrite { path: path.clone(), source };
    let text = json::pretty(&outcome.metadata).map_err(|error| failed(error.into()))? + "\n";
    let dir = Dir::open(dir).map_err(|error| failed(error.into()))?;
    dir.replace_file(format!("{name}.json"), text.as_bytes(), Access::Usual(0o644)).map_err(failed)?;
    Ok(path)
}

/// What a board told can't be kept.
#[derive(Debug, thiserror::Error)]
#[error("writing {}", path.display())]
pub(super) struct CantWrite {
    path: PathBuf,
    source: std::io::Error,
}

impl Explain for CantWrite {
    fn kind(&self) -> Kind {
        Kind::CantCreate
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use proptest::prelude::*;

    use super::*;
    use crate::board::Chip;
    use crate::cli::ui::memory::texts;
    use crate::run::{Ending, Proof, RunId, Runs, Way};
    use crate::stop::Stop;
    use crate::usb::boot::{BootOptions, Limits};
    use crate::usb::choose::AllAlike;
    use crate::usb::lookup::{self, Payload};
    use crate::usb::metadata;
    use crate::usb::plan::OnePayload;
    use crate::usb::service::{Service, run};
    use crate::usb::transport::{Bus, Fault, Transport};
    use crate::usb::wait_for::Appeared;

    fn device(product: u16, serial: Option<String>) -> Device {
        let port = "1-1".parse().unwrap();
        Device { port, address: 1, vendor: 0x0a5c, product, serial_index: 3, serial }
    }

    fn outcome(text: &str, ending: Ending) -> Outcome {
        let started = jiff::Timestamp::UNIX_EPOCH;
        let mut record = Record::begin(RunId::new(1), Way::UsbBoot, Who::named(text), started);
        let appeared = vec![Appeared { device: text.to_owned(), size_bytes: Some(1) }];
        let boot = UsbBoot { appeared, last_file: Some(text.to_owned()), ..UsbBoot::default() };
        record.detail = serde_json::to_value(boot).unwrap();
        record.ending = ending;
        let mut metadata = metadata::Metadata::default();
        metadata.take(&format!("*KEY*{text}"));
        Outcome { record, metadata }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_that_a_board_says_writes_the_terminal(text in texts(), json: bool, service: bool) {
            let (ui, memory) = Ui::remembering();
            let ui = Ui { json, ..ui };
            let mut told = Told::new(&ui, channel().1, Filter::default(), Metadata::Printed, service);
            let device = device(0x2711, Some(text.clone()));
            let known = attached(std::slice::from_ref(&device), &Filter::default()).len();
            told.waiting(Duration::from_secs(60), &[device]);
            prop_assert_eq!(memory.take_clean().len(), if json { 0 } else { 2 + known });
            told.ended(outcome(&text, Ending::Done { proof: Proof::Board }));
            told.ended(outcome(&text, Ending::Lost { why: text.clone(), hint: Some(text.as_str().into()) }));
            prop_assert!(told.finish().is_err());
            memory.take_clean();
        }
    }

    #[test]
    fn a_service_tells_of_each_board_when_it_ends_and_keeps_none_of_them() {
        let (ui, memory) = Ui::remembering();
        let mut told = Told::new(&ui, channel().1, Filter::default(), Metadata::Printed, true);
        for at in 0..1000 {
            told.ended(outcome(&format!("/dev/sd{at}"), Ending::Done { proof: Proof::Board }));
            assert_eq!(
                memory.take_clean(),
                [format!("/dev/sd{at}"), format!("{{\"KEY\":\"/dev/sd{at}\"}}")],
                "its disk, and what it told"
            );
        }
        assert_eq!((told.outcomes.len(), told.kinds.len(), told.count()), (0, 1, 1000));
        told.ended(outcome("x", Ending::Lost { why: "y".into(), hint: None }));
        memory.take_clean();
        let failure = told.finish().unwrap_err();
        assert_eq!(
            (failure.kind(), memory.take_clean()),
            (Kind::Failed, vec!["1000 of 1001 done".to_owned()])
        );
    }

    #[test]
    fn a_board_that_tells_nothing_is_told_as_such() {
        let dir = tempfile::tempdir().unwrap();
        let silent = |chip, ending| {
            let mut outcome = outcome("x", ending);
            outcome.metadata = metadata::Metadata::default();
            outcome.record.board = Who { chip: Some(chip), ..Who::at("1-1".parse().unwrap()) };
            outcome
        };
        let told = |metadata, outcome| {
            let (ui, memory) = Ui::remembering();
            let mut told = Told::new(&ui, channel().1, Filter::default(), metadata, false);
            told.ended(outcome);
            drop(told.finish());
            memory.take_clean().into_iter().filter(|line| line.contains("told nothing")).collect::<Vec<_>>()
        };
        let done = || Ending::Done { proof: Proof::Board };
        let kept = || Metadata::Kept(dir.path().to_owned());
        let [line] = &told(kept(), silent(Chip::Bcm2837, done()))[..] else { panic!("one line") };
        assert!(
            line.ends_with("1-1 told nothing about itself, so nothing was written; no BCM2837 does"),
            "{line}"
        );
        let [line] = &told(Metadata::Printed, silent(Chip::Bcm2711, done()))[..] else { panic!("one line") };
        assert!(line.contains("recovery_metadata=0"), "{line}");
        assert!(told(Metadata::Dropped, silent(Chip::Bcm2711, done())).is_empty(), "nobody asked");
        let lost = Ending::Lost { why: "y".into(), hint: None };
        assert!(told(kept(), silent(Chip::Bcm2711, lost)).is_empty(), "it has another trouble");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn with_json_too_a_board_that_the_filter_leaves_out_is_told() {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json: true, ..ui };
        let filter = Filter { port: Some("1-2".parse().unwrap()), ..Filter::default() };
        let mut told = Told::new(&ui, channel().1, filter, Metadata::Dropped, false);
        let devices = [device(0x2711, Some("af04b2da".into())), device(0x0104, None)];
        for seconds in [1, 4, 5] {
            told.waiting(Duration::from_secs(seconds), &devices);
        }
        let lines = memory.take_clean();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["event"], &value["board"]["port"]), (&"left-alone".into(), &"1-1".into()));
        assert_eq!(value["why"], "`-p` means the board at 1-2");
    }

    /// A bus with a board that this user may not open.
    struct Locked;

    impl Bus for Locked {
        fn devices(&self) -> Result<Vec<Device>, crate::usb::Error> {
            Ok(vec![device(0x2711, Some("af04b2da".into()))])
        }

        fn open(&self, _: &Device) -> Result<Box<dyn Transport>, Fault> {
            Err(Fault::Permission)
        }

        fn wait(&self, limit: Duration) {
            std::thread::park_timeout(limit);
        }
    }

    #[test]
    fn a_boards_hint_is_in_the_log_of_a_service_when_it_happens() {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { colour_err: false, verbose: 0, ..ui };
        let (tell, events) = channel();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bootcode4.bin"), [7; 3000]).unwrap();
        let plan =
            OnePayload(Arc::new(Payload::open(dir.path(), &lookup::PayloadOptions::default()).unwrap()));
        let limits = Limits { permission: Duration::ZERO, ..Limits::default() };
        let options = BootOptions { limits, ..BootOptions::default() };
        let poll = Duration::from_millis(5);
        let service = Service { forever: true, boards: Some(1), poll, ..Service::default() };
        let runs = Runs::unkept(Arc::new(tell));
        let mut told = Told::new(&ui, events, Filter::default(), Metadata::Dropped, true);
        let stop = Stop::new().unwrap();
        let all = AllAlike::new(Arc::new(plan), options);
        run(Arc::new(Locked), &all, &service, &stop, &runs, &mut told).unwrap();
        let lines = memory.take_clean();
        let [.., failed, hint] = &lines[..] else { panic!("{lines:?}") };
        assert!(
            failed.ends_with("1-1 failed in open: this user may not open /dev/bus/usb/001/001"),
            "{failed}"
        );
        assert!(hint.starts_with("  hint: `sudo piprov udev install"), "{hint}");
        assert_eq!(told.finish().unwrap_err().kind(), Kind::Permission);
    }
}
