use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use crate::Chance;

/// The ports that [`Port`] chooses among: the kernel gives out those above, as
/// Linux comes, to whoever connects or asks for any.
const PORTS: std::ops::Range<u16> = 20_000..32_768;

/// A TCP port of this machine that nobody listens at, and that no other test is
/// given while this lives.
#[derive(Debug)]
pub struct Port {
    /// Where to listen, on the loopback interface.
    pub address: SocketAddr,
    /// The UDP port of the same number, which one process at a time can have.
    _claim: UdpSocket,
}

impl Port {
    /// # Panics
    ///
    /// Panics if all are taken.
    #[must_use]
    pub fn free() -> Self {
        let count = u64::from(PORTS.end - PORTS.start);
        let start = Chance::by_time().below(count);
        let ports = PORTS.cycle().skip(usize::try_from(start).unwrap());
        ports.take(PORTS.len()).find_map(Self::claimed).unwrap()
    }

    fn claimed(port: u16) -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let claim = UdpSocket::bind(address).ok()?;
        // Asked by connecting: were it listened at to find out, a child that another
        // thread forks meanwhile would go on listening until it executes its program.
        let refused = TcpStream::connect(address).err()?.kind() == io::ErrorKind::ConnectionRefused;
        refused.then_some(Self {
            address,
            _claim: claim,
        })
    }
}

/// The page at `path` of a web server on this machine; the test machine need not
/// have curl. An error while nobody answers.
pub fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(crate::PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_head, page) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(page.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::{PORTS, Port};
    use crate::until;

    #[test]
    fn a_free_port_can_be_taken_while_other_tests_start_programs() {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        Command::new("true").output().unwrap();
                    }
                });
            }
            let taken = (0..2000).map(|_| TcpListener::bind(Port::free().address));
            let failed = taken.filter(Result::is_err).count();
            ended.store(true, Ordering::Relaxed);
            assert_eq!(failed, 0);
        });
    }

    #[test]
    fn a_port_is_given_once_and_never_one_that_the_kernel_gives_to_others() {
        let first = Port::free();
        let number = first.address.port();
        assert!(PORTS.contains(&number), "{number}");
        assert!(Port::claimed(number).is_none(), "given twice");
        drop(first);
        // A child that the other test forks just then has the claim for a moment.
        until("it is given back", || Port::claimed(number).is_some());
    }
}
