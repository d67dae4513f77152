//! Which services there are, and when to look next. As pure as the
//! [machine](crate::machine) that it keeps one of for every service.
//!
//! A service is the directory, not its name. Two names for one directory are one
//! service, renaming keeps it, and another directory under an old name is
//! another service.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::time::{Duration, SystemTime};

use dt_os::clock::Moment;
use dt_os::process::{Ending, Pid};

use crate::machine::{Actions, Event, Half, Logs, PERIOD, Process, SPACING, Service, Stage};
use crate::order::{Bond, Order};

/// Between two scans, so that a thousand changes in a row are not a thousand scans.
const BREATHER: Duration = Duration::from_millis(10);

/// Between two messages about what will stay as it is.
const RARELY: Duration = Duration::from_hours(1);

/// Which directory it is, whatever it is called.
///
/// Device and inode number are not enough: the number of a removed directory is
/// usually given to the next one that is made. Its time of birth tells them
/// apart where the file system has one, and nothing ever changes it; the time of
/// its last change, which every file system has, changes all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The file system's device number.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// When it was made, where that is known.
    pub born: Option<SystemTime>,
}

/// What a message complains about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The scan directory cannot be read.
    Reading,
    /// A name's directory cannot be found out.
    Stat,
    /// Nor whether it has a log.
    StatLog,
    /// No pipe.
    Pipe,
    /// No process.
    Fork(Half),
    /// A process that cannot be watched.
    OutOfReach(Half),
    /// A process that cannot be told to stop.
    Deaf(Half),
}

impl Trouble {
    /// How often it is worth a message: once a scan of the original's where that
    /// would say so too, and rarely where nothing is amiss with the service.
    const fn patience(self) -> Duration {
        match self {
            Self::OutOfReach(_) => RARELY,
            Self::Reading
            | Self::Stat
            | Self::StatLog
            | Self::Pipe
            | Self::Fork(_)
            | Self::Deaf(_) => PERIOD,
        }
    }
}

/// Why the next scan comes when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The first one.
    Boot,
    /// Something in the scan directory, or on the way to a service, has changed.
    Changed,
    /// A service needs it.
    Service,
    /// Something may have changed that nobody would tell us of.
    Unseen,
}

/// A service's entry. `held` is what its processes need from us as long as the
/// entry lives: the pipe.
#[derive(Debug)]
pub struct Entry<H> {
    service: Service,
    name: OsString,
    held: Option<H>,
    round: u64,
}

/// All services, the processes they have, and the next scan.
#[derive(Debug)]
pub struct Table<H> {
    entries: HashMap<Identity, Entry<H>>,
    processes: HashMap<Pid, (Identity, Half)>,
    complaints: HashMap<(Trouble, OsString), Moment>,
    round: u64,
    troubled: bool,
    hindered: bool,
    last_scan: Option<Moment>,
    next_scan: Option<(Moment, Cause)>,
    stopping: Option<Logs>,
    search: Search,
    order: Order,
}

/// Whether all that lives is known, without which nothing can be stopped in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// Nobody needs to know.
    Unasked,
    /// It is not; no longer than until this moment is more looked for.
    Until(Moment),
    /// It is, as far as it can be.
    Over,
}

