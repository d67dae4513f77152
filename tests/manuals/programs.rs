//! `dt_guide` against the programs: found out by running them, so that neither can
//! have what the other has not.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use dt_guide::{GUIDES, Guide};
use dt_testkit::{Outcome, Scratch, Suite};
use multilog::script::Script;

/// It takes no arguments, and starts the services of this machine.
const NOT_TO_BE_RUN: &str = "svscanboot";

/// It takes options of a kind of its own.
const FRONT: &str = "daemontools";

/// Programs that are asked rarely and by people, so that clap reads for them.
const CLAPS: [&str; 2] = ["svcheck", "svnew"];

/// A shell script of the packages.
const SCRIPT: &str = "update-service";

#[test]
fn the_guide_knows_every_program_and_no_other() {
    let front = Suite::ours().program(FRONT);
    let list = Outcome::of(Command::new(front).arg("programs")).stdout;
    let list = String::from_utf8(list).unwrap();
    let mut programs: BTreeSet<&str> = list.lines().collect();
    programs.extend([FRONT, SCRIPT]);
    let guides: Vec<&str> = GUIDES.iter().map(|guide| guide.name).collect();
    let programs: Vec<&str> = programs.into_iter().collect();
    assert_eq!(guides, programs);
}

#[test]
fn every_program_is_helped_with() {
    let front = Suite::ours().program(FRONT);
    for guide in GUIDES {
        let help = Outcome::of(Command::new(&front).args(["help", guide.name]));
        assert_eq!(help, Outcome::gives(guide.page()));
        assert!(
            guide.page().contains(&format!("\n    {}", guide.name)),
            "usage"
        );
    }
    let unknown = Outcome::of(Command::new(&front).args(["help", "nothing"]));
    let words = "daemontools: fatal: no program called nothing\n";
    assert_eq!(unknown, Outcome::fails(100, words));
}

/// What a program's parser makes of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Nothing,
    Flag,
    Valued,
}

/// What they do not know as an option they take for a directory, as the original
/// does; with an option and no directory they say how they are used.
const LENIENT: &[&str] = &["svstat"];

fn meaning(program: &str, letter: char, scratch: &Scratch) -> Meaning {
    let outcome = Suite::ours().run(program, &[format!("-{letter}")], scratch);
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let unheard = LENIENT.contains(&program) && !said.contains("usage: ");
    if unheard || said.contains(&format!("illegal option -- {letter}\n")) {
        Meaning::Nothing
    } else if said.contains(&format!("requires an argument -- {letter}\n")) {
        Meaning::Valued
    } else {
        Meaning::Flag
    }
}

fn promised(guide: &Guide, letter: char) -> Meaning {
    let name = format!("-{letter}");
    let flag = guide.flags.iter().find(|flag| flag.name == name);
    match flag.map(|flag| flag.value.is_some()) {
        None => Meaning::Nothing,
        Some(false) => Meaning::Flag,
        Some(true) => Meaning::Valued,
    }
}

#[test]
fn the_guide_knows_every_letter_and_no_other() {
    let scratch = Scratch::new();
    let runnable = |guide: &&Guide| {
        ![NOT_TO_BE_RUN, FRONT, SCRIPT].contains(&guide.name) && !CLAPS.contains(&guide.name)
    };
    for guide in GUIDES.iter().filter(runnable) {
        // A program without options takes any argument for something else.
        let parses = meaning(guide.name, '~', &scratch) == Meaning::Nothing;
        let letters = guide.flags.iter().any(|flag| !flag.name.starts_with("--"));
        assert_eq!(parses, letters, "{}: has it options?", guide.name);
        for letter in ('!'..'~').filter(|letter| parses && *letter != '-') {
            assert_eq!(
                meaning(guide.name, letter, &scratch),
                promised(guide, letter),
                "{} -{letter}",
                guide.name
            );
        }
    }
}

/// Not for people: what one version asks another.
const BETWEEN_VERSIONS: &[&str] = &["--takes-over"];

