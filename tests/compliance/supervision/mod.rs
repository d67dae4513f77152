//! svscan, supervise, svc, svok, svstat and their kin.

mod children;
pub mod clients;
mod control;
mod errors;
mod interchange;
mod kin;
mod random;
mod scanning;
mod startup;
mod surroundings;

use crate::harness::check;

#[test]
fn svok_usage() {
    check("svok_usage", |case| case.run("svok", &[] as &[&str]));
}
