//! How multilog ends and what signals make it do.

use std::io::Write;

use dt_testkit::until;

use super::kit::{
    Logger, archives, listing, multilog, prepare, run_shell, shell, until_holds, until_running,
};
use crate::harness::{Case, check};

/// A multilog that waits for its first line.
fn idle(case: &Case, script: &[&str], directory: &str) -> Logger {
    let logger = Logger::start(case, script);
    until_running(case, directory);
    logger.settle();
    logger
}

#[test]
fn term_while_nothing_was_read() {
    check("multilog_term_while_nothing_was_read", |case| {
        let logger = idle(case, &["./a", "./d"], "d");
        logger.running.signal("TERM");
        logger.finish(case, "TERM");
        listing(case, "a");
        listing(case, "d");
    });
}

#[test]
fn term_after_a_newline() {
    check("multilog_term_after_a_newline", |case| {
        let mut logger = idle(case, &["t", "./a", "=status", "./d"], "d");
        logger.write("a\nb\n");
        until("the lines", || case.scratch.read("d/current").len() == 56);
        logger.settle();
        logger.running.signal("TERM");
        logger.finish(case, "TERM");
        listing(case, "a");
        listing(case, "d");
    });
}

#[test]
fn term_in_mid_line_leaves_the_rest_unread() {
    check("multilog_term_in_mid_line_leaves_the_rest_unread", |case| {
        let mut logger = idle(case, &["./d"], "d");
        logger.write("a\nbeg");
        until_holds(case, "d/current", b"a\n");
        logger.settle();
        logger.running.signal("TERM");
        logger.settle();
        logger.write("inning\nnext\nthird");
        logger.finish(case, "TERM, then the line's end and more");
        listing(case, "d");
    });
}

#[test]
fn term_in_a_long_line_leaves_the_rest_unread() {
    check(
        "multilog_term_in_a_long_line_leaves_the_rest_unread",
        |case| {
            let mut logger = idle(case, &["t", "./d"], "d");
            logger.write("x".repeat(5000));
            logger.settle();
            logger.running.signal("TERM");
            logger.settle();
            logger.write("y".repeat(3000) + "\n" + &"z".repeat(3000) + "\n");
            logger.finish(case, "TERM, then the line's end and more");
            listing(case, "d");
        },
    );
}

#[test]
fn term_in_mid_line_and_then_the_end_of_input() {
    check(
        "multilog_term_in_mid_line_and_then_the_end_of_input",
        |case| {
            let mut logger = idle(case, &["t", "./d"], "d");
            logger.write("half");
            logger.settle();
            logger.running.signal("TERM");
            logger.settle();
            logger.close();
            logger.finish(case, "TERM, then the end");
            listing(case, "d");
        },
    );
}

#[test]
fn term_and_a_successor_on_the_same_pipe() {
    check("multilog_term_and_a_successor_on_the_same_pipe", |case| {
        let mut logger = idle(case, &["./d"], "d");
        logger.write("one\ntw");
        until_holds(case, "d/current", b"one\n");
        logger.settle();
        logger.running.signal("TERM");
        logger.settle();
        logger.write("o\nthree\nfour\n");
        let code = logger.running.wait();
        case.note(format!("the first exits {code}"));
        listing(case, "d");
        logger.again(case, &["./d"]);
        until_holds(case, "d/current", b"one\ntwo\nthree\nfour\n");
        logger.close();
        logger.finish(case, "the second");
        listing(case, "d");
    });
}

#[test]
fn term_twice() {
    check("multilog_term_twice", |case| {
        let mut logger = idle(case, &["./d"], "d");
        logger.write("half");
        logger.settle();
        logger.running.signal("TERM");
        logger.running.signal("TERM");
        logger.settle();
        logger.running.signal("TERM");
        logger.settle();
        logger.write(" whole\n");
        logger.finish(case, "TERM");
        listing(case, "d");
    });
}

#[test]
fn the_end_of_input() {
    check("multilog_end_of_input", |case| {
        multilog(case, &["./a", "-*", "./b", "=status"], "a\nb");
        for directory in ["a", "b", "."] {
            listing(case, directory);
        }
    });
}

#[test]
fn alarm_rotates_what_is_not_empty() {
    check("multilog_alarm_rotates_what_is_not_empty", |case| {
        let mut logger = idle(case, &["./full", "-*", "./empty"], "empty");
        logger.running.signal("ALRM");
        logger.settle();
        listing(case, "full");
        logger.write("a\n");
        until_holds(case, "full/current", b"a\n");
        logger.settle();
        logger.running.signal("ALRM");
        until_holds(case, "full/current", b"");
        logger.settle();
        listing(case, "full");
        listing(case, "empty");
        logger.write("b\n");
        logger.close();
        logger.finish(case, "ALRM");
        listing(case, "full");
        listing(case, "empty");
    });
}

