//! Where ours is meant to differ from the original, and from daemontools-encore.
//!
//! Each row's case has a second golden, `NAME.ours.txt`, beside theirs. A
//! row whose two goldens are the same, or whose files are missing, is out of
//! date, and a test says so.

use crate::harness::Column;

/// One deliberate difference.
pub struct Difference {
    /// The case that shows it, on both sides.
    pub case: &'static str,
    /// What the other does, what ours does, and why.
    pub reason: &'static str,
}

/// Where it is meant to differ from the original; by case, in alphabetical order.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "commands_to_a_crash_loop",
        reason: "The original hears commands only between the pauses after its starts, one \
                 byte each time; ours hears them at once.",
    },
    Difference {
        case: "control_is_a_plain_file",
        reason: "The original runs what a plain file named control contains, and then is \
                 busy without end; ours refuses such a file.",
    },
    Difference {
        case: "edits_of_a_variable_that_is_there_twice",
        reason: "The original replaces or removes only the first of several variables of \
                 one name, so that the old value may win; ours does so with all.",
    },
    Difference {
        case: "envdir_dangling_link",
        reason: "The original gives a link to nothing the value of the file before it; \
                 ours takes it for an empty file.",
    },
    Difference {
        case: "envdir_errors",
        reason: "As daemontools-encore, ours has an option -p, which the usage line names, \
                 and options end at --; to the original both are directories.",
    },
    Difference {
        case: "envdir_usage",
        reason: "As above: the usage line.",
    },
    Difference {
        case: "fghack_forwards_no_signal",
        reason: "TERM ends the original alone, and what it has held runs on out of reach; \
                 ours passes TERM on to all of that, and waits for it.",
    },
    Difference {
        case: "fghack_with_child_ignored",
        reason: "Started with CHLD ignored the original loses its child's exit code; ours \
                 does not.",
    },
    Difference {
        case: "leftover_files_are_used_as_they_are",
        reason: "As for supervise_files: ours keeps a record and the deaths besides.",
    },
    Difference {
        case: "multilog_a_closed_standard_error",
        reason: "The original dies of the next alert once nobody reads its standard \
                 error, and loses lines; ours drops the alert and goes on.",
    },
    Difference {
        case: "multilog_a_directory_named_like_an_old_file",
        reason: "The original tries for ever to remove a directory that is named like an \
                 old file; ours leaves it alone.",
    },
    Difference {
        case: "multilog_a_name_that_is_no_label",
        reason: "The original takes any name of 25 bytes or more that begins with @ for \
                 an old file and removes it; ours counts and removes only what has a \
                 label.",
    },
    Difference {
        case: "multilog_a_name_that_is_no_label_and_sorts_last",
        reason: "As above; where such a name sorts last, the original removes the file \
                 just made instead.",
    },
    Difference {
        case: "multilog_a_start_after_a_kill",
        reason: "The original makes an unfinished .u file of a log whose multilog was \
                 killed; ours goes on with it, as nothing of it is lost. After an outage \
                 of the machine both make a .u file.",
    },
    Difference {
        case: "multilog_alarm_while_the_processor_runs",
        reason: "The original acts on a signal that came outside of its reading only when \
                 more input comes; ours acts at once.",
    },
    Difference {
        case: "multilog_counts",
        reason: "Ours warns of numbers that are not all digits; it takes them as the original \
                 does.",
    },
    Difference {
        case: "multilog_directories_before_one_that_is_locked",
        reason: "The original leaves the directories before one that is locked marked \
                 unfinished, so that the next start makes .u files of them; ours does not \
                 touch them.",
    },
    Difference {
        case: "multilog_few_descriptors",
        reason: "Ours says so where it has too few descriptors to lose nothing when it is killed.",
    },
    Difference {
        case: "multilog_files_in_the_directory_that_cannot_be_opened",
        reason: "As for multilog_recovery_current_that_is_a_link.",
    },
    Difference {
        case: "multilog_input_that_cannot_be_read",
        reason: "The original takes input that cannot be read for its end, silently; ours \
                 says so first.",
    },
    Difference {
        case: "multilog_input_that_is_not_there_yet",
        reason: "The original takes input that is in non-blocking mode for ended where \
                 there is none yet; ours waits for it.",
    },
    Difference {
        case: "multilog_old_files_from_the_future",
        reason: "The original, after the clock was set back, removes the file just made, \
                 as older ones have greater names; ours never removes that.",
    },
    Difference {
        case: "multilog_processor_fails_in_any_way",
        reason: "As for multilog_processor_holds_up_reading.",
    },
    Difference {
        case: "multilog_processor_holds_up_reading",
        reason: "The original reads nothing while a processor runs, and who writes to it \
                 waits; ours goes on with the next file until that is full too.",
    },
    Difference {
        case: "multilog_processor_is_killed_and_run_again",
        reason: "The original waits twice for five seconds after a signal has killed a \
                 processor, and gives a reason that has nothing to do with it; ours waits \
                 once and names the signal.",
    },
    Difference {
        case: "multilog_processor_may_remove_its_new_state",
        reason: "The original makes the state that a processor has removed anew with mode \
                 600; ours with 644, as it has otherwise.",
    },
    Difference {
        case: "multilog_processor_without_state_after_a_clean_restart",
        reason: "The original can never start a processor where state is missing in a \
                 directory that was left clean, as after a restore; ours makes it.",
    },
    Difference {
        case: "multilog_recovery_current_that_is_a_link",
        reason: "Whoever owns the log directory could have root's multilog write to any file, or make one: \
                 in it no link is followed.",
    },
    Difference {
        case: "multilog_recovery_current_with_a_link_elsewhere",
        reason: "The original takes any file with a second link for archived and drops \
                 it; ours archives it unless the other link is an old file of this log.",
    },
    Difference {
        case: "multilog_recovery_directory_in_the_place_of_current",
        reason: "The original tries for ever to remove a directory in the place of one of \
                 its files; ours moves it out of the way.",
    },
    Difference {
        case: "multilog_recovery_directory_in_the_place_of_previous",
        reason: "As for current.",
    },
    Difference {
        case: "multilog_recovery_empty_unfinished_current",
        reason: "The original makes an empty .u file of an empty log, which may push out \
                 a good one; ours drops it.",
    },
    Difference {
        case: "multilog_recovery_finished_previous",
        reason: "The original calls a complete file that is safe on disk unfinished where \
                 only its last name was missing; ours finishes it.",
    },
    Difference {
        case: "multilog_recovery_previous_with_a_link_elsewhere",
        reason: "As for current.",
    },
    Difference {
        case: "multilog_sizes",
        reason: "As for multilog_counts.",
    },
    Difference {
        case: "multilog_sizes_above_sixteen_megabytes",
        reason: "The original lowers greater sizes to 16777215; ours takes them.",
    },
    Difference {
        case: "multilog_stamps_only_where_t_comes_first",
        reason: "As for multilog_words_it_does_not_know_are_ignored.",
    },
    Difference {
        case: "multilog_term_during_the_start",
        reason: "The original heeds a signal that came during its start only when more \
                 input comes; ours at once.",
    },
    Difference {
        case: "multilog_term_on_a_full_disk",
        reason: "The original ignores TERM while it waits for room; ours ends, and leaves \
                 the log marked unfinished and what it could not write where it was.",
    },
    Difference {
        case: "multilog_term_while_the_processor_runs",
        reason: "The original reads on after a signal that came while the processor ran; \
                 ours ends.",
    },
    Difference {
        case: "multilog_the_signal_of_a_broken_pipe",
        reason: "Ours ignores it, so that nobody's closing of a pipe costs a line.",
    },
    Difference {
        case: "multilog_words_it_does_not_know_are_ignored",
        reason: "Ours warns of words that mean nothing, such as a log directory without its dot; \
                 it ignores them as the original does.",
    },
    Difference {
        case: "multilog_words_that_daemontools_encore_knows",
        reason: "Words that begin with F, S or w, or a first one with T, mean nothing to the \
                 original; to ours, what they mean to daemontools-encore.",
    },
    Difference {
        case: "path_with_a_file",
        reason: "The original looks no further than a part of PATH that is a file; ours \
                 goes on.",
    },
    Difference {
        case: "path_with_an_unsearchable_directory",
        reason: "The original says access denied of what is nowhere, where a part of PATH \
                 may not be searched; ours says that the file does not exist.",
    },
    Difference {
        case: "service_directory_is_removed",
        reason: "The original tries for ever to start a service whose directory was removed, and \
                 cannot be told to end; ours ends once the service has.",
    },
    Difference {
        case: "setlock_without_standard_error",
        reason: "Started without standard error the original writes its messages into the \
                 lock; ours keeps the lock clear of it.",
    },
    Difference {
        case: "setuidgid_errors",
        reason: "As daemontools-encore, ours has an option -s, which the usage line names, \
                 and options end at --; to the original both are accounts.",
    },
    Difference {
        case: "softlimit_numbers",
        reason: "To the original - is no number; to ours, as to daemontools-encore, it \
                 takes the hard limit away as well.",
    },
    Difference {
        case: "standard_descriptors_are_closed",
        reason: "Started without standard descriptors the original writes its messages \
                 into supervise/lock; ours keeps its files clear of them.",
    },
    Difference {
        case: "status_new_is_a_link",
        reason: "The original writes through a link named status.new and spoils what it \
                 points to; ours does not follow it.",
    },
    Difference {
        case: "supervise_directory_by_a_link_is_made_where_the_link_points",
        reason: "As for supervise_files: ours keeps a record and the deaths besides.",
    },
    Difference {
        case: "supervise_directory_by_a_long_link",
        reason: "The original gives up where supervise is a link to a name of 256 bytes or \
                 more; ours follows it.",
    },
    Difference {
        case: "supervise_directory_is_removed",
        reason: "The original cannot write its status any more once supervise/ was removed, and is \
                 out of reach; ours makes it anew.",
    },
    Difference {
        case: "supervise_directory_is_removed_and_another_supervise_started",
        reason: "The original starts a second copy where supervise/ was removed under the first; \
                 ours locks the service directory as well, and begins none.",
    },
    Difference {
        case: "supervise_files",
        reason: "Ours keeps a file supervise/record besides, so that the next supervise can take the \
                 service of a killed one over.",
    },
    Difference {
        case: "supervise_is_killed_and_started_again",
        reason: "The original starts a second copy of a service whose supervise was killed; ours \
                 takes the first over.",
    },
    Difference {
        case: "svc_illegal_letters_are_bytes",
        reason: "The letters D, Q and U of ours remember what svc has been told; the original has \
                 none of them.",
    },
    Difference {
        case: "svc_sends_its_letters_once_each_in_order",
        reason: "The original does not know the letter 1, which daemontools-encore, and so ours, \
                 sends USR1 for.",
    },
    Difference {
        case: "svc_writes_over_a_plain_file",
        reason: "The original writes its letters over a plain file named control; ours \
                 says that it is none of supervise's.",
    },
    Difference {
        case: "svscan_after_a_killed_one",
        reason: "A new svscan of the original starts a second supervise beside each living \
                 one, which cannot get the lock; ours takes over the living ones.",
    },
    Difference {
        case: "svscan_path_with_a_file",
        reason: "As for path_with_a_file: ours goes on to find supervise.",
    },
    Difference {
        case: "svscan_with_child_ignored",
        reason: "Started with CHLD ignored the original never starts a supervise again; \
                 ours does.",
    },
    Difference {
        case: "svstat_numbers",
        reason: "Of files of 19, 20 and 40 bytes ours tells what daemontools-encore and runit have \
                 added to them, in encore's words; the original reads 18 bytes of them. A process \
                 id that Linux gives to nobody is a bad format to ours.",
    },
    Difference {
        case: "svstat_status_is_a_directory",
        reason: "Where status cannot be read the original shows what it has read before; \
                 ours says so.",
    },
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

