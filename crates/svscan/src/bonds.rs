//! Which services need which others, as their directories say.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use dt_cli::Message;
use dt_os::descriptor;
use dt_os::file::Directory;
use dt_settings::Settings;
use dt_settings::graph::Graph;

use crate::order::{Bond, PATIENCE};

/// Of the services of these names in the directory that we are in. One whose
/// directory cannot be read needs nobody. What is in a ring is said.
pub fn between(names: &[OsString]) -> Vec<Bond> {
    let Ok(scan) = Directory::open(".") else {
        return Vec::new();
    };
    let mut graph = Graph::explore(&scan, names);
    for ring in graph.open_rings() {
        say(&[
            &ring.join(OsStr::new(", ")),
            OsStr::new(" need each other: they are stopped in no order"),
        ]);
    }
    let bonds = graph.wishes().map(|(name, tie)| Bond {
        needs: name.to_owned(),
        needed: tie.on.clone(),
        patience: patience(&scan, name),
    });
    bonds.collect()
}

/// How long a service may hold others back.
fn patience(scan: &Directory, name: &OsStr) -> Duration {
    let directory = scan.open_directory(name).ok();
    let settings = directory.and_then(|directory| Settings::read(&directory).ok());
    let own = settings.and_then(|(settings, _)| settings.timeout_kill);
    PATIENCE.saturating_add(own.unwrap_or_default())
}

/// Says what is in nobody's way.
pub fn say(pieces: &[&OsStr]) {
    let line = Message::new("svscan", "warning").pieces(pieces).line();
    let _ = descriptor::write_all(descriptor::stderr(), &line);
}
