//! multilog, tai64n and tai64nlocal.

use crate::harness::check;

#[test]
fn multilog_without_a_script_reads_to_the_end() {
    check("multilog_without_a_script_reads_to_the_end", |case| {
        let outcome = case
            .suite
            .feed("multilog", &[] as &[&str], b"a\nb", &case.scratch);
        case.outcome("multilog < two lines", &outcome);
        let names = case.scratch.names(".");
        case.note(format!("{names:?}"));
    });
}
