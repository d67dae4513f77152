//! Stopped, failed or without power at every single call.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]
#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::format_collect,
    reason = "an archive is `.s` or `.u`, and tests may be slow"
)]

mod model;

use model::{Loss, Model};
use multilog::session::Stop;

const PLAIN: &[&str] = &["s4096", "n1000", "./d"];
const STAMPED: &[&str] = &["t", "s4096", "n1000", "./d"];
const SECONDS: &[&str] = &["T", "wz", "s4096", "n1000", "./d"];
const PROCESSED: &[&str] = &["s4096", "n1000", "!processor", "./d"];
const TWO: &[&str] = &["-*3*", "s4096", "n1000", "./a", "+*3*", "s5000", "./b"];
const TWO_PROCESSED: &[&str] = &[
    "-*3*",
    "s4096",
    "n1000",
    "!processor",
    "./a",
    "+*3*",
    "s5000",
    "!processor",
    "./b",
];

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn line(number: usize) -> String {
    format!("{number} {}\n", "y".repeat(number * 13 % 90))
}

fn input() -> String {
    let long = format!("long {}\n", "z".repeat(5000));
    (0..200).map(line).collect::<String>() + &long + &(200..260).map(line).collect::<String>()
}

fn logs(words: &[&str]) -> usize {
    words.iter().filter(|word| word.starts_with("./")).count()
}

fn model(words: &[&str]) -> Model {
    Model::new(logs(words), input().as_bytes(), 700)
}

/// All that is in a log directory, oldest first, stamps left out.
fn content(model: &Model, log: usize, form: &str) -> String {
    let files = model.files(log).into_iter();
    let all: Vec<u8> = files.flat_map(|(_, data)| data).collect();
    let all = String::from_utf8(all).unwrap();
    let stamp = |line: &str| match form {
        "t" => 26,
        "T" => line.find(' ').unwrap() + 1,
        _ => 0,
    };
    all.split_inclusive('\n')
        .map(|line| &line[stamp(line)..])
        .collect()
}

/// What the script selects for a log directory.
fn wanted(words: &[&str], log: usize) -> String {
    let selective = words.len() > 4 && words[0] == "-*3*" && log == 0;
    let input = input();
    let lines = input.split_inclusive('\n');
    // No backtracking: `*3*` takes any line with a 3 in it.
    lines
        .filter(|line| !selective || !line.contains('3'))
        .collect()
}

fn check(model: &Model, words: &[&str], what: &str) {
    for log in 0..logs(words) {
        let (seen, want) = (content(model, log, words[0]), wanted(words, log));
        assert!(
            seen == want,
            "{words:?}, {what}, log {log}: {} bytes instead of {}; {}",
            seen.len(),
            want.len(),
            difference(&seen, &want)
        );
        // One that could not be synced is left for the next start to put aside.
        let finished = model.said_of_disk() || model.mode(log, "current") == Some(0o744);
        assert!(finished, "{what}");
    }
    let processed = words.contains(&"!processor");
    for log in (0..logs(words)).filter(|_| processed) {
        let finished = model.files(log);
        let sizes: String = finished
            .iter()
            .filter(|(name, _)| name.ends_with(".s"))
            .map(|(_, data)| format!("{}\n", data.len()))
            .collect();
        let state = String::from_utf8(model.content(log, "state").unwrap()).unwrap();
        assert_eq!(
            state, sizes,
            "{what}: the state of log {log} and the finished files"
        );
    }
}

fn difference(seen: &str, want: &str) -> String {
    let pair = seen.lines().zip(want.lines()).find(|(a, b)| a != b);
    pair.map_or_else(
        || "one is the other's beginning".to_owned(),
        |(a, b)| format!("{a:.40} for {b:.40}"),
    )
}

fn calls(words: &[&str]) -> usize {
    let mut model = model(words);
    assert_eq!(model.run(words), Some(Ok(())));
    check(&model, words, "undisturbed");
    model.calls
}

