//! What multilog does as a program, against the original too: with
//! `DAEMONTOOLS_UNDER_TEST=/usr/bin` the first half runs on that.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics with the reason"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

use dt_testkit::{Outcome, Running, Scratch, Suite, until};

fn suite() -> Suite {
    Suite::under_test()
}

/// For what the original gets wrong.
fn ours_only(what: &str) -> bool {
    let original = suite().is_original();
    if original {
        eprintln!("{what}: a deliberate difference; not run on the original");
    }
    !original
}

fn feed(scratch: &Scratch, words: &[&str], input: &[u8]) -> Outcome {
    suite().feed("multilog", words, input, scratch)
}

/// Names and sizes of finished files, by their ends, and modes of all.
fn archives(scratch: &Scratch, log: &str) -> Vec<(String, u64)> {
    let names = scratch.names(log);
    let archives = names.iter().filter(|name| name.starts_with('@'));
    archives
        .map(|name| {
            let size = fs::metadata(scratch.join(log).join(name)).unwrap().len();
            (name[25..].to_owned(), size)
        })
        .collect()
}

fn mode(scratch: &Scratch, name: &str) -> u32 {
    fs::metadata(scratch.join(name))
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn a_clean_end_leaves_a_complete_current_and_the_next_goes_on_with_it() {
    let scratch = Scratch::new();
    assert_eq!(feed(&scratch, &["./d"], b"a\nb"), Outcome::gives(""));
    assert_eq!(scratch.read("d/current"), b"a\nb\n");
    assert_eq!(feed(&scratch, &["./d"], b"c\n"), Outcome::gives(""));
    assert_eq!(scratch.read("d/current"), b"a\nb\nc\n");
    assert_eq!(scratch.names("d"), ["current", "lock", "state"]);
    let modes = ["d", "d/current", "d/lock", "d/state"].map(|name| mode(&scratch, name));
    assert_eq!(modes, [0o700, 0o744, 0o600, 0o644]);
    assert_eq!(fs::metadata(scratch.join("d/lock")).unwrap().len(), 0);
}

#[test]
fn an_unclean_end_of_somebody_else_leaves_an_unfinished_file() {
    let scratch = Scratch::new();
    scratch.file("d/current", "old\n");
    scratch.file("d/state", "forgotten");
    assert_eq!(feed(&scratch, &["./d"], b"new\n"), Outcome::gives(""));
    assert_eq!(archives(&scratch, "d"), [(".u".to_owned(), 4)]);
    assert_eq!(scratch.read("d/current"), b"new\n");
    assert_eq!(scratch.read("d/state"), b"");
}

#[test]
fn a_complete_processed_is_safe_and_its_input_goes() {
    let scratch = Scratch::new();
    scratch.file("d/processed", "done\n");
    scratch.mode("d/processed", 0o744);
    scratch.file("d/previous", "raw\n");
    assert_eq!(feed(&scratch, &["./d"], b""), Outcome::gives(""));
    assert_eq!(archives(&scratch, "d"), [(".s".to_owned(), 5)]);
    assert_eq!(scratch.names("d").len(), 4);
}

#[test]
fn sizes_lie_in_the_last_two_thousand_bytes_and_nothing_is_missing() {
    let scratch = Scratch::new();
    let input: String = (0..3000).map(|number| number.to_string() + "\n").collect();
    assert_eq!(
        feed(&scratch, &["s4096", "n100", "./d"], input.as_bytes()),
        Outcome::gives("")
    );
    let mut all = Vec::new();
    for name in scratch
        .names("d")
        .iter()
        .filter(|name| name.starts_with('@'))
    {
        let content = scratch.read(format!("d/{name}"));
        assert!((2096..=4096).contains(&content.len()) && content.ends_with(b"\n"));
        all.extend_from_slice(&content);
    }
    all.extend_from_slice(&scratch.read("d/current"));
    assert_eq!(all, input.as_bytes());
}

#[test]
fn one_file_fewer_than_n_is_kept_and_the_smallest_names_go() {
    let scratch = Scratch::new();
    scratch.file("d/@400000000000000000000001.u", "oldest");
    scratch.file("d/@400000000000000000000002.gz", "old");
    let input = "x".repeat(99) + "\n";
    assert_eq!(
        feed(
            &scratch,
            &["s4096", "n3", "./d"],
            input.repeat(80).as_bytes()
        ),
        Outcome::gives("")
    );
    let ends: Vec<_> = archives(&scratch, "d")
        .into_iter()
        .map(|(end, _)| end)
        .collect();
    assert_eq!(ends, [".s", ".s"]);
}

#[test]
fn a_line_is_split_only_where_it_must_be_and_the_rest_has_no_stamp() {
    let scratch = Scratch::new();
    let long = "x".repeat(6000) + "\n";
    assert_eq!(
        feed(&scratch, &["t", "s4096", "./d"], long.as_bytes()),
        Outcome::gives("")
    );
    assert_eq!(archives(&scratch, "d"), [(".s".to_owned(), 4096)]);
    assert_eq!(
        scratch.read("d/current"),
        "x".repeat(6000 + 26 - 4096)
            .into_bytes()
            .into_iter()
            .chain(*b"\n")
            .collect::<Vec<_>>()
    );
}

#[test]
fn patterns_see_a_thousand_bytes_and_the_rest_follows() {
    let scratch = Scratch::new();
    let a = "a".repeat(1000);
    let input = format!("{a}\n{a}b\n{}\n", "a".repeat(999));
    let pattern = format!("+{a}");
    assert_eq!(
        feed(&scratch, &["-*", &pattern, "./d"], input.as_bytes()),
        Outcome::gives("")
    );
    assert_eq!(scratch.read("d/current"), format!("{a}\n{a}b\n").as_bytes());
}

#[test]
fn alerts_show_two_hundred_bytes() {
    let scratch = Scratch::new();
    let (short, long) = ("s".repeat(200), "l".repeat(201));
    let seen = feed(&scratch, &["e"], format!("{short}\n{long}\n").as_bytes());
    let want = format!("{short}\n{}...\n", "l".repeat(200));
    assert_eq!(String::from_utf8_lossy(&seen.stderr), want);
}

#[test]
fn a_status_file_has_a_thousand_and_one_bytes_and_keeps_its_tail() {
    let scratch = Scratch::new();
    scratch.file("status", "t".repeat(1100));
    assert_eq!(
        feed(&scratch, &["=status", "=new"], b"one\ntwo\n"),
        Outcome::gives("")
    );
    let mut want = b"two".to_vec();
    want.resize(1001, b'\n');
    assert_eq!(scratch.read("new"), want);
    want.resize(1100, b't');
    assert_eq!(scratch.read("status"), want);
    assert_eq!(mode(&scratch, "new"), 0o600);
}

#[test]
fn a_second_multilog_is_turned_away_and_changes_nothing() {
    let scratch = Scratch::new();
    let mut first = suite().command("multilog", &scratch);
    let mut first = Running::start(first.arg("./d").stdin(Stdio::piped()), &scratch);
    until("it has started", || scratch.join("d/current").exists());
    let want = Outcome::fails(
        111,
        "multilog: fatal: unable to lock directory ./d: temporary failure\n",
    );
    assert_eq!(feed(&scratch, &["./d"], b"x\n"), want);
    first.signal("TERM");
    assert_eq!(first.wait(), 0);
    assert_eq!(scratch.read("d/current"), b"");
}

#[test]
fn start_up_failures_have_the_originals_words() {
    let scratch = Scratch::new();
    scratch.file("plain", "");
    for (word, want) in [
        (
            "./no/such",
            "unable to open directory ./no/such: file does not exist",
        ),
        (
            "./plain",
            "unable to open directory ./plain: not a directory",
        ),
        ("=", "unable to create : file does not exist"),
        ("=no/such", "unable to create no/such: file does not exist"),
    ] {
        let want = Outcome::fails(111, format!("multilog: fatal: {want}\n"));
        assert_eq!(feed(&scratch, &[word], b"x\n"), want, "{word}");
    }
}

#[test]
fn a_processor_has_its_descriptors_and_hands_its_state_on() {
    let scratch = Scratch::new();
    let processor = "!cat; cat <&4 >&5; echo x >&5; for n in 3 6 7; do { true >&$n; } 2>/dev/null && echo open >&2; done; true";
    let input = "y".repeat(99) + "\n";
    let seen = feed(
        &scratch,
        &["s4096", processor, "./d"],
        input.repeat(80).as_bytes(),
    );
    assert_eq!(seen.code, 0);
    assert_eq!(
        scratch.read("d/state").len(),
        2 * archives(&scratch, "d").len()
    );
    assert_eq!(seen.stderr, b"", "descriptors of ours are open");
}

#[test]
fn alarm_rotates_what_is_there_and_nothing_else() {
    let scratch = Scratch::new();
    let mut command = suite().command("multilog", &scratch);
    let mut running = Running::start(
        command.args(["./a", "-*", "./b"]).stdin(Stdio::piped()),
        &scratch,
    );
    running
        .child()
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"line\n")
        .unwrap();
    until("the line is there", || {
        scratch.join("a/current").exists() && scratch.read("a/current") == b"line\n"
    });
    running.signal("ALRM");
    until("it is rotated", || archives(&scratch, "a").len() == 1);
    running.signal("TERM");
    assert_eq!(running.wait(), 0);
    assert_eq!(archives(&scratch, "a"), [(".s".to_owned(), 5)]);
    assert_eq!(archives(&scratch, "b"), []);
}

