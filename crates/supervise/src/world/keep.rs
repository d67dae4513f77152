//! What the service says while no `supervise` lives is kept for the next one.
//!
//! `svscan` has us hold a [`Store`] together with it. In there lie our end of the
//! pipe on which the service says that it is ready, and the socket on which it says
//! how it is: whoever is killed, they stay open, with all that is in them, as long as
//! `svscan` lives. Nobody has to do anything for that when it happens.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dt_os::clock::Moment;
use dt_os::store::Store;
use dt_service::details::{self, Details};
use dt_service::{Incarnation, Record};

use super::Kernel;
use super::ready::ReadyPipe;
use super::socket::Socket;
use crate::state::State;

/// What is said of the descriptors: whose they are, which file the socket is, and
/// which of the two there are.
const NOTE: usize = STAMP + 4 + 8 + 8 + 8 + 1;

/// What tells one note from the others.
const STAMP: usize = 8;

const PIPE: u8 = 1;
const SOCKET: u8 = 2;

/// What was kept for a service.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) pipe: Option<OwnedFd>,
    /// And the identity of the file that is its name.
    pub(super) socket: Option<(OwnedFd, (u64, u64))>,
}

/// Keeps for `service` what there is, and then no longer what was kept before.
///
/// Where that fails all is as it is without a store.
pub(super) fn keep(
    store: &Store,
    service: Incarnation,
    pipe: Option<BorrowedFd<'_>>,
    socket: Option<(BorrowedFd<'_>, (u64, u64))>,
) {
    let file = socket.map_or((0, 0), |(_, file)| file);
    let kinds = pipe.map_or(0, |_| PIPE) | socket.map_or(0, |_| SOCKET);
    let all: Vec<_> = pipe.into_iter().chain(socket.map(|(fd, _)| fd)).collect();
    let stamp = stamp();
    let note = [stamp.to_vec(), note(service, file, kinds)].concat();
    let put = !all.is_empty();
    if put && store.put(&note, &all).is_err() {
        return;
    }
    let mut first = [0; STAMP];
    while store.look(&mut first).is_ok() && !(put && first == stamp) && store.take_out() {}
}

/// What was kept for `service`. It stays where it is: we may be killed as well. What
/// is another's does not.
pub(super) fn find(store: &Store, service: Incarnation) -> Kept {
    let mut buffer = [0; NOTE];
    while let Ok((length, files)) = store.look(&mut buffer) {
        if length == NOTE
            && let Some((_, note)) = buffer.split_first_chunk::<STAMP>()
            && let Some((file, kinds)) = about(note, service)
        {
            let mut files = files.into_iter();
            let pipe = if kinds & PIPE == 0 {
                None
            } else {
                files.next()
            };
            let socket = if kinds & SOCKET == 0 {
                None
            } else {
                files.next().map(|socket| (socket, file))
            };
            return Kept { pipe, socket };
        }
        if !store.take_out() {
            break;
        }
    }
    Kept::default()
}

fn stamp() -> [u8; STAMP] {
    let now = Moment::now().since(Moment::default()).as_nanos();
    u64::try_from(now).unwrap_or(u64::MAX).to_le_bytes()
}

fn note(service: Incarnation, file: (u64, u64), kinds: u8) -> Vec<u8> {
    let mut note = whose(service).to_vec();
    note.extend(file.0.to_le_bytes());
    note.extend(file.1.to_le_bytes());
    note.push(kinds);
    note
}

fn whose(service: Incarnation) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (pid, start) = bytes.split_at_mut(4);
    pid.copy_from_slice(&service.pid.to_le_bytes());
    start.copy_from_slice(&service.start.unwrap_or(0).to_le_bytes());
    bytes
}

/// What a note says, where it is about `service`.
fn about(note: &[u8], service: Incarnation) -> Option<((u64, u64), u8)> {
    let rest = note.strip_prefix(&whose(service))?;
    let (device, rest) = rest.split_first_chunk()?;
    let (inode, rest) = rest.split_first_chunk()?;
    let file = (u64::from_le_bytes(*device), u64::from_le_bytes(*inode));
    Some((file, *rest.first()?))
}