/// The long options that a crate's source has as literals.
fn long_options(name: &str) -> BTreeSet<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("crates/{name}/src"));
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(sources).into_iter().flatten() {
        let Ok(source) = fs::read_to_string(entry.unwrap().path()) else {
            continue;
        };
        let code = source.split("#[cfg(test)]").next().unwrap();
        for literal in code.split("\"--").skip(1) {
            let end = |byte: char| !byte.is_ascii_lowercase() && byte != '-';
            let word = literal.split(end).next().unwrap();
            if !word.is_empty() {
                found.insert(format!("--{word}"));
            }
        }
    }
    found.retain(|option| !BETWEEN_VERSIONS.contains(&option.as_str()));
    found
}

#[test]
fn the_guide_knows_every_long_option_and_no_other() {
    for guide in GUIDES
        .iter()
        .filter(|guide| ![FRONT, SCRIPT].contains(&guide.name) && !CLAPS.contains(&guide.name))
    {
        let known = guide.flags.iter().map(|flag| flag.name.to_owned());
        let known: BTreeSet<String> = known.filter(|name| name.starts_with("--")).collect();
        assert_eq!(known, long_options(guide.name), "{}", guide.name);
    }
}

#[test]
fn the_guide_knows_the_options_that_clap_reads() {
    let scratch = Scratch::new();
    for name in CLAPS {
        let help = Suite::ours().run(name, &["--help"], &scratch).stdout;
        let help = String::from_utf8(help).unwrap();
        let lines = help.lines().map(str::trim);
        let lines = lines.filter(|line| line.starts_with('-') && !line.starts_with("-- "));
        // `-u, --user <ACCOUNT>  what it is`
        let options = lines.flat_map(|line| {
            let words = line.split("  ").next().unwrap().split([' ', ',']);
            words
                .filter(|word| word.starts_with('-'))
                .map(str::to_owned)
        });
        let known = dt_guide::find(name).unwrap().flags.iter();
        let known: BTreeSet<String> = known.map(|flag| flag.name.to_owned()).collect();
        assert_eq!(known, options.collect(), "{name}");
    }
}

#[test]
fn the_guide_knows_the_options_of_update_service() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/update-service");
    let source = fs::read_to_string(script).unwrap();
    let cases = source.lines().map(str::trim);
    let cases = cases.filter(|line| line.starts_with('-') && line.contains(" | --"));
    let options = cases.flat_map(|line| line.split(')').next().unwrap().split(" | "));
    let options: BTreeSet<&str> = options.collect();
    let known = dt_guide::find(SCRIPT).unwrap().flags.iter();
    assert_eq!(
        known.map(|flag| flag.name).collect::<BTreeSet<_>>(),
        options
    );
}

/// Whether a word with this first byte means anything to multilog, in some place.
fn means_something(first: u8) -> bool {
    let word = |rest: &str| {
        let rest = [&[first], rest.as_bytes()].concat();
        String::from_utf8(rest).ok()
    };
    let Some(word) = word("5000") else {
        return false;
    };
    // Alone in front, and where the other kind of patterns is in force.
    [&[][..], &["F"]].iter().any(|before| {
        let script = |word: &str| {
            let words = before.iter().copied().chain([word, "+[", "./dir"]);
            let script = Script::parse(&words.map(OsString::from).collect::<Vec<_>>());
            // What it warns of means nothing.
            Script {
                odd: Vec::new(),
                ..script
            }
        };
        script(&word) != script("")
    })
}

#[test]
fn the_guide_knows_every_word_of_multilog_and_no_other() {
    let guide = dt_guide::find("multilog").unwrap();
    for first in 1..=127 {
        let known = guide.words.iter();
        let known = known
            .filter(|word| word.first.as_bytes() == [first])
            .count();
        assert_eq!(
            known,
            usize::from(means_something(first)),
            "{:?}",
            char::from(first)
        );
    }
}
