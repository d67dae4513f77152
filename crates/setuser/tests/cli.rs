//! Usage, messages and exit codes of `setuser`.

use dt_testkit::{
    Outcome, Scratch, Suite, by_an_ordinary_user, skipped_without_root, with_system_files,
};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn too_few_arguments_are_a_usage_error() {
    suite().refuses("setuser", &[&[], &["root"]], "setuser account child");
}

#[test]
fn an_account_that_is_not_there_is_unknown() {
    let unknown = |name| (name, format!("unknown account {name}"));
    suite().cannot(
        "setuser",
        &["no-such-account", "", "0", "-s", "--"].map(unknown),
    );
}

#[test]
fn an_ordinary_user_cannot_change_the_groups() {
    let scratch = Scratch::new();
    let mut command = by_an_ordinary_user("setuser", &scratch);
    // Its home is open to everybody on any system that has it.
    assert_eq!(
        Outcome::of(command.args(["bin", "true"])),
        Outcome::fails(111, "setuser: fatal: unable to setgid: permission denied\n")
    );
}

/// Runs the script with these accounts, and a group of theirs, in the place of the
/// system's.
fn with_accounts(scratch: &Scratch, passwd: &str, script: &str) -> Outcome {
    let files = [
        ("passwd", passwd),
        ("group", "main:x:7008:\na:x:7001:jo\n"),
        ("nsswitch.conf", "passwd: files\n"),
    ];
    with_system_files(scratch, &files, script)
}

#[test]
fn it_is_the_account_with_all_its_groups_at_home() {
    if skipped_without_root("it_is_the_account_with_all_its_groups_at_home") {
        return;
    }
    let scratch = Scratch::new();
    let home = scratch.directory("home");
    let home = home.display();
    let passwd = format!("jo:x:7007:7008:Jo:{home}:/bin/dash\nal:x:7009:7008::{home}:\n");
    let script = "setuser jo sh -c 'echo $USER $UID $GID $SHELL $HOME; pwd; id -u; id -G'";
    let want = format!("jo 7007 7008 /bin/dash {home}\n{home}\n7007\n7008 7001\n");
    assert_eq!(
        with_accounts(&scratch, &passwd, script),
        Outcome::gives(want)
    );
    let script = "setuser al sh -c 'echo $USER $SHELL; id -G'";
    let want = Outcome::gives("al /bin/sh\n7008\n");
    assert_eq!(with_accounts(&scratch, &passwd, script), want);
}

#[test]
fn a_home_that_is_not_there_is_told() {
    if skipped_without_root("a_home_that_is_not_there_is_told") {
        return;
    }
    let scratch = Scratch::new();
    assert_eq!(
        with_accounts(
            &scratch,
            "jo:x:7007:7008::/no/such:/bin/sh\n",
            "setuser jo true"
        ),
        Outcome::fails(
            111,
            "setuser: fatal: unable to chdir to /no/such: file does not exist\n"
        )
    );
}
