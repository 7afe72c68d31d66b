//! Labels, printers, and what is to be printed.

use super::jobs::{finished, progress};
use super::{NOW, Place, image, on_both, register};
use crate::device_api::{Action, End};
use crate::station::store::{Asked, Claimed, Error, Printed, Store, Wanted};
use crate::station_api::{
    FtpPrinter, Label, LabelLanguage, LabelWhen, NewPrinter, Print, PrintState, PrinterAt, PrinterTakes,
    PrintsAsked, Project, ProjectLabel, TcpPrinter, Time, Values,
};

fn label(name: &str, text: &str) -> Label {
    Label { name: name.into(), language: LabelLanguage::Zpl, text: text.into(), ..Label::default() }
}

fn tcp(name: &str) -> NewPrinter {
    let at = PrinterAt::Tcp(TcpPrinter { host: "10.0.0.9".into(), port: 9100 });
    NewPrinter { name: name.into(), at, takes: PrinterTakes::Zpl, password: None }
}

async fn prepared(place: &Place) -> Store {
    let store = place.open().await;
    store.put_label(&label("box", "^XA^FD{serial}^FS^XZ")).await.unwrap();
    for printer in ["one", "two"] {
        store.put_printer(&tcp(printer), "ada", NOW).await.unwrap();
    }
    store
}

async fn want(store: &Store, printer: &str, copies: u32) -> Vec<Print> {
    let label = store.label("box").await.unwrap();
    let values = Values::from([("serial".to_owned(), "1".to_owned())]);
    let wanted =
        Wanted { label: &label, printer, board: None, values: &values, run: None, copies, by: "ada" };
    store.want_print(wanted, NOW).await.unwrap()
}

async fn all(store: &Store) -> Vec<Print> {
    let mut items = store.prints(&PrintsAsked::default()).await.unwrap().items;
    items.reverse();
    items
}

async fn states(store: &Store) -> Vec<PrintState> {
    all(store).await.into_iter().map(|print| print.state).collect()
}

/// A label goes out: it is claimed, and its first byte goes.
async fn begin(store: &Store, id: &str, until: Time) -> Claimed {
    let claimed = store.claim_print(id, NOW, until).await.unwrap().unwrap();
    assert!(store.begin_print(id, claimed.tries, until).await.unwrap());
    claimed
}

