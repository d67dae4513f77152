//! Usage, messages and exit codes of `envuidgid`.

use dt_testkit::{Outcome, Scratch, Suite};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn too_few_arguments_are_a_usage_error() {
    let usage = Outcome::fails(100, "envuidgid: usage: envuidgid account child\n");
    for arguments in [&[][..], &["root"]] {
        assert_eq!(suite().run("envuidgid", arguments, &Scratch::new()), usage);
    }
}

#[test]
fn an_account_that_is_not_there_is_unknown() {
    for name in ["no-such-account", "", "0", "--"] {
        let message = format!("envuidgid: fatal: unknown account {name}\n");
        assert_eq!(
            suite().run("envuidgid", &[name, "true"], &Scratch::new()),
            Outcome::fails(111, message)
        );
    }
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    let message = "envuidgid: fatal: unable to run no/such: file does not exist\n";
    assert_eq!(
        suite().run("envuidgid", &["root", "no/such"], &Scratch::new()),
        Outcome::fails(111, message)
    );
}

#[test]
fn ids_replace_old_values_and_nothing_else_changes() {
    let scratch = Scratch::new();
    let mut command = suite().command("envuidgid", &scratch);
    command.args(["nobody", "sh", "-c", "echo $UID $GID $OTHER"]);
    command.env("UID", "1").env("OTHER", "3");
    assert_eq!(Outcome::of(&mut command), Outcome::gives("65534 65534 3\n"));
}