impl Kernel {
    /// Keeps on what `service` is to speak, or has.
    pub(super) fn keep_voices(&self, service: Incarnation) {
        let Some(store) = &self.store else { return };
        let pipe = self.ready.as_ref().map(AsFd::as_fd);
        let socket = self.socket.as_ref();
        let socket = socket.map(|socket| (socket.fd(), socket.identity()));
        keep(store, service, pipe, socket);
    }

    /// On what a `service` speaks that an earlier one of us has started.
    pub(super) fn find_voices(&mut self, service: Incarnation, ready: bool) {
        let kept = self.store.as_ref().map(|store| find(store, service));
        let kept = kept.unwrap_or_default();
        if let Some(number) = self.settings.notification().filter(|_| !ready) {
            let found = kept.pipe.map(ReadyPipe::of);
            self.ready = found.or_else(|| ReadyPipe::find(service, number).ok());
        }
        if self.settings.has_socket() && self.socket.is_none() {
            let found = kept.socket.map(|(socket, file)| Socket::of(socket, file));
            let found = found.filter(|socket| socket.is_in_place(&self.place));
            let socket = found.or_else(|| Socket::new(&self.place).ok());
            self.socket = socket.map(Box::new);
        }
        self.keep_voices(service);
    }

    /// What the service of `record` has last said of itself.
    pub(super) fn find_words(&mut self, record: &Record) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        let details = std::fs::read(self.place.file(details::NAME));
        let details = details.ok().and_then(|bytes| Details::decode(&bytes));
        // An earlier one's are older than it is.
        let its =
            |details: &Details| details.boot == record.boot && details.since >= record.since_boot;
        if let Some(details) = details.filter(its) {
            socket.words = details.words;
        }
    }

    /// What was heard is on record by now.
    pub(super) fn settle_voices(&mut self) {
        if let Some(socket) = &mut self.socket {
            socket.settle();
        }
        if let Some(service) = self.spoken.take()
            && self.people.main.process == Some(service)
        {
            self.ready = None;
            self.keep_voices(service);
        }
    }

    /// What nobody else keeps is kept by the program that we become.
    pub(super) fn keep_for_upgrade(&mut self, state: &State) {
        let service = self.people.main.process;
        let service = service.filter(|_| state.main.process.pid().is_some());
        if let (None, Some(_), Some(service)) = (&self.store, &self.ready, service) {
            self.store = Store::new().ok();
            self.keep_voices(service);
        }
    }
}

#[cfg(test)]
mod tests {
    use dt_os::descriptor;
    use dt_os::flow::pipe_identity;

    use super::*;

    const ONE: Incarnation = Incarnation {
        pid: 7,
        start: Some(8),
    };
    const OTHER: Incarnation = Incarnation {
        pid: 7,
        start: Some(9),
    };

    #[test]
    fn what_is_kept_is_found_by_whose_it_is_again_and_again_and_by_nobody_else() {
        let store = Store::new().unwrap();
        let (reader, _writer) = descriptor::pipe().unwrap();
        let (second, _other) = descriptor::pipe().unwrap();
        keep(&store, OTHER, Some(second.as_fd()), None);
        let socket = Some((second.as_fd(), (1, 2)));
        keep(&store, ONE, Some(reader.as_fd()), socket);
        for _ in 0..2 {
            let kept = find(&store, ONE);
            assert_eq!(
                pipe_identity(kept.pipe.unwrap()),
                pipe_identity(reader.as_fd())
            );
            let (fd, file) = kept.socket.unwrap();
            assert_eq!(
                (pipe_identity(fd), file),
                (pipe_identity(second.as_fd()), (1, 2))
            );
        }
        keep(&store, ONE, None, socket);
        assert!(store.take_out(), "nothing is kept");
        assert!(!store.take_out(), "what was kept before is still there");
        keep(&store, ONE, None, socket);
        let kept = find(&store, ONE);
        assert!(kept.pipe.is_none() && kept.socket.is_some());
        let kept = find(&store, OTHER);
        assert!(kept.pipe.is_none() && kept.socket.is_none());
        assert!(!store.take_out(), "another's is kept");
    }
}
