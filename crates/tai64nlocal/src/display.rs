//! Local time as text, reckoned once a minute.

use dt_os::local_time::LocalTime;
use dt_tai::Tai64N;

/// Who knows the local time.
pub trait Zone {
    /// Has what follows go by the rules that are in force now.
    fn refresh(&mut self);

    /// The local time at `unix` seconds, if there is one.
    fn local(&mut self, unix: i64) -> Option<LocalTime>;
}

/// Shows labels in local time: `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`.
///
/// Whatever depends on the zone is reckoned for a whole minute on the clock on
/// the wall, and only where the last label was of another one.
pub struct Display<Z> {
    zone: Z,
    refresh_is_due: bool,
    minute: Minute,
    text: Text,
}

/// A stretch of Unix time within one minute, whose seconds count up without a gap.
struct Minute {
    /// Where second 0 is, or would be.
    start: i64,
    /// The seconds that are known to belong to it.
    known: std::ops::Range<i64>,
}

impl<Z: Zone> Display<Z> {
    /// With nothing reckoned yet.
    pub fn new(zone: Z) -> Self {
        Self {
            zone,
            refresh_is_due: true,
            minute: Minute {
                start: 0,
                known: 0..0,
            },
            text: Text::new(),
        }
    }

    /// Looks at the zone's rules again before the next reckoning.
    pub fn refresh_later(&mut self) {
        self.refresh_is_due = true;
    }

    #[cfg(test)]
    pub(crate) fn zone(&self) -> &Z {
        &self.zone
    }

    /// The time that `label` names; `None` where the C library has no local time
    /// for it.
    pub fn show(&mut self, label: Tai64N) -> Option<&[u8]> {
        let unix = dt_tai::unix_seconds(label);
        if !self.minute.known.contains(&unix) {
            self.reckon(unix)?;
        }
        // Below 61, as it is a second of a minute.
        let second = u8::try_from(unix - self.minute.start).unwrap_or(0);
        Some(self.text.with(second, label.1))
    }

    /// Makes the minute of `unix` the one that is shown.
    fn reckon(&mut self, unix: i64) -> Option<()> {
        if std::mem::take(&mut self.refresh_is_due) {
            self.zone.refresh();
        }
        let local = self.zone.local(unix)?;
        let start = unix - i64::from(local.second);
        self.minute = Minute {
            start,
            known: unix..self.end_of_known(unix, start, local),
        };
        self.text.set_minute(local);
        Some(())
    }

    /// Where the next minute begins, if the last second of this one is where it is
    /// expected; otherwise no more than `unix` itself is known.
    ///
    /// The minute may end early or come to an end twice where the zone's offset
    /// changes in its course, and at leap seconds; a 60th second is a minute of
    /// its own here.
    fn end_of_known(&mut self, unix: i64, start: i64, local: LocalTime) -> i64 {
        let last = start.saturating_add(59);
        let expected = LocalTime {
            second: 59,
            ..local
        };
        if last > unix && self.zone.local(last) == Some(expected) {
            last.saturating_add(1)
        } else {
            unix.saturating_add(1)
        }
    }
}

/// The longest is a year of 20 digits, 13 bytes to the minute, 2 for the second,
/// the point, and 10 for the nanoseconds.
const LONGEST: usize = 20 + 13 + 2 + 1 + 10;

/// A time being written, of which the part to the minute is kept.
struct Text {
    bytes: [u8; LONGEST],
    /// Length of the part to the minute.
    to_minute: usize,
}

impl Text {
    const fn new() -> Self {
        Self {
            bytes: [0; LONGEST],
            to_minute: 0,
        }
    }

    /// Writes `YYYY-MM-DD HH:MM:`.
    fn set_minute(&mut self, local: LocalTime) {
        self.to_minute = 0;
        self.push(year(local.year).to_string().as_bytes());
        for (before, number) in [
            (b'-', local.month),
            (b'-', local.day),
            (b' ', local.hour),
            (b':', local.minute),
        ] {
            let [tens, ones] = two_digits(number);
            self.push(&[before, tens, ones]);
        }
        self.push(b":");
    }

    fn push(&mut self, part: &[u8]) {
        let places = self.bytes.iter_mut().skip(self.to_minute);
        places.zip(part).for_each(|(place, byte)| *place = *byte);
        self.to_minute += part.len();
    }

