//! svscan, supervise, svc, svok, svstat and their kin.

use crate::harness::check;

#[test]
fn svok_usage() {
    check("svok_usage", |case| case.run("svok", &[] as &[&str]));
}
