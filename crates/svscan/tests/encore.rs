//! What `svscan` has of daemontools-encore, with a real `supervise`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Stdio;

use dt_testkit::{Outcome, Running, Scratch, Suite, descendants_of_scratch, signal, until};

/// A scan directory `sc`, and an `svscan` in it.
fn start(scratch: &Scratch, arguments: &[&str], compatible: bool) -> Running {
    let mut command = Suite::ours().command("svscan", scratch);
    command.arg("sc").args(arguments).stdout(Stdio::null());
    if compatible {
        command.env("SUPERVISE_COMPAT", "encore");
    }
    Running::start(&mut command, scratch)
}

fn service(scratch: &Scratch, name: &str, run: &str) {
    scratch.script(format!(".making/{name}/run"), format!("#!/bin/sh\n{run}\n"));
    let from = scratch.join(format!(".making/{name}"));
    std::fs::rename(from, scratch.directory("sc").join(name)).unwrap();
}

fn has(scratch: &Scratch, file: &str, text: &str) {
    until(&format!("{text:?} is in {file}"), || {
        let content = std::fs::read_to_string(scratch.join(file));
        content.is_ok_and(|content| content.contains(text))
    });
}

/// The process ids of `supervise NAME`.
fn supervises(scratch: &Scratch, name: &str) -> Vec<u32> {
    let line = format!("supervise\0{name}\0");
    let all = descendants_of_scratch(scratch.path()).into_iter();
    all.filter(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline"));
        arguments.is_ok_and(|arguments| arguments == line.as_bytes())
    })
    .collect()
}

#[test]
fn one_service_takes_what_all_others_print() {
    let scratch = Scratch::new();
    service(&scratch, "a", "echo out-a; echo err-a >&2; exec sleep 1000");
    scratch.script("logger/run", "#!/bin/sh\nexec cat >>../got\n");
    let mut svscan = start(&scratch, &["../logger"], true);
    has(&scratch, "got", "out-a\n");
    has(&scratch, "got", "err-a\n");
    // Its supervise is killed: the next reads the same pipe.
    until("it has its supervise", || {
        supervises(&scratch, "../logger").len() == 1
    });
    let first = supervises(&scratch, "../logger");
    signal(first[0], "KILL");
    service(&scratch, "b", "echo out-b; exec sleep 1000");
    has(&scratch, "got", "out-b\n");
    until("it has another supervise", || {
        let now = supervises(&scratch, "../logger");
        now.len() == 1 && now != first
    });
    svscan.signal("TERM");
    assert_eq!(svscan.wait(), 0);
    until("everything ends, the log last", || {
        descendants_of_scratch(scratch.path()).is_empty()
    });
}

#[test]
fn a_second_argument_means_nothing_to_the_original() {
    let scratch = Scratch::new();
    service(&scratch, "a", "echo out-a >>../../got; exec sleep 1000");
    scratch.script("logger/run", "#!/bin/sh\nexec sleep 1000\n");
    let mut svscan = start(&scratch, &["../logger"], false);
    has(&scratch, "got", "out-a\n");
    assert_eq!(supervises(&scratch, "../logger"), []);
    svscan.signal("TERM");
    assert_eq!(svscan.wait(), 143);
    assert_eq!(supervises(&scratch, "a").len(), 1, "it lives on");
}

#[test]
fn term_stops_in_order_where_that_was_asked_for() {
    let scratch = Scratch::new();
    service(
        &scratch,
        "a",
        "trap 'echo last-a; exit' TERM; echo up; while :; do sleep 0.01; done",
    );
    scratch.script("log/run", "#!/bin/sh\nexec cat >>../../got\n");
    std::fs::rename(scratch.join("log"), scratch.join("sc/a/log")).unwrap();
    let mut svscan = start(&scratch, &[], true);
    has(&scratch, "sc/got", "up\n");
    svscan.signal("TERM");
    assert_eq!(svscan.wait(), 0);
    assert_eq!(scratch.read("sc/got"), b"up\nlast-a\n");
    assert_eq!(descendants_of_scratch(scratch.path()), Vec::<u32>::new());
}

/// The service's own supervise looks after it.
#[test]
fn a_log_that_is_a_program_is_no_service_of_its_own() {
    let scratch = Scratch::new();
    scratch.script("made/run", "#!/bin/sh\nexec sleep 1000\n");
    scratch.script("made/log", "#!/bin/sh\nexec cat\n");
    scratch.directory("sc");
    std::fs::rename(scratch.join("made"), scratch.join("sc/a")).unwrap();
    let _svscan = start(&scratch, &[], false);
    until("it is up", || {
        Suite::ours().run("svok", &["sc/a"], &scratch) == Outcome::gives("")
    });
    assert_eq!(supervises(&scratch, "log"), []);
}
