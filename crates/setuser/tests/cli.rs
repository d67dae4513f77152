//! Usage, messages and exit codes of `setuser`.

use std::process::Command;

use dt_testkit::{Outcome, Scratch, Suite, skipped_without_root};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn too_few_arguments_are_a_usage_error() {
    let usage = Outcome::fails(100, "setuser: usage: setuser account child\n");
    for arguments in [&[][..], &["root"]] {
        assert_eq!(suite().run("setuser", arguments, &Scratch::new()), usage);
    }
}

#[test]
fn an_account_that_is_not_there_is_unknown() {
    for name in ["no-such-account", "", "0", "-s", "--"] {
        let message = format!("setuser: fatal: unknown account {name}\n");
        assert_eq!(
            suite().run("setuser", &[name, "true"], &Scratch::new()),
            Outcome::fails(111, message)
        );
    }
}

#[test]
fn an_ordinary_user_cannot_change_the_groups() {
    let scratch = Scratch::new();
    let mut command = suite().command("setuser", &scratch);
    if dt_testkit::is_root() {
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(suite().program("setuser"));
    }
    // Its home is open to everybody on any system that has it.
    assert_eq!(
        Outcome::of(command.args(["bin", "true"])),
        Outcome::fails(111, "setuser: fatal: unable to setgid: permission denied\n")
    );
}

/// Runs the script with these accounts, and a group of theirs, in the place of the
/// system's.
fn with_accounts(scratch: &Scratch, passwd: &str, script: &str) -> Outcome {
    scratch.file("passwd", passwd);
    scratch.file("group", "main:x:7008:\na:x:7001:jo\n");
    scratch.file("nsswitch.conf", "passwd: files\n");
    let mounts =
        "for file in passwd group nsswitch.conf; do mount --bind $file /etc/$file || exit; done";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &format!("{mounts}; {script}")])
        .current_dir(scratch.path())
        .env("PATH", suite().path());
    Outcome::of(&mut command)
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
