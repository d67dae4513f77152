//! What waits to be let go when supervise is killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use dt_service::details::{Details, State};
use dt_testkit::points::{Point, each};
use dt_testkit::{Suite, skipped_without_strace, until, until_some};
use kit::Service;
use kit::points::{self, tell};

/// More writes than there are until the service has died twice: one of them lets go
/// each child that there is.
const WRITES: usize = 24;

/// Such a child was on record, so that nobody started it again, yet exited as it had
/// not been let go.
#[test]
fn a_child_that_is_on_record_and_not_let_go_yet_is_not_lost_with_its_supervise() {
    const NAME: &str =
        "a_child_that_is_on_record_and_not_let_go_yet_is_not_lost_with_its_supervise";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let all: Vec<Point> = (1..=WRITES)
        .map(|number| ("write".to_owned(), number))
        .collect();
    let killed = each(&all, kill_at);
    assert!(killed * 2 > WRITES, "only {killed} kills");
}

fn kill_at(point: &Point) -> bool {
    // It waits until `notify` has come so far: eight notices wait at the most, and on a
    // busy machine more would come.
    let told = "until grep -q run-start-$$ told; do sleep 0.02; done 2>&-";
    let service = Service::new(&format!("echo $$ >> ran; {told}; exit 3"));
    let script = |name: &str, line: &str| {
        let text = format!("#!/bin/sh\n{line}\n");
        service.scratch.script(format!("d/{name}"), text);
    };
    script("control/u", "echo u >> asked");
    script("finish", "echo $4 >> finished");
    script("notify", "echo $1-$2-$3 >> told");
    service.scratch.file("d/restart-delay", "50ms");
    let ran = |times| service.words("ran").len() >= times;
    let mut first = points::killed_at(&service, point);
    let killed = until_some("it is killed or has run", || {
        let killed = first.ended().is_some();
        (killed || ran(3)).then_some(killed)
    });
    first.signal("KILL");
    first.wait();
    let mut second = service.start();
    service.until_there();
    until("it has run", || ran(4));
    // The last one comes to its end by itself too.
    tell(&service, b"o");
    until("it is down", || {
        let details = service.scratch.read("d/supervise/details");
        Details::decode(&details).is_some_and(|details| details.state == State::Stopped)
    });
    tell(&service, b"dx");
    until("supervise ends", || second.ended().is_some());
    let ran = service.words("ran");
    assert_eq!(service.words("finished"), ran, "{point:?}");
    assert_eq!(service.words("asked").len(), ran.len(), "{point:?}");
    let told = || {
        let told = service.words("told");
        let of = |pid: &String, begin: bool| {
            let of = |line: &&String| {
                let mut words = line.split('-');
                words.next() == Some("run")
                    && (words.next() == Some("start")) == begin
                    && words.next() == Some(pid)
            };
            told.iter().filter(of).count()
        };
        ran.iter()
            .all(|pid| (of(pid, true), of(pid, false)) == (1, 1))
    };
    until(
        &format!("{point:?}: notify has been told once of each"),
        told,
    );
    killed
}
