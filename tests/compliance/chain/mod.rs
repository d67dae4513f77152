//! envdir, envuidgid, fghack, pgrphack, readproctitle, setlock, setuidgid and
//! softlimit.

use crate::harness::check;

#[test]
fn envdir_usage() {
    check("envdir_usage", |case| {
        case.run("envdir", &[] as &[&str]);
        case.run("envdir", &["dir"]);
    });
}
