//! `daemontools try`: a web service under supervision, for as long as one looks.
//!
//! The scratch directory mirrors the real places: what belongs in `/etc/service`,
//! `/srv/trycode.io` and `/var/log/trycode` is in directories of these names below
//! it. The run scripts are those of `examples/service`, changed in what the
//! scratch directory makes different and in nothing else.

mod place;
mod tree;
mod words;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dt_cli::{Exit, Fatal};

use crate::front::{self, NAME};
use place::Place;
use tree::{Enough, Tree, Watch};

/// Where the service listens if it can.
const USUAL_PORT: u16 = 8080;
/// How long the service and its log may take to be there.
const START: Duration = Duration::from_secs(10);

/// What `daemontools try` can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The directory to work in; it is made, and removed at the end [default: one of its own for temporary files]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The port to listen on, reachable from this machine only [default: 8080, another if it is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

/// Runs the service until a signal says that it is enough.
pub fn run(options: &Options) -> Result<Exit, Fatal> {
    // Whatever happens from here on, what is made is removed.
    let mut watch = Watch::begin().map_err(|why| plainly("unable to watch signals", &why))?;
    let address = choose(options.port)?;
    let place = Place::make(options.directory.as_deref(), address)?;
    let result = show(&place, address, &mut watch);
    place.remove().and(result)
}

/// Starts everything, says so, waits, and stops everything.
fn show(place: &Place, address: SocketAddr, watch: &mut Watch) -> Result<Exit, Fatal> {
    let tree = Tree::start(place, watch)?;
    let result = attend(place, address, watch);
    let gone = tree.stop(place, watch);
    if !gone {
        let left = "some process could not be stopped";
        return Err(Fatal::plain(NAME, &[left.as_ref()]));
    }
    result
}

fn attend(place: &Place, address: SocketAddr, watch: &mut Watch) -> Result<Exit, Fatal> {
    let mut greeting = None;
    let up = watch.until(START, || {
        greeting = greeting.take().or_else(|| ask(address).ok());
        greeting.is_some() && place.has_log()
    });
    match up {
        Ok(true) => {}
        Ok(false) => return Err(words::trouble(place, address, greeting.is_some())),
        Err(enough) => return end(enough),
    }
    front::print(words::next(place, address, &greeting.unwrap_or_default()))?;
    end(watch.forever())
}

fn end(why: Enough) -> Result<Exit, Fatal> {
    match why {
        Enough::Told => Ok(Exit::OK),
        Enough::Lost => Err(Fatal::plain(NAME, &["svscan has died".as_ref()])),
    }
}

/// The front page.
fn ask(address: SocketAddr) -> io::Result<String> {
    let patience = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_head, page) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(page.trim_end().to_owned())
}

/// The address to listen at: a port that was asked for must be free, without one
/// any will do.
fn choose(port: Option<u16>) -> Result<SocketAddr, Fatal> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let free = |address: SocketAddr| TcpListener::bind(address)?.local_addr();
    let (wish, chosen) = match port {
        Some(port) => (port, free(at(port))),
        None => (
            USUAL_PORT,
            free(at(USUAL_PORT)).or_else(|_taken| free(at(0))),
        ),
    };
    chosen.map_err(|why| plainly(&format!("unable to listen at {}", at(wish)), &why))
}

/// `daemontools: fatal: what: reason`.
fn plainly(what: &str, why: &io::Error) -> Fatal {
    Fatal::system(NAME, &[what.as_ref()], why)
}

/// `daemontools: fatal: unable to VERB PATH: reason`.
fn unable(verb: &str, path: &Path, why: &io::Error) -> Fatal {
    let verb = format!("unable to {verb} ");
    Fatal::system(NAME, &[verb.as_ref(), path.as_os_str()], why)
}
