use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A directory of one test's own. When it is dropped, every process that still
/// runs in it or was started with it is killed, and it is removed.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// The environment variable that marks a process as belonging to a scratch
    /// directory; its value is the directory.
    pub const MARK: &'static str = "DAEMONTOOLS_TEST_SCRATCH";

    /// Makes a new, empty one with mode 755.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let name = format!("{}{number}", names_of(std::process::id()));
        let path = place().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { path }
    }

    /// Drops all that a process has made, which has been killed.
    pub fn remove_those_of(process: u32) {
        let names = names_of(process);
        let entries = fs::read_dir(place()).into_iter().flatten().flatten();
        let theirs =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&names));
        for entry in theirs {
            drop(Self { path: entry.path() });
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name in the directory.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a directory, and those above it.
    pub fn directory(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes a file, making the directories above it.
    pub fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes an executable script.
    ///
    /// Another process does the writing: were the file open for writing here,
    /// a process that a parallel test starts just then would hold it open for a
    /// moment more, and what is open for writing cannot be executed.
    pub fn script(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = Command::new("sh")
            .args(["-c", "cat >\"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = writer.stdin.take().unwrap();
        pipe.write_all(content.as_ref()).unwrap();
        drop(pipe);
        assert!(writer.wait().unwrap().success(), "{}", path.display());
        self.mode(&path, 0o755);
        path
    }

    /// Copies a program, by way of another process: what a parallel test forks
    /// meanwhile would hold it for writing, and nobody could execute it.
    #[track_caller]
    pub fn program(&self, from: impl AsRef<Path>, name: impl AsRef<Path>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut copy = Command::new("cp");
        copy.arg(from.as_ref()).arg(&path);
        assert!(copy.status().unwrap().success(), "{}", path.display());
        path
    }

    /// Sets permission bits.
    pub fn mode(&self, name: impl AsRef<Path>, bits: u32) {
        fs::set_permissions(self.join(name), fs::Permissions::from_mode(bits)).unwrap();
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The names in a directory of it, sorted.
    #[track_caller]
    #[must_use]
    pub fn names(&self, directory: impl AsRef<Path>) -> Vec<String> {
        let path = self.join(directory);
        let entries =
            fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// A value for [`Scratch::MARK`].
    #[must_use]
    pub fn mark(&self) -> &OsStr {
        self.path.as_os_str()
    }
}

/// What the names of a process's directories begin with.
fn names_of(process: u32) -> String {
    format!("daemontools-test.{process}.")
}

/// Where they are: resolved, as the kernel shows working directories resolved.
fn place() -> PathBuf {
    std::env::temp_dir().canonicalize().unwrap()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        crate::process::kill_all_of(&self.path);
        // What a test made unreadable is made readable again, so that it can go.
        if fs::remove_dir_all(&self.path).is_err() {
            open_up(&self.path);
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn open_up(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
