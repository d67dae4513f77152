//! The completions, as far as the shells are here to try them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dt_guide::GUIDES;
use dt_guide::completions::{self, File};
use dt_testkit::{Outcome, Scratch, Suite};

use crate::examples::skip;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

fn all() -> impl Iterator<Item = File> {
    GUIDES.iter().flat_map(completions::of)
}

/// `REGENERATE=1` writes them.
#[test]
fn the_files_are_what_the_table_makes() {
    let regenerate = std::env::var_os("REGENERATE").is_some();
    for shell in ["bash", "zsh", "fish"] {
        let shell = directory().join(shell);
        if regenerate {
            fs::create_dir_all(&shell).unwrap();
        }
        for entry in fs::read_dir(shell).unwrap() {
            let path = entry.unwrap().path();
            let known = all().any(|file| path.ends_with(&file.path));
            assert!(known, "{}: of no program", path.display());
        }
    }
    for file in all() {
        let path = directory().join(&file.path);
        if regenerate {
            fs::write(&path, &file.text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        let made = "REGENERATE=1 cargo test --test manuals makes it anew";
        assert!(found == file.text, "{}: {made}", path.display());
    }
}

fn is_there(shell: &str, test: &str) -> bool {
    let there = Command::new(shell).args(["-c", "true"]).output().is_ok();
    if !there {
        skip(test, &format!("no {shell} here"));
    }
    there
}

#[test]
fn every_shell_takes_its_files() {
    for shell in ["bash", "zsh", "fish"] {
        if !is_there(shell, "every_shell_takes_its_files") {
            continue;
        }
        for file in all().filter(|file| file.path.starts_with(shell)) {
            let path = directory().join(&file.path);
            let outcome = Outcome::of(Command::new(shell).arg("-n").arg(&path));
            assert_eq!(outcome, Outcome::gives(""), "{}", file.path);
        }
    }
}

/// A scan directory with two services, and other things.
fn place() -> Scratch {
    let scratch = Scratch::new();
    for directory in ["scan/web", "scan/mail", "srv", "scan/.svscan"] {
        scratch.directory(directory);
    }
    scratch.file("scan/README", "");
    scratch.file("script", "");
    scratch
}

/// What bash offers for the last of `words`.
fn bash(scratch: &Scratch, words: &[&str]) -> Vec<String> {
    let script = r#"
        source "$1" || exit
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMP_LINE="$*"
        COMP_POINT=${#COMP_LINE}
        function=$(complete -p "$1")
        function=${function#*-F }
        "${function%% *}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let file = directory().join("bash").join(words[0]);
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script, "bash"]).arg(file);
    offered(command.args(words), scratch)
}

/// What fish offers for the last word of `line`.
fn fish(scratch: &Scratch, line: &str) -> Vec<String> {
    let name = line.split(' ').next().unwrap();
    let file = directory().join("fish").join(format!("{name}.fish"));
    let script = "source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' ''";
    let mut command = Command::new("fish");
    command
        .args(["--no-config", "-c", script])
        .arg(file)
        .arg(line)
        .env("HOME", scratch.path());
    offered(&mut command, scratch)
}

fn offered(command: &mut Command, scratch: &Scratch) -> Vec<String> {
    command
        .current_dir(scratch.path())
        .env("PATH", Suite::ours().path())
        .env("SVDIR", scratch.join("scan"));
    let outcome = Outcome::of(command);
    assert!(
        outcome.stderr.is_empty(),
        "{command:?}: {}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    let text = String::from_utf8(outcome.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines
        .map(|line| line.trim_end_matches('/').to_owned())
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

/// The options of a program, as it has them.
fn options(name: &str) -> Vec<String> {
    let flags = dt_guide::find(name).unwrap().flags.iter();
    let names = flags.map(|flag| {
        let long = flag.name.starts_with("--") && flag.value.is_some();
        [flag.name, if long { "=" } else { "" }].concat()
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn bash_offers_options_services_accounts_and_words() {
    if !is_there("bash", "bash_offers_options_services_accounts_and_words") {
        return;
    }
    let scratch = place();
    let offered = |words: &[&str]| bash(&scratch, words);
    for guide in GUIDES.iter().filter(|guide| !guide.flags.is_empty()) {
        assert_eq!(
            offered(&[guide.name, "-"]),
            options(guide.name),
            "{}",
            guide.name
        );
    }
    assert_eq!(offered(&["svc", "-u", "w"]), ["web"]);
    // The shell takes these apart.
    let choices = ["ready", "restart"];
    assert_eq!(offered(&["svc", "--wait", "=", "re"]), choices);
    assert_eq!(offered(&["svc", "--wait", "=", "up", "w"]), ["web"]);
    assert_eq!(offered(&["svstat", ""]), ["mail", "scan", "srv", "web"]);
    assert_eq!(offered(&["svstat", "web", "scan/w"]), ["scan/web"]);
    assert_eq!(offered(&["svscanctl", "-t", "sc"]), ["scan"]);
    assert_eq!(offered(&["setuidgid", "roo"]), ["root"]);
    assert_eq!(offered(&["setuidgid", "root", "softlim"]), ["softlimit"]);
    assert_eq!(offered(&["softlimit", "-o", "="]), ["="]);
    assert_eq!(
        offered(&["softlimit", "-o", "5", "-a5", "svsta"]),
        ["svstat"]
    );
    assert_eq!(offered(&["softlimit", "svstat", "scr"]), ["script"]);
    assert_eq!(offered(&["setlock", "-n", "scr"]), ["script"]);
    assert_eq!(offered(&["setlock", "-n", "script", "svsta"]), ["svstat"]);
    assert_eq!(offered(&["envdir", "s"]), ["scan", "srv"]);
    assert_eq!(offered(&["daemontools", "svst"]), ["svstat"]);
    assert_eq!(offered(&["svnew", "web", "--user", "roo"]), ["root"]);
    assert_eq!(offered(&["svnew", "web", "--user", "=", "roo"]), ["root"]);
    assert_eq!(offered(&["svnew", "web", "--us"]), ["--user="]);
    assert_eq!(offered(&["svnew", "web", "-e", "--", "svsta"]), ["svstat"]);
}

#[test]
fn bash_knows_the_words_of_multilog() {
    if !is_there("bash", "bash_knows_the_words_of_multilog") {
        return;
    }
    let scratch = place();
    let offered = |words: &[&str]| bash(&scratch, words);
    let words = dt_guide::find("multilog").unwrap().words.iter();
    let mut words: Vec<&str> = words.map(|word| word.first).collect();
    words.sort_unstable();
    // A directory's name begins with `./`, which is cut here.
    assert_eq!(offered(&["multilog", ""]).len(), words.len());
    assert_eq!(offered(&["multilog", "t", "./s"]), ["./scan", "./srv"]);
    assert_eq!(offered(&["multilog", "t", "=scr"]), ["=script"]);
    assert_eq!(offered(&["multilog", "!tai64nl"]), ["!tai64nlocal"]);
}

#[test]
fn fish_offers_options_services_accounts_and_words() {
    if !is_there("fish", "fish_offers_options_services_accounts_and_words") {
        return;
    }
    let scratch = place();
    let offered = |line: &str| fish(&scratch, line);
    for guide in GUIDES.iter().filter(|guide| !guide.flags.is_empty()) {
        let seen = offered(&format!("{} -", guide.name));
        let known = options(guide.name).into_iter();
        let known: Vec<String> = known
            .map(|option| match option.strip_prefix("--") {
                Some(_) => option.trim_end_matches('=').to_owned(),
                None => option,
            })
            .collect();
        assert_eq!(seen, known, "{}", guide.name);
    }
    assert_eq!(offered("svc -u w"), ["web"]);
    assert_eq!(offered("svc --wait=re"), ["--wait=ready", "--wait=restart"]);
    assert_eq!(offered("svstat "), ["mail", "scan", "srv", "web"]);
    assert_eq!(offered("svscanctl -t sc"), ["scan"]);
    assert_eq!(offered("setuidgid roo"), ["root"]);
    assert_eq!(offered("setuidgid root softlim"), ["softlimit"]);
    assert_eq!(offered("softlimit -o 5 svsta"), ["svstat"]);
    assert_eq!(offered("setlock -n script svsta"), ["svstat"]);
    assert_eq!(offered("envdir s"), ["scan", "srv"]);
    assert_eq!(offered("svnew web -u roo"), ["root"]);
    assert_eq!(offered("svnew web --us"), ["--user"]);
    assert_eq!(offered("svnew web -u root -- svsta"), ["svstat"]);
    assert_eq!(offered("multilog t ./s"), ["./scan", "./srv"]);
}
