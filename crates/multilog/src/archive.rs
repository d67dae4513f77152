//! Names of finished files, and which of them must go.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use dt_os::clock::UnixTime;
use dt_tai::{LABEL_LEN, Tai64, Tai64N};

use crate::rotate::Code;

/// The label that an archive's name begins with; `None` for all other names.
#[must_use]
pub fn label_of(name: &OsStr) -> Option<Tai64N> {
    let label: &[u8; LABEL_LEN] = name.as_bytes().first_chunk()?;
    let (b'@', digits) = label.split_first()? else {
        return None;
    };
    dt_tai::parse(digits.try_into().ok()?)
}

/// The instant for a new archive's name: now, but after all that are there, so
/// that the newest file never has the oldest name, whatever the clock does.
#[must_use]
pub fn fresh<'a>(names: impl Iterator<Item = &'a OsStr>, now: UnixTime) -> Tai64N {
    let now = instant(now);
    match names.filter_map(label_of).max() {
        Some(newest) if newest >= now => after(newest).unwrap_or(now),
        _ => now,
    }
}

/// The clock as stamps and names show it.
#[must_use]
pub fn instant(now: UnixTime) -> Tai64N {
    dt_tai::from_unix(now.secs, dt_tai::half_microsecond(now.nanos))
}

/// The next nanosecond; `None` at the end of time.
fn after(instant: Tai64N) -> Option<Tai64N> {
    let Tai64N(Tai64(seconds), nanos) = instant;
    if nanos < 999_999_999 {
        return Some(Tai64N(Tai64(seconds), nanos + 1));
    }
    Some(Tai64N(Tai64(seconds.checked_add(1)?), 0))
}

/// An archive's name; where it is finished, that ends in a dot and `suffix`.
#[must_use]
pub fn name(instant: Tai64N, code: Code, suffix: &OsStr) -> OsString {
    let mut name = dt_tai::label(instant).to_vec();
    name.push(b'.');
    name.extend_from_slice(match code {
        Code::Safe => suffix.as_bytes(),
        Code::Unfinished => b"u",
    });
    OsString::from_vec(name)
}

/// Takes those archives out that must go so that fewer than `count` are left, the
/// oldest by name first. The newest is never among them, as `count` is 2 at the
/// least. What is not an archive is not left either.
pub fn surplus(names: &mut Vec<OsString>, count: u64) -> Vec<OsString> {
    names.retain(|name| label_of(name).is_some());
    names.sort_unstable();
    let keep = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    names
        .drain(..names.len().saturating_sub(keep.max(1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(instant: Tai64N, code: Code) -> OsString {
        super::name(instant, code, "s".as_ref())
    }

    fn at(secs: i64, nanos: u32) -> UnixTime {
        UnixTime { secs, nanos }
    }

    #[test]
    fn an_archive_is_named_after_now_or_after_the_newest() {
        let newest = name(instant(at(1000, 999_999_999)), Code::Safe);
        let names = [newest.as_os_str(), "current".as_ref(), "@x".as_ref()];
        let fresh = |now| name(fresh(names.into_iter(), now), Code::Unfinished);
        assert_eq!(fresh(at(2000, 5)), "@40000000000007da000001f4.u");
        // The clock was set back, or stands still.
        assert_eq!(fresh(at(500, 0)), "@40000000000003f23b9ac80d.u");
        assert_eq!(fresh(at(1000, 999_999_000)), "@40000000000003f23b9ac80d.u");
    }

    #[test]
    fn at_the_end_of_time_names_are_of_now() {
        let last: OsString = "@ffffffffffffffff3b9ac9ff.s".into();
        let seen = fresh([last.as_os_str()].into_iter(), at(0, 0));
        assert_eq!(seen, instant(at(0, 0)));
    }

    #[test]
    fn the_oldest_go_and_odd_names_do_not_count() {
        let names = [
            "@4000000000000002",
            "@~~~~~~~~~~~~~~~~~~~~~~~~~~",
            "current",
        ];
        let mut names: Vec<OsString> = names.iter().map(OsString::from).collect();
        let archives: Vec<_> = (1..5)
            .map(|secs| name(instant(at(secs, 0)), Code::Safe))
            .collect();
        names.extend(archives.iter().rev().cloned());
        let surplus = |count| surplus(&mut names.clone(), count);
        assert_eq!(surplus(3), archives[..2]);
        assert_eq!(surplus(5), Vec::<OsString>::new());
        assert_eq!(surplus(0), archives[..3]);
        super::surplus(&mut names, 3);
        assert_eq!(names, archives[2..]);
    }
}
