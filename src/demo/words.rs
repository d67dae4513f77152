//! What `daemontools try` says.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use dt_cli::Fatal;

use super::place::Place;
use super::tree::supervised;
use crate::front::NAME;

/// The last bytes of a log that are shown where something is wrong.
const TAIL: usize = 2000;

/// What there is to be done once the service is up.
const NEXT: &str = "
It is up. Now, in another terminal:

  # ask it
  curl http://{address}/

  # crash it: it is up again at once
  curl http://{address}/crash

  # look at it and at its log
  {bin}/svstat {service} {service}/log

  # take it down
  {bin}/svc -d {service}

  # bring it up again
  {bin}/svc -u {service}

  # read its log in local time
  {bin}/tai64nlocal <{current}

  # write 30 MB to the log, which is cut into files of 10 MB
  curl 'http://{address}/log?lines=450000'

Ctrl-C here stops everything and removes {root}.
";

/// The greeting of the service, and what one can type next.
pub fn next(place: &Place, address: SocketAddr, greeting: &str) -> Vec<u8> {
    let address = address.to_string();
    let words = [
        ("address", OsString::from(address)),
        ("bin", quoted(place.programs().as_os_str())),
        ("service", quoted(place.link().as_os_str())),
        ("current", quoted(place.current().as_os_str())),
        ("root", quoted(place.root().as_os_str())),
    ];
    [greeting.as_bytes(), b"\n", &filled_in(NEXT, &words)].concat()
}

/// The template with each `{name}` replaced by the word of that name.
fn filled_in(template: &str, words: &[(&str, OsString)]) -> Vec<u8> {
    let mut text = Vec::new();
    for piece in template.split_inclusive(['{', '}']) {
        let name = piece.strip_suffix('}').unwrap_or_default();
        match words.iter().find(|(known, _)| *known == name) {
            Some((_, word)) => text.extend_from_slice(word.as_bytes()),
            None => text.extend_from_slice(piece.trim_end_matches('{').as_bytes()),
        }
    }
    text
}

/// Why nothing came of it: the first thing in the chain that is not there.
pub fn trouble(place: &Place, address: SocketAddr, answered: bool) -> Fatal {
    let (service, log) = (place.service(), place.service_log());
    let current = place.current();
    let (what, place) = match () {
        () if !supervised(&service) => ("no supervise runs in ", service.as_os_str()),
        () if !supervised(&log) => ("no supervise runs in ", log.as_os_str()),
        () if answered => ("nothing has come to the log ", current.as_os_str()),
        () => (
            "the service does not answer; its log is ",
            current.as_os_str(),
        ),
    };
    let address = format!(" (address {address})");
    let mut fatal = Fatal::plain(NAME, &[what.as_ref(), place, address.as_ref()]);
    fatal.lines.extend_from_slice(&tail(&current));
    fatal
}

fn tail(file: &Path) -> Vec<u8> {
    let content = std::fs::read(file).unwrap_or_default();
    let from = content.len().saturating_sub(TAIL);
    content.get(from..).unwrap_or_default().to_vec()
}

/// A name as a shell reads it: as it is where nothing in it is special.
pub fn quoted(name: &OsStr) -> OsString {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:@,%=".contains(byte);
    if !name.is_empty() && name.as_bytes().iter().all(plain) {
        return name.to_owned();
    }
    let pieces: Vec<&[u8]> = name.as_bytes().split(|byte| *byte == b'\'').collect();
    let inside = pieces.join(&b"'\\''"[..]);
    OsString::from_vec([b"'", &inside[..], b"'"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_in_with_what_is_taken_literally() {
        let words = [("a", OsString::from("{b}")), ("b", OsString::from("x"))];
        assert_eq!(filled_in("1 {a}/{b}, {a}", &words), b"1 {b}/x, {b}");
    }

    #[test]
    fn names_are_quoted_where_a_shell_would_misread_them() {
        let quotes = [
            ("/tmp/x-1.y", "/tmp/x-1.y"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
        ];
        for (name, want) in quotes {
            assert_eq!(quoted(OsStr::new(name)), OsStr::new(want));
        }
    }
}
