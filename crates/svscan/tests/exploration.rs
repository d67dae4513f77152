//! Every sequence of things that can happen to two names, up to a length, with
//! every call failing that can fail, on a system that is only pretended.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::process::{Ending, Pid};
use svscan::machine::{Half, Logs, PERIOD, Process, Reason, Stage, Words};
use svscan::order::{Bond, PATIENCE};
use svscan::runtime::{Content, Flow, Presence, Request, World, turn};
use svscan::table::{Identity, Table, Trouble};

/// What is done to the system between two turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// The first name appears, with a log, the second without; or it is another
    /// directory from now on.
    Make(usize),
    /// A second name for the first directory.
    Link,
    Remove(usize),
    /// A process of the first service ends.
    Kill(Half),
    Exit(Half, i32),
    /// Nothing happens until the next scan.
    Wait,
    /// From now on this call fails, until the next scan but one.
    Break(Call),
    /// We are killed, and another begins beside what lives on.
    Crash,
    Ask(Request),
}

const DEEDS: [Deed; 24] = [
    Deed::Make(0),
    Deed::Make(1),
    Deed::Link,
    Deed::Remove(0),
    Deed::Remove(1),
    Deed::Kill(Half::Main),
    Deed::Kill(Half::Log),
    Deed::Exit(Half::Main, 0),
    Deed::Exit(Half::Main, 111),
    Deed::Exit(Half::Log, 0),
    Deed::Wait,
    Deed::Break(Call::Names),
    Deed::Break(Call::Identify),
    Deed::Break(Call::Examine),
    Deed::Break(Call::Prepare),
    Deed::Break(Call::Start(Half::Main)),
    Deed::Break(Call::Start(Half::Log)),
    Deed::Break(Call::Unfinished),
    Deed::Break(Call::Tell),
    Deed::Break(Call::Find),
    Deed::Crash,
    Deed::Ask(Request::Prune),
    Deed::Ask(Request::Stop(Logs::AtEnd)),
    Deed::Ask(Request::Stop(Logs::AtOnce)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Names,
    Identify,
    Examine,
    Prepare,
    Start(Half),
    Tell,
    /// Nobody knows who holds a lock.
    Find,
    /// Not a failure: `run` is missing.
    Unfinished,
}

/// Counts the pipes that we hold.
struct Pipe {
    log: bool,
    /// Which, for the kernel.
    number: u64,
    /// Nobody writes to it any more.
    ended: bool,
    living: Rc<Cell<usize>>,
}

impl Pipe {
    fn new(log: bool, number: u64, living: &Rc<Cell<usize>>) -> Self {
        living.set(living.get() + 1);
        Self {
            log,
            number,
            ended: false,
            living: Rc::clone(living),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.living.set(self.living.get() - 1);
    }
}

/// A `supervise`.
#[derive(Clone, Copy, Debug)]
struct Living {
    directory: u64,
    half: Half,
    pipe: u64,
    /// Who has started it.
    life: u32,
}

#[derive(Default)]
struct Pretended {
    now: Duration,
    /// Name, and the number of the directory behind it.
    names: BTreeMap<&'static str, u64>,
    directories: u64,
    processes: BTreeMap<i32, Living>,
    /// How often we have been killed.
    life: u32,
    next_pipe: u64,
    /// Somebody could not be watched once, or not be found.
    out_of_reach: bool,
    requests: Vec<Request>,
    /// While all is stopped in order: the directory that needs another, and the other.
    order: Option<(u64, u64)>,
    dead: Vec<(Pid, Ending)>,
    next_pid: i32,
    changed: bool,
    unfinished_scan: bool,
    broken: Option<Call>,
    pipes: Rc<Cell<usize>>,
}

/// Between two scans at the least.
const BREATHER: Duration = Duration::from_millis(10);

const NAMES: [&str; 2] = ["a", "b"];

impl Pretended {
    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Make(which) => {
                self.directories += 2;
                // Odd numbers have a log.
                self.names
                    .insert(NAMES[which], self.directories + 1 - which as u64);
                self.changed = true;
            }
            Deed::Link => {
                if let Some(directory) = self.names.get(NAMES[0]).copied() {
                    self.names.insert("z", directory);
                    self.changed = true;
                }
            }
            Deed::Remove(which) => {
                self.names.remove(NAMES[which]);
                self.changed = true;
            }
            Deed::Kill(half) => self.ends(half, Ending::Killed(9)),
            Deed::Exit(half, code) => self.ends(half, Ending::Exited(code)),
            Deed::Wait => {}
            Deed::Break(call) => self.broken = Some(call),
            Deed::Crash => {
                self.life += 1;
                self.dead.clear();
                self.requests.clear();
                self.order = None;
                self.changed = false;
            }
            Deed::Ask(request) => self.requests.push(request),
        }
    }

    fn ends(&mut self, half: Half, ending: Ending) {
        let mut processes = self.processes.iter();
        let found = processes.find(|(_, living)| living.half == half);
        if let Some(pid) = found.map(|(pid, _)| *pid) {
            self.processes.remove(&pid);
            self.dead.push((Pid::from_raw(pid), ending));
        }
    }

    fn fails(&mut self, call: Call) -> io::Result<()> {
        if self.broken == Some(call) {
            // Who lives on from an earlier life is not come upon then.
            let mut all = self.processes.values();
            self.out_of_reach |= all.any(|is| is.life < self.life);
            return Err(Errno::EMFILE.into());
        }
        Ok(())
    }
}

