//! What to do next with a log directory, from what is in it.
//!
//! A rotation, and equally the recovery at start, is a list of steps that may
//! be cut short between any two. So no list is kept anywhere: [`next`] names one
//! step from what is found on disk and what is known of the past, the step is
//! carried out, and then it is asked again, until it says [`Step::Open`]. Who was
//! killed in the middle goes on where the directory says that he was.
//!
//! Nothing here makes a call or reads a clock.
//!
//! | past     | means                                                              |
//! |----------|--------------------------------------------------------------------|
//! | `Clean`  | `current` was closed in order; nothing else is looked at           |
//! | `Outage` | nobody can tell what reached the disk: what was being written is put aside as `.u` |
//! | `Going`  | we are at work ourselves, or a killed predecessor's record is at hand: all goes on |

/// The files with fixed names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// What is being written.
    Current,
    /// A full `current` on its way.
    Previous,
    /// What the processor makes of `previous`.
    Processed,
    /// What the processor remembers.
    State,
    /// What it will remember once `processed` counts.
    NewState,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Current,
        Self::Previous,
        Self::Processed,
        Self::State,
        Self::NewState,
    ];

    /// The name on disk.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Processed => "processed",
            Self::State => "state",
            Self::NewState => "newstate",
        }
    }
}

/// What a finished file's name ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `.s`, or what `w` says: complete and safely on disk.
    Safe,
    /// `.u`: put aside as it was found; it may lack its end.
    Unfinished,
}

/// What is known of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The owner may execute it: nothing will be added, and all is on disk.
    pub complete: bool,
    /// There is nothing in it.
    pub empty: bool,
    /// It has an archive's name already, besides this one.
    pub archived: bool,
}

/// What is found in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By [`Name`].
    pub current: Option<Seen>,
    /// By [`Name`].
    pub previous: Option<Seen>,
    /// By [`Name`].
    pub processed: Option<Seen>,
    /// By [`Name`].
    pub state: Option<Seen>,
    /// By [`Name`].
    pub newstate: Option<Seen>,
}

impl Found {
    /// What is found after `step` has been carried out.
    #[must_use]
    pub const fn after(mut self, step: Step) -> Self {
        const NEW: Option<Seen> = Some(Seen {
            complete: false,
            empty: true,
            archived: false,
        });
        match step {
            Step::SyncNames | Step::Open => {}
            Step::Remove(name) | Step::Discard(name) | Step::Retire(name) => {
                *self.place(name) = None;
            }
            Step::Archive(name, _) => {
                if let Some(seen) = self.place(name) {
                    seen.archived = true;
                }
            }
            Step::CompletePrevious => {
                if let Some(previous) = &mut self.previous {
                    previous.complete = true;
                }
            }
            Step::Process => {
                self.newstate = NEW;
                self.processed = NEW;
                if let Some(processed) = &mut self.processed {
                    processed.complete = true;
                }
            }
            Step::AdoptState => {
                self.state = self.newstate;
                self.newstate = None;
            }
            Step::MakeState => self.state = NEW,
            Step::MakeCurrent => self.current = NEW,
        }
        self
    }

    const fn place(&mut self, name: Name) -> &mut Option<Seen> {
        match name {
            Name::Current => &mut self.current,
            Name::Previous => &mut self.previous,
            Name::Processed => &mut self.processed,
            Name::State => &mut self.state,
            Name::NewState => &mut self.newstate,
        }
    }
}

/// What came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// The last multilog closed everything in order.
    Clean,
    /// It did not, and left no word that holds.
    Outage,
    /// All that was written is known.
    Going {
        /// A sync of `previous` failed, so nobody may call it safe.
        doubtful: bool,
    },
}

