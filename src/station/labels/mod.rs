//! Labels: what people do with templates, printers and what waits for them, and how it is printed.
//!
//! | part | what it is |
//! |---|---|
//! | `values` | what stands in the place of names |
//! | `queue` | what waits is printed, one label at a time for each printer |
//! | `again` | what failed is printed once more, with what its board has by now |
//!
//! Here: labels and printers are made, changed and removed; labels are filled and wanted; codes are read.

mod again;
mod queue;
mod values;

pub(super) use values::{MORE, Of, values_of};

use super::named::names_in;
use super::outside::is_elsewhere;
use super::store::{self, Wanted};
use super::web::{Refusal, Who};
use super::{Station, now};
use crate::label::{self, Filled, scan};
use crate::station_api::{
    Board, Label, NewPrint, NewPrinter, OWN, Print, Printer, PrinterAt, PrinterTakes, RunsAsked, Thing,
    Values, ValuesOf,
};

/// Under this name pages hear of what is printed.
pub(super) const PRINTS: &str = "prints";

impl Station {
    fn prints_changed(&self) {
        self.changes.tell(Thing::Settings, PRINTS, None);
        self.print_bell.notify_one();
    }

    /// Makes or changes a label.
    pub(super) async fn put_label(&self, who: &Who, label: &Label) -> Result<Label, Refusal> {
        self.store().put_label(label).await?;
        self.changed(who, "label.put", &label.name).await;
        self.with_doubts_of_label(label.clone()).await
    }

    /// A label, with what no board could have of it.
    pub(super) async fn label(&self, name: &str) -> Result<Label, Refusal> {
        self.with_doubts_of_label(self.store().label(name).await?).await
    }

    async fn with_doubts_of_label(&self, label: Label) -> Result<Label, Refusal> {
        let names = label::names(&label.text);
        let is_own = |name: &&str| OWN.contains(name) || MORE.contains(name);
        let mut warnings = Vec::new();
        if !names.iter().all(is_own) {
            let sources = self.store().value_sources().await?;
            // What a server answers isn't known before.
            let asks = sources.iter().any(|source| matches!(source.of, ValuesOf::Http(_)));
            let gives = |name: &str| {
                sources.iter().any(|source| match &source.of {
                    ValuesOf::Table(sheet) => sheet.columns.iter().any(|column| column == name),
                    _ => source.name == name,
                })
            };
            let unknown = names.into_iter().filter(|name| !asks && !is_own(name) && !gives(name));
            warnings.extend(unknown.map(|name| {
                format!("no board has the value `{name}`, and no source of the station gives it")
            }));
        }
        Ok(Label { warnings, ..label })
    }

    /// Removes a label.
    pub(super) async fn remove_label(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_label(name).await?;
        self.changed(who, "label.remove", name).await;
        Ok(())
    }

    /// Whether a printer may be where somebody says. A name is looked at once more when it is connected to.
    fn may_print_at(&self, at: &PrinterAt) -> Result<(), Refusal> {
        let settings = &self.options.settings.station;
        match at {
            PrinterAt::Tcp(_) | PrinterAt::Ftp(_) if settings.printers_local.value => Ok(()),
            PrinterAt::Tcp(crate::station_api::TcpPrinter { host, .. })
            | PrinterAt::Ftp(crate::station_api::FtpPrinter { host, .. }) => {
                if host.parse().is_ok_and(|ip| !is_elsewhere(ip)) {
                    return Err(Refusal::forbidden("a printer can't be on the station's host itself")
                        .with_hint("the setting `station.printers-local` allows it"));
                }
                Ok(())
            }
            PrinterAt::Command(command) => {
                let known = &settings.print_command.value;
                if known.iter().any(|one| one.name == command.command) {
                    return Ok(());
                }
                Err(Refusal::forbidden(format!(
                    "the station's settings name no program `{}`",
                    command.command
                ))
                .with_hint("who writes its settings names one in `station.print-command`"))
            }
            PrinterAt::File(_) if settings.print_dir.value.is_some() => Ok(()),
            PrinterAt::File(_) => Err(Refusal::forbidden("the station has no directory for labels")
                .with_hint("the setting `station.print-dir` names one")),
        }
    }

    /// Makes or changes a printer.
    pub(super) async fn put_printer(&self, who: &Who, new: &NewPrinter) -> Result<Printer, Refusal> {
        new.at.check().map_err(Refusal::meaningless)?;
        self.may_print_at(&new.at)?;
        self.store().put_printer(new, &who.by, now()).await?;
        self.changed(who, "printer.put", &new.name).await;
        // What waits may go there now.
        self.prints_changed();
        Ok(self.store().printer(&new.name).await?)
    }

    /// Removes a printer.
    pub(super) async fn remove_printer(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_printer(name).await?;
        self.changed(who, "printer.remove", name).await;
        self.prints_changed();
        Ok(())
    }

