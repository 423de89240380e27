//! Flags in, an exit code out.
//!
//! `flags` is what a user may say, and `connect_flags` what to `connect`; `serve` and `connect` run
//! what they said, `handlers` is what the servers do, `lines` what a terminal or a pipe is to a
//! connection.

mod connect;
mod connect_flags;
mod flags;
mod handlers;
mod lines;
mod serve;

use std::fmt::Display;
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
        Command::Connect(options) => connect::connect(options),
    }
}

fn fail(code: u8, error: &impl Display) -> ExitCode {
    // It may quote a server: a reason, a status, a subprotocol.
    eprintln!("ws4rs: {}", lines::tame_line(&error.to_string()));
    ExitCode::from(code)
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NO_START: u8 = 3;
