//! What comes in through the files of `supervise/`.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::kit::{self, Dice, Outcome};
use crate::report::Cell;
use crate::scenarios::Size;
use crate::scenarios::logs::SOON;
use crate::suite::{Suite, Word};
use crate::tree::{BOUND, Shape, Tree};

/// A million bytes that mean nothing, a hundred thousand that mean something that is
/// so already, and then a command that counts.
pub fn flood(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let names = tree.services(1, Shape::PLAIN)?;
    let _scanner = tree.scan(&names)?;
    let directory = tree.directory("s0");
    let [supervisor] = tree.supervisors("s0")[..] else {
        return Err("not one supervisor".into());
    };
    let before = kit::private(supervisor);
    let mut cell = Cell::new();
    // CONT is what the letter c sends in every suite; # means nothing in any.
    for (bytes, what) in [
        (vec![b'#'; 1_000_000], "garbage"),
        (vec![b'c'; 100_000], "commands"),
    ] {
        let begun = Instant::now();
        let mut control = File::options()
            .write(true)
            .open(Suite::control(&directory))?;
        control.write_all(&bytes)?;
        let took = begun.elapsed();
        cell = cell.says(format_args!("{what} {:.2} s", took.as_secs_f64()));
    }
    suite.tell(Word::Down, &directory);
    let obeyed = kit::until(Duration::from_secs(5), || tree.copies("s0").is_empty());
    let grown = kit::private(supervisor).saturating_sub(before);
    let obeyed = obeyed.map(|took| format!("obeys after {:.2} s", took.as_secs_f64()));
    let in_time = obeyed.is_some();
    Ok(cell
        .judged(obeyed.unwrap_or("obeys: not in time".into()), in_time)
        .judged(format_args!("{grown} kB more"), grown <= 16))
}

/// Somebody opens the control FIFO for writing, writes nothing and stays.
pub fn held(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let names = tree.services(1, Shape::PLAIN)?;
    let _scanner = tree.scan(&names)?;
    let directory = tree.directory("s0");
    let [supervisor] = tree.supervisors("s0")[..] else {
        return Err("not one supervisor".into());
    };
    let _held = File::options()
        .write(true)
        .open(Suite::control(&directory))?;
    let before = kit::cpu(supervisor);
    std::thread::sleep(Duration::from_secs(1));
    let spent = kit::cpu(supervisor).saturating_sub(before);
    suite.tell(Word::Down, &directory);
    let obeyed = kit::until(Duration::from_secs(5), || tree.copies("s0").is_empty());
    Ok(Cell::new()
        .judged(
            format_args!("{} ms of processor time", spent.as_millis()),
            spent.as_millis() < 30,
        )
        .took("obeys", obeyed, SOON))
}

/// A process id that is never given: above the most that Linux allows.
const NOBODY: u32 = 0x0050_0000;

/// Ones that could be given, and are to nobody as a rule.
const DEAD: [u32; 2] = [4_194_001, 4_194_303];

/// A status of 18 bytes that says: up since a moment ago, with this process.
fn status(pid: u32) -> Vec<u8> {
    let mut bytes = 0x4000_0000_6000_0000_u64.to_be_bytes().to_vec();
    bytes.extend(500_000_000_u32.to_be_bytes());
    bytes.extend(pid.to_le_bytes());
    bytes.extend([0, b'u']);
    bytes
}

/// Contents that no supervisor has written.
fn broken() -> Vec<Vec<u8>> {
    let good = status(NOBODY);
    let mut all: Vec<Vec<u8>> = [0, 1, 4, 8, 12, 15, 17]
        .into_iter()
        .map(|length| good.iter().copied().take(length).collect())
        .collect();
    let longer = |length: usize| {
        let mut bytes = good.clone();
        bytes.resize(length, 0xff);
        bytes
    };
    all.extend([18, 19, 20, 35, 40, 43, 100, 70_000].map(longer));
    all.extend([
        vec![0; 18],
        vec![0xff; 18],
        vec![b'\n'; 18],
        b"not a status at all\n".to_vec(),
    ]);
    all.push(status(u32::MAX));
    all.push(status(0x8000_0000));
    let mut dice = Dice::new(7);
    for length in [18, 18, 18, 20, 20, 35, 43] {
        all.push(
            (0..length)
                .map(|_| u8::try_from(dice.below(256)).unwrap_or(0))
                .collect(),
        );
    }
    all
}

