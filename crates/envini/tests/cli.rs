//! Usage, messages and exit codes of `envini`.

use dt_testkit::{Outcome, Scratch, Suite};

fn suite() -> Suite {
    Suite::under_test()
}

const USAGE: &str = "envini: usage: envini [ -p prefix ] inifile child\n";

#[test]
fn usage_is_a_temporary_error() {
    for arguments in [
        &[][..],
        &["file"],
        &["--"],
        &["-p", "X"],
        &["-p", "X", "file"],
    ] {
        assert_eq!(
            suite().run("envini", arguments, &Scratch::new()),
            Outcome::fails(111, USAGE)
        );
    }
    assert_eq!(
        suite().run("envini", &["-x", "file", "true"], &Scratch::new()),
        Outcome::fails(111, format!("envini: illegal option -- x\n{USAGE}"))
    );
}

#[test]
fn variables_have_prefix_and_section_before_their_names() {
    let scratch = Scratch::new();
    scratch.file("file", "a = 1\n; b = 2\n[s]\na = x y \n");
    let words = ["-pX_", "file", "sh", "-c", "echo $X_a, $X_s_a, ${X_b-none}"];
    assert_eq!(
        suite().run("envini", &words, &Scratch::new()).code,
        0,
        "without its file it has nothing to do"
    );
    assert_eq!(
        suite().run("envini", &words, &scratch),
        Outcome::gives("1, x y, none\n")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    assert_eq!(
        suite().run("envini", &["dir", "true"], &scratch),
        Outcome::fails(111, "envini: fatal: unable to read dir: is a directory\n")
    );
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    assert_eq!(
        suite().run("envini", &["file", "no/such"], &Scratch::new()),
        Outcome::fails(
            111,
            "envini: fatal: unable to run no/such: file does not exist\n"
        )
    );
}
