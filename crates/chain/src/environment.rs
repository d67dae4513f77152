use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An environment in the making, in order.
///
/// Setting or removing a name takes out *every* entry of that name; the original
/// takes out only the first, so that a repeated name kept an old value.
#[derive(Debug, Default)]
pub struct Environment {
    /// Entries taken out leave a gap, so that the numbers in `places` hold.
    entries: Vec<Option<CString>>,
    places: HashMap<OsString, Vec<usize>>,
}

impl Environment {
    /// The environment that we were started with.
    #[must_use]
    pub fn inherited() -> Self {
        let mut environment = Self::default();
        for entry in dt_os::startup::environment() {
            environment.append(entry.clone());
        }
        environment
    }

    /// Sets `name`. Everything up to the first `=` of `name=value` is the name,
    /// as for the original: a name with `=` in it sets a shorter one. What comes
    /// after a NUL is lost, as C strings are.
    pub fn set(&mut self, name: &OsStr, value: &[u8]) {
        let mut entry = [name.as_bytes(), b"=", value].concat();
        if let Some(end) = entry.iter().position(|byte| *byte == 0) {
            entry.truncate(end);
        }
        self.remove(name_of(&entry));
        if let Ok(entry) = CString::new(entry) {
            self.append(entry);
        }
    }

    /// Takes every entry of that name out.
    pub fn remove(&mut self, name: &OsStr) {
        for place in self.places.remove(name).unwrap_or_default() {
            if let Some(entry) = self.entries.get_mut(place) {
                *entry = None;
            }
        }
    }

    /// The entries, for a program's start.
    #[must_use]
    pub fn entries(&self) -> Vec<CString> {
        self.entries.iter().flatten().cloned().collect()
    }

    fn append(&mut self, entry: CString) {
        // An entry without `=` has no name that could be set or removed.
        if entry.as_bytes().contains(&b'=') {
            let name = OsString::from_vec(name_of(entry.as_bytes()).as_bytes().to_vec());
            self.places
                .entry(name)
                .or_default()
                .push(self.entries.len());
        }
        self.entries.push(Some(entry));
    }
}

/// What comes before the first `=`.
fn name_of(entry: &[u8]) -> &OsStr {
    OsStr::from_bytes(entry.split(|byte| *byte == b'=').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[&str]) -> Environment {
        let mut environment = Environment::default();
        for entry in entries {
            environment.append(CString::new(*entry).unwrap());
        }
        environment
    }

    fn shown(environment: &Environment) -> Vec<String> {
        environment
            .entries()
            .into_iter()
            .map(|entry| entry.into_string().unwrap())
            .collect()
    }

    #[test]
    fn setting_a_name_leaves_no_repeated_entry_of_it() {
        let mut environment = of(&["A=1", "B=2", "A=3"]);
        environment.set("A".as_ref(), b"4");
        assert_eq!(shown(&environment), ["B=2", "A=4"]);
    }

    #[test]
    fn an_entry_without_an_equals_sign_is_nobodys_value() {
        let mut environment = of(&["A", "A=1"]);
        environment.remove("A".as_ref());
        assert_eq!(shown(&environment), ["A"]);
    }

    #[test]
    fn a_name_with_an_equals_sign_sets_the_shorter_name() {
        let mut environment = of(&["M=old"]);
        environment.set("M=N".as_ref(), b"c");
        assert_eq!(shown(&environment), ["M=N=c"]);
    }

    #[test]
    fn removing_takes_out_names_that_match_whole() {
        let mut environment = of(&["AB=1", "A=2"]);
        environment.remove("A".as_ref());
        assert_eq!(shown(&environment), ["AB=1"]);
    }
}