impl World for Pretended {
    type Held = Pipe;

    fn now(&self) -> Moment {
        Moment::at(self.now)
    }

    fn begin_scan(&mut self) {}

    fn names(&mut self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<>> {
        let mut names: Vec<_> = self
            .names
            .keys()
            .map(|name| Ok(OsString::from(name)))
            .collect();
        names.push(Ok(".hidden".into()));
        self.unfinished_scan = self.broken == Some(Call::Names);
        // Half way through, so that some names have been found.
        if let Err(why) = self.fails(Call::Names) {
            names.insert(names.len() / 2, Err(why));
        }
        Ok(names.into_iter())
    }

    fn identify(&mut self, name: &OsStr) -> io::Result<Option<Identity>> {
        self.fails(Call::Identify)?;
        assert_ne!(name, ".hidden");
        let found = self.names.get(name.to_str().unwrap());
        Ok(found.map(|inode| Identity {
            device: 1,
            inode: *inode,
            born: None,
        }))
    }

    fn examine(&mut self, name: &OsStr) -> io::Result<Content> {
        self.fails(Call::Examine)?;
        Ok(Content {
            run: self.broken != Some(Call::Unfinished),
            log: self.names[name.to_str().unwrap()] % 2 == 1,
        })
    }

    fn prepare(&mut self, name: &OsStr, log: bool) -> io::Result<Pipe> {
        self.fails(Call::Prepare)?;
        let directory = self.names[name.to_str().unwrap()];
        let mut users = self.processes.values();
        let user = users.find(|living| living.directory == directory);
        let found = user.filter(|_| self.broken != Some(Call::Find));
        let number = if let Some(living) = found {
            living.pipe
        } else {
            self.next_pipe += 1;
            self.next_pipe
        };
        Ok(Pipe::new(log, number, &self.pipes))
    }

    fn start(&mut self, half: Half, name: &OsStr, held: &Pipe) -> io::Result<Presence<Pipe>> {
        let directory = self.names[name.to_str().unwrap()];
        let mut living = self.processes.iter();
        let found = living.find(|(_, living)| (living.directory, living.half) == (directory, half));
        if let Some((pid, living)) = found {
            assert!(living.life < self.life, "started twice: {living:?}");
            if self.broken == Some(Call::Find) {
                self.out_of_reach = true;
                return Ok(Presence::OutOfReach(Errno::EACCES.into()));
            }
            let pid = Pid::from_raw(*pid);
            if living.pipe == held.number {
                return Ok(Presence::Process(pid));
            }
            let has = Pipe::new(held.log, living.pipe, &self.pipes);
            return Ok(Presence::Elsewhere(pid, has));
        }
        self.fails(Call::Start(half))?;
        assert_eq!(held.log, directory % 2 == 1, "the pipe of another service");
        assert!(held.log || half == Half::Main, "a log that is not there");
        self.next_pid += 1;
        let living = Living {
            directory,
            half,
            pipe: held.number,
            life: self.life,
        };
        self.processes.insert(self.next_pid, living);
        Ok(Presence::Process(Pid::from_raw(self.next_pid)))
    }

    fn is_unread(&mut self, _log: Pid, _held: &Pipe) -> bool {
        false
    }

    fn part(&mut self, log: Pid, held: &Pipe) {
        if let Some(is) = self.processes.get(&log.as_raw())
            && is.pipe != held.number
        {
            assert_eq!(is.half, Half::Log, "a service has its pipe");
            self.processes.remove(&log.as_raw());
            self.dead.push((log, Ending::Killed(9)));
        }
    }

    fn end_scan(&mut self) -> bool {
        false
    }

    fn wait(&mut self, _deadline: Option<Moment>) {}

    fn reap(&mut self) -> Option<(Pid, Ending)> {
        self.dead.pop()
    }

    fn changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// It does at once what it is told.
    fn tell(&mut self, half: Half, _name: &OsStr, pid: Pid, words: Words) -> io::Result<bool> {
        self.fails(Call::Tell)?;
        if self.dead.iter().any(|(dead, _)| *dead == pid) {
            return Err(Errno::ENXIO.into());
        }
        let living = self.processes[&pid.as_raw()];
        assert_eq!(living.half, half);
        if let Some((needs, needed)) = self.order.filter(|_| half == Half::Main) {
            let mut all = self.processes.values();
            let first = all.any(|is| {
                let known = is.life == self.life || !self.out_of_reach;
                known && (is.directory, is.half) == (needs, Half::Main)
            });
            assert!(living.directory != needed || !first, "not in order");
        }
        if words == Words::Exit {
            let mut all = self.processes.values();
            let service = all.any(|is| (is.directory, is.half) == (living.directory, Half::Main));
            // One that is out of reach keeps its log to its own end.
            assert!(
                !service || self.out_of_reach,
                "a log is left before its service"
            );
        }
        self.processes.remove(&pid.as_raw());
        self.dead.push((pid, Ending::Exited(0)));
        Ok(true)
    }

    fn end(&mut self, mut held: Pipe) -> Pipe {
        held.ended = true;
        held
    }

    /// Never the service, and always something in the pipe.
    fn leaves_service(&mut self, half: Half, _name: &OsStr, held: &Pipe) -> bool {
        half == Half::Log && held.log
    }

    fn lives(&mut self, half: Half, name: &OsStr) -> bool {
        self.is_supervised(half, name)
    }

    fn is_supervised(&mut self, half: Half, name: &OsStr) -> bool {
        let named = self.names.get(name.to_str().unwrap());
        let mut all = self.processes.values();
        named.is_some_and(|directory| all.any(|is| (is.directory, is.half) == (*directory, half)))
    }

    fn bonds(&mut self, names: &[OsString]) -> Vec<Bond> {
        let [first, second] = NAMES.map(OsString::from);
        let all = names.contains(&first) && names.contains(&second);
        let both = self.names.get(NAMES[0]).zip(self.names.get(NAMES[1]));
        self.order = both.filter(|_| all).map(|(a, b)| (*b, *a));
        vec![Bond {
            needs: second,
            needed: first,
            patience: PATIENCE,
        }]
    }

    fn say_late(&mut self, _name: &OsStr) {
        panic!("everybody ends at once");
    }

    fn request(&mut self) -> Option<Request> {
        let request = self.requests.pop();
        if request == Some(Request::Stop(Logs::AtOnce)) {
            self.order = None;
        }
        request
    }

    fn upgrade(&mut self, _table: &Table<Pipe>) {}

    fn warn(&mut self, _about: Trouble, _name: &OsStr, _why: &io::Error) {}
}

struct Tried {
    world: Pretended,
    table: Table<Pipe>,
    over: bool,
}

impl Tried {
    fn after(deeds: &[Deed]) -> Self {
        let world = Pretended::default();
        let table = Table::new(world.now());
        let mut tried = Self {
            world,
            table,
            over: false,
        };
        tried.turn();
        for deed in deeds {
            tried.world.does(*deed);
            match deed {
                Deed::Wait => tried.pass_time(),
                Deed::Crash => {
                    tried.table = Table::new(tried.world.now());
                    tried.over = false;
                }
                _ => {}
            }
            tried.turn();
        }
        tried
    }

