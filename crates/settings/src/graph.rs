//! Which service waits for which: the names in `dependencies.d` and
//! `waits-for.d`.
//!
//! A name is that of another service in the same scan directory; what the entry of
//! that name is does not matter. Names with a dot in front, which no service has,
//! are passed over.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;

use dt_os::Errno;
use dt_os::entry;
use dt_os::file::Directory;

use crate::Setting;

/// One service's wish concerning another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    /// [`Setting::Dependencies`] or [`Setting::WaitsFor`].
    pub kind: Setting,
    /// The other's name.
    pub on: OsString,
}

/// What the service in `directory` waits for, sorted; nothing where it has neither
/// directory.
pub fn ties(directory: &Directory) -> io::Result<Vec<Tie>> {
    let mut ties = Vec::new();
    for kind in [Setting::Dependencies, Setting::WaitsFor] {
        let names = match directory.open_directory(kind.name()) {
            Ok(names) => names,
            // Absent, or told of as a problem of the setting.
            Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                continue;
            }
            Err(why) => return Err(why),
        };
        entry::for_each_name(&names, |name| {
            if !name.starts_with(b".") {
                let on = OsString::from_vec(name.to_vec());
                ties.push(Tie { kind, on });
            }
        })?;
    }
    ties.sort_unstable();
    Ok(ties)
}

/// Services and what they wait for.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    services: Vec<Service>,
}

#[derive(Clone, Debug)]
struct Service {
    name: OsString,
    /// There is no such service.
    missing: bool,
    ties: Vec<Tie>,
}

impl Graph {
    /// All that can be reached from the services `from` of the scan directory
    /// `scan`, themselves included.
    ///
    /// One whose directories cannot be read counts as waiting for nobody: whether
    /// it gets up is its own affair.
    #[must_use]
    pub fn explore(scan: &Directory, from: &[OsString]) -> Self {
        let mut graph = Self::default();
        for name in from {
            graph.reach(name);
        }
        let mut next = 0;
        while let Some(service) = graph.services.get_mut(next) {
            next += 1;
            match scan.open_directory(&service.name) {
                Ok(directory) => {
                    service.ties = ties(&directory).unwrap_or_default();
                }
                Err(why) => service.missing = is_absent(&why),
            }
            for tie in service.ties.clone() {
                graph.reach(&tie.on);
            }
        }
        graph
    }

    /// Puts in that `name` waits for these.
    pub fn add(&mut self, name: &OsStr, ties: Vec<Tie>) {
        let at = self.reach(name);
        for tie in &ties {
            self.reach(&tie.on);
        }
        if let Some(service) = self.services.get_mut(at) {
            service.ties = ties;
        }
    }

    /// Where the service stands, with nothing known about it if it is new.
    fn reach(&mut self, name: &OsStr) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.services.push(Service {
                name: name.to_owned(),
                missing: false,
                ties: Vec::new(),
            });
            self.services.len() - 1
        })
    }

    fn find(&self, name: &OsStr) -> Option<usize> {
        self.services
            .iter()
            .position(|service| service.name == name)
    }

    /// Each wish that concerns a service which there is not, with who has it.
    pub fn missing(&self) -> impl Iterator<Item = (&OsStr, &Tie)> {
        self.services.iter().flat_map(|service| {
            let missing = service.ties.iter().filter(|tie| self.is_missing(&tie.on));
            missing.map(|tie| (service.name.as_os_str(), tie))
        })
    }

    fn is_missing(&self, name: &OsStr) -> bool {
        let found = self.find(name).and_then(|at| self.services.get(at));
        found.is_some_and(|service| service.missing)
    }

    /// Each wish, with who has it.
    pub fn wishes(&self) -> impl Iterator<Item = (&OsStr, &Tie)> {
        self.services.iter().flat_map(|service| {
            let ties = service.ties.iter();
            ties.map(|tie| (service.name.as_os_str(), tie))
        })
    }

    /// Gives up wishes until there is no ring left: of a ring those by `waits-for.d`
    /// where it has any, otherwise all. Gives the rings of the latter kind.
    pub fn open_rings(&mut self) -> Vec<Vec<OsString>> {
        let mut hopeless = Vec::new();
        loop {
            let owned = |ring: Vec<&OsStr>| ring.into_iter().map(OsStr::to_owned).collect();
            let rings: Vec<Vec<OsString>> = self.rings().into_iter().map(owned).collect();
            if rings.is_empty() {
                return hopeless;
            }
            for ring in rings {
                if !self.give_up(&ring, |kind| kind == Setting::WaitsFor) {
                    self.give_up(&ring, |_| true);
                    hopeless.push(ring);
                }
            }
        }
    }

    /// Gives up the wishes of these kinds from one of the ring to the next; and whether
    /// that was a wish that nothing else keeps in force.
    fn give_up(&mut self, ring: &[OsString], of: impl Fn(Setting) -> bool) -> bool {
        let mut open = false;
        for (name, on) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let at = self.find(name);
            let Some(service) = at.and_then(|at| self.services.get_mut(at)) else {
                continue;
            };
            service.ties.retain(|tie| tie.on != *on || !of(tie.kind));
            open |= service.ties.iter().all(|tie| tie.on != *on);
        }
        open
    }

    /// Rings of services that wait for each other, each told once, from the one
    /// that was met first: every one waits for the next, and the last for the
    /// first. Where rings share services, at least one of them is told.
    #[must_use]
    pub fn rings(&self) -> Vec<Vec<&OsStr>> {
        let mut walk = Walk {
            graph: self,
            met: vec![false; self.services.len()],
            path: Vec::new(),
            rings: Vec::new(),
        };
        for start in 0..self.services.len() {
            walk.from(start);
        }
        walk.rings
    }
}