/// What is known besides what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What came before.
    pub past: Past,
    /// Whether finished files go through a processor.
    pub processor: bool,
    /// Whether names were made or changed that may not be on disk yet.
    pub unsynced: bool,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until the names are on disk.
    SyncNames,
    /// Take a name away whose content is not wanted, or is elsewhere.
    Remove(Name),
    /// Take a name away, if that can be done at all.
    Discard(Name),
    /// Give a file an archive's name, besides the one that it has.
    Archive(Name, Code),
    /// Take the working name of an archived file away, then the oldest archives.
    Retire(Name),
    /// `previous` is whole and on disk: say so in its mode.
    CompletePrevious,
    /// Run the processor from `previous` to a complete `processed`.
    Process,
    /// `newstate` becomes `state`.
    AdoptState,
    /// Make an empty `state`.
    MakeState,
    /// Make an empty `current`, and open it.
    MakeCurrent,
    /// All is in order: go on writing `current`, made if it is not there.
    Open,
}

/// The next step; nothing but [`Step::Open`] is the last.
#[must_use]
pub fn next(known: Known, found: Found) -> Step {
    match known.past {
        Past::Clean => match found.state {
            None if known.processor => Step::MakeState,
            _ => Step::Open,
        },
        Past::Outage => after_outage(known, found),
        Past::Going { doubtful } => going(known, found, doubtful),
    }
}

/// What the original does after any end but a clean one, except that what is
/// known to be safe is called so and that empty files are not kept.
fn after_outage(known: Known, found: Found) -> Step {
    if found.state.is_some_and(|state| !state.empty) {
        return Step::Discard(Name::State);
    }
    if found.newstate.is_some() {
        return Step::Discard(Name::NewState);
    }
    match (found.processed, found.previous) {
        (Some(processed), previous) if processed.complete => match previous {
            Some(_) => durably(known, Step::Remove(Name::Previous)),
            None => archive(known, Name::Processed, processed, Code::Safe),
        },
        (Some(_), _) => Step::Discard(Name::Processed),
        (None, Some(previous)) => {
            // Complete means synced before it was renamed.
            let safe = previous.complete && !known.processor;
            archive(known, Name::Previous, previous, code(safe))
        }
        (None, None) => match found.current {
            Some(current) if current.empty => Step::Remove(Name::Current),
            Some(current) => archive(known, Name::Current, current, Code::Unfinished),
            None if found.state.is_none() => Step::MakeState,
            None => Step::Open,
        },
    }
}

fn going(known: Known, found: Found, doubtful: bool) -> Step {
    // A complete `processed` is the point of no return: from then on its input is
    // not needed again, and the processor's new state belongs to it.
    if let Some(processed) = found.processed
        && processed.complete
        && known.processor
    {
        return match (found.newstate, found.previous) {
            (Some(_), _) => durably(known, Step::AdoptState),
            (None, Some(_)) => durably(known, Step::Remove(Name::Previous)),
            (None, None) => archive(known, Name::Processed, processed, Code::Safe),
        };
    }
    if found.current.is_none() {
        return Step::MakeCurrent;
    }
    let Some(previous) = found.previous else {
        return Step::Open;
    };
    if doubtful {
        return archive(known, Name::Previous, previous, Code::Unfinished);
    }
    if !previous.complete {
        return Step::CompletePrevious;
    }
    if !known.processor || previous.archived {
        return archive(known, Name::Previous, previous, Code::Safe);
    }
    match found.state {
        None => Step::MakeState,
        Some(_) => Step::Process,
    }
}

/// First the archive's name, on disk; only then the working name goes.
fn archive(known: Known, name: Name, seen: Seen, code: Code) -> Step {
    if seen.archived {
        durably(known, Step::Retire(name))
    } else {
        Step::Archive(name, code)
    }
}

/// `step`, once all names made before it are on disk.
fn durably(known: Known, step: Step) -> Step {
    if known.unsynced {
        Step::SyncNames
    } else {
        step
    }
}

const fn code(safe: bool) -> Code {
    if safe { Code::Safe } else { Code::Unfinished }
}

