//! What multilog's processors get, and what becomes of their output.

use super::kit::{Logger, archives, content, listing, multilog, run_shell};
use crate::harness::{Case, check};

/// Enough for one rotation at `s4096`, and no choice where.
fn one_file() -> String {
    "x".repeat(4096) + "y\n"
}

#[test]
fn its_output_is_the_archive() {
    check("multilog_processor_output_is_the_archive", |case| {
        multilog(case, &["s4096", "!tr x z", "./d"], one_file());
        listing(case, "d");
        multilog(
            case,
            &["s4096", "!head -c 10; echo more", "./e"],
            one_file(),
        );
        listing(case, "e");
    });
}

#[test]
fn its_output_may_be_empty_or_longer() {
    check("multilog_processor_output_may_be_empty_or_longer", |case| {
        for command in [
            "!",
            "!true",
            "!cat >/dev/null",
            "!exit 0",
            "!cat; cat previous",
            "!:",
        ] {
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            multilog(case, &["s4096", command, "./d"], one_file());
            listing(case, "d");
        }
    });
}

/// Runs a probe as the processor and shows what it printed.
fn probe(case: &mut Case, line: &str) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    case.scratch.file("input", one_file());
    run_shell(case, line);
    for name in archives(case, "d") {
        let printed = case.scratch.read(format!("d/{name}"));
        for row in printed.split(|byte| *byte == b'\n') {
            case.note(format!("  {}", dt_testkit::show(row)));
        }
    }
}

#[test]
fn its_descriptors() {
    check("multilog_processor_descriptors", |case| {
        let open = "for fd in 0 1 2 3 4 5 6 7 8 9 11 12; do readlink /proc/$$/fd/$fd || echo $fd closed; done";
        probe(
            case,
            &format!("multilog s4096 '!{open}' ./d <input 2>/dev/null"),
        );
        probe(
            case,
            &format!("multilog =status s4096 ./e '!{open}' ./d ./f <input 2>/dev/null"),
        );
        let states = "for fd in 0 1 4 5; do grep pos: /proc/$$/fdinfo/$fd; done; ls -l | sed 1d | cut -c1-10";
        probe(case, &format!("multilog s4096 '!{states}' ./d <input"));
        let access = "for fd in 0 1 4 5; do grep flags: /proc/$$/fdinfo/$fd | grep -o '.$'; done";
        probe(case, &format!("multilog s4096 '!{access}' ./d <input"));
    });
}

#[test]
fn it_inherits_what_multilog_inherited() {
    check(
        "multilog_processor_inherits_what_multilog_inherited",
        |case| {
            case.scratch.file("extra", "handed on\n");
            probe(case, "multilog s4096 '!cat <&7' ./d <input 7<extra");
            probe(
                case,
                "FOO='b  ar' multilog s4096 '!echo \"$FOO\"; pwd; umask; echo $0 $#' ./d <input",
            );
            probe(
                case,
                "umask 077; ulimit -n 50; multilog s4096 '!umask; ulimit -n' ./d <input",
            );
            probe(
                case,
                "multilog s4096 '!echo warned >&2; cat >/dev/null' ./d <input",
            );
        },
    );
}

/// Which of the signals 1 to 31 a processor starts with blocked or ignored.
fn signals(case: &mut Case, before: &str) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    case.scratch.file("input", one_file());
    let line = format!("{before}multilog s4096 '!grep ^Sig /proc/self/status' ./d <input");
    run_shell(case, &line);
    let name = archives(case, "d").pop().unwrap();
    let printed = String::from_utf8(case.scratch.read(format!("d/{name}"))).unwrap();
    for row in printed.lines() {
        let (what, mask) = row.split_once(":\t").unwrap();
        if ["SigBlk", "SigIgn"].contains(&what) {
            let mask = u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
            case.note(format!("  {what} {mask:x}"));
        }
    }
}

#[test]
fn its_signals() {
    check("multilog_processor_signals", |case| {
        signals(case, "");
        signals(case, "trap '' HUP INT PIPE; ");
        signals(case, "trap '' TERM ALRM; ");
    });
}

#[test]
fn it_is_run_by_the_shell() {
    check("multilog_processor_is_run_by_the_shell", |case| {
        let line = "M=$(command -v multilog); PATH=/nowhere; export PATH; $M s4096 '!echo $PATH' ./d <input";
        probe(case, line);
        probe(
            case,
            "multilog s4096 '!echo a; echo \"b  c\" | cat; exec echo d' ./d <input",
        );
        probe(case, "multilog s4096 '! echo negated; ! false' ./d <input");
    });
}

#[test]
fn its_state_is_handed_over() {
    check("multilog_processor_state_is_handed_over", |case| {
        let script = [
            "s4096",
            "!cat <&4; echo run; cat <&4 >&5; echo again >&5",
            "./d",
        ];
        multilog(case, &script, "x".repeat(4 * 4096 + 1));
        listing(case, "d");
        multilog(case, &script, "y".repeat(4096));
        listing(case, "d");
    });
}

