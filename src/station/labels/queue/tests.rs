use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::station::store::Wanted;
use crate::station::testing::station;
use crate::station_api::{
    FilePrinter, Label, LabelLanguage, NewPrinter, PrintState, PrinterTakes, PrintsAsked, TcpPrinter, Values,
};

/// A printer: what it gets, label by label.
fn printer(listener: TcpListener) -> Receiver<Vec<u8>> {
    let (got, all) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut bytes = Vec::new();
            let _ = stream.unwrap().read_to_end(&mut bytes);
            if got.send(bytes).is_err() {
                return;
            }
        }
    });
    all
}

async fn put_printer(station: &Station, name: &str, at: PrinterAt) {
    let new = NewPrinter { name: name.into(), at, takes: PrinterTakes::Zpl, password: None };
    station.store().put_printer(&new, "ada", now()).await.unwrap();
}

async fn want(station: &Station, printer: &str, text: &str) -> String {
    let label =
        Label { name: "l".into(), language: LabelLanguage::Text, text: text.into(), ..Label::default() };
    let wanted = Wanted {
        label: &label,
        printer,
        board: None,
        values: &Values::new(),
        run: None,
        copies: 1,
        by: "ada",
    };
    station.store().want_print(wanted, now()).await.unwrap().remove(0).print
}

async fn state(station: &Station, id: &str) -> (PrintState, String) {
    let all = station.store().prints(&PrintsAsked::default()).await.unwrap().items;
    let print = all.into_iter().find(|print| print.print == id).unwrap();
    (print.state, print.why)
}

async fn until(station: &Station, id: &str, wanted: PrintState) -> String {
    for _ in 0..1500 {
        let (now, why) = state(station, id).await;
        if now == wanted {
            return why;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{wanted:?} doesn't come: {:?}", state(station, id).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_printed_in_its_order_once_the_printer_is_on() {
    let (_dir, station) = crate::station::testing::station_with(|settings| {
        settings.station.printers_local.value = true;
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    put_printer(&station, "off", PrinterAt::Tcp(TcpPrinter { host: "127.0.0.1".into(), port })).await;
    let (one, two) = (want(&station, "off", "one").await, want(&station, "off", "two").await);
    let bad = want(&station, "off", "{nothing}").await;
    let task = tokio::spawn(Arc::clone(&station).print_labels());
    for _ in 0..1000 {
        if !state(&station, &one).await.1.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (now_is, why) = state(&station, &one).await;
    assert!(now_is != PrintState::Sent && why.contains("can't be reached"), "{now_is:?} {why}");
    assert_eq!(state(&station, &two).await, (PrintState::Waiting, String::new()));
    // It is switched on, and somebody says so.
    let got = printer(TcpListener::bind(("127.0.0.1", port)).unwrap());
    station.store().print_again(&two, "ada", now()).await.unwrap();
    station.print_bell.notify_one();
    until(&station, &two, PrintState::Sent).await;
    assert_eq!(state(&station, &one).await.0, PrintState::Sent);
    let wait = Duration::from_secs(20);
    assert_eq!(
        (got.recv_timeout(wait).unwrap(), got.recv_timeout(wait).unwrap()),
        (b"one".into(), b"two".into())
    );
    // What can't be printed holds up nothing.
    assert!(until(&station, &bad, PrintState::Failed).await.contains("no value `nothing`"));
    assert!(got.recv_timeout(Duration::from_millis(200)).is_err(), "nothing more was printed");
    station.end();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_that_takes_labels_and_hangs_up_makes_one_doubtful_and_keeps_the_rest_waiting() {
    let (_dir, station) = crate::station::testing::station_with(|settings| {
        settings.station.printers_local.value = true;
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // What it hasn't read when it closes makes the system refuse it.
            drop(stream.unwrap().read(&mut [0; 1]));
        }
    });
    put_printer(&station, "odd", PrinterAt::Tcp(TcpPrinter { host: "127.0.0.1".into(), port })).await;
    let mut all = Vec::new();
    for n in 0..5 {
        all.push(want(&station, "odd", &format!("label {n}")).await);
    }
    let task = tokio::spawn(Arc::clone(&station).print_labels());
    until(&station, &all[0], PrintState::Unsure).await;
    // Longer than the next one would take.
    tokio::time::sleep(3 * LOOK).await;
    for id in &all[1..] {
        assert_eq!(state(&station, id).await.0, PrintState::Waiting);
    }
    let printer = station.store().printer("odd").await.unwrap();
    assert!(
        (printer.waiting, printer.unsure) == (4, 1) && printer.why.contains("perhaps printed"),
        "{printer:?}"
    );
    assert!(printer.paused.unwrap() > now());
    station.end();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_of_this_host_and_a_way_that_isn_t_there_print_nothing() {
    let (_dir, station) = station().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = printer(listener);
    put_printer(&station, "here", PrinterAt::Tcp(TcpPrinter { host: "localhost".into(), port })).await;
    put_printer(&station, "files", PrinterAt::File(FilePrinter { ending: "prn".into() })).await;
    let (here, files) = (want(&station, "here", "x").await, want(&station, "files", "x").await);
    let task = tokio::spawn(Arc::clone(&station).print_labels());
    for (id, why) in [(&here, "isn't to be asked from here"), (&files, "names no directory")] {
        for _ in 0..1000 {
            if !state(&station, id).await.1.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (is, told) = state(&station, id).await;
        assert!(is == PrintState::Waiting && told.contains(why), "{is:?} {told}");
    }
    assert!(got.try_recv().is_err());
    station.end();
    task.await.unwrap();
}

#[test]
fn a_file_s_name_has_nothing_of_a_value_but_letters_and_digits() {
    let claimed = Claimed {
        print: "0199".into(),
        printer: "p".into(),
        language: LabelLanguage::Text,
        text: String::new(),
        values: Values::from([("serial".to_owned(), "../../etc/x\n".to_owned())]),
        tries: 1,
        at: PrinterAt::File(FilePrinter { ending: "prn".into() }),
        takes: PrinterTakes::Zpl,
        secret: Some("secret".into()),
    };
    assert_eq!(file_name(&claimed, "prn"), "label-etcx-0199.prn");
    assert!(!format!("{claimed:?}").contains("secret"));
}
