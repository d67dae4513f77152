//! Control bytes in random order, to ours and to the original.

use dt_testkit::Suite;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::harness::Case;
use crate::service::{Manners, Service, write_run};

/// Whether the service starts with a `down` file, how it takes TERM, and the
/// bytes, each of which is written when all is at rest.
type Plan = (bool, bool, Vec<u8>);

/// All that can be seen after each byte.
fn seen(suite: &Suite, plan: &Plan) -> Vec<String> {
    let (down, lives_on, bytes) = plan;
    let case = Case::new(suite.clone());
    let manners = if *lives_on {
        Manners::LivesOn
    } else {
        Manners::Dies
    };
    write_run(&case, manners);
    if *down {
        case.scratch.file("d/down", "");
    }
    let mut service = Service::supervise(&case, suite);
    let mut seen = vec![service.look()];
    for byte in bytes {
        if !service.is_supervised() {
            break;
        }
        service.send(&[*byte]);
        seen.push(format!("{}: {}", byte.escape_ascii(), service.look()));
    }
    seen
}

/// Both suites on each plan, all at the same time, as most of it is waiting.
fn agree(original: &Suite, plans: &[Plan]) -> Result<(), TestCaseError> {
    let ours = Suite::under_test();
    let pairs: Vec<_> = std::thread::scope(|scope| {
        let threads = plans.iter().map(|plan| {
            let of_ours = scope.spawn(|| seen(&ours, plan));
            let of_original = scope.spawn(|| seen(original, plan));
            (of_ours, of_original)
        });
        let threads: Vec<_> = threads.collect();
        let ended = threads.into_iter();
        ended
            .map(|(one, other)| (one.join().unwrap(), other.join().unwrap()))
            .collect()
    });
    for (plan, (ours, original)) in plans.iter().zip(pairs) {
        if ours != original {
            let why = format!("{plan:?}\n  ours {ours:#?}\n  original {original:#?}");
            return Err(TestCaseError::fail(why));
        }
    }
    Ok(())
}

#[test]
fn random_control_bytes() {
    let name = "random_control_bytes";
    let Some(original) = Suite::original_for(name) else {
        return;
    };
    let byte = select(b"udopchaitkudopcx\0z".to_vec());
    let plan = (proptest::bool::ANY, proptest::bool::ANY, vec(byte, 1..7));
    let config = Config {
        cases: 2,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&vec(plan, 16), |plans| agree(&original, &plans));
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}
