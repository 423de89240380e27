//! Runs a server until a signal ends it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use ws4rs::{Drain, Error, Handle, Handler, Server};

use super::flags::Options;
use super::{FAILED, NO_START, USAGE, fail, raise_descriptor_limit};

/// Listens, says where, serves, drains.
pub(super) fn serve<H: Handler>(
    options: &Options,
    factory: impl Fn() -> H + Send + Sync + 'static,
) -> ExitCode {
    // Before there is anything to drain, a signal simply ends the process.
    raise_descriptor_limit();
    if let Some(fault) = options.fault() {
        return fail(USAGE, &fault);
    }
    let config = options.config();
    let drain = Drain::default().wait(config.close_timeout);
    let mut server = Server::builder().config(config);
    for address in &options.listen {
        server = server.bind(address);
    }
    let running = match server.start(factory) {
        Ok(running) => running,
        Err(error @ Error::Config(_)) => return fail(USAGE, &error),
        Err(error @ Error::Bind { .. }) if is_malformed(&error) => return fail(USAGE, &error),
        Err(error) => return fail(NO_START, &error),
    };
    let signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => return fail(NO_START, &error),
    };
    let forced = Arc::new(AtomicU8::new(0));
    let (handle, forcing) = (running.handle(), forced.clone());
    thread::spawn(move || obey(signals, &handle, drain, &forcing));

    if let Err(error) = announce(running.addresses()) {
        tracing::warn!(%error, "standard output is closed");
    }
    match (running.wait(), forced.load(Ordering::Acquire)) {
        (Err(error), _) => fail(FAILED, &error),
        (Ok(()), 0) => ExitCode::SUCCESS,
        // As a shell tells of a process that a signal has ended.
        (Ok(()), signal) => ExitCode::from(128 + signal),
    }
}

/// A first signal drains, a second one forces.
fn obey<H: Handler>(mut signals: Signals, handle: &Handle<H>, drain: Drain, forced: &AtomicU8) {
    let mut signals = signals.forever();
    if signals.next().is_some() {
        tracing::info!(connections = handle.connections(), "draining");
        handle.drain(drain);
    }
    if let Some(signal) = signals.next() {
        forced.store(signal as u8, Ordering::Release);
        handle.stop();
    }
}

fn announce(addresses: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on {address}")?;
    }
    out.flush()
}

/// Whether it is the address that is wrong, not the machine that refuses it.
fn is_malformed(error: &Error) -> bool {
    matches!(error, Error::Bind { source, .. } if source.kind() == io::ErrorKind::InvalidInput)
}