/// Where ours is meant to differ from daemontools-encore, in what that adds to the
/// original; by case, in alphabetical order.
pub const FROM_ENCORE: &[Difference] = &[
    Difference {
        case: "multilog_kind_of_a_pattern_left_of_the_letter",
        reason: "encore carries the kind of pattern that the last F or S said over to the \
                 next line; with ours it belongs to the place in the script.",
    },
    Difference {
        case: "multilog_seconds_before_lines",
        reason: "Ours warns of a T that is not the first word, and so no action.",
    },
    Difference {
        case: "multilog_status_after_a_long_line",
        reason: "encore fills a status file up with what is left of a longer line before; \
                 ours with newlines.",
    },
    Difference {
        case: "setuser_sets_variables",
        reason: "encore documents that setuser sets variables, and does not; ours does.",
    },
    Difference {
        case: "supervise_log",
        reason: "When encore exits, the status of the log that it has brought to its end says \
                 that it is being stopped; ours that it is stopped.",
    },
    Difference {
        case: "supervise_without_run",
        reason: "Told to exit while nothing runs but start has, encore does not run stop; ours \
                 does, so that what start has set up is never left behind.",
    },
    Difference {
        case: "supervisedir",
        reason: "Where SUPERVISEDIR names another directory, the messages of ours still \
                 speak of supervise/ok.",
    },
    Difference {
        case: "svc_letters",
        reason: "What + and L change holds with encore until supervise has read all that is \
                 there, which may be more than one svc sent; ours puts it back at the end of \
                 what it sends, and sends no letter that changes nothing.",
    },
    Difference {
        case: "svscan_output_service",
        reason: "encore leaves the service that takes the others' output running, and tells it \
                 of its own start; ours ends it last, and says nothing.",
    },
    Difference {
        case: "svstat_lengths",
        reason: "Where the log's part of a status is cut short before its state, encore says \
                 nothing of that and ours that it is unknown.",
    },
    Difference {
        case: "svstat_usage",
        reason: "encore refuses letters that it does not know; to ours, as to the original, \
                 such words are directories.",
    },
    Difference {
        case: "svup_of_what_is_not_there",
        reason: "encore leaves the directory out of its messages and takes a status that is \
                 not there for a service that is down; ours names both, and exits 111.",
    },
];

/// The row for a case.
pub fn of(column: Column, case: &str) -> Option<&'static Difference> {
    rows(column).iter().find(|row| row.case == case)
}

const fn rows(column: Column) -> &'static [Difference] {
    match column {
        Column::Original => DIFFERENCES,
        Column::Encore => FROM_ENCORE,
    }
}

const COLUMNS: [Column; 2] = [Column::Original, Column::Encore];

#[test]
fn every_listed_difference_still_exists() {
    for column in COLUMNS {
        for row in rows(column) {
            let [theirs, ours] = [false, true].map(|ours| {
                let file = crate::harness::golden_file(column, row.case, ours);
                std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
            });
            assert_ne!(
                theirs, ours,
                "{}: no longer differs: {}",
                row.case, row.reason
            );
            assert!(!row.reason.is_empty(), "{}: no reason", row.case);
        }
    }
}

#[test]
fn the_lists_are_in_order_and_name_each_case_once() {
    for column in COLUMNS {
        assert!(rows(column).is_sorted_by(|a, b| a.case < b.case));
    }
}