impl<H> Table<H> {
    /// No services yet, and a scan due at `now`.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            entries: HashMap::new(),
            processes: HashMap::new(),
            complaints: HashMap::new(),
            round: 0,
            troubled: false,
            hindered: false,
            last_scan: None,
            next_scan: Some((now, Cause::Boot)),
            stopping: None,
            search: Search::Unasked,
            order: Order::default(),
        }
    }

    /// From now on all services are to be stopped. What lives is looked for once more;
    /// then no scan comes any more.
    pub fn stop(&mut self, logs: Logs, now: Moment) {
        self.stopping = self.stopping.max(Some(logs));
        if self.search == Search::Unasked {
            self.search = Search::Until(now.plus(PERIOD));
        }
    }

    /// All services are to be stopped, but not all that lives is known.
    #[must_use]
    pub fn is_searching(&self) -> bool {
        matches!(self.search, Search::Until(_))
    }

    /// A search has come to its end. Where something that passes has kept it from
    /// finding all there is, another follows while there is time.
    pub fn searched(&mut self, now: Moment) {
        match self.search {
            Search::Until(end) if self.hindered && now < end => {
                self.scan_by(now.plus(SPACING).min(end), Cause::Service);
            }
            Search::Until(_) => self.search = Search::Over,
            Search::Unasked | Search::Over => {}
        }
    }

    /// Takes note that something which passes by itself keeps the scan from finding
    /// all there is.
    pub fn hinder(&mut self) {
        self.hindered = true;
    }

    /// They end in the order of these bonds; those by names that nobody has mean
    /// nothing.
    pub fn order_by(&mut self, bonds: &[Bond]) {
        let names: HashMap<&OsStr, Identity> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.service.listed)
            .map(|(identity, entry)| (entry.name.as_os_str(), *identity))
            .collect();
        let known = |name: &OsString| names.get(name.as_os_str()).copied();
        let bonds = bonds.iter().filter_map(|bond| {
            let needs = known(&bond.needs)?;
            Some((needs, known(&bond.needed)?, bond.patience))
        });
        self.order = Order::new(bonds.collect());
    }

    /// Those that are to be told to end now, and those that have been told and have
    /// had their time. What waits is looked at again when that is due.
    pub fn next_to_end(&mut self, now: Moment) -> (Vec<Identity>, Vec<Identity>) {
        let living: HashSet<Identity> = self
            .processes
            .values()
            .filter(|(_, half)| *half == Half::Main)
            .map(|(identity, _)| *identity)
            .collect();
        let lives = |service: Identity| living.contains(&service);
        let late = self.order.late(now, lives);
        let held = self.order.held(now, lives);
        let all = self.entries.keys().copied();
        let next: Vec<Identity> = all.filter(|service| !held.contains(service)).collect();
        self.order.tell(&next, now);
        if let Some(deadline) = self.order.deadline(now, lives) {
            self.scan_by(deadline, Cause::Service);
        }
        (next, late)
    }

    /// How all services are being stopped, if they are.
    #[must_use]
    pub fn stopping(&self) -> Option<Logs> {
        self.stopping
    }

    /// All services were to be stopped, and are.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.search == Search::Over && self.processes.is_empty()
    }

    /// Takes in a service as it stood, with what is held for it.
    pub fn restore(&mut self, identity: Identity, name: OsString, service: Service, held: H) {
        for half in [Half::Main, Half::Log] {
            if let Some(Process::Running { pid, .. }) = service.process(half) {
                self.processes.insert(pid, (identity, half));
            }
        }
        let entry = Entry {
            service,
            name,
            held: Some(held),
            round: 0,
        };
        self.entries.insert(identity, entry);
    }

    /// The services that have no name.
    #[must_use]
    pub fn nameless(&self) -> Vec<Identity> {
        let services = self.services().filter(|(_, service)| !service.listed);
        services.map(|(identity, _)| identity).collect()
    }

    /// When the next scan is due, and why; `None` where nothing but a change or a
    /// death calls for one.
    #[must_use]
    pub fn next_scan(&self) -> Option<(Moment, Cause)> {
        self.next_scan
    }

    /// Has the next scan come at `at`, or earlier where it was due earlier, but not
    /// on the heels of the last one.
    pub fn scan_by(&mut self, at: Moment, cause: Cause) {
        let at = match self.last_scan {
            Some(last) => at.max(last.plus(BREATHER)),
            None => at,
        };
        if self.next_scan.is_none_or(|(due, _)| at < due) {
            self.next_scan = Some((at, cause));
        }
    }

    /// A scan begins: nothing has been found yet.
    pub fn begin_scan(&mut self) {
        self.round += 1;
        self.troubled = false;
        self.hindered = false;
        self.next_scan = None;
    }

    /// The scan has come upon a name for this directory. False where it has had
    /// another name for it before: the first one counts.
    pub fn found(&mut self, identity: Identity, name: &OsStr, now: Moment) -> bool {
        let settled = self.last_scan.is_none();
        let entry = self.entries.entry(identity).or_insert_with(|| Entry {
            service: Service::new(now, settled),
            name: name.to_os_string(),
            held: None,
            round: 0,
        });
        if entry.round == self.round {
            return false;
        }
        entry.round = self.round;
        if entry.name != name {
            name.clone_into(&mut entry.name);
        }
        true
    }

    /// Those that the scan has found no name for. Where all is to be stopped it means
    /// nothing to one that is being stopped already.
    #[must_use]
    pub fn missed(&self) -> Vec<Identity> {
        let told = |entry: &Entry<H>| self.stopping.is_some() && entry.service.stop.is_some();
        let missed = |entry: &Entry<H>| entry.round != self.round && !told(entry);
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| missed(entry))
            .map(|(identity, _)| *identity)
            .collect()
    }

    /// The scan is over. `unseen` says that it has come upon something that can
    /// change without our being told; that, as any trouble, is looked at again in
    /// the original's time.
    pub fn end_scan(&mut self, now: Moment, unseen: bool) {
        self.last_scan = Some(now);
        self.complaints
            .retain(|(about, _), said| now.since(*said) < 2 * about.patience());
        if let Some((at, cause)) = self.next_scan.take() {
            self.scan_by(at, cause);
        }
        if unseen || self.troubled {
            self.scan_by(now.plus(PERIOD), Cause::Unseen);
        }
    }

    /// Takes note of trouble, and says whether it is worth a message: the original
    /// repeats most once a scan, which is every five seconds.
    pub fn complain(&mut self, about: Trouble, name: &OsStr, now: Moment) -> bool {
        self.troubled = true;
        let key = (about, name.to_os_string());
        let said = self.complaints.get(&key);
        if said.is_some_and(|said| now.since(*said) < about.patience()) {
            return false;
        }
        self.complaints.insert(key, now);
        true
    }

    /// Takes a service one step on; `None` where there is no such service.
    pub fn step(&mut self, identity: Identity, event: Event) -> Option<Actions> {
        let entry = self.entries.get_mut(&identity)?;
        let (next, actions) = entry.service.step(event);
        entry.service = next;
        if let Event::Started(half, pid, _) = event {
            self.processes.insert(pid, (identity, half));
        }
        Some(actions)
    }

    /// A process has ended: the service, and what happened to it. `None` for
    /// children that are none of the table's.
    pub fn died(&mut self, pid: Pid, ending: Ending, now: Moment) -> Option<(Identity, Event)> {
        let (identity, half) = self.processes.remove(&pid)?;
        Some((identity, Event::Died(half, ending, now)))
    }

    /// Gives a service what its processes need.
    pub fn hold(&mut self, identity: Identity, held: H) {
        if let Some(entry) = self.entries.get_mut(&identity) {
            entry.held = Some(held);
        }
    }

    /// Has what is held for a service become what `end` makes of it.
    pub fn release(&mut self, identity: Identity, end: impl FnOnce(H) -> H) {
        if let Some(entry) = self.entries.get_mut(&identity) {
            entry.held = entry.held.take().map(end);
        }
    }

    /// More of a service may live than is known. One that is being stopped already has
    /// been looked at for that.
    #[must_use]
    pub fn may_have_more(&self, identity: Identity) -> bool {
        let Some(entry) = self.entries.get(&identity) else {
            return false;
        };
        let whole = match entry.service.stage {
            Stage::New { .. } => false,
            Stage::Known { main, log } => main.is_running() && log.is_none_or(Process::is_running),
        };
        !whole && entry.service.stop.is_none()
    }

    /// It is to end, and not only looked for yet.
    #[must_use]
    pub fn is_ending(&self, identity: Identity) -> bool {
        let entry = self.entries.get(&identity);
        entry.is_some_and(|entry| entry.service.stop.is_some())
    }

    /// The process of a half.
    #[must_use]
    pub fn process(&self, identity: Identity, half: Half) -> Option<Pid> {
        match self.entries.get(&identity)?.service.process(half)? {
            Process::Running { pid, .. } => Some(pid),
            Process::Down | Process::Waiting(_) => None,
        }
    }

    /// Drops a service with all that is held for it.
    pub fn forget(&mut self, identity: Identity) {
        self.entries.remove(&identity);
    }

    /// The names of all that have one.
    #[must_use]
    pub fn names(&self) -> Vec<OsString> {
        let entries = self.entries.values();
        let entries = entries.filter(|entry| entry.service.listed);
        entries.map(|entry| entry.name.clone()).collect()
    }

    /// The name under which a service was last found.
    #[must_use]
    pub fn name(&self, identity: Identity) -> Option<&OsStr> {
        Some(&self.entries.get(&identity)?.name)
    }

    /// What is held for a service.
    #[must_use]
    pub fn held(&self, identity: Identity) -> Option<&H> {
        self.entries.get(&identity)?.held.as_ref()
    }

    /// All services as they stand, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = (Identity, Service)> {
        self.entries
            .iter()
            .map(|(identity, entry)| (*identity, entry.service))
    }

    /// The processes there are.
    pub fn processes(&self) -> impl Iterator<Item = (Pid, Identity, Half)> {
        self.processes
            .iter()
            .map(|(pid, (identity, half))| (*pid, *identity, *half))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::at(Duration::from_secs(100));

    fn directory(inode: u64) -> Identity {
        Identity {
            device: 1,
            inode,
            born: Some(SystemTime::UNIX_EPOCH),
        }
    }

    /// A table after a scan that has come upon these.
    fn scanned(found: &[(Identity, &str)]) -> Table<()> {
        let mut table = Table::new(NOW);
        table.begin_scan();
        for (identity, name) in found {
            table.found(*identity, name.as_ref(), NOW);
        }
        table.end_scan(NOW, false);
        table
    }

    #[test]
    fn of_two_names_the_first_counts() {
        let mut table = scanned(&[(directory(1), "b"), (directory(1), "a")]);
        assert_eq!(table.name(directory(1)), Some("b".as_ref()));
        // It may be another one the next time.
        table.begin_scan();
        assert!(table.found(directory(1), "a".as_ref(), NOW));
        assert!(!table.found(directory(1), "b".as_ref(), NOW));
        assert_eq!(table.name(directory(1)), Some("a".as_ref()));
    }

    /// Defect 9 of the original: it knows 1000 services and no more.
    #[test]
    fn there_is_no_limit_to_services() {
        let names: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
        let found = names
            .iter()
            .zip(0..)
            .map(|(name, inode)| (directory(inode), &**name));
        let table = scanned(&found.collect::<Vec<_>>());
        assert_eq!(table.services().count(), 5000);
        assert_eq!(table.missed(), []);
    }

    /// Defect 12 of the original.
    #[test]
    fn an_inode_that_was_given_out_again_is_another_directory() {
        let later = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(4));
        let second = Identity {
            born: later,
            ..directory(1)
        };
        let mut table = scanned(&[(directory(1), "a")]);
        table.begin_scan();
        assert!(table.found(second, "a".as_ref(), NOW));
        assert_eq!(table.missed(), [directory(1)]);
    }

    #[test]
    fn the_same_complaint_comes_once_in_the_originals_time() {
        let mut table = scanned(&[]);
        let name = OsStr::new("a");
        assert!(table.complain(Trouble::Stat, name, NOW));
        assert!(!table.complain(Trouble::Stat, name, NOW.plus(Duration::from_secs(4))));
        assert!(table.complain(Trouble::Pipe, name, NOW));
        assert!(table.complain(Trouble::Stat, "b".as_ref(), NOW));
        assert!(table.complain(Trouble::Stat, name, NOW.plus(PERIOD)));
    }

    #[test]
    fn after_a_quiet_scan_without_trouble_none_is_due() {
        let mut table = scanned(&[(directory(1), "a")]);
        assert_eq!(table.next_scan(), None);
        table.scan_by(NOW, Cause::Changed);
        assert_eq!(
            table.next_scan(),
            Some((NOW.plus(BREATHER), Cause::Changed))
        );
        table.begin_scan();
        table.end_scan(NOW, true);
        assert_eq!(table.next_scan(), Some((NOW.plus(PERIOD), Cause::Unseen)));
    }
}
