//! No processes, no descriptors, no space.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dt_os::signals::Signal;
use dt_testkit::Running;

use crate::kit::{self, Outcome};
use crate::lines;
use crate::points;
use crate::report::Cell;
use crate::scenarios::Size;
use crate::scenarios::logs::{self, SOON};
use crate::suite::{Suite, Word};
use crate::tree::{BOUND, Shape, Tree};

/// Each fork of a supervisor fails for two seconds.
pub fn forks(suite: &Suite, size: &Size) -> Outcome<Cell> {
    if !points::have_strace() {
        return Ok(Cell::without("no strace"));
    }
    let tree = Tree::new(suite);
    let names = tree.services(size.services.min(5), Shape::PLAIN)?;
    let mut running = Vec::new();
    for name in &names {
        let mut words: Vec<OsString> = ["strace", "-I2", "-D", "-o", "/dev/null", "-e"]
            .map(OsString::from)
            .to_vec();
        words.push("inject=clone,clone3,fork,vfork:error=EAGAIN".into());
        words.extend(suite.supervisor(&tree.directory(name)));
        running.push(tree.start(&words)?);
    }
    let asks = |name: &str, what: &str| {
        let answer = suite.ask(&tree.directory(name)).output();
        answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).contains(what))
    };
    kit::must("supervisors answer", BOUND, || {
        names.iter().all(|name| asks(name, "want up"))
    })?;
    std::thread::sleep(Duration::from_millis(500));
    for name in &names {
        suite.tell(Word::Down, &tree.directory(name));
    }
    let answered = kit::until(Duration::from_millis(1500), || {
        !names.iter().any(|name| asks(name, "want up"))
    });
    for name in &names {
        suite.tell(Word::Up, &tree.directory(name));
    }
    std::thread::sleep(Duration::from_millis(1500).saturating_sub(answered.unwrap_or_default()));
    for one in &running {
        let tracer = kit::tracer(one.pid()).ok_or("nobody traces it any more")?;
        // Told to end, it lets go of what it traces.
        kit::signal(tracer, Signal::SIGTERM);
    }
    let up = kit::until(Duration::from_secs(65), || {
        names.iter().all(|name| tree.is_up(name))
    });
    Ok(Cell::new()
        .took("answers", answered, SOON)
        .took("all up", up, Duration::from_secs(3)))
}

/// 24 descriptors for 30 services with logs, and no way to have more.
pub fn descriptors(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let names = tree.services(30, TALKING)?;
    let mut words: Vec<OsString> = ["sh", "-c", "ulimit -n 24; exec \"$@\"", "sh"]
        .map(OsString::from)
        .to_vec();
    words.extend(suite.scanner(Path::new("sc")));
    let mut scanner = tree.start(&words)?;
    let is_up = |name: &&String| tree.is_up(name);
    kit::until(Duration::from_secs(6), || {
        names.iter().all(|name| is_up(&name))
    });
    if let Some(code) = scanner.ended() {
        return Ok(Cell::new().judged(format_args!("the scanner ends with {code}"), false));
    }
    let up: Vec<&String> = names.iter().filter(is_up).collect();
    let mut cell = Cell::new().says(format_args!("{} of {} up", up.len(), names.len()));
    if let Some(name) = up.first() {
        let old = tree.supervisors(name);
        old.iter().copied().for_each(kit::kill);
        let back = kit::until(BOUND, || {
            let now = tree.supervisors(name);
            !now.is_empty() && !now.iter().any(|pid| old.contains(pid)) && tree.is_up(name)
        });
        cell = cell.took("a dead one back", back, Duration::from_secs(2));
    }
    drop(scanner);
    lifted(suite, cell)
}

/// Services with logs that say something ten times in a second.
const TALKING: Shape = Shape {
    pause: Duration::from_millis(100),
    ..Shape::LOGGED
};

/// The scanner alone has 24 descriptors, and then as many as it likes.
fn lifted(suite: &Suite, cell: Cell) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let scanner = tree.scan(&[])?;
    let pid = scanner.pid().to_string();
    let limit = |soft: u32| {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &pid, &format!("--nofile={soft}:")]);
        command.status().is_ok_and(|status| status.success())
    };
    if !limit(24) {
        return Ok(cell);
    }
    let names = tree.services(30, TALKING)?;
    std::thread::sleep(Duration::from_secs(3));
    if !limit(1024) {
        return Err("the limit stays".into());
    }
    let up = || names.iter().all(|name| tree.is_up(name));
    let up = kit::until(BOUND * 2, up);
    let cell = cell.took("without the limit all up", up, Duration::from_secs(3));
    Ok(logs::tallied(cell, tree.stop_and_tally(&names)))
}