/// Broken files in place of a status: the reader says what it likes, but ends in
/// time, of its own will, and names no process that does not live.
pub fn status_reads(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let directory = tree.scratch.directory("sc/s");
    let place = tree.scratch.directory("sc/s/supervise");
    let mut held = Vec::new();
    for name in ["ok", "control"] {
        dt_os::file::make_fifo(place.join(name), 0o600)?;
        held.push(
            File::options()
                .read(true)
                .write(true)
                .open(place.join(name))?,
        );
    }
    let status = place.join("status");
    let mut seen = Seen::default();
    for content in broken() {
        fs::write(&status, content)?;
        seen.look(suite, &directory)?;
        fs::remove_file(&status)?;
    }
    for target in ["/dev/zero", "/dev/null", "nowhere", "status"] {
        symlink(target, &status)?;
        seen.look(suite, &directory)?;
        fs::remove_file(&status)?;
    }
    dt_os::file::make_fifo(&status, 0o600)?;
    seen.look(suite, &directory)?;
    fs::remove_file(&status)?;
    fs::create_dir(&status)?;
    seen.look(suite, &directory)?;
    let believed = of_the_living(suite)?;
    let (reads, bad) = while_it_changes(suite)?;
    Ok(Cell::new()
        .says(format_args!("{} files", seen.files))
        .none(seen.crashes, "crashes")
        .none(seen.hangs, "hangs")
        .none(seen.invented, "invented pids")
        .judged(
            format_args!(
                "{} of {} dead ones believed",
                believed.invented, believed.files
            ),
            believed.invented == 0,
        )
        .says(format_args!("{reads} reads while it changes"))
        .none(bad, "bad"))
}

/// How long the status is read and changed.
const CHANGES: Duration = Duration::from_secs(1);

/// Reads of a status that its supervisor keeps writing, as fast as both can; and how many
/// of them were not the whole of it.
fn while_it_changes(suite: &Suite) -> Outcome<(u64, u64)> {
    let tree = Tree::new(suite);
    tree.service("s", Shape::PLAIN)?;
    let directory = tree.directory("s");
    let _supervisor = tree.start(&suite.supervisor(&directory))?;
    kit::must("the service is up", BOUND, || tree.is_up("s"))?;
    let status = directory.join("supervise/status");
    let length = fs::read(&status)?.len();
    let mut control = File::options()
        .write(true)
        .open(Suite::control(&directory))?;
    let until = Instant::now() + CHANGES;
    let changes = std::thread::spawn(move || {
        let mut letters = b"pc".iter().cycle();
        while Instant::now() < until {
            let letter = letters.next().copied().unwrap_or(b'c');
            // It goes on at the end, whatever came before.
            if control.write_all(&[letter]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        control.write_all(b"c")
    });
    let (mut reads, mut bad) = (0, 0);
    while Instant::now() < until {
        reads += 1;
        bad += u64::from(fs::read(&status).map(|bytes| bytes.len()).ok() != Some(length));
    }
    changes.join().map_err(|_| "the writer panicked")??;
    Ok((reads, bad))
}

/// The status of a supervisor that lives, with another process in it, which does not.
fn of_the_living(suite: &Suite) -> Outcome<Seen> {
    let tree = Tree::new(suite);
    tree.service("s", Shape::PLAIN)?;
    let directory = tree.directory("s");
    let _supervisor = tree.start(&suite.supervisor(&directory))?;
    kit::must("the service is up", BOUND, || tree.is_up("s"))?;
    let pid = suite.pid(&directory).ok_or("the service is up no more")?;
    let status = directory.join("supervise/status");
    let content = fs::read(&status)?;
    let mut believed = Seen::default();
    for other in DEAD.into_iter().filter(|pid| !kit::lives(*pid)) {
        let changed = replaced(&content, &pid.to_le_bytes(), &other.to_le_bytes())
            .or_else(|| replaced(&content, &pid.to_be_bytes(), &other.to_be_bytes()));
        fs::write(&status, changed.ok_or("no process in the status")?)?;
        believed.look(suite, &directory)?;
    }
    Ok(believed)
}

/// The bytes with some of them replaced where they first are.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    // Before this there is a time in all of them.
    let at = 12
        + bytes
            .get(12..)?
            .windows(old.len())
            .position(|it| it == old)?;
    let mut bytes = bytes.to_vec();
    bytes.splice(at..at + old.len(), new.iter().copied());
    Some(bytes)
}

#[derive(Default)]
struct Seen {
    files: u64,
    crashes: u64,
    hangs: u64,
    invented: u64,
}

impl Seen {
    fn look(&mut self, suite: &Suite, directory: &Path) -> Outcome<()> {
        self.files += 1;
        let mut child = suite
            .ask(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let ended = kit::until(Duration::from_secs(3), || {
            !matches!(child.try_wait(), Ok(None))
        });
        if ended.is_none() {
            self.hangs += 1;
            child.kill()?;
        }
        let answer = child.wait_with_output()?;
        if ended.is_some() && answer.status.signal().is_some() {
            self.crashes += 1;
        }
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        if let Some((_, rest)) = text.split_once("pid ") {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let lives = digits.parse().is_ok_and(kit::lives);
            self.invented += u64::from(!lives);
        }
        Ok(())
    }
}
