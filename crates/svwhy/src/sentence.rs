//! The sentence.

use std::time::Duration;

use dt_client::{escaped, signal_name, span};
use dt_service::deaths::Ending;
use dt_service::details::{Details, Reason, State};
use dt_service::{StatusFile, Want};

use crate::evidence::{Evidence, Keeper};
use crate::run_file::RunFile;

/// Why the service is as it is.
pub(crate) fn of(evidence: &Evidence) -> String {
    let mut text = match (&evidence.keeper, evidence.file) {
        (Keeper::Supervise, Some(file)) => supervised(evidence, &file) + &words(evidence),
        (Keeper::Supervise, None) => unreadable(evidence.missing),
        (Keeper::Unknown(why), _) => format!("nothing can be told: {why}"),
        (Keeper::Gone, _) => gone(evidence),
        (Keeper::Never, _) => never(evidence),
    };
    if let Some(problem) = run_problem(&evidence.run) {
        text.push_str("; ");
        text.push_str(&problem);
    }
    let problems = evidence.details.map_or(0, |details| details.problems);
    if problems > 0 {
        text.push_str("; some of its setting files are wrong, as svcheck tells");
    }
    text
}

/// What there is instead of a status to go by.
fn unreadable(missing: Option<u32>) -> String {
    match missing {
        Some(pid) => format!(
            "its process {pid} has gone, and supervise does not take notice: it is stopped, or \
             cannot write its status"
        ),
        None => "supervised, but its status cannot be read: supervise is just starting, or \
                 cannot write"
            .to_owned(),
    }
}

fn gone(evidence: &Evidence) -> String {
    if let Some((pid, name)) = &evidence.holder {
        return format!(
            "supervise not running, but its lock is held by process {pid} ({name}), \
             which lets no other start"
        );
    }
    let left = evidence.file.filter(|_| evidence.lives);
    let left = left.map_or_else(String::new, |file| {
        format!("; its service may still run as process {}", file.main.pid)
    });
    format!(
        "supervise not running: it has ended or been killed, and no svscan has started \
         another{left}"
    )
}

fn never(evidence: &Evidence) -> String {
    match &evidence.holder {
        Some((pid, name)) => format!("its lock is held by process {pid} ({name})"),
        None => {
            "never supervised: no svscan has found it, or its supervise could not start".to_owned()
        }
    }
}

fn run_problem(run: &RunFile) -> Option<String> {
    Some(match run {
        RunFile::Fine => return None,
        RunFile::Missing => "there is no run".to_owned(),
        RunFile::NotExecutable => "run is not executable".to_owned(),
        RunFile::NoFile => "run is no file".to_owned(),
        RunFile::NoInterpreter => "run has no #! line, so the kernel cannot execute it".to_owned(),
        RunFile::InterpreterMissing(name) => {
            let name = String::from_utf8_lossy(&escaped(name)).into_owned();
            format!("run wants {name}, which does not exist")
        }
    })
}

fn supervised(evidence: &Evidence, file: &StatusFile) -> String {
    if let Some(text) = evidence
        .details
        .as_ref()
        .and_then(|details| by_reason(evidence, details))
    {
        return text;
    }
    if evidence.keeps_dying() {
        let end = end(evidence);
        let count = evidence.lately.deaths;
        return format!("keeps dying: {count} times in the last minute, {end}");
    }
    let phase = evidence.phase();
    let age = span(evidence.age);
    if phase.is_some_and(|phase| phase.up) {
        return up(evidence, file, &age);
    }
    if file.main.pid != 0 {
        let starting = phase.is_some_and(|phase| !phase.down);
        let what = if starting { "start" } else { "its cleaning up" };
        return format!(
            "{what} has been running for {age}, as process {}",
            file.main.pid
        );
    }
    down(evidence, file, &age)
}

