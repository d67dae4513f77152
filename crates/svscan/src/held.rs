//! What is held for the processes of a service, and goes from one to the next.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use dt_os::descriptor;

use crate::keep::Keep;
use crate::machine::Half;
use crate::survivors;

/// The pipe from a service to its log. Both ends stay open here as long as the
/// service has its entry, or until it is to be over: so neither side sees the other's
/// end, and what is in the pipe outlives both.
#[derive(Debug)]
pub struct Pipe {
    /// Where `writing` does not read as well.
    reading: Option<OwnedFd>,
    /// As long as more may come.
    writing: Option<OwnedFd>,
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

    /// The same once the service is not to write any more.
    pub(crate) fn ended(self) -> Self {
        Self {
            pipe: self.pipe.map(Pipe::end),
            ..self
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
            writing: Some(writing),
        }
    }

    /// Of one that is both.
    pub(crate) const fn of_both(both: OwnedFd) -> Self {
        Self {
            reading: None,
            writing: Some(both),
        }
    }

    /// The numbers of its ends, twice the same where one is both; `None` where it has
    /// been ended.
    pub(crate) fn numbers(&self) -> Option<(RawFd, RawFd)> {
        let writing = self.writing.as_ref()?;
        let reading = self.reading.as_ref().unwrap_or(writing);
        Some((reading.as_raw_fd(), writing.as_raw_fd()))
    }

    /// All that we have of it, each once.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &OwnedFd> {
        self.reading.iter().chain(&self.writing)
    }

    /// An end by which it can be told what is in it, and which pipe it is.
    pub(crate) fn any(&self) -> Option<&OwnedFd> {
        self.ends().next()
    }

    /// What the service writes to.
    pub(crate) fn writing(&self) -> Option<&OwnedFd> {
        self.writing.as_ref()
    }

    /// What the log reads from. It must not write as well, or it would wait for an
    /// end that it holds off itself.
    pub(crate) fn reading(&self) -> io::Result<OwnedFd> {
        match (&self.reading, &self.writing) {
            (Some(reading), _) => descriptor::duplicate(reading),
            (None, Some(both)) => descriptor::reading_end(both),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Lets its reader find an end. What is in it till then we keep, so that another
    /// reader can have it.
    fn end(self) -> Self {
        Self {
            reading: self.reading().ok(),
            writing: None,
        }
    }
}
