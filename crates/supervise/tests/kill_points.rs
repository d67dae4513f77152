//! Supervise is killed wherever it is on its way through what a setting has it do,
//! and the next one does it.
//!
//! A few kills for each setting; `DAEMONTOOLS_KILL_POINTS=all` kills at each system
//! call, which takes many minutes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::collections::HashSet;
use std::fs;

use dt_service::details::{Details, State};
use dt_testkit::points::{Point, each, some};
use dt_testkit::{Running, Suite, skipped_without_strace, until, until_some};
use kit::points::{self, say, tell};
use kit::{Service, copies};

/// How many kills the ordinary test makes for each setting.
const SOME: usize = 4;

/// A service, and what its files are to lead to.
#[derive(Debug)]
struct Scenario {
    name: &'static str,
    run: &'static str,
    /// Values, or programs if they begin with `#!`.
    files: &'static [(&'static str, &'static str)],
    /// What it is told once it is up, and told again where a supervise that was
    /// killed may not have heard it.
    told: &'static str,
    /// There is another service, `e`, whose supervise nobody kills.
    other: bool,
    /// Somebody keeps what the service speaks on, as svscan does.
    kept: bool,
    /// What all that is to come to.
    done: fn(&Service) -> bool,
}

const PLAIN: Scenario = Scenario {
    name: "",
    run: STAYS,
    files: &[],
    told: "",
    other: false,
    kept: false,
    done: |_| true,
};

const STAYS: &str = "echo run >> events; exec sleep 1000";
const DIES: &str = "echo run >> events; exit 3";
/// Ends at INT alone, as soon as it comes; what has come with it is told as well.
const DEAF: &str = "trap '' TERM; trap 'echo usr1 >> events' USR1; trap 'echo int >> events; over=1' INT\n\
    echo run >> events; while [ -z \"$over\" ]; do sleep 0.02; done";
const DELAY: (&str, &str) = ("restart-delay", "50ms");

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "timeout-kill",
        run: DEAF,
        files: &[("timeout-kill", "100ms")],
        told: "d",
        done: is_down,
        ..PLAIN
    },
    Scenario {
        name: "down-signal",
        run: DEAF,
        files: &[("down-signal", "USR1 100ms INT")],
        told: "d",
        done: |service| is_down(service) && has(service, "usr1") && has(service, "int"),
        ..PLAIN
    },
    Scenario {
        name: "reload-signal",
        run: DEAF,
        files: &[("reload-signal", "USR1")],
        told: "@",
        done: |service| has(service, "usr1"),
        ..PLAIN
    },
    Scenario {
        name: "finish",
        run: DIES,
        files: &[DELAY, ("finish", "#!/bin/sh\necho $4 >> finished\n")],
        done: |service| {
            let finished = service.words("finished");
            let each: HashSet<_> = finished.iter().collect();
            assert_eq!(
                each.len(),
                finished.len(),
                "two for one death: {finished:?}"
            );
            finished.len() > 1
        },
        ..PLAIN
    },
    Scenario {
        name: "timeout-finish",
        run: DIES,
        files: &[
            DELAY,
            ("timeout-finish", "50ms"),
            ("finish", "#!/bin/sh\nexec sleep 1000\n"),
        ],
        done: |service| runs(service) > 1,
        ..PLAIN
    },
    Scenario {
        name: "restart",
        run: "echo run >> events; [ -e again ] && exit 0; : > again; exit 3",
        files: &[DELAY, ("restart", "never 3")],
        // How one died that was nobody's child is not known everywhere. That is no reason
        // to stay down, so that there is one more where it was the second.
        done: |service| {
            assert!(runs(service) <= 3, "{} runs", runs(service));
            is_down(service) && runs(service) >= 2
        },
        ..PLAIN
    },
    Scenario {
        name: "restart-delay",
        run: "echo run >> events; read -r stat < /proc/$$/stat; set -- $stat; echo ${22} >> times
            exit 3",
        files: &[("restart-delay", "300ms")],
        done: |service| {
            let times = service.words("times");
            let times: Vec<u64> = times.iter().map(|time| time.parse().unwrap()).collect();
            // When it was forked, in ticks of 10 milliseconds: one may have just begun.
            let close = times.windows(2).any(|two| two[1] - two[0] < 29);
            assert!(!close, "too soon after another: {times:?}");
            times.len() > 2
        },
        ..PLAIN
    },
    Scenario {
        name: "start-limit",
        run: DIES,
        files: &[DELAY, ("start-limit", "3 60s")],
        done: |service| {
            assert!(runs(service) <= 3, "{} starts", runs(service));
            state(service) == Some(State::Failed)
        },
        ..PLAIN
    },
    Scenario {
        name: "retry-after",
        run: DIES,
        files: &[DELAY, ("start-limit", "1 60s"), ("retry-after", "50ms")],
        done: |service| runs(service) > 2,
        ..PLAIN
    },
    Scenario {
        name: "notification-fd",
        // Once and for all.
        run: "echo run >> events; echo >&4; exec sleep 1000 4>&-",
        kept: true,
        files: &[("notification-fd", "4")],
        done: is_ready,
        ..PLAIN
    },
    Scenario {
        name: "timeout-up",
        files: &[DELAY, ("notification-fd", "4"), ("timeout-up", "100ms")],
        done: |service| runs(service) > 1,
        ..PLAIN
    },
    Scenario {
        name: "check",
        files: &[(
            "check",
            "#!/bin/sh\necho asked >> asked; [ -e good ] || ! : > good\n",
        )],
        done: is_ready,
        ..PLAIN
    },
    Scenario {
        name: "control",
        run: DEAF,
        files: &[
            ("control/u", "#!/bin/sh\necho u >> events\n"),
            ("control/t", "#!/bin/sh\necho t >> events\nkill -INT $1\n"),
            ("control/d", "#!/bin/sh\necho d >> events\n"),
        ],
        told: "d",
        done: |service| is_down(service) && ["u", "t", "d"].iter().all(|word| has(service, word)),
        ..PLAIN
    },
    Scenario {
        name: "flag-notify-socket",
        run: "echo run >> events; perl -e 'use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0); \
            send(S, \"READY=1\", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET}))'; exec sleep 1000",
        kept: true,
        files: &[("flag-notify-socket", "")],
        done: is_ready,
        ..PLAIN
    },
    Scenario {
        name: "timeout-watchdog",
        run: "echo run >> events; exec perl -e 'use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0); \
            for (1..20) { send(S, \"READY=1\", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})); \
            select(undef, undef, undef, 0.1) } sleep 1000'",
        files: &[
            DELAY,
            ("flag-notify-socket", ""),
            ("timeout-watchdog", "500ms"),
        ],
        done: |service| runs(service) > 1,
        ..PLAIN
    },
    Scenario {
        name: "flag-cgroup",
        // In the service's own session, by which it is found where there is no cgroup.
        run: "echo run >> events
            sh -c 'trap \"\" TERM; echo $$ >> left; while :; do sleep 0.02; done' &
            exec sleep 1000",
        files: &[("flag-cgroup", ""), ("timeout-kill", "100ms")],
        told: "d",
        done: |service| is_down(service) && !lives(service, "left"),
        ..PLAIN
    },
    Scenario {
        name: "dependencies.d",
        files: &[("dependencies.d/e", "")],
        other: true,
        done: |service| runs(service) > 0,
        ..PLAIN
    },
    Scenario {
        name: "waits-for.d",
        files: &[("waits-for.d/e", "")],
        other: true,
        done: |service| runs(service) > 0,
        ..PLAIN
    },
];