    /// To the next scan, or a second on where none is due; then nothing is broken
    /// any longer.
    fn pass_time(&mut self) {
        let second = self.world.now().plus(Duration::from_secs(1));
        let to = self.table.next_scan().map_or(second, |(at, _)| at);
        self.world.now = to.since(Moment::default()).max(self.world.now);
        self.turn();
        self.world.broken = None;
    }

    fn turn(&mut self) {
        if self.over {
            return;
        }
        self.over = turn(&mut self.table, &mut self.world) == Flow::Over;
        self.check();
    }

    fn check(&self) {
        let mut held = 0;
        for (service, state) in self.table.services() {
            let known = matches!(state.stage, Stage::Known { .. });
            held += usize::from(known);
            let pipe = self.table.held(service);
            assert_eq!(known, pipe.is_some(), "{state:?}");
            // A log that is to read to the end has its pipe alone.
            let ended = pipe.is_some_and(|pipe| pipe.ended);
            let alone = self.table.process(service, Half::Main).is_none();
            assert!(!ended || alone && state.stop.is_some(), "{state:?}");
            assert!(
                (state.listed && state.stop.is_none()) || state.is_alive(),
                "{state:?} is not dropped"
            );
            let waits = state.listed && state.stop.is_none() && self.table.stopping().is_none();
            if let Some(until) = wait_of(state.stage).filter(|_| waits) {
                let (at, _) = self.table.next_scan().expect("a wait that nothing ends");
                // A scan that could not be finished is repeated, as the original's.
                let spacing = if self.world.unfinished_scan {
                    PERIOD
                } else {
                    BREATHER
                };
                let soonest = self.world.now().plus(spacing);
                assert!(at <= until.max(soonest), "{state:?} is forgotten");
                assert!(
                    until <= self.world.now().plus(PERIOD),
                    "{state:?} for too long"
                );
            }
        }
        assert_eq!(held, self.world.pipes.get(), "pipes and entries");
        let living = &self.world.processes;
        // What a scan that failed, or a name that is gone, keeps us from finding.
        let unknown = living.values().filter(|is| is.life < self.world.life);
        let running: Vec<_> = self.table.processes().collect();
        assert!(running.len() <= living.len() + self.world.dead.len());
        assert!(running.len() + unknown.count() >= living.len());
        for (pid, service, half) in running {
            let Some(is) = living.get(&pid.as_raw()) else {
                let mut dead = self.world.dead.iter();
                assert!(dead.any(|(dead, _)| *dead == pid), "{pid} is nobody");
                continue;
            };
            assert_eq!((is.directory, is.half), (service.inode, half));
            let held = self.table.held(service);
            assert!(held.is_some(), "no pipe");
        }
        self.check_pipes();
    }