// What the original gets wrong.

#[test]
fn a_later_directory_that_is_locked_leaves_the_earlier_clean() {
    if !ours_only("a later directory's lock") {
        return;
    }
    let scratch = Scratch::new();
    assert_eq!(feed(&scratch, &["./a"], b"clean\n"), Outcome::gives(""));
    scratch.file("b", "");
    assert_eq!(feed(&scratch, &["./a", "./b"], b"").code, 111);
    assert_eq!(mode(&scratch, "a/current"), 0o744);
}

#[test]
fn a_current_with_a_further_name_is_not_taken_for_archived() {
    if !ours_only("a hard link") {
        return;
    }
    let scratch = Scratch::new();
    scratch.file("d/current", "precious\n");
    fs::hard_link(scratch.join("d/current"), scratch.join("backup")).unwrap();
    assert_eq!(feed(&scratch, &["./d"], b""), Outcome::gives(""));
    assert_eq!(archives(&scratch, "d"), [(".u".to_owned(), 9)]);
}

#[test]
fn the_newest_file_is_not_deleted_because_the_clock_went_back() {
    if !ours_only("a clock set back") {
        return;
    }
    let scratch = Scratch::new();
    for name in [
        "d/@4fffffff00000000000000ff.s",
        "d/@4fffffff0000000000000001.s",
    ] {
        scratch.file(name, "future");
    }
    scratch.file("d/current", "newest\n");
    assert_eq!(feed(&scratch, &["n2", "./d"], b""), Outcome::gives(""));
    assert_eq!(scratch.read("d/@4fffffff0000000000000100.u"), b"newest\n");
    assert_eq!(archives(&scratch, "d").len(), 1);
}