#[test]
fn stopped_dead_before_any_call_nothing_is_lost_and_nothing_is_an_outage() {
    for words in [PLAIN, STAMPED, SECONDS, PROCESSED, TWO, TWO_PROCESSED] {
        for at in 0..calls(words) {
            let mut model = model(words);
            model.stop_at = at;
            assert_eq!(model.run(words), None);
            model.run_to_the_end(words);
            check(&model, words, &format!("stopped at call {at}"));
            let unfinished = model
                .files(0)
                .iter()
                .filter(|(name, _)| name.ends_with(".u"))
                .count();
            assert_eq!(unfinished, 0, "{words:?}, stopped at call {at}");
        }
    }
}

#[test]
fn lines_are_written_while_the_processor_runs() {
    for words in [PROCESSED, TWO_PROCESSED] {
        let mut model = model(words);
        assert_eq!(model.run(words), Some(Ok(())));
        assert!(model.beside_processor > 0, "{words:?}");
    }
}

/// Inputs that make it hard to tell what has left the pipe.
#[test]
fn stopped_dead_before_any_call_input_of_equal_bytes_is_written_once() {
    let inputs = [
        "\n".repeat(9000),
        "a\n".repeat(4000),
        "\na\nb".repeat(2000) + "\n",
        ("a".repeat(699) + "\n").repeat(12),
        "\n".repeat(699) + &("a\n".repeat(350) + &"\n".repeat(5000)),
        "x".repeat(9000) + "\n",
    ];
    for (number, input) in inputs.iter().enumerate() {
        for words in [PLAIN, STAMPED, SECONDS] {
            let run = |stop_at| {
                let mut model = Model::new(1, input.as_bytes(), 700);
                model.stop_at = stop_at;
                let _ = model.run(words);
                let calls = model.calls;
                model.run_to_the_end(words);
                let seen = content(&model, 0, words[0]);
                assert!(seen == *input, "{words:?}, input {number}, call {stop_at}");
                assert!(!model.has_unfinished());
                calls
            };
            for at in 0..run(usize::MAX) {
                run(at);
            }
        }
    }
}

/// When the pipe goes with the killed multilog, what is written stays, and another
/// pipe's content is taken from its first byte.
#[test]
fn stopped_dead_before_any_call_another_pipe_loses_nothing() {
    for at in 0..calls(PLAIN) {
        let mut model = model(PLAIN);
        model.stop_at = at;
        let _ = model.run(PLAIN);
        let before = content(&model, 0, "");
        model.pipe += 1;
        model.input = input().into_bytes();
        model.run_to_the_end(PLAIN);
        let after = content(&model, 0, "");
        let old = after.strip_suffix(&input());
        assert!(old.is_some_and(|old| input().starts_with(old.trim_end_matches('\n'))));
        // A file on its way to its last name is not among those that are read here.
        assert!(
            old.is_some_and(|old| old.len() >= before.len()),
            "call {at}"
        );
    }
}

#[test]
fn stopped_again_while_recovering_nothing_is_lost() {
    for words in [STAMPED, SECONDS, PROCESSED, TWO, TWO_PROCESSED] {
        let all = calls(words);
        for at in (0..all).step_by(3) {
            for again in (at % 5..40).step_by(5) {
                let mut model = model(words);
                model.stop_at = at;
                let _ = model.run(words);
                model.stop_at = again;
                let _ = model.run(words);
                model.run_to_the_end(words);
                check(&model, words, &format!("stopped at {at}, then at {again}"));
            }
        }
    }
}

#[test]
fn whichever_call_fails_every_line_is_written_once() {
    for words in [PLAIN, STAMPED, SECONDS, PROCESSED, TWO, TWO_PROCESSED] {
        for errno in [EIO, ENOSPC] {
            for at in 1..=calls(words) {
                let mut model = model(words);
                // A failed sync forgets data in this model; that is another test's.
                model.fail = Some((at, errno));
                model.forgives = true;
                model.run_to_the_end(words);
                model.fail = None;
                if model.has_unfinished() {
                    assert!(model.said_of_disk(), "{words:?}, call {at}");
                    continue;
                }
                check(&model, words, &format!("error {errno} in call {at}"));
            }
        }
    }
}

