//! Watching every name on the way to a directory.
//!
//! In `/etc/service` a service is often a link, and what it leads to can change
//! without any change in the scan directory: `/srv/www/current` is pointed at
//! the next release, or the directory is removed and another put in its place.
//! So where a name is a link, each directory on its way is watched for the one
//! name that the way takes through it.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use dt_os::watch::{Change, WatchId, Watches, sees_all_changes};

/// As many links as the kernel follows before it calls them a loop.
const LINKS: usize = 40;

/// Which names in a watched directory matter.
#[derive(Debug)]
enum Names {
    /// All but hidden ones.
    All,
    These(Vec<OsString>),
}

/// What a scan has looked at, and so what is watched until the next.
#[derive(Debug)]
pub struct Watched {
    watches: Watches,
    now: HashMap<WatchId, Names>,
    before: HashMap<WatchId, Names>,
    /// What this scan has asked for already: a thousand links have most of their
    /// way in common.
    asked: HashMap<OsString, Option<WatchId>>,
    /// Something could not be watched.
    blind: bool,
}

impl Watched {
    /// Nothing yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            watches: Watches::new()?,
            now: HashMap::new(),
            before: HashMap::new(),
            asked: HashMap::new(),
            blind: false,
        })
    }

    /// A scan begins: watches the working directory, and nothing else for now.
    pub fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
        self.asked.clear();
        self.blind = false;
        self.all_of(OsStr::new("."));
    }

    /// The scan is over; gives whether everything that it looked at is watched.
    pub fn end(&mut self) -> bool {
        for (id, _) in self.before.drain() {
            if !self.now.contains_key(&id) {
                // It may be gone with its directory.
                let _ = self.watches.remove(id);
            }
        }
        !self.blind
    }

    /// Watches all names in a directory.
    pub fn all_of(&mut self, directory: &OsStr) {
        if let Some(id) = self.watch(directory) {
            self.now.insert(id, Names::All);
        }
    }

    /// If `name` in the working directory is a link, watches the way it leads.
    pub fn follow(&mut self, name: &OsStr) {
        // A directory, or nothing at all: the working directory is watched.
        if let Ok(target) = std::fs::read_link(name) {
            self.walk(&target);
        }
    }

    /// Watches each name on the way to a file, the file's own too.
    pub fn way_to(&mut self, file: &Path) {
        self.walk(file);
    }

    /// Each name is watched before it is looked at, so that no change is missed.
    fn walk(&mut self, target: &Path) {
        let mut links = 0;
        let mut here = PathBuf::from(".");
        let mut ahead: Vec<Step> = Vec::new();
        push(&mut ahead, target);
        while let Some(step) = ahead.pop() {
            match step {
                Step::Root => here = PathBuf::from("/"),
                Step::Name(name) => {
                    self.one_of(&here, &name);
                    here.push(&name);
                    if let Ok(target) = std::fs::read_link(&here) {
                        here.pop();
                        push(&mut ahead, &target);
                        links += 1;
                    }
                }
                // The kernel knows where up is.
                Step::Up => {
                    self.itself(&here);
                    here.push("..");
                }
            }
            if links > LINKS {
                return;
            }
        }
    }

    /// What is above a directory changes when it is moved.
    fn itself(&mut self, directory: &Path) {
        if let Some(id) = self.watch(directory.as_os_str()) {
            self.now
                .entry(id)
                .or_insert_with(|| Names::These(Vec::new()));
        }
    }

    fn one_of(&mut self, directory: &Path, name: &OsStr) {
        let Some(id) = self.watch(directory.as_os_str()) else {
            return;
        };
        match self
            .now
            .entry(id)
            .or_insert_with(|| Names::These(Vec::new()))
        {
            Names::All => {}
            Names::These(names) => {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_os_string());
                }
            }
        }
    }

    fn watch(&mut self, directory: &OsStr) -> Option<WatchId> {
        if let Some(id) = self.asked.get(directory) {
            return *id;
        }
        let id = self.watches.add(directory).ok();
        self.blind |= id.is_none() || !sees_all_changes(directory);
        self.asked.insert(directory.to_os_string(), id);
        id
    }

    /// Whether a change since the last call matters.
    pub fn changed(&self) -> bool {
        let mut any = false;
        self.watches.fetch(|change| any |= self.matters(&change));
        any
    }

    fn matters(&self, change: &Change) -> bool {
        match change {
            Change::Unknown => true,
            Change::Entry(id, name) => match self.now.get(id) {
                Some(Names::All) => !name.as_encoded_bytes().starts_with(b"."),
                Some(Names::These(names)) => names.contains(name),
                None => false,
            },
        }
    }

    /// What to poll.
    pub fn watches(&self) -> &Watches {
        &self.watches
    }
}

/// One step on the way.
enum Step {
    Root,
    Up,
    Name(OsString),
}

/// The steps of `target` are the next to be taken.
fn push(ahead: &mut Vec<Step>, target: &Path) {
    let steps = target
        .components()
        .rev()
        .filter_map(|component| match component {
            Component::RootDir => Some(Step::Root),
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Name(name.to_os_string())),
            Component::CurDir | Component::Prefix(_) => None,
        });
    ahead.extend(steps);
}
