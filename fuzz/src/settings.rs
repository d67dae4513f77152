//! The setting files of a service directory.

use dt_settings::{Setting, Settings};

/// Nothing but a value that is understood changes anything, and a bare number of
/// milliseconds is that many.
pub fn values(data: &[u8], planted: bool) {
    let Some((which, value)) = data.split_first() else {
        return;
    };
    let all = Setting::ALL;
    let setting = all[usize::from(*which) % all.len()];
    let before = Settings::default();
    let mut after = before.clone();
    let outcome = after.set(setting, value);
    if outcome.is_err() {
        assert_eq!(after, before, "refused, and taken all the same");
        return;
    }
    let text = value.trim_ascii();
    let digits = !text.is_empty() && text.len() < 10 && text.iter().all(u8::is_ascii_digit);
    if setting == Setting::StableAfter && digits {
        let millis: u64 = std::str::from_utf8(text).unwrap().parse().unwrap();
        let mut seen = after.stable_after;
        if planted && millis == 33 {
            seen *= 2;
        }
        assert_eq!(seen, std::time::Duration::from_millis(millis));
    }
    // Read twice, it says the same.
    let mut again = before;
    assert_eq!(again.set(setting, value), Ok(()));
    assert_eq!(again, after);
}
