//! The words of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderName, HeaderValue, Method, Uri};

use super::attempt::{header, url};

/// A transparent sidecar proxy that runs business logic as WebAssembly functions.
#[derive(Debug, Parser)]
#[command(name = "outrigger", version, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serves until SIGTERM or SIGINT.
    #[command(alias = "start")]
    Run(Run),
    /// Reads a configuration, compiles and configures its modules, and prints what is wrong.
    Check(Check),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
    /// Sends one request through a module, with a stub upstream and stores in memory, and prints what came of it.
    Try(Try),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The configuration; `-` reads it from stdin.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Address of the admin server, in place of `admin.address`.
    #[arg(long, value_name = "ADDR")]
    pub(super) admin: Option<SocketAddr>,
    /// A file that gets the bound address of the admin server.
    #[arg(long, value_name = "FILE")]
    pub(super) admin_address_path: Option<PathBuf>,
    /// Data-plane workers, in place of `threads`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) threads: Option<u32>,
    /// Lines below it are dropped, in place of `log.level`.
    #[arg(long, value_name = "LEVEL")]
    pub(super) log_level: Option<Level>,
    /// In place of `log.format`.
    #[arg(long, value_name = "FORMAT")]
    pub(super) log_format: Option<Format>,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The configuration; `-` reads it from stdin.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Prints the problems as JSON on stdout.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Try {
    /// The module.
    #[arg(value_name = "FILE.wasm")]
    pub(super) module: PathBuf,
    /// A configuration: seeds of its stores, names of its clusters, settings of the module's function, other functions.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The method; GET, or POST with a body.
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) method: Option<Method>,
    /// A header; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    #[arg(short, long, value_name = "BODY")]
    pub(super) data: Option<String>,
    /// Where the request goes: a path, or a whole URL.
    #[arg(value_name = "URL", default_value = "/", value_parser = url)]
    pub(super) url: Uri,
    /// Prints one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}
