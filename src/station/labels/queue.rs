//! What waits is printed: one label at a time for each printer, in the order in which they were wanted; several printers at
//! once. A printer that is off keeps its labels waiting. What was cut off in the middle isn't printed again by itself.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::PRINTS;
use crate::error::chain;
use crate::format::message;
use crate::label;
use crate::print::{self, FtpPlace, Program, Server};
use crate::station::hooks::Pauses;
use crate::station::outside::is_elsewhere;
use crate::station::store::{Claimed, Printed};
use crate::station::{Station, now};
use crate::station_api::{PrinterAt, Thing, Time};
use crate::stop::Stop;

/// Printers that are spoken to at once.
const AT_ONCE: usize = 8;
/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(2);
/// What is printed for longer was perhaps printed, in milliseconds, and what was claimed for longer is anybody's: longer
/// than a printer gets.
const LIMIT: Time = 300_000;
/// How long what is over stays, in milliseconds.
const KEPT: Time = 90 * 24 * 3600 * 1000;
/// How often what is older goes.
const TIDY: Duration = Duration::from_secs(3600);
/// A printer that is off is tried again for as long as it takes.
const PAUSES: Pauses = Pauses { tries: u32::MAX, first: 2_000, longest: 30_000 };

impl Station {
    /// Prints what is due, until the station ends.
    pub(in crate::station) async fn print_labels(self: Arc<Self>) {
        let Ok(stop) = Stop::new() else { return };
        let (mut look, mut tidy) = (tokio::time::interval(LOOK), tokio::time::interval(TIDY));
        for each in [&mut look, &mut tidy] {
            each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        let (mut work, mut busy, mut begins) = (JoinSet::new(), HashSet::new(), true);
        loop {
            tokio::select! {
                () = self.ending.cancelled() => {
                    stop.set();
                    // What goes out now is ended by the flag, and noted as what it was.
                    while work.join_next().await.is_some() {}
                    return;
                }
                () = self.print_bell.notified() => {}
                _ = look.tick() => {}
                _ = tidy.tick() => {
                    if let Err(error) = self.store().forget_prints(now().saturating_sub(KEPT)).await {
                        tracing::warn!(%error, "what was printed can't be removed");
                    }
                }
                Some(done) = work.join_next() => {
                    // A task that has panicked has left its printer here; it is tried with the next start.
                    if let Ok(printer) = done {
                        busy.remove(&printer);
                    }
                }
            }
            match self.store().cut_off_prints(begins, now()).await {
                Ok(0) => begins = false,
                Ok(count) => {
                    begins = false;
                    tracing::warn!(count, "labels were perhaps printed");
                    self.changes.tell(Thing::Settings, PRINTS, None);
                }
                Err(error) => {
                    tracing::warn!(%error, "it can't be read what was being printed");
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            }
            match self.store().due_prints(now()).await {
                Ok(due) => {
                    for (print, printer) in due {
                        if busy.len() < AT_ONCE && busy.insert(printer.clone()) {
                            work.spawn(Arc::clone(&self).print_one(print, printer, stop.clone()));
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "what is to be printed can't be read");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Prints one, and notes what became of it. The printer.
    async fn print_one(self: Arc<Self>, id: String, printer: String, stop: Stop) -> String {
        let claimed = match self.store().claim_print(&id, now(), now().saturating_add(LIMIT)).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => {
                // It isn't to be printed any more. What comes next is looked for in a moment.
                tokio::time::sleep(Duration::from_millis(200)).await;
                return printer;
            }
            Err(error) => {
                tracing::warn!(%error, printer, "a label can't be taken to be printed");
                tokio::time::sleep(LOOK).await;
                return printer;
            }
        };
        self.changes.tell(Thing::Settings, PRINTS, None);
        let way = self.way(&claimed.at);
        let tries = claimed.tries;
        let (station, runtime, ends) = (Arc::clone(&self), tokio::runtime::Handle::current(), stop.clone());
        let printed = tokio::task::spawn_blocking(move || {
            let mut begin = || {
                let until = now().saturating_add(LIMIT);
                match runtime.block_on(station.store().begin_print(&claimed.print, tries, until)) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err("nobody wants it any more, or another station has it".to_owned()),
                    Err(error) => Err(chain(&error)),
                }
            };
            send(&claimed, way, &mut begin, &stop)
        });
        let printed = printed.await;
        let printed = match printed {
            Ok(Ok(())) => Printed::Sent,
            Ok(Err(NotPrinted::Label(error))) => Printed::Failed(error.to_string()),
            Ok(Err(NotPrinted::Way(why))) => again(tries, why),
            Ok(Err(NotPrinted::Print(error))) => {
                let why = message(&chain(&error)).into_owned();
                match error.perhaps_printed() {
                    true if ends.is_set() => Printed::CutOff(why),
                    true => Printed::Unsure(why),
                    false => again(tries, why),
                }
            }
            Err(error) => Printed::CutOff(error.to_string()),
        };
        match &printed {
            Printed::Sent => {
                self.metrics().printed.inc();
                tracing::info!(printer, print = id, "a label was sent");
            }
            other => tracing::warn!(printer, print = id, ?other, "a label wasn't printed, or perhaps"),
        }
        // That it was sent is known here alone: it is noted as soon as the database takes it, or is `unsure` later.
        for pause in [0, 1, 3, 10] {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            match self.store().note_print(&id, tries, &printed, now()).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, printer, "what became of a label can't be noted"),
            }
        }
        self.changes.tell(Thing::Settings, PRINTS, None);
        printer
    }

    /// What the station's settings say of the way to a printer.
    fn way(&self, at: &PrinterAt) -> Result<Way, String> {
        let settings = &self.options.settings.station;
        let may = if settings.printers_local.value { |_: IpAddr| true } else { is_elsewhere };
        Ok(match at {
            PrinterAt::Tcp(_) | PrinterAt::Ftp(_) => Way::Net(may),
            PrinterAt::Command(command) => {
                let known = settings.print_command.value.iter().find(|one| one.name == command.command);
                let known = known.and_then(|one| one.run.split_first());
                let missing = || format!("the station's settings name no program `{}`", command.command);
                let (file, arguments) = known.ok_or_else(missing)?;
                Way::Command(PathBuf::from(file), arguments.to_vec())
            }
            PrinterAt::File(_) => {
                let base = settings.print_dir.value.clone();
                Way::File(base.ok_or("the setting `station.print-dir` names no directory")?)
            }
        })
    }
}

/// What the host gives for a printer.
enum Way {
    Net(fn(IpAddr) -> bool),
    Command(PathBuf, Vec<String>),
    File(PathBuf),
}

/// Why something wasn't printed.
enum NotPrinted {
    Label(label::Error),
    Way(String),
    Print(print::Error),
}

impl From<print::Error> for NotPrinted {
    fn from(error: print::Error) -> Self {
        Self::Print(error)
    }
}

fn again(tries: u32, why: String) -> Printed {
    let at = now();
    Printed::Again(PAUSES.again(tries, None, at).unwrap_or(at), why)
}

/// The name of a label's file: of what it is for, and its own, so that no two have the same.
fn file_name(claimed: &Claimed, ending: &str) -> String {
    let fits = |char: &char| char.is_ascii_alphanumeric();
    let serial = claimed.values.get("serial").map_or("label", String::as_str);
    let serial: String = serial.chars().filter(fits).take(16).collect();
    format!("label-{serial}-{}.{ending}", claimed.print)
}

fn send(
    claimed: &Claimed,
    way: Result<Way, String>,
    begin: print::Begin<'_>,
    stop: &Stop,
) -> Result<(), NotPrinted> {
    let Claimed { language, text, values, takes, .. } = claimed;
    let bytes = label::fill(*language, text, values, *takes).map_err(NotPrinted::Label)?.bytes;
    let way = way.map_err(NotPrinted::Way)?;
    match (&claimed.at, way) {
        (PrinterAt::Tcp(tcp), Way::Net(may)) => {
            print::tcp(Server { host: &tcp.host, port: tcp.port, may }, &bytes, begin, stop)?;
        }
        (PrinterAt::Ftp(ftp), Way::Net(may)) => {
            let name = file_name(claimed, &ftp.ending);
            let place = FtpPlace {
                server: Server { host: &ftp.host, port: ftp.port, may },
                user: &ftp.user,
                password: claimed.secret.as_deref().unwrap_or_default(),
                directory: &ftp.directory,
                name: &name,
                rename: ftp.rename,
            };
            print::ftp(place, &bytes, begin, stop)?;
        }
        (PrinterAt::Command(_), Way::Command(file, arguments)) => {
            print::command(Program { file: &file, arguments: &arguments }, &bytes, begin, stop)?;
        }
        (PrinterAt::File(file), Way::File(base)) => {
            print::file(&base, &claimed.printer, &file_name(claimed, &file.ending), &bytes, begin)?;
        }
        // A way is made for its printer.
        _ => return Err(NotPrinted::Way("the printer was changed meanwhile".to_owned())),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
