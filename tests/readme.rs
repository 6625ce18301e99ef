//! README is right: its commands are run in its order and print what it says.
//!
//! Ports that a machine may need for something else (those of Redis, of the application, of the sidecar) become free
//! ones, in the commands and in the configurations; 2045 and 34998, which the demo has, must come free.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(120);

/// Ports of the demo's listener and its admin server.
const DEMO: [u16; 2] = [2045, 34998];
/// Ports that the machine may need for something else.
const OTHER: [u16; 4] = [6379, 8080, 15006, 15021];

/// A block of commands, and the output that stands below it.
#[derive(Debug, PartialEq)]
struct Block {
    commands: String,
    output: Option<String>,
}

/// A program that goes on until the test ends it.
struct Server {
    child: Child,
    command: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The shell has become the program.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// One test for both files, since they want the same ports.
#[test]
fn the_commands_of_both_readmes_do_what_they_say() {
    follow("README.md", 13);
    follow("README.zh.md", 6);
}

/// Runs the commands of a file, which has so many blocks of them.
fn follow(file: &str, count: usize) {
    let blocks = blocks(&fs::read_to_string(file).unwrap());
    assert_eq!(blocks.len(), count, "{file} has {blocks:#?}");
    let machine = Machine::new();
    let mut servers: Vec<Server> = Vec::new();
    for block in blocks {
        if block.commands == "make demo\n" {
            let said = machine.demo();
            assert!(said.contains("There are 100 inventories for book1."), "{said}");
            servers.push(machine.serve("./target/debug/outrigger run -c config/quickstart.yaml"));
        } else if is_server(&block.commands) {
            // A new sidecar takes the place of the one before it.
            servers.retain(|server| !server.command.contains("outrigger"));
            servers.push(machine.serve(block.commands.trim_end()));
        } else {
            let printed = machine.run(&block.commands);
            match block.output {
                Some(output) => assert_eq!(printed, output, "{}", block.commands),
                None => assert!(!printed.is_empty(), "{}", block.commands),
            }
        }
    }
}

fn is_server(commands: &str) -> bool {
    ["redis-server", "python3 -m http.server", "./target/debug/outrigger run"]
        .iter()
        .any(|server| commands.starts_with(server))
}

/// The blocks marked `sh`, each with the block marked `text` that comes next.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let content: String = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        match kind {
            "sh" => blocks.push(Block { commands: content, output: None }),
            "text" => blocks.last_mut().expect("commands above it").output = Some(content),
            other => panic!("nobody knows what a block of `{other}` is"),
        }
    }
    blocks
}

/// What stands in for the ports and the configurations of README.
struct Machine {
    ports: BTreeMap<u16, u16>,
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let free: Vec<_> = OTHER.map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).into();
        let free = free.iter().map(|socket| socket.local_addr().unwrap().port());
        let machine = Self { ports: OTHER.into_iter().zip(free).collect(), folder: tempfile::tempdir().unwrap() };
        for name in ["layotto", "quickstart", "sidecar"] {
            let name = format!("config/{name}.yaml");
            let text = fs::read_to_string(&name).unwrap();
            let path = machine.folder.path().join(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, machine.with_ports(&text)).unwrap();
        }
        machine
    }

    fn with_ports(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (port, free)| text.replace(&port.to_string(), &free.to_string()))
    }

    /// A shell that will run this.
    fn shell(&self, command: &str) -> Command {
        let command = self.with_ports(command);
        let command = command.replace("./target/debug/outrigger", env!("CARGO_BIN_EXE_outrigger"));
        // The check of a configuration prints its name, so that one is checked where it is.
        let command = match command.contains(" run ") {
            true => command.replace("-c config/", &format!("-c {}/config/", self.folder.path().display())),
            false => command,
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).stdin(Stdio::null()).env("no_proxy", "*");
        shell
    }

    /// Runs commands to their end and gives what they print.
    fn run(&self, commands: &str) -> String {
        let output = self.shell(commands).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
        assert!(output.status.success(), "{commands}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
        // An answer has no line end of its own.
        if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
    }

    /// Runs `make demo`, which ends after its first answer.
    fn demo(&self) -> String {
        wait("ports 2045 and 34998 are free", || DEMO.iter().all(|port| is_free(*port)));
        self.run(&format!("DEMO_ONCE=1 OUTRIGGER={} make demo", env!("CARGO_BIN_EXE_outrigger")))
    }

    /// Starts a program that goes on, and waits until it listens.
    fn serve(&self, command: &str) -> Server {
        let port = match command {
            redis if redis.starts_with("redis-server") => self.ports[&6379],
            application if application.starts_with("python3") => self.ports[&8080],
            _ => DEMO[1],
        };
        wait(&format!("port {port} is free"), || is_free(port));
        let mut shell = self.shell(&format!("exec {command}"));
        let mut child = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait(&format!("`{command}` serves"), || {
            assert_eq!(child.try_wait().unwrap(), None, "`{command}` has ended");
            match port == DEMO[1] {
                true => self.shell("curl --silent --fail 127.0.0.1:34998/ready").output().unwrap().status.success(),
                false => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(),
            }
        });
        Server { child, command: command.to_owned() }
    }
}

/// Nobody listens on it, and no connection of somebody else has got it as the port of its own end: 34998 lies where the
/// kernel takes those from.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn blocks_are_found_with_their_output() {
    let text = "a\n```sh\none\ntwo\n```\nb\n```sh\nthree\n```\n\n```text\n3\n```\n";
    let block = |commands: &str, output: Option<&str>| Block {
        commands: commands.to_owned(),
        output: output.map(str::to_owned),
    };
    assert_eq!(blocks(text), [block("one\ntwo\n", None), block("three\n", Some("3\n"))]);
}
