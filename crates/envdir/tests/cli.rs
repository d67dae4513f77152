//! Usage, messages and exit codes of `envdir`, and the variables it makes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use dt_testkit::{Outcome, Scratch, Suite};

fn suite() -> Suite {
    Suite::under_test()
}

fn make_fifo(scratch: &Scratch, name: &str) {
    let made = Command::new("mkfifo").arg(scratch.join(name)).status();
    assert!(made.unwrap().success());
}

/// Runs a shell script under `envdir dir`, with these variables and PATH.
fn under(scratch: &Scratch, variables: &[(&str, &str)], words: &[&str]) -> Outcome {
    let mut command = suite().command("envdir", scratch);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.envs(variables.iter().copied());
    Outcome::of(command.arg("dir").args(words))
}

/// The sorted environment, separated by NULs as the kernel has it.
#[track_caller]
fn environment(scratch: &Scratch, variables: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let outcome = under(scratch, variables, &["cat", "/proc/self/environ"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let entries = outcome.stdout.split(|byte| *byte == 0);
    let mut entries: Vec<Vec<u8>> = entries
        .filter(|entry| !entry.is_empty() && !entry.starts_with(b"PATH="))
        .map(<[u8]>::to_vec)
        .collect();
    entries.sort();
    entries
}

/// The value of `A` when the file `A` holds `content` and it was `old`.
#[track_caller]
fn value(content: &[u8]) -> Option<Vec<u8>> {
    let scratch = Scratch::new();
    scratch.file("dir/A", content);
    let entries = environment(&scratch, &[("A", "old")]);
    assert!(entries.len() < 2);
    entries
        .first()
        .map(|entry| entry.strip_prefix(b"A=").unwrap().to_vec())
}

#[test]
fn usage_is_a_temporary_error() {
    let usage = Outcome::fails(111, "envdir: usage: envdir [ -p prefix ] dir child\n");
    for arguments in [&[][..], &["dir"], &["--"]] {
        assert_eq!(suite().run("envdir", arguments, &Scratch::new()), usage);
    }
}

#[test]
fn a_prefix_goes_before_every_name_that_is_set_or_removed() {
    let scratch = Scratch::new();
    scratch.file("-d/A", "a");
    scratch.file("-d/B", "");
    let mut command = suite().command("envdir", &scratch);
    command.env("X_B", "removed").env("B", "stays");
    command.args([
        "-p",
        "X_",
        "--",
        "-d",
        "sh",
        "-c",
        "echo $X_A $A ${X_B-none} $B",
    ]);
    assert_eq!(Outcome::of(&mut command), Outcome::gives("a none stays\n"));
}

#[test]
fn a_directory_that_cannot_be_entered_is_told() {
    let scratch = Scratch::new();
    scratch.file("file", "");
    for (directory, reason) in [
        ("no/such", "file does not exist"),
        ("file", "not a directory"),
        ("", "file does not exist"),
    ] {
        let message =
            format!("envdir: fatal: unable to switch to directory {directory}: {reason}\n");
        assert_eq!(
            suite().run("envdir", &[directory, "true"], &scratch),
            Outcome::fails(111, message)
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    for (make, reason) in [
        ("mkdir dir/F", "is a directory"),
        ("ln -s F dir/F", "symbolic link loop"),
    ] {
        let scratch = Scratch::new();
        scratch.directory("dir");
        let made = Command::new("sh")
            .args(["-c", make])
            .current_dir(scratch.path())
            .status();
        assert!(made.unwrap().success());
        let message = format!("envdir: fatal: unable to read dir/F: {reason}\n");
        assert_eq!(
            under(&scratch, &[], &["true"]),
            Outcome::fails(111, message)
        );
    }
}

#[test]
fn a_directory_or_file_without_permission_is_told() {
    let scratch = Scratch::new();
    scratch.file("dir/F", "x");
    scratch.file("unlisted/F", "x");
    scratch.mode("dir/F", 0);
    scratch.mode("unlisted", 0o311);
    for (directory, message) in [
        ("dir", "unable to read dir/F: access denied"),
        (
            "unlisted",
            "unable to read directory unlisted: access denied",
        ),
    ] {
        let mut command = suite().command("envdir", &scratch);
        if dt_testkit::is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command
                .arg(suite().program("envdir"))
                .current_dir(scratch.path());
        }
        assert_eq!(
            Outcome::of(command.args([directory, "true"])),
            Outcome::fails(111, format!("envdir: fatal: {message}\n"))
        );
    }
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    let message = "envdir: fatal: unable to run no/such: file does not exist\n";
    assert_eq!(
        under(&scratch, &[], &["no/such"]),
        Outcome::fails(111, message)
    );
}

#[test]
fn an_empty_file_removes_the_variable() {
    assert_eq!(value(b""), None);
}

#[test]
fn the_first_line_is_the_value() {
    let blanks_and_text = [
        (&b"\n"[..], &b""[..]),
        (b" \t \n", b""),
        (b"  ", b""),
        (b"text", b"text"),
        (b"text\nmore\n", b"text"),
        (b" \ttext \t \n", b" \ttext"),
        (b"text\r\n", b"text\r"),
        (b"text \r\n", b"text \r"),
        (b"\xff\xfe=\n", b"\xff\xfe="),
    ];
    for (content, expected) in blanks_and_text {
        assert_eq!(value(content).as_deref(), Some(expected), "{content:?}");
    }
}

#[test]
fn nuls_become_newlines_after_blanks_are_cut() {
    for (content, expected) in [
        (&b"\0"[..], &b"\n"[..]),
        (b"a\0\0 \n", b"a\n\n"),
        (b"abc \0\n", b"abc \n"),
        (b"a\0b", b"a\nb"),
    ] {
        assert_eq!(value(content).as_deref(), Some(expected), "{content:?}");
    }
}

#[test]
fn only_visible_names_count_and_the_rest_stays() {
    let scratch = Scratch::new();
    scratch.file("dir/B", "2");
    scratch.file("dir/.C", "3");
    symlink("B", scratch.join("dir/D")).unwrap();
    let expected = [&b"A=1"[..], b"B=2", b"D=2"];
    assert_eq!(environment(&scratch, &[("A", "1"), ("B", "old")]), expected);
}

#[test]
fn names_are_bytes() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    let name = OsStr::from_bytes(b"\xe4 -\n");
    std::fs::write(scratch.join("dir").join(name), "v").unwrap();
    assert_eq!(environment(&scratch, &[]), [b"\xe4 -\n=v"]);
}

#[test]
fn a_name_with_an_equals_sign_sets_the_part_before_it() {
    for (name, content, expected) in [
        ("M=N", "c", &b"M=N=c"[..]),
        ("M=N", "", b"M=N"),
        ("M=", "", b"M="),
        ("M=N=O", "", b"M=N=O"),
    ] {
        let scratch = Scratch::new();
        scratch.file(format!("dir/{name}"), content);
        assert_eq!(environment(&scratch, &[("M", "old")]), [expected], "{name}");
    }
}

#[test]
fn a_fifo_without_a_writer_is_an_empty_file() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    make_fifo(&scratch, "dir/A");
    assert!(environment(&scratch, &[("A", "old")]).is_empty());
}

#[test]
fn a_fifo_with_a_silent_writer_is_not_waited_for() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    make_fifo(&scratch, "dir/F");
    // Opened for both, so that the opening does not wait.
    let _writer = std::fs::File::options()
        .read(true)
        .write(true)
        .open(scratch.join("dir/F"));
    let message = "envdir: fatal: unable to read dir/F: temporary failure\n";
    assert_eq!(
        under(&scratch, &[], &["true"]),
        Outcome::fails(111, message)
    );
}

