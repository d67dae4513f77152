//! Waiting for several things at once, each for a bounded time.
//!
//! What is waited for shows in a directory, by a file that is replaced. Where the
//! kernel tells of that nothing is looked at in between.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::wait;
use dt_os::watch::Watches;

/// Where nobody tells, and for what shows elsewhere: the next look.
const LOOK: Duration = Duration::from_millis(100);

/// How many are asked at a time: a tree of a thousand need not start a thousand
/// processes at once.
pub(crate) const AT_A_TIME: usize = 32;

/// The directories in which something will show.
#[derive(Debug)]
pub(crate) struct Awaiting(Option<Watches>);

impl Awaiting {
    pub(crate) fn new() -> Self {
        Self(Watches::new().ok())
    }

    /// From now on what shows there ends a wait.
    pub(crate) fn add(&self, directory: &Path) {
        if let Some(watches) = &self.0 {
            // Without it, it is looked for.
            let _ = watches.add(directory);
        }
    }

    /// Until `all` says that all has shown, or the time is over. Gives the former.
    pub(crate) fn until(&self, patience: Duration, mut all: impl FnMut() -> bool) -> bool {
        let end = Moment::now().plus(patience);
        loop {
            if all() {
                return true;
            }
            let now = Moment::now();
            if now >= end {
                return false;
            }
            self.wait(end.min(now.plus(LOOK)));
        }
    }

    fn wait(&self, until: Moment) {
        match &self.0 {
            Some(watches) => {
                let _ = wait::until_readable([watches.as_fd()], Some(until));
                watches.fetch(drop);
            }
            None => std::thread::sleep(until.since(Moment::now())),
        }
    }
}