/// How much of `data` goes into a file that holds `size` bytes of at most
/// `limit`, and whether the file is full then.
///
/// A file is full at the last newline within its limit, if that lies in the last
/// [`WINDOW`] bytes before it. Where there is none, it takes what there is room
/// for, and is full only once more is to come.
#[must_use]
pub fn portion(limit: u64, size: u64, data: &[u8]) -> (usize, bool) {
    let room = usize::try_from(limit.saturating_sub(size)).unwrap_or(usize::MAX);
    if room == 0 {
        return (0, !data.is_empty());
    }
    let window = data.get(..room).unwrap_or(data);
    let least = limit.saturating_sub(WINDOW).saturating_sub(size);
    let first = usize::try_from(least.saturating_sub(1)).unwrap_or(usize::MAX);
    let newline = window
        .get(first..)
        .and_then(|end| memchr::memrchr(b'\n', end));
    match newline {
        Some(at) => (first + at + 1, true),
        None => (window.len(), false),
    }
}

/// How far before its limit a file may be full.
pub const WINDOW: u64 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Seen = Seen {
        complete: false,
        empty: false,
        archived: false,
    };
    const DONE: Seen = Seen {
        complete: true,
        ..FULL
    };
    const GOING: Known = Known {
        past: Past::Going { doubtful: false },
        processor: false,
        unsynced: false,
    };

    #[test]
    fn a_file_is_full_at_the_last_newline_before_its_limit() {
        assert_eq!(portion(4096, 3000, b"hi\n"), (3, true));
        assert_eq!(portion(4096, 0, b"hi\n"), (3, false));
        assert_eq!(portion(4096, 2093, b"a\nb\nc"), (4, true));
        assert_eq!(portion(4096, 2092, b"a\nb\nc"), (4, true));
        assert_eq!(portion(4096, 2091, b"a\nb\nc"), (5, false));
    }

    #[test]
    fn a_line_is_split_only_where_no_newline_is_near() {
        assert_eq!(portion(4096, 4095, b"hi\n"), (1, false));
        assert_eq!(portion(4096, 4096, b"i\n"), (0, true));
        assert_eq!(portion(4096, 5000, b"x"), (0, true));
        assert_eq!(portion(4096, 5000, b""), (0, false));
    }

    #[test]
    fn an_archive_has_its_name_on_disk_before_the_working_name_goes() {
        let found = Found {
            current: Some(FULL),
            previous: Some(DONE),
            ..Found::default()
        };
        assert_eq!(
            next(GOING, found),
            Step::Archive(Name::Previous, Code::Safe)
        );
        let named = Found {
            previous: Some(Seen {
                archived: true,
                ..DONE
            }),
            ..found
        };
        let unsynced = Known {
            unsynced: true,
            ..GOING
        };
        assert_eq!(next(unsynced, named), Step::SyncNames);
        assert_eq!(next(GOING, named), Step::Retire(Name::Previous));
    }

    #[test]
    fn what_was_not_surely_synced_is_never_called_safe() {
        let found = Found {
            current: Some(FULL),
            previous: Some(FULL),
            ..Found::default()
        };
        let known = Known {
            past: Past::Going { doubtful: true },
            ..GOING
        };
        for processor in [false, true] {
            let known = Known { processor, ..known };
            let want = Step::Archive(Name::Previous, Code::Unfinished);
            assert_eq!(next(known, found), want);
        }
    }

    #[test]
    fn after_an_outage_a_complete_previous_is_safe_unless_it_needs_processing() {
        let found = Found {
            previous: Some(DONE),
            ..Found::default()
        };
        for (processor, code) in [(false, Code::Safe), (true, Code::Unfinished)] {
            let known = Known {
                past: Past::Outage,
                processor,
                unsynced: false,
            };
            assert_eq!(next(known, found), Step::Archive(Name::Previous, code));
        }
    }

    #[test]
    fn after_an_outage_an_empty_current_leaves_no_archive() {
        let found = Found {
            current: Some(Seen {
                empty: true,
                ..FULL
            }),
            ..Found::default()
        };
        let known = Known {
            past: Past::Outage,
            ..GOING
        };
        assert_eq!(next(known, found), Step::Remove(Name::Current));
    }
}
