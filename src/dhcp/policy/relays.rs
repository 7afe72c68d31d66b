//! The networks behind relays: each has one pool of addresses, over whatever interface a relay reaches this host.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pool::Pool;
use crate::dhcp::config::{AddressPlan, Network};
use crate::dhcp::lease::Record;

/// A pool that several servers may share.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Pool>>);

impl Shared {
    pub(super) fn new(plan: &AddressPlan) -> Self {
        Self(Arc::new(Mutex::new(Pool::new(plan))))
    }

    /// The pool, for this thread alone. It is held for one look or one change: two at once of one pool would wait for each
    /// other.
    pub(super) fn lock(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pools of the networks behind relays, for the servers of all interfaces.
#[derive(Debug, Default)]
pub struct Relays(Mutex<Vec<(Network, Shared)>>);

impl Relays {
    fn pools(&self) -> MutexGuard<'_, Vec<(Network, Shared)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool of a network behind a relay. It is made for the first that asks for it.
    pub(super) fn pool(&self, plan: &AddressPlan) -> Shared {
        let (mut pools, network) = (self.pools(), plan.network());
        if let Some((_, pool)) = pools.iter().find(|(known, _)| *known == network) {
            return pool.clone();
        }
        let pool = Shared::new(plan);
        pools.push((network, pool.clone()));
        pool
    }

    /// Takes over what one of the servers had on disk, before any of them answers: what one of them has promised, none of
    /// the others may give away.
    pub fn recall(&self, plan: &AddressPlan, records: &[Record]) {
        for net in &plan.relayed {
            let pool = self.pool(net);
            records.iter().for_each(|record| pool.lock().restore(record));
        }
    }

    /// As [`recall`](Self::recall), for the records of a server that can't be opened yet.
    pub fn recall_all(&self, records: &[Record]) {
        for (_, pool) in self.pools().iter() {
            records.iter().for_each(|record| pool.lock().restore(record));
        }
    }
}
