//! In which order services end: what needs another ends before it, as it was started
//! after it. As pure as the [table](crate::table) that asks.
//!
//! Nobody is waited for without end: who has been told to end and has not by the end of
//! a bond's patience holds nobody back any more.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::time::Duration;

use dt_os::clock::Moment;

use crate::table::Identity;

/// How long one that has been told to end may hold others back; besides, it has as long
/// as its own `timeout-kill` gives it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A service that needs another, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    /// Who ends first.
    pub needs: OsString,
    /// Who ends after that.
    pub needed: OsString,
    /// How long the former may take once it is told.
    pub patience: Duration,
}

/// The order, as far as there is one; the default is none.
#[derive(Debug, Default)]
pub struct Order {
    bonds: Vec<(Identity, Identity, Duration)>,
    told: HashMap<Identity, Moment>,
    /// Whose time is over, as has been said.
    late: HashSet<Identity>,
}

impl Order {
    /// By the bonds between services.
    #[must_use]
    pub fn new(bonds: Vec<(Identity, Identity, Duration)>) -> Self {
        Self {
            bonds,
            ..Self::default()
        }
    }

    /// Takes note that these, which live, are told to end.
    pub fn tell(&mut self, services: &[Identity], now: Moment) {
        for service in services {
            self.told.entry(*service).or_insert(now);
        }
    }

    /// Those that are not to be told yet, `lives` being whether a service has a process.
    #[must_use]
    pub fn held(&self, now: Moment, lives: impl Fn(Identity) -> bool) -> HashSet<Identity> {
        let bonds = self.waiting(lives);
        let holding = bonds.filter(|(_, _, until)| until.is_none_or(|until| now < until));
        holding.map(|(_, needed, _)| needed).collect()
    }

    /// When the next one has no more time.
    #[must_use]
    pub fn deadline(&self, now: Moment, lives: impl Fn(Identity) -> bool) -> Option<Moment> {
        let until = self.waiting(lives).filter_map(|(_, _, until)| until);
        until.filter(|until| now < *until).min()
    }

    /// Those that have had their time, each once.
    pub fn late(&mut self, now: Moment, lives: impl Fn(Identity) -> bool) -> Vec<Identity> {
        let over = |until: Option<Moment>| until.is_some_and(|until| until <= now);
        let bonds = self.waiting(lives).filter(|(_, _, until)| over(*until));
        let mut late: Vec<Identity> = bonds.map(|(needs, ..)| needs).collect();
        late.retain(|service| self.late.insert(*service));
        late
    }

    /// Each bond whose one end lives, and until when that is waited for; `None` where
    /// it has not been told yet.
    fn waiting(
        &self,
        lives: impl Fn(Identity) -> bool,
    ) -> impl Iterator<Item = (Identity, Identity, Option<Moment>)> {
        let bonds = self.bonds.iter().filter(move |(needs, ..)| lives(*needs));
        bonds.map(|(needs, needed, patience)| {
            let told = self.told.get(needs);
            (*needs, *needed, told.map(|told| told.plus(*patience)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::at(Duration::from_secs(100));

    fn id(inode: u64) -> Identity {
        Identity {
            device: 1,
            inode,
            born: None,
        }
    }

    /// 1 needs 2, which needs 3; 4 is by itself.
    fn order() -> Order {
        Order::new(vec![(id(1), id(2), PATIENCE), (id(2), id(3), PATIENCE)])
    }

    fn held(order: &Order, now: Moment, living: &[u64]) -> Vec<u64> {
        let lives = |service: Identity| living.contains(&service.inode);
        let held = order.held(now, lives);
        let mut held: Vec<u64> = held.into_iter().map(|id| id.inode).collect();
        held.sort_unstable();
        held
    }

    #[test]
    fn what_is_needed_ends_last() {
        let order = order();
        assert_eq!(held(&order, NOW, &[1, 2, 3, 4]), [2, 3]);
        assert_eq!(held(&order, NOW, &[2, 3]), [3]);
        assert!(held(&order, NOW, &[3]).is_empty());
        assert!(held(&Order::default(), NOW, &[1, 2, 3]).is_empty());
    }

    #[test]
    fn one_that_does_not_end_holds_nobody_for_ever() {
        let mut order = order();
        order.tell(&[id(1), id(4)], NOW);
        let lives = |_| true;
        let end = NOW.plus(PATIENCE);
        assert_eq!(order.deadline(NOW, lives), Some(end));
        assert!(order.late(NOW, lives).is_empty());
        assert_eq!(held(&order, NOW, &[1, 2, 3]), [2, 3]);
        // The next one in the chain has all of its own time.
        assert_eq!(order.late(end, lives), [id(1)]);
        assert!(order.late(end, lives).is_empty(), "said once");
        assert_eq!(held(&order, end, &[1, 2, 3]), [3]);
        order.tell(&[id(1), id(2)], end);
        assert_eq!(order.deadline(end, lives), Some(end.plus(PATIENCE)));
        let end = end.plus(PATIENCE);
        assert_eq!(order.late(end, lives), [id(2)]);
        assert!(held(&order, end, &[1, 2, 3]).is_empty());
        assert_eq!(order.deadline(end, lives), None);
    }
}
