//! What is held for the processes of a service, and goes from one to the next.

use std::io;
use std::os::fd::OwnedFd;

use dt_os::descriptor;

use crate::keep::Keep;
use crate::machine::Half;
use crate::survivors;

/// The pipe from a service to its log. Both ends stay open here as long as the
/// service has its entry: so neither side sees the other's end, and what is in
/// the pipe outlives both.
#[derive(Debug)]
pub struct Pipe {
    /// Where `writing` does not read as well.
    pub(crate) reading: Option<OwnedFd>,
    pub(crate) writing: OwnedFd,
}

/// What we hold for the processes of a service.
#[derive(Debug, Default)]
pub struct Held {
    /// Where there is a log.
    pub(crate) pipe: Option<Pipe>,
    main: Keep,
    log: Keep,
}

impl Held {
    /// With this pipe, and nothing else yet.
    pub(crate) fn of(pipe: Option<Pipe>) -> Self {
        Self {
            pipe,
            ..Self::default()
        }
    }

    /// The same, but for the pipe.
    pub(crate) fn with_another(&self, pipe: Pipe) -> Self {
        Self {
            pipe: Some(pipe),
            main: self.main.clone(),
            log: self.log.clone(),
        }
    }

    /// What is kept for a half.
    pub(crate) const fn keep(&self, half: Half) -> &Keep {
        match half {
            Half::Main => &self.main,
            Half::Log => &self.log,
        }
    }
}

impl Pipe {
    /// Of both ends. One descriptor is enough where it is both, and half as many
    /// services would fit with two.
    pub(crate) fn of((reading, writing): survivors::Ends) -> Self {
        let both = descriptor::is_both_ends(&writing).unwrap_or(false);
        Self {
            reading: (!both).then_some(reading),
            writing,
        }
    }

    /// What the log reads from. It must not write as well, or it would wait for an
    /// end that it holds off itself.
    pub(crate) fn reading(&self) -> io::Result<OwnedFd> {
        match &self.reading {
            Some(reading) => descriptor::duplicate(reading),
            None => descriptor::reading_end(&self.writing),
        }
    }
}
