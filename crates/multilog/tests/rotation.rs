//! A rotation as seen from outside: the order of its calls, and what it does where
//! descriptors, second names or a processor's time are short.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]
#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a finished file is `.s`"
)]

use std::fs;
use std::io::{PipeReader, Write};
use std::process::{Command, Stdio};

use dt_testkit::{Outcome, Running, Scratch, Suite, skipped_without_strace, until};

/// More than one file of 4096 bytes.
fn input() -> String {
    let lines: Vec<_> = (0..200).map(|number| format!("{number:39}\n")).collect();
    lines.concat()
}

/// All that is logged in `./d`, oldest first.
fn logged(scratch: &Scratch) -> String {
    let mut names = scratch.names("d");
    names.retain(|name| name.starts_with('@') || name == "current");
    let content = names.iter().map(|name| scratch.read(format!("d/{name}")));
    String::from_utf8(content.collect::<Vec<_>>().concat()).unwrap()
}

/// Runs a line of shell in the scratch directory on the input.
fn shell(suite: &Suite, scratch: &Scratch, line: &str) -> Outcome {
    scratch.file("input", input());
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", line])
        .current_dir(scratch.path())
        .env("PATH", suite.path())
        // The shell itself has no descriptors to spare for redirections.
        .stdin(fs::File::open(scratch.join("input")).unwrap());
    Outcome::of(&mut command)
}

#[test]
fn eight_descriptors_are_enough_for_a_directory_with_a_processor() {
    let scratch = Scratch::new();
    let line = "ulimit -n 8; exec multilog s4096 '!cat' ./d";
    let seen = shell(&Suite::under_test(), &scratch, line);
    assert_eq!((seen.code, logged(&scratch)), (0, input()));
}

#[test]
fn too_few_descriptors_for_a_rotation_are_noticed_at_the_start() {
    let scratch = Scratch::new();
    let line = "ulimit -n 7; exec multilog s4096 '!cat' ./d";
    let why = "multilog: fatal: unable to rotate in directory ./d: \
               process cannot open more files\n";
    let seen = shell(&Suite::ours(), &scratch, line);
    assert_eq!(seen, Outcome::fails(111, why));
    assert_eq!(scratch.names("d"), ["lock"]);
}

/// Runs multilog under strace; gives what strace wrote.
fn traced(scratch: &Scratch, options: &[&str], script: &[&str]) -> String {
    scratch.file("input", input());
    let mut command = Command::new("strace");
    command
        .args(["-o", "trace"])
        .args(options)
        .arg(Suite::ours().program("multilog"))
        .args(script)
        .current_dir(scratch.path())
        .stdin(fs::File::open(scratch.join("input")).unwrap());
    assert_eq!(Outcome::of(&mut command).code, 0);
    String::from_utf8(scratch.read("trace")).unwrap()
}

#[test]
fn the_directory_is_synced_between_a_files_last_name_and_the_end_of_its_working_name() {
    if skipped_without_strace("the_directory_is_synced") {
        return;
    }
    let calls = "trace=fsync,linkat,renameat,renameat2,unlinkat";
    for (script, file) in [
        (&["s4096", "n100", "./d"][..], "previous"),
        (&["s4096", "n100", "!cat", "./d"][..], "processed"),
    ] {
        let scratch = Scratch::new();
        let trace = traced(&scratch, &["-e", calls], script);
        let named = format!("\"{file}\", ");
        let gone = format!("\"{file}\", 0)");
        let (mut links, mut linked, mut synced) = (0, false, false);
        for line in trace.lines() {
            if line.starts_with("linkat(") && line.contains(&named) {
                (linked, synced) = (true, false);
                links += 1;
            } else if line.starts_with("fsync(") {
                synced = true;
            } else if line.starts_with("unlinkat(") && line.contains(&gone) && linked {
                assert!(
                    synced,
                    "{file} goes before its last name is on disk:\n{trace}"
                );
                linked = false;
            }
        }
        assert!(links > 0 && !linked, "{trace}");
        assert_eq!(logged(&scratch), input());
    }
}

