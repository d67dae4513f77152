//! All is stopped in reverse order of dependencies.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use dt_testkit::{Outcome, Suite, descendants_of_scratch, signal, until};
use tree::{Scanner, Tree};

/// Says in the file `ends` what it is told, and ends once a file of the name
/// `NAME.may` is there.
fn lingering(name: &str) -> String {
    format!(
        "trap 'echo {name} told >> ../../ends
while ! test -e ../../{name}.may; do sleep 0.02; done
echo {name} over >> ../../ends; exit' TERM
echo > ../../{name}.up
while :; do sleep 0.02; done"
    )
}

/// `web` needs `app`, which waits for `db`; `by` is by itself.
fn tree() -> Tree {
    let tree = Tree::new();
    for name in ["web", "app", "db", "by"] {
        tree.service(name, &lingering(name));
    }
    needs(&tree, "web", "dependencies.d", "app");
    needs(&tree, "app", "waits-for.d", "db");
    tree
}

fn needs(tree: &Tree, name: &str, how: &str, other: &str) {
    let file = format!("sc/{name}/{how}/{other}");
    tree.scratch.file(file, "");
}

fn until_up(tree: &Tree, names: &[&str]) {
    for name in names {
        let up = tree.scratch.join(format!("{name}.up"));
        until(&format!("{name} is up"), || up.exists());
    }
}

fn ask(tree: &Tree, letters: &str) {
    let mut command = tree.suite.command("svscanctl", &tree.scratch);
    let outcome = Outcome::of(command.args([letters, "sc"]));
    assert_eq!(outcome, Outcome::gives(""));
}

fn ends(tree: &Tree) -> Vec<String> {
    let ends = std::fs::read_to_string(tree.scratch.join("ends")).unwrap_or_default();
    ends.lines().map(str::to_owned).collect()
}

#[track_caller]
fn until_said(tree: &Tree, line: &str) {
    until(line, || ends(tree).iter().any(|said| said == line));
}

fn let_end(tree: &Tree, names: &[&str]) {
    for name in names {
        tree.scratch.file(format!("{name}.may"), "");
    }
}

#[track_caller]
fn nothing_is_left(tree: &Tree, svscan: &mut Scanner) {
    assert_eq!(svscan.wait(), 0);
    until("nothing is left", || {
        descendants_of_scratch(tree.scratch.path()).is_empty()
    });
}

fn ours() -> bool {
    !Suite::under_test().is_original()
}

/// That each of them has ended before the next one was told.
#[track_caller]
fn in_order(tree: &Tree, names: &[&str]) {
    let ends = ends(tree);
    let at = |line: String| ends.iter().rposition(|said| *said == line);
    for pair in names.windows(2) {
        let over = at(format!("{} over", pair[0]));
        let told = at(format!("{} told", pair[1]));
        assert!(over.is_some() && over < told, "{pair:?}: {ends:?}");
    }
}

#[test]
fn what_is_needed_is_stopped_after_those_that_need_it() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut svscan = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    ask(&tree, "-t");
    until_said(&tree, "web told");
    until_said(&tree, "by told");
    let_end(&tree, &["app", "db"]);
    assert_eq!(ends(&tree).len(), 2, "nobody else has been told");
    let_end(&tree, &["web", "by"]);
    nothing_is_left(&tree, &mut svscan);
    in_order(&tree, &["web", "app", "db"]);
    assert_eq!(tree.said(), "");
}

#[test]
fn a_single_service_goes_down_at_once_whoever_needs_it() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut svscan = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    let_end(&tree, &["web", "app", "db", "by"]);
    let mut command = tree.suite.command("svc", &tree.scratch);
    assert_eq!(
        Outcome::of(command.args(["-d", "sc/db"])),
        Outcome::gives("")
    );
    until_said(&tree, "db over");
    assert_eq!(ends(&tree), ["db told", "db over"]);
    ask(&tree, "-t");
    nothing_is_left(&tree, &mut svscan);
}

#[test]
fn at_once_is_in_no_order_also_where_a_stop_has_begun_in_one() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut svscan = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    ask(&tree, "-t");
    until_said(&tree, "web told");
    ask(&tree, "-q");
    until_said(&tree, "db told");
    until_said(&tree, "app told");
    let_end(&tree, &["web", "app", "db", "by"]);
    nothing_is_left(&tree, &mut svscan);
}

#[test]
fn a_ring_is_said_and_is_in_nobodys_way() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut svscan = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    // Too late to keep them from starting.
    needs(&tree, "db", "dependencies.d", "web");
    needs(&tree, "app", "dependencies.d", "db");
    ask(&tree, "-t");
    for name in ["web", "app", "db"] {
        until_said(&tree, &format!("{name} told"));
    }
    let_end(&tree, &["web", "app", "db", "by"]);
    nothing_is_left(&tree, &mut svscan);
    let said = tree.said();
    let ours: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("svscan: warning: "))
        .collect();
    let words = " need each other: they are stopped in no order";
    assert!(matches!(*ours, [line] if line.ends_with(words)), "{said}");
}