#[test]
fn it_may_remove_its_files() {
    check("multilog_processor_may_remove_its_files", |case| {
        removes(case, "processed");
        removes(case, "state");
    });
}

#[test]
fn it_may_remove_its_new_state() {
    check("multilog_processor_may_remove_its_new_state", |case| {
        removes(case, "newstate");
        removes(case, "processed newstate");
    });
}

/// A processor that removes some of its files.
fn removes(case: &mut Case, files: &str) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    let command = format!("!cat; echo s >&5; rm -f {files}");
    multilog(case, &["s4096", &command, "./d"], one_file());
    listing(case, "d");
}

#[test]
fn it_fails_and_is_run_again() {
    check("multilog_processor_fails_and_is_run_again", |case| {
        let command = "!cat <&4; if test -e ../ok; then cat; else touch ../ok; echo junk; echo junk >&5; exit 3; fi";
        multilog(case, &["s4096", command, "./d"], one_file());
        listing(case, "d");
    });
}

#[test]
fn it_is_killed_and_run_again() {
    check("multilog_processor_is_killed_and_run_again", |case| {
        let command = "!if test -e ../ok; then cat; else touch ../ok; echo junk; kill -9 $$; fi";
        let outcome = super::kit::feed(case, &["s4096", command, "./d"], one_file());
        // The original's reason is left over from some call before.
        let said = String::from_utf8(outcome.stderr).unwrap();
        let (crashed, rest) = said.split_once(", pausing: ").unwrap();
        case.note(format!("{} {crashed}", outcome.code));
        case.note(rest.split_once('\n').unwrap().1);
        listing(case, "d");
    });
}

/// What multilog says of a processor that never succeeds.
fn hopeless(case: &mut Case, command: &str) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    let mut logger = Logger::start(case, &["s4096", command, "./d"]);
    logger.write(one_file());
    logger.hears("pausing");
    let said = logger.said();
    case.note(format!("{command}\n  {said}"));
    listing(case, "d");
    logger.kill();
}

#[test]
fn it_fails_in_any_way() {
    check("multilog_processor_fails_in_any_way", |case| {
        hopeless(case, "!false");
        hopeless(case, "!exit 1");
        hopeless(case, "!cat; exit 100");
        hopeless(case, "!exec 2>/dev/null; no-such-command");
        hopeless(case, "!exit 255");
        hopeless(case, "!cat; echo state >&5; exit 111");
    });
}

#[test]
fn each_directory_has_its_own() {
    check("multilog_processor_of_each_directory", |case| {
        let script = ["s4096", "./a", "!tr x b", "./b", "!tr x c", "./c", "./d"];
        multilog(case, &script, one_file());
        for directory in ["a", "b", "c", "d"] {
            listing(case, directory);
        }
    });
}

#[test]
fn what_is_read_while_it_runs() {
    check("multilog_processor_holds_up_reading", |case| {
        run_shell(case, "mkfifo go");
        let mut logger = Logger::start(case, &["s4096", "./e", "!cat ../go; cat", "./d"]);
        logger.write(one_file());
        dt_testkit::until("the processor runs", || {
            case.scratch.join("d/newstate").exists()
        });
        logger.write("later\n");
        logger.settle();
        let said = logger.said();
        case.note(format!("while it runs: {said}"));
        listing(case, "d");
        case.scratch.file("go", "gone on\n");
        logger.close();
        logger.finish(case, "multilog");
        listing(case, "d");
    });
}

#[test]
fn lines_are_whole_in_its_input() {
    check("multilog_processor_gets_whole_lines", |case| {
        let input = super::kit::numbered_lines(50_000);
        multilog(
            case,
            &["t", "n1000", "s4096", "!cat", "./d", "!sed -n '$='", "./e"],
            &input,
        );
        let all = super::kit::all_of(case, "d");
        case.note(format!(
            "together the input: {}",
            super::kit::unstamped(&all) == input
        ));
        case.note(content(&all));
    });
}

#[test]
fn tai64nlocal_as_the_processor() {
    check("multilog_processor_tai64nlocal", |case| {
        let line = "@400000000000000a00000000 x\n".repeat(150);
        multilog(case, &["s4096", "!TZ=UTC tai64nlocal", "./d"], &line);
        let all = super::kit::all_of(case, "d");
        let converted = all
            .windows(30)
            .filter(|part| *part == b"1970-01-01 00:00:00.000000000 ");
        case.note(format!(
            "converted some: {}",
            converted.count() >= 2096 / 28
        ));
        let lines = all.split(|byte| *byte == b'\n').count();
        case.note(format!("lines {lines}"));
    });
}

#[test]
fn without_a_state_after_a_clean_restart() {
    check(
        "multilog_processor_without_state_after_a_clean_restart",
        |case| {
            super::kit::prepare(case, "d", &[("current", 0o744, "before\n")]);
            let mut logger = Logger::start(case, &["s4096", "!cat <&4; cat", "./d"]);
            logger.write(one_file());
            dt_testkit::until("it fails or archives", || {
                logger.said().contains("pausing") || !archives(case, "d").is_empty()
            });
            let said = logger.said();
            case.note(said);
            logger.kill();
        },
    );
}
