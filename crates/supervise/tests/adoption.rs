//! Supervise is killed, wherever it is, and another takes its service over.
//!
//! `DAEMONTOOLS_KILLS=1000` kills so often at random; the ordinary number is smaller.
//! `DAEMONTOOLS_KILL_POINTS=all` kills at each system call.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::process::Command;
use std::thread;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::{Incarnation, Record, Status, Want};
use dt_testkit::points::{Point, each, some};
use dt_testkit::{Running, Suite, signal, skipped_without_strace, until, until_some};
use kit::points::{self, say, tell};
use kit::{Service, copies};

/// Notes each copy, and lives on as one process.
const RUN: &str = "echo $$ >> log; exec sleep 1000";

fn kill(running: &mut Running) {
    running.signal("KILL");
    running.wait();
}

fn record(service: &Service) -> Record {
    let file = service.scratch.read("d/supervise/record");
    Record::newest(&file).unwrap().1
}

fn record_if_any(service: &Service) -> Option<Record> {
    let file = fs::read(service.scratch.join("d/supervise/record")).ok()?;
    Some(Record::newest(&file)?.1)
}

fn until_copies(service: &Service, number: usize) -> Vec<u32> {
    until_some("there are as many copies as wanted", || {
        let copies = copies(service);
        (copies.len() == number).then_some(copies)
    })
}

/// One copy, of which the status tells, and `svc` is obeyed.
fn check_one_copy_that_obeys(service: &Service) -> u32 {
    let status = service.until_up();
    until("the one copy is the one in the status", || {
        copies(service) == [service.status().pid]
    });
    service.send("t");
    until("the copy that was told to end has ended", || {
        let now = service.status().pid;
        now != 0 && now != status.pid && copies(service) == [now]
    });
    service.status().pid
}

#[test]
fn the_service_of_a_killed_supervise_is_adopted() {
    let service = Service::new(RUN);
    let mut first = service.start();
    let before = service.until_up();
    until_copies(&service, 1);
    kill(&mut first);
    let mut second = service.start();
    service.until_there();
    assert_eq!(service.status(), before, "pid, since when and wish");
    assert_eq!(copies(&service), [before.pid]);
    // Signals reach it, though it is no child.
    service.send("p");
    until("it is paused", || service.status().paused);
    kill(&mut second);
    let mut third = service.start();
    service.until_there();
    assert!(service.status().paused, "forgets that it is paused");
    service.send("dx");
    assert_eq!(third.wait(), 0, "did not learn of the death");
    assert_eq!(copies(&service), []);
}

#[test]
fn the_death_of_an_adopted_service_is_seen_at_once() {
    let service = Service::new(RUN);
    let mut first = service.start();
    let before = service.until_up();
    until_copies(&service, 1);
    kill(&mut first);
    let _second = service.start();
    service.until_there();
    signal(before.pid, "KILL");
    until("another copy is started", || {
        let pid = service.status().pid;
        pid != 0 && pid != before.pid
    });
    until_copies(&service, 1);
}

#[test]
fn a_service_that_died_with_its_supervise_is_started() {
    let service = Service::new(RUN);
    let mut first = service.start();
    let before = service.until_up();
    until_copies(&service, 1);
    kill(&mut first);
    signal(before.pid, "KILL");
    until_copies(&service, 0);
    let _second = service.start();
    assert_ne!(service.until_up().pid, before.pid);
    until_copies(&service, 1);
}

#[test]
fn a_wish_outlives_a_kill_but_not_an_exit_in_order() {
    let service = Service::new(RUN);
    let mut first = service.start();
    service.until_up();
    service.send("d");
    until("it is down", || service.status().pid == 0);
    kill(&mut first);
    let mut second = service.start();
    service.until_there();
    assert_eq!(
        (service.status().pid, service.status().want),
        (0, Want::Down)
    );
    assert!(!record(&service).due);
    service.send("x");
    assert_eq!(second.wait(), 0);
    let _third = service.start();
    assert_eq!(service.until_up().want, Want::Up);
}

