//! A system in memory: a directory a log, a pipe, a processor, and a counter of
//! calls. It can stop dead before any call, fail any call, and forget what was
//! not synced.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use multilog::rotate::Name;
use multilog::runtime::{Start, run};
use multilog::script::Script;
use multilog::session::Stop;
use multilog::world::{Ending, Facts, Moment, Open, UnixTime, Who, Woken, World};

/// What an inode holds, and what of it is on disk.
#[derive(Clone, Default)]
struct Inode {
    data: Vec<u8>,
    mode: u32,
    on_disk: (Vec<u8>, u32),
}

type Names = BTreeMap<OsString, u64>;

#[derive(Clone, Default)]
struct Directory {
    names: Names,
    on_disk: Names,
    /// What the names were after each change since they were synced.
    since: Vec<Names>,
}

impl Directory {
    fn changed(&mut self) {
        self.since.push(self.names.clone());
    }
}

/// What a power loss leaves of names that were not synced.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// None of what was done to them.
    OldNames,
    /// All of it, though the data were not written.
    NewNames,
    /// So many of the changes to names, in their order; and the data where `written`,
    /// which the kernel may write at any time.
    Some { names: usize, written: bool },
}

#[derive(Clone)]
pub struct Model {
    inodes: Vec<Inode>,
    directories: Vec<Directory>,
    pub input: Vec<u8>,
    /// How much of the input each call takes at the most.
    pub chunk: usize,
    pub calls: usize,
    /// Stops dead before this call.
    pub stop_at: usize,
    /// Fails this call once, with this error.
    pub fail: Option<(usize, i32)>,
    /// Fails every write to a log with this error.
    pub full: Option<i32>,
    /// So many of them, then there is room again.
    pub full_for: u32,
    /// TERM comes in the next wait.
    pub term: bool,
    pub said: Vec<u8>,
    /// TERM comes in the next pause.
    pub term_in_pause: bool,
    /// A failed sync forgets nothing.
    pub forgives: bool,
    /// For how many looks a processor lives on after a stop.
    left_over: u32,
    /// Whose processor has been let go, and after how many waits it has ended.
    running: Option<(usize, usize)>,
    /// How many writes there were to a log while one ran.
    pub beside_processor: usize,
    pub boot: u8,
    /// Which pipe the input is.
    pub pipe: u64,
    /// Milliseconds.
    pub now: u64,
    /// By how many seconds the clock on the wall is ahead of that.
    pub wall: fn(now: u64) -> i64,
}

struct Dead;

impl Model {
    pub fn new(logs: usize, input: &[u8], chunk: usize) -> Self {
        Self {
            inodes: vec![Inode::default()],
            directories: vec![Directory::default(); logs],
            input: input.to_vec(),
            chunk,
            calls: 0,
            stop_at: usize::MAX,
            fail: None,
            full: None,
            full_for: u32::MAX,
            term: false,
            term_in_pause: false,
            forgives: false,
            said: Vec::new(),
            left_over: 0,
            running: None,
            beside_processor: 0,
            boot: 1,
            pipe: 1,
            now: 1_000_000,
            wall: |_| 0,
        }
    }

