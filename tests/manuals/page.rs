//! Reading a manual page: as much of mdoc(7) as the checks need.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A page's source.
pub struct Page {
    pub name: String,
    pub source: String,
}

/// Where the pages are.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// The pages of section 8, by name.
pub fn all() -> Vec<Page> {
    let entries = fs::read_dir(directory()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|section| section == "8"));
    files.sort();
    let read = |file: PathBuf| Page {
        name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
        source: fs::read_to_string(file).unwrap(),
    };
    files.into_iter().map(read).collect()
}

/// The page of a service directory's files.
pub fn service_directory() -> Page {
    read("daemontools-service", "5")
}

/// The page of one program.
pub fn of(name: &str) -> Page {
    read(name, "8")
}

fn read(name: &str, section: &str) -> Page {
    let file = directory().join(name).with_extension(section);
    Page {
        name: name.to_owned(),
        source: fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display())),
    }
}

impl Page {
    /// The lines of a section.
    pub fn section(&self, title: &str) -> Option<Vec<&str>> {
        let heading = format!(".Sh {title}");
        let mut lines = self.source.lines().skip_while(|line| *line != heading);
        lines.next()?;
        Some(lines.take_while(|line| !line.starts_with(".Sh ")).collect())
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.source.lines()
    }

    /// The heads of list entries.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.lines().filter_map(|line| line.strip_prefix(".It "))
    }
}

/// The options that a line of macros names: after `Fl`, up to the next macro.
///
/// A cluster is taken apart where `clustered`, as in a synopsis.
pub fn flags(line: &str, clustered: bool) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    let mut within = false;
    let words = line.trim_start_matches('.').split_whitespace();
    for word in words {
        match word {
            "Fl" => within = true,
            "Ar" | "Op" | "Ns" | "No" | "Cm" | "Pq" | "Nm" | "Xr" => within = false,
            "," | "." | "|" | ";" | ":" | ")" => {}
            word if within && word.starts_with('-') => {
                flags.insert(format!("-{word}"));
            }
            word if within && clustered => {
                flags.extend(word.chars().map(|letter| format!("-{letter}")));
            }
            word if within => {
                flags.insert(format!("-{word}"));
            }
            _ => {}
        }
    }
    flags
}

/// Text as it is shown: without the escapes that keep it from being macros.
pub fn shown(text: &str) -> String {
    let pairs = [
        ("\\(aq", "'"),
        ("\\(ga", "`"),
        ("\\(ha", "^"),
        ("\\(ti", "~"),
        ("\\&", ""),
        ("\\-", "-"),
        ("\\e", "\\"),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
