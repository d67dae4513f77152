//! Who is told what, and when.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::deaths::Role;
use dt_service::record::{More, Notice, What};
use supervise::notices::{Action, Notices, PATIENCE};

const NOW: Moment = Moment::at(Duration::from_secs(1000));
const PID: Pid = Pid::from_raw(7);

fn notice(pid: u32) -> Notice {
    Notice {
        role: Role::Run,
        what: What::Started,
        pid,
    }
}

#[test]
fn one_is_told_at_a_time_and_in_order() {
    let told = Notices::default().with(notice(1)).with(notice(2));
    let (told, action) = told.next(NOW);
    assert_eq!(action, Some(Action::Give(notice(1))));
    let told = told.given(Some(PID), NOW);
    assert_eq!(told.next(NOW), (told, None), "beside the first");
    assert_eq!(told.without(Pid::from_raw(8)), told, "a stranger's death");
    let (told, action) = told.without(PID).next(NOW);
    assert_eq!(action, Some(Action::Give(notice(2))));
    assert!(told.given(None, NOW).is_idle(), "could not be started");
}

#[test]
fn one_that_takes_too_long_is_killed_and_waited_for() {
    let (told, _) = Notices::default().with(notice(1)).next(NOW);
    let told = told.given(Some(PID), NOW);
    let deadline = told.deadline().unwrap();
    assert_eq!(deadline.since(NOW), PATIENCE);
    let (told, action) = told.next(deadline);
    assert_eq!(action, Some(Action::Kill(PID)));
    assert_eq!(told.next(deadline), (told, None), "again at once");
    assert!(told.without(PID).is_idle());
}

#[test]
fn where_there_are_too_many_the_oldest_is_dropped() {
    let mut told = Notices::default();
    for pid in 0..=u32::try_from(More::NOTICES).unwrap() {
        told = told.with(notice(pid));
    }
    assert_eq!(told.next(NOW).1, Some(Action::Give(notice(1))));
}
