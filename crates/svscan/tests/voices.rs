//! What a service says while it has no supervise is heard by the next one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::collections::BTreeSet;
use std::fs;

use dt_service::details::Details;
use dt_service::scanning::Command;
use dt_testkit::{is_root, signal, until};
use tree::{Scanner, Tree};

/// Says that it is ready on descriptor 4, and closes it.
const SAYS_AND_CLOSES: &str = "echo run >> events; read -r x < gate
echo yes >&4; exec 4>&-; echo said >> events; exec sleep 1000";

/// Says so on the socket, by a process that has gone then.
const SAYS_ON_SOCKET: &str = r#"echo run >> events; read -r x < gate
perl -e 'use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0) or exit 1;
    send(S, "STATUS=here I am", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or exit 2;
    send(S, "READY=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or exit 2;
' && echo said >> events; exec sleep 1000"#;

fn speaking(run: &str, setting: &str, value: &str) -> Tree {
    let tree = Tree::new();
    tree.service("a", run);
    // Not seen by an svscan before it is whole, as none is there.
    tree.scratch.file(format!("sc/a/{setting}"), value);
    dt_os::file::make_fifo(tree.scratch.join("sc/a/gate"), 0o600).unwrap();
    tree
}

impl Tree {
    fn events(&self) -> String {
        fs::read_to_string(self.scratch.join("sc/a/events")).unwrap_or_default()
    }

    fn details(&self) -> Option<Details> {
        Details::decode(&fs::read(self.scratch.join("sc/a/supervise/details")).ok()?)
    }

    fn is_ready(&self) -> bool {
        self.details()
            .is_some_and(|details| details.ready.is_some())
    }

    /// Has it say so while svscan cannot start another supervise.
    fn says_so_alone(&self, svscan: &Scanner) {
        until("it runs", || self.events() == "run\n");
        let before = self.one("a");
        svscan.signal("STOP");
        signal(before, "KILL");
        until("there is no supervise", || self.supervises("a").is_empty());
        fs::write(self.scratch.join("sc/a/gate"), "x\n").unwrap();
        until("it has said so", || self.events() == "run\nsaid\n");
        assert!(!self.is_ready());
        svscan.signal("CONT");
        until("the next supervise has heard it", || self.is_ready());
        assert_ne!(self.one("a"), before);
        assert_eq!(self.events(), "run\nsaid\n");
        assert_eq!(self.said(), "");
    }

    /// Replaces the supervise by another.
    fn replace(&self) {
        let before = self.one("a");
        signal(before, "KILL");
        until("there is another", || {
            let now = self.supervises("a");
            !now.is_empty() && !now.contains(&before)
        });
    }
}

impl Tree {
    /// How many sockets svscan and a supervise have in common.
    fn shared(&self, svscan: &Scanner, name: &str) -> usize {
        let ours = tree::links(svscan.pid());
        let theirs = tree::links(self.one(name));
        let is_theirs = |link: &str| theirs.iter().any(|(number, it)| *number > 2 && it == link);
        let mut shared: Vec<_> = ours.iter().map(|(_, link)| link).collect();
        shared.retain(|link| link.starts_with("socket:") && is_theirs(link));
        shared.sort_unstable();
        shared.dedup();
        shared.len()
    }
}

fn skipped_without_perl(test: &str) -> bool {
    let perl = std::process::Command::new("perl")
        .args(["-e", "use Socket"])
        .status();
    let works = perl.is_ok_and(|status| status.success());
    if !works {
        eprintln!("{test}: skipped, needs perl");
    }
    !works
}

#[test]
fn readiness_that_is_said_while_no_supervise_lives_is_not_lost() {
    let tree = speaking(SAYS_AND_CLOSES, "notification-fd", "4");
    let svscan = tree.start();
    tree.says_so_alone(&svscan);
}

/// It was found, and so taken away, by the one that was killed as well.
#[test]
fn readiness_is_not_lost_either_where_one_supervise_is_killed_after_another() {
    let tree = speaking(SAYS_AND_CLOSES, "notification-fd", "4");
    let svscan = tree.start();
    until("it runs", || tree.events() == "run\n");
    tree.replace();
    tree.replace();
    tree.says_so_alone(&svscan);
    // On record, it is not forgotten.
    tree.replace();
    until("the last one knows", || {
        tree.supervises("a").len() == 1 && tree.is_ready()
    });
}

#[test]
fn a_message_that_is_sent_while_no_supervise_lives_is_not_refused_nor_lost() {
    let name = "a_message_that_is_sent_while_no_supervise_lives_is_not_refused_nor_lost";
    if skipped_without_perl(name) {
        return;
    }
    let tree = speaking(SAYS_ON_SOCKET, "flag-notify-socket", "");
    let svscan = tree.start();
    tree.says_so_alone(&svscan);
    let words = tree.details().unwrap().words;
    assert_eq!(words.as_bytes(), b"here I am");
}

/// One that has become another program, and one that follows one that was killed.
#[test]
fn another_svscan_keeps_it_as_well() {
    let tree = speaking(SAYS_AND_CLOSES, "notification-fd", "4");
    let svscan = tree.start();
    until("it runs", || tree.events() == "run\n");
    tree.one("a");
    let is_new = || {
        let environment = fs::read(format!("/proc/{}/environ", svscan.pid())).unwrap();
        String::from_utf8_lossy(&environment).contains("SVSCAN_STATE")
    };
    assert!(!is_new());
    let control = tree.scratch.join("sc/.svscan/control");
    fs::write(&control, [Command::Upgrade.byte()]).unwrap();
    until("it is replaced", is_new);
    until("it has looked around", || tree.shared(&svscan, "a") == 2);
    tree.says_so_alone(&svscan);

    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if !is_root() && !["", "0\n"].contains(&scope.as_str()) {
        eprintln!("another svscan may not look into a supervise here");
        return;
    }
    let tree = speaking(SAYS_AND_CLOSES, "notification-fd", "4");
    let first = tree.start();
    until("it runs", || tree.events() == "run\n");
    tree.one("a");
    drop(first);
    let second = tree.start();
    until("it watches the supervise", || second.watches() == 1);
    tree.says_so_alone(&second);
}

/// The service must get none of it, and nobody else anything.
#[test]
fn what_is_kept_is_no_business_of_the_service() {
    let tree = speaking("exec sleep 1000", "notification-fd", "4");
    tree.service("b", "exec sleep 1000");
    let svscan = tree.start();
    let program = |name: &str| {
        let service = tree.service_of(name);
        until("it is its program", || {
            fs::read(format!("/proc/{service}/cmdline")).is_ok_and(|it| it == b"sleep\x001000\0")
        });
        let environment = fs::read(format!("/proc/{service}/environ")).unwrap();
        let environment = String::from_utf8_lossy(&environment);
        assert!(!environment.contains("SUPERVISE_STORE"), "{environment}");
        service
    };
    let [speaks, plain] = ["a", "b"].map(program);
    let open = |service| -> BTreeSet<u32> {
        let open = tree::links(service).into_iter();
        open.map(|(number, _)| number).collect()
    };
    // While they are being loaded they have the libraries open.
    until("one has descriptor 4 besides, and none has another", || {
        let [speaks, plain] = [speaks, plain].map(open);
        speaks.difference(&plain).eq([&4]) && plain.is_subset(&speaks)
    });
    assert_eq!(tree.shared(&svscan, "a"), 2);
    assert_eq!(tree.shared(&svscan, "b"), 0, "a plain one pays for it");
}
