//! The kernel's table of neighbours: whose MAC address an IP address is, and entries that stay.
//!
//! The ROM of a Pi 3B stops answering ARP once it fetches a file (raspberrypi/documentation, network booting), and its
//! transfer would end when the kernel looks for it again. So it gets an entry that needs no answer, for as long as its
//! ROM runs. Whatever part of this program wants such an entry asks the one [`Neighbours`] of its interface.
//!
//! What is made is noted on disk before, so that a process that was killed leaves nothing behind for ever: the next one
//! removes what is noted, also under another interface's name, unless the process that noted it still runs. Notes and
//! entries are made by a thread of its own: no server waits for a disk.

mod pins;
mod table;

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::interfaces::{self, Interface};
use super::kernel::Kernel;
use super::netlink;
use crate::beneath::{Access, place_of};
use crate::board::Mac;
use crate::stop::{Waker, until};
use pins::{Key, Order, Pins, Place};

/// Notes of other interfaces that are looked at.
const MOST_NOTES: usize = 256;
/// Orders that wait at most. A flood of senders that call themselves a Pi 3's ROM gets no entries.
const MOST_ORDERS: usize = 1024;

/// Finds the MAC address of a neighbour, in this thread's network namespace. `None` also where interfaces disagree: then
/// it isn't known which of two devices has the address.
#[must_use]
pub fn find(ip: Ipv4Addr) -> Option<Mac> {
    table::find(&table::read(), ip, None)
}

/// The entries that this program makes on one interface. They are removed when this is dropped.
#[derive(Debug)]
pub struct Neighbours {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Waker,
}

#[derive(Debug)]
struct State {
    place: Place,
    orders: VecDeque<Order>,
    trouble: Option<String>,
    is_over: bool,
}

impl Shared {
    /// A panic elsewhere doesn't make the state wrong, so poison is ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: impl FnOnce(&Place) -> Order) {
        let mut state = self.state();
        if state.orders.len() < MOST_ORDERS {
            let order = order(&state.place);
            state.orders.push_back(order);
            self.wake.wake();
        }
    }
}

impl Neighbours {
    /// Removes what an earlier process has left, by the note in the file `note`, and is ready for more. To be called in
    /// the network namespace of the interface, by the process that serves on it: the note is its own from then on.
    ///
    /// # Errors
    /// Where the process has no descriptor or thread left.
    pub fn open(interface: &Interface, note: PathBuf) -> io::Result<Self> {
        let mut kernel = Kernel::open(0)?;
        sweep(&mut kernel, &note);
        sweep_beside(&mut kernel, &note);
        let state =
            State { place: Place::of(interface), orders: VecDeque::new(), trouble: None, is_over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Waker::new()? });
        let own = Arc::clone(&shared);
        let keeper = Keeper { kernel, note, pins: Pins::default() };
        let thread = std::thread::Builder::new().name("neighbours".to_owned());
        let thread = thread.spawn(move || keeper.run(&own))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Finds the MAC address of a neighbour on the interface. To be called in its network namespace.
    #[must_use]
    pub fn find(&self, ip: Ipv4Addr) -> Option<Mac> {
        let name = self.shared.state().place.name.clone();
        table::find(&table::read(), ip, Some(&name))
    }

    /// Makes an entry that stays for `time`, or longer where it was to stay longer already. It is there a moment later.
    /// One that another program has made so is left alone.
    pub fn pin(&self, ip: Ipv4Addr, mac: Mac, time: Duration) {
        let until = Instant::now() + time;
        self.shared.order(|place| Order::Pin { place: place.clone(), ip, mac, until });
    }

    /// Removes the entries of a board.
    pub fn unpin(&self, mac: Mac) {
        self.shared.order(|_| Order::Unpin(mac));
    }

    /// The interface is another one now, or has another name.
    pub fn moved(&self, interface: &Interface) {
        let place = Place::of(interface);
        self.shared.state().place = place.clone();
        self.shared.order(|_| Order::Named(place));
    }

