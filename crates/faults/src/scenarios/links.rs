//! Links that the owner of a directory plants where a program of somebody else, root as a
//! rule, will open or make a file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use dt_testkit::Running;

use crate::kit::{self, Outcome};
use crate::lines;
use crate::points;
use crate::report::Cell;
use crate::scenarios::{Size, logs};
use crate::suite::{Suite, Word};
use crate::tree::{Shape, Tree};

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// To a file that is there.
    Symbolic,
    /// To where none is.
    Dangling,
    /// Another name of a file.
    Hard,
}

const SUPERVISE: [&str; 5] = ["status", "status.new", "lock", "control", "ok"];
const LOG: [&str; 6] = [
    "current",
    "lock",
    "state",
    "newstate",
    "previous",
    "processed",
];
/// The names where a file of one's own has a second name as well.
const HARD: [(bool, &str); 6] = [
    (true, "status"),
    (true, "status.new"),
    (true, "lock"),
    (false, "current"),
    (false, "state"),
    (false, "newstate"),
];

/// One of them: below `supervise` or in a log directory, and under which name.
type Attack = (bool, &'static str, Link);

const PRECIOUS: &str = "precious\n";

/// How long each program has to fall into the trap.
const ENOUGH: Duration = Duration::from_millis(700);

pub fn attack(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let both = [Link::Symbolic, Link::Dangling];
    let of_supervise = SUPERVISE.map(|name| both.map(|link| (true, name, link)));
    let of_log = LOG.map(|name| both.map(|link| (false, name, link)));
    let mut all: Vec<Attack> = of_supervise.into_iter().chain(of_log).flatten().collect();
    all.extend(HARD.map(|(supervise, name)| (supervise, name, Link::Hard)));
    let done = points::at_each(&all, |attack| harm(suite, *attack));
    let mut harmed = 0_u64;
    for ((supervise, name, link), harm) in done {
        if let Some(harm) = harm? {
            harmed += 1;
            let place = if supervise { "supervise" } else { "log" };
            eprintln!("dt-faults: {}: {link:?} {place}/{name}: {harm}", suite.name);
        }
    }
    Ok(Cell::new()
        .says(format_args!("{} links", all.len()))
        .none(harmed, "do harm"))
}

/// What an attack does elsewhere, if anything.
fn harm(suite: &Suite, (supervise, name, link): Attack) -> Outcome<Option<&'static str>> {
    let tree = Tree::new(suite);
    let victim = tree.scratch.file("elsewhere/victim", PRECIOUS);
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o640))?;
    let free = tree.scratch.join("elsewhere/free");
    let plant = |place: PathBuf| match link {
        Link::Symbolic => symlink(&victim, place),
        Link::Dangling => symlink(&free, place),
        Link::Hard => fs::hard_link(&victim, place),
    };
    if supervise {
        tree.service("s", Shape::PLAIN)?;
        plant(tree.scratch.directory("sc/s/supervise").join(name))?;
        let directory = tree.directory("s");
        let mut supervisor = tree.start(&suite.supervisor(&directory))?;
        let status = directory.join("supervise/status");
        kit::until(ENOUGH, || supervisor.ended().is_some() || tree.is_up("s"));
        suite.tell(Word::Down, &directory);
        let before = status.metadata().map(|it| it.ino()).ok();
        // Down, it has written its status again.
        kit::until(ENOUGH, || {
            let now = status.metadata().map(|it| it.ino()).ok();
            now != before && tree.copies("s").is_empty()
        });
    } else {
        plant(tree.scratch.directory("main").join(name))?;
        let words = suite.logger_with(tree.scratch.path(), 4096, 5, Some("cat"))?;
        let mut command = tree.command(&words)?;
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut logger = Running::start(&mut command, &tree.scratch);
        let text: String = (1..=300)
            .map(|number| lines::line(logs::IDENTITY, number))
            .collect();
        if let Some(mut pipe) = logger.child().stdin.take() {
            // It may have refused, and there is room in the pipe.
            let _ = pipe.write_all(text.as_bytes());
        }
        kit::until(ENOUGH * 2, || logger.ended().is_some());
    }
    let content = fs::read_to_string(&victim).unwrap_or_default();
    let mode = victim.metadata()?.mode() & 0o7777;
    Ok(if content != PRECIOUS {
        Some("written to")
    } else if mode != 0o640 {
        Some("another mode")
    } else if free.symlink_metadata().is_ok() {
        Some("made")
    } else {
        None
    })
}
