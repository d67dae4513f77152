use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

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
        TcpListener::bind(address).ok()?;
        Some(Self {
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
    use super::{PORTS, Port};

    #[test]
    fn a_port_is_given_once_and_never_one_that_the_kernel_gives_to_others() {
        let first = Port::free();
        let number = first.address.port();
        assert!(PORTS.contains(&number), "{number}");
        assert!(Port::claimed(number).is_none(), "given twice");
        drop(first);
        assert!(Port::claimed(number).is_some(), "not given back");
    }
}
