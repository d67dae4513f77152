//! Random input to ours and to the original, which must come to the same.
//!
//! `DAEMONTOOLS_ORIGINAL` names the directory of the original's programs; without
//! it these tests are skipped. `DAEMONTOOLS_RANDOM_CASES` multiplies the number of
//! cases. What fails is shrunk by proptest and becomes a named test below the
//! property that found it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod environments;
mod limits;
mod patterns;
mod stamps;
mod streams;

use dt_testkit::Suite;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Runs a property over `cases` random values on both suites.
#[track_caller]
fn property<S: Strategy>(
    name: &str,
    cases: u32,
    strategy: &S,
    holds: impl Fn(&Suite, &Suite, S::Value) -> Result<(), TestCaseError>,
) {
    let Some(original) = Suite::original_for(name) else {
        return;
    };
    let ours = Suite::under_test();
    let factor = std::env::var("DAEMONTOOLS_RANDOM_CASES")
        .map_or(1, |factor| factor.parse::<u32>().unwrap());
    let config = Config {
        cases: cases * factor,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let result = runner.run(strategy, |value| holds(&ours, &original, value));
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}
