//! Flags in, an exit code out.
//!
//! `flags` is what a user may say, `serve` runs what they said, `handlers` is what the servers do.

mod flags;
mod handlers;
mod serve;

use std::process::ExitCode;

use flags::Command;
pub(crate) use flags::Flags;
use handlers::{Broadcast, Echo};

/// Runs a command to its end.
pub(crate) fn run(flags: &Flags) -> ExitCode {
    flags.start_log();
    match &flags.command {
        Command::Echo(options) => serve::serve(options, || Echo),
        Command::Broadcast {
            options,
            include_sender,
        } => {
            let include_sender = *include_sender;
            serve::serve(options, move || Broadcast { include_sender })
        }
    }
}