#[test]
fn alarm_runs_the_processor() {
    check("multilog_alarm_runs_the_processor", |case| {
        let mut logger = idle(case, &["!tr a b; echo state >&5", "./d"], "d");
        logger.write("a\n");
        until_holds(case, "d/current", b"a\n");
        logger.settle();
        logger.running.signal("ALRM");
        until("the archive", || !archives(case, "d").is_empty());
        logger.settle();
        listing(case, "d");
        logger.close();
        logger.finish(case, "ALRM");
    });
}

#[test]
fn alarm_counts_what_was_there_before() {
    check("multilog_alarm_counts_what_was_there_before", |case| {
        let files = [("current", 0o744, "before\n"), ("state", 0o644, "")];
        prepare(case, "d", &files);
        let logger = idle(case, &["./d"], "d");
        logger.running.signal("ALRM");
        until_holds(case, "d/current", b"");
        logger.settle();
        listing(case, "d");
        logger.running.signal("TERM");
        logger.finish(case, "ALRM, TERM");
        listing(case, "d");
    });
}

#[test]
fn alarm_does_not_split_a_short_line() {
    check("multilog_alarm_does_not_split_a_short_line", |case| {
        let mut logger = idle(case, &["./d"], "d");
        logger.write("a\nhalf");
        until_holds(case, "d/current", b"a\n");
        logger.settle();
        logger.running.signal("ALRM");
        until_holds(case, "d/current", b"");
        logger.settle();
        logger.write(" whole\n");
        until_holds(case, "d/current", b"half whole\n");
        logger.close();
        logger.finish(case, "ALRM in mid-line");
        listing(case, "d");
    });
}

#[test]
fn alarm_splits_a_long_line() {
    check("multilog_alarm_splits_a_long_line", |case| {
        let mut logger = idle(case, &["t", "./d"], "d");
        logger.write("x".repeat(3000));
        until("it is logged", || {
            case.scratch.read("d/current").len() == 3026
        });
        logger.settle();
        logger.running.signal("ALRM");
        until_holds(case, "d/current", b"");
        logger.settle();
        logger.write("y\nnext\n");
        logger.close();
        logger.finish(case, "ALRM in a long line");
        listing(case, "d");
    });
}

/// What a signal that is not handled leaves, and what the next start makes of it.
fn dies(case: &mut Case, signal: &str) {
    let directory = format!("./{signal}");
    let mut logger = idle(case, &[&directory], signal);
    logger.write("a\nhalf");
    until_holds(case, &format!("{signal}/current"), b"a\n");
    logger.settle();
    logger.running.signal(signal);
    logger.finish(case, signal);
    listing(case, &directory);
}

#[test]
fn other_signals_kill_it() {
    check("multilog_other_signals_kill_it", |case| {
        for signal in ["HUP", "INT", "USR1", "KILL"] {
            dies(case, signal);
        }
    });
}

#[test]
fn the_signal_of_a_broken_pipe() {
    check("multilog_the_signal_of_a_broken_pipe", |case| {
        let mut logger = idle(case, &["./d"], "d");
        logger.running.signal("PIPE");
        logger.settle_or_end();
        logger.close();
        logger.finish(case, "PIPE");
        listing(case, "d");
    });
}

#[test]
fn a_start_after_a_kill() {
    check("multilog_a_start_after_a_kill", |case| {
        let mut logger = idle(case, &["./d"], "d");
        logger.write("a\n");
        until_holds(case, "d/current", b"a\n");
        logger.settle();
        logger.kill();
        multilog(case, &["./d"], "b\n");
        listing(case, "d");
    });
}

#[test]
fn a_signal_that_was_ignored() {
    check("multilog_a_signal_that_was_ignored", |case| {
        for (signal, code) in [("HUP", "ignored"), ("TERM", "handled")] {
            let line = format!("trap '' HUP TERM; exec multilog ./{signal}");
            let mut logger = Logger::spawn(case, shell(case, &line));
            until_running(case, signal);
            logger.settle();
            logger.running.signal(signal);
            logger.settle_or_end();
            let ended = logger.running.ended();
            case.note(format!("{signal} {code}: {ended:?}"));
            if ended.is_none() {
                logger.close();
                logger.finish(case, "then the end of input");
            }
            listing(case, signal);
        }
    });
}

#[test]
fn term_while_the_processor_runs() {
    check("multilog_term_while_the_processor_runs", |case| {
        run_shell(case, "mkfifo go");
        let mut logger = idle(case, &["s4096", "!cat ../go; cat", "./d"], "d");
        logger.write("x".repeat(4095) + "\n");
        until("the processor runs", || {
            case.scratch.join("d/newstate").exists()
        });
        logger.running.signal("TERM");
        logger.write("unread by who obeys\n");
        logger.settle();
        case.scratch.file("go", "gone on\n");
        logger.finish(case, "TERM during the processor");
        listing(case, "d");
    });
}

