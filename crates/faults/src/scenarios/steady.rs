//! What must hold with nothing hurt at all.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dt_testkit::Running;

use crate::kit::{self, Outcome};
use crate::lines;
use crate::report::Cell;
use crate::scenarios::Size;
use crate::suite::Suite;
use crate::tree::{BOUND, Shape, Tree};

/// A service that dies at once is started a second apart.
pub fn pacing(suite: &Suite, size: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let shape = Shape {
        pause: Duration::ZERO,
        lines: 1,
        log: false,
    };
    let names = tree.services(size.services, shape)?;
    let _scanner = tree.start(&suite.scanner(Path::new("sc")))?;
    let starts = |name: &String| lines::counts(&tree.scratch.join("counts").join(name));
    kit::must("each is started five times", BOUND, || {
        names.iter().all(|name| starts(name).len() >= 5)
    })?;
    let mut gaps = Vec::new();
    for name in &names {
        let identities = starts(name).into_keys();
        let moments = identities.filter_map(|it| it.split('.').nth(1)?.parse::<u64>().ok());
        let mut moments: Vec<u64> = moments.collect();
        moments.sort_unstable();
        gaps.extend(moments.windows(2).map(|pair| match pair {
            // A tick is a hundredth of a second wherever Linux tells ticks.
            [a, b] => Duration::from_millis((b - a) * 10).as_secs_f64(),
            _ => 0.0,
        }));
    }
    gaps.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (gaps.first(), gaps.last()) else {
        return Err("no starts".into());
    };
    let middle = gaps.get(gaps.len() / 2).unwrap_or(first);
    // A machine with other work to do is late, but never early.
    Ok(Cell::new().judged(
        format_args!("{first:.2} / {middle:.2} / {last:.2} s"),
        *first > 0.9 && *middle < 1.5,
    ))
}

/// A service has descriptors 0, 1 and 2, and no signal is blocked or ignored.
pub fn identity(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let _script = tree
        .scratch
        .script("sc/s/run", "#!/bin/sh\nexec sleep 1000\n");
    let place = tree.scratch.directory("sc/s/log");
    let _logger = suite.logger(&place, 16_384, 5)?;
    tree.scratch
        .script("sc/s/log/run", "#!/bin/sh\nexec sleep 1000\n");
    // What we were given ourselves by whoever started us: a sleeper of our own has it.
    let given = Running::start(
        tree.command(&["sleep".into(), "1000".into()])?
            .stdin(Stdio::null()),
        &tree.scratch,
    );
    kit::must("a sleeper sleeps", BOUND, || is_asleep(given.pid()))?;
    let _scanner = tree.start(&suite.scanner(Path::new("sc")))?;
    let mut cell = Cell::new();
    for directory in ["sc/s", "sc/s/log"] {
        let directory = tree.scratch.join(directory);
        let sleeper = || {
            let pid = suite.pid(&directory)?;
            is_asleep(pid).then_some(pid)
        };
        kit::must("the service is up", BOUND, || sleeper().is_some())?;
        let pid = sleeper().ok_or("the service is up no more")?;
        let (own, given) = (inherited(pid)?, inherited(given.pid())?);
        let stray = own.descriptors.abs_diff(given.descriptors);
        let masked = (own.masks ^ given.masks).count_ones();
        cell = cell
            .judged(format_args!("{stray} stray descriptors"), stray == 0)
            .judged(
                format_args!("{masked} signals blocked or ignored"),
                masked == 0,
            );
    }
    Ok(cell)
}

/// Whether a process is a `sleep(1)` that is at it. While it is being loaded it has the
/// libraries open.
fn is_asleep(pid: u32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    let state = kit::stat(pid).and_then(|fields| fields.first().cloned());
    name.is_ok_and(|name| name == "sleep\n") && state.is_some_and(|state| state == "S")
}

/// What a process has from whoever started it.
struct Inherited {
    descriptors: usize,
    /// Signals that are blocked or ignored.
    masks: u64,
}

fn inherited(pid: u32) -> Outcome<Inherited> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mut masks = 0;
    for name in ["SigBlk:", "SigIgn:"] {
        masks |= kit::mask(&status, name)?;
    }
    Ok(Inherited {
        descriptors: kit::descriptors(pid),
        masks,
    })
}
