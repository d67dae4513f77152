//! Supervise is killed at a system call of our choice, by way of strace.

use std::fs;
use std::process::{Command, Stdio};

use dt_os::descriptor;
use dt_os::file::How;
use dt_testkit::points::{Point, calls_in};
use dt_testkit::{Running, Suite, until};

use super::Service;

/// A supervise that is traced, and is our child all the same.
pub fn traced(service: &Service, how: &[&str]) -> Running {
    let mut command = Command::new("strace");
    command
        .arg("-D")
        .args(how)
        .arg(Suite::under_test().program("supervise"))
        .arg("d")
        .current_dir(service.scratch.path())
        .envs(service.environment())
        .stderr(Stdio::null());
    Running::start(&mut command, &service.scratch)
}

/// One that is killed when it makes this call.
pub fn killed_at(service: &Service, (call, number): &Point) -> Running {
    let inject = format!("inject={call}:signal=KILL:when={number}");
    traced(service, &["-o", "/dev/null", "-e", &inject])
}

/// Each call that a supervise makes until `drive` is through with it, which ends it.
pub fn calls(service: &Service, drive: impl FnOnce(&mut Running)) -> Vec<Point> {
    let trace = service.scratch.join("trace");
    let mut running = traced(service, &["-o", trace.to_str().unwrap()]);
    drive(&mut running);
    until("the trace is whole", || {
        fs::read_to_string(&trace).is_ok_and(|text| text.contains("+++ exited"))
    });
    calls_in(&fs::read_to_string(&trace).unwrap())
}

/// Sends commands to a supervise that may be dead.
pub fn tell(service: &Service, commands: &[u8]) {
    let control = How::WRITE.open(service.scratch.join("d/supervise/control"));
    let _ = control.and_then(|control| descriptor::write_all(&control, commands));
}

/// Says what was done.
#[expect(clippy::print_stderr, reason = "says what was done")]
pub fn say(line: &str) {
    eprintln!("{line}");
}