/// Words that run a script where it may mount; none where that is forbidden.
fn unshared() -> Option<Vec<OsString>> {
    let ways = [&["unshare", "-m"][..], &["unshare", "-Urm"]];
    let works = |way: &&&[&str]| {
        let mut words = way.iter();
        let test = "mount -t tmpfs none /tmp";
        let mut command = Command::new(words.next().copied().unwrap_or("false"));
        command
            .args(words)
            .args(["sh", "-c", test])
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(works)?;
    Some(way.iter().map(Into::into).collect())
}

/// A small file system is full for two seconds while lines come.
pub fn disk(suite: &Suite, _: &Size) -> Outcome<Cell> {
    const LINES: u64 = 2000;
    let Some(mut words) = unshared() else {
        return Ok(Cell::without("may not mount"));
    };
    let tree = Tree::new(suite);
    tree.scratch.directory("fs");
    let script = "mount -t tmpfs -o size=600k,mode=755 none fs && mkdir fs/main && cd fs &&
        { test ! -e ../main/config || cp ../main/config main; } &&
        \"$@\" <../fifo; echo $? >../code; exec sleep 1000";
    words.extend(["sh", "-c", script, "sh"].map(OsString::from));
    words.extend(suite.logger(tree.scratch.path(), 16_384, 1000)?);
    let fifo = tree.scratch.join("fifo");
    dt_os::file::make_fifo(&fifo, 0o600)?;
    // Opened for both, it can be opened before anybody reads.
    let mut pipe = fs::File::options().read(true).write(true).open(&fifo)?;
    let keeper = tree.start(&words)?;
    let place = format!(
        "/proc/{}/root{}/fs",
        keeper.pid(),
        tree.scratch.path().display()
    );
    let log = Path::new(&place).join("main");
    kit::must("the logger is up", BOUND, || log.join("current").exists())?;
    let filler = Path::new(&place).join("filler");
    let mut full = fs::File::create(&filler)?;
    while full.write_all(&[b'.'; 4096]).is_ok() {}
    drop(full);
    let counts = HashMap::from([(logs::IDENTITY.to_owned(), LINES)]);
    let writer = std::thread::spawn(move || {
        let text: String = (1..=LINES)
            .map(|number| lines::line(logs::IDENTITY, number))
            .collect();
        pipe.write_all(text.as_bytes())
    });
    std::thread::sleep(Duration::from_secs(2));
    let before = lines::tally(&log, &counts).lost;
    fs::remove_file(&filler)?;
    let goes_on = kit::until(BOUND, || lines::tally(&log, &counts).lost < before);
    let ended = kit::until(BOUND, || tree.scratch.join("code").exists());
    writer.join().map_err(|_| "the writer panicked")??;
    let tally = lines::tally(&log, &counts);
    let cell = Cell::new().took("goes on", goes_on, SOON).judged(
        format_args!("ends with {}", tree.said("code").trim()),
        ended.is_some(),
    );
    Ok(logs::tallied(cell, tally))
}

/// Started where nothing can be written, they say so and do not spin.
pub fn read_only(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let Some(unshared) = unshared() else {
        return Ok(Cell::without("may not mount"));
    };
    let tree = Tree::new(suite);
    tree.service("s", Shape::PLAIN)?;
    let directory = tree.directory("s");
    let logger = suite.logger(&directory, 16_384, 10)?;
    let mut cell = Cell::new();
    let script =
        "mount --bind sc/s sc/s && mount -o remount,bind,ro sc/s && cd sc/s && exec \"$@\"";
    for (name, program) in [
        ("supervisor", suite.supervisor(Path::new("."))),
        ("logger", logger),
    ] {
        let mut words = unshared.clone();
        words.extend(["sh", "-c", script, "sh"].map(OsString::from));
        words.extend(program);
        let mut running: Running = tree.start_saying(&words, name)?;
        let ended = kit::until(Duration::from_secs(2), || running.ended().is_some());
        let spent = kit::cpu(running.pid());
        let said = !tree.said(name).is_empty();
        let does = match (ended, running.ended()) {
            (Some(_), Some(code)) => format!("{name} ends with {code}"),
            _ => format!("{name} tries again"),
        };
        // What a shell says of a program that is not there.
        if running.ended() == Some(127) {
            return Err(tree.said(name).into());
        }
        cell = cell.judged(does, said && spent < Duration::from_millis(200));
    }
    Ok(cell)
}