    /// Why an entry could not be made since the last call.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.shared.state().trouble.take()
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.wake.wake();
        if let Some(thread) = self.thread.take() {
            // Its defect, if it has one, was told by the panic.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
#[derive(Debug)]
struct Keeper {
    kernel: Kernel,
    note: PathBuf,
    pins: Pins,
}

impl Keeper {
    fn run(mut self, shared: &Shared) {
        loop {
            let mut fds = [PollFd::new(&shared.wake, PollFlags::IN)];
            // It can't fail with descriptors that are open.
            let _ = until(&mut fds, self.pins.deadline());
            shared.wake.clear();
            let (orders, is_over) = {
                let mut state = shared.state();
                (std::mem::take(&mut state.orders), state.is_over)
            };
            if is_over {
                let gone = self.pins.take_all();
                self.remove(&gone);
                return;
            }
            if let Err(error) = self.carry_out(orders) {
                shared.state().trouble = Some(error.to_string());
            }
        }
    }

    fn carry_out(&mut self, orders: VecDeque<Order>) -> io::Result<()> {
        let table = table::read();
        let is_others = |key: &Key, name: &str| {
            table::entries(&table).any(|entry| entry.is(key.1, name) && entry.is_permanent)
        };
        let work = self.pins.take(orders, &is_others, Instant::now());
        self.remove(&work.gone);
        if work.made.is_empty() {
            return Ok(());
        }
        let mut result = write_note(&self.note, &self.pins);
        for (key, mac) in work.made {
            if result.is_ok() {
                result = self.kernel.ask(&netlink::set_neighbour(key.0, key.1, mac));
            }
            if result.is_err() {
                self.pins.forget(key);
            }
        }
        result
    }

    fn remove(&mut self, gone: &[Key]) {
        for (index, ip) in gone {
            // It may be gone with its interface.
            let _ = self.kernel.ask(&netlink::remove_neighbour(*index, *ip));
        }
        if !gone.is_empty() {
            let _ = write_note(&self.note, &self.pins);
        }
    }
}

/// Removes what processes that are gone have noted for other interfaces, or for this one under another name.
fn sweep_beside(kernel: &mut Kernel, note: &Path) {
    let Some((dir, end)) = note.parent().zip(note.extension()) else { return };
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_NOTES) {
        let path = entry.path();
        if path != note && path.extension() == Some(end) {
            let owner = std::fs::read_to_string(&path).ok().and_then(|text| pins::read_owner(&text));
            if owner.is_none_or(|(pid, started)| started_at(pid) != Some(started)) {
                sweep(kernel, &path);
            }
        }
    }
}

/// When a process was started, in ticks of the kernel's clock since the host was (proc(5), field 22 of `stat`); `None`
/// where there is no such process.
fn started_at(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may have anything in it.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Removes what an earlier process has noted, as far as it is still there: a permanent entry with that address, on the
/// interface that has the number now; it may have got another name since.
fn sweep(kernel: &mut Kernel, note: &Path) {
    let Ok(noted) = std::fs::read_to_string(note) else { return };
    let (table, interfaces) = (table::read(), interfaces::list().unwrap_or_default());
    let mut all_gone = true;
    for (place, ip, mac) in pins::read_note(&noted) {
        let Some(now) = interfaces.iter().find(|one| one.index == place.index) else { continue };
        let is_ours = table::entries(&table)
            .any(|entry| entry.is(ip, &now.name) && entry.is_permanent && entry.mac == mac);
        if is_ours {
            all_gone &= kernel.ask(&netlink::remove_neighbour(place.index, ip)).is_ok();
        }
    }
    // What stays is still noted, for one that may remove it.
    if all_gone {
        let _ = std::fs::remove_file(note);
    }
}

fn write_note(note: &Path, pins: &Pins) -> io::Result<()> {
    let text = pins.note();
    if let Some(above) = note.parent().filter(|_| !text.is_empty()) {
        std::fs::create_dir_all(above)?;
    }
    let (dir, name) = place_of(note)?;
    if text.is_empty() {
        return dir.remove_file(name);
    }
    let own = std::process::id();
    let text = format!("process {own} {}\n{text}", started_at(own).unwrap_or(0));
    dir.replace_file(name, text.as_bytes(), Access::Usual(0o666))
}
