//! Usage, messages and exit codes of `pgrphack`.

use dt_testkit::{Outcome, Scratch, Suite};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn no_argument_is_a_usage_error() {
    suite().refuses("pgrphack", &[&[]], "pgrphack child");
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    let cases = [
        ("no/such", "file does not exist"),
        // An empty component is the scratch directory, which may be searched.
        ("", "access denied"),
        ("--", "file does not exist"),
    ];
    let why = |(name, reason)| (name, format!("unable to run {name}: {reason}"));
    suite().cannot("pgrphack", &cases.map(why));
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
