//! The command line: reads the words, calls what they mean, prints what comes of it.
//!
//! Results go to stdout, problems and logs to stderr. Exit codes are those of contract §1.
#![expect(clippy::print_stdout, reason = "results are printed here and nowhere else")]

mod arguments;
mod attempt;
mod check;
mod run;
mod source;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// Why a command did not do what was asked.
enum Failed {
    /// The configuration has problems.
    Problems(crate::config::Problems),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Runs the program with this process' arguments.
#[must_use]
pub fn main() -> ExitCode {
    // Wrong usage ends here, with exit code 2.
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => return check::check(&arguments),
        Command::Try(arguments) => return attempt::attempt(&arguments),
        Command::Schema => {
            print!("{}", crate::config::schema());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            report(&failed);
            ExitCode::FAILURE
        }
    }
}

fn report(failed: &Failed) {
    match failed {
        Failed::Problems(problems) => eprint!("{problems}"),
        Failed::Other(error) => {
            eprintln!("error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  caused by: {cause}"));
        }
    }
}
