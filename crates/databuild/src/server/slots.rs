//! Who may have a connection: so many in all, and so many from one address. Pure counting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Slots {
    max: usize,
    per_address_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection; dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Slots {
    /// No connections yet.
    pub(crate) fn new(max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Slots { max, per_address_max, open: Mutex::default() })
    }

    /// A place for a connection from `address`, if there is one.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.by_address.get(&address).copied().unwrap_or(0);
        if self.max <= open.all || self.per_address_max <= here {
            return None;
        }
        open.all += 1;
        open.by_address.insert(address, here + 1);
        drop(open);
        Some(Slot { slots: Arc::clone(self), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn one_address_cannot_take_all_places_and_gives_them_back() {
        let slots = Slots::new(3, 2);
        let address = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        let first = slots.take(address(1)).expect("a place");
        let _second = slots.take(address(1)).expect("a place");
        assert!(slots.take(address(1)).is_none(), "its share is used up");
        let _third = slots.take(address(2)).expect("a place");
        assert!(slots.take(address(3)).is_none(), "all places are used up");
        drop(first);
        let _again = slots.take(address(1)).expect("a place again");
        assert_eq!(slots.open.lock().expect("lock").by_address.len(), 2);
    }
}
