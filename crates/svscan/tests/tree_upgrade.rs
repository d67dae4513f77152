//! `svscanctl --upgrade`: a whole tree becomes what is installed now.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::fs;
use std::path::Path;

use dt_testkit::{Outcome, Suite, until, until_some};
use tree::{Scanner, Tree};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// As long as the real one.
const NEWER: &str = "9.9.9";

const PROGRAMS: [&str; 3] = ["svscan", "supervise", "multilog"];

/// Numbers its lines, and says when it starts.
const WRITER: &str = "echo $$ >> starts; trap 'echo over; exit' TERM
i=0
while :; do i=$((i+1)); echo $i; sleep 0.01; done";

fn ours() -> bool {
    !Suite::under_test().is_original()
}

/// Installs a copy of a program that says to be of another version.
fn install(tree: &Tree, program: &str, version: &str) {
    let real = fs::read(tree.suite.program(program)).unwrap();
    let mark = format!("@(#)daemontools-rs {VERSION}\0");
    let at = real
        .windows(mark.len())
        .position(|it| it == mark.as_bytes());
    let mut real = real;
    let version = format!("@(#)daemontools-rs {version}\0");
    assert_eq!(mark.len(), version.len());
    let place = at.unwrap();
    real[place..place + mark.len()].copy_from_slice(version.as_bytes());
    // By another process, as it is to be executed.
    let made = tree.scratch.script(format!("making/{program}"), real);
    move_in(tree, &made, program);
}

fn move_in(tree: &Tree, made: &Path, program: &str) {
    tree.scratch.directory("installed");
    fs::rename(made, tree.scratch.join("installed").join(program)).unwrap();
}

fn install_all(tree: &Tree, version: &str) {
    for program in PROGRAMS {
        install(tree, program, version);
    }
}

/// Found along a `PATH` that begins with what is installed.
fn start(tree: &Tree) -> Scanner {
    start_with(tree, "")
}

/// The same, with a value for `SUPERVISEDIR`.
fn start_with(tree: &Tree, kept: &str) -> Scanner {
    use std::os::unix::process::CommandExt;
    let installed = tree.scratch.join("installed");
    let mut path = installed.clone().into_os_string();
    path.push(":");
    path.push(tree.suite.path());
    let mut command = std::process::Command::new(installed.join("svscan"));
    command.arg0("svscan").arg("sc").env("PATH", path);
    command.env("SUPERVISEDIR", kept);
    command.current_dir(tree.scratch.path());
    Scanner(tree.run(command))
}

fn upgrade(tree: &Tree) -> (i32, Vec<String>) {
    upgrade_with(tree, "")
}

fn upgrade_with(tree: &Tree, kept: &str) -> (i32, Vec<String>) {
    let mut command = tree.suite.command("svscanctl", &tree.scratch);
    command.env("SUPERVISEDIR", kept);
    let outcome = Outcome::of(command.args(["--upgrade", "sc"]));
    let out = String::from_utf8(outcome.stdout).unwrap();
    (outcome.code, out.lines().map(str::to_owned).collect())
}

/// The logger of a service.
fn logger(tree: &Tree, name: &str) -> u32 {
    until_some("the logger is there", || {
        let pid = tree.service_of(&format!("{name}/log"));
        let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
        (comm == b"multilog\n").then_some(pid)
    })
}

/// Ends the tree in order; each line of the service is there once.
fn check_lines(tree: &Tree, svscan: &mut Scanner, name: &str) {
    check_lines_in(tree, svscan, name, &format!("{name}/log/main"));
}

/// The same for a log elsewhere.
fn check_lines_in(tree: &Tree, svscan: &mut Scanner, name: &str, log: &str) {
    let mut ask = tree.suite.command("svscanctl", &tree.scratch);
    assert!(ask.args(["-t", "sc"]).status().unwrap().success());
    assert_eq!(svscan.wait(), 0);
    let logged = tree.logged_in(log);
    let lines: Vec<_> = logged.lines().collect();
    let mut expected: Vec<_> = (1..lines.len()).map(|i| i.to_string()).collect();
    expected.push("over".to_owned());
    assert_eq!(lines, expected);
    let starts = tree.scratch.read(format!("sc/{name}/starts"));
    assert_eq!(String::from_utf8(starts).unwrap().lines().count(), 1);
}

