//! The examples of the manual pages, run as they are printed.
//!
//! A comment before a display says so: `runs`, `runs as root` or `runs with
//! PROGRAM`. Each runs in a scratch directory of its own, line by line.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use dt_testkit::{Scratch, Suite, is_root, until};

use crate::page::{self, Page};

const MARK: &str = ".\\\" runs";

/// Says that a test is skipped.
#[expect(clippy::print_stderr, reason = "that is how a test says it")]
pub fn skip(test: &str, why: &str) {
    eprintln!("{test}: skipped, {why}");
}

/// A command and what is printed below it.
struct Step {
    command: String,
    output: String,
}

/// The examples of a page: what they need, and their steps.
fn examples(page: &Page) -> Vec<(String, Vec<Step>)> {
    let mut found = Vec::new();
    for part in page.source.split(MARK).skip(1) {
        let (needs, rest) = part.split_once('\n').unwrap();
        let display = rest.strip_prefix(".Bd -literal -offset indent\n").unwrap();
        let display = display.split(".Ed").next().unwrap();
        found.push((needs.trim().to_owned(), steps(&page::shown(display))));
    }
    found
}

fn steps(display: &str) -> Vec<Step> {
    let all = display.strip_prefix("$ ").unwrap().split("\n$ ");
    all.map(|one| {
        let (command, output) = one
            .trim_end()
            .split_once('\n')
            .unwrap_or((one.trim_end(), ""));
        let output = output.to_owned();
        let command = command.to_owned();
        Step { command, output }
    })
    .collect()
}

/// The reason not to run what has these needs.
fn obstacle(needs: &str) -> Option<String> {
    match needs {
        "" => None,
        "as root" => (!is_root()).then(|| "needs root".to_owned()),
        needs => {
            let program = needs.strip_prefix("with ").unwrap();
            let paths = std::env::var_os("PATH").unwrap_or_default();
            let there = std::env::split_paths(&paths).any(|path| path.join(program).is_file());
            (!there).then(|| format!("no {program} here"))
        }
    }
}

/// What a command says, on either output, in the scratch directory.
fn said(command: &str, scratch: &Scratch) -> String {
    // A file, as a process that goes on would hold a pipe open.
    let file = scratch.join(".said");
    let mut shell = Command::new("sh");
    let ended = shell
        .args(["-c", command])
        .current_dir(scratch.path())
        .env("PATH", Suite::ours().path())
        .env(Scratch::MARK, scratch.mark())
        .stdin(Stdio::null())
        .stdout(File::create(&file).unwrap())
        .stderr(File::options().append(true).open(&file).unwrap())
        .status();
    ended.unwrap();
    String::from_utf8_lossy(&scratch.read(Path::new(".said"))).into_owned()
}

/// Without what differs from run to run: labels and numbers.
fn constant(text: &str) -> String {
    let mut parts = text.split('@');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let rest = if digits == 24 { &part[24..] } else { part };
        result.push('@');
        result.push_str(rest);
    }
    let mut constant = String::new();
    for letter in result.chars() {
        if !letter.is_ascii_digit() {
            constant.push(letter);
        } else if !constant.ends_with('0') {
            constant.push('0');
        }
    }
    constant
}

/// `...` at the end of what is printed stands for more.
fn is_as_printed(seen: &str, printed: &str) -> bool {
    let (seen, printed) = (constant(seen.trim_end()), constant(printed));
    match printed.strip_suffix("...") {
        Some(beginning) => seen.starts_with(beginning) && !seen.is_empty(),
        None => seen == printed,
    }
}

/// Once if it prints nothing, and until it prints what the page shows otherwise:
/// things take a moment.
fn run(page: &str, step: &Step, scratch: &Scratch) {
    if step.output.is_empty() {
        assert_eq!(said(&step.command, scratch), "", "{page}: {}", step.command);
        return;
    }
    let what = format!("{page}: {}\n{}", step.command, step.output);
    let mut last = String::new();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until(&what, || {
            last = said(&step.command, scratch);
            is_as_printed(&last, &step.output)
        });
    }));
    assert!(done.is_ok(), "{what}\nbut it printed:\n{last}");
}

fn run_all(pages: &[Page]) {
    for page in pages {
        for (needs, steps) in examples(page) {
            if let Some(why) = obstacle(&needs) {
                skip(&format!("examples of {}", page.name), &why);
                continue;
            }
            let scratch = Scratch::new();
            for step in &steps {
                run(&page.name, step, &scratch);
            }
        }
    }
}

/// The pages of programs that need no supervise beside them.
const ALONE: [&str; 12] = [
    "envdir",
    "envini",
    "envuidgid",
    "fghack",
    "multilog",
    "pgrphack",
    "setlock",
    "setuidgid",
    "setuser",
    "softlimit",
    "tai64n",
    "tai64nlocal",
];

#[test]
fn the_examples_of_the_chain_and_of_logs_work_as_printed() {
    run_all(&ALONE.map(page::of));
}

#[test]
fn the_examples_of_supervision_work_as_printed() {
    let mut pages = page::all();
    pages.retain(|page| !ALONE.contains(&&page.name[..]));
    pages.push(page::service_directory());
    run_all(&pages);
}

/// Each page shows something that runs, but for those whose program must not run
/// in a test.
#[test]
fn every_page_has_an_example_that_runs() {
    for page in page::all() {
        let none = ["svnew", "svscanboot", "trycode", "update-service"].contains(&&page.name[..]);
        assert_eq!(examples(&page).is_empty(), none, "{}", page.name);
    }
}
