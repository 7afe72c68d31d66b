//! The connection to the privileged half, held by a thread of its own: [`crate::control`] knows no tokio.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::control::message::ToClient;
use crate::control::{Client, Say};
use crate::stop::{Stop, Waker};

/// How long until a connection is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// Things that were told and that nobody has taken yet.
const WAITING: usize = 1024;

/// What the thread tells the task.
#[derive(Debug)]
pub(super) enum News {
    /// There is a connection; what the other half serves.
    Up(Box<ToClient>),
    /// It is over.
    Down(String),
    /// The other half says something.
    Told(ToClient),
}

/// What is to be said, and how the thread is woken for it.
#[derive(Debug, Default)]
struct Outbox {
    queue: VecDeque<Say>,
    waker: Option<Waker>,
}

/// The connection, while it is kept.
#[derive(Debug)]
pub(super) struct Wire {
    outbox: Arc<Mutex<Outbox>>,
    stop: Stop,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.set();
    }
}

fn lock(outbox: &Mutex<Outbox>) -> MutexGuard<'_, Outbox> {
    outbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    /// Begins to keep a connection to the socket at `path`.
    pub(super) fn open(path: PathBuf) -> std::io::Result<(Self, mpsc::Receiver<News>)> {
        let (tell, told) = mpsc::channel(WAITING);
        let (stop, outbox) = (Stop::new()?, Arc::new(Mutex::new(Outbox::default())));
        let (own, queue) = (stop.clone(), Arc::clone(&outbox));
        let work = move || {
            while !own.is_set() {
                let why = hold(&path, &queue, &tell, &own);
                lock(&queue).waker = None;
                if tell.blocking_send(News::Down(why)).is_err() || own.wait(AGAIN) {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("bootd".to_owned()).spawn(work)?;
        Ok((Self { outbox, stop }, told))
    }

    /// Says these.
    pub(super) fn say(&self, messages: impl IntoIterator<Item = impl Into<Say>>) {
        let mut outbox = lock(&self.outbox);
        let before = outbox.queue.len();
        outbox.queue.extend(messages.into_iter().map(Into::into));
        if outbox.queue.len() > before
            && let Some(waker) = &outbox.waker
        {
            waker.wake();
        }
    }
}

/// One connection, to its end; says why it ended.
fn hold(path: &Path, outbox: &Mutex<Outbox>, tell: &mpsc::Sender<News>, stop: &Stop) -> String {
    let talk = || {
        let client = Client::connect(path, stop)?;
        let serving = client.station(stop)?;
        {
            let mut outbox = lock(outbox);
            // What waits was for a connection that is over; all is said anew.
            outbox.queue.clear();
            outbox.waker = Some(client.waker());
        }
        if tell.blocking_send(News::Up(Box::new(serving))).is_err() {
            return Ok(());
        }
        let mut hear = |message| match message {
            // Progress and the like: the next one says it too.
            ToClient::Run { .. } => drop(tell.try_send(News::Told(message))),
            message => drop(tell.blocking_send(News::Told(message))),
        };
        client.follow(&mut || lock(outbox).queue.pop_front(), &mut hear, stop)
    };
    talk()
        .err()
        .map_or_else(|| "it was ended".to_owned(), |error: crate::control::Error| crate::error::chain(&error))
}
