//! Which sources nsswitch.conf(5) names.

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

/// Whether all that is known of groups' members is in `/etc/group`.
pub fn memberships_in_files(content: &[u8]) -> bool {
    let databases: [&[u8]; 2] = [b"group", b"initgroups"];
    databases
        .into_iter()
        .all(|database| order(content, database) == Order::FilesOnly)
}

/// The order for `database` in the file's `content`. Without a line for it that is
/// files alone, as for the C library.
pub fn order(content: &[u8], database: &[u8]) -> Order {
    let lines = content.split(|byte| *byte == b'\n');
    let mut lines = lines.filter_map(|line| sources_of(database, line));
    let Some(sources) = lines.next_back() else {
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

/// What follows `database:`, if the line is that one.
fn sources_of<'a>(database: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    let line = line.split(|byte| *byte == b'#').next()?;
    let rest = line.trim_ascii_start().strip_prefix(database)?;
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

    fn order(content: &[u8]) -> Order {
        super::order(content, b"passwd")
    }

    #[test]
    fn members_are_in_files_alone_unless_a_line_says_otherwise() {
        assert!(memberships_in_files(b"passwd: sss\ngroup: files\n"));
        assert!(memberships_in_files(b""));
        assert!(!memberships_in_files(b"group: files sss\n"));
        assert!(!memberships_in_files(b"group: files\ninitgroups: sss\n"));
    }

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
