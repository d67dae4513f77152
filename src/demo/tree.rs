//! The processes: svscan and all below it.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dt_cli::Fatal;
use dt_os::clock::Moment;
use dt_os::file::How;
use dt_os::process::{self, Pid};
use dt_os::signals::{self, Signal, SignalPipe};
use dt_os::{family, wait};
use dt_service::{Command as Control, names};

use super::place::Place;
use super::unable;

/// How long each part of the tree may take to stop by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How often a condition is looked at that nothing tells us of.
const GLANCE: Duration = Duration::from_millis(20);

/// Why a wait is over before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// A signal told us to stop.
    Told,
    /// The process that all hangs on has died.
    Lost,
}

/// Waits, and notices what happens meanwhile.
#[derive(Debug)]
pub struct Watch {
    enough: [SignalPipe; 4],
    death: SignalPipe,
    /// The process that all hangs on.
    root: Option<Pid>,
    lost: bool,
}

impl Watch {
    /// Catches the signals that mean the end, and takes in the orphans of the tree.
    pub fn begin() -> std::io::Result<Self> {
        family::adopt_orphans()?;
        // Where nobody reads what we say, we are still to stop what we started.
        // Not inherited: std gives a child the default.
        signals::ignore(Signal::SIGPIPE)?;
        Ok(Self {
            enough: [
                SignalPipe::watch(Signal::SIGINT)?,
                SignalPipe::watch(Signal::SIGTERM)?,
                SignalPipe::watch(Signal::SIGHUP)?,
                SignalPipe::watch(Signal::SIGQUIT)?,
            ],
            death: SignalPipe::watch(Signal::SIGCHLD)?,
            root: None,
            lost: false,
        })
    }

    /// Waits until `condition` holds; says whether it did within `patience`.
    pub fn until(
        &mut self,
        patience: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Result<bool, Enough> {
        let deadline = Moment::now().plus(patience);
        loop {
            self.reap()?;
            if condition() {
                return Ok(true);
            }
            let now = Moment::now();
            if now >= deadline {
                return Ok(false);
            }
            self.sleep(Some(now.plus(GLANCE)))?;
        }
    }

    /// Waits for the end.
    pub fn forever(&mut self) -> Enough {
        loop {
            if let Err(enough) = self.reap().and_then(|()| self.sleep(None)) {
                return enough;
            }
        }
    }

    fn sleep(&mut self, deadline: Option<Moment>) -> Result<(), Enough> {
        let [int, term, hup, quit] = &self.enough;
        let descriptors = [int, term, hup, quit, &self.death].map(AsFd::as_fd);
        // Cannot fail with descriptors that are open; if it does, it is enough.
        wait::until_readable(descriptors, deadline).map_err(|_| Enough::Told)?;
        let told = self
            .enough
            .iter_mut()
            .filter_map(|pipe| pipe.drain().then_some(()));
        if told.count() > 0 {
            Err(Enough::Told)
        } else {
            Ok(())
        }
    }

    /// Takes leave of the dead, ours and those we took in.
    fn reap(&mut self) -> Result<(), Enough> {
        self.death.drain();
        while let Some((dead, _)) = process::reap() {
            self.lost |= self.root == Some(dead);
        }
        if self.lost { Err(Enough::Lost) } else { Ok(()) }
    }
}

/// svscan, in a process group of its own: a terminal's Ctrl-C reaches us and not
/// the services, which are to be stopped in order.
#[derive(Debug)]
pub struct Tree {
    svscan: Pid,
}

impl Tree {
    /// Starts svscan.
    pub fn start(place: &Place, watch: &mut Watch) -> Result<Self, Fatal> {
        let svscan = place.programs().join("svscan");
        let child = Command::new(&svscan)
            .arg0("svscan")
            .arg(place.scanned())
            .current_dir(place.root())
            .env("PATH", place.path())
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|why| unable("start", &svscan, &why))?;
        // Not waited for through `child`: all that die are reaped in one place.
        // Process ids fit; an impossible one would name nobody.
        let id = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let svscan = Pid::from_raw(id);
        watch.root = Some(svscan);
        Ok(Self { svscan })
    }

    /// Stops the service, its log, and svscan, in this order; whatever is left
    /// then is killed. Says whether all are gone.
    ///
    /// Another signal to stop while this goes on shortens it to the killing.
    pub fn stop(self, place: &Place, watch: &mut Watch) -> bool {
        (watch.root, watch.lost) = (None, false);
        let asked = self.ask(place, watch);
        if asked == Ok(true) {
            return true;
        }
        let group = Pid::from_raw(-self.svscan.as_raw());
        let end = Moment::now().plus(GRACE);
        while family::any_child() && Moment::now() < end {
            let _ = process::send(group, Signal::SIGKILL);
            // Enough has been said already.
            let _ = watch.until(Duration::from_millis(200), || !family::any_child());
        }
        !family::any_child()
    }

    fn ask(&self, place: &Place, watch: &mut Watch) -> Result<bool, Enough> {
        // First, or svscan would start a supervise anew that has just exited.
        let _ = std::fs::remove_file(place.link());
        let (service, log) = (place.service(), place.service_log());
        tell(&service, &[Control::Down, Control::Exit]);
        watch.until(GRACE, || !supervised(&service))?;
        // With svscan the last writer of the pipe goes: the log reads to the end of
        // it, nothing is lost, and its supervise exits with it.
        tell(&log, &[Control::Exit]);
        let _ = process::send(self.svscan, Signal::SIGTERM);
        if watch.until(GRACE, || !family::any_child())? {
            return Ok(true);
        }
        tell(&log, &[Control::Down]);
        watch.until(GRACE, || !family::any_child())
    }
}

/// Whether a supervise runs in `service`.
pub fn supervised(service: &Path) -> bool {
    How::WRITE.open(service.join(names::OK)).is_ok()
}

/// Hands commands to the supervise in `service`, if there is one.
fn tell(service: &Path, commands: &[Control]) {
    let bytes: Vec<u8> = commands.iter().map(|command| command.byte()).collect();
    if let Ok(mut control) = How::WRITE.open(service.join(names::CONTROL)) {
        let _ = control.write_all(&bytes);
    }
}
