//! `flag-cgroup`: a service is all that it has started.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use dt_os::cgroup;
use dt_service::deaths::{self, Ending};
use dt_service::details::{Details, Kept, Reason, State};
use dt_testkit::{Running, Suite, descendants_of_scratch, signal, until};
use kit::Service;

/// A cgroup for one test, below which those of its services are.
struct Place(PathBuf);

impl Place {
    /// None where this machine, or this user, has none; that is said.
    #[expect(
        clippy::print_stderr,
        reason = "who reads the test's output wants to know"
    )]
    fn new(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("daemontools-test.{}.{number}", std::process::id());
        let made = cgroup::own().and_then(|own| {
            let path = own.join(name);
            fs::create_dir(&path)?;
            cgroup::Leaf::at(path.clone())?;
            Ok(path)
        });
        match made {
            Ok(path) => Some(Self(path)),
            Err(why) => {
                eprintln!("{test}: skipped, as no cgroup can be made: {why}");
                None
            }
        }
    }

    /// Whether the memory of those below is counted; that it is not is said.
    #[expect(
        clippy::print_stderr,
        reason = "who reads the test's output wants to know"
    )]
    fn counts_memory(&self, test: &str) -> bool {
        let counts = fs::write(self.0.join("cgroup.subtree_control"), "+memory");
        if let Err(why) = &counts {
            eprintln!("{test}: skipped, as memory is not counted in cgroups here: {why}");
        }
        counts.is_ok()
    }

    /// The services' cgroups.
    fn leaves(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().flatten();
        let directories = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        directories.map(|entry| entry.path()).collect()
    }

    /// Who is in the only one.
    fn members(&self) -> Vec<u32> {
        let [leaf] = &*self.leaves() else {
            return Vec::new();
        };
        let members = fs::read_to_string(leaf.join("cgroup.procs")).unwrap_or_default();
        members.lines().map(|line| line.parse().unwrap()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(all) = cgroup::Leaf::at(self.0.clone()) {
            all.send(dt_os::signals::Signal::SIGKILL);
            let gone = || !all.is_populated(None).unwrap_or(false);
            if !std::thread::panicking() {
                until("nobody is left", gone);
            }
            all.remove();
        }
    }
}

/// A child in a session of its own, deaf to all but KILL, that ends once a file `may`
/// is there; then one process that lives on.
const LEAVES: &str = "echo run >> events
setsid sh -c 'trap \"\" TERM; echo left >> events; until test -e may; do sleep 0.02; done' &
exec sleep 1000";

fn service(script: &str) -> Service {
    let service = Service::new(script);
    service.scratch.file("d/flag-cgroup", "whatever it says\n");
    service
}

fn start(service: &Service, place: &str) -> Running {
    let mut command = Suite::ours().command("supervise", &service.scratch);
    let errors = fs::File::options()
        .append(true)
        .open(service.scratch.join("errors"));
    command.arg("d").env("SUPERVISE_CGROUP", place);
    command.stdout(Stdio::null()).stderr(errors.unwrap());
    Running::start(&mut command, &service.scratch)
}

impl Service {
    fn within(&self, place: &Place) -> Running {
        start(self, place.0.to_str().unwrap())
    }

    /// So often has this been noted.
    fn count(&self, word: &str) -> usize {
        let words = self.words("events");
        words.iter().filter(|is| *is == word).count()
    }

    #[track_caller]
    fn until_count(&self, word: &str, count: usize) {
        until("it was noted often enough", || self.count(word) >= count);
        assert_eq!(self.count(word), count, "{word}");
    }

    fn details(&self) -> Option<Details> {
        let file = fs::read(self.scratch.join("d/supervise/details")).ok()?;
        Details::decode(&file)
    }

    #[track_caller]
    fn until_clearing(&self) {
        until("what is left is waited for", || {
            let details = self.details();
            let told = details.map(|is| (is.state, is.reason));
            let down = self.status().pid == 0;
            down && told == Some((State::Stopping, Reason::Leftovers))
        });
    }

    fn has_no_process(&self) -> bool {
        descendants_of_scratch(self.scratch.path()).is_empty()
    }
}

/// 0 where there is no such process.
fn parent_of(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let facts = stat.rsplit(')').next().unwrap_or_default();
    let parent = facts.split_whitespace().nth(1);
    parent.map_or(0, |parent| parent.parse().unwrap())
}

fn kill(running: &mut Running) {
    running.signal("KILL");
    let _ = running.wait();
}

