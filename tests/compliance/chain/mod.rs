//! envdir, envuidgid, fghack, pgrphack, readproctitle, setlock, setuidgid and
//! softlimit.

pub mod edits;
mod ids;
pub mod limits;
mod locks;
mod search;

use crate::harness::check;

#[test]
fn envdir_usage() {
    check("envdir_usage", |case| {
        case.run("envdir", &[] as &[&str]);
        case.run("envdir", &["dir"]);
    });
}
