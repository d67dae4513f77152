//! Private memory of the programs that stay, at work and once they have nothing to
//! do.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Prints the table.
pub fn report(ours: &Path, original: Option<&Path>, scratch: &Path) {
    println!("\nPrivate dirty memory of a process in kB, without and with its page tables.\n");
    println!("| program | original | ours |\n|---|---|---|");
    let idle = State::default();
    let flooded = State {
        flooded: true,
        ..idle
    };
    for (program, state, what) in [
        ("multilog", idle, "idle"),
        ("multilog", flooded, "in a flood"),
        ("supervise", idle, "idle"),
    ] {
        let show = |directory| show(program, directory, scratch, state);
        let theirs = original.map_or_else(String::new, show);
        println!("| `{program}`, {what} | {theirs} | {} |", show(ours));
    }
}

/// What a process has been doing.
#[derive(Clone, Copy, Default)]
pub struct State {
    /// Multilog has just taken more than any buffer holds.
    pub flooded: bool,
    /// Its lock holds something else, so that it reads without a record.
    pub taken: bool,
}

/// The two figures, or why there are none.
pub fn show(program: &str, directory: &Path, scratch: &Path, state: State) -> String {
    match measure(program, directory, scratch, state) {
        Ok(memory) => format!("{} / {}", memory.private, memory.private + memory.tables),
        Err(error) => error.to_string(),
    }
}

struct Memory {
    /// Pages that it alone has and has written to; clean ones are the file's, which
    /// all processes of the same program share.
    private: u64,
    /// The tables that say where they are.
    tables: u64,
}

/// Killed and reaped when dropped.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(
    program: &str,
    directory: &Path,
    scratch: &Path,
    state: State,
) -> Result<Memory, Box<dyn Error>> {
    let place = scratch.join("idle");
    fs::create_dir(&place)?;
    let program_file = directory.join(program);
    // The pages of a program just built would count as written to.
    fs::File::open(&program_file)?.sync_all()?;
    let mut command = Command::new(program_file);
    if program == "multilog" {
        command.args(["t", "./dir"]);
        if state.taken {
            crate::run::take_lock(&place)?;
        }
    } else {
        // Down, so that there is no service to clean up.
        fs::create_dir(place.join("service"))?;
        fs::write(place.join("service/down"), "")?;
        fs::write(place.join("service/run"), "#!/bin/sh\nexit 0\n")?;
        fs::set_permissions(place.join("service/run"), fs::Permissions::from_mode(0o755))?;
        command.arg("service");
    }
    command
        .current_dir(&place)
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut guard = Guard(command.spawn()?);
    if let Some(pipe) = guard.0.stdin.as_mut() {
        // What has logged a line has its buffers.
        let lines = if state.flooded { 400_000 } else { 1 };
        let _ = pipe.write_all(&b"a line like others\n".repeat(lines));
    }
    let settled = if state.flooded {
        Ok(())
    } else {
        settle(&mut guard.0)
    };
    let memory = settled.and_then(|()| memory_of(guard.0.id()));
    drop(guard);
    fs::remove_dir_all(&place)?;
    memory
}

/// Waits until it sleeps and has done so for a while.
fn settle(child: &mut Child) -> Result<(), Box<dyn Error>> {
    for _ in 0..500 {
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ended: {status}").into());
        }
        let asleep = |()| -> std::io::Result<bool> {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
            Ok(status.contains("State:\tS"))
        };
        let before = asleep(())?;
        std::thread::sleep(Duration::from_millis(200));
        if before && asleep(())? {
            return Ok(());
        }
    }
    Err("it never becomes idle".into())
}

fn memory_of(pid: u32) -> Result<Memory, Box<dyn Error>> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Memory {
        private: field(&rollup, "Private_Dirty:")?,
        tables: field(&status, "VmPTE:")?,
    })
}

/// The number after a word, in kB.
fn field(text: &str, name: &str) -> Result<u64, Box<dyn Error>> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("no {name}"))?.parse()?)
}
