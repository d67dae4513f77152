//! Names that nearly are those of settings.

use std::ffi::OsStr;

use dt_settings::Setting;

/// Names of other suites, or of an earlier thought, and what they are here.
const OTHERS: &[(&str, &str)] = &[
    ("dependencies", "dependencies.d"),
    ("dependency.d", "dependencies.d"),
    ("depends", "dependencies.d"),
    ("depends-on", "dependencies.d"),
    ("depends-on.d", "dependencies.d"),
    ("waits-for", "waits-for.d"),
    ("nosetsid", "no-setsid"),
    ("stop-timeout", "timeout-kill"),
    ("stop-signal", "down-signal"),
    ("kill-signal", "down-signal"),
    ("timeout-down", "timeout-kill"),
    ("timeout-ready", "timeout-up"),
    ("restart-policy", "restart"),
];

/// The setting whose name is nearly this one.
///
/// Short names are too near to other words: of those only the case may differ.
#[must_use]
pub fn meant(name: &OsStr) -> Option<&'static str> {
    let name = name.to_str()?;
    if Setting::named(name.as_bytes()).is_some() {
        return None;
    }
    if let Some((_, meant)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return Some(meant);
    }
    let plain = name.to_ascii_lowercase().replace('_', "-");
    let all = || Setting::ALL.into_iter().map(Setting::name);
    let same = |known: &&str| plain == **known || sorted(&plain) == sorted(known);
    all().find(same).or_else(|| {
        let far = |known: &&str| match known.len() {
            0..=6 => 0,
            7..=10 => 1,
            _ => 2,
        };
        all().find(|known| within(&plain, known, far(known)))
    })
}

/// Whether it can only be meant as a setting.
#[must_use]
pub fn looks_like_a_setting(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let prefixed = name.starts_with(b"flag-") || name.starts_with(b"timeout-");
    prefixed && Setting::named(name).is_none()
}

fn sorted(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split('-').collect();
    words.sort_unstable();
    words
}

/// Whether one becomes the other by at most so many letters put in, taken out or
/// replaced.
fn within(one: &str, other: &str, most: usize) -> bool {
    if most == 0 || one.len().abs_diff(other.len()) > most {
        return false;
    }
    let other = other.as_bytes();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, byte) in one.bytes().enumerate() {
        let mut next = vec![at + 1];
        for ((known, above_left), above) in other.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            let replaced = above_left + usize::from(*known != byte);
            next.push(replaced.min(left + 1).min(above + 1));
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_found() {
        for (name, setting) in [
            ("timeout-kil", "timeout-kill"),
            ("timeout_kill", "timeout-kill"),
            ("kill-timeout", "timeout-kill"),
            ("down-signl", "down-signal"),
            ("notification_fd", "notification-fd"),
            ("notificaton-fd", "notification-fd"),
            ("Run", "run"),
            ("FINISH", "finish"),
            ("restart-dealy", "restart-delay"),
            ("dependency.d", "dependencies.d"),
            ("depends-on.d", "dependencies.d"),
            ("start_limit", "start-limit"),
            ("restarts", "restart"),
        ] {
            assert_eq!(meant(OsStr::new(name)), Some(setting), "{name}");
        }
    }

    #[test]
    fn other_words_are_left_alone() {
        for name in [
            "run",
            "timeout-kill",
            "runs",
            "logs",
            "data",
            "env",
            "root",
            "conf",
            "README",
            "Makefile",
            "checks",
            "supervise",
            "stopped",
            "notes",
            "notify.sh",
            "finished",
            "startup",
            "restart.sh.bak",
            "control.txt",
            "tcp.cdb",
            ".git",
            "main",
            "config",
        ] {
            assert_eq!(meant(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn what_begins_as_a_setting_is_meant_as_one() {
        assert!(looks_like_a_setting(OsStr::new("flag-newpidns")));
        assert!(!looks_like_a_setting(OsStr::new("flag-cgroup")));
        assert!(!looks_like_a_setting(OsStr::new("flags")));
    }
}
