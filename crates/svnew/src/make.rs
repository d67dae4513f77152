//! Carrying the plan out, and taking it back.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use dt_cli::Fatal;
use dt_os::entry;
use dt_os::file::{Directory, How, lock_exclusive};

use crate::{Plan, unable, wrong};

/// What has been made and is not wanted unless all is; removed when dropped.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    fn renamed(&mut self, from: &Path, to: &Path) {
        for path in self.0.iter_mut().filter(|path| *path == from) {
            to.clone_into(path);
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // All of it is ours, and nobody is left to tell.
            let _ = fs::remove_dir_all(path);
        }
    }
}

impl Plan {
    /// Makes all of it, and gives the names of what was made.
    pub(crate) fn carry_out(self) -> Result<Vec<u8>, Fatal> {
        let target = self.parent.join(&self.name);
        // What one takes back another may have found there and counted on.
        let parent = File::open(&self.parent).map_err(|why| unable("open ", &self.parent, &why))?;
        lock_exclusive(&parent, true).map_err(|why| unable("lock ", &self.parent, &why))?;
        for taken in [Some(&target), self.link.as_ref()].into_iter().flatten() {
            if taken.symlink_metadata().is_ok() {
                return Err(exists(taken));
            }
        }
        let mut made = Made::default();
        let hidden = hidden(&target);
        self.make_directory(&hidden, &mut made)?;
        let log_is_new = self.make_log_directory(&mut made)?;
        show(&hidden, &target)?;
        made.renamed(&hidden, &target);
        if let Some(link) = &self.link {
            symlink(&target, link).map_err(|why| unable("link ", link, &why))?;
        }
        made.0.clear();
        Ok(self.told(&target, log_is_new))
    }

    fn make_directory(&self, path: &Path, made: &mut Made) -> Result<(), Fatal> {
        for directory in [path.to_owned(), path.join("log")] {
            make(&directory, 0o755).map_err(|why| unable("make ", &directory, &why))?;
            if directory == path {
                made.0.push(path.to_owned());
            }
        }
        for (name, text) in [("run", &self.run), ("log/run", &self.log_run)] {
            let file = path.join(name);
            write_program(&file, text).map_err(|why| unable("write ", &file, &why))?;
        }
        Ok(())
    }

    /// Makes the log's directory, or finds it there and its account's already.
    fn make_log_directory(&self, made: &mut Made) -> Result<bool, Fatal> {
        let path = &self.log_directory;
        if path.symlink_metadata().is_ok() {
            return self.is_the_logs(path).then_some(false).ok_or_else(|| {
                let what = " exists, and is no directory of the log's account";
                wrong(&[path.as_os_str(), what.as_ref()])
            });
        }
        let hidden = hidden(path);
        make(&hidden, 0o750).map_err(|why| unable("make ", path, &why))?;
        made.0.push(hidden.clone());
        if let Some(account) = &self.log_account {
            chown(&hidden, Some(account.user), Some(account.group))
                .map_err(|why| unable("give away ", path, &why))?;
        }
        show(&hidden, path)?;
        made.renamed(&hidden, path);
        Ok(true)
    }

    fn is_the_logs(&self, path: &Path) -> bool {
        let owner = self
            .log_account
            .as_ref()
            .map_or_else(dt_os::identity::effective_user, |it| it.user);
        path.symlink_metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == owner)
    }

    fn told(&self, target: &Path, log_is_new: bool) -> Vec<u8> {
        let mut text = line(&[target.as_os_str()]);
        if log_is_new {
            text.extend(line(&[self.log_directory.as_os_str()]));
        }
        if let Some(link) = &self.link {
            text.extend(line(&[
                link.as_os_str(),
                " -> ".as_ref(),
                target.as_os_str(),
            ]));
        }
        text
    }
}

/// Beside it, a name that svscan passes over and nobody else takes.
fn hidden(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".new{}", std::process::id()));
    target.with_file_name(name)
}

/// Gives it the name, from which moment on it is there, and whole.
fn show(hidden: &Path, target: &Path) -> Result<(), Fatal> {
    let names = hidden.file_name().zip(target.file_name());
    let (from, to) = names.unwrap_or_default();
    Directory::open(target.parent().unwrap_or(Path::new("/")))
        .and_then(|parent| entry::rename_to_new(&parent, from, to))
        .map_err(|why| match why.kind() {
            ErrorKind::AlreadyExists => exists(target),
            _ => unable("make ", target, &why),
        })
}

fn line(pieces: &[&OsStr]) -> Vec<u8> {
    let mut line: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| piece.as_bytes())
        .copied()
        .collect();
    line.push(b'\n');
    line
}

fn exists(path: &Path) -> Fatal {
    wrong(&[path.as_os_str(), " exists".as_ref()])
}

/// Makes a directory with this mode, whatever the umask.
fn make(path: &Path, mode: u32) -> io::Result<()> {
    // Closed until it has the mode that is meant.
    DirBuilder::new().mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn write_program(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = How::CREATE_NEW.mode(0o700).open(path)?;
    file.write_all(text)?;
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    // Or the name could outlive a power failure, and what it names not.
    file.sync_all()
}
