//! The `outrigger` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    outrigger::cli::main()
}
