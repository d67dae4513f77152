//! The scratch directory.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use dt_cli::Fatal;
use dt_os::file;

use super::{unable, words};
use crate::front::NAME;
use crate::programs::PROGRAMS;

/// The service as it is to be used, with real paths.
const RUN: &str = include_str!("../../examples/service/trycode.io/run");
const LOG_RUN: &str = include_str!("../../examples/service/trycode.io/log/run");

/// Whom the service runs as where we are root.
const NOBODY: &str = "nobody";

/// The directory, with all that is in it; removed when dropped.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// Makes `directory`, or one for temporary files, and fills it.
    pub fn make(directory: Option<&Path>, address: SocketAddr) -> Result<Self, Fatal> {
        // Programs without our rights are to find their way to the scripts.
        let _ = file::set_umask(0o022);
        let root = match directory {
            Some(directory) => std::path::absolute(directory)
                .and_then(|root| fs::create_dir(&root).map(|()| root))
                .map_err(|why| unable("create", directory, &why))?,
            None => temporary()?,
        };
        let place = Self { root };
        place.fill(address)?;
        Ok(place)
    }

    /// Removes it; what is not removed is named.
    pub fn remove(&self) -> Result<(), Fatal> {
        fs::remove_dir_all(&self.root).map_err(|why| unable("remove", &self.root, &why))
    }

    /// The whole directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that svscan watches.
    pub fn scanned(&self) -> PathBuf {
        self.root.join("etc/service")
    }

    /// The link that makes the service known to svscan.
    pub fn link(&self) -> PathBuf {
        self.scanned().join("trycode.io")
    }

    /// The service directory.
    pub fn service(&self) -> PathBuf {
        self.root.join("srv/trycode.io")
    }

    /// The service directory of its log.
    pub fn service_log(&self) -> PathBuf {
        self.service().join("log")
    }

    /// The programs, under their names.
    pub fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// What the service has said last.
    pub fn current(&self) -> PathBuf {
        self.logs().join("main/current")
    }

    /// Whether anything has come to the log.
    pub fn has_log(&self) -> bool {
        fs::metadata(self.current()).is_ok_and(|current| current.len() > 0)
    }

    /// `PATH` for everything that runs here: our programs before any others.
    pub fn path(&self) -> OsString {
        let mut path = self.programs().into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }

    fn logs(&self) -> PathBuf {
        self.root.join("var/log/trycode")
    }

    fn fill(&self, address: SocketAddr) -> Result<(), Fatal> {
        let directories = [
            self.programs(),
            self.scanned(),
            self.service_log(),
            self.logs(),
        ];
        for directory in directories {
            fs::create_dir_all(&directory).map_err(|why| unable("create", &directory, &why))?;
        }
        self.install()?;
        let as_root = self.as_root()?;
        if as_root {
            self.give_away_logs()?;
        }
        self.script(&self.service().join("run"), RUN, address, as_root)?;
        self.script(&self.service_log().join("run"), LOG_RUN, address, as_root)?;
        let link = self.link();
        symlink("../../srv/trycode.io", &link).map_err(|why| unable("link", &link, &why))
    }

    /// Puts a copy of this program in place, with a link for each name.
    ///
    /// A copy, because whoever the service runs as may not be let into the
    /// directory that we were started from.
    fn install(&self) -> Result<(), Fatal> {
        let copy = self.programs().join(NAME);
        fs::copy("/proc/self/exe", &copy).map_err(|why| unable("create", &copy, &why))?;
        for (name, _) in PROGRAMS {
            let link = self.programs().join(name);
            symlink(NAME, &link).map_err(|why| unable("link", &link, &why))?;
        }
        Ok(())
    }

    /// Whether we are root: then what we make is root's.
    fn as_root(&self) -> Result<bool, Fatal> {
        let root = fs::metadata(&self.root).map_err(|why| unable("stat", &self.root, &why))?;
        Ok(root.uid() == 0)
    }

    /// chown(1) knows every way to look up an account.
    fn give_away_logs(&self) -> Result<(), Fatal> {
        let logs = self.logs();
        let status = Command::new("chown").arg(NOBODY).arg(&logs).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Fatal::plain(
                NAME,
                &[
                    "unable to give ".as_ref(),
                    logs.as_os_str(),
                    " to nobody".as_ref(),
                ],
            )),
            Err(why) => Err(unable("run chown for", &logs, &why)),
        }
    }

    fn script(
        &self,
        file: &Path,
        script: &str,
        address: SocketAddr,
        as_root: bool,
    ) -> Result<(), Fatal> {
        let text = adapted(script, &self.logs(), address, as_root);
        fs::write(file, text).map_err(|why| unable("write", file, &why))?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(file, executable).map_err(|why| unable("set mode of", file, &why))
    }
}

impl Drop for Place {
    /// For the ways out on which something else has gone wrong already.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A new directory for temporary files, whose name nobody else has.
fn temporary() -> Result<PathBuf, Fatal> {
    let above = std::env::temp_dir();
    let own = std::process::id();
    let mut outcome = Err(io::Error::from(io::ErrorKind::AlreadyExists));
    for number in 0..100 {
        let root = above.join(format!("daemontools-try.{own}.{number}"));
        outcome = std::path::absolute(&root).and_then(|root| fs::create_dir(&root).map(|()| root));
        match &outcome {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            _ => break,
        }
    }
    outcome.map_err(|why| unable("create a directory in", &above, &why))
}

/// An example's script with the scratch directory's log, the chosen address and,
/// where we are not root, nobody to become.
fn adapted(script: &str, logs: &Path, address: SocketAddr, as_root: bool) -> Vec<u8> {
    let account = if as_root { "setuidgid nobody " } else { "" };
    let script = script
        .replace("setuidgid trycode ", account)
        .replace("127.0.0.1:8080", &address.to_string());
    let logs = words::quoted(logs.as_os_str());
    let pieces: Vec<&[u8]> = script
        .split("/var/log/trycode")
        .map(str::as_bytes)
        .collect();
    pieces.join(logs.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(script: &str, logs: &str, as_root: bool) -> String {
        let address = "127.0.0.1:4711".parse().unwrap();
        String::from_utf8(adapted(script, Path::new(logs), address, as_root)).unwrap()
    }

    #[test]
    fn without_root_only_places_and_the_account_change() {
        let run = "#!/bin/sh\nexec 2>&1\nexec trycode 127.0.0.1:4711\n";
        assert_eq!(text(RUN, "/x", false), run);
        let log = "#!/bin/sh\ncd /x || exit 111\n\
                   exec multilog t s10485760 n5 '!tai64nlocal' ./main\n";
        assert_eq!(text(LOG_RUN, "/x", false), log);
    }

    #[test]
    fn as_root_service_and_log_become_nobody() {
        for script in [RUN, LOG_RUN] {
            assert!(text(script, "/x", true).contains("exec setuidgid nobody "));
        }
    }

    #[test]
    fn a_log_directory_with_odd_letters_is_quoted() {
        assert!(text(LOG_RUN, "/it's", false).contains("cd '/it'\\''s' ||"));
    }
}