fn up(evidence: &Evidence, file: &StatusFile, age: &str) -> String {
    let mut text = if file.main.pid == 0 {
        format!("up for {age}: start is done, and there is no run to run")
    } else {
        format!("up for {age} as process {}", file.main.pid)
    };
    let silent = evidence.phase().is_some_and(|phase| !phase.ready)
        && evidence
            .details
            .is_some_and(|details| details.state == State::Starting);
    for (holds, note) in [
        (silent, ", but it has not told yet that it is ready"),
        (file.main.paused, ", paused by svc -p until svc -c"),
        (
            file.main.want == Want::Down,
            ", told to go down and not gone yet",
        ),
        (
            file.main.want == Want::Neither,
            ", and not to be started again (svc -o)",
        ),
        (
            !evidence.normally_up,
            ", although there is a file down: somebody told it to be up",
        ),
    ] {
        if holds {
            text.push_str(note);
        }
    }
    text
}

/// What the service says about itself, whatever else there is to say about it.
fn words(evidence: &Evidence) -> String {
    let words = evidence.details.map(|details| details.words);
    let words = words.as_ref().map_or(&b""[..], |words| words.as_bytes());
    if words.is_empty() {
        return String::new();
    }
    format!("; it says: {}", String::from_utf8_lossy(&escaped(words)))
}

fn down(evidence: &Evidence, file: &StatusFile, age: &str) -> String {
    let why = match (file.main.want, evidence.normally_up) {
        (Want::Down, false) => "the file down says so".to_owned(),
        (Want::Down, true) => {
            "told to go down (svc -d), until svc -u or the next supervise".to_owned()
        }
        (Want::Neither, _) => format!("it was to run once (svc -o); {}", end(evidence)),
        (Want::Up, _) => format!("about to be started; {}", end(evidence)),
    };
    format!("down for {age}: {why}")
}

/// How it ended last.
fn end(evidence: &Evidence) -> String {
    let Some((ending, uptime)) = evidence.last_end() else {
        return "how it ended is not on record".to_owned();
    };
    let how = how(ending);
    let memory = evidence.last_death.is_some_and(|death| death.out_of_memory);
    let memory = if memory {
        ", and the kernel had killed for want of memory"
    } else {
        ""
    };
    format!(
        "the last one {how} after {}{memory}",
        span(uptime.as_secs())
    )
}

fn how(ending: Ending) -> String {
    match ending {
        Ending::Code(code) => format!("exited {code}"),
        Ending::Signal(number) => format!("was killed by {}", signal_name(number)),
        Ending::Unknown => "ended, nobody knows how,".to_owned(),
    }
}

/// What `supervise` itself says; nothing where that is nothing.
fn by_reason(evidence: &Evidence, details: &Details) -> Option<String> {
    let (due, more) = left(evidence.wait_left());
    let about = String::from_utf8_lossy(&escaped(details.about.as_bytes())).into_owned();
    let failed = details.state == State::Failed;
    Some(match details.reason {
        Reason::None => return failed.then(|| format!("failed; {}", end(evidence))),
        Reason::Spacing => format!("about to be started{due}: the last start was just now"),
        Reason::Backoff => {
            // By the supervise of now, which may have come later.
            let deaths = match details.deaths {
                0 => String::new(),
                count => format!(", after {}", deaths(count)),
            };
            format!(
                "waiting{more} because of its restart delay{deaths}; {}",
                end(evidence)
            )
        }
        Reason::NoFork => format!("waiting{more}: the system could make no new process"),
        Reason::Dependency if failed => format!("failed, because {about} has, which it depends on"),
        Reason::Dependency => format!("waiting for {about}, which it depends on and is not ready"),
        Reason::Doubt => {
            format!("waiting{more}: a process of an earlier supervise may still run")
        }
        Reason::Retry => format!("failed, and to be tried again{due}; {}", end(evidence)),
        Reason::Signals => format!("being stopped: its next signal is due{due}"),
        Reason::StartFailed => "failed: its start did not succeed".to_owned(),
        Reason::Permanent => {
            "failed: run exited 100, which means that trying again will not help".to_owned()
        }
        Reason::StartLimit => {
            // The setting may have been taken away since.
            let window = match details.death_window.as_secs() {
                0 => String::new(),
                seconds => format!(" in {}", span(seconds)),
            };
            let end = end(evidence);
            match details.recent_deaths {
                0 => format!("failed: too many deaths{window}; {end}"),
                count => format!("failed after {}{window}; {end}", deaths(count)),
            }
        }
        Reason::NotReady => "failed: it did not tell in time that it is ready".to_owned(),
        Reason::FinishSaidSo => "down: finish exited 125, which means not again".to_owned(),
        Reason::NoRestart => format!(
            "down: its setting restart says not again after such an end; {}",
            end(evidence)
        ),
        Reason::Cycle => format!("failed: it depends on {about}, which depends on it"),
        Reason::Leftovers => {
            let killed = if due.is_empty() {
                String::new()
            } else {
                format!(", and killed{due}")
            };
            format!(
                "its process has ended, and what that has started is waited for{killed}; {}",
                end(evidence)
            )
        }
        Reason::Watchdog => "being stopped: it did not feed its watchdog in time".to_owned(),
    })
}