    /// The time with this second and these nanoseconds, all ten digits of them
    /// where it takes ten.
    fn with(&mut self, second: u8, nanos: u32) -> &[u8] {
        let tail = self
            .bytes
            .get_mut(self.to_minute..)
            .and_then(<[u8]>::first_chunk_mut);
        let length = tail.map_or(0, |tail| write_tail(tail, second, nanos));
        self.bytes
            .get(..self.to_minute + length)
            .unwrap_or_default()
    }
}

/// Writes `SS.nnnnnnnnn` and gives its length.
fn write_tail(tail: &mut [u8; 13], second: u8, nanos: u32) -> usize {
    let [tens, ones, point, fraction @ ..] = tail;
    [*tens, *ones] = two_digits(second);
    *point = b'.';
    let (first, rest) = (nanos / 100_000_000, nanos % 100_000_000);
    if first < 10 {
        let [leading, last @ .., _] = fraction;
        *leading = digit(first);
        *last = eight_digits(rest);
        return 12;
    }
    // A thousand million of nanoseconds and more take ten digits.
    let [leading, next, last @ ..] = fraction;
    *leading = digit(first / 10);
    *next = digit(first % 10);
    *last = eight_digits(rest);
    13
}

/// The digits of a number below 100,000,000, halved again and again: what is reckoned
/// for one part is reckoned for all, as they lie beside each other in one word.
const fn eight_digits(number: u32) -> [u8; 8] {
    let number = number as u64;
    // The higher half of each part goes to the lower end, where it stands first.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | ((pairs - tens * 10) << 8);
    (digits | u64::from_le_bytes([b'0'; 8])).to_le_bytes()
}

/// The year as the original prints it: its 32-bit sum, which may wrap, as an
/// unsigned 64-bit number, without leading zeroes.
const fn year(year: i64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "wraps as the original's does"
    )]
    let wrapped = year as i32;
    (wrapped as i64).cast_unsigned()
}

fn two_digits(number: u8) -> [u8; 2] {
    [digit(u32::from(number) / 10), digit(u32::from(number) % 10)]
}