#[test]
fn all_that_a_service_has_started_ends_with_it_and_its_cgroup_is_gone() {
    let Some(place) = Place::new("all_that_a_service_has_started") else {
        return;
    };
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "100ms");
    let mut running = service.within(&place);
    service.until_count("left", 1);
    let pid = service.until_up().pid;
    assert!(place.members().contains(&pid) && place.members().len() >= 2);
    assert_eq!(service.details().unwrap().kept, Kept::Cgroup);
    // A death by itself too, and another copy then.
    signal(pid, "KILL");
    service.until_count("left", 2);
    assert!(!place.members().contains(&pid));
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert!(service.has_no_process());
    assert_eq!(place.leaves(), Vec::<PathBuf>::new());
    assert_eq!(service.errors(), "");
}

#[test]
fn nothing_is_started_beside_what_is_left_and_finish_comes_after_it() {
    let Some(place) = Place::new("nothing_is_started_beside_what_is_left") else {
        return;
    };
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "1h");
    let finish = "#!/bin/sh\necho finish >> events\n";
    service.scratch.script("d/finish", finish);
    let _running = service.within(&place);
    service.until_count("left", 1);
    signal(service.until_up().pid, "KILL");
    service.until_clearing();
    service.send("u");
    service.send("t");
    assert_eq!((service.count("run"), service.count("finish")), (1, 0));
    service.scratch.file("d/may", "");
    service.until_count("run", 2);
    assert_eq!(service.words("events")[2], "finish");
}

#[test]
fn a_kill_that_is_asked_for_reaches_all_that_is_left() {
    let Some(place) = Place::new("a_kill_that_is_asked_for") else {
        return;
    };
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "1h");
    let mut running = service.within(&place);
    service.until_count("left", 1);
    service.send("d");
    service.until_clearing();
    service.send("xk");
    assert_eq!(running.wait(), 0);
    assert!(service.has_no_process());
    assert_eq!(service.count("run"), 1);
}

#[test]
fn timeout_kill_reaches_all_at_once() {
    let Some(place) = Place::new("timeout_kill_reaches_all") else {
        return;
    };
    let service = service(&format!("trap '' TERM; {LEAVES}"));
    service.scratch.file("d/timeout-kill", "200ms");
    let mut running = service.within(&place);
    service.until_count("left", 1);
    service.until_up();
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert!(service.has_no_process());
}

#[test]
fn the_next_supervise_finds_the_cgroup_of_a_living_service() {
    let Some(place) = Place::new("the_next_supervise_finds_the_cgroup") else {
        return;
    };
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "100ms");
    let mut first = service.within(&place);
    service.until_count("left", 1);
    let pid = service.until_up().pid;
    kill(&mut first);
    // Somewhere else now, as far as it would know by itself.
    let mut second = start(&service, "");
    service.until_there();
    assert_eq!(service.until_up().pid, pid);
    until("it knows", || {
        service.details().is_some_and(|is| is.kept == Kept::Cgroup)
    });
    service.send("dx");
    assert_eq!(second.wait(), 0);
    assert!(service.has_no_process());
    assert_eq!(place.leaves(), Vec::<PathBuf>::new());
    assert_eq!(service.count("run"), 1);
}

#[test]
fn a_supervise_that_is_killed_while_something_is_left_has_the_next_one_wait() {
    let Some(place) = Place::new("a_supervise_that_is_killed_while_something_is_left") else {
        return;
    };
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "1h");
    let mut running = service.within(&place);
    service.until_count("left", 1);
    let pid = service.until_up().pid;
    // In the instant of the death, and while it waits, and while nobody is there.
    signal(pid, "KILL");
    kill(&mut running);
    for _ in 0..3 {
        running = service.within(&place);
        service.until_there();
        service.until_clearing();
        assert_eq!(service.count("run"), 1);
        kill(&mut running);
    }
    service.scratch.file("d/may", "");
    until("nobody is left", || place.members().is_empty());
    let _running = service.within(&place);
    service.until_count("run", 2);
}

#[test]
fn one_that_was_to_leave_leaves_when_nothing_is_left() {
    let Some(place) = Place::new("one_that_was_to_leave_leaves") else {
        return;
    };
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "1h");
    let mut running = service.within(&place);
    service.until_count("left", 1);
    service.send("dx");
    service.until_clearing();
    kill(&mut running);
    running = service.within(&place);
    service.until_there();
    service.until_clearing();
    service.scratch.file("d/may", "");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.count("run"), 1);
}

#[test]
fn a_service_that_has_lost_the_file_is_still_cleared_away() {
    let Some(place) = Place::new("a_service_that_has_lost_the_file") else {
        return;
    };
    let service = service(LEAVES);
    let _running = service.within(&place);
    service.until_count("left", 1);
    fs::remove_file(service.scratch.join("d/flag-cgroup")).unwrap();
    signal(service.until_up().pid, "KILL");
    service.until_clearing();
    service.scratch.file("d/may", "");
    service.until_count("run", 2);
    until("its cgroup is gone", || place.leaves().is_empty());
}