/// A walk into the depth that does not use the stack for it, as the directories
/// say how deep it is.
struct Walk<'a> {
    graph: &'a Graph,
    met: Vec<bool>,
    /// From where we began to where we are: a service, and which of its ties is
    /// next.
    path: Vec<(usize, usize)>,
    rings: Vec<Vec<&'a OsStr>>,
}

impl Walk<'_> {
    fn from(&mut self, start: usize) {
        self.enter(start);
        while let Some((at, next)) = self.path.last_mut() {
            let service = self.graph.services.get(*at);
            let tie = service.and_then(|service| service.ties.get(*next));
            *next += 1;
            match tie {
                None => drop(self.path.pop()),
                Some(tie) => {
                    if let Some(on) = self.graph.find(&tie.on) {
                        self.follow(on);
                    }
                }
            }
        }
    }

    fn enter(&mut self, service: usize) {
        if let Some(met @ false) = self.met.get_mut(service) {
            *met = true;
            self.path.push((service, 0));
        }
    }

    fn follow(&mut self, on: usize) {
        match self.path.iter().position(|(at, _)| *at == on) {
            None => self.enter(on),
            Some(first) => {
                let ring = self.path.iter().skip(first);
                let services = ring.filter_map(|(at, _)| self.graph.services.get(*at));
                let names = services.map(|service| service.name.as_os_str());
                self.rings.push(names.collect());
            }
        }
    }
}

fn is_absent(why: &io::Error) -> bool {
    dt_os::is_errno(why, Errno::ENOENT) || dt_os::is_errno(why, Errno::ENOTDIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(services: &[(&str, &[&str])]) -> Graph {
        let mut graph = Graph::default();
        for (name, on) in services {
            let tie = |on: &&str| Tie {
                kind: Setting::Dependencies,
                on: on.into(),
            };
            graph.add(name.as_ref(), on.iter().map(tie).collect());
        }
        graph
    }

    fn rings(services: &[(&str, &[&str])]) -> Vec<String> {
        let graph = graph(services);
        let rings = graph.rings();
        let join = |ring: &Vec<&OsStr>| ring.join(OsStr::new(" ")).into_string().unwrap();
        rings.iter().map(join).collect()
    }

    #[test]
    fn a_tree_and_a_diamond_have_no_rings() {
        assert!(rings(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"])]).is_empty());
        assert!(rings(&[]).is_empty());
    }

    #[test]
    fn one_that_waits_for_itself_is_a_ring() {
        assert_eq!(rings(&[("a", &["a"])]), ["a"]);
    }

    #[test]
    fn a_ring_is_told_without_what_leads_there() {
        let services: &[(&str, &[&str])] =
            &[("a", &["b"]), ("b", &["c"]), ("c", &["d"]), ("d", &["b"])];
        assert_eq!(rings(services), ["b c d"]);
    }

    #[test]
    fn two_rings_are_two() {
        let services: &[(&str, &[&str])] = &[
            ("a", &["b"]),
            ("b", &["a"]),
            ("c", &["d", "a"]),
            ("d", &["c"]),
        ];
        assert_eq!(rings(services), ["a b", "c d"]);
    }

    #[test]
    fn a_ring_is_opened_where_somebody_only_wishes() {
        let tie = |kind, on: &str| {
            vec![Tie {
                kind,
                on: on.into(),
            }]
        };
        let mut graph = Graph::default();
        graph.add("a".as_ref(), tie(Setting::Dependencies, "b"));
        graph.add("b".as_ref(), tie(Setting::WaitsFor, "a"));
        graph.add("c".as_ref(), tie(Setting::Dependencies, "d"));
        graph.add("d".as_ref(), tie(Setting::Dependencies, "c"));
        graph.add("e".as_ref(), tie(Setting::Dependencies, "d"));
        assert_eq!(graph.open_rings(), [["c", "d"]]);
        assert!(graph.rings().is_empty());
        let left: Vec<_> = graph.wishes().map(|(who, tie)| (who, &*tie.on)).collect();
        let [a, b, d, e] = ["a", "b", "d", "e"].map(OsStr::new);
        assert_eq!(left, [(a, b), (e, d)]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let names: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
        let mut graph = Graph::default();
        for (at, name) in names.iter().enumerate() {
            let on = names[(at + 1) % names.len()].clone().into();
            let kind = Setting::WaitsFor;
            graph.add(name.as_ref(), vec![Tie { kind, on }]);
        }
        let rings = graph.rings();
        assert_eq!(rings.len(), 1);
        assert!(
            rings[0]
                .iter()
                .map(|name| name.to_str().unwrap())
                .eq(&names),
            "in their order"
        );
    }
}