/// The digit of a number below ten.
fn digit(number: u32) -> u8 {
    u8::try_from(number).map_or(b'0', |number| b'0' + number % 10)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use dt_os::local_time::LocalTime;

    /// Universal time, and a count of what it is asked.
    #[derive(Default)]
    pub struct Utc {
        pub refreshed: u32,
        pub asked: u32,
    }

    impl Zone for Utc {
        fn refresh(&mut self) {
            self.refreshed += 1;
        }

        fn local(&mut self, unix: i64) -> Option<LocalTime> {
            self.asked += 1;
            utc(unix)
        }
    }

    /// Counts years and months one by one; only of the centuries around 1970.
    fn utc(unix: i64) -> Option<LocalTime> {
        let mut days = unix.div_euclid(86400);
        if days.abs() > 1_000_000 {
            return None;
        }
        let mut year = 1970;
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = |year| 365 + i64::from(leap(year));
        while days < 0 {
            year -= 1;
            days += length(year);
        }
        while days >= length(year) {
            days -= length(year);
            year += 1;
        }
        let february = 28 + i64::from(leap(year));
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 1;
        for length in months {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        let small = |number: i64| u8::try_from(number).unwrap();
        Some(LocalTime {
            year,
            month,
            day: small(days + 1),
            hour: small(unix.rem_euclid(86400) / 3600),
            minute: small(unix.rem_euclid(3600) / 60),
            second: small(unix.rem_euclid(60)),
        })
    }

    /// A zone by its rule, with a leap second or changes of offset wherever.
    struct Rule<F>(F, u32);

    impl<F: Fn(i64) -> Option<LocalTime>> Zone for Rule<F> {
        fn refresh(&mut self) {}

        fn local(&mut self, unix: i64) -> Option<LocalTime> {
            self.1 += 1;
            (self.0)(unix)
        }
    }

    fn shown(display: &mut Display<impl Zone>, unix: i64) -> String {
        let text = display.show(dt_tai::from_unix(unix, 0)).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    /// Every second of `span` twice over, forwards and backwards, is as the rule has it.
    #[track_caller]
    fn follows(rule: impl Fn(i64) -> Option<LocalTime> + Copy, span: std::ops::Range<i64>) {
        let mut display = Display::new(Rule(rule, 0));
        for unix in span.clone().chain(span.rev()) {
            let local = rule(unix).unwrap();
            assert_eq!(
                shown(&mut display, unix),
                format!(
                    "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.000000000",
                    local.year, local.month, local.day, local.hour, local.minute, local.second
                )
            );
        }
    }

    #[test]
    fn a_minute_costs_two_conversions_however_many_labels() {
        let mut display = Display::new(Utc::default());
        for unix in 0..60 {
            shown(&mut display, unix);
            shown(&mut display, unix);
        }
        assert_eq!(display.zone().asked, 2);
        shown(&mut display, 60);
        assert_eq!(display.zone().asked, 4);
    }

    #[test]
    fn days_months_and_years_go_by() {
        follows(utc, 951_782_390..951_782_410);
        follows(utc, -10..10);
        follows(utc, 4_107_542_390..4_107_542_410);
    }

    #[test]
    fn an_offset_may_have_seconds() {
        follows(|unix| utc(unix - 17776), 100_000_000..100_000_200);
    }

    #[test]
    fn an_offset_may_change_within_a_minute() {
        for change in 0..60 {
            let forwards = |unix| utc(unix + if unix < change { 0 } else { 3600 });
            follows(forwards, -70..130);
            let backwards = |unix| utc(unix - if unix < change { 0 } else { 17 });
            follows(backwards, -70..130);
        }
    }

    #[test]
    fn the_sixtieth_second_is_shown() {
        let leap = |unix: i64| match unix {
            ..120 => utc(unix),
            120 => utc(119).map(|local| LocalTime {
                second: 60,
                ..local
            }),
            121.. => utc(unix - 1),
        };
        follows(leap, 0..300);
    }

    #[test]
    fn a_minute_may_lack_its_last_second() {
        let short = |unix: i64| utc(unix + i64::from(unix >= 119));
        follows(short, 0..300);
    }

    #[test]
    fn nanoseconds_print_as_they_are() {
        let mut display = Display::new(Utc::default());
        for (nanos, text) in [
            (0, "000000000"),
            (7, "000000007"),
            (123_456_789, "123456789"),
            (999_999_999, "999999999"),
            (1_000_000_000, "1000000000"),
            (u32::MAX, "4294967295"),
        ] {
            let time = display.show(dt_tai::from_unix(0, nanos)).unwrap();
            assert_eq!(time, format!("1970-01-01 00:00:00.{text}").as_bytes());
        }
    }

    #[test]
    fn every_four_digits_print_in_either_half() {
        for number in 0..10_000 {
            let text = format!("{number:08}");
            assert_eq!(eight_digits(number), *text.as_bytes());
            let number = number * 10_000 + (9999 - number);
            let text = format!("{number:08}");
            assert_eq!(eight_digits(number), *text.as_bytes());
        }
    }

    #[test]
    fn years_print_as_the_original_does() {
        let zone = |year| {
            Rule(
                move |_| {
                    Some(LocalTime {
                        year,
                        ..utc(0).unwrap()
                    })
                },
                0,
            )
        };
        for (year, text) in [
            (36, "36"),
            (0, "0"),
            (10000, "10000"),
            (-1, "18446744073709551615"),
            (i64::from(i32::MAX), "2147483647"),
            (i64::from(i32::MAX) + 1900, "18446744071562069867"),
            (i64::from(i32::MIN) + 1900, "18446744071562069868"),
        ] {
            assert_eq!(
                shown(&mut Display::new(zone(year)), 0),
                format!("{text}-01-01 00:00:00.000000000")
            );
        }
    }

    #[test]
    fn what_has_no_local_time_is_not_shown_and_does_no_harm() {
        let mut display = Display::new(Utc::default());
        shown(&mut display, 59);
        assert_eq!(display.show(dt_tai::from_unix(i64::MAX, 0)), None);
        assert_eq!(display.show(dt_tai::from_unix(i64::MIN, 0)), None);
        assert_eq!(shown(&mut display, 59), "1970-01-01 00:00:59.000000000");
    }
}