/// Process ids are used again, and a boot begins them anew.
#[test]
fn a_process_that_only_has_the_number_is_not_adopted() {
    let service = Service::new(RUN);
    let mut stranger = Running::start(Command::new("sleep").arg("1000"), &service.scratch);
    let mut first = service.start();
    service.until_up();
    until_copies(&service, 1);
    kill(&mut first);
    let mut forged = record(&service);
    let real = forged.service.unwrap();
    signal(real.pid, "KILL");
    until_copies(&service, 0);
    let pid = i32::try_from(stranger.pid()).unwrap();
    let seen = dt_os::incarnation::look_up(dt_os::process::Pid::from_raw(pid)).unwrap();
    let forge = |record: &mut Record, start| {
        record.service = Some(Incarnation {
            pid: stranger.pid(),
            start: Some(start),
        });
    };
    forge(&mut forged, seen.start - 1);
    write(&service, &forged);
    let mut second = service.start();
    assert_ne!(service.until_up().pid, stranger.pid());
    until_copies(&service, 1);
    // The right start, but of another boot.
    kill(&mut second);
    let mut forged = record(&service);
    signal(forged.service.unwrap().pid, "KILL");
    until_copies(&service, 0);
    forge(&mut forged, seen.start);
    forged.boot = Some([7; 16]);
    write(&service, &forged);
    let _third = service.start();
    assert_ne!(service.until_up().pid, stranger.pid());
    assert_eq!(stranger.ended(), None, "it was none of ours");
}

/// Scripts make it before they restart everything.
#[test]
fn a_file_down_forbids_a_start_that_is_only_due() {
    let service = Service::new(RUN);
    let mut first = service.start();
    let before = service.until_up();
    until_copies(&service, 1);
    kill(&mut first);
    service.scratch.file("d/down", "");
    let mut second = service.start();
    service.until_there();
    assert_eq!(service.status(), before, "what runs goes on");
    kill(&mut second);
    signal(before.pid, "KILL");
    until_copies(&service, 0);
    let _third = service.start();
    service.until_there();
    assert_eq!(
        (service.status().pid, service.status().want),
        (0, Want::Down)
    );
    service.send("u");
    until_copies(&service, 1);
}

/// Makes `record` the newest.
fn write(service: &Service, record: &Record) {
    let path = service.scratch.join("d/supervise/record");
    let file = File::options().read(true).write(true).open(path).unwrap();
    let newest = Record::newest(&service.scratch.read("d/supervise/record"));
    let number = newest.unwrap().0 + 1;
    file.write_all_at(&record.encode(number), Record::offset(number))
        .unwrap();
}

/// As where /proc is not there to tell.
#[test]
fn beside_a_process_that_may_be_the_service_no_other_is_started_unless_it_is_given_up() {
    let service = Service::new(RUN);
    let mut first = service.start();
    let before = service.until_up();
    until_copies(&service, 1);
    kill(&mut first);
    let mut doubtful = record(&service);
    doubtful.service.as_mut().unwrap().start = None;
    write(&service, &doubtful);
    let mut second = service.start();
    service.until_there();
    assert_eq!((service.status().pid, service.status().want), (0, Want::Up));
    let line = format!(
        "supervise: warning: process {} may still be d/run of an earlier supervise: \
         not starting another\n",
        before.pid
    );
    assert_eq!(service.errors(), line);
    service.send("ud");
    until("the wish is noted", || service.status().want == Want::Down);
    assert_eq!(copies(&service), [before.pid]);
    service.send("u");
    signal(before.pid, "KILL");
    until("it is started once the other is gone", || {
        service.status().pid != 0
    });
    // And so where it is given up.
    kill(&mut second);
    let mut doubtful = record(&service);
    doubtful.service.as_mut().unwrap().start = None;
    write(&service, &doubtful);
    let mut third = service.start();
    service.until_there();
    service.send("x");
    assert_eq!(third.wait(), 0);
    let _fourth = service.start();
    service.until_up();
    until_copies(&service, 2);
}

#[test]
fn a_record_that_could_be_somebody_elses_file_is_left_alone() {
    let service = Service::new(RUN);
    service.scratch.file("victim", "precious");
    service.scratch.directory("d/supervise");
    let record = service.scratch.join("d/supervise/record");
    symlink("../../victim", &record).unwrap();
    let mut first = service.start();
    service.until_up();
    until_copies(&service, 1);
    service.send("dx");
    assert_eq!(first.wait(), 0);
    fs::remove_file(&record).unwrap();
    fs::hard_link(service.scratch.join("victim"), &record).unwrap();
    let _second = service.start();
    service.until_up();
    assert_eq!(service.scratch.read("victim"), b"precious");
    let lines = "supervise: warning: unable to open d/supervise/record: symbolic link loop\n\
                 supervise: warning: unable to open d/supervise/record: invalid argument\n";
    assert_eq!(service.errors(), lines);
}

/// How often the random kills are.
fn kills() -> u32 {
    let wanted = std::env::var("DAEMONTOOLS_KILLS").ok();
    wanted.and_then(|kills| kills.parse().ok()).unwrap_or(50)
}

