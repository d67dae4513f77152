//! What the lines of an INI file say.

/// The variables, in order, with the names of their sections before theirs. Lines
/// that are neither a variable nor a section are passed over.
pub fn variables(content: &[u8]) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
    let mut section = Vec::new();
    content
        .split(|byte| *byte == b'\n')
        .filter_map(move |line| {
            let line = trimmed(line);
            match line {
                [b';', ..] => None,
                [b'[', name @ .., b']'] => {
                    section = [name, b"_"].concat();
                    None
                }
                _ => {
                    let (name, value) = variable(line)?;
                    let mut name = [&section, name].concat();
                    // As C strings are; the value is cut where it is set.
                    let end = name.iter().position(|byte| *byte == 0);
                    name.truncate(end.unwrap_or(name.len()));
                    Some((name, value))
                }
            }
        })
}

/// The name and the value of `NAME = VALUE`. The name has no blank in it.
fn variable(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line
        .iter()
        .position(|byte| is_blank(*byte) || *byte == b'=')?;
    let (name, rest) = line.split_at(end);
    let value = trimmed(rest).strip_prefix(b"=")?;
    Some((name, trimmed(value)))
}

fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = line
        && is_blank(*first)
    {
        line = rest;
    }
    while let [rest @ .., last] = line
        && is_blank(*last)
    {
        line = rest;
    }
    line
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str) -> Vec<String> {
        variables(content.as_bytes())
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect()
    }

    #[test]
    fn a_name_ends_at_the_first_blank_or_equals_sign() {
        let content = "a=1\nb = 2 \r\n\tc\t=\t\"3\"\nd=e=f\n=g\nempty=\nlast = x y";
        let want = [
            "a=1",
            "b=2",
            "c=\\\"3\\\"",
            "d=e=f",
            "=g",
            "empty=",
            "last=x y",
        ];
        assert_eq!(shown(content), want);
    }

    #[test]
    fn what_is_no_variable_is_passed_over() {
        assert_eq!(
            shown("\n;a=1\nsp ace = x\nnoequals\n[sec] ; note\n"),
            [""; 0]
        );
        assert_eq!(shown("#a=1\n"), ["#a=1"]);
    }

    #[test]
    fn a_name_ends_at_a_nul() {
        assert_eq!(shown("a\0b=1\n[s\0t]\nc=2"), ["a=1", "s=2"]);
    }

    #[test]
    fn a_section_goes_before_the_names_that_follow_it() {
        let content = "a=1\n [ sp ] \nk=1\n[]\nb=2\n[x]y]\nc=3\n";
        assert_eq!(shown(content), ["a=1", " sp _k=1", "_b=2", "x]y_c=3"]);
    }
}
