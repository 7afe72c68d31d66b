//! What couldn't be printed for want of a value is printed once more with what its board has by now.

use super::{Of, values_of};
use crate::station::web::Refusal;
use crate::station::{Station, now};
use crate::station_api::{Label, PrinterTakes};

impl Station {
    /// Gives a label that failed the values that its board has today, where it can't be filled with those that it had. One that
    /// can't be filled with these either is refused, and stays as it is.
    pub(super) async fn takes_values_of_today(&self, id: &str) -> Result<(), Refusal> {
        let Some(failed) = self.store().failed_print(id).await? else { return Ok(()) };
        let label =
            Label { name: failed.label, language: failed.language, text: failed.text, ..Label::default() };
        match self.fill_label(&label, failed.values.clone(), PrinterTakes::Png).await {
            Ok(_) => return Ok(()),
            Err(refusal) if refusal.status().is_server_error() => return Err(refusal),
            Err(_) => {}
        }
        let board = self.store().board(&failed.board).await?;
        // What it was given for its run is still its own.
        let plan = match failed.values.get("job") {
            Some(job) => self.store().plan(job).await.unwrap_or_default(),
            None => crate::station_api::Plan::default(),
        };
        let mut values = values_of(&board, Of { values: Some(&plan.values), ..Of::default() }, now());
        for (name, had) in failed.values {
            values.entry(name).or_insert(had);
        }
        self.fill_label(&label, values.clone(), PrinterTakes::Png).await?;
        self.store().put_print_values(id, &values).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_api::Action;
    use crate::station::store::{Printed, Wanted};
    use crate::station::testing::{drawn, station};
    use crate::station::web::{Origin, Who};
    use crate::station_api::{
        BoardChange, FilePrinter, LabelLanguage, NewPrinter, PrintState, PrinterAt, Values,
    };

    /// The values that a label of this text has when it is printed once more, after its board has got a name.
    async fn again(text: &str, had: &[(&str, &str)]) -> Result<Values, String> {
        let (_dir, station) = station().await;
        let job = drawn(&station, "10000000af04b2da", Action::PowerOff, now()).await;
        let store = station.store();
        let at = PrinterAt::File(FilePrinter { ending: "prn".into() });
        let printer = NewPrinter { name: "p".into(), at, takes: PrinterTakes::Zpl, password: None };
        store.put_printer(&printer, "ada", now()).await.unwrap();
        let label =
            Label { name: "l".into(), language: LabelLanguage::Zpl, text: text.into(), ..Label::default() };
        let values: Values =
            had.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let board = store.board(&job.board).await.unwrap();
        let wanted = Wanted {
            label: &label,
            printer: "p",
            board: Some(&board),
            values: &values,
            run: None,
            copies: 1,
            by: "ada",
        };
        let print = store.want_print(wanted, now()).await.unwrap().remove(0).print;
        let at = now() + 1000;
        let claimed = store.claim_print(&print, at, at + 1000).await.unwrap().unwrap();
        store.note_print(&print, claimed.tries, &Printed::Failed("x".into()), at).await.unwrap();
        let change = BoardChange { name: Some("gate-1".into()), ..BoardChange::default() };
        store.change_board(&board.id, &change).await.unwrap();
        let who = Who::nobody(Origin::Socket { uid: 0 });
        match station.print_again(&who, &print).await {
            Ok(new) => Ok(store.claim_print(&new.print, at, at + 1000).await.unwrap().unwrap().values),
            Err(refusal) => {
                // It stays what it was.
                let all = store.prints(&crate::station_api::PrintsAsked::default()).await.unwrap().items;
                assert_eq!((all.len(), all[0].state), (1, PrintState::Failed));
                Err(refusal.detail())
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_failed_for_want_of_a_value_has_what_its_board_has_today_and_what_it_was_given_for_its_run()
    {
        let got = again("{name} {image}", &[("image", "os"), ("serial", "old")]).await.unwrap();
        assert_eq!((got["name"].as_str(), got["image"].as_str()), ("gate-1", "os"));
        assert_eq!(got["serial"], "10000000af04b2da");
        // A value that was a command isn't one today.
        assert_eq!(again("{name}", &[("name", "a^b")]).await.unwrap()["name"], "gate-1");
        // What can be filled stays as it was wanted.
        assert_eq!(again("{name}", &[("name", "old")]).await.unwrap()["name"], "old");
        assert!(again("{name} {nothing}", &[]).await.unwrap_err().contains("no value `nothing`"));
    }
}