#[test]
fn whichever_call_fails_after_a_stop_every_line_is_written_once() {
    for words in [STAMPED, SECONDS, PROCESSED, TWO, TWO_PROCESSED] {
        for at in (0..calls(words)).step_by(3) {
            for fails in (1 + at % 4..40).step_by(4) {
                let mut model = model(words);
                model.stop_at = at;
                model.forgives = true;
                let _ = model.run(words);
                model.fail = Some((fails, EIO));
                model.run_to_the_end(words);
                if model.has_unfinished() {
                    assert!(model.said_of_disk(), "{words:?}, {at}, {fails}");
                    continue;
                }
                let what = format!("stopped at {at}, call {fails} fails");
                check(&model, words, &what);
            }
        }
    }
}

#[test]
fn a_failed_sync_is_never_followed_by_a_claim() {
    for words in [PLAIN, STAMPED, PROCESSED] {
        for at in 1..=calls(words) {
            let mut model = model(words);
            model.fail = Some((at, EIO));
            model.run_to_the_end(words);
            for (name, data) in model.files(0) {
                if name.ends_with(".s") {
                    let text = String::from_utf8(data).unwrap();
                    let text: String = if words[0] == "t" {
                        text.split_inclusive('\n').map(|line| &line[26..]).collect()
                    } else {
                        text
                    };
                    assert!(
                        !text.is_empty() && input().contains(&text),
                        "call {at}: {name}"
                    );
                }
            }
        }
    }
}

/// Takes the power away at any call, with all that may be left of what was not
/// synced, and looks what the next multilog makes of it.
fn without_power(words: &[&str], losses: impl Fn(&Model) -> Vec<Loss>) {
    for at in 0..calls(words) {
        let mut stopped = model(words);
        stopped.stop_at = at;
        let _ = stopped.run(words);
        let before = stopped.durable(0);
        for loss in losses(&stopped) {
            let mut model = stopped.clone();
            model.lose_power(loss);
            // What was in the pipe is gone with the power.
            let later = input().replace('\n', " later\n");
            model.input = later.clone().into_bytes();
            model.run_to_the_end(words);
            let after = model.files(0);
            for (name, data) in &after {
                let text = String::from_utf8(data.clone()).unwrap();
                let first = text.find(" later").unwrap_or(text.len());
                let begins = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
                let begins = if first < text.len() { begins } else { first };
                let (old, new) = text.split_at(begins);
                let whole = input().contains(old) && later.contains(new);
                let unfinished = !name.ends_with(".s");
                assert!(whole || unfinished, "{loss:?} at {at}: {name} is cut");
                assert!(!text.contains('\0'), "{loss:?} at {at}: NUL in {name}");
            }
            for file in &before {
                let stays = after.contains(file);
                assert!(stays, "{loss:?} at {at}: {} is gone", file.0);
            }
        }
    }
}

#[test]
fn without_power_at_any_call_what_is_called_safe_is_whole_and_stays() {
    for words in [PLAIN, PROCESSED] {
        without_power(words, |_| vec![Loss::OldNames, Loss::NewNames]);
    }
}

/// The names are on disk up to any change that was made to them, as a journal
/// leaves them.
fn any_change(model: &Model) -> Vec<Loss> {
    let left = 0..=model.unsynced(0);
    left.flat_map(|names| [false, true].map(|written| Loss::Some { names, written }))
        .collect()
}

#[test]
fn without_power_at_any_call_any_part_of_the_changes_to_names_will_do() {
    without_power(PLAIN, any_change);
}

#[test]
fn without_power_at_any_call_any_part_of_a_processors_changes_to_names_will_do() {
    without_power(PROCESSED, any_change);
}

