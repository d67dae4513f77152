//! Where ours is meant to differ from the original.
//!
//! Each row's case has a second golden, `NAME.ours.txt`, beside the original's. A
//! row whose two goldens are the same, or whose files are missing, is out of
//! date, and a test says so.

/// One deliberate difference.
pub struct Difference {
    /// The case that shows it, on both sides.
    pub case: &'static str,
    /// What the original does, what ours does, and why.
    pub reason: &'static str,
}

/// All of them, by case, in alphabetical order.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "tai64n_input_that_is_not_there_yet",
        reason: "The original takes input that is in non-blocking mode for broken where \
                 there is none yet, and exits 111; ours waits for it.",
    },
    Difference {
        case: "tai64nlocal_a_last_label_cut_short",
        reason: "The original drops a last line that ends within its label; ours copies it.",
    },
    Difference {
        case: "tai64nlocal_a_last_label_without_newline",
        reason: "The original drops a last line that is a label and has no newline; ours \
                 converts it.",
    },
    Difference {
        case: "tai64nlocal_implausible_labels",
        reason: "The original dies of what begins with @ and is no label of a moment that \
                 the C library knows; ours copies such lines unchanged, so that no line \
                 can wedge a log whose processor it is.",
    },
    Difference {
        case: "tai64nlocal_input_that_is_not_there_yet",
        reason: "As for tai64n: ours waits.",
    },
    Difference {
        case: "tai64nlocal_more_digits_than_a_label_has",
        reason: "The original converts labels with extra leading zeros; ours converts \
                 labels of exactly 24 digits only, and copies all else unchanged.",
    },
];

/// The row for a case.
pub fn of(case: &str) -> Option<&'static Difference> {
    DIFFERENCES.iter().find(|row| row.case == case)
}

#[test]
fn every_listed_difference_still_exists() {
    for row in DIFFERENCES {
        let [original, ours] = [false, true].map(|ours| {
            let file = crate::harness::golden_file(row.case, ours);
            std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        });
        assert_ne!(
            original, ours,
            "{}: no longer differs: {}",
            row.case, row.reason
        );
        assert!(!row.reason.is_empty(), "{}: no reason", row.case);
    }
}

#[test]
fn the_list_is_in_order_and_names_each_case_once() {
    assert!(DIFFERENCES.is_sorted_by(|a, b| a.case < b.case));
}
