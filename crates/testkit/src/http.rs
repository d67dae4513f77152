use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

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
