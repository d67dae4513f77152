//! Recovery and rotation, step by step.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use dt_os::Errno;

use super::{Folder, gone, links_unknown, os};
use crate::archive;
use crate::rotate::{Code, Found, Known, Name, Past, Seen, Step, next};
use crate::session::{Session, Stop};
use crate::world::{Moment, Open, World};

impl<F> Folder<F> {
    /// Takes the directory to the point where lines can be written. The processor
    /// may run on then; [`Folder::collect`] or [`Folder::join`] does the rest.
    pub(super) fn settle<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        past: Past,
        mut found: Found,
    ) -> Result<(), Stop> {
        loop {
            let known = Known {
                past,
                processor: self.log.processor.is_some(),
                unsynced: self.unsynced,
            };
            let step = next(known, found);
            self.take(session, step, past)?;
            if step == Step::Open || self.processing {
                return Ok(());
            }
            found = if self.renamed {
                self.renamed = false;
                self.look(session)?
            } else {
                found.after(step)
            };
        }
    }

    pub(super) fn look<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
    ) -> Result<Found, Stop> {
        Ok(Found {
            current: self.see(session, Name::Current)?,
            previous: self.see(session, Name::Previous)?,
            processed: self.see(session, Name::Processed)?,
            state: self.see(session, Name::State)?,
            newstate: self.see(session, Name::NewState)?,
        })
    }

    /// What is found once `current` has become `previous`. Without a processor
    /// nothing else matters, and no call is needed to know it.
    pub(super) fn just_renamed<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
    ) -> Result<Found, Stop> {
        if self.log.processor.is_some() {
            return self.look(session);
        }
        Ok(Found {
            previous: Some(Seen {
                complete: false,
                empty: false,
                archived: false,
            }),
            ..Found::default()
        })
    }

    fn see<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        name: Name,
    ) -> Result<Option<Seen>, Stop> {
        let path = self.path(name);
        let facts = session.insist(&[b"unable to stat ", &path], |world| {
            world.facts(self.number, os(name))
        })?;
        let Some(facts) = facts else { return Ok(None) };
        let archived = facts.links > 1 && self.has_archive(session, facts.identity.1)?;
        Ok(Some(Seen {
            complete: facts.mode & 0o100 != 0,
            empty: facts.size == 0,
            archived,
        }))
    }

    /// Whether an archive is the same file. A further name alone says nothing:
    /// programs that make copies leave such.
    fn has_archive<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        inode: u64,
    ) -> Result<bool, Stop> {
        let names = self.names(session)?;
        let archives = names.iter().filter(|(_, other)| *other == inode);
        Ok(archives
            .into_iter()
            .any(|(name, _)| archive::label_of(name).is_some()))
    }

    fn names<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
    ) -> Result<Vec<(OsString, u64)>, Stop> {
        let doing = [b"unable to read ".as_slice(), self.log.name.as_bytes()];
        session.insist(&doing, |world| world.list(self.number))
    }

    pub(super) fn take<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        step: Step,
        past: Past,
    ) -> Result<(), Stop> {
        let log = self.number;
        match step {
            Step::SyncNames => self.sync_names(session),
            Step::Remove(name) => {
                let path = self.path(name);
                session.insist(&[b"unable to remove ", &path], |world| {
                    gone(world.remove(log, os(name)))
                })?;
                self.unsynced = true;
                Ok(())
            }
            Step::Discard(name) => {
                // A directory of that name, say, is in nobody's way here.
                let _ = session.world.remove(log, os(name));
                self.unsynced = true;
                Ok(())
            }
            Step::Archive(name, code) => self.archive(session, name, code),
            Step::Retire(name) => {
                self.take(session, Step::Remove(name), past)?;
                self.prune(session)
            }
            Step::CompletePrevious => {
                let path = self.path(Name::Previous);
                session.insist(&[b"unable to set mode of ", &path], |world| {
                    world.set_mode(log, os(Name::Previous), 0o744)
                })
            }
            Step::Process => self.process(session),
            Step::AdoptState => {
                let name = self.log.name.as_bytes();
                session.insist(
                    &[b"unable to rename newstate to state in directory ", name],
                    |world| world.rename(log, os(Name::NewState), os(Name::State)),
                )?;
                self.unsynced = true;
                Ok(())
            }
            Step::MakeState => self.make_state(session),
            Step::MakeCurrent => self.open_current(session, false),
            Step::Open => match self.current {
                Some(_) => Ok(()),
                None => self.open_current(session, past != Past::Outage),
            },
        }
    }

    pub(super) fn sync_names<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let name = self.log.name.as_bytes();
        session.insist(&[b"unable to write ", name, b" to disk"], |world| {
            match world.sync_names(self.number) {
                // Some file systems have nothing to sync in a directory.
                Err(why) if dt_os::is_errno(&why, Errno::EINVAL) => Ok(()),
                other => other,
            }
        })?;
        self.unsynced = false;
        Ok(())
    }

    fn make_state<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let log = self.number;
        let make = |world: &mut W| {
            let mut file = world.open(log, os(Name::State), Open::Append, 0o644)?;
            world.set_file_mode(&mut file, 0o644)
        };
        self.unsynced = true;
        if self.starting {
            return make(session.world).map_err(|why| self.fatal("write to ", Name::State, &why));
        }
        let path = self.path(Name::State);
        session.insist(&[b"unable to create ", &path], make)
    }

    /// Opens `current` for appending, made if need be, and sets its mode; at the
    /// start that is left to [`Folder::unseal`].
    fn open_current<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        existing: bool,
    ) -> Result<(), Stop> {
        let log = self.number;
        let path = self.path(Name::Current);
        let open = |world: &mut W| world.open(log, os(Name::Current), Open::Append, 0o644);
        let mut file = if self.starting {
            let doing = if existing { "append to " } else { "write to " };
            open(session.world).map_err(|why| self.fatal(doing, Name::Current, &why))?
        } else {
            session.insist(&[b"unable to create ", &path], open)?
        };
        let facts = if self.starting {
            let facts = session.world.file_facts(&file);
            facts.map_err(|why| self.fatal("set mode of ", Name::Current, &why))?
        } else {
            session.insist(&[b"unable to set mode of ", &path], |world| {
                let facts = world.file_facts(&file)?;
                if facts.mode != 0o644 {
                    world.set_file_mode(&mut file, 0o644)?;
                }
                Ok(facts)
            })?
        };
        self.current = Some(file);
        self.size = facts.size;
        self.identity = facts.identity;
        self.unsynced = true;
        Ok(())
    }

    /// Makes `current` an unfinished file, which a finished one was until now. Only
    /// what is on record may be one: whatever is not is put aside as an outage's.
    pub fn unseal<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let Some(file) = &mut self.current else {
            return Ok(());
        };
        let set = session.world.set_file_mode(file, 0o644);
        set.map_err(|why| self.fatal("set mode of ", Name::Current, &why))
    }

    fn archive<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        name: Name,
        code: Code,
    ) -> Result<(), Stop> {
        let log = self.number;
        loop {
            let (when, mut names) = self.archives(session)?;
            let now = session.world.unix_time();
            let fresh = archive::fresh(names.iter().map(OsString::as_os_str), now);
            let to = archive::name(fresh, code, &self.log.suffix);
            let done = match session.world.link(log, os(name), &to) {
                Err(why) if links_unknown(&why) => {
                    self.renamed = true;
                    session.world.rename_to_new(log, os(name), &to)
                }
                done => done,
            };
            self.unsynced = true;
            let Err(why) = done else {
                names.push(to);
                self.listed = Some((when, names));
                return if self.renamed {
                    self.sync_names(session)?;
                    self.prune(session)
                } else {
                    Ok(())
                };
            };
            self.renamed = false;
            let directory = self.log.name.as_bytes();
            let doing = [b"unable to link to ", directory, b"/", to.as_bytes()];
            session.pause(&doing, Some(&why))?;
        }
    }

    /// The finished files, and when they were listed.
    fn archives<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(Moment, Vec<OsString>), Stop> {
        let now = session.world.moment();
        match self.listed.take() {
            Some((when, names)) if now.since(when) < LISTED_FOR => Ok((when, names)),
            _ => {
                let names = self.names(session)?.into_iter().map(|(name, _)| name);
                let archives = names.filter(|name| archive::label_of(name).is_some());
                Ok((now, archives.collect()))
            }
        }
    }

    /// Removes the oldest archives. What turns out to be a directory, or cannot
    /// be removed whoever tries, is passed over: it must not stop the log.
    fn prune<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let log = self.number;
        let (when, mut names) = self.archives(session)?;
        let mut all = true;
        for name in archive::surplus(&mut names, self.log.count) {
            let doing = [b"unable to read ".as_slice(), self.log.name.as_bytes()];
            session.insist(&doing, |world| match gone(world.remove(log, &name)) {
                Err(why)
                    if dt_os::is_errno(&why, Errno::EPERM)
                        || dt_os::is_errno(&why, Errno::EISDIR) =>
                {
                    all = false;
                    Ok(())
                }
                other => other,
            })?;
        }
        if all && names.len() <= LISTED_MOST {
            self.listed = Some((when, names));
        }
        Ok(())
    }
}

/// In a flood, files are finished many times a second. What has been listed counts
/// for so long.
const LISTED_FOR: Duration = Duration::from_secs(1);

/// Longer lists are not kept: it would take memory for nothing.
const LISTED_MOST: usize = 64;