#[test]
fn room_on_the_disk_ends_the_pause_and_is_missed_with_a_warning_every_five_seconds() {
    for (tries, warnings) in [(1, 1), (2, 1), (20, 1), (21, 2), (50, 3)] {
        let mut model = model(PLAIN);
        let begun = model.now;
        model.full = Some(ENOSPC);
        model.full_for = tries;
        assert_eq!(model.run(PLAIN), Some(Ok(())));
        check(&model, PLAIN, "after a full disk");
        let said = String::from_utf8(model.said.clone()).unwrap();
        let warning =
            "multilog: warning: unable to write to ./d/current, pausing: out of disk space";
        assert_eq!(
            said,
            format!("{warning}\n").repeat(warnings),
            "{tries} tries"
        );
        // A quarter of a second for each try, and no time for anything else.
        let waited = model.now - begun;
        assert!(
            waited < u64::from(tries + 1) * 260,
            "{tries} tries, {waited} ms"
        );
    }
}

#[test]
fn any_other_error_is_paused_for_as_ever() {
    let mut model = model(PLAIN);
    let begun = model.now;
    model.full = Some(EIO);
    model.full_for = 2;
    assert_eq!(model.run(PLAIN), Some(Ok(())));
    assert!(model.now - begun >= 10_000);
}

#[test]
fn term_ends_a_wait_for_disk_space_and_nothing_is_lost() {
    let mut model = model(STAMPED);
    model.full = Some(ENOSPC);
    model.term_in_pause = true;
    assert_eq!(model.run(STAMPED), Some(Err(Stop::Leave)));
    assert!(model.said.starts_with(
        b"multilog: warning: unable to write to ./d/current, pausing: out of disk space\n"
    ));
    assert_eq!(model.mode(0, "current"), Some(0o644), "it is not finished");
    model.full = None;
    model.run_to_the_end(STAMPED);
    check(&model, STAMPED, "after TERM in a pause");
}

/// One that had ended in order before is no different.
#[test]
fn stopped_dead_while_going_on_with_a_finished_log_it_is_no_outage() {
    for words in [PLAIN, STAMPED, PROCESSED, TWO, TWO_PROCESSED] {
        for at in 0..200 {
            let mut model = model(words);
            assert_eq!(model.run(words), Some(Ok(())));
            model.stop_at = at;
            let _ = model.run(words);
            model.run_to_the_end(words);
            check(
                &model,
                words,
                &format!("stopped at call {at} of the second run"),
            );
            assert!(!model.has_unfinished(), "{words:?}, call {at}");
        }
    }
}

/// A clock that is set while multilog runs: by an hour each way at each reading, past
/// the ends of 31 and of 32 bits, and back to 1970.
#[test]
fn whatever_the_clock_is_set_to_names_follow_each_other() {
    let clocks: [fn(u64) -> i64; 5] = [
        |now| if now % 2 == 0 { -3600 } else { 3600 },
        |now| if now > 1_000_003 { -86_400 } else { 0 },
        |now| i64::from(i32::MAX) - 1000 + i64::try_from(now % 3).unwrap() - 1,
        |now| i64::from(u32::MAX) - 1000 + i64::try_from(now % 3).unwrap() - 1,
        |now| {
            if now > 1_000_004 {
                -1000
            } else {
                4_000_000_000
            }
        },
    ];
    for words in [PLAIN, STAMPED, SECONDS, PROCESSED, TWO] {
        for (index, wall) in clocks.into_iter().enumerate() {
            let mut model = model(words);
            model.wall = wall;
            // The files in the order of their names are the lines in theirs.
            assert_eq!(model.run(words), Some(Ok(())));
            check(&model, words, &format!("clock {index}"));
            let finished = model.files(0).len();
            assert!(finished > 3, "{words:?}: {finished} files");
            // And so across starts.
            let mut model = self::model(words);
            model.wall = wall;
            model.stop_at = calls(words) / 2;
            assert_eq!(model.run(words), None);
            model.run_to_the_end(words);
            check(&model, words, &format!("clock {index}, stopped"));
        }
    }
}