#[test]
fn without_second_names_files_are_renamed_to_their_last_names() {
    if skipped_without_strace("without_second_names") {
        return;
    }
    for script in [
        &["s4096", "n100", "./d"][..],
        &["s4096", "n100", "!cat", "./d"][..],
    ] {
        let scratch = Scratch::new();
        let options = ["-e", "trace=linkat", "-e", "inject=linkat:error=EPERM"];
        traced(&scratch, &options, script);
        assert_eq!(logged(&scratch), input());
        let names = scratch.names("d");
        let finished = names.iter().filter(|name| name.ends_with(".s")).count();
        let leftover = ["previous", "processed"].map(|name| names.iter().any(|had| had == name));
        assert!(finished > 0 && leftover == [false; 2], "{names:?}");
    }
}

fn start(scratch: &Scratch, script: &[&str], input: &PipeReader) -> Running {
    let mut command = Suite::ours().command("multilog", scratch);
    let said = fs::File::options()
        .create(true)
        .append(true)
        .open(scratch.join("said"));
    command
        .args(script)
        .stdin(Stdio::from(input.try_clone().unwrap()))
        .stderr(said.unwrap());
    Running::start(&mut command, scratch)
}

/// Waits for `../go` and says when it begins and ends.
const SLOW: &str =
    "!echo begin >>../runs; until test -e ../go; do sleep 0.02; done; echo end >>../runs; cat";

#[test]
fn lines_are_logged_while_the_processor_runs() {
    let scratch = Scratch::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut running = start(&scratch, &["s8000", "n100", SLOW, "./d"], &reader);
    // One file, and some more.
    let (some, more) = (&input()[..6400], &input()[6400..]);
    writer.write_all(some.as_bytes()).unwrap();
    until("the processor runs", || scratch.join("runs").exists());
    writer.write_all(more.as_bytes()).unwrap();
    until("what came later is logged", || {
        scratch.read("d/current").ends_with(more.as_bytes())
    });
    assert_eq!(scratch.read("runs"), b"begin\n");
    scratch.file("go", "");
    // Nothing else comes that would have it look.
    until("the file is finished", || {
        scratch.names("d").iter().any(|name| name.ends_with(".s"))
    });
    until("nothing is left of the way there", || {
        scratch.names("d").iter().all(|name| name != "processed")
    });
    drop(writer);
    assert_eq!(running.wait(), 0);
    assert_eq!(scratch.read("runs"), b"begin\nend\n");
    assert_eq!(logged(&scratch), input());
}

#[test]
fn a_second_full_file_waits_for_the_processor_of_the_first() {
    let scratch = Scratch::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let script = ["s4096", "n100", SLOW, "./d", "s5000", SLOW, "./e"];
    let mut running = start(&scratch, &script, &reader);
    writer.write_all(input().as_bytes()).unwrap();
    drop(writer);
    until("a processor runs", || scratch.join("runs").exists());
    scratch.file("go", "");
    assert_eq!(running.wait(), 0);
    let runs = String::from_utf8(scratch.read("runs")).unwrap();
    let count = runs.matches("begin").count();
    assert!(count >= 2, "{runs}");
    assert_eq!(runs, "begin\nend\n".repeat(count), "one at a time");
    assert_eq!(logged(&scratch), input());
}

#[test]
fn term_while_the_processor_runs_waits_for_it() {
    let scratch = Scratch::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut running = start(&scratch, &["s8000", "n100", SLOW, "./d"], &reader);
    writer.write_all(&input().as_bytes()[..6400]).unwrap();
    until("the processor runs", || scratch.join("runs").exists());
    running.signal("TERM");
    assert_eq!(running.ended(), None);
    scratch.file("go", "");
    assert_eq!(running.wait(), 0);
    assert_eq!(scratch.read("runs"), b"begin\nend\n");
    assert_eq!(logged(&scratch), input()[..6400]);
}