    /// Two halves that talk to each other do so through one pipe, also where it could
    /// not be found at first, and that is the one which is held.
    fn check_pipes(&self) {
        for (service, _) in self.table.services() {
            let halves = [Half::Main, Half::Log].map(|half| {
                let pid = self.table.process(service, half)?;
                Some(self.world.processes.get(&pid.as_raw())?.pipe)
            });
            if let [Some(main), Some(log)] = halves {
                assert_eq!(main, log, "two pipes");
            }
            if let Some((main, held)) = halves[0].zip(self.table.held(service)) {
                assert_eq!(main, held.number, "another pipe is held");
            }
        }
    }

    /// Left alone, everything that has a name is up, within the time that the
    /// original would take and a little.
    fn check_that_all_comes_up(mut self) {
        let start = self.world.now();
        self.world.broken = None;
        loop {
            // A death wakes us.
            while !self.over && !self.world.dead.is_empty() {
                self.turn();
            }
            let Some((at, _)) = self.table.next_scan().filter(|_| !self.over) else {
                break;
            };
            if at > start.plus(2 * PERIOD + Duration::from_secs(1)) {
                break;
            }
            self.pass_time();
        }
        if self.table.stopping().is_some() {
            assert!(self.over, "a stop without an end");
            assert_eq!(self.table.processes().count(), 0);
            let mut left = self.world.processes.values();
            let behind = &self.world.names;
            let named = |is: &Living| behind.values().any(|known| *known == is.directory);
            assert!(
                self.world.out_of_reach || !left.any(named),
                "left running by a stop"
            );
            return;
        }
        for directory in self.world.names.values() {
            let log = (directory % 2 == 1).then_some((*directory, Half::Log));
            for wanted in std::iter::once((*directory, Half::Main)).chain(log) {
                let count = self
                    .world
                    .processes
                    .values()
                    .filter(|is| (is.directory, is.half) == wanted);
                assert_eq!(count.count(), 1, "{wanted:?}");
            }
        }
    }

