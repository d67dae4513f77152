//! svscan, supervise, svc, svok, svstat and their kin.

mod clients;
mod control;
mod startup;

use crate::harness::check;

#[test]
fn svok_usage() {
    check("svok_usage", |case| case.run("svok", &[] as &[&str]));
}
