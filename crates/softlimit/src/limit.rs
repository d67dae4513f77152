//! What the options mean.

use dt_cli::Fatal;
use dt_os::limits::{self, Resource};

/// A resource and its new soft limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub resource: Resource,
    /// To what.
    pub value: Value,
}

/// What an option's value says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// This number, or the hard limit where that is lower. The largest number
    /// stands for no limit at all.
    Number(u64),
    /// As much as the hard limit, `=`.
    Hard,
    /// No limit at all, and no hard one either, `-`.
    Unlimited,
}

/// The variables that set limits, in the order in which they do.
///
/// What is for several resources comes after what is for one of them: the other
/// way round than with options, where that depends on who writes them.
pub const VARIABLES: &[(&str, Resource)] = &[
    ("SOFTLIMIT_ALLBYTES", Resource::RLIMIT_AS),
    ("SOFTLIMIT_MEMBYTES", Resource::RLIMIT_AS),
    ("SOFTLIMIT_COREBYTES", Resource::RLIMIT_CORE),
    ("SOFTLIMIT_DATABYTES", Resource::RLIMIT_DATA),
    ("SOFTLIMIT_MEMBYTES", Resource::RLIMIT_DATA),
    ("SOFTLIMIT_FILEBYTES", Resource::RLIMIT_FSIZE),
    ("SOFTLIMIT_LOCKEDBYTES", Resource::RLIMIT_MEMLOCK),
    ("SOFTLIMIT_MEMBYTES", Resource::RLIMIT_MEMLOCK),
    ("SOFTLIMIT_STACKBYTES", Resource::RLIMIT_STACK),
    ("SOFTLIMIT_MEMBYTES", Resource::RLIMIT_STACK),
    ("SOFTLIMIT_OPENFILES", Resource::RLIMIT_NOFILE),
    ("SOFTLIMIT_PROCS", Resource::RLIMIT_NPROC),
    ("SOFTLIMIT_RSSBYTES", Resource::RLIMIT_RSS),
    ("SOFTLIMIT_CPUSECS", Resource::RLIMIT_CPU),
];

/// The limits that an option sets, in order; `None` for a value that is neither
/// a number nor `=` nor `-`.
#[must_use]
pub fn of_option(letter: u8, value: &[u8]) -> Option<impl Iterator<Item = Limit> + use<>> {
    let value = value_of(value)?;
    let resources = resources_of(letter)?;
    Some(
        resources
            .iter()
            .map(move |&resource| Limit { resource, value }),
    )
}

fn resources_of(letter: u8) -> Option<&'static [Resource]> {
    Some(match letter {
        b'a' => &[Resource::RLIMIT_AS],
        b'c' => &[Resource::RLIMIT_CORE],
        b'd' => &[Resource::RLIMIT_DATA],
        b'f' => &[Resource::RLIMIT_FSIZE],
        b'l' => &[Resource::RLIMIT_MEMLOCK],
        b'm' => &[
            Resource::RLIMIT_DATA,
            Resource::RLIMIT_STACK,
            Resource::RLIMIT_MEMLOCK,
            Resource::RLIMIT_AS,
        ],
        b'o' => &[Resource::RLIMIT_NOFILE],
        b'p' => &[Resource::RLIMIT_NPROC],
        b'r' => &[Resource::RLIMIT_RSS],
        b's' => &[Resource::RLIMIT_STACK],
        b't' => &[Resource::RLIMIT_CPU],
        _ => return None,
    })
}

/// Digits and nothing else; nothing at all is 0, and a number too large for 64
/// bits loses its upper ones, as it always did.
fn value_of(text: &[u8]) -> Option<Value> {
    match text {
        b"=" => return Some(Value::Hard),
        b"-" => return Some(Value::Unlimited),
        _ => {}
    }
    let add = |number: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.wrapping_mul(10).wrapping_add(digit))
    };
    text.iter().try_fold(0, add).map(Value::Number)
}

impl Limit {
    /// A resource's limit; `None` for a value that is none.
    #[must_use]
    pub fn new(resource: Resource, value: &[u8]) -> Option<Self> {
        let value = value_of(value)?;
        Some(Self { resource, value })
    }

    /// Sets it for this process and what it will become.
    pub fn set(self, program: &str) -> Result<(), Fatal> {
        let failed = |call: &str, why| Fatal::system(program, &[call.as_ref()], &why);
        let (_, hard) =
            limits::get(self.resource).map_err(|why| failed("getrlimit failed", why))?;
        // "No limit" is the largest number, so that it needs no case of its own.
        let (soft, hard) = match self.value {
            Value::Number(number) => (number.min(hard), hard),
            Value::Hard => (hard, hard),
            Value::Unlimited => (limits::UNLIMITED, limits::UNLIMITED),
        };
        limits::set(self.resource, soft, hard).map_err(|why| failed("setrlimit failed", why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_nothing_else_are_a_number() {
        assert_eq!(value_of(b"0012"), Some(Value::Number(12)));
        assert_eq!(value_of(b""), Some(Value::Number(0)));
        for wrong in ["10k", "-5", "+5", "0x10", " 5", "=x", "5 "] {
            assert_eq!(value_of(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_wraps_at_64_bits() {
        assert_eq!(
            value_of(b"18446744073709551615"),
            Some(Value::Number(limits::UNLIMITED))
        );
        assert_eq!(value_of(b"18446744073709551626"), Some(Value::Number(10)));
    }

    #[test]
    fn every_letter_of_the_grammar_has_its_resources() {
        for letter in crate::GRAMMAR.bytes().filter(|byte| *byte != b':') {
            let limits = of_option(letter, b"5").map_or(0, Iterator::count);
            assert_eq!(limits, if letter == b'm' { 4 } else { 1 });
        }
    }
}
