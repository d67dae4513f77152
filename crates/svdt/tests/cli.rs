//! What `svdt` lists, and what it forgets.

use std::time::Duration;

use dt_service::deaths::{self, Death, Ending, Role};
use dt_testkit::{Outcome, Scratch, Suite};

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::ours().run("svdt", arguments, scratch)
}

const DEATH: Death = Death {
    at: (dt_tai::EPOCH + 1_000_000_000, 7),
    uptime: Duration::from_millis(1500),
    pid: 41,
    role: Role::Run,
    ending: Ending::Signal(11),
    core_dumped: true,
    out_of_memory: false,
    peak_memory: 2048,
    user_time: Duration::from_millis(70),
    system_time: Duration::from_micros(8),
};

const LABEL: &str = "@400000003b9aca0a00000007";

/// Deaths by SEGV, by exit code 3, and in a way that nobody knows, with one of
/// `finish` between them.
fn with_deaths(scratch: &Scratch) {
    let with = |role: Role, ending: Ending| Death {
        role,
        ending,
        core_dumped: false,
        ..DEATH
    };
    let all = [
        DEATH,
        with(Role::Finish, Ending::Code(1)),
        with(Role::Run, Ending::Code(3)),
        with(Role::Run, Ending::Unknown),
    ];
    let slots = all
        .iter()
        .zip(0..)
        .map(|(death, number)| death.encode(number));
    scratch.file("d/supervise/deaths", slots.collect::<Vec<_>>().concat());
}

#[test]
fn deaths_of_the_service_are_listed_as_s6_lists_them() {
    let scratch = Scratch::new();
    with_deaths(&scratch);
    let lines = [
        format!("{LABEL} signal SIGSEGV\n"),
        format!("{LABEL} exitcode 3\n"),
        format!("{LABEL} unknown\n"),
    ];
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(lines.concat()));
    assert_eq!(run(&scratch, &["-S", "d"]), Outcome::gives(lines.concat()));
    assert_eq!(
        run(&scratch, &["-n2", "d"]),
        Outcome::gives(lines[1..].concat())
    );
    assert_eq!(run(&scratch, &["-n", "0", "d"]), Outcome::gives(""));
    let outcome = run(&scratch, &["-s", "d"]);
    let numbers = lines.concat().replace("SIGSEGV", "11");
    assert_eq!(outcome, Outcome::gives(numbers));
}

#[test]
fn the_long_form_has_all_programs_and_all_columns() {
    let scratch = Scratch::new();
    with_deaths(&scratch);
    let rest = "oom no peak 2048 user 0.070 system 0.000";
    let lines = format!(
        "{LABEL} signal SIGSEGV of run pid 41 uptime 1.500 core yes {rest}\n\
         {LABEL} exitcode 1 of finish pid 41 uptime 1.500 core no {rest}\n\
         {LABEL} exitcode 3 of run pid 41 uptime 1.500 core no {rest}\n\
         {LABEL} unknown of run pid 41 uptime 1.500 core no {rest}\n"
    );
    assert_eq!(run(&scratch, &["-l", "d"]), Outcome::gives(lines));
}

#[test]
fn deaths_are_forgotten_on_request() {
    let scratch = Scratch::new();
    with_deaths(&scratch);
    assert_eq!(run(&scratch, &["--clear", "d"]), Outcome::gives(""));
    assert_eq!(scratch.read("d/supervise/deaths"), b"");
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(""));
    assert_eq!(deaths::next_number(&scratch.read("d/supervise/deaths")), 0);
}

#[test]
fn a_service_without_a_death_has_an_empty_list() {
    let scratch = Scratch::new();
    scratch.file("d/supervise/status", "");
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(""));
    assert_eq!(run(&scratch, &["--clear", "d"]), Outcome::gives(""));
}

#[test]
fn wrong_usage_and_what_is_no_service() {
    let scratch = Scratch::new();
    scratch.directory("d");
    let usage = "svdt: usage: svdt [ -S | -s ] [ -l ] [ -n maxentries ] dir, or svdt --clear dir\n";
    for arguments in [
        &[][..],
        &["-s"],
        &["-n", "x", "d"],
        &["-n", "-1", "d"],
        &["--clear"],
    ] {
        assert_eq!(
            run(&scratch, arguments),
            Outcome::fails(100, usage),
            "{arguments:?}"
        );
    }
    for (arguments, verb) in [(&["d"][..], "read"), (&["--clear", "d"], "clear")] {
        let line = format!(
            "svdt: fatal: unable to {verb} death tally for service d: file does not exist\n"
        );
        assert_eq!(run(&scratch, arguments), Outcome::fails(111, line));
    }
}
