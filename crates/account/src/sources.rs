//! Which sources nsswitch.conf(5) names for accounts.

/// What that means for one who can read `/etc/passwd` and ask getent(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing but `/etc/passwd`.
    FilesOnly,
    /// `/etc/passwd`, then others.
    FilesFirst,
    /// Others have a say about every name.
    OthersFirst,
}

/// The order in the file's `content`. Without a line for accounts it is files
/// alone, as for the C library.
pub fn order(content: &[u8]) -> Order {
    let lines = content.split(|byte| *byte == b'\n');
    let Some(sources) = lines.filter_map(account_sources).next_back() else {
        return Order::FilesOnly;
    };
    let words = words(sources);
    match words.as_slice() {
        [] | [b"files"] => Order::FilesOnly,
        // What is found may yet be overruled.
        [b"files", actions, ..] if actions.starts_with(b"[") && overrules(actions) => {
            Order::OthersFirst
        }
        [b"files", ..] => Order::FilesFirst,
        _ => Order::OthersFirst,
    }
}

/// What follows `passwd:`, if the line is that one.
fn account_sources(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'#').next()?;
    let rest = line.trim_ascii_start().strip_prefix(b"passwd")?;
    rest.trim_ascii_start().strip_prefix(b":")
}

/// The words of the line; actions in brackets are one word, blanks and all.
fn words(mut line: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    loop {
        line = line.trim_ascii_start();
        let end = if line.starts_with(b"[") {
            line.iter().position(|byte| *byte == b']').map(|at| at + 1)
        } else {
            line.iter()
                .position(|byte| byte.is_ascii_whitespace() || *byte == b'[')
        };
        let (word, rest) = line.split_at(end.unwrap_or(line.len()));
        if word.is_empty() {
            return words;
        }
        words.push(word);
        line = rest;
    }
}

/// Whether the actions say something about names that were found, or about all
/// results but one.
fn overrules(actions: &[u8]) -> bool {
    let actions = actions.to_ascii_uppercase();
    actions.windows(7).any(|word| word == b"SUCCESS") || actions.contains(&b'!')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_lines() {
        assert_eq!(order(b"passwd: files\n"), Order::FilesOnly);
        assert_eq!(
            order(b"group: sss\npasswd:\tfiles systemd\n"),
            Order::FilesFirst
        );
        assert_eq!(order(b"passwd: sss files\n"), Order::OthersFirst);
        assert_eq!(order(b"passwd: compat\n"), Order::OthersFirst);
    }

    #[test]
    fn no_line_and_no_source_mean_files() {
        assert_eq!(order(b""), Order::FilesOnly);
        assert_eq!(order(b"group: sss\n#passwd: sss\n"), Order::FilesOnly);
        assert_eq!(order(b"passwd: # sss\n"), Order::FilesOnly);
        assert_eq!(order(b"passwd_compat: nis\n"), Order::FilesOnly);
    }

    #[test]
    fn blanks_and_comments_are_no_sources() {
        assert_eq!(order(b"  passwd : files # sss\n"), Order::FilesOnly);
        assert_eq!(order(b"passwd:files sss"), Order::FilesFirst);
    }

    #[test]
    fn actions_that_follow_files() {
        let not_found = b"passwd: files [NOTFOUND=return UNAVAIL=continue] sss\n";
        assert_eq!(order(not_found), Order::FilesFirst);
        assert_eq!(
            order(b"passwd: files[notfound=return]\n"),
            Order::FilesFirst
        );
        let merged = b"passwd: files [SUCCESS=continue] sss\n";
        assert_eq!(order(merged), Order::OthersFirst);
        assert_eq!(
            order(b"passwd: files [!NOTFOUND=continue] sss\n"),
            Order::OthersFirst
        );
    }

    #[test]
    fn an_unclosed_bracket_ends_the_line() {
        assert_eq!(
            order(b"passwd: files [SUCCESS=continue"),
            Order::OthersFirst
        );
        assert_eq!(order(b"passwd: ["), Order::OthersFirst);
    }
}
