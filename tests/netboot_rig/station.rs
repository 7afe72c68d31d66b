//! A station at the control socket of `piprov bootd`.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use piprov::arming::{Name, Rule, Word};
use piprov::board::Mac;
use piprov::control::message::{Seen, ToClient, ToServer};
use piprov::control::{Client, Say};
use piprov::stop::{Stop, Waker};

use super::Net;

/// A station, as far as this is about it.
pub(crate) struct Station {
    outbox: Arc<Mutex<VecDeque<Say>>>,
    told: Receiver<ToClient>,
    pub(crate) serving: ToClient,
    waker: Waker,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    next: u64,
}

impl Station {
    pub(crate) fn new(net: &Net) -> Self {
        let stop = Stop::new().unwrap();
        let path = net.control.clone().unwrap();
        let client = Client::connect(&path, &stop).unwrap();
        let serving = client.station(&stop).unwrap();
        let outbox: Arc<Mutex<VecDeque<Say>>> = Arc::default();
        let (tell, told): (Sender<ToClient>, _) = channel();
        let (waker, queue, own) = (client.waker(), Arc::clone(&outbox), stop.clone());
        let thread = std::thread::spawn(move || {
            let _ = client.follow(
                &mut || queue.lock().unwrap().pop_front(),
                &mut |message| drop(tell.send(message)),
                &own,
            );
        });
        Self { outbox, told, serving, waker, stop, thread: Some(thread), next: 0 }
    }

    /// Says something, and waits for nothing.
    pub(crate) fn put(&self, message: impl Into<Say>) {
        self.outbox.lock().unwrap().push_back(message.into());
        self.waker.wake();
    }

    /// Waits until the server has put it out.
    pub(crate) fn ended(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }

    pub(crate) fn ask(&mut self, message: impl Into<Say>, id: u64) -> Option<String> {
        self.put(message);
        match self.until("done", |message| matches!(message, ToClient::Done { id: done, .. } if *done == id))
        {
            ToClient::Done { failed, .. } => failed,
            _ => unreachable!(),
        }
    }

    pub(crate) fn say(&mut self, mac: [u8; 6], word: Word) {
        self.next += 1;
        let rule = Rule { name: Name::Mac(Mac::new(mac)), say: Some(word) };
        let message = ToServer::Arm { id: self.next, others: None, boards: vec![rule] };
        assert_eq!(self.ask(message, self.next), None);
    }

    pub(crate) fn until(&self, what: &str, is: impl Fn(&ToClient) -> bool) -> ToClient {
        let deadline = Instant::now() + Duration::from_secs(40);
        let mut others = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.told.recv_timeout(left);
            let message = message.unwrap_or_else(|error| panic!("{what}: {error}, but {others:#?}"));
            if is(&message) {
                return message;
            }
            others.push(message);
        }
    }

    pub(crate) fn saw(&self, mac: [u8; 6], what: &Seen) {
        let mac = Some(Mac::new(mac));
        self.until(
            &format!("{what:?}"),
            |message| matches!(message, ToClient::Sighting { board, seen, .. } if board.mac == mac && seen == what),
        );
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop.set();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
