//! Flags in, an exit code out.
//!
//! `flags` is what a user may say, `connect_flags` and `bench_flags` what to `connect` and to `bench`,
//! in the words of `ask_flags`, `deflate_flag` and `bench_values`; `serve`, `connect` and `bench` run what they said,
//! `handlers` is what the servers do, `lines` what a terminal or a pipe is to a connection.

mod ask_flags;
mod bench;
mod bench_flags;
mod bench_values;
mod connect;
mod connect_flags;
mod deflate_flag;
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
        Command::Bench { mode } => bench::bench(mode),
    }
}

/// Every connection is a descriptor. Tells how many there may be, where that is known.
fn raise_descriptor_limit() -> Option<u64> {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    match &raised {
        Ok(limit) => tracing::debug!(limit, "descriptors"),
        Err(error) => tracing::warn!(%error, "the limit on descriptors stays as it is"),
    }
    raised.ok()
}

fn fail(code: u8, error: &impl Display) -> ExitCode {
    // It may quote a server: a reason, a status, a subprotocol.
    eprintln!("ws4rs: {}", lines::tame_line(&error.to_string()));
    ExitCode::from(code)
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NO_START: u8 = 3;