/// In the original the variable gets the value of whichever file came before.
#[test]
fn a_link_to_nothing_removes_the_variable() {
    let scratch = Scratch::new();
    for number in 0..10 {
        scratch.file(format!("dir/F{number}"), "stale");
        symlink("nowhere", scratch.join(format!("dir/L{number}"))).unwrap();
    }
    let entries = environment(&scratch, &[("L0", "old")]);
    let stale = entries.iter().any(|entry| entry.starts_with(b"L"));
    assert_eq!(stale, suite().is_original());
}

/// In the original the second entry of a name survives, and many programs take
/// the last one.
#[test]
fn every_entry_of_a_name_is_replaced() {
    let scratch = Scratch::new();
    scratch.file("dir/A", "new");
    if cfg!(not(target_arch = "x86_64")) {
        eprintln!(
            "every_entry_of_a_name_is_replaced: skipped, knows execve's number on x86-64 only"
        );
        return;
    }
    let mut perl = Command::new("perl");
    // A shell cannot make a repeated name; execve itself can.
    let script = r#"
        my ($envdir) = @ARGV;
        my @argv = map { "$_\0" } ($envdir, "dir", "/bin/cat", "/proc/self/environ");
        my @envp = map { "$_\0" } ("A=1", "B=2", "A=3");
        my $argv = pack("p*", @argv) . pack("Q", 0);
        my $envp = pack("p*", @envp) . pack("Q", 0);
        syscall(59, "$envdir\0", $argv, $envp);
        die "$!";
    "#;
    perl.args(["-e", script])
        .arg(suite().program("envdir"))
        .current_dir(scratch.path());
    let outcome = Outcome::of(&mut perl);
    let mut entries: Vec<&[u8]> = outcome.stdout.split(|byte| *byte == 0).collect();
    entries.sort_unstable();
    let expected: &[&[u8]] = if suite().is_original() {
        &[b"", b"A=3", b"A=new", b"B=2"]
    } else {
        &[b"", b"A=new", b"B=2"]
    };
    assert_eq!(entries, expected, "{outcome:?}");
}