#[test]
fn each_program_of_a_tree_becomes_the_new_one_and_no_service_notices() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    tree.service_with_log("b", WRITER);
    install_all(&tree, VERSION);
    let mut svscan = start(&tree);
    let (a, b, log) = (tree.one("a"), tree.one("b"), tree.one("b/log"));
    let services = [tree.service_of("a"), tree.service_of("b")];
    let first = logger(&tree, "b");
    tree.until_logged("b", "5");
    // One whose name is gone is still svscan's.
    fs::rename(tree.scratch.join("sc/a"), tree.scratch.join("gone")).unwrap();

    install_all(&tree, NEWER);
    let (code, mut lines) = upgrade(&tree);
    let second = logger(&tree, "b");
    assert_ne!(first, second);
    let expected = |before: &str, logger| {
        let gone = tree.scratch.join("gone");
        let of = |what: &str, pid: u32| format!("{what} (pid {pid}): {before} -> {NEWER}");
        [
            of("svscan", svscan.pid()),
            of("supervise b", b),
            of("supervise b/log", log),
            of(&format!("supervise {}", gone.display()), a),
            of("multilog b/log", logger),
        ]
    };
    assert_eq!((code, &lines[..]), (0, &expected(VERSION, second)[..]));
    // There is nothing left to do.
    (_, lines) = upgrade(&tree);
    assert_eq!(lines, expected(NEWER, second));
    assert_eq!(logger(&tree, "b"), second);
    fs::rename(tree.scratch.join("gone"), tree.scratch.join("sc/a")).unwrap();
    assert_eq!(
        (tree.one("a"), tree.one("b"), tree.one("b/log")),
        (a, b, log)
    );
    assert_eq!([tree.service_of("a"), tree.service_of("b")], services);
    assert_eq!(tree.said(), "");
    check_lines(&tree, &mut svscan, "b");
}

#[test]
fn a_tree_is_found_where_supervisedir_says() {
    if !ours() {
        return;
    }
    for absolute in [false, true] {
        let tree = Tree::new();
        let base = tree.scratch.directory("base");
        let kept = if absolute {
            base.to_str().unwrap()
        } else {
            ".kept"
        };
        tree.service_with_log("b", WRITER);
        install_all(&tree, VERSION);
        let svscan = start_with(&tree, kept);
        tree.until_logged("b", "5");
        install_all(&tree, NEWER);
        let (code, lines) = upgrade_with(&tree, kept);
        let told: Vec<_> = lines
            .iter()
            .map(|line| {
                let (what, rest) = line.split_once(" (pid ").unwrap();
                (what, rest.split_once("): ").unwrap().1)
            })
            .collect();
        let now = &*format!("{VERSION} -> {NEWER}");
        let all = ["svscan", "supervise b", "supervise b/log", "multilog b/log"];
        assert_eq!((code, told), (0, all.map(|what| (what, now)).to_vec()));
        assert!(!tree.scratch.join("sc/b/supervise").exists());
        drop(svscan);
    }
}

#[test]
fn what_is_installed_and_does_not_work_leaves_the_old_tree_running() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("b", WRITER);
    install_all(&tree, VERSION);
    let mut svscan = start(&tree);
    let (main, log) = (tree.one("b"), tree.one("b/log"));
    let service = tree.service_of("b");
    let multilog = logger(&tree, "b");
    for (script, why) in [
        ("exit 100", "the one installed cannot take over"),
        // The kernel's, or what a package of another machine's programs would give.
        ("", "the one installed cannot take over"),
        ("exec sleep 1000", "the one installed cannot take over"),
    ] {
        for program in PROGRAMS {
            let text = if script.is_empty() {
                "not a program".to_owned()
            } else {
                format!("#!/bin/sh\n{script}\n")
            };
            let made = tree.scratch.script(format!("making/{program}"), text);
            move_in(&tree, &made, program);
        }
        let (code, lines) = upgrade(&tree);
        let kept =
            |what: &str, pid: u32, why: &str| format!("{what} (pid {pid}): {VERSION}, kept: {why}");
        let of_svscan = if script.starts_with("exec") {
            "timer expired"
        } else {
            "it does not know how to go on"
        };
        let of_svscan = kept("svscan", svscan.pid(), of_svscan);
        let expected = [
            kept("supervise b", main, why),
            kept("supervise b/log", log, why),
            kept(
                "multilog b/log",
                multilog,
                "the one installed does not work",
            ),
        ];
        assert_eq!((code, &lines[1..]), (111, &expected[..]), "{script}");
        if !script.starts_with("exec") {
            assert_eq!(lines[0], of_svscan);
        }
    }
    assert_eq!((tree.one("b"), tree.one("b/log")), (main, log));
    assert_eq!(
        (tree.service_of("b"), logger(&tree, "b")),
        (service, multilog)
    );
    install_all(&tree, NEWER);
    assert_eq!(upgrade(&tree).0, 0, "it is as able as before");
    check_lines(&tree, &mut svscan, "b");
}

