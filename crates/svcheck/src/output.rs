//! Findings for people and for machines.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use crate::finding::Finding;

/// `FILE:LINE: LEVEL: MESSAGE [RULE]`, then why it matters and what to do.
#[must_use]
pub fn text(findings: &[Finding]) -> Vec<u8> {
    let mut out = Vec::new();
    for finding in findings {
        let line = finding
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        for piece in [
            finding.path.as_os_str().as_bytes(),
            line.as_bytes(),
            b": ",
            finding.rule.level().name().as_bytes(),
            b": ",
            &finding.message,
            b" [",
            finding.rule.name().as_bytes(),
            b"]\n    why: ",
            finding.rule.why().as_bytes(),
            b"\n    fix: ",
            &finding.fix,
            b"\n",
        ] {
            out.extend_from_slice(piece);
        }
    }
    out
}

/// One JSON object, as docs/svcheck.md has it.
#[must_use]
pub fn json(services: usize, findings: &[Finding]) -> Vec<u8> {
    let mut out = format!("{{\"version\":1,\"services\":{services},\"findings\":[");
    for (at, finding) in findings.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str("\n{\"file\":");
        string(finding.path.as_os_str(), &mut out);
        if finding.path.to_str().is_none() {
            out.push_str(",\"file_hex\":\"");
            for byte in finding.path.as_os_str().as_bytes() {
                // Writing into a string does not fail.
                let _ = write!(out, "{byte:02x}");
            }
            out.push('"');
        }
        let line = finding
            .line
            .map_or("null".to_owned(), |line| line.to_string());
        let _ = write!(
            out,
            ",\"line\":{line},\"level\":\"{}\"",
            finding.rule.level().name()
        );
        for (name, value) in [
            ("rule", finding.rule.name().as_bytes()),
            ("message", &finding.message),
            ("why", finding.rule.why().as_bytes()),
            ("fix", &finding.fix),
        ] {
            let _ = write!(out, ",\"{name}\":");
            string(OsStr::from_bytes(value), &mut out);
        }
        out.push('}');
    }
    out.push_str(if findings.is_empty() {
        "]}\n"
    } else {
        "\n]}\n"
    });
    out.into_bytes()
}

/// A JSON string; bytes that are no UTF-8 become U+FFFD.
fn string(value: &OsStr, out: &mut String) {
    out.push('"');
    for letter in value.to_string_lossy().chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if u32::from(letter) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Rule;
    use std::path::Path;

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert_eq!(
            json(3, &[]),
            b"{\"version\":1,\"services\":3,\"findings\":[]}\n"
        );
        assert!(text(&[]).is_empty());
    }

    #[test]
    fn names_are_bytes_and_json_is_text() {
        let path = Path::new(OsStr::from_bytes(b"a\"\n\xff"));
        let finding = Finding::new(path, Rule::Setting, &["x".as_ref()]).at(1);
        assert!(
            text(std::slice::from_ref(&finding))
                .starts_with(b"a\"\n\xff:1: warning: x [setting]\n    why: ")
        );
        let json = String::from_utf8(json(1, &[finding])).unwrap();
        let start = "{\"file\":\"a\\\"\\u000a\u{fffd}\",\"file_hex\":\"61220aff\",\"line\":1,\"level\":\"warning\",";
        assert!(json.contains(start), "{json}");
    }
}