#[test]
fn the_program_starts_where_envdir_was_started() {
    let scratch = Scratch::new();
    scratch.file("dir/PATH", "/nowhere");
    scratch.script("prog", "#!/bin/sh\n/bin/pwd\necho $PATH\n");
    let expected = format!("{}\n/nowhere\n", scratch.path().display());
    assert_eq!(under(&scratch, &[], &["./prog"]), Outcome::gives(&expected));
    // The search itself goes along the PATH that envdir was given.
    let searched = under(&scratch, &[], &["sh", "-c", "./prog"]);
    assert_eq!(searched, Outcome::gives(&expected));
}

#[test]
fn no_descriptor_of_its_own_is_left_open() {
    let scratch = Scratch::new();
    scratch.file("dir/A", "x");
    let script =
        "for f in /proc/$$/fd/*; do [ $f -ef . ] || [ $f -ef dir ] && echo ${f##*/}; done; exit 0";
    assert_eq!(
        under(&scratch, &[], &["sh", "-c", script]),
        Outcome::gives("")
    );
}

#[test]
fn what_no_program_can_be_given_is_told() {
    let scratch = Scratch::new();
    scratch.file("dir/A", vec![b'x'; 200_000]);
    let message = "envdir: fatal: unable to run true: argument list too long\n";
    assert_eq!(
        under(&scratch, &[], &["true"]),
        Outcome::fails(111, message)
    );
}

#[test]
fn the_longest_value_fits() {
    // 32 pages hold the name, the equals sign, the value and a NUL.
    let longest = 32 * 4096 - 3;
    assert_eq!(
        value(&vec![b'x'; longest]).map(|value| value.len()),
        Some(longest)
    );
    let mut blanks = vec![b' '; 300_000];
    blanks[0] = b'x';
    assert_eq!(value(&blanks), Some(b"x".to_vec()));
}

/// The original holds the whole file in memory.
#[test]
fn a_huge_line_takes_no_memory() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    let file = std::fs::File::create(scratch.join("dir/A")).unwrap();
    file.set_len(1 << 40).unwrap();
    let expected = if suite().is_original() {
        "unable to read dir/A: out of memory"
    } else {
        "unable to run true: argument list too long"
    };
    let script = "ulimit -v 100000; exec \"$0\" dir true";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .arg(suite().program("envdir"))
        .current_dir(scratch.path());
    assert_eq!(
        Outcome::of(&mut shell),
        Outcome::fails(111, format!("envdir: fatal: {expected}\n"))
    );
}