#[test]
fn another_svscan_goes_on_in_the_same_order() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut first = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    ask(&tree, "-t");
    until_said(&tree, "web told");
    first.signal("KILL");
    let _ = first.wait();
    let mut second = tree.start();
    until("it has taken over", || second.watches() >= 4);
    ask(&tree, "-t");
    let_end(&tree, &["by", "web", "app", "db"]);
    nothing_is_left(&tree, &mut second);
    in_order(&tree, &["web", "app", "db"]);
}

/// It has not come upon one of them yet, or looks at it as at something new.
#[test]
fn a_stop_that_is_asked_of_a_new_svscan_leaves_nothing_of_the_last_ones_running() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut first = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    first.signal("KILL");
    let _ = first.wait();
    // What comes without `run` once svscan is there is left alone until it has one.
    let (here, away) = (tree.scratch.join("sc/web"), tree.scratch.join("web"));
    std::fs::remove_file(here.join("run")).unwrap();
    std::fs::rename(&here, &away).unwrap();
    let mut second = tree.start();
    until("it has taken over the others", || second.watches() >= 3);
    std::fs::rename(&away, &here).unwrap();
    ask(&tree, "-t");
    let_end(&tree, &["by", "web", "app", "db"]);
    nothing_is_left(&tree, &mut second);
    in_order(&tree, &["web", "app", "db"]);
}

/// What is left in a cgroup is as good as a service.
#[test]
fn a_supervise_that_is_killed_while_it_clears_away_comes_back() {
    if !ours() {
        return;
    }
    let Ok(own) = dt_os::cgroup::own() else {
        println!("skipped: no cgroups");
        return;
    };
    let name = format!("daemontools-test.order.{}", std::process::id());
    let place = Cgroup(own.join(name));
    if let Err(why) = std::fs::create_dir(&place.0) {
        println!("skipped: {why}");
        return;
    }
    let tree = Tree::new();
    let left = "setsid sh -c 'trap \"\" TERM; : > ../../left.up
while ! test -e ../../left.may; do sleep 0.02; done; echo left over >> ../../ends' &";
    tree.service("web", &format!("{left}\nexec sleep 1000"));
    tree.scratch.file("sc/web/flag-cgroup", "");
    tree.scratch.file("sc/web/timeout-kill", "1h");
    tree.service("db", &lingering("db"));
    needs(&tree, "web", "dependencies.d", "db");
    let mut command = tree.suite.command("svscan", &tree.scratch);
    command.arg("sc").env("PATH", tree.suite.path());
    command.env("SUPERVISE_CGROUP", &place.0);
    let mut svscan = Scanner(tree.run(command));
    until_up(&tree, &["left", "db"]);
    let service = tree.service_of("web");
    let supervise = tree.one("web");
    ask(&tree, "-t");
    until("web has died", || !alive(service));
    signal(supervise, "KILL");
    until(
        "it is back",
        || matches!(*tree.supervises("web"), [new] if new != supervise),
    );
    assert!(ends(&tree).is_empty(), "db is told too early");
    let_end(&tree, &["left", "db"]);
    nothing_is_left(&tree, &mut svscan);
    assert_eq!(ends(&tree), ["left over", "db told", "db over"]);
}

fn alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Taken away at the end.
struct Cgroup(std::path::PathBuf);

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Ok(leaf) = dt_os::cgroup::Leaf::at(self.0.clone()) {
            leaf.send(dt_os::signals::Signal::SIGKILL);
            until("it is empty", || {
                leaf.is_populated(None).is_ok_and(|is| !is)
            });
            leaf.remove();
        }
    }
}

/// A killed supervise leaves its service, which nobody would have stopped, and which
/// still needs what the others are.
#[test]
fn a_supervise_that_is_killed_in_a_stop_comes_back_for_its_service() {
    if !ours() {
        return;
    }
    let tree = tree();
    let mut svscan = tree.start();
    until_up(&tree, &["web", "app", "db", "by"]);
    let (told, untold) = (tree.one("web"), tree.one("app"));
    let_end(&tree, &["by", "db"]);
    ask(&tree, "-t");
    until_said(&tree, "web told");
    signal(told, "KILL");
    signal(untold, "KILL");
    until("both are back", || {
        let other = |name: &str, old| matches!(*tree.supervises(name), [new] if new != old);
        other("web", told) && other("app", untold)
    });
    assert!(!ends(&tree).contains(&"db told".to_owned()));
    let_end(&tree, &["web", "app"]);
    nothing_is_left(&tree, &mut svscan);
    in_order(&tree, &["web", "app", "db"]);
}
