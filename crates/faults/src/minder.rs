//! What the harness has started goes when it goes, whatever its end is.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

use dt_os::signals::{self, Signal, SignalPipe};
use dt_os::wait;
use dt_testkit::Scratch;

use crate::kit::Outcome;

/// The first argument of the process that does the work.
pub const MINDED: &str = "--minded";

/// Has another process do the work, and gives the code that it ends with. If it is
/// killed, or this one is told to stop, what it has started goes with it.
pub fn mind() -> Outcome<u8> {
    let mut worker = Command::new(std::env::current_exe()?);
    worker.arg(MINDED).args(std::env::args_os().skip(1));
    let mut worker = worker.spawn()?;
    let ended = until_end(&mut worker);
    if let Ok(Some(status)) = &ended
        && let Some(code) = status.code()
    {
        return Ok(u8::try_from(code)?);
    }
    worker.kill()?;
    let signal = worker.wait()?.signal().unwrap_or_default();
    Scratch::remove_those_of(worker.id());
    eprintln!("dt-faults: stopped, and all that was started with it");
    ended?;
    Ok(128 + u8::try_from(signal)?)
}

/// How the process has ended; `None` if it is to be stopped.
fn until_end(worker: &mut Child) -> Outcome<Option<ExitStatus>> {
    let mut death = SignalPipe::watch_only(Signal::SIGCHLD)?;
    let mut stop = SignalPipe::watch(Signal::SIGTERM)?;
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        // As by nohup.
        if !signals::is_ignored(signal) {
            stop.also(signal)?;
        }
    }
    loop {
        death.drain();
        if let Some(status) = worker.try_wait()? {
            return Ok(Some(status));
        }
        wait::until_readable([death.as_fd(), stop.as_fd()], None)?;
        if stop.drain() {
            return Ok(None);
        }
    }
}
