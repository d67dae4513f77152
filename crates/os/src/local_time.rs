//! Local time, as the C library reckons it.
//!
//! The C library is the reference: it knows `TZ` in all its forms, the zone
//! files, their leap seconds and the future's daylight-saving rules.

/// A Unix time as a clock on the wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The year; 0 is the one before 1.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60; 60 in zones that count leap seconds.
    pub second: u8,
}

unsafe extern "C" {
    // Missing from the libc crate for Linux.
    fn tzset();
}

/// Has the next conversion follow `TZ`, and where that is unset
/// `/etc/localtime`, as they are now.
///
/// Costs one look at the file where `TZ` is unset, next to nothing otherwise.
pub fn refresh_zone() {
    // SAFETY: it reads the environment, which this workspace never changes, and
    // the C library guards the zone's data by a lock of its own.
    unsafe { tzset() }
}

/// The local time at `unix` seconds since 1970; `None` where the year does not
/// fit the C library's 32 bits.
///
/// The zone is the one of the last [`refresh_zone`], or of the first call.
#[must_use]
pub fn local_time(unix: i64) -> Option<LocalTime> {
    let mut tm = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: the time is only read during the call, and `tm` has room for the answer.
    let answer = unsafe { libc::localtime_r(&raw const unix, tm.as_mut_ptr()) };
    if answer.is_null() {
        return None;
    }
    // SAFETY: all zeroes is a valid `tm`, and the call has filled it.
    let tm = unsafe { tm.assume_init() };
    let small = |number| u8::try_from(number).ok();
    Some(LocalTime {
        year: 1900 + i64::from(tm.tm_year),
        month: small(tm.tm_mon + 1)?,
        day: small(tm.tm_mday)?,
        hour: small(tm.tm_hour)?,
        minute: small(tm.tm_min)?,
        second: small(tm.tm_sec)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Which zone is in force is the process's; what holds in all of them is tested
    // here, the zones themselves where programs are run.

    #[test]
    fn years_of_more_than_32_bits_cannot_be_shown() {
        refresh_zone();
        assert_eq!(local_time(i64::MAX), None);
        assert_eq!(local_time(i64::MIN), None);
    }

    #[test]
    fn a_year_and_a_half_in_it_is_1971() {
        let time = local_time(550 * 86400).unwrap();
        assert_eq!(time.year, 1971);
        assert!((1..=12).contains(&time.month) && time.second <= 60);
    }
}
