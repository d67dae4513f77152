//! The inputs: the same bytes on every machine.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What a program is fed with.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// Lines of 20 to 120 bytes, 70 on average, as a service writes them.
    Lines,
    /// The same, each with a label that is a tenth of a millisecond after the last.
    Stamped,
    /// The same, a second apart.
    Spread,
    /// Lines of one byte and a newline.
    ShortLines,
}

impl Input {
    /// Writes the input to a file, unless it is there already.
    pub fn make(self, scratch: &Path, megabytes: u32) -> io::Result<PathBuf> {
        let path = scratch.join(format!("{self:?}"));
        if path.exists() {
            return Ok(path);
        }
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let size = u64::from(megabytes) * 1_000_000;
        match self {
            Self::Lines => lines(&mut out, size, None)?,
            Self::Stamped => lines(&mut out, size, Some(100_000))?,
            Self::Spread => lines(&mut out, size, Some(1_000_000_000))?,
            Self::ShortLines => short_lines(&mut out, size)?,
        }
        out.flush()?;
        // On disk before anything is timed.
        out.get_ref().sync_all()?;
        Ok(path)
    }
}

/// Of every few lines one has `word` in it, so that patterns choose some.
const WORDS: [&str; 16] = [
    "GET",
    "POST",
    "/index.html",
    "200",
    "404",
    "10.0.0.1:",
    "error",
    "debug",
    "connection",
    "from",
    "closed",
    "word",
    "after",
    "seconds",
    "failed",
    "status:",
];

fn lines(out: &mut impl Write, size: u64, apart: Option<u64>) -> io::Result<()> {
    let mut random = Random(1);
    let mut time = 1_700_000_000_000_000_000_u64;
    let mut written = 0;
    let mut line = Vec::new();
    while written < size {
        line.clear();
        if let Some(apart) = apart {
            let (secs, nanos) = (time / 1_000_000_000, time % 1_000_000_000);
            write!(line, "@{:016x}{nanos:08x} ", (1 << 62) + 10 + secs)?;
            time += apart;
        }
        let length = line.len() + 19 + random.below(101);
        while line.len() < length {
            line.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes());
            line.push(b' ');
        }
        line.truncate(length);
        line.push(b'\n');
        out.write_all(&line)?;
        written += line.len() as u64;
    }
    Ok(())
}

fn short_lines(out: &mut impl Write, size: u64) -> io::Result<()> {
    let mut random = Random(1);
    for _ in 0..size / 2 {
        let letter = WORDS[random.below(WORDS.len())].as_bytes()[0];
        out.write_all(&[letter, b'\n'])?;
    }
    Ok(())
}

/// Marsaglia's xorshift: enough to vary lengths and words.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }
}
