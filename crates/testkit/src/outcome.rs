use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// All that a program's run shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code, 128 and the signal's number where one killed it.
    pub code: i32,
    /// What came on standard output.
    pub stdout: Vec<u8>,
    /// What came on standard error.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// Runs `command` to its end.
    #[track_caller]
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"))
            .into()
    }

    /// Success with this output and not a word more.
    #[must_use]
    pub fn gives(stdout: impl AsRef<[u8]>) -> Self {
        Self {
            code: 0,
            stdout: stdout.as_ref().to_vec(),
            stderr: Vec::new(),
        }
    }

    /// Failure with this message and no output.
    #[must_use]
    pub fn fails(code: i32, stderr: impl AsRef<[u8]>) -> Self {
        Self {
            code,
            stdout: Vec::new(),
            stderr: stderr.as_ref().to_vec(),
        }
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let code = output
            .status
            .code()
            .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        Self {
            code,
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit {}\nstdout: {}\nstderr: {}",
            self.code,
            show(&self.stdout),
            show(&self.stderr)
        )
    }
}

/// Bytes as readable text, with everything unusual escaped.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
