//! A service that goes into the background: what it has left behind is named.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use dt_testkit::{Suite, signal, until};
use kit::Service;

/// What has been said of it.
fn said(service: &Service) -> Vec<String> {
    let text = service.errors();
    let lines = text.lines().filter(|line| line.contains(" left process "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_process_that_run_leaves_behind_is_named_once() {
    if Suite::under_test().is_original() {
        return;
    }
    // Its second process is nobody's child when `run` has ended.
    let service = Service::new("(sh -c 'echo $$ >> strays; exec sleep 1000' &)\nexit 0");
    let strays = || service.words("strays");
    let mut supervise = service.start();
    until("it was started three times", || strays().len() >= 3);
    kit::points::tell(&service, b"dx");
    until("supervise ends", || supervise.ended().is_some());
    let all = strays();
    for stray in &all {
        signal(stray.parse().unwrap(), "KILL");
    }
    let said = said(&service);
    assert_eq!(said.len(), 1, "{said:?}");
    let named = said[0]
        .split(' ')
        .find(|word| all.contains(&(*word).to_owned()));
    assert!(named.is_some(), "{said:?} names none of {all:?}");
}

#[test]
fn a_run_that_leaves_nobody_behind_is_not_spoken_of() {
    if Suite::under_test().is_original() {
        return;
    }
    let service = Service::new("sleep 0.01 & wait\necho over >> over");
    let mut supervise = service.start();
    // Not while there is a child of it: that would be left behind indeed.
    until("it was over twice", || service.words("over").len() >= 2);
    kit::points::tell(&service, b"dx");
    until("supervise ends", || supervise.ended().is_some());
    assert_eq!(said(&service), [""; 0]);
}
