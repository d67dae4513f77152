//! Who waits for whom, read from directories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use dt_os::file::Directory;
use dt_settings::Setting;
use dt_settings::graph::{Graph, ties};
use dt_testkit::Scratch;

fn tie(scan: &Path, service: &str, kind: Setting, on: &[&str]) {
    let directory = scan.join(service).join(kind.name());
    fs::create_dir_all(&directory).unwrap();
    for name in on {
        fs::write(directory.join(name), "").unwrap();
    }
}

fn explore(scan: &Path, from: &[&str]) -> Graph {
    let from: Vec<OsString> = from.iter().map(OsString::from).collect();
    Graph::explore(&Directory::open(scan).unwrap(), &from)
}

#[test]
fn a_directory_without_ties_has_none() {
    let scratch = Scratch::new();
    let directory = Directory::open(scratch.path()).unwrap();
    assert!(ties(&directory).unwrap().is_empty());
    fs::write(scratch.path().join("waits-for.d"), "").unwrap();
    assert!(ties(&directory).unwrap().is_empty());
}

#[test]
fn hidden_names_are_passed_over() {
    let scratch = Scratch::new();
    tie(
        scratch.path(),
        "a",
        Setting::WaitsFor,
        &[".hidden", "z", "b"],
    );
    tie(scratch.path(), "a", Setting::Dependencies, &["c"]);
    let found = ties(&Directory::open(scratch.path().join("a")).unwrap()).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|tie| (tie.kind, tie.on.to_str().unwrap()))
        .collect();
    let expected = [
        (Setting::Dependencies, "c"),
        (Setting::WaitsFor, "b"),
        (Setting::WaitsFor, "z"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_there_is_not_is_missing() {
    let scratch = Scratch::new();
    let scan = scratch.path();
    tie(scan, "a", Setting::Dependencies, &["b", "gone"]);
    tie(scan, "b", Setting::WaitsFor, &["file"]);
    fs::write(scan.join("file"), "").unwrap();
    let graph = explore(scan, &["a"]);
    let missing: Vec<_> = graph
        .missing()
        .map(|(who, tie)| (who, tie.on.as_os_str()))
        .collect();
    let pair = |who, whom| (OsStr::new(who), OsStr::new(whom));
    assert_eq!(missing, [pair("a", "gone"), pair("b", "file")]);
    assert!(graph.rings().is_empty());
}

#[test]
fn rings_may_be_of_both_kinds_and_are_found_from_anywhere() {
    let scratch = Scratch::new();
    let scan = scratch.path();
    tie(scan, "a", Setting::Dependencies, &["b"]);
    tie(scan, "b", Setting::WaitsFor, &["c"]);
    tie(scan, "c", Setting::Dependencies, &["b"]);
    tie(scan, "other", Setting::Dependencies, &["other"]);
    assert_eq!(explore(scan, &["a"]).rings(), [["b", "c"]]);
    assert_eq!(explore(scan, &["a", "other"]).rings().len(), 2);
}