    /// What the future depends on.
    fn key(&self) -> String {
        let now = self.world.now;
        let away = |moment: Moment| {
            let now = Moment::at(now);
            if moment >= now {
                format!("+{:?}", moment.since(now))
            } else {
                // A process older than this is as good as any other.
                format!("-{:?}", now.since(moment).min(PERIOD))
            }
        };
        let process = |process| match process {
            Process::Down => "-".to_owned(),
            Process::Waiting(wait) => format!("{:?}{}", wait.because, away(wait.until)),
            Process::Running { since, .. } => format!("R{}", away(since)),
        };
        let mut services: Vec<_> = self
            .table
            .services()
            .map(|(identity, state)| {
                let stage = match state.stage {
                    Stage::New { first_seen, wait } => {
                        let wait = wait.map(|wait| (wait.because, away(wait.until)));
                        format!("N{}{wait:?}", away(first_seen))
                    }
                    Stage::Known { main, log } => {
                        format!("{}|{:?}", process(main), log.map(process))
                    }
                };
                let names = self.world.names.iter();
                let names: Vec<_> = names
                    .filter(|(_, known)| **known == identity.inode)
                    .collect();
                let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
                let stop = state.stop;
                format!(
                    "{names:?}{}{}{stage}{stop:?}",
                    state.listed,
                    identity.inode % 2
                )
            })
            .collect();
        services.sort();
        let mut key = services.join(" ");
        let scan = self.table.next_scan().map(|(at, cause)| (away(at), cause));
        write!(key, " {scan:?} {:?}", self.world.broken).unwrap();
        let known: HashSet<_> = self.table.processes().map(|(pid, ..)| pid).collect();
        let strangers = self.world.processes.iter();
        let strangers = strangers.filter(|(pid, _)| !known.contains(&Pid::from_raw(**pid)));
        let mut strangers: Vec<_> = strangers
            .map(|(_, is)| {
                let mut names = self.world.names.iter();
                let name = names.find(|(_, known)| **known == is.directory);
                let held = self.table.services().find_map(|(service, _)| {
                    let held = self.table.held(service)?;
                    (service.inode == is.directory).then_some(held.number == is.pipe)
                });
                (name.map(|(name, _)| *name), is.half, held)
            })
            .collect();
        strangers.sort();
        let (over, stopping) = (self.over, self.table.stopping());
        let lost = self.world.out_of_reach;
        write!(key, " {strangers:?} {over} {stopping:?} {lost}").unwrap();
        key
    }
}

/// The end of the wait that comes first.
fn wait_of(stage: Stage) -> Option<Moment> {
    let of = |process| match process {
        Process::Waiting(wait) => Some(wait),
        Process::Down | Process::Running { .. } => None,
    };
    match stage {
        Stage::New { wait, .. } => wait.map(|wait| wait.until),
        Stage::Known { main, log } => match (of(main), log.and_then(of)) {
            // Where there is no process to be had, the log waits with the service.
            (Some(main), _) if main.because == Reason::ForkFailed => Some(main.until),
            (main, log) => main.into_iter().chain(log).map(|wait| wait.until).min(),
        },
    }
}

/// For the fuzzer: as long as it likes, and far longer than trying every sequence can
/// go. With `planted` a process may end of which nobody is ever told.
#[cfg(not(test))]
pub fn follow(bytes: &[u8], planted: bool) {
    let deeds = bytes
        .iter()
        .map(|byte| DEEDS[usize::from(*byte) % DEEDS.len()]);
    let deeds: Vec<_> = deeds.collect();
    let mut tried = Tried::after(&deeds);
    let rare = [Deed::Make(0), Deed::Wait, Deed::Link];
    if planted && deeds.windows(3).any(|three| three == rare) {
        tried.world.processes.pop_first();
    }
    tried.turn();
    tried.check_that_all_comes_up();
}

/// More services than this at a time show nothing new.
const CROWD: usize = 3;

/// So many states are enough.
const ENOUGH: usize = 20_000;

#[test]
fn whatever_happens_in_whatever_order_the_rules_hold() {
    let mut seen = HashSet::new();
    let mut reached = vec![Vec::new()];
    while !reached.is_empty() {
        let mut next = Vec::new();
        for deeds in reached {
            for deed in DEEDS {
                let deeds: Vec<_> = [deeds.as_slice(), &[deed]].concat();
                let tried = std::panic::catch_unwind(|| {
                    let tried = Tried::after(&deeds);
                    let key = (tried.table.services().count() <= CROWD).then(|| tried.key());
                    tried.check_that_all_comes_up();
                    key
                });
                let key = tried.unwrap_or_else(|_| panic!("after {deeds:?}"));
                if key.is_some_and(|key| seen.insert(key)) {
                    next.push(deeds);
                }
            }
        }
        reached = next;
        eprintln!("{} states, {} of them new", seen.len(), reached.len());
        if seen.len() > ENOUGH {
            break;
        }
    }
    assert!(seen.len() > 500, "only {} states were reached", seen.len());
}

/// As process 1 it may be told to before it has looked at anything.
#[test]
fn a_stop_before_the_first_scan_leaves_nothing_running() {
    let mut tried = Tried::after(&[Deed::Make(0), Deed::Make(1), Deed::Wait, Deed::Wait]);
    assert_eq!(tried.world.processes.len(), 3);
    tried.world.does(Deed::Crash);
    tried.world.does(Deed::Ask(Request::Stop(Logs::AtEnd)));
    tried.table = Table::new(tried.world.now());
    tried.turn();
    tried.check_that_all_comes_up();
}

/// It looks again, as long as that may be of use.
#[test]
fn a_stop_in_which_no_name_can_be_read_finds_all_later() {
    let mut tried = Tried::after(&[Deed::Make(0), Deed::Make(1), Deed::Wait, Deed::Wait]);
    tried.world.does(Deed::Crash);
    tried.world.does(Deed::Break(Call::Names));
    tried.world.does(Deed::Ask(Request::Stop(Logs::AtEnd)));
    tried.table = Table::new(tried.world.now());
    tried.turn();
    assert!(!tried.over);
    tried.world.out_of_reach = false;
    tried.check_that_all_comes_up();
}
