//! From bytes to lines, and what the script makes of each.
//!
//! Only the first [`HORIZON`] bytes of a line, its stamp included, decide what
//! happens to it. So an unfinished line shorter than that is held back, and one
//! that is longer goes on as it began.

use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;

use dt_os::memory::Buffer;
use dt_stream::newlines::LineEnds;
use dt_stream::prefix::{Copied, Prefix};
use memchr::{memchr, memrchr};

use crate::folder::Folder;
use crate::pattern::HORIZON;
use crate::script::{Action, Script};
use crate::session::{LEAD, Session, Stop};
use crate::stamp::Stamp;
use crate::world::World;

/// Bytes on their way from the block to the log directories, lines stamped.
#[derive(Debug)]
pub struct Lines {
    text: Buffer,
    /// Where the text that has not been looked at begins: behind what is held.
    filled: usize,
    /// The text begins in a line that has been decided on.
    midst: bool,
    /// The next byte to come begins a line.
    fresh: bool,
}

impl Lines {
    /// With nothing held, and room for so much text at once. Stamps make a block of
    /// short lines many times longer; it is then done in several pieces.
    pub fn new(room: NonZeroUsize) -> io::Result<Self> {
        Ok(Self {
            text: Buffer::new(room)?,
            filled: 0,
            midst: false,
            fresh: true,
        })
    }

    /// Gives back the memory that nothing is held in.
    pub fn release(&mut self) {
        self.text.release(self.filled);
    }

    /// Takes up where a predecessor left off.
    pub fn resume(&mut self, held: &[u8], midst: bool) {
        let held = held.get(..HORIZON).unwrap_or(held);
        if let Some(place) = self.text.get_mut(..held.len()) {
            place.copy_from_slice(held);
        }
        self.filled = held.len();
        self.midst = midst;
        self.fresh = held.is_empty() && !midst;
    }

    /// The line that has begun and is written nowhere yet.
    pub fn held(&self) -> &[u8] {
        self.text.get(..self.filled).unwrap_or_default()
    }

    /// Whether the last byte was in a line whose beginning has been written.
    pub const fn midst(&self) -> bool {
        self.midst
    }

    /// Whether the last byte, if any, ended a line.
    pub const fn at_line_start(&self) -> bool {
        self.fresh
    }

    /// Deals with the first `count` bytes of the block, each new line with `stamp`
    /// before it: writes all lines that are complete or long.
    pub fn deal<W: World>(
        &mut self,
        script: &Script,
        folders: &mut [Folder<W::File>],
        session: &mut Session<'_, W>,
        count: usize,
        stamp: Option<Stamp>,
    ) -> Result<(), Stop> {
        let Some(stamp) = stamp else {
            return self.deal_plain(script, folders, session, count);
        };
        let block = Rc::clone(&session.block);
        let input = block.get(LEAD..LEAD + count).unwrap_or_default();
        let stamp = Prefix::new(stamp.bytes());
        let mut done = 0;
        while let Some(rest) = input.get(done..).filter(|rest| !rest.is_empty()) {
            done += self.fill_stamped(rest, &stamp);
            self.deal_text(script, folders, session)?;
        }
        Ok(())
    }

    /// The block stays where it is, and what is held goes before it.
    fn deal_plain<W: World>(
        &mut self,
        script: &Script,
        folders: &mut [Folder<W::File>],
        session: &mut Session<'_, W>,
        count: usize,
    ) -> Result<(), Stop> {
        let (block, from) = session.with_lead(self.held());
        let text = block.get(from..LEAD + count).unwrap_or_default();
        self.fresh = text.last().is_none_or(|last| *last == b'\n');
        let at = write_lines(&mut self.midst, script, folders, session, text)?;
        let rest = text.get(at..).unwrap_or_default();
        if let Some(place) = self.text.get_mut(..rest.len()) {
            place.copy_from_slice(rest);
        }
        self.filled = rest.len();
        Ok(())
    }

    /// The same with what is in our own text.
    fn deal_text<W: World>(
        &mut self,
        script: &Script,
        folders: &mut [Folder<W::File>],
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let text = self.text.get(..self.filled).unwrap_or_default();
        let at = write_lines(&mut self.midst, script, folders, session, text)?;
        self.text.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }

    /// Adds what there is room for, each new line with `stamp` before it, and
    /// gives how much of `input` that was.
    fn fill_stamped(&mut self, input: &[u8], stamp: &Prefix) -> usize {
        let mut read = 0;
        if !self.fresh {
            read = self.fill(input, |input, room| Some(copy_line(input, room)));
        }
        if self.fresh {
            let rest = input.get(read..).unwrap_or_default();
            read += self.fill(rest, |input, room| Some(stamp.copy_lines(input, room)));
            // An unfinished line, or one that there is not enough room for.
            let rest = input.get(read..).unwrap_or_default();
            read += self.fill(rest, |input, room| stamp_line(input, room, stamp));
        }
        read
    }

    /// Adds what `copy` puts into the room that there is; gives how much of `input`
    /// that was.
    fn fill(
        &mut self,
        input: &[u8],
        copy: impl FnOnce(&[u8], &mut [u8]) -> Option<Copied>,
    ) -> usize {
        let room = self.text.get_mut(self.filled..).unwrap_or_default();
        let Some(copied) = copy(input, room).filter(|copied| copied.read > 0) else {
            return 0;
        };
        self.fresh = input.get(copied.read - 1) == Some(&b'\n');
        self.filled += copied.written;
        copied.read
    }

    /// Ends an unfinished line, as the end of input does, and writes it.
    pub fn end_line<W: World>(
        &mut self,
        script: &Script,
        folders: &mut [Folder<W::File>],
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        if let Some(place) = self.text.get_mut(self.filled)
            && !self.fresh
        {
            *place = b'\n';
            self.filled += 1;
            self.fresh = true;
        }
        self.deal_text(script, folders, session)
    }
}

/// Copies up to the end of the line, or what there is of it or room for.
fn copy_line(input: &[u8], room: &mut [u8]) -> Copied {
    let line = memchr(b'\n', input).map_or(input.len(), |at| at + 1);
    let count = line.min(room.len());
    let (line, place) = (input.get(..count), room.get_mut(..count));
    if let (Some(line), Some(place)) = (line, place) {
        place.copy_from_slice(line);
    }
    Copied {
        read: count,
        written: count,
    }
}

/// A line with its stamp. Not without a byte of its own: a stamp alone would say
/// that the line has not begun.
fn stamp_line(input: &[u8], room: &mut [u8], stamp: &Prefix) -> Option<Copied> {
    let (place, room) = room.split_at_mut_checked(stamp.bytes().len())?;
    if input.is_empty() || room.is_empty() {
        return None;
    }
    place.copy_from_slice(stamp.bytes());
    let mut copied = copy_line(input, room);
    copied.written += place.len();
    Some(copied)
}

/// Deals with all lines of `text` that are complete or long, and writes what
/// they give; gives where the rest begins.
fn write_lines<W: World>(
    midst: &mut bool,
    script: &Script,
    folders: &mut [Folder<W::File>],
    session: &mut Session<'_, W>,
    text: &[u8],
) -> Result<usize, Stop> {
    let mut at = 0;
    if *midst {
        let end = memchr(b'\n', text);
        at = end.map_or(text.len(), |newline| newline + 1);
        *midst = end.is_none();
        add(folders, session, text, 0, at)?;
    }
    if script.takes_everything() {
        at = all_lines(folders, session, text, at)?;
    } else {
        at = each_line(script, folders, session, text, at)?;
    }
    let rest = text.len() - at;
    if rest >= HORIZON {
        let head = text.get(at..at + HORIZON).unwrap_or_default();
        decide(script, folders, session, head)?;
        add(folders, session, text, at, text.len())?;
        *midst = true;
        at = text.len();
    }
    for folder in folders {
        folder.flush(session, text)?;
    }
    Ok(at)
}

/// Every complete line goes everywhere; gives where the last one ends.
fn all_lines<W: World>(
    folders: &mut [Folder<W::File>],
    session: &mut Session<'_, W>,
    text: &[u8],
    from: usize,
) -> Result<usize, Stop> {
    let Some(newline) = text.get(from..).and_then(|lines| memrchr(b'\n', lines)) else {
        return Ok(from);
    };
    let end = from + newline + 1;
    for folder in &mut *folders {
        folder.selected = true;
    }
    add(folders, session, text, from, end)?;
    Ok(end)
}

