//! What stands before each line.

use std::io::Write;

use dt_tai::Tai64N;

/// The longest stamp: a label and a space.
pub const LONGEST: usize = dt_tai::LABEL_LEN + 1;

/// How the moment of a line is written, where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `t`: a label.
    Label,
    /// `T`: seconds since 1970 and, after a point, six digits.
    Seconds,
}

/// The moment of a line, with the space after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The text, then zeros.
    padded: [u8; LONGEST],
    length: usize,
}

impl Stamp {
    /// The stamp of `instant`.
    #[must_use]
    pub fn new(form: Form, instant: Tai64N) -> Self {
        let mut padded = [0; LONGEST];
        let mut room = padded.as_mut_slice();
        // There is room: no clock shows more than eleven digits of seconds.
        let _ = match form {
            Form::Label => room.write_all(&dt_tai::label(instant)),
            Form::Seconds => {
                let seconds = dt_tai::unix_seconds(instant);
                write!(room, "{seconds}.{:06}", instant.1 / 1000)
            }
        };
        let _ = room.write_all(b" ");
        let length = LONGEST - room.len();
        Self { padded, length }
    }

    /// What [`Stamp::padded`] gave; `None` for zeros alone, which are no stamp.
    #[must_use]
    pub fn from_padded(padded: [u8; LONGEST]) -> Option<Self> {
        let length = padded.iter().position(|byte| *byte == 0).unwrap_or(LONGEST);
        (length > 0).then_some(Self { padded, length })
    }

    /// The stamp, filled up with zeros.
    #[must_use]
    pub const fn padded(&self) -> &[u8; LONGEST] {
        &self.padded
    }

    /// How many bytes of that are the stamp: 1 to [`LONGEST`].
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The stamp, space included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.padded.get(..self.length).unwrap_or(&self.padded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_label_or_seconds_with_six_digits() {
        let instant = dt_tai::from_unix(1_795_387_193, 78_500);
        let label = Stamp::new(Form::Label, instant);
        assert_eq!(label.bytes(), b"@400000006b036f43000132a4 ");
        let seconds = Stamp::new(Form::Seconds, instant);
        assert_eq!(seconds.bytes(), b"1795387193.000078 ");
        let early = Stamp::new(Form::Seconds, dt_tai::from_unix(7, 999_999_500));
        assert_eq!(early.bytes(), b"7.999999 ");
    }

    #[test]
    fn nothing_ends_in_2038_or_in_2106() {
        for (seconds, text) in [
            (1 << 31, &b"2147483648.000000 "[..]),
            (1 << 32, b"4294967296.000000 "),
        ] {
            let stamp = Stamp::new(Form::Seconds, dt_tai::from_unix(seconds, 500));
            assert_eq!(stamp.bytes(), text);
        }
    }

    #[test]
    fn a_stamp_comes_back_from_a_record() {
        for form in [Form::Label, Form::Seconds] {
            let stamp = Stamp::new(form, dt_tai::from_unix(1_000_000_000, 500));
            assert_eq!(Stamp::from_padded(*stamp.padded()), Some(stamp));
        }
        assert_eq!(Stamp::from_padded([0; LONGEST]), None);
    }
}
