//! The program as a command: run to its end, with its words and its exit code.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::sidecar::signal;

/// How long a command may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command line of `outrigger`.
pub struct Program {
    command: Command,
    stdin: String,
}

/// A command that runs.
pub struct Running(Child);

impl Running {
    /// Ends it by a signal.
    pub async fn end_by(self, name: &str) -> Ended {
        signal(self.0.id().expect("it runs"), name);
        finish(self.0).await
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    /// Absent when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outrigger"));
        command.args(arguments);
        Self { command, stdin: String::new() }
    }

    /// What it reads from stdin.
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Runs it to its end, which must come by itself.
    pub async fn end(self) -> Ended {
        end(self.command, self.stdin).await
    }

    /// Runs it until the test ends it.
    pub async fn start(mut self) -> Running {
        let mut child = begin(&mut self.command);
        write(&mut child, &self.stdin).await;
        Running(child)
    }
}

/// Runs a command line as somebody types it into a shell, in the folder of the repository.
pub async fn shell(line: &str) -> Ended {
    let mut command = Command::new("sh");
    // A proxy of the machine has no business with what listens here.
    command.args(["-c", line]).current_dir(env!("CARGO_MANIFEST_DIR")).env("no_proxy", "*");
    end(command, String::new()).await
}

async fn end(mut command: Command, stdin: String) -> Ended {
    let mut child = begin(&mut command);
    write(&mut child, &stdin).await;
    finish(child).await
}

fn begin(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("it starts")
}

/// Texts are small: the pipe takes all of it at once. Who needs no stdin has closed it.
async fn write(child: &mut Child, stdin: &str) {
    let mut pipe = child.stdin.take().expect("its stdin");
    let _ = pipe.write_all(stdin.as_bytes()).await;
}

async fn finish(child: Child) -> Ended {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    output.unwrap_or_else(|_| panic!("it did not end within {PATIENCE:?}")).expect("its output").into()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
