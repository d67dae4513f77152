//! Carries out what the [table](crate::table) and its machines decide.

use std::ffi::{OsStr, OsString};
use std::io;

use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::process::{Ending, Pid};

use crate::machine::{Action, Event, Half, Logs, Words};
use crate::order::Bond;
use crate::table::{Cause, Identity, Table, Trouble};

/// What is in a service directory, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// `run` is there.
    pub run: bool,
    /// `log` is there, in any form.
    pub log: bool,
}

/// What there is of a half once it has been seen to.
#[derive(Debug)]
pub enum Presence<H> {
    /// This process: a child of ours, or one whose end we are told of as well.
    Process(Pid),
    /// The same, but it was found with this, and not with what is held.
    Elsewhere(Pid, H),
    /// One that cannot be watched, and why.
    OutOfReach(io::Error),
}

/// What somebody asks of us, by `.svscan/control` or, as process 1, by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Scan now.
    Scan,
    /// Stop what has no name any more.
    Prune,
    /// Stop all services and exit.
    Stop(Logs),
    /// Exit; the services go on.
    Abandon,
    /// Become the program that is installed now.
    Upgrade,
}

/// Everything `svscan` asks of the system once it is running.
///
/// One implementation calls the kernel; the tests' one fails the call it is told to.
pub trait World {
    /// What a service's processes need from us as long as its entry lives.
    type Held;