    /// Runs multilog on it; `None` where it was stopped dead.
    pub fn run(&mut self, words: &[&str]) -> Option<Result<(), Stop>> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let keep = self.make(0, OsStr::new("lock"), 0o600);
        let start = Start {
            keep: Some(keep),
            boot: [self.boot; 16],
            pipe: Some((3, self.pipe)),
        };
        self.calls = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| run(Script::parse(&words), start, self)));
        if self.running.take().is_some() {
            assert!(!matches!(outcome, Ok(Ok(()))), "a processor is left behind");
            self.left_over = 5;
        }
        match outcome {
            Ok(result) => Some(result),
            Err(payload) if payload.is::<Dead>() => None,
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Runs it as a supervisor does, again and again, until it ends in order.
    pub fn run_to_the_end(&mut self, words: &[&str]) {
        for _ in 0..20 {
            self.stop_at = usize::MAX;
            if self.run(words) == Some(Ok(())) {
                return;
            }
        }
        panic!("never ends: {}", String::from_utf8_lossy(&self.said));
    }

    pub fn lose_power(&mut self, loss: Loss) {
        for directory in &mut self.directories {
            let since = std::mem::take(&mut directory.since);
            match loss {
                Loss::OldNames => directory.names = directory.on_disk.clone(),
                Loss::NewNames => directory.on_disk = directory.names.clone(),
                Loss::Some { names, .. } => {
                    let left = names.min(since.len()).checked_sub(1);
                    let left = left.map_or(&directory.on_disk, |last| &since[last]).clone();
                    directory.names.clone_from(&left);
                    directory.on_disk = left;
                }
            }
        }
        for inode in &mut self.inodes {
            if matches!(loss, Loss::Some { written: true, .. }) {
                continue;
            }
            inode.data = inode.on_disk.0.clone();
            if !matches!(loss, Loss::NewNames) {
                inode.mode = inode.on_disk.1;
            }
        }
        self.boot += 1;
        self.left_over = 0;
    }

    /// The finished files and `current`, oldest first, by name and content.
    pub fn files(&self, log: usize) -> Vec<(String, Vec<u8>)> {
        let names = &self.directories[log].names;
        let kept = names
            .iter()
            .filter(|(name, _)| name.as_encoded_bytes()[0] == b'@');
        let last = names.get_key_value(OsStr::new("current"));
        kept.chain(last)
            .map(|(name, inode)| {
                let data = self.inodes[usize::try_from(*inode).unwrap()].data.clone();
                (name.to_str().unwrap().to_owned(), data)
            })
            .collect()
    }

    /// The finished files that are called safe and would survive a power loss.
    pub fn durable(&self, log: usize) -> Vec<(String, Vec<u8>)> {
        let on_disk = &self.directories[log].on_disk;
        let mut files = self.files(log);
        files.retain(|(name, _)| name.ends_with(".s") && on_disk.contains_key(OsStr::new(name)));
        files
    }

    /// How many changes to a log directory's names are not on disk yet.
    pub fn unsynced(&self, log: usize) -> usize {
        self.directories[log].since.len()
    }

    pub fn has_unfinished(&self) -> bool {
        let logs = 0..self.directories.len();
        logs.flat_map(|log| self.files(log))
            .any(|(name, _)| name.ends_with(".u"))
    }

    pub fn said_of_disk(&self) -> bool {
        String::from_utf8_lossy(&self.said).contains("to disk, pausing")
    }

    pub fn content(&self, log: usize, name: &str) -> Option<Vec<u8>> {
        let inode = self.directories[log].names.get(OsStr::new(name))?;
        Some(self.inode(*inode).data.clone())
    }

    pub fn mode(&self, log: usize, name: &str) -> Option<u32> {
        let inode = self.directories[log].names.get(OsStr::new(name))?;
        Some(self.inode(*inode).mode)
    }

    fn inode(&self, number: u64) -> &Inode {
        &self.inodes[usize::try_from(number).unwrap()]
    }

    fn inode_mut(&mut self, number: u64) -> &mut Inode {
        &mut self.inodes[usize::try_from(number).unwrap()]
    }

    fn make(&mut self, log: usize, name: &OsStr, mode: u32) -> u64 {
        if let Some(inode) = self.directories[log].names.get(name) {
            return *inode;
        }
        let number = self.inodes.len() as u64;
        self.inodes.push(Inode {
            mode,
            ..Inode::default()
        });
        self.directories[log].names.insert(name.to_owned(), number);
        self.directories[log].changed();
        number
    }

    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls > self.stop_at {
            resume_unwind(Box::new(Dead));
        }
        match self.fail {
            Some((at, errno)) if at == self.calls => {
                self.fail = None;
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }

    fn find(&self, log: usize, name: &OsStr) -> io::Result<u64> {
        let found = self.directories[log].names.get(name).copied();
        found.ok_or_else(|| io::Error::from_raw_os_error(2))
    }

    fn facts_of(&self, number: u64) -> Facts {
        let inode = self.inode(number);
        let names = self
            .directories
            .iter()
            .flat_map(|directory| directory.names.values());
        Facts {
            identity: (1, number),
            mode: inode.mode,
            links: names.filter(|other| **other == number).count() as u64,
            size: inode.data.len() as u64,
            ordinary: true,
            directory: false,
        }
    }
}

impl World for Model {
    type File = u64;
    type Child = usize;

    fn identity(&mut self, log: usize) -> io::Result<(u64, u64)> {
        Ok((2, log as u64))
    }

    fn open(&mut self, log: usize, name: &OsStr, how: Open, mode: u32) -> io::Result<u64> {
        self.call()?;
        match how {
            Open::Read => self.find(log, name),
            Open::New if self.find(log, name).is_ok() => Err(io::Error::from_raw_os_error(17)),
            Open::Update | Open::Append | Open::New => Ok(self.make(log, name, mode)),
        }
    }

    fn facts(&mut self, log: usize, name: &OsStr) -> io::Result<Option<Facts>> {
        self.call()?;
        Ok(self.find(log, name).ok().map(|inode| self.facts_of(inode)))
    }

    fn file_facts(&mut self, file: &u64) -> io::Result<Facts> {
        self.call()?;
        Ok(self.facts_of(*file))
    }

    fn list(&mut self, log: usize) -> io::Result<Vec<(OsString, u64)>> {
        self.call()?;
        let names = self.directories[log].names.iter();
        Ok(names.map(|(name, inode)| (name.clone(), *inode)).collect())
    }

    fn rename(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.call()?;
        let inode = self.find(log, from)?;
        let names = &mut self.directories[log].names;
        names.remove(from);
        names.insert(to.to_owned(), inode);
        self.directories[log].changed();
        Ok(())
    }

    fn rename_to_new(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()> {
        if self.find(log, to).is_ok() {
            return Err(io::Error::from_raw_os_error(17));
        }
        self.rename(log, from, to)
    }

    fn link(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.call()?;
        let inode = self.find(log, from)?;
        if self.find(log, to).is_ok() {
            return Err(io::Error::from_raw_os_error(17));
        }
        self.directories[log].names.insert(to.to_owned(), inode);
        self.directories[log].changed();
        Ok(())
    }

    fn remove(&mut self, log: usize, name: &OsStr) -> io::Result<()> {
        self.call()?;
        self.find(log, name)?;
        self.directories[log].names.remove(name);
        self.directories[log].changed();
        Ok(())
    }

    fn set_mode(&mut self, log: usize, name: &OsStr, mode: u32) -> io::Result<()> {
        self.call()?;
        let inode = self.find(log, name)?;
        self.inode_mut(inode).mode = mode;
        Ok(())
    }

    fn sync_names(&mut self, log: usize) -> io::Result<()> {
        self.call()?;
        let directory = &mut self.directories[log];
        directory.on_disk = directory.names.clone();
        directory.since.clear();
        Ok(())
    }

    fn append(&mut self, file: &mut u64, bytes: &[u8]) -> io::Result<usize> {
        self.call()?;
        if let Some(errno) = self.full {
            self.full_for -= 1;
            if self.full_for == 0 {
                self.full = None;
            }
            return Err(io::Error::from_raw_os_error(errno));
        }
        // Now and then only a part fits.
        let count = if self.calls.is_multiple_of(7) {
            bytes.len().div_ceil(2)
        } else {
            bytes.len()
        };
        self.beside_processor += usize::from(self.running.is_some());
        self.inode_mut(*file)
            .data
            .extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn read_at(&mut self, file: &u64, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.call()?;
        let data = &self.inode(*file).data;
        let rest = data.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, file: &mut u64, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.call()?;
        let at = usize::try_from(at).unwrap();
        let data = &mut self.inode_mut(*file).data;
        data.resize(data.len().max(at + bytes.len()), 0);
        data[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn truncate(&mut self, file: &mut u64, size: u64) -> io::Result<()> {
        self.call()?;
        self.inode_mut(*file)
            .data
            .resize(usize::try_from(size).unwrap(), 0);
        Ok(())
    }

    /// A failed sync forgets what it could not write, and the next succeeds.
    fn sync(&mut self, file: &mut u64) -> io::Result<()> {
        let done = self.call();
        let forgives = self.forgives;
        let inode = self.inode_mut(*file);
        match done {
            Ok(()) => inode.on_disk = (inode.data.clone(), inode.mode),
            Err(_) if forgives => {}
            Err(_) => inode.data = inode.on_disk.0.clone(),
        }
        done
    }

    fn set_file_mode(&mut self, file: &mut u64, mode: u32) -> io::Result<()> {
        self.call()?;
        self.inode_mut(*file).mode = mode;
        Ok(())
    }

    fn enter(&mut self, _: usize) -> io::Result<()> {
        self.call()
    }

    fn start(&mut self, log: usize) -> io::Result<usize> {
        assert_eq!(self.left_over, 0, "a second processor beside the first");
        assert_eq!(self.running, None, "a second processor beside the first");
        self.call()?;
        Ok(log)
    }

    fn who(&mut self, log: &usize) -> Who {
        (1000 + *log as u64, 1)
    }

    /// One that was left over is gone after a while.
    fn lives(&mut self, who: Who) -> bool {
        let lives = who.0 >= 1000 && self.left_over > 0;
        self.left_over = self.left_over.saturating_sub(u32::from(lives));
        lives
    }

    fn let_go(&mut self, log: usize) -> io::Result<bool> {
        self.call()?;
        // Now and then nobody tells.
        let told = !self.calls.is_multiple_of(5);
        self.running = Some((log, self.calls % 4));
        Ok(told)
    }

    /// It copies its input, and adds its length to its state.
    fn wait_for_processor(&mut self) -> io::Result<Ending> {
        let done = self.call();
        let (log, _) = self.running.take().unwrap();
        done?;
        let existing = [Name::Processed, Name::NewState];
        let existing = existing.map(|name| self.find(log, OsStr::new(name.text())));
        if existing.iter().any(Result::is_ok) {
            return Ok(Ending::Exited(111));
        }
        let [input, state] = ["previous", "state"].map(|name| self.find(log, OsStr::new(name)));
        let (Ok(input), Ok(state)) = (input, state) else {
            return Ok(Ending::Exited(111));
        };
        let output = self.make(log, OsStr::new("processed"), 0o644);
        let newstate = self.make(log, OsStr::new("newstate"), 0o644);
        let data = self.inode(input).data.clone();
        let mut memory = self.inode(state).data.clone();
        memory.extend_from_slice(format!("{}\n", data.len()).as_bytes());
        self.inode_mut(output).data.extend_from_slice(&data);
        self.inode_mut(newstate).data.extend_from_slice(&memory);
        Ok(Ending::Exited(0))
    }

    fn write_status(&mut self, _: usize, _: &[u8]) -> io::Result<()> {
        self.call()
    }

    fn say(&mut self, bytes: &[u8]) {
        self.said.extend_from_slice(bytes);
    }

    fn can_look(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn widen(&mut self, _: usize) {}

    fn narrow(&mut self) {}

    fn look(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.call()?;
        let count = self.input.len().min(self.chunk).min(into.len());
        into[..count].copy_from_slice(&self.input[..count]);
        Ok(count)
    }

    fn discard(&mut self, most: usize) -> io::Result<usize> {
        self.call()?;
        let count = self.input.len().min(most);
        self.input.drain(..count);
        Ok(count)
    }

    fn splice(&mut self, file: &mut u64, at: u64, most: usize) -> io::Result<usize> {
        self.call()?;
        // Now and then only a part goes.
        let most = if self.calls.is_multiple_of(3) {
            most.div_ceil(2)
        } else {
            most
        };
        let count = self.input.len().min(most);
        let bytes: Vec<u8> = self.input.drain(..count).collect();
        let at = usize::try_from(at).unwrap();
        let data = &mut self.inode_mut(*file).data;
        data.resize(data.len().max(at + count), 0);
        data[at..at + count].copy_from_slice(&bytes);
        Ok(count)
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.call()?;
        let count = self.input.len().min(self.chunk).min(bytes.len());
        bytes[..count].copy_from_slice(&self.input[..count]);
        self.input.drain(..count);
        Ok(count)
    }

    fn wait(&mut self, input: bool, deadline: Option<Moment>) -> Woken {
        if let Some(deadline) = deadline {
            let ahead = deadline.since(Moment::at(Duration::ZERO));
            self.now = self.now.max(u64::try_from(ahead.as_millis()).unwrap() + 1);
        }
        let running = self.running.as_mut().filter(|_| input);
        let ended = running.is_some_and(|(_, waits)| {
            *waits = waits.saturating_sub(1);
            *waits == 0
        });
        Woken {
            processor: ended,
            input,
            term: std::mem::take(&mut self.term)
                || !input && std::mem::take(&mut self.term_in_pause),
            alarm: false,
        }
    }

    fn signals(&mut self) -> Woken {
        Woken {
            term: std::mem::take(&mut self.term),
            ..Woken::default()
        }
    }

    fn moment(&mut self) -> Moment {
        Moment::at(Duration::from_millis(self.now))
    }

    fn unix_time(&mut self) -> UnixTime {
        self.now += 1;
        UnixTime {
            secs: i64::try_from(self.now / 1000).unwrap() + (self.wall)(self.now),
            nanos: u32::try_from(self.now % 1000).unwrap() * 1_000_000,
        }
    }
}