#[test]
fn a_logger_that_is_not_ours_or_would_not_come_back_is_left_alone() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", WRITER);
    tree.service_with_log("b", WRITER);
    tree.service_with_log("c", WRITER);
    tree.scratch
        .script("sc/a/log/run", "#!/bin/sh\nexec cat >> all\n");
    let original = Path::new("/usr/bin/multilog");
    if original.is_file() {
        let run = "#!/bin/sh\nexec /usr/bin/multilog ./main\n";
        tree.scratch.script("sc/b/log/run", run);
    }
    install_all(&tree, VERSION);
    let svscan = start(&tree);
    let loggers = ["b", "c"].map(|name| logger(&tree, name));
    let mut svc = tree.suite.command("svc", &tree.scratch);
    assert!(svc.args(["-o", "sc/c/log"]).status().unwrap().success());
    until("it would not come back", || {
        let status = tree.scratch.read("sc/c/log/supervise/status");
        status[17] == 0
    });
    install_all(&tree, NEWER);
    let (code, lines) = upgrade(&tree);
    let of_loggers: Vec<_> = lines
        .into_iter()
        .filter(|it| it.starts_with("multi"))
        .collect();
    let [b, c] = loggers;
    let why = "it would not be started again";
    let mut expected = vec![format!("multilog c/log (pid {c}): {VERSION}, kept: {why}")];
    if original.is_file() {
        let why = "it is not of this suite";
        expected.insert(
            0,
            format!("multilog b/log (pid {b}): unknown version, kept: {why}"),
        );
        assert_eq!(logger(&tree, "b"), b);
    } else {
        let b = logger(&tree, "b");
        expected.insert(1, format!("multilog b/log (pid {b}): {VERSION} -> {NEWER}"));
    }
    assert_eq!((code, of_loggers), (111, expected));
    assert_eq!(logger(&tree, "c"), c);
    drop(svscan);
}

/// The logger beside a service, where `log` is a program.
fn logger_beside(tree: &Tree, name: &str) -> u32 {
    until_some("the logger is there", || {
        let status = fs::read(tree.scratch.join(format!("sc/{name}/supervise/status"))).ok()?;
        let log = dt_service::StatusFile::decode(&status).ok()?.log?;
        let comm = fs::read(format!("/proc/{}/comm", log.status.pid)).ok()?;
        (comm == b"multilog\n").then_some(log.status.pid)
    })
}

#[test]
fn a_log_that_is_a_program_is_replaced_as_any_other() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    let log = "#!/bin/sh\nexec multilog s4096 n1000 ./main\n";
    tree.scratch.script("making/log", log);
    let run = format!("#!/bin/sh\n{WRITER}\n");
    tree.scratch.script("making/run", run);
    install_all(&tree, VERSION);
    fs::create_dir_all(tree.scratch.join("sc")).unwrap();
    fs::rename(tree.scratch.join("making"), tree.scratch.join("sc/b")).unwrap();
    let mut svscan = start(&tree);
    let (supervise, service) = (tree.one("b"), tree.service_of("b"));
    let first = logger_beside(&tree, "b");
    let until_logged = |line: usize| {
        until("it is in the log", || {
            tree.logged_in("b/main").lines().count() >= line
        });
    };
    until_logged(5);

    install_all(&tree, NEWER);
    let (code, lines) = upgrade(&tree);
    let second = logger_beside(&tree, "b");
    assert_ne!(first, second);
    let expected = |before: &str, supervise, logger| {
        let of = |what: &str, pid: u32| format!("{what} (pid {pid}): {before} -> {NEWER}");
        [
            of("svscan", svscan.pid()),
            of("supervise b", supervise),
            of("multilog b/log", logger),
        ]
    };
    let told = expected(VERSION, supervise, second);
    assert_eq!((code, &lines[..]), (0, &told[..]));
    let (_, lines) = upgrade(&tree);
    assert_eq!(lines, expected(NEWER, supervise, second));

    // Kills in between change nothing about that.
    let mut line = 10;
    for (round, version) in [VERSION, NEWER, VERSION].into_iter().enumerate() {
        let logger = logger_beside(&tree, "b");
        install_all(&tree, version);
        if round == 1 {
            dt_testkit::signal(tree.one("b"), "KILL");
        } else {
            dt_testkit::signal(logger, "KILL");
        }
        until("it is up again", || {
            logger_beside(&tree, "b") != logger || round == 1
        });
        tree.one("b");
        let (code, lines) = upgrade(&tree);
        assert_eq!((code, lines.len()), (0, 3), "{lines:?}");
        assert!(
            lines.iter().all(|line| line.ends_with(version)),
            "{lines:?}"
        );
        line += 10;
        until_logged(line);
    }
    assert_eq!(tree.service_of("b"), service);
    assert_eq!(tree.said(), "");
    check_lines_in(&tree, &mut svscan, "b", "b/main");
}