    /// The monotonic clock.
    fn now(&self) -> Moment;
    /// A scan begins: what it looks at from here on is watched for changes.
    fn begin_scan(&mut self);
    /// The scan directory's names, in its own order.
    fn names(&mut self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<Self>>;
    /// The directory behind a name; `None` where it is not a directory.
    fn identify(&mut self, name: &OsStr) -> io::Result<Option<Identity>>;
    /// What is in the directory.
    fn examine(&mut self, name: &OsStr) -> io::Result<Content>;
    /// Makes the pipe, where there is a log, or takes over the one that the two
    /// halves have already.
    fn prepare(&mut self, name: &OsStr, log: bool) -> io::Result<Self::Held>;
    /// Starts `supervise`, unless one lives already; the error is the fork's.
    fn start(
        &mut self,
        half: Half,
        name: &OsStr,
        held: &Self::Held,
    ) -> io::Result<Presence<Self::Held>>;
    /// Has the log's `supervise`, whose process this is, end where it has something
    /// else than `held`; another can then be started.
    fn part(&mut self, log: Pid, held: &Self::Held);
    /// The scan is over. Gives whether something that it looked at can change
    /// without a [change](World::changed) being told.
    fn end_scan(&mut self) -> bool;
    /// Waits until a child has died, something has changed or the deadline has
    /// passed; it may return earlier.
    fn wait(&mut self, deadline: Option<Moment>);
    /// Reaps one dead child, or comes upon the end of one that is not our child.
    fn reap(&mut self) -> Option<(Pid, Ending)>;
    /// Whether something that the last scan looked at may have changed since.
    fn changed(&mut self) -> bool;
    /// Tells the `supervise` of a half, whose process this is; false where that does not
    /// listen yet, and another may.
    fn tell(&mut self, half: Half, name: &OsStr, pid: Pid, words: Words) -> io::Result<bool>;
    /// Whether something is in the pipe, and the log's `supervise`, whose process this
    /// is, still has a program that reads from another. Told to exit it would not start
    /// one after that.
    fn is_unread(&mut self, log: Pid, held: &Self::Held) -> bool;
    /// Lets the log read to the end of what is held.
    fn end(&mut self, held: Self::Held) -> Self::Held;
    /// Whether a half of this name, whose `supervise` was killed, lives on; or, of a log,
    /// whether there is something in the pipe for another to read.
    fn leaves_service(&mut self, half: Half, name: &OsStr, held: &Self::Held) -> bool;
    /// Whether a half has a `supervise` now, whoever has started it.
    fn is_supervised(&mut self, half: Half, name: &OsStr) -> bool;
    /// Whether a half has a `supervise`, or has left a service without one, whoever
    /// has started them.
    fn lives(&mut self, half: Half, name: &OsStr) -> bool;
    /// Which of these services, all there are, need which others of them. What could
    /// not be in any order is said, and in none.
    fn bonds(&mut self, names: &[OsString]) -> Vec<Bond>;
    /// Says that a service does not end, and that what it needs is not kept from
    /// ending any longer.
    fn say_late(&mut self, name: &OsStr);
    /// The next thing that we are asked for.
    fn request(&mut self) -> Option<Request>;
    /// Becomes the program that is installed now, which goes on with the table.
    /// Where it cannot, says why, and all is as before.
    fn upgrade(&mut self, table: &Table<Self::Held>);
    /// Prints a warning.
    fn warn(&mut self, about: Trouble, name: &OsStr, why: &io::Error);
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    On,
    /// We have done what we were asked for.
    Over,
    /// We are to become the program that is installed now.
    Upgrade,
}

/// Keeps all services running until asked to stop.
pub fn run<W: World>(mut table: Table<W::Held>, world: &mut W) {
    loop {
        match turn(&mut table, world) {
            Flow::On => world.wait(table.next_scan().map(|(at, _)| at)),
            Flow::Over => return,
            // It does not come back unless it has failed.
            Flow::Upgrade => world.upgrade(&table),
        }
    }
}

/// One turn of the loop: deaths, requests, changes, and a scan if one is due.
pub fn turn<W: World>(table: &mut Table<W::Held>, world: &mut W) -> Flow {
    let now = world.now();
    while let Some((pid, ending)) = world.reap() {
        if let Some((service, event)) = table.died(pid, ending, now) {
            let event = in_a_stop(table, service, event, world);
            settle(table, service, event, world);
            if table.stopping().is_some() {
                // Somebody may have waited for this.
                table.scan_by(now, Cause::Service);
            }
        }
    }
    while let Some(request) = world.request() {
        match request {
            Request::Abandon => return Flow::Over,
            Request::Upgrade => return Flow::Upgrade,
            // Nothing is started any more, so nothing is looked for.
            Request::Scan | Request::Prune if table.stopping().is_some() => {}
            Request::Scan => table.scan_by(now, Cause::Changed),
            Request::Prune => {
                scan(table, world);
                stop_all(table, table.nameless(), Logs::AtEnd, world);
            }
            Request::Stop(logs) => {
                // At once is at once, and in no order; so also for who has begun in one.
                if logs == Logs::AtOnce {
                    table.order_by(&[]);
                }
                table.stop(logs, now);
                table.scan_by(now, Cause::Service);
            }
        }
    }
    if world.changed() && table.stopping().is_none() {
        table.scan_by(now, Cause::Changed);
    }
    if table.next_scan().is_some_and(|(at, _)| at <= now) {
        match table.stopping() {
            Some(logs) => wind_down(table, logs, world),
            None => scan(table, world),
        }
    }
    if table.is_over() {
        Flow::Over
    } else {
        Flow::On
    }
}

/// A `supervise` that is killed while all is being stopped leaves its service to nobody,
/// and that of a log the lines that nobody has read: no scan will start another.
fn in_a_stop<W: World>(
    table: &Table<W::Held>,
    service: Identity,
    event: Event,
    world: &mut W,
) -> Event {
    let (Event::Died(half, ending, _), Some(logs)) = (event, table.stopping()) else {
        return event;
    };
    let (name, held) = (name_of(table, service), table.held(service));
    let mut leaves = || held.is_some_and(|held| world.leaves_service(half, &name, held));
    let orphaned = match (ending, half) {
        (Ending::Exited(0), _) => false,
        // Another was quicker to the lock. Where none has it, the next would fail as well.
        (Ending::Exited(_), _) => world.is_supervised(half, &name),
        (Ending::Killed(_), Half::Main) => leaves(),
        (Ending::Killed(_), Half::Log) => {
            let told = table.is_ending(service) && !table.is_searching();
            let writes = table.process(service, Half::Main).is_some();
            logs == Logs::AtEnd && told && (writes || leaves())
        }
    };
    // Nothing is started by a name that means another directory by now.
    let is_there = |found| found == Some(service);
    if orphaned && world.identify(&name).is_ok_and(is_there) {
        Event::Orphaned(half)
    } else {
        event
    }
}

/// In the place of a scan, once all is to be stopped: first all that lives must be
/// known, also what an earlier `svscan` has left and no scan has come upon yet. What
/// needs no order does not wait for that.
fn wind_down<W: World>(table: &mut Table<W::Held>, logs: Logs, world: &mut W) {
    if table.is_searching() {
        scan(table, world);
        table.searched(world.now());
        if table.is_searching() && logs == Logs::AtEnd {
            return;
        }
        if logs == Logs::AtEnd {
            let bonds = world.bonds(&table.names());
            table.order_by(&bonds);
        }
    }
    remind(table, logs, world);
}

/// Tells those who are to end now.
fn remind<W: World>(table: &mut Table<W::Held>, logs: Logs, world: &mut W) {
    let again = table.next_scan().filter(|_| table.is_searching());
    table.begin_scan();
    let (next, late) = table.next_to_end(world.now());
    for service in late {
        world.say_late(&name_of(table, service));
    }
    stop_all(table, next, logs, world);
    table.end_scan(world.now(), false);
    if let Some((at, cause)) = again {
        table.scan_by(at, cause);
    }
}

fn stop_all<W: World>(
    table: &mut Table<W::Held>,
    services: Vec<Identity>,
    logs: Logs,
    world: &mut W,
) {
    let now = world.now();
    for service in services {
        settle(table, service, Event::Stop(logs, now), world);
    }
}

/// Looks at every name in the scan directory, then at what has lost its name.
fn scan<W: World>(table: &mut Table<W::Held>, world: &mut W) {
    table.begin_scan();
    world.begin_scan();
    match visit_all(table, world) {
        Ok(()) => {
            for service in table.missed() {
                settle(table, service, Event::Missed, world);
            }
        }
        // Which names there are is not known: none counts as gone.
        Err(why) => complain(table, Trouble::Reading, OsStr::new(""), &why, world),
    }
    let unseen = world.end_scan();
    table.end_scan(world.now(), unseen);
}

fn visit_all<W: World>(table: &mut Table<W::Held>, world: &mut W) -> io::Result<()> {
    for name in world.names()? {
        let name = name?;
        if !name.as_encoded_bytes().starts_with(b".") {
            visit(table, &name, world);
        }
    }
    Ok(())
}

fn visit<W: World>(table: &mut Table<W::Held>, name: &OsStr, world: &mut W) {
    match world.identify(name) {
        Ok(Some(identity)) => {
            let now = world.now();
            if !table.found(identity, name, now) {
                return;
            }
            if !table.is_searching() {
                settle(table, identity, Event::Seen(now), world);
            } else if table.may_have_more(identity) && lives(name, world) {
                settle(table, identity, Event::Sought(now), world);
            }
        }
        Ok(None) => {}
        Err(why) => complain(table, Trouble::Stat, name, &why, world),
    }
}

/// Whether there is anything of a service to be stopped.
fn lives<W: World>(name: &OsStr, world: &mut W) -> bool {
    world.lives(Half::Main, name) || world.lives(Half::Log, name)
}

/// Takes `event` to its end: an action's outcome is an event too.
pub fn settle<W: World>(
    table: &mut Table<W::Held>,
    service: Identity,
    event: Event,
    world: &mut W,
) {
    let mut happened = vec![event];
    while let Some(event) = happened.pop() {
        let Some(actions) = table.step(service, event) else {
            return;
        };
        for action in actions.into_iter().flatten() {
            // A log that does not know yet that it is to end with its input goes on.
            let untold = |event: &Event| matches!(event, Event::Untold(Half::Log, _));
            if action == Action::Release && happened.iter().any(untold) {
                continue;
            }
            happened.extend(perform(table, service, action, world));
        }
    }
}

/// Gives the outcome of those actions that have one.
fn perform<W: World>(
    table: &mut Table<W::Held>,
    service: Identity,
    action: Action,
    world: &mut W,
) -> Option<Event> {
    match action {
        Action::ScanBy(at) => {
            table.scan_by(at, Cause::Service);
            None
        }
        Action::Forget => {
            table.forget(service);
            None
        }
        Action::Release => {
            table.release(service, |held| world.end(held));
            None
        }
        Action::Tell(half, words) => tell(table, service, half, words, world),
        Action::Examine => Some(examine(table, service, world)),
        Action::Prepare { log } => Some(prepare(table, service, log, world)),
        Action::Start(half) => Some(start(table, service, half, world)),
    }
}

fn examine<W: World>(table: &mut Table<W::Held>, service: Identity, world: &mut W) -> Event {
    let name = name_of(table, service);
    match world.examine(&name) {
        Ok(Content { run, log }) => Event::Examined {
            now: world.now(),
            // What lives is stopped without it.
            run: run || table.is_searching(),
            log,
        },
        Err(why) => {
            complain(table, Trouble::StatLog, &name, &why, world);
            Event::ExamineFailed(world.now())
        }
    }
}

fn prepare<W: World>(
    table: &mut Table<W::Held>,
    service: Identity,
    log: bool,
    world: &mut W,
) -> Event {
    let name = name_of(table, service);
    match world.prepare(&name, log) {
        Ok(held) => {
            table.hold(service, held);
            Event::Prepared {
                now: world.now(),
                log,
            }
        }
        Err(why) => {
            complain(table, Trouble::Pipe, &name, &why, world);
            Event::PrepareFailed(world.now())
        }
    }
}

fn start<W: World>(
    table: &mut Table<W::Held>,
    service: Identity,
    half: Half,
    world: &mut W,
) -> Event {
    if table.is_searching() && !is_sought(table, service, half, world) {
        return Event::Absent(half, world.now());
    }
    let started = match (table.name(service), table.held(service)) {
        (Some(name), Some(held)) => world.start(half, name, held),
        // Cannot happen: nothing is started before it has been prepared.
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    match started {
        Ok(Presence::Process(pid)) => Event::Started(half, pid, world.now()),
        Ok(Presence::Elsewhere(pid, has)) => {
            join(table, service, (half, pid), has, world);
            Event::Started(half, pid, world.now())
        }
        Ok(Presence::OutOfReach(why)) => {
            let name = name_of(table, service);
            complain(table, Trouble::OutOfReach(half), &name, &why, world);
            Event::OutOfReach(half, world.now())
        }
        Err(why) => {
            let name = name_of(table, service);
            complain(table, Trouble::Fork(half), &name, &why, world);
            Event::StartFailed(half, world.now())
        }
    }
}

/// Brings both halves to one pipe again. An `svscan` that was killed has left a
/// `supervise` that had not locked its directory yet, so that we made a pipe of our own,
/// and it was quicker than the one that we have started with that. What the service
/// writes into counts, and the log is started again.
fn join<W: World>(
    table: &mut Table<W::Held>,
    service: Identity,
    (half, pid): (Half, Pid),
    has: W::Held,
    world: &mut W,
) {
    let main = table.process(service, Half::Main);
    let log = table.process(service, Half::Log);
    match half {
        Half::Log if main.is_some() => {
            if let Some(held) = table.held(service) {
                world.part(pid, held);
            }
        }
        Half::Main | Half::Log => {
            if let Some(log) = log.filter(|_| half == Half::Main) {
                world.part(log, &has);
            }
            table.hold(service, has);
        }
    }
    // A stop waits until there is one that reads.
    table.hinder();
}

/// Of what is about to end, what lives is needed to end it; and a log also where there
/// is a service yet whose last words it is to read.
fn is_sought<W: World>(
    table: &Table<W::Held>,
    service: Identity,
    half: Half,
    world: &mut W,
) -> bool {
    let name = name_of(table, service);
    let read = half == Half::Log && table.stopping() == Some(Logs::AtEnd);
    world.lives(half, &name) || (read && world.lives(Half::Main, &name))
}

fn tell<W: World>(
    table: &mut Table<W::Held>,
    service: Identity,
    half: Half,
    words: Words,
    world: &mut W,
) -> Option<Event> {
    let name = name_of(table, service);
    let pid = table.process(service, half)?;
    if (half, words) == (Half::Log, Words::Exit)
        && let Some(held) = table.held(service)
        && world.is_unread(pid, held)
    {
        return Some(Event::Untold(half, world.now()));
    }
    match world.tell(half, &name, pid, words) {
        Ok(true) => return None,
        Ok(false) => {}
        Err(why) => complain(table, Trouble::Deaf(half), &name, &why, world),
    }
    Some(Event::Untold(half, world.now()))
}

fn name_of<H>(table: &Table<H>, service: Identity) -> OsString {
    table.name(service).unwrap_or_default().to_os_string()
}

fn complain<W: World>(
    table: &mut Table<W::Held>,
    about: Trouble,
    name: &OsStr,
    why: &io::Error,
    world: &mut W,
) {
    if passes(why) {
        table.hinder();
    }
    if table.complain(about, name, world.now()) {
        world.warn(about, name, why);
    }
}

/// Whether it is only for want of something that others give back sooner or later.
pub(crate) fn passes(why: &io::Error) -> bool {
    let wants = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EAGAIN];
    wants
        .iter()
        .any(|want| why.raw_os_error() == Some(*want as i32))
}