fn deaths(count: u32) -> String {
    match count {
        1 => "1 death".to_owned(),
        count => format!("{count} deaths"),
    }
}

/// When something is due, and for how long that still is.
fn left(time: Option<Duration>) -> (String, String) {
    let Some(time) = time else {
        return (String::new(), String::new());
    };
    // Rounded up: what still waits waits for more than nothing.
    let time = span(time.as_secs() + u64::from(time.subsec_nanos() > 0));
    (format!(" in {time}"), format!(" {time} more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Lately;
    use dt_service::deaths::{Death, Role};
    use dt_service::details::Text;
    use dt_service::{State as Encore, Status};

    fn plain(pid: u32, want: Want) -> Evidence {
        let status = Status {
            seconds: 0,
            nanos: 0,
            pid,
            paused: false,
            want,
        };
        Evidence {
            keeper: Keeper::Supervise,
            holder: None,
            file: Some(StatusFile {
                main: status,
                state: None,
                log: None,
            }),
            missing: None,
            lives: false,
            age: 75,
            normally_up: true,
            details: None,
            last_death: None,
            lately: Lately::default(),
            run: RunFile::Fine,
            now: Duration::from_secs(1000),
        }
    }

    const DEATH: Death = Death {
        at: (0, 0),
        uptime: Duration::from_secs(2),
        pid: 5,
        role: Role::Run,
        ending: Ending::Code(111),
        core_dumped: false,
        out_of_memory: false,
        peak_memory: 0,
        user_time: Duration::ZERO,
        system_time: Duration::ZERO,
    };

    #[test]
    fn a_plain_service_is_explained_from_its_status() {
        let down_file = Evidence {
            normally_up: false,
            ..plain(0, Want::Down)
        };
        let once = Evidence {
            last_death: Some(DEATH),
            ..plain(0, Want::Neither)
        };
        for (evidence, text) in [
            (plain(7, Want::Up), "up for 1m 15s as process 7"),
            (
                plain(7, Want::Down),
                "up for 1m 15s as process 7, told to go down and not gone yet",
            ),
            (
                plain(0, Want::Down),
                "down for 1m 15s: told to go down (svc -d), until svc -u or the next supervise",
            ),
            (down_file, "down for 1m 15s: the file down says so"),
            (
                once,
                "down for 1m 15s: it was to run once (svc -o); the last one exited 111 after 2s",
            ),
        ] {
            assert_eq!(of(&evidence), text);
        }
    }

    #[test]
    fn what_has_no_way_to_tell_that_it_is_ready_is_not_called_late() {
        for (state, text) in [
            (
                State::Starting,
                "up for 1m 15s as process 7, but it has not told yet that it is ready",
            ),
            (State::Running, "up for 1m 15s as process 7"),
            (State::Stopping, "up for 1m 15s as process 7"),
        ] {
            let details = Details {
                state,
                ..Details::EMPTY
            };
            let evidence = Evidence {
                details: Some(details),
                ..plain(7, Want::Up)
            };
            assert_eq!(of(&evidence), text);
        }
    }

    #[test]
    fn what_keeps_dying_is_called_so_and_why_run_cannot_be_run() {
        let evidence = Evidence {
            age: 0,
            lately: Lately { deaths: 57 },
            last_death: Some(Death {
                uptime: Duration::ZERO,
                ..DEATH
            }),
            run: RunFile::NotExecutable,
            ..plain(7, Want::Up)
        };
        assert_eq!(
            of(&evidence),
            "keeps dying: 57 times in the last minute, the last one exited 111 after 0s; \
             run is not executable"
        );
        assert!(!evidence.is_well());
        // Told to stay down, it no longer does.
        let down = Evidence {
            run: RunFile::Fine,
            file: plain(0, Want::Down).file,
            ..evidence.clone()
        };
        assert!(of(&down).starts_with("down for 0s: told to go down"));
        assert!(plain(7, Want::Up).is_well());
    }

    #[test]
    fn without_supervise_the_lock_is_looked_at() {
        let gone = Evidence {
            keeper: Keeper::Gone,
            ..plain(0, Want::Up)
        };
        let held = Evidence {
            holder: Some((4711, "runsv".to_owned())),
            ..gone.clone()
        };
        let left = Evidence {
            lives: true,
            file: plain(7, Want::Up).file,
            ..gone.clone()
        };
        for (evidence, text) in [
            (
                gone,
                "supervise not running: it has ended or been killed, and no svscan has started another",
            ),
            (
                held,
                "supervise not running, but its lock is held by process 4711 (runsv), which lets \
                 no other start",
            ),
            (
                left,
                "supervise not running: it has ended or been killed, and no svscan has started \
                 another; its service may still run as process 7",
            ),
        ] {
            assert_eq!(of(&evidence), text);
        }
    }

    fn detailed(state: State, reason: Reason) -> Evidence {
        let details = Details {
            state,
            reason,
            until: Some(Duration::from_millis(1_007_500)),
            deaths: 4,
            recent_deaths: 5,
            death_window: Duration::from_mins(1),
            about: Text::new(b"db"),
            ..Details::EMPTY
        };
        Evidence {
            details: Some(details),
            last_death: Some(DEATH),
            ..plain(0, Want::Up)
        }
    }

    #[test]
    fn what_supervise_waits_for_and_why_it_gave_up() {
        for (state, reason, text) in [
            (
                State::Waiting,
                Reason::Backoff,
                "waiting 8s more because of its restart delay, after 4 deaths; the last one exited 111 after 2s",
            ),
            (
                State::Waiting,
                Reason::Dependency,
                "waiting for db, which it depends on and is not ready",
            ),
            (
                State::Failed,
                Reason::Dependency,
                "failed, because db has, which it depends on",
            ),
            (
                State::Failed,
                Reason::StartLimit,
                "failed after 5 deaths in 1m 0s; the last one exited 111 after 2s",
            ),
            (
                State::Failed,
                Reason::None,
                "failed; the last one exited 111 after 2s",
            ),
        ] {
            assert_eq!(of(&detailed(state, reason)), text);
        }
    }

    #[test]
    fn what_was_killed_for_want_of_memory_is_told_so() {
        let evidence = Evidence {
            last_death: Some(Death {
                ending: Ending::Signal(9),
                out_of_memory: true,
                ..DEATH
            }),
            ..detailed(State::Failed, Reason::None)
        };
        let text = "failed; the last one was killed by SIGKILL after 2s, and the kernel had killed \
                    for want of memory";
        assert_eq!(of(&evidence), text);
    }

    /// It was said only of one that is up and has nothing else to be told of.
    #[test]
    fn what_it_says_is_told_also_while_it_is_to_end() {
        let mut evidence = detailed(State::Stopping, Reason::Watchdog);
        let without = of(&evidence);
        if let Some(details) = &mut evidence.details {
            details.words = Text::new(b"all is \x1bwell");
        }
        assert_eq!(of(&evidence), without + "; it says: all is \\x1bwell");
    }

    #[test]
    fn every_reason_has_its_words() {
        for reason in Reason::ALL {
            let text = of(&detailed(State::Failed, reason));
            assert!(!text.is_empty() && !text.contains('\n'), "{reason:?}");
        }
    }

    #[test]
    fn scripts_before_and_after_are_named() {
        let mut evidence = plain(7, Want::Up);
        for (state, text) in [
            (
                Encore::Starting,
                "start has been running for 1m 15s, as process 7",
            ),
            (
                Encore::Stopped,
                "its cleaning up has been running for 1m 15s, as process 7",
            ),
        ] {
            evidence.file = evidence.file.map(|file| StatusFile {
                state: Some(state),
                ..file
            });
            assert_eq!(of(&evidence), text);
        }
    }
}