    /// A board as a label has it: with what its last run had. `None`: sample values.
    async fn label_values(
        &self,
        label: &Label,
        board: Option<&str>,
    ) -> Result<(Option<Board>, Values, Option<String>), Refusal> {
        let Some(board) = board else { return Ok((None, label::samples(&label.text), None)) };
        let store = self.store();
        let board = store.board(&store.find_board(board).await?).await?;
        let asked = RunsAsked { board: Some(board.id.clone()), limit: Some(1), ..RunsAsked::default() };
        let line = store.runs(&asked).await?.items.into_iter().next();
        let plan = match line.as_ref().and_then(|line| line.job.as_deref()) {
            Some(job) => store.plan(job).await?,
            None => crate::station_api::Plan::default(),
        };
        let of = line.as_ref().map_or_else(Of::default, |line| Of {
            run: Some(&line.run),
            job: line.job.as_deref(),
            project: line.project.as_deref(),
            image: line.image.as_deref(),
            values: Some(&plan.values),
        });
        let values = values_of(&board, of, now());
        let run = line.map(|line| line.run);
        Ok((Some(board), values, run))
    }

    /// A label with a board's values, as its printer gets it.
    pub(super) async fn filled_label(
        &self,
        label: &Label,
        board: Option<&str>,
        takes: PrinterTakes,
    ) -> Result<Filled, Refusal> {
        let (_, values, _) = self.label_values(label, board).await?;
        self.fill_label(label, values, takes).await
    }

    /// Drawing takes a processor: few labels are drawn at once.
    async fn fill_label(
        &self,
        label: &Label,
        values: Values,
        takes: PrinterTakes,
    ) -> Result<Filled, Refusal> {
        let _turn = self.scans.acquire().await.map_err(|_| Refusal::ending())?;
        let label = label.clone();
        let filled =
            tokio::task::spawn_blocking(move || label::fill(label.language, &label.text, &values, takes))
                .await;
        Ok(filled.map_err(|error| Refusal::meaningless(error.to_string()))??)
    }

    /// Somebody wants a label.
    pub(super) async fn want_print(&self, who: &Who, new: &NewPrint) -> Result<Vec<Print>, Refusal> {
        let label = self.store().label(&new.label).await?;
        let (board, values, run) = self.label_values(&label, new.board.as_deref()).await?;
        // What can't be printed is said now, and not by the queue.
        let takes = self.store().printer(&new.printer).await?.takes;
        self.fill_label(&label, values.clone(), takes).await?;
        let wanted = Wanted {
            label: &label,
            printer: &new.printer,
            board: board.as_ref(),
            values: &values,
            run: run.as_deref(),
            copies: new.copies,
            by: &who.by,
        };
        let prints = self.store().want_print(wanted, now()).await?;
        let called = board.as_ref().and_then(Board::called);
        self.did_named(who, "label.print", &new.label, called.as_deref()).await;
        self.prints_changed();
        Ok(prints)
    }

    /// Something is printed once more, or now.
    pub(super) async fn print_again(&self, who: &Who, id: &str) -> Result<Print, Refusal> {
        self.takes_values_of_today(id).await?;
        let print = self.store().print_again(id, &who.by, now()).await?;
        self.did_named(who, "print.again", &print.label, Some(&print.called)).await;
        self.prints_changed();
        Ok(print)
    }

    /// Nobody wants something any more.
    pub(super) async fn cancel_print(&self, who: &Who, id: &str) -> Result<Print, Refusal> {
        let print = self.store().cancel_print(id, &who.by).await?;
        self.did_named(who, "print.cancel", &print.label, Some(&print.called)).await;
        self.prints_changed();
        Ok(print)
    }

    /// What a code in a picture says. Few pictures are looked at at once: it takes a processor.
    pub(super) async fn scan(
        &self,
        dots: Vec<u8>,
        width: u32,
        height: u32,
    ) -> Result<Option<String>, Refusal> {
        let _turn = self.scans.acquire().await.map_err(|_| Refusal::ending())?;
        let read = tokio::task::spawn_blocking(move || scan::read(dots, width, height)).await;
        match read {
            Ok(read) => read.map_err(|bad| Refusal::meaningless(bad.to_string())),
            // One at which the reader gave up has no code for us.
            Err(error) => {
                tracing::warn!(%error, "a picture couldn't be looked at");
                Ok(None)
            }
        }
    }

    /// The board that a text names: by name, serial number, address, or the number that its maker has printed on it.
    pub(super) async fn board_of_text(&self, text: &str) -> Result<Option<String>, store::Error> {
        for name in names_in(text) {
            match self.store().find_board(&name).await {
                Ok(id) => return Ok(Some(id)),
                Err(store::Error::NoSuch { .. } | store::Error::Several { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
