//! Usage, messages and exit codes of `trycode`.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use dt_testkit::{Outcome, Running, Scratch, Suite, get, until_some};

#[test]
fn usage() {
    let scratch = Scratch::new();
    for arguments in [&["8080"][..], &["localhost"], &["127.0.0.1:1", "x"]] {
        let want = "trycode: usage: trycode [address:port]\n";
        assert_eq!(
            Suite::ours().run("trycode", arguments, &scratch),
            Outcome::fails(100, want)
        );
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let want = format!("trycode: fatal: unable to listen at {address}: address already used\n");
    let scratch = Scratch::new();
    assert_eq!(
        Suite::ours().run("trycode", &[address], &scratch),
        Outcome::fails(111, want)
    );
}

#[test]
fn requests_and_lines_are_logged_and_a_crash_is_answered_first() {
    let scratch = Scratch::new();
    let log = std::fs::File::create(scratch.join("log")).unwrap();
    let mut command = Suite::ours().command("trycode", &scratch);
    command.arg("127.0.0.1:0").stderr(Stdio::from(log));
    let mut running = Running::start(&mut command, &scratch);
    let address: SocketAddr = until_some("it says where it answers", || {
        let log = String::from_utf8(scratch.read("log")).unwrap();
        log.lines().next()?.rsplit_once(" at ")?.1.parse().ok()
    });

    let pid = running.pid();
    let page = |path| get(address, path).unwrap();
    assert_eq!(page("/"), format!("trycode.io: process {pid}, request 1\n"));
    assert_eq!(
        page("/log?lines=2"),
        format!("trycode.io: process {pid} logged 2 lines\n")
    );
    assert_eq!(
        page("/crash"),
        format!("trycode.io: process {pid} crashes\n")
    );
    assert_eq!(running.wait(), 1);

    let log = String::from_utf8(scratch.read("log")).unwrap();
    let want = format!(
        "trycode: process {pid} answers at 127.0.0.1:0\n\
         GET / 200\n\
         GET /log?lines=2 200\n\
         process {pid} line 000000001 of a log that is to be kept whole\n\
         process {pid} line 000000002 of a log that is to be kept whole\n\
         GET /crash 200\n\
         trycode: crashes, as asked\n"
    );
    let port = format!(":{}\n", address.port());
    assert_eq!(log.replace(&port, ":0\n"), want);
}
