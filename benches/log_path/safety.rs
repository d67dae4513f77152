//! What it costs that a kill of multilog loses nothing.
//!
//! Where the log directory's `lock` holds something else, multilog reads its input
//! instead of looking into the pipe, as it does where there is no pipe. That is the
//! measure.

use std::path::Path;

use crate::idle::{self, State};
use crate::table::{self, Row};
use crate::{Options, cases, progress};

/// Whose cost is shown.
const SHOWN: [&str; 3] = [
    "multilog dir",
    "multilog t s10485760 n5 dir",
    "multilog t dir, 1-byte lines",
];

/// Prints the tables.
pub fn report(options: &Options, ours: &Path, scratch: &Path) {
    let shown = cases::CASES
        .iter()
        .filter(|case| SHOWN.contains(&case.name));
    let mut rows = Vec::new();
    for case in shown {
        let mut row = Row::new(case.name);
        for round in 1..=options.rounds {
            progress(&format!(
                "{}: round {round} of {}",
                case.name, options.rounds
            ));
            let samples = case
                .input
                .make(scratch, options.megabytes)
                .map(|input| [true, false].map(|taken| case.run(ours, &input, scratch, taken)));
            if let Ok([Ok(without), Ok(with)]) = samples {
                row.original.push(without);
                row.ours.push(with);
            }
        }
        rows.push(row);
    }
    progress("");
    println!("\nOurs without and with what outlives a kill: CPU seconds, min / median / max.\n");
    print!("{}", table::with_and_without(&rows));
    println!("\nThe same: private dirty memory in kB, without and with the page tables.\n");
    println!("| multilog | without | with |\n|---|---|---|");
    for (flooded, what) in [(false, "idle"), (true, "in a flood")] {
        let [without, with] = [true, false]
            .map(|taken| idle::show("multilog", ours, scratch, State { flooded, taken }));
        println!("| {what} | {without} | {with} |");
    }
}