#[test]
fn a_logger_beside_its_service_that_would_not_come_back_is_left_alone() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    let log = "#!/bin/sh\nexec multilog ./main\n";
    tree.scratch.script("sc/b/log", log);
    tree.scratch
        .script("sc/b/run", "#!/bin/sh\nexec sleep 1000\n");
    install_all(&tree, VERSION);
    let svscan = start(&tree);
    let logger = logger_beside(&tree, "b");
    let service = tree.service_of("b");
    let mut svc = tree.suite.command("svc", &tree.scratch);
    assert!(svc.args(["-Lo", "sc/b"]).status().unwrap().success());
    until("it would not come back", || {
        let status = tree.scratch.read("sc/b/supervise/status");
        status.get(37) == Some(&0)
    });
    install_all(&tree, NEWER);
    let (code, lines) = upgrade(&tree);
    let why = "it would not be started again";
    let line = format!("multilog b/log (pid {logger}): {VERSION}, kept: {why}");
    assert_eq!((code, lines.last()), (111, Some(&line)));
    assert_eq!(logger_beside(&tree, "b"), logger);
    assert_eq!(tree.service_of("b"), service);
    drop(svscan);
}

#[test]
fn the_originals_supervise_stays_and_is_named() {
    if !ours() || !Path::new("/usr/bin/supervise").is_file() {
        eprintln!("the_originals_supervise_stays_and_is_named: skipped, it is not installed");
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    let svscan = tree.start_with_path("/usr/bin:/bin");
    let pid = tree.one("a");
    let (code, lines) = upgrade(&tree);
    let why = "it is not of this suite";
    let line = format!("supervise a (pid {pid}): unknown version, kept: {why}");
    assert_eq!((code, &lines[1..]), (111, &[line][..]));
    drop(svscan);
}

/// A process has neither a name nor a program's file, as others see it, for an
/// instant while it becomes another.
#[test]
fn a_program_in_the_midst_of_becoming_another_is_not_lost_sight_of() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    let names: Vec<_> = (0..10).map(|number| format!("s{number}")).collect();
    for name in &names {
        tree.service(name, "exec sleep 1000");
    }
    install_all(&tree, VERSION);
    let svscan = start(&tree);
    for name in &names {
        tree.one(name);
    }
    for _ in 0..20 {
        install(&tree, "supervise", VERSION);
        let (code, lines) = upgrade(&tree);
        assert_eq!((code, lines.len()), (0, 11), "{lines:?}");
    }
    drop(svscan);
}

/// A service without a log, with more files than `run`; those that begin with `#!` are
/// programs.
fn service_of_files(tree: &Tree, name: &str, files: &[(&str, &str)]) {
    for (file, text) in files {
        let place = format!(".making.{name}/{file}");
        if text.starts_with("#!") {
            tree.scratch.script(place, text);
        } else {
            tree.scratch.file(place, text);
        }
    }
    let made = tree.scratch.join(format!(".making.{name}"));
    fs::rename(made, tree.scratch.join("sc").join(name)).unwrap();
}

