use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A word as the shell reads it back, in single quotes where it needs any.
#[must_use]
pub fn quote(word: &OsStr) -> Vec<u8> {
    let bytes = word.as_bytes();
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+,-./:@_".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(harmless) {
        return bytes.to_vec();
    }
    let mut quoted = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_it_needs_it() {
        for (word, quoted) in [
            ("/usr/bin/a-b_1.2", "/usr/bin/a-b_1.2"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("A=1", "'A=1'"),
            ("~", "'~'"),
            ("$x\n", "'$x\n'"),
        ] {
            assert_eq!(quote(OsStr::new(word)), quoted.as_bytes(), "{word:?}");
        }
    }

    #[test]
    fn the_shell_reads_back_every_byte() {
        use std::process::Command;
        let all: Vec<u8> = (1..=255).collect();
        let script = [b"printf %s ".as_slice(), &quote(OsStr::from_bytes(&all))].concat();
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(OsStr::from_bytes(&script))
            .output();
        assert_eq!(output.unwrap().stdout, all);
    }
}