/// Whether any process lives that has noted itself.
fn lives(service: &Service, name: &str) -> bool {
    let noted = service.words(name);
    let mut noted = noted.iter().filter_map(|pid| pid.parse().ok());
    noted.any(|pid| dt_os::incarnation::lives(dt_os::process::Pid::from_raw(pid)))
}

fn has(service: &Service, word: &str) -> bool {
    service.words("events").iter().any(|one| one == word)
}

fn runs(service: &Service) -> usize {
    let events = service.words("events");
    events.iter().filter(|word| *word == "run").count()
}

fn details(service: &Service) -> Option<Details> {
    Details::decode(&fs::read(service.scratch.join("d/supervise/details")).ok()?)
}

fn state(service: &Service) -> Option<State> {
    details(service).map(|details| details.state)
}

fn is_ready(service: &Service) -> bool {
    details(service).is_some_and(|details| details.ready.is_some())
}

fn is_down(service: &Service) -> bool {
    runs(service) > 0 && service.status().pid == 0 && state(service) == Some(State::Stopped)
}

impl Scenario {
    fn service(&self) -> (Service, Option<Running>) {
        let mut service = Service::new(self.run);
        if self.kept {
            service.keep();
        }
        for (name, content) in self.files {
            let name = format!("d/{name}");
            if content.starts_with("#!") {
                service.scratch.script(name, content);
            } else {
                service.scratch.file(name, content);
            }
        }
        let other = self.other.then(|| {
            service
                .scratch
                .script("e/run", "#!/bin/sh\nexec sleep 1000\n");
            let mut command = Suite::under_test().command("supervise", &service.scratch);
            Running::start(command.arg("e"), &service.scratch)
        });
        (service, other)
    }

    /// Goes all the way, unless supervise is killed on it; gives whether it was.
    fn is_killed(&self, service: &Service, running: &mut Running) -> bool {
        let mut killed_or = |what: fn(&Service) -> bool| {
            until_some(self.name, || {
                let killed = running.ended().is_some();
                (killed || what(service)).then_some(killed)
            })
        };
        killed_or(|service| runs(service) > 0) || {
            tell(service, self.told.as_bytes());
            killed_or(self.done)
        }
    }

    fn points(&self) -> Vec<Point> {
        let (service, _other) = self.service();
        points::calls(&service, |running| {
            assert!(
                !self.is_killed(&service, running),
                "{} is killed",
                self.name
            );
            end(&service, running);
        })
    }

