//! The network around the answers: one thread, any number of connections.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use dt_cli::{Exit, Fatal};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::answer::{Deed, answer};

/// Log lines handed to one write.
const LINES_A_WRITE: u32 = 512;

/// How the service ends.
type End = Result<Exit, Fatal>;

/// What all connections share.
struct Site {
    pid: i32,
    requests: Cell<u64>,
    lines: Cell<u64>,
    /// Whoever sends here ends the service.
    end: UnboundedSender<End>,
}

/// Answers at `address` until asked to crash.
pub async fn serve(address: SocketAddr) -> End {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|why| unable("listen at", address, &why))?;
    let address = listener.local_addr().unwrap_or(address);
    let (end, mut ended) = unbounded_channel();
    let site = Rc::new(Site {
        pid: dt_os::process::own_pid().as_raw(),
        requests: Cell::new(0),
        lines: Cell::new(0),
        end,
    });
    crate::log(format!("trycode: process {} answers at {address}\n", site.pid).as_bytes());
    let local = LocalSet::new();
    local.spawn_local(async move {
        let why = accept(listener, Rc::clone(&site)).await;
        let _ = site.end.send(Err(unable("accept at", address, &why)));
    });
    // A sender lives as long as the site does, so there is always an answer.
    local
        .run_until(ended.recv())
        .await
        .unwrap_or(Ok(Exit::TEMPORARY))
}

fn unable(verb: &str, address: SocketAddr, why: &io::Error) -> Fatal {
    let what = format!("unable to {verb} {address}");
    Fatal::system(crate::NAME, &[what.as_ref()], why)
}

/// Takes connections until that fails: a restart is what a supervisor is for.
async fn accept(listener: TcpListener, site: Rc<Site>) -> io::Error {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(converse(stream, Rc::clone(&site)));
            }
            // The client was gone before we came to it.
            Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(why) => return why,
        }
    }
}

/// Answers one client until either side hangs up.
async fn converse(stream: TcpStream, site: Rc<Site>) {
    let crash = Cell::new(false);
    let service = service_fn(|request| {
        let (response, deed) = respond(&site, &request);
        crash.set(crash.get() || deed == Deed::Crash);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = connection {
        crate::log(format!("trycode: warning: {error}\n").as_bytes());
    }
    // Only now, so that the answer is on its way.
    if crash.get() {
        crate::log(b"trycode: crashes, as asked\n");
        let _ = site.end.send(Ok(Exit::from_child(1)));
    }
}

fn respond(site: &Site, request: &Request<Incoming>) -> (Response<Full<Bytes>>, Deed) {
    site.requests.set(site.requests.get() + 1);
    let (method, uri) = (request.method().as_str(), request.uri());
    let answer = answer(
        method,
        uri.path(),
        uri.query(),
        site.pid,
        site.requests.get(),
    );
    crate::log(format!("{method} {uri} {}\n", answer.status).as_bytes());
    if let Deed::Log(count) = answer.deed {
        log_lines(site, count);
    }
    let mut response = Response::new(Full::from(answer.page));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if answer.deed == Deed::Crash {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    (response, answer.deed)
}

/// Lines numbered through the life of the process, so that a reader of the log
/// can tell that none is missing, none doubled and none out of order.
fn log_lines(site: &Site, count: u32) {
    let mut left = count;
    let mut block = Vec::new();
    while left > 0 {
        block.clear();
        for _ in 0..left.min(LINES_A_WRITE) {
            site.lines.set(site.lines.get() + 1);
            let (pid, line) = (site.pid, site.lines.get());
            // Writing to a vector cannot fail.
            let _ = writeln!(
                block,
                "process {pid} line {line:09} of a log that is to be kept whole"
            );
        }
        crate::log(&block);
        left = left.saturating_sub(LINES_A_WRITE);
    }
}
