//! Where the files of a `supervise` are.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::names;

/// The directory that has `status`, `control` and the rest, as seen from within
/// the service directory.
///
/// It is `supervise`, or what the environment variable `SUPERVISEDIR` says, by
/// daemontools-encore's rule: a relative name stands for `supervise`; to an
/// absolute one the service directory's own path is added, with colons for the
/// slashes within it (`/var/sv` and `/etc/foo` make `/var/sv/etc:foo`), so that
/// many services can share one place. An empty value is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Cow<'static, OsStr>);

impl Place {
    /// The environment variable.
    pub const VARIABLE: &'static str = "SUPERVISEDIR";

    /// Of the service directory that we are in.
    ///
    /// Fails only where the variable is absolute and the working directory has no
    /// name.
    pub fn here() -> io::Result<Self> {
        Self::resolve(std::env::var_os(Self::VARIABLE), || {
            std::env::current_dir().map(OsString::from)
        })
    }

    /// The directory of the files of another service directory, as seen from us.
    ///
    /// Fails only where the variable is absolute and there is no such service
    /// directory.
    pub fn directory_of(service: &Path) -> io::Result<PathBuf> {
        let absolute = || std::fs::canonicalize(service).map(OsString::from);
        let place = Self::resolve(std::env::var_os(Self::VARIABLE), absolute)?;
        Ok(service.join(place.directory()))
    }

    /// The rule itself: from the variable's value and, asked for only where it is
    /// needed, the service directory's absolute path.
    pub fn resolve(
        variable: Option<OsString>,
        service: impl FnOnce() -> io::Result<OsString>,
    ) -> io::Result<Self> {
        let Some(base) = variable.filter(|base| !base.is_empty()) else {
            return Ok(Self(Cow::Borrowed(OsStr::new(names::SUPERVISE))));
        };
        if !base.as_bytes().starts_with(b"/") {
            return Ok(Self(Cow::Owned(base)));
        }
        let service = service()?;
        let inner = service.as_bytes().iter().skip_while(|byte| **byte == b'/');
        let inner = inner.map(|byte| if *byte == b'/' { b':' } else { *byte });
        let mut name = base.into_vec();
        name.push(b'/');
        name.extend(inner);
        Ok(Self(Cow::Owned(OsString::from_vec(name))))
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &OsStr {
        &self.0
    }

    /// A file in it; `file` is its last component (`status`).
    #[must_use]
    pub fn file(&self, file: &str) -> OsString {
        let mut name = self.0.to_os_string();
        name.push("/");
        name.push(file);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variable: Option<&str>) -> Place {
        let service = || Ok("/etc/sv/foo".into());
        Place::resolve(variable.map(OsString::from), service).unwrap()
    }

    #[test]
    fn without_the_variable_the_names_are_the_original_s() {
        for variable in [None, Some("")] {
            let place = place(variable);
            assert_eq!(place.directory(), names::SUPERVISE);
            assert_eq!(place.file("status"), names::STATUS);
            assert_eq!(place.file("control"), names::CONTROL);
        }
    }

    #[test]
    fn a_relative_value_is_the_directory_s_other_name() {
        assert_eq!(place(Some(".sv")).file("ok"), ".sv/ok");
        assert_eq!(place(Some("../run")).file("ok"), "../run/ok");
    }

    #[test]
    fn an_absolute_value_is_shared_by_many() {
        let place = place(Some("/var/sv"));
        assert_eq!(place.directory(), "/var/sv/etc:sv:foo");
        assert_eq!(place.file("lock"), "/var/sv/etc:sv:foo/lock");
    }

    #[test]
    fn a_directory_without_a_name_matters_only_to_an_absolute_value() {
        let nameless = || Err(io::ErrorKind::NotFound.into());
        assert!(Place::resolve(Some("sv".into()), nameless).is_ok());
        assert!(Place::resolve(Some("/sv".into()), nameless).is_err());
    }
}