    /// Whether it could be killed there.
    fn kill_at(&self, point: &Point) -> bool {
        let (service, _other) = self.service();
        let mut first = points::killed_at(&service, point);
        if !self.is_killed(&service, &mut first) {
            end(&service, &mut first);
            return false;
        }
        let context = format!("{} {point:?}", self.name);
        let mut second = service.start();
        let _shows = Shows(&service, second.pid());
        // Nobody else: a child of the first that is not another program yet may hold the
        // signs of it, and what is said to that is lost.
        until(&context, || {
            details(&service).is_some_and(|details| details.supervise == second.pid())
        });
        if !self.told.is_empty() {
            until(&context, || runs(&service) > 0);
            service.send(self.told);
        }
        until(&context, || {
            check_one_copy(&service, &context);
            (self.done)(&service)
        });
        until(&context, || {
            let pid = service.status().pid;
            let copies = copies(&service);
            copies.contains(&pid) || pid == 0 || self.run == DIES
        });
        end(&service, &mut second);
        true
    }
}

/// Tells how things stand where the test fails.
struct Shows<'a>(&'a Service, u32);

impl Drop for Shows<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (events, errors) = (self.0.words("events"), self.0.errors());
            let (details, copies) = (details(self.0), copies(self.0));
            let status = fs::read_to_string(format!("/proc/{}/status", self.1)).unwrap_or_default();
            let status = status.lines().take(9).collect::<Vec<_>>();
            let events = events.iter().rev().take(9).collect::<Vec<_>>();
            say(&format!(
                "{events:?} {errors:?} {copies:?} {details:?} {status:?}"
            ));
        }
    }
}

/// Of `run` there is never more than one; a copy of it that has not become another
/// program yet has the same name.
fn check_one_copy(service: &Service, context: &str) {
    let is_run = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command
            .split(|byte| *byte == 0)
            .any(|word| word == b"./run")
            && fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                // One that the shell has made of itself, to become a program, is not one.
                let parent = stat
                    .rsplit(')')
                    .next()
                    .unwrap()
                    .split_whitespace()
                    .nth(1)
                    .unwrap()
                    .to_owned();
                let parent = fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
                !parent.split(|byte| *byte == 0).any(|word| word == b"./run")
            })
    };
    let copies: Vec<u32> = copies(service).into_iter().filter(is_run).collect();
    assert!(copies.len() <= 1, "{context}: {copies:?}");
}

/// Ends both, with nothing left behind.
fn end(service: &Service, running: &mut Running) {
    let _shows = Shows(service, running.pid());
    tell(service, b"dkx");
    until("supervise ends", || {
        tell(service, b"k");
        running.ended().is_some()
    });
    for pid in copies(service) {
        dt_testkit::signal(pid, "KILL");
    }
}

#[test]
fn a_kill_at_any_system_call_leaves_each_setting_in_force() {
    const NAME: &str = "a_kill_at_any_system_call_leaves_each_setting_in_force";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let wanted = std::env::var("DAEMONTOOLS_SETTING").unwrap_or_default();
    let chosen = SCENARIOS
        .iter()
        .filter(|one| wanted.is_empty() || one.name == wanted);
    let all: Vec<_> = chosen
        .flat_map(|scenario| {
            let points = some(scenario.points(), SOME);
            points.into_iter().map(move |point| (scenario, point))
        })
        .collect();
    let killed = each(&all, |(scenario, point)| scenario.kill_at(point));
    say(&format!("{NAME}: {killed} kills at {} points", all.len()));
    // Not each run makes each call as often, and some come at the end alone.
    assert!(killed * 4 > all.len(), "only {killed} kills");
}

/// What was read was on record nowhere.
#[test]
fn readiness_that_was_heard_is_not_lost_with_the_supervise_that_was_about_to_note_it() {
    const NAME: &str =
        "readiness_that_was_heard_is_not_lost_with_the_supervise_that_was_about_to_note_it";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    for (name, hears) in [
        ("notification-fd", "tee"),
        ("flag-notify-socket", "recvmsg"),
    ] {
        let scenario = SCENARIOS.iter().find(|one| one.name == name).unwrap();
        // Once it waits: the record that follows the first time that it hears something.
        let points = scenario.points();
        let mut calls = points.iter();
        let mut next = |what: &str| calls.find(|(call, _)| call == what).unwrap();
        let noted = ["ppoll", hears, "pwrite64"].map(&mut next)[2];
        assert!(scenario.kill_at(noted), "{name}: it is not killed");
    }
}

/// What was decided on was on record as done, though it was not.
#[test]
fn the_kill_of_timeout_kill_is_not_lost_with_the_supervise_that_was_about_to_send_it() {
    const NAME: &str =
        "the_kill_of_timeout_kill_is_not_lost_with_the_supervise_that_was_about_to_send_it";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let scenario = SCENARIOS.iter().find(|one| one.name == "timeout-kill");
    let (service, _) = scenario.unwrap().service();
    // The first is TERM, the second CONT.
    let mut first = points::killed_at(&service, &("kill".to_owned(), 3));
    until("it is up", || runs(&service) > 0);
    tell(&service, b"d");
    until("supervise is killed", || first.ended().is_some());
    let mut second = service.start();
    service.until_there();
    until("the service is killed", || is_down(&service));
    end(&service, &mut second);
}
