//! Usage, messages and exit codes of `pgrphack`.

use dt_testkit::{Outcome, Scratch, Suite};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn no_argument_is_a_usage_error() {
    let usage = Outcome::fails(100, "pgrphack: usage: pgrphack child\n");
    assert_eq!(suite().run("pgrphack", &[""; 0], &Scratch::new()), usage);
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    for (name, reason) in [
        ("no/such", "file does not exist"),
        ("", "access denied"),
        ("--", "file does not exist"),
    ] {
        // An empty component would be the scratch directory, which may be searched.
        let message = format!("pgrphack: fatal: unable to run {name}: {reason}\n");
        assert_eq!(
            suite().run("pgrphack", &[name], &Scratch::new()),
            Outcome::fails(111, message)
        );
    }
}

/// The shell's process id, process group and session.
const SHOW: &str = r#"set -- $(sed 's/.*) //' /proc/$$/stat); echo "$(($$ == $3)) $(($$ == $4))""#;

#[test]
fn the_program_leads_a_group_and_a_session() {
    let outcome = suite().run("pgrphack", &["sh", "-c", SHOW], &Scratch::new());
    assert_eq!(outcome, Outcome::gives("1 1\n"));
}

#[test]
fn a_leader_already_is_no_failure() {
    let arguments = [
        suite().program("pgrphack").into_os_string(),
        "sh".into(),
        "-c".into(),
        SHOW.into(),
    ];
    let outcome = suite().run("pgrphack", &arguments, &Scratch::new());
    assert_eq!(outcome, Outcome::gives("1 1\n"));
}