#[test]
fn alarm_while_the_processor_runs() {
    check("multilog_alarm_while_the_processor_runs", |case| {
        run_shell(case, "mkfifo go");
        let mut logger = idle(case, &["./a", "s4096", "!cat ../go; cat", "./d"], "d");
        logger.write("x".repeat(4095) + "\n");
        until("the processor runs", || {
            case.scratch.join("d/newstate").exists()
        });
        logger.running.signal("ALRM");
        logger.settle();
        case.scratch.file("go", "gone on\n");
        until("the archive", || !archives(case, "d").is_empty());
        logger.settle();
        case.note(format!("rotated at once: {}", archives(case, "a").len()));
        logger.close();
        logger.finish(case, "ALRM during the processor");
        listing(case, "a");
    });
}

#[test]
fn input_that_cannot_be_read() {
    check("multilog_input_that_cannot_be_read", |case| {
        run_shell(case, "multilog ./d <.");
        listing(case, "d");
    });
}

#[test]
fn no_input_at_all() {
    check("multilog_no_input_at_all", |case| {
        run_shell(case, "multilog ./d <&-");
        listing(case, "d");
        run_shell(case, "multilog ./d </dev/null");
        listing(case, "d");
    });
}

#[test]
fn a_closed_standard_error() {
    check("multilog_a_closed_standard_error", |case| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = case.suite.command("multilog", &case.scratch);
        command
            .args(["./d", "e", "./e"])
            .stdin(std::process::Stdio::piped())
            .stderr(writer);
        let mut running = dt_testkit::Running::start(&mut command, &case.scratch);
        drop(command);
        let mut pipe = running.child().stdin.take().unwrap();
        pipe.write_all(b"a\nb\n").unwrap();
        drop(pipe);
        let code = running.wait();
        case.note(format!("exit {code}"));
        listing(case, "d");
        listing(case, "e");
    });
}

#[test]
fn a_successor_after_each_kind_of_end() {
    check("multilog_a_successor_after_each_kind_of_end", |case| {
        for line in ["a\n", "b\n", "c"] {
            multilog(case, &["t", "./d"], line);
            listing(case, "d");
        }
    });
}

/// The read end of a FIFO in a mode in which reading never waits, which is what a
/// program on the same descriptor may have left behind.
fn never_waits(case: &Case) -> std::fs::File {
    use std::os::unix::fs::OpenOptionsExt;
    const O_NONBLOCK: i32 = 0o4000;
    assert!(shell(case, "mkfifo fifo").status().unwrap().success());
    let mut options = std::fs::File::options();
    let options = options.read(true).custom_flags(O_NONBLOCK);
    options.open(case.scratch.join("fifo")).unwrap()
}

/// Runs a program on input that is not there yet.
fn not_there_yet(case: &mut Case, name: &str, arguments: &[&str]) {
    let input = never_waits(case);
    let path = case.scratch.join("fifo");
    let mut writer = std::fs::File::options().write(true).open(&path).unwrap();
    let mut command = case.suite.command(name, &case.scratch);
    command
        .args(arguments)
        .stdin(input)
        .stdout(std::process::Stdio::piped());
    let mut running = dt_testkit::Running::start(&mut command, &case.scratch);
    drop(command);
    let pid = running.pid();
    until("it ends or waits", || {
        running.ended().is_some() || super::kit::is_settled(pid)
    });
    // Where it has ended there is nobody to read.
    let _ = writer.write_all(b"late\n");
    drop(writer);
    let code = running.wait();
    let mut output = String::new();
    let mut stdout = running.child().stdout.take().unwrap();
    std::io::Read::read_to_string(&mut stdout, &mut output).unwrap();
    let output = super::kit::content(output.as_bytes());
    case.note(format!("{name}\n  exit {code}\n  stdout {output}"));
}

#[test]
fn multilog_input_that_is_not_there_yet() {
    check("multilog_input_that_is_not_there_yet", |case| {
        not_there_yet(case, "multilog", &["./d"]);
        listing(case, "d");
    });
}

#[test]
fn tai64n_input_that_is_not_there_yet() {
    check("tai64n_input_that_is_not_there_yet", |case| {
        not_there_yet(case, "tai64n", &[]);
    });
}

#[test]
fn tai64nlocal_input_that_is_not_there_yet() {
    check("tai64nlocal_input_that_is_not_there_yet", |case| {
        not_there_yet(case, "tai64nlocal", &[]);
    });
}

#[test]
fn term_during_the_start() {
    check("multilog_term_during_the_start", |case| {
        // A directory in the way of `previous` makes the start wait for five seconds.
        prepare(case, "d", &[("current", 0o644, "current\n")]);
        case.scratch.directory("d/previous");
        let mut logger = Logger::start(case, &["./d"]);
        until("it warns or goes on", || {
            !logger.said().is_empty() || case.scratch.join("d/state").exists()
        });
        logger.running.signal("TERM");
        if std::fs::remove_dir(case.scratch.join("d/previous")).is_ok() {
            case.scratch.file("d/previous", "");
        }
        until("it ends or waits for input", || {
            logger.running.ended().is_some()
                || (logger.settled() && case.scratch.join("d/state").exists())
        });
        case.note(format!("ended: {:?}", logger.running.ended()));
        logger.close();
        logger.running.wait();
        listing(case, "d");
    });
}