#[test]
fn random_kills_leave_one_copy() {
    let service = Service::new(RUN);
    // A small generator: the moments should differ, not be unpredictable.
    let mut seed = Moment::now().since(Moment::default()).subsec_nanos();
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 16
    };
    for round in 0..kills() {
        let mut running = service.start();
        thread::sleep(Duration::from_micros(u64::from(random() % 12_000)));
        if random() % 4 == 0 {
            for pid in copies(&service) {
                signal(pid, "KILL");
            }
        }
        kill(&mut running);
        let left = copies(&service);
        assert!(left.len() <= 1, "round {round}: {left:?}");
    }
    let mut running = service.start();
    check_one_copy_that_obeys(&service);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert_eq!(copies(&service), []);
}

/// How many kills the ordinary test makes.
const SOME: usize = 16;

#[test]
fn a_kill_at_any_system_call_leaves_one_copy() {
    const NAME: &str = "a_kill_at_any_system_call_leaves_one_copy";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let service = Service::new(RUN);
    let points = points::calls(&service, |running| {
        assert!(!is_killed_on_its_way(&service, running));
    });
    let points = some(points, SOME);
    let killed = each(&points, kill_at);
    say(&format!(
        "{NAME}: {killed} kills at {} points",
        points.len()
    ));
    // Not each run makes each call as often.
    assert!(killed * 2 > points.len(), "only {killed} kills");
}

/// Starts, starts again and stops the service; gives whether supervise was killed.
fn is_killed_on_its_way(service: &Service, running: &mut Running) -> bool {
    until_up_or_killed(service, running, 1)
        || {
            tell(service, b"t");
            until_up_or_killed(service, running, 2)
        }
        || {
            tell(service, b"dx");
            running.wait() != 0
        }
}

/// Kills supervise when it makes this call. Gives whether that happened.
fn kill_at(point: &Point) -> bool {
    let service = Service::new(RUN);
    let mut running = points::killed_at(&service, point);
    if !is_killed_on_its_way(&service, &mut running) {
        return false;
    }
    let stopped = was_stopped(&service);
    let context = format!("{point:?}");
    let mut second = service.start();
    // Not by `ok`: a child of the one that was killed may have that open yet.
    let begun = || {
        let ended = second.ended();
        assert_eq!(ended, None, "{context}: {}", service.errors());
        record_if_any(&service).is_some_and(|is| is.supervise.pid == second.pid())
    };
    until(&format!("{context}: another begins"), begun);
    service.until_there();
    if stopped {
        service.send("u");
    }
    let status: Status = service.until_up();
    until(&context, || {
        let copies = copies(&service);
        assert!(copies.len() <= 1, "{context}: {copies:?}");
        copies == [service.status().pid]
    });
    assert_ne!(status.pid, 0);
    service.send("dx");
    assert_eq!(second.wait(), 0, "{context}");
    assert_eq!(copies(&service), [], "{context}");
    true
}

/// Waits until the service has come up so often, or supervise was killed; gives
/// whether the latter.
fn until_up_or_killed(service: &Service, running: &mut Running, times: usize) -> bool {
    until_some("it is up or killed", || {
        let killed = running.ended().is_some();
        let up = service.words("log").len() >= times && !copies(service).is_empty();
        (killed || up).then_some(killed)
    })
}

/// Whether the stop had been noted when supervise was killed.
fn was_stopped(service: &Service) -> bool {
    record_if_any(service).is_some_and(|record| record.want == Want::Down && !record.leaving)
}

/// Whether the kernel tells others than the parent how a process has ended (Linux
/// 6.15).
fn kernel_tells_endings() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit());
    let mut number = || numbers.next().unwrap_or_default().parse().unwrap_or(0);
    let version: (u32, u32) = (number(), number());
    version >= (6, 15)
}

#[test]
fn how_an_adopted_service_ended_is_known_where_the_kernel_tells() {
    if !kernel_tells_endings() {
        println!("skipped: this kernel tells only the parent how a process ends");
        return;
    }
    let service = Service::new("echo $$ >> log; read code < gate; exit $code");
    dt_os::file::make_fifo(service.scratch.join("d/gate"), 0o600).unwrap();
    let mut first = service.start();
    let up = service.until_up();
    kill(&mut first);
    let _second = service.start();
    service.until_there();
    assert_eq!(service.status().pid, up.pid);
    fs::write(service.scratch.join("d/gate"), "7\n").unwrap();
    // The next one may be dead by then: its gate is open as long as ours is not closed.
    let death = until_some("its death is on record", || {
        let file = fs::read(service.scratch.join("d/supervise/deaths")).ok()?;
        let deaths = dt_service::deaths::read(&file);
        deaths.into_iter().find(|(_, death)| death.pid == up.pid)
    });
    assert_eq!(death.1.ending, dt_service::deaths::Ending::Code(7));
}
