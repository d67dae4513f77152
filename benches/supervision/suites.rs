//! How each suite is started and told things.

use std::path::Path;

/// One suite of programs.
pub struct Suite {
    /// As the table calls it.
    pub name: &'static str,
    /// The program that scans a directory, and its arguments but for that.
    pub scanner: Vec<String>,
    /// The command that stops one service: these words and its directory.
    pub down: Vec<String>,
    /// The command that starts it again.
    pub up: Vec<String>,
    /// The logger, which keeps its files in `./main`.
    pub logger: String,
    /// Where supervisors are searched for.
    pub path: String,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Ours, and the three that are compared with it, where Debian puts them.
pub fn all(ours: &Path) -> Vec<Suite> {
    let ours = ours.display();
    vec![
        Suite {
            name: "ours",
            scanner: words(&format!("{ours}/svscan")),
            down: words(&format!("{ours}/svc -d")),
            up: words(&format!("{ours}/svc -u")),
            logger: format!("{ours}/multilog t ./main"),
            path: format!("{ours}:/usr/bin:/bin"),
        },
        Suite {
            name: "daemontools",
            scanner: words("/usr/bin/svscan"),
            down: words("/usr/bin/svc -d"),
            up: words("/usr/bin/svc -u"),
            logger: "/usr/bin/multilog t ./main".to_owned(),
            path: "/usr/bin:/bin".to_owned(),
        },
        Suite {
            name: "runit",
            scanner: words("/usr/bin/runsvdir"),
            down: words("/usr/bin/sv d"),
            up: words("/usr/bin/sv u"),
            logger: "/usr/bin/svlogd -tt ./main".to_owned(),
            path: "/usr/bin:/bin".to_owned(),
        },
        Suite {
            name: "s6",
            scanner: words("/usr/bin/s6-svscan -c 10000"),
            down: words("/usr/bin/s6-svc -d"),
            up: words("/usr/bin/s6-svc -u"),
            logger: "/usr/bin/s6-log t ./main".to_owned(),
            path: "/usr/bin:/bin".to_owned(),
        },
    ]
}