/// The lines of a file in the scan directory; none where it is not there.
fn lines_of(tree: &Tree, file: &str) -> Vec<String> {
    let text = fs::read_to_string(tree.scratch.join("sc").join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Services that an upgrade will find waiting for something each.
fn things_to_be_amid_of(tree: &Tree) {
    let sleep = "#!/bin/sh\necho $$ >> starts; exec sleep 1000\n";
    tree.service_with_log("writer", WRITER);
    for name in ["paused", "told"] {
        service_of_files(tree, name, &[("run", sleep)]);
    }
    let short = "#!/bin/sh\ndate +%s%N >> starts\n";
    service_of_files(tree, "paced", &[("run", short), ("restart-delay", "3s")]);
    let check = "#!/bin/sh\ntest -e ready\n";
    service_of_files(tree, "needed", &[("run", sleep), ("check", check)]);
    let needs = [("run", sleep), ("dependencies.d/needed", "")];
    service_of_files(tree, "needs", &needs);
    let finish = "#!/bin/sh\necho $$ >> finishes; until test -e ../go; do sleep 0.01; done\n";
    let finishes = [("run", sleep), ("finish", finish), ("timeout-finish", "5m")];
    service_of_files(tree, "finishes", &finishes);
}

/// Nothing that a tree is amid of is lost with the programs that it runs in: a wait, a
/// wish, a hook that runs, a command that nobody has read yet.
#[test]
fn whatever_a_tree_is_amid_of_goes_on_after_an_upgrade() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    things_to_be_amid_of(&tree);
    install_all(&tree, VERSION);
    let mut svscan = start(&tree);
    let names = [
        "writer", "paused", "told", "paced", "needed", "needs", "finishes",
    ];
    let supervises = names.map(|name| {
        until_some("it is there", || {
            <[u32; 1]>::try_from(tree.supervises(name)).ok()
        })
    });
    let svc = |option: &str, name: &str| {
        let mut svc = tree.suite.command("svc", &tree.scratch);
        svc.args([option, &format!("sc/{name}")]);
        assert!(svc.status().unwrap().success());
    };
    let stopped = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('T'))
    };
    let paused = tree.service_of("paused");
    svc("-p", "paused");
    until("it is paused", || stopped(paused));
    let ended = tree.service_of("finishes");
    until("it runs", || lines_of(&tree, "finishes/starts").len() == 1);
    dt_testkit::signal(ended, "KILL");
    until("finish runs", || {
        lines_of(&tree, "finishes/finishes").len() == 1
    });
    until("it has died", || {
        !lines_of(&tree, "paced/starts").is_empty()
    });
    tree.until_logged("writer", "5");

    // What comes behind the request is done all the same.
    let told = supervises[2][0];
    let before = tree.service_of("told");
    until("it runs", || lines_of(&tree, "told/starts").len() == 1);
    dt_testkit::signal(told, "STOP");
    until("its supervise is stopped", || stopped(told));
    let control = tree.scratch.join("sc/told/supervise/control");
    let mut control = fs::File::options().write(true).open(control).unwrap();
    std::io::Write::write_all(&mut control, b"^t").unwrap();
    install_all(&tree, NEWER);
    dt_testkit::signal(told, "CONT");
    let installed = tree.scratch.join("installed/supervise");
    until("it is the new one", || {
        fs::read_link(format!("/proc/{told}/exe")).is_ok_and(|is| is == installed)
    });
    for version in [VERSION, NEWER, VERSION] {
        let (code, lines) = upgrade(&tree);
        assert_eq!((code, lines.len()), (0, 10), "{lines:?}");
        install_all(&tree, version);
    }

    assert_eq!(
        names.map(|name| tree.supervises(name)),
        supervises.map(Vec::from)
    );
    until("what was told is done, once", || {
        lines_of(&tree, "told/starts").len() == 2
    });
    assert_ne!(tree.service_of("told"), before);
    assert_eq!((tree.service_of("paused"), stopped(paused)), (paused, true));
    svc("-c", "paused");
    until("it goes on", || !stopped(paused));
    assert_eq!(lines_of(&tree, "needs/starts").len(), 0);
    tree.scratch.file("sc/needed/ready", "");
    until("what it needs is ready", || {
        lines_of(&tree, "needs/starts").len() == 1
    });
    assert_eq!(lines_of(&tree, "finishes/starts").len(), 1);
    tree.scratch.file("sc/go", "");
    until("it is started after finish", || {
        lines_of(&tree, "finishes/starts").len() == 2
    });
    assert_eq!(lines_of(&tree, "finishes/finishes").len(), 1);
    until("it is started at its pace", || {
        lines_of(&tree, "paced/starts").len() >= 3
    });
    let at = lines_of(&tree, "paced/starts");
    let at: Vec<u128> = at.iter().map(|line| line.parse().unwrap()).collect();
    // Three seconds; but the clock is asked by the program, which may be late.
    let paced = at.windows(2).all(|two| two[1] - two[0] > 1_500_000_000);
    assert!(paced, "{at:?}");
    assert_eq!(lines_of(&tree, "told/starts").len(), 2);
    assert_eq!(tree.said(), "");
    check_lines(&tree, &mut svscan, "writer");
}
