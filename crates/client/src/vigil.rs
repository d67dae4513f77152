//! Waiting until services are up, ready or down, told by the kernel of every
//! change to their files.
//!
//! Nothing here asks again and again, and no `supervise` knows who waits: inotify(7)
//! tells of the status file replaced, of encore's written in place, and of `ok`
//! closed by a `supervise` that ends. It works with whatever `supervise` there is.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use std::os::fd::AsFd;

use dt_os::clock::Moment;
use dt_os::file::{self, Directory};
use dt_os::wait;
use dt_os::watch::Watches;
use dt_service::Place;

use crate::look::{self, Obstacle, Phase};
use crate::truth;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// There is a process.
    Up,
    /// It serves; where it has no way to tell, the same as [`Self::Up`].
    Ready,
    /// There is none but what cleans up.
    Down,
    /// There is none at all.
    Finished,
    /// Another process than at the beginning.
    Restarted,
    /// Another process than at the beginning, and it serves.
    RestartedReady,
}

/// How it stands with one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The goal is reached.
    Reached,
    /// Not yet.
    Awaited,
    /// The goal is out of reach: given up, or the `supervise` has gone.
    Lost,
}

/// What identifies the state of one moment.
type Mark = (u32, u64, u32);

/// One service that is waited for.
#[derive(Debug)]
struct Service {
    home: Directory,
    goal: Goal,
    /// At the beginning, before anything was asked of it.
    first: Option<Mark>,
    /// A state of the beginning says nothing: a command is on its way.
    expects_change: bool,
    was_supervised: bool,
    standing: Standing,
}

/// Services, waited for together.
#[derive(Debug)]
pub struct Vigil {
    watches: Watches,
    services: Vec<Service>,
}

impl Vigil {
    /// Waits for nothing yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            watches: Watches::new()?,
            services: Vec::new(),
        })
    }

    /// Waits for the service in the working directory from now on.
    ///
    /// With `expects_change` a command is about to be sent: that the service has
    /// been given up before is then no answer.
    pub fn add_here(&mut self, goal: Goal, expects_change: bool) -> io::Result<()> {
        let home = Directory::open(".")?;
        let place = Place::here()?;
        let first = look::status(&place).ok();
        let mut service = Service {
            home,
            goal,
            first: first.map(|file| mark(&file.main)),
            expects_change,
            was_supervised: false,
            standing: Standing::Awaited,
        };
        arm(&self.watches, &place)?;
        service.was_supervised = look::is_supervised(&place).unwrap_or(false);
        self.services.push(service);
        Ok(())
    }

    /// How it stands with all of them now. Leaves us in one of their directories.
    ///
    /// One that has reached its goal once has reached it.
    pub fn standings(&mut self) -> io::Result<Vec<Standing>> {
        for service in &mut self.services {
            if service.standing == Standing::Awaited {
                service.home.enter()?;
                let place = Place::here()?;
                arm(&self.watches, &place)?;
                service.standing = service.judge(&place)?;
            }
        }
        let standings = self.services.iter().map(|service| service.standing);
        Ok(standings.collect())
    }

    /// Waits until something may have changed; false once the deadline has passed.
    pub fn wait(&self, deadline: Option<Moment>) -> io::Result<bool> {
        if deadline.is_some_and(|deadline| Moment::now() >= deadline) {
            return Ok(false);
        }
        wait::until_readable([self.watches.as_fd()], deadline)?;
        self.watches.fetch(|_| {});
        Ok(true)
    }

    /// Waits until `enough` of all standings is the answer; `None` once the
    /// deadline has passed.
    pub fn until<T>(
        &mut self,
        deadline: Option<Moment>,
        enough: impl Fn(&[Standing]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        loop {
            if let Some(answer) = enough(&self.standings()?) {
                return Ok(Some(answer));
            }
            if !self.wait(deadline)? {
                return Ok(None);
            }
        }
    }
}

impl Service {
    fn judge(&mut self, place: &Place) -> io::Result<Standing> {
        let supervised = match look::is_supervised(place) {
            Ok(supervised) => supervised,
            Err(why) if why.kind() == io::ErrorKind::NotFound => false,
            Err(why) => return Err(why),
        };
        let gone = self.was_supervised && !supervised;
        self.was_supervised |= supervised;
        let file = match look::status(place) {
            // The next one is on its way, where a process has just died.
            Ok(file) => Some(file).filter(|file| truth::untrue(place, file).is_none()),
            // Written in place just now, or not yet at all.
            Err(Obstacle::BadFormat | Obstacle::NotRunning | Obstacle::NoProcess(_)) => None,
            Err(Obstacle::System(_, why)) if why.kind() == io::ErrorKind::NotFound => None,
            Err(Obstacle::System(_, why)) => return Err(why),
        };
        let details = look::details(place).filter(|_| supervised);
        let phase = file.map(|file| Phase::of(&file.main, file.state, details.as_ref()));
        let changed = file.map(|file| mark(&file.main)) != self.first;
        if self.is_reached(phase, changed, supervised) {
            return Ok(Standing::Reached);
        }
        let given_up = phase.is_some_and(|phase| phase.failed) && (changed || !self.expects_change);
        let rising = !matches!(self.goal, Goal::Down | Goal::Finished);
        let lost = gone || (supervised && given_up && rising);
        Ok(if lost {
            Standing::Lost
        } else {
            Standing::Awaited
        })
    }

    /// What nobody supervises is not up, whatever an old status says; what has
    /// never been supervised is down.
    fn is_reached(&self, phase: Option<Phase>, changed: bool, supervised: bool) -> bool {
        let up = phase.filter(|_| supervised);
        match self.goal {
            Goal::Up => up.is_some_and(|phase| phase.up),
            Goal::Ready => up.is_some_and(|phase| phase.ready),
            Goal::Down => phase.map_or(!supervised, |phase| phase.down),
            Goal::Finished => phase.map_or(!supervised, |phase| phase.finished),
            Goal::Restarted => changed && up.is_some_and(|phase| phase.up),
            Goal::RestartedReady => changed && up.is_some_and(|phase| phase.ready),
        }
    }
}

const fn mark(status: &dt_service::Status) -> Mark {
    (status.pid, status.seconds, status.nanos)
}

/// Watches whatever there is of the files of the service that we are in: the
/// directory of them, or where that will be made.
fn arm(watches: &Watches, place: &Place) -> io::Result<()> {
    let directory = place.directory();
    match watches.add(directory) {
        Ok(_) => {}
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            watches.add(parent(directory))?;
            // It may have been made just before.
            if watches.add(directory).is_err() {
                return Ok(());
            }
        }
        Err(why) => return Err(why),
    }
    // encore's supervise writes into the file that is there.
    ignore_absence(watches.add_content(place.file("status")))?;
    // The one program that reads it is supervise.
    ignore_absence(watches.add_closing(place.file("ok")))
}

/// Where the directory `supervise` will appear: beside its name, or, where that
/// is a link that leads nowhere yet, where it leads.
fn parent(directory: &OsStr) -> PathBuf {
    let name = Path::new(directory);
    let target = std::fs::read_link(name).unwrap_or_else(|_| name.to_owned());
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => ".".into(),
    }
}

fn ignore_absence<T>(result: io::Result<T>) -> io::Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(why),
    }
}

/// Enters a service directory, adds it to the vigil, and leaves us there.
pub fn add(vigil: &mut Vigil, path: &Path, goal: Goal) -> io::Result<()> {
    file::chdir(path)?;
    vigil.add_here(goal, false)
}
