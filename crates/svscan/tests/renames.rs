//! Names that come, go and lead elsewhere, a thousand times over: nothing of that
//! stays behind in `svscan`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::fs;
use std::os::unix::fs::symlink;

use dt_service::Record;
use dt_testkit::{Suite, signal, until};
use tree::{Tree, links};

/// What grows with each name that is not forgotten.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    descriptors: usize,
    watches: usize,
}

fn kept(pid: u32) -> Kept {
    let open = links(pid);
    let watches = open.iter().filter(|(_, link)| link.contains("inotify"));
    let watches = watches.map(|(number, _)| {
        let facts = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}"));
        let facts = facts.unwrap_or_default();
        facts.lines().filter(|is| is.starts_with("inotify")).count()
    });
    Kept {
        descriptors: open.len(),
        watches: watches.sum(),
    }
}

/// Its memory that is nobody else's, in kB; none where the kernel does not say.
fn private(pid: u32) -> Option<usize> {
    let facts = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let private = facts.lines().filter(|line| line.starts_with("Private_"));
    let sizes = private.map(|line| line.split_ascii_whitespace().nth(1)?.parse::<usize>().ok());
    sizes.sum()
}

/// A link that is another in one step.
fn point(tree: &Tree, name: &str, to: &str) {
    let made = tree.scratch.join("link");
    symlink(tree.scratch.join(to), &made).unwrap();
    fs::rename(made, tree.scratch.join("sc").join(name)).unwrap();
}

/// Renames, points elsewhere, removes and makes anew, each `times` times. Then what has
/// changed has been seen.
fn stir(tree: &Tree, round: usize, times: usize) {
    let name = |number: usize| tree.scratch.join(format!("sc/renamed.{round}.{number}"));
    fs::rename(tree.scratch.join("sc/renamed"), name(0)).unwrap();
    for number in 0..times {
        fs::rename(name(number), name(number + 1)).unwrap();
        point(tree, "pointed", if number % 2 == 0 { "two" } else { "one" });
        point(tree, &format!("link.{round}.{number}"), "one");
        if number % 100 == 0 {
            tree.service("made", "exec sleep 1000");
            let supervise = tree.one("made");
            let service = tree.service_of("made");
            fs::remove_dir_all(tree.scratch.join("sc/made")).unwrap();
            signal(service, "KILL");
            until("supervise has ended with its service", || {
                !fs::exists(format!("/proc/{supervise}")).unwrap()
            });
        }
        fs::remove_file(tree.scratch.join(format!("sc/link.{round}.{number}"))).unwrap();
    }
    fs::rename(name(times), tree.scratch.join("sc/renamed")).unwrap();
    point(tree, "pointed", "one");
}

#[test]
fn a_thousand_renames_and_links_leave_nothing_behind() {
    if Suite::under_test().is_original() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("renamed", "exec sleep 1000");
    for name in ["one", "two"] {
        tree.service(name, "exec sleep 1000");
        fs::rename(tree.scratch.join("sc").join(name), tree.scratch.join(name)).unwrap();
        point(&tree, "pointed", name);
        point(&tree, name, name);
    }
    let mut svscan = tree.start();
    let all = ["sc/renamed", "sc/renamed/log", "one", "two"];
    let supervise_of = |place: &&str| {
        let record = fs::read(tree.scratch.join(place).join("supervise/record")).ok()?;
        let (_, record) = Record::newest(&record)?;
        record.service.map(|_| record.supervise.pid)
    };
    until("all are up", || {
        all.iter().all(|place| supervise_of(place).is_some())
    });
    let before: Vec<_> = all.iter().map(supervise_of).collect();
    // The first time it takes what it keeps.
    stir(&tree, 0, 100);
    let settled = || {
        let mut last = kept(svscan.pid());
        until("it has seen all", || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let now = kept(svscan.pid());
            std::mem::replace(&mut last, kept(svscan.pid())) == now
        });
        (last, private(svscan.pid()))
    };
    let (first, memory) = settled();
    stir(&tree, 1, 1000);
    until("as many descriptors and watches as before", || {
        kept(svscan.pid()) == first
    });
    let (_, after) = settled();
    if let Some((memory, after)) = memory.zip(after) {
        eprintln!("private memory: {memory} kB, then {after} kB");
        assert!(after <= memory + 64, "{memory} kB, then {after} kB");
    }
    assert_eq!(all.iter().map(supervise_of).collect::<Vec<_>>(), before);
    assert_eq!(svscan.ended(), None);
}