on_both! {
    async fn each_printer_gets_one_after_the_other_in_their_order(place: &Place) {
        let store = prepared(place).await;
        let one = want(&store, "one", 2).await;
        let two = want(&store, "two", 1).await;
        let due = store.due_prints(NOW).await.unwrap();
        let wanted: Vec<_> = [(&one[0], "one"), (&two[0], "two")]
            .map(|(print, printer)| (print.print.clone(), printer.to_owned()))
            .into();
        assert_eq!(due, wanted);
        let claimed = begin(&store, &one[0].print, NOW + 1000).await;
        assert_eq!((claimed.tries, claimed.text.as_str()), (1, "^XA^FD{serial}^FS^XZ"));
        // The next one waits, and nobody else may have the first or the second.
        assert_eq!(store.due_prints(NOW).await.unwrap(), [(two[0].print.clone(), "two".to_owned())]);
        assert!(store.claim_print(&one[0].print, NOW, NOW).await.unwrap().is_none());
        assert!(store.claim_print(&one[1].print, NOW, NOW).await.unwrap().is_none());
        // A printer that is off keeps the order.
        let again = Printed::Again(NOW + 5000, "no answer".into());
        store.note_print(&one[0].print, 1, &again, NOW).await.unwrap();
        assert_eq!(store.due_prints(NOW).await.unwrap(), [(two[0].print.clone(), "two".to_owned())]);
        let printer = store.printer("one").await.unwrap();
        assert_eq!((printer.waiting, printer.why.as_str(), printer.since), (2, "no answer", Some(NOW)));
        // Somebody has switched it on.
        store.print_again(&one[1].print, "ada", NOW + 1).await.unwrap();
        let due = store.due_prints(NOW + 1).await.unwrap();
        assert_eq!(due[0].0, one[0].print);
        let claimed = begin(&store, &one[0].print, NOW + 1000).await;
        assert_eq!(claimed.tries, 2);
        store.note_print(&one[0].print, 2, &Printed::Sent, NOW + 2).await.unwrap();
        assert_eq!(store.due_prints(NOW + 2).await.unwrap()[0].0, one[1].print);
        assert_eq!(states(&store).await, [PrintState::Sent, PrintState::Waiting, PrintState::Waiting]);
        // A change of the label changes nothing of what waits.
        store.put_label(&label("box", "other")).await.unwrap();
        let claimed = begin(&store, &one[1].print, NOW + 1000).await;
        assert_eq!(claimed.text, "^XA^FD{serial}^FS^XZ");
        store.close().await;
    }

    async fn what_was_cut_off_was_perhaps_printed_and_waits_for_a_person(place: &Place) {
        let store = prepared(place).await.of("here".to_owned());
        let prints = want(&store, "one", 3).await;
        begin(&store, &prints[0].print, NOW + 300_000).await;
        // The station of another state ends and begins: it isn't its own.
        let other = place.open().await.of("there".to_owned());
        assert_eq!(other.cut_off_prints(true, NOW).await.unwrap(), 0);
        assert_eq!(store.cut_off_prints(false, NOW).await.unwrap(), 0);
        assert_eq!(store.cut_off_prints(true, NOW).await.unwrap(), 1);
        assert_eq!(states(&store).await, [PrintState::Unsure, PrintState::Waiting, PrintState::Waiting]);
        // It holds up nothing, and isn't printed again by itself.
        assert_eq!(store.due_prints(NOW + 1).await.unwrap()[0].0, prints[1].print);
        assert_eq!(store.printer("one").await.unwrap().unsure, 1);
        // One of another station that is never heard of again is found in time.
        begin(&other, &prints[1].print, NOW + 300_000).await;
        assert_eq!(store.cut_off_prints(true, NOW + 299_999).await.unwrap(), 0);
        assert_eq!(store.cut_off_prints(false, NOW + 300_001).await.unwrap(), 1);
        // That it was sent after all is better known.
        other.note_print(&prints[1].print, 1, &Printed::Again(NOW, "x".into()), NOW).await.unwrap();
        assert_eq!(states(&store).await[1], PrintState::Unsure);
        other.note_print(&prints[1].print, 1, &Printed::Sent, NOW).await.unwrap();
        assert_eq!(states(&store).await[1], PrintState::Sent);
        // A person lets it be printed again: another one, behind the others.
        let again = store.print_again(&prints[0].print, "ada", NOW).await.unwrap();
        assert_ne!(again.print, prints[0].print);
        let wanted = [PrintState::Cancelled, PrintState::Sent, PrintState::Waiting, PrintState::Waiting];
        assert_eq!(states(&store).await, wanted);
        assert!(all(&store).await[0].why.contains("ada lets it be printed again"));
        other.close().await;
        store.close().await;
    }

    async fn what_has_not_begun_when_a_station_ends_waits_and_is_printed_once(place: &Place) {
        let store = prepared(place).await.of("here".to_owned());
        let other = place.open().await.of("there".to_owned());
        let prints = want(&store, "one", 2).await;
        let id = &prints[0].print;
        let until = NOW + 300_000;
        let claimed = store.claim_print(id, NOW, until).await.unwrap().unwrap();
        // It waits, and so does what is behind it; nobody else gets either.
        assert_eq!(states(&store).await, [PrintState::Waiting, PrintState::Waiting]);
        assert_eq!(store.due_prints(NOW).await.unwrap(), []);
        for print in &prints {
            assert!(other.claim_print(&print.print, NOW, until).await.unwrap().is_none());
        }
        // The station is killed, and begins anew: the other one's beginning frees nothing.
        assert_eq!(other.cut_off_prints(true, NOW).await.unwrap(), 0);
        assert_eq!(store.due_prints(NOW).await.unwrap(), []);
        assert_eq!(store.cut_off_prints(true, NOW).await.unwrap(), 0);
        assert_eq!(store.due_prints(NOW).await.unwrap()[0].0, *id);
        // What the one before had been about to do it may not any more.
        let again = other.claim_print(id, NOW, until).await.unwrap().unwrap();
        assert_eq!((claimed.tries, again.tries), (1, 2));
        assert!(!store.begin_print(id, 1, until).await.unwrap());
        store.note_print(id, 1, &Printed::Unsure("x".into()), NOW).await.unwrap();
        assert_eq!(states(&store).await, [PrintState::Waiting, PrintState::Waiting]);
        // One that is never heard of again keeps it for as long as it was to take.
        assert_eq!(store.due_prints(until - 1).await.unwrap(), []);
        assert_eq!(store.due_prints(until).await.unwrap()[0].0, *id);
        store.claim_print(id, until, until + 1000).await.unwrap().unwrap();
        assert!(!other.begin_print(id, 2, until).await.unwrap());
        // Nobody wants it any more, before its first byte has gone.
        store.cancel_print(id, "ada").await.unwrap();
        assert!(!store.begin_print(id, 3, until).await.unwrap());
        assert_eq!(store.due_prints(NOW).await.unwrap()[0].0, prints[1].print);
        other.close().await;
        store.close().await;
    }

    async fn a_printer_that_has_perhaps_printed_gets_nothing_for_a_while_and_longer_each_time(place: &Place) {
        let store = prepared(place).await;
        let prints = want(&store, "one", 5).await;
        want(&store, "two", 1).await;
        let unsure = async |at: usize, now: Time| {
            let id = &prints[at].print;
            let claimed = store.claim_print(id, now, now + 9).await.unwrap().unwrap();
            assert!(store.begin_print(id, claimed.tries, now + 9).await.unwrap());
            store.note_print(id, claimed.tries, &Printed::Unsure("it hung up".into()), now).await.unwrap();
        };
        let due = async |now: Time| -> Vec<String> {
            store.due_prints(now).await.unwrap().into_iter().map(|(_, printer)| printer).collect()
        };
        unsure(0, NOW).await;
        // The rest waits, and the other printer's doesn't.
        assert_eq!((due(NOW).await, due(NOW + 59_999).await), (vec!["two".to_owned()], vec!["two".to_owned()]));
        assert!(store.claim_print(&prints[1].print, NOW + 1, NOW + 9).await.unwrap().is_none());
        let printer = store.printer("one").await.unwrap();
        assert_eq!((printer.waiting, printer.unsure, printer.paused), (4, 1, Some(NOW + 60_000)));
        assert!(printer.since.is_some() && printer.why.contains("perhaps printed: it hung up"), "{}", printer.why);
        assert_eq!(due(NOW + 60_000).await.len(), 2);
        // Where it can't be reached then, that is told, and no pause that is over.
        let again = &prints[1].print;
        let claimed = store.claim_print(again, NOW + 60_000, NOW + 60_009).await.unwrap().unwrap();
        let off = Printed::Again(NOW + 60_000, "it is off".into());
        store.note_print(again, claimed.tries, &off, NOW + 60_000).await.unwrap();
        let printer = store.printer("one").await.unwrap();
        assert_eq!((printer.paused, printer.why.as_str()), (None, "it is off"));
        unsure(1, NOW + 60_000).await;
        assert_eq!((due(NOW + 179_999).await.len(), due(NOW + 180_000).await.len()), (1, 2));
        // What this station's end has cut off says nothing of the printer.
        let claimed = store.claim_print(&prints[2].print, NOW + 180_000, NOW + 180_009).await.unwrap().unwrap();
        assert!(store.begin_print(&prints[2].print, claimed.tries, NOW + 180_009).await.unwrap());
        let ended = Printed::CutOff("the station ended".into());
        store.note_print(&prints[2].print, claimed.tries, &ended, NOW + 180_000).await.unwrap();
        assert_eq!(due(NOW + 180_000).await.len(), 2);
        // Who has seen to one has looked at the printer.
        store.cancel_print(&prints[0].print, "ada").await.unwrap();
        assert_eq!(due(NOW + 60_000).await.len(), 2);
        unsure(3, NOW + 60_000).await;
        assert_eq!(store.printer("one").await.unwrap().paused, Some(NOW + 120_000), "as after the first one");
        // One that is sent ends it.
        let claimed = store.claim_print(&prints[4].print, NOW + 120_000, NOW + 120_009).await.unwrap().unwrap();
        assert!(store.begin_print(&prints[4].print, claimed.tries, NOW + 120_009).await.unwrap());
        store.note_print(&prints[4].print, claimed.tries, &Printed::Sent, NOW + 120_000).await.unwrap();
        let printer = store.printer("one").await.unwrap();
        assert_eq!((printer.paused, printer.unsure, printer.why.as_str()), (None, 3, ""));
        store.close().await;
    }

    async fn a_station_that_comes_late_takes_no_label_out_of_anothers_hands(place: &Place) {
        let store = prepared(place).await.of("here".to_owned());
        let id = want(&store, "one", 1).await.remove(0).print;
        let late = store.claim_print(&id, NOW, NOW + 10).await.unwrap().unwrap();
        // Nothing was heard of it, and another station prints the label.
        let other = place.open().await.of("there".to_owned());
        let claimed = other.claim_print(&id, NOW + 10, NOW + 20).await.unwrap().unwrap();
        assert!(other.begin_print(&id, claimed.tries, NOW + 20).await.unwrap());
        assert!(!store.begin_print(&id, late.tries, NOW + 20).await.unwrap());
        for printed in [Printed::Again(NOW, "late".into()), Printed::Failed("late".into()), Printed::Sent] {
            store.note_print(&id, late.tries, &printed, NOW + 11).await.unwrap();
            assert_eq!(states(&store).await, [PrintState::Printing], "{printed:?}");
        }
        other.note_print(&id, claimed.tries, &Printed::Sent, NOW + 12).await.unwrap();
        assert_eq!(states(&store).await, [PrintState::Sent]);
        other.close().await;
        store.close().await;
    }

    async fn nobody_cancels_what_is_being_printed_and_what_is_over_goes_in_time(place: &Place) {
        let store = prepared(place).await;
        let prints = want(&store, "one", 3).await;
        begin(&store, &prints[0].print, NOW + 1000).await;
        for error in [
            store.cancel_print(&prints[0].print, "ada").await.unwrap_err(),
            store.print_again(&prints[0].print, "ada", NOW).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::InUse { .. }), "{error}");
        }
        assert!(matches!(store.cancel_print("x", "ada").await, Err(Error::NoSuch { .. })));
        let gone = store.cancel_print(&prints[1].print, "ada").await.unwrap();
        assert_eq!(gone.state, PrintState::Cancelled);
        store.note_print(&prints[0].print, 1, &Printed::Failed("no room".into()), NOW).await.unwrap();
        let seen = store.cancel_print(&prints[0].print, "ada").await.unwrap();
        assert_eq!((seen.state, seen.why.as_str()), (PrintState::Cancelled, "ada has seen to it: no room"));
        assert_eq!(store.forget_prints(NOW).await.unwrap(), 0);
        assert_eq!(store.forget_prints(NOW + 1).await.unwrap(), 2);
        assert_eq!(states(&store).await, [PrintState::Waiting]);
        // What waits for a printer that is removed isn't printed.
        store.remove_printer("one").await.unwrap();
        assert_eq!(states(&store).await, [PrintState::Cancelled]);
        let many = want(&store, "two", 20).await;
        assert_eq!(many.len(), 20);
        store.close().await;
    }

    async fn a_password_goes_to_the_server_that_it_was_given_for_and_to_no_other(place: &Place) {
        let store = prepared(place).await;
        let at = |host: &str, user: &str, directory: &str| PrinterAt::Ftp(FtpPrinter {
            host: host.into(),
            port: 21,
            user: user.into(),
            directory: directory.into(),
            ending: "prn".into(),
            rename: false,
        });
        let ftp = |at: PrinterAt, password: Option<&str>| NewPrinter {
            name: "ftp".into(),
            at,
            takes: PrinterTakes::Zpl,
            password: password.map(str::to_owned),
        };
        let put = async |new: NewPrinter| {
            store.put_printer(&new, "ada", NOW).await.unwrap();
            store.printer("ftp").await.unwrap().password
        };
        assert!(put(ftp(at("a", "lab", ""), Some("secret"))).await);
        assert!(put(ftp(at("a", "lab", "in"), None)).await, "another directory of the same server");
        assert!(!put(ftp(at("b", "lab", "in"), None)).await, "another server");
        assert!(put(ftp(at("b", "lab", "in"), Some("secret"))).await);
        assert!(!put(ftp(at("b", "ada", "in"), None)).await, "another user");
        assert!(put(ftp(at("b", "ada", "in"), Some("secret"))).await);
        assert!(!put(ftp(at("b", "ada", "in"), Some(""))).await, "it is taken away");
        let long = ftp(at("a", "lab", ""), Some(&"x".repeat(201)));
        assert!(matches!(store.put_printer(&long, "ada", NOW).await, Err(Error::BadValue { .. })));
        let other = NewPrinter { password: Some("x".into()), ..tcp("one") };
        assert!(matches!(store.put_printer(&other, "ada", NOW).await, Err(Error::BadValue { .. })));
        store.close().await;
    }

    async fn a_projects_label_is_printed_once_a_job_at_its_moment(place: &Place) {
        let store = prepared(place).await;
        let image = image("os");
        store.add_image(&image).await.unwrap();
        let project = |name: &str, when| Project {
            name: name.into(),
            image: Some("os".into()),
            label: Some(ProjectLabel { label: "box".into(), printer: "one".into(), when, copies: 2 }),
            ..Project::default()
        };
        let nothing = Project {
            label: Some(ProjectLabel { label: "no".into(), ..project("x", LabelWhen::Done).label.unwrap() }),
            ..project("x", LabelWhen::Done)
        };
        assert!(matches!(store.put_project(&nothing).await, Err(Error::NoSuch { what: "label", .. })));
        for (number, (name, when)) in [("starts", LabelWhen::Start), ("ends", LabelWhen::Done)].into_iter().enumerate() {
            store.put_project(&project(name, when)).await.unwrap();
            let serial = format!("1000000000000b{number:02}");
            let mac = format!("dc:a6:32:00:00:{number:02}");
            let told = register(u8::try_from(number).unwrap() + 1, Some(&serial), &[&mac]);
            let board = store.register(&told, true, NOW).await.unwrap().board().id.clone();
            let asked = Asked {
                board: board.clone(),
                project: Some(name.into()),
                action: Action::Deploy,
                image: Some(image.id.clone()),
                target: Vec::new(),
                end: End::Wait,
                by: "ada".into(),
                plan: None,
            };
            let job = store.make_job(&asked, NOW).await.unwrap();
            let of_board = PrintsAsked { board: Some(board.clone()), ..PrintsAsked::default() };
            let count = async || store.prints(&of_board).await.unwrap().items.len();
            assert_eq!(count().await, 0);
            let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
            let at_start = if when == LabelWhen::Start { 2 } else { 0 };
            assert_eq!(count().await, at_start, "{name}");
            // A board that starts again goes on with its job: its label is there.
            let drawn = if number == 0 { store.draw(&board, NOW).await.unwrap().unwrap() } else { drawn };
            assert_eq!(count().await, at_start, "{name}");
            store.renew(&job.id, &progress(drawn.job.fence), NOW).await.unwrap();
            let finished = finished(drawn.job.fence);
            store.finish(&job.id, &finished, NOW).await.unwrap();
            store.finish(&job.id, &finished, NOW).await.unwrap();
            let items = store.prints(&of_board).await.unwrap().items;
            assert_eq!(items.len(), 2, "{name}: {items:?}");
            assert!(items.iter().all(|print| print.run.as_deref() == Some(drawn.run.as_str()) || number == 0));
            assert_eq!(items[0].called, serial);
            let claimed = store.claim_print(&items[1].print, NOW, NOW + 9).await.unwrap();
            if number == 0 {
                let claimed = claimed.unwrap();
                assert_eq!((&claimed.values["serial"], &claimed.values["project"]), (&serial, &name.to_owned()));
                assert_eq!(claimed.values["image"], "os");
                store.note_print(&claimed.print, claimed.tries, &Printed::Sent, NOW).await.unwrap();
            }
        }
        for error in [store.remove_label("box").await.unwrap_err(), store.remove_printer("one").await.unwrap_err()] {
            assert!(matches!(&error, Error::InUse { by, .. } if by == "projects ends, starts"), "{error}");
        }
        store.close().await;
    }
}
