//! The guide: its files are written, its commands run, and they print what it says.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex_lite::Regex;
use tempfile::TempDir;

use crate::support::Sidecar;

const TARGET: &str = "wasm32-wasip1";
const MODULE: &str = "target/wasm32-wasip1/release/greeting.wasm";

/// A block of code: the words behind the fence, and the lines.
struct Block {
    info: Vec<String>,
    text: String,
}

fn blocks(markdown: &str) -> VecDeque<Block> {
    let fences = Regex::new(r"(?ms)^```(\S[^\n]*)\n(.*?)^```$").expect("a pattern");
    let block = |found: regex_lite::Captures<'_>| Block {
        info: found[1].split(' ').map(str::to_owned).collect(),
        text: found[2].to_owned(),
    };
    fences.captures_iter(markdown).map(block).collect()
}

/// A command with what it is said to print.
fn commands(block: &Block) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => commands.push((command.to_owned(), String::new())),
            None => {
                let (_, printed) = commands.last_mut().expect("a block begins with a command");
                printed.push_str(line);
                printed.push('\n');
            }
        }
    }
    commands
}

/// The reader's terminal, and the sidecar that runs in the other one.
struct Reader {
    folder: TempDir,
    at: PathBuf,
    sidecar: Option<Sidecar>,
    ran: Vec<String>,
}

#[tokio::test]
async fn the_guide_to_a_first_function_works_as_printed() {
    if let Some(reason) = no_target() {
        eprintln!("skipped: {reason}");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("docs/guide/first-function.md")).expect("the guide");
    let mut reader = Reader::new();
    for block in blocks(&guide) {
        match (block.info[0].as_str(), block.info.get(1)) {
            ("console", None) => {
                for (command, printed) in commands(&block) {
                    reader.run(&command, &printed).await;
                }
            }
            (_, Some(file)) => reader.write(file, &block.text),
            (language, None) => panic!("a `{language}` block without a file name"),
        }
    }
    for begins in ["cargo new", "cargo build", "outrigger try", "outrigger check", "outrigger run", "curl"] {
        assert!(reader.ran.iter().any(|command| command.starts_with(begins)), "no `{begins}` in {:?}", reader.ran);
    }
}

impl Reader {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        Self { at: folder.path().to_owned(), folder, sidecar: None, ran: Vec::new() }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.at.join(file), text).expect("a file");
    }

    async fn run(&mut self, command: &str, printed: &str) {
        self.ran.push(command.to_owned());
        match command {
            "rustup target add wasm32-wasip1" => {} // it is there, and a test fetches nothing
            "cd greeting" => self.enter("greeting"),
            "outrigger run -c outrigger.yaml" => self.start().await,
            command => {
                let command = self.with_ports(command).await;
                let at = self.at.clone();
                let output = tokio::task::spawn_blocking(move || shell(&at, &command)).await.expect("a thread");
                assert_printed(&output, printed, self.ran.last().expect("this command"));
            }
        }
    }

    /// The SDK is the one that the example guests use, in the version of their lock file; what was built of it is kept.
    fn enter(&mut self, folder: &str) {
        self.at.push(folder);
        let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-examples");
        fs::copy(guests.join("Cargo.lock"), self.at.join("Cargo.lock")).expect("the lock file");
        let target = guests.join("target/guide");
        fs::create_dir_all(&target).expect("a folder");
        std::os::unix::fs::symlink(target, self.at.join("target")).expect("a link");
    }

    /// Starts the sidecar on free ports; its working directory is not the reader's.
    async fn start(&mut self) {
        let text = fs::read_to_string(self.at.join("outrigger.yaml")).expect("the configuration");
        assert!(text.contains("127.0.0.1:2045") && text.contains(MODULE), "{text}");
        let text = text.replace("127.0.0.1:2045", "127.0.0.1:0").replace(MODULE, &self.module());
        self.sidecar = Some(Sidecar::start(&text).await);
    }

    /// The command with the sidecar's own ports; where it names the module to the sidecar, with the whole path.
    async fn with_ports(&self, command: &str) -> String {
        let Some(sidecar) = self.sidecar.as_ref().filter(|_| command.starts_with("curl ")) else {
            return command.to_owned();
        };
        let business = sidecar.listener("business").await.to_string();
        let command = command.replace("127.0.0.1:2045", &business).replace(MODULE, &self.module());
        command.replace("127.0.0.1:34998", &sidecar.admin().to_string())
    }

    fn module(&self) -> String {
        self.at.join(MODULE).display().to_string()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.sidecar.take()); // before the folder that its module lies in
        assert!(self.folder.path().exists() || std::thread::panicking(), "the folder went first");
    }
}

/// Runs a command that must succeed, and gives what it printed.
fn shell(folder: &Path, command: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_outrigger")).parent().expect("a folder").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(folder).env("PATH", path).env("CARGO_NET_OFFLINE", "true");
    // What the cargo that runs this test says is not meant for the reader's.
    for variable in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        shell.env_remove(variable);
    }
    let output = shell.output().expect("sh runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "`{command}`: {}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Figures of time and memory and digests differ from run to run; a line `…` ends what is compared.
fn assert_printed(output: &str, said: &str, command: &str) {
    let figures = Regex::new(r"[0-9]+ (us|KiB)|sha256 [0-9a-f…]+").expect("a pattern");
    let plain = |text: &str| figures.replace_all(text, "#").into_owned();
    let (output, said) = (plain(output), plain(said));
    match said.split_once("…\n") {
        Some((beginning, _)) => {
            assert!(output.starts_with(beginning), "`{command}` printed\n{output}\nnot\n{beginning}")
        }
        None => assert_eq!(output, said, "`{command}`"),
    }
}

/// Why modules cannot be built here.
fn no_target() -> Option<String> {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    let libdir = match Command::new("rustc").args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => return Some(format!("rustc does not run: {error}")),
    };
    let missing = libdir.is_empty() || !Path::new(&libdir).exists();
    missing.then(|| format!("the Rust target {TARGET} is not installed (`rustup target add {TARGET}`)"))
}