#[test]
fn a_directory_named_like_an_archive_stops_nothing() {
    if !ours_only("odd names") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory("d/@400000000000000000000001.s");
    scratch.directory("d/@400000000000000000000002.s");
    for number in 0..3 {
        scratch.file(format!("d/@~~~~~~~~~~~~~~~~~~~~~~~~{number}"), "");
    }
    scratch.file("d/current", "x\n");
    assert_eq!(feed(&scratch, &["n2", "./d"], b"y\n"), Outcome::gives(""));
    assert_eq!(scratch.read("d/current"), b"y\n");
}

#[test]
fn a_missing_state_is_made_for_the_processor() {
    if !ours_only("a missing state") {
        return;
    }
    let scratch = Scratch::new();
    scratch.file("d/current", "z".repeat(5000));
    scratch.mode("d/current", 0o744);
    assert_eq!(
        feed(&scratch, &["s4096", "!cat", "./d"], b"x\n"),
        Outcome::gives("")
    );
    assert_eq!(archives(&scratch, "d"), [(".s".to_owned(), 5000)]);
}

#[test]
fn a_complete_previous_is_safe_after_an_outage_and_an_empty_current_goes() {
    if !ours_only("a synced previous") {
        return;
    }
    let scratch = Scratch::new();
    scratch.file("d/previous", "synced\n");
    scratch.mode("d/previous", 0o744);
    scratch.file("d/current", "");
    assert_eq!(feed(&scratch, &["./d"], b""), Outcome::gives(""));
    assert_eq!(archives(&scratch, "d"), [(".s".to_owned(), 7)]);
}

#[test]
fn a_reader_of_standard_error_that_has_gone_does_no_harm() {
    if !ours_only("SIGPIPE") {
        return;
    }
    let scratch = Scratch::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = suite().command("multilog", &scratch);
    command
        .args(["e", "./d"])
        .stdin(Stdio::piped())
        .stderr(writer);
    let mut running = Running::start(&mut command, &scratch);
    running
        .child()
        .stdin
        .take()
        .unwrap()
        .write_all(b"alert\n")
        .unwrap();
    assert_eq!(running.wait(), 0);
    assert_eq!(scratch.read("d/current"), b"alert\n");
}

#[test]
fn term_during_a_failing_processors_pause_is_obeyed_and_nothing_is_lost() {
    if !ours_only("TERM in a pause") {
        return;
    }
    let scratch = Scratch::new();
    let input = ("w".repeat(99) + "\n").repeat(80);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let start = |processor| {
        let mut command = suite().command("multilog", &scratch);
        command
            .args(["s4096", processor, "./d"])
            .stdin(Stdio::from(reader.try_clone().unwrap()))
            .stderr(Stdio::null());
        Running::start(&mut command, &scratch)
    };
    let mut running = start("!false");
    writer.write_all(input.as_bytes()).unwrap();
    until("the processor has failed", || {
        scratch.join("d/processed").exists()
    });
    running.signal("TERM");
    assert_eq!(running.wait(), 111);
    drop(writer);
    assert_eq!(start("!cat").wait(), 0);
    let kept: u64 = archives(&scratch, "d").iter().map(|(_, size)| size).sum();
    assert_eq!(
        kept + fs::metadata(scratch.join("d/current")).unwrap().size(),
        8000
    );
}

#[test]
fn a_lock_with_somebody_elses_content_is_left_alone() {
    let scratch = Scratch::new();
    scratch.file("d/lock", "notes of mine");
    assert_eq!(feed(&scratch, &["./d"], b"x\n"), Outcome::gives(""));
    assert_eq!(scratch.read("d/lock"), b"notes of mine");
}