#[test]
fn a_death_for_want_of_memory_is_on_record() {
    let test = "a_death_for_want_of_memory";
    let Some(place) = Place::new(test).filter(|place| place.counts_memory(test)) else {
        return;
    };
    let hog = "cg=`cat supervise/cgroup`; echo 20000000 > $cg/memory.max
test ! -e $cg/memory.swap.max || echo 0 > $cg/memory.swap.max
test ! -e died || exec sleep 1000
: > died; exec tail -c 200000000 /dev/zero";
    let service = service(hog);
    let _running = service.within(&place);
    let deaths = || {
        let file = fs::read(service.scratch.join("d/supervise/deaths")).unwrap_or_default();
        deaths::read(&file)
    };
    until("it has died", || !deaths().is_empty());
    let (_, death) = deaths()[0];
    assert_eq!(death.ending, Ending::Signal(9));
    assert!(death.out_of_memory, "{death:?}");
    assert!((1..=20_000).contains(&death.peak_memory), "{death:?}");
    // The next one is not called so.
    signal(service.until_up().pid, "TERM");
    until("it has died again", || deaths().len() > 1);
    assert!(!deaths()[1].1.out_of_memory);
}

/// Without a cgroup.
const NOWHERE: &str = "/proc/self/no-cgroup";

#[test]
fn without_a_cgroup_who_leaves_the_session_is_found_by_descent() {
    let service = service(LEAVES);
    service.scratch.file("d/timeout-kill", "100ms");
    let mut running = start(&service, NOWHERE);
    service.until_count("left", 1);
    assert_eq!(service.details().unwrap().kept, Kept::Kin);
    signal(service.until_up().pid, "KILL");
    service.until_count("run", 2);
    service.until_count("left", 2);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert!(service.has_no_process());
    assert_eq!(
        service.errors(),
        "supervise: warning: unable to make a cgroup for d: file does not exist: what it \
         leaves behind is looked for instead\n"
    );
}

/// What cannot be known is said.
#[test]
fn without_a_cgroup_a_killed_supervise_loses_who_has_left_the_session() {
    let stays = "sh -c 'trap \"\" TERM; while :; do sleep 0.05; done; :' &";
    let service = service(&format!("{stays}\n{LEAVES}"));
    service.scratch.file("d/timeout-kill", "100ms");
    let mut first = start(&service, NOWHERE);
    service.until_count("left", 1);
    let pid = service.until_up().pid;
    kill(&mut first);
    let mut second = start(&service, NOWHERE);
    service.until_there();
    until("it knows", || {
        service.details().is_some_and(|is| is.kept == Kept::Session)
    });
    assert_eq!(service.until_up().pid, pid);
    service.send("dx");
    assert_eq!(second.wait(), 0);
    // The one in the session is gone.
    let left = || {
        let all = descendants_of_scratch(service.scratch.path()).into_iter();
        let is_deaf = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(4).any(|part| part == b"left")
        };
        let deaf: Vec<u32> = all.filter(is_deaf).collect();
        // One that it has made of itself and that is about to become `sleep` looks like it.
        let itself = deaf.iter().filter(|pid| !deaf.contains(&parent_of(**pid)));
        (itself.count(), service.errors())
    };
    let (deaf, errors) = left();
    assert_eq!(deaf, 1, "{errors}");
    let said = "supervise: warning: d has no cgroup: what it left in other sessions before \
                this supervise came is not found\n";
    assert!(errors.ends_with(said), "{errors}");
    service.scratch.file("d/may", "");
    until("the rest is gone", || service.has_no_process());
}

/// The kill was sent to the children of supervise alone, of which it is none then.
#[test]
fn without_a_cgroup_timeout_kill_reaches_a_service_of_an_earlier_supervise() {
    let service = service("trap '' TERM; echo run >> events; while :; do sleep 0.05; done");
    service.scratch.file("d/timeout-kill", "100ms");
    let mut first = start(&service, NOWHERE);
    service.until_count("run", 1);
    let pid = service.until_up().pid;
    kill(&mut first);
    let mut second = start(&service, NOWHERE);
    service.until_there();
    assert_eq!(service.until_up().pid, pid);
    service.send("dx");
    assert_eq!(second.wait(), 0);
    assert!(service.has_no_process());
}

#[test]
fn a_directory_that_is_no_cgroup_is_none() {
    let service = service("exec sleep 1000");
    let place = service.scratch.directory("no-cgroup");
    let _running = start(&service, place.to_str().unwrap());
    service.until_up();
    until("it is said", || {
        service.errors().contains("unable to make a cgroup for d")
    });
    assert!(
        service.scratch.names("no-cgroup").is_empty(),
        "nothing is left there"
    );
}
