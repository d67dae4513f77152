use dt_os::signals::Signal;

/// A signal's name, `SIGTERM`; one without a name is `SIG` and its number.
#[must_use]
pub fn signal_name(number: u8) -> String {
    Signal::try_from(i32::from(number)).map_or_else(
        |_| format!("SIG{number}"),
        |signal| signal.as_str().to_owned(),
    )
}