#[test]
fn a_multilog_killed_while_lines_are_logged_beside_the_processor_loses_none() {
    let scratch = Scratch::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let script = ["s8000", "n100", SLOW, "./d"];
    let first = start(&scratch, &script, &reader);
    let (some, more) = (&input()[..6400], &input()[6400..]);
    writer.write_all(some.as_bytes()).unwrap();
    until("the processor runs", || scratch.join("runs").exists());
    let (one, two) = more.split_at(40);
    writer.write_all(one.as_bytes()).unwrap();
    until("a line is logged", || {
        scratch.read("d/current").ends_with(one.as_bytes())
    });
    writer.write_all(two.as_bytes()).unwrap();
    drop((first, writer));
    scratch.file("go", "");
    assert_eq!(start(&scratch, &script, &reader).wait(), 0);
    let runs = String::from_utf8(scratch.read("runs")).unwrap();
    assert_eq!(runs, "begin\nend\n".repeat(2), "one at a time");
    assert_eq!(logged(&scratch), input());
    let names = scratch.names("d");
    assert!(!names.iter().any(|name| name.ends_with(".u")), "{names:?}");
}

#[test]
fn a_processor_that_nobody_tells_of_is_waited_for_at_once() {
    if skipped_without_strace("a_processor_that_nobody_tells_of") {
        return;
    }
    let scratch = Scratch::new();
    let options = [
        "-e",
        "trace=?pidfd_open",
        "-e",
        "inject=?pidfd_open:error=ENOSYS",
    ];
    traced(&scratch, &options, &["s4096", "n100", "!cat", "./d"]);
    assert_eq!(logged(&scratch), input());
}

#[test]
fn a_processor_that_outlives_its_multilog_is_waited_for() {
    let scratch = Scratch::new();
    let script = ["s8000", SLOW, "./d"];
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(input().as_bytes()).unwrap();
    let runs = || fs::read_to_string(scratch.join("runs")).unwrap_or_default();
    let first = start(&scratch, &script, &reader);
    until("the processor runs", || runs() == "begin\n");
    // Killed.
    drop(first);
    let mut second = start(&scratch, &script, &reader);
    until("it is said that it is waited for", || {
        let said = String::from_utf8(scratch.read("said")).unwrap();
        said.starts_with("multilog: warning: waiting for the processor of a killed multilog, ")
    });
    scratch.file("go", "");
    drop(writer);
    assert_eq!(second.wait(), 0);
    assert_eq!(runs(), "begin\nend\nbegin\nend\n");
    assert_eq!(logged(&scratch), input());
}

#[test]
fn term_ends_the_wait_for_a_processor_that_outlives_its_multilog() {
    let scratch = Scratch::new();
    let processor = "!echo begin >>../runs; until test -e ../go; do sleep 0.02; done; cat";
    let script = ["s8000", processor, "./d"];
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(input().as_bytes()).unwrap();
    drop(writer);
    let first = start(&scratch, &script, &reader);
    until("the processor runs", || scratch.join("runs").exists());
    drop(first);
    let mut second = start(&scratch, &script, &reader);
    until("it is said that it is waited for", || {
        !scratch.read("said").is_empty()
    });
    second.signal("TERM");
    assert_eq!(second.wait(), 111);
    scratch.file("go", "");
    assert_eq!(start(&scratch, &script, &reader).wait(), 0);
    assert_eq!(logged(&scratch), input());
}

#[test]
fn in_a_flood_the_pipe_holds_more_and_afterwards_as_much_as_before() {
    let scratch = Scratch::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let capacity = || dt_os::flow::capacity(&reader).unwrap();
    let before = capacity();
    if dt_os::flow::set_capacity(&reader, 4 * before).is_err() {
        eprintln!("in_a_flood: skipped, this user's pipes hold too much already");
        return;
    }
    dt_os::flow::set_capacity(&reader, before).unwrap();
    let mut running = start(&scratch, &["s1000000000", "./d"], &reader);
    let (mut seen, mut written) = (before, 0);
    until("the pipe is made to hold more", || {
        for _ in 0..50 {
            writer.write_all(&vec![b'\n'; 1 << 16]).unwrap();
            written += 1 << 16;
        }
        seen = seen.max(capacity());
        seen > before
    });
    until("it holds as much as before", || capacity() == before);
    drop(writer);
    assert_eq!(running.wait(), 0);
    assert_eq!(scratch.read("d/current").len(), written);
}