/// Each complete line goes through the script; gives where the last one ends.
fn each_line<W: World>(
    script: &Script,
    folders: &mut [Folder<W::File>],
    session: &mut Session<'_, W>,
    text: &[u8],
    mut from: usize,
) -> Result<usize, Stop> {
    let begin = from;
    for end in LineEnds::of(text.get(begin..).unwrap_or_default()) {
        let end = begin + end;
        let head = text.get(from..(end - 1).min(from + HORIZON));
        decide(script, folders, session, head.unwrap_or_default())?;
        add(folders, session, text, from, end)?;
        from = end;
    }
    Ok(from)
}

fn add<W: World>(
    folders: &mut [Folder<W::File>],
    session: &mut Session<'_, W>,
    text: &[u8],
    from: usize,
    to: usize,
) -> Result<(), Stop> {
    for folder in folders.iter_mut().filter(|folder| folder.selected) {
        folder.add(session, text, from, to)?;
    }
    Ok(())
}

/// Runs the script over the head of a line.
fn decide<W: World>(
    script: &Script,
    folders: &mut [Folder<W::File>],
    session: &mut Session<'_, W>,
    head: &[u8],
) -> Result<(), Stop> {
    let mut selected = true;
    for action in &script.actions {
        match action {
            Action::Select { select, pattern } => {
                if selected != *select && pattern.matches(head) {
                    selected = *select;
                }
            }
            Action::Alert if selected => alert(session, head),
            Action::Status(number) if selected => status(script, session, *number, head)?,
            Action::Alert | Action::Status(_) => {}
            Action::Log(number) => {
                if let Some(folder) = folders.get_mut(*number) {
                    folder.selected = selected;
                }
            }
        }
    }
    Ok(())
}

/// How much of a line an alert shows.
const ALERT: usize = 200;

/// One write an alert, so that those of several programs do not mix.
fn alert<W: World>(session: &mut Session<'_, W>, head: &[u8]) {
    let mut line = [0; ALERT + 4];
    let (shown, end): (_, &[u8]) = match head.get(..ALERT) {
        Some(shown) if head.len() > ALERT => (shown, b"...\n"),
        _ => (head, b"\n"),
    };
    let length = shown.len() + end.len();
    if let Some(line) = line.get_mut(..length) {
        let (text, rest) = line.split_at_mut(shown.len());
        text.copy_from_slice(shown);
        rest.copy_from_slice(end);
        session.world.say(line);
    }
}

/// What a status file holds: the head of a line, filled up with newlines.
fn status<W: World>(
    script: &Script,
    session: &mut Session<'_, W>,
    number: usize,
    head: &[u8],
) -> Result<(), Stop> {
    use std::os::unix::ffi::OsStrExt;
    let mut content = [b'\n'; HORIZON + 1];
    let (place, _newlines) = content.split_at_mut(head.len().min(HORIZON));
    place.copy_from_slice(head.get(..HORIZON).unwrap_or(head));
    let name = script
        .statuses
        .get(number)
        .map_or(&[][..], |name| name.as_bytes());
    while let Err(why) = session.world.write_status(number, &content) {
        let unseekable = dt_os::is_errno(&why, dt_os::Errno::ESPIPE);
        let doing: &[u8] = if unseekable {
            b"unable to move to beginning of "
        } else {
            b"unable to write "
        };
        session.pause(&[doing, name], Some(&why))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: NonZeroUsize = NonZeroUsize::new(96 << 10).unwrap();
    use crate::stamp::Form;

    #[test]
    fn every_line_gets_its_stamp_however_it_is_cut() {
        let input: Vec<u8> = (0..60)
            .flat_map(|length| [vec![b'x'; length % 35], b"\n".to_vec()].concat())
            .collect();
        let instant = dt_tai::from_unix(1_000_000_000, 0);
        for form in [Form::Label, Form::Seconds] {
            let stamp = Prefix::new(Stamp::new(form, instant).bytes());
            let want: Vec<u8> = input
                .split_inclusive(|byte| *byte == b'\n')
                .flat_map(|line| [stamp.bytes(), line].concat())
                .collect();
            for cut in 1..200 {
                let mut lines = Lines::new(TEXT).unwrap();
                for piece in input.chunks(cut) {
                    assert_eq!(lines.fill_stamped(piece, &stamp), piece.len());
                }
                assert_eq!(lines.held(), want, "cut every {cut} bytes");
            }
        }
    }
}
