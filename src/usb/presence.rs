//! What is at each port now. One thread looks at the bus; those of the boards wait here for their port to change.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::transport::Device;
use crate::board::PortPath;
use crate::stop::Stop;

/// How often a waiting thread looks whether the user has had enough.
const LOOK_FOR_STOP: Duration = Duration::from_millis(100);

/// How much longer than its limit a port may take while others of the bus change. The kernel looks after the ports of a
/// hub one after the other, a third of a second for each that gets a device (measured with Linux 6.1); until it comes to
/// a port, a device that has left seems to be there.
const BUSY: Duration = Duration::from_secs(15);

/// The devices by port.
#[derive(Debug)]
pub(super) struct Presence {
    devices: Mutex<Devices>,
    changed: Condvar,
}

#[derive(Debug)]
struct Devices {
    by_port: BTreeMap<PortPath, Device>,
    /// When something was last different.
    since: Instant,
}

impl Default for Presence {
    fn default() -> Self {
        let devices = Devices { by_port: BTreeMap::new(), since: Instant::now() };
        Self { devices: Mutex::new(devices), changed: Condvar::new() }
    }
}

impl Presence {
    /// Takes a new look at the bus. Says whether anything is different.
    pub(super) fn set(&self, devices: Vec<Device>) -> bool {
        let new: BTreeMap<_, _> = devices.into_iter().map(|device| (device.port, device)).collect();
        let mut now = self.lock();
        if now.by_port == new {
            return false;
        }
        *now = Devices { by_port: new, since: Instant::now() };
        self.changed.notify_all();
        true
    }

    /// All devices, in the order of their ports.
    pub(super) fn all(&self) -> Vec<Device> {
        self.lock().by_port.values().cloned().collect()
    }

    /// What is at a port.
    pub(super) fn at(&self, port: PortPath) -> Option<Device> {
        self.lock().by_port.get(&port).cloned()
    }

    /// Waits until what is at a port is as wanted, and gives it. `None` when the time is over or the flag is set. While
    /// other ports change the time doesn't run, for up to [`BUSY`].
    pub(super) fn wait<T>(
        &self,
        port: PortPath,
        limit: Duration,
        stop: &Stop,
        mut wanted: impl FnMut(Option<&Device>) -> Option<T>,
    ) -> Option<T> {
        let began = Instant::now();
        let mut devices = self.lock();
        loop {
            if let Some(found) = wanted(devices.by_port.get(&port)) {
                return Some(found);
            }
            let deadline = devices.since.clamp(began, began + BUSY) + limit;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.is_set() {
                return None;
            }
            let waited = self.changed.wait_timeout(devices, left.min(LOOK_FOR_STOP));
            devices = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn device(address: u8) -> Device {
        let port = "1-1".parse().unwrap();
        Device { port, address, vendor: 1, product: 2, serial_index: 3, serial: None }
    }

    #[test]
    fn a_change_wakes_those_who_wait_for_it() {
        let presence = Arc::new(Presence::default());
        let stop = Stop::new().unwrap();
        assert!(presence.set(vec![device(1)]));
        assert!(!presence.set(vec![device(1)]));
        let port = device(1).port;
        assert_eq!(presence.wait(port, Duration::ZERO, &stop, |at| at.is_none().then_some(())), None);
        let (other, flag) = (presence.clone(), stop.clone());
        let waiter = std::thread::spawn(move || {
            other.wait(port, Duration::from_secs(20), &flag, |at| at.filter(|at| at.address == 2).cloned())
        });
        presence.set(Vec::new());
        presence.set(vec![device(2)]);
        assert_eq!(waiter.join().unwrap(), Some(device(2)));
        stop.set();
        let began = Instant::now();
        assert_eq!(presence.wait(port, Duration::from_secs(20), &stop, |_| None::<()>), None);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
