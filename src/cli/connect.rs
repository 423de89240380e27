//! Talks to a server: what is read is sent, what comes is written.
//!
//! Three threads. One waits for standard input, one sends what that has read and the pings, and the
//! first one hears, and decides how it ends.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ws4rs::client::{self, Client, Error, Wait};
use ws4rs::{CloseCode, Owned};

use super::connect_flags::{ConnectOptions, is_usage};
use super::lines::{Input, Screen};
use super::{FAILED, NO_START, USAGE, fail};

/// What standard input has for the server.
enum Said {
    Message(Owned),
    End,
}

/// Connects, and talks until one side has enough.
pub(super) fn connect(options: &ConnectOptions) -> ExitCode {
    let client = match options.builder().connect() {
        Ok(client) => client,
        Err(error) if is_usage(&error) => return fail(USAGE, &error),
        Err(error) => return fail(NO_START, &error),
    };
    let screen = Screen::new(options.binary);
    screen.status(&match client.subprotocol() {
        Some(name) => format!("connected, {name}"),
        None => "connected".to_owned(),
    });
    talk(client, options, &screen)
}

fn talk(client: Client, options: &ConnectOptions, screen: &Screen) -> ExitCode {
    let (sender, mut receiver) = client.split();
    // One message is read while one is sent: a server that reads slowly slows down who writes to us.
    let (tell, said) = sync_channel(1);
    let (ping, stays) = (options.ping(), options.one);
    thread::spawn(move || speak(sender, &said, ping, stays));
    let misread = Arc::new(AtomicBool::new(false));
    let (noted, input, telling) = (misread.clone(), screen.input(), tell.clone());
    thread::spawn(move || read(input, &telling, &noted));

    let ended = hear(&mut receiver, options, screen);
    // As long as this one lives the speaker goes on pinging when there is nothing to say.
    drop(tell);
    match ended {
        Ok(()) => {}
        Err(End::Quiet) => return ExitCode::SUCCESS,
        Err(End::Failed(why)) => return fail(FAILED, &why),
    }
    let (code, reason) = receiver.closed().unwrap_or((CloseCode::NO_STATUS, ""));
    screen.status(&format!("closed: {code} {reason}"));
    match exit_code(code.get()) {
        0 if misread.load(Ordering::Acquire) => ExitCode::from(FAILED),
        0 => ExitCode::SUCCESS,
        wrong => fail(
            wrong,
            &format!("the server closed: {code} {reason}").trim_end(),
        ),
    }
}

/// How it ended, if not by the closing handshake.
enum End {
    /// Nobody reads any more.
    Quiet,
    Failed(String),
}

fn hear(
    receiver: &mut client::Receiver,
    options: &ConnectOptions,
    screen: &Screen,
) -> Result<(), End> {
    let mut enough = false;
    loop {
        let message = match receiver.recv() {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(Error::Timeout(Wait::Read)) => {
                return Err(End::Failed("no pong came in time".to_owned()));
            }
            Err(error) => return Err(End::Failed(error.to_string())),
        };
        if enough {
            continue;
        }
        let shown = screen.show(&message);
        enough = options.one || shown.is_err();
        if enough {
            // It may be closing already.
            let _ = receiver.begin_close(CloseCode::NORMAL, "");
        }
        match shown {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(End::Quiet),
            Err(error) => return Err(End::Failed(format!("standard output: {error}"))),
        }
    }
}

/// Sends what is said, and pings in between. What goes wrong with the connection is told to the one
/// who hears.
fn speak(
    mut sender: client::Sender,
    said: &Receiver<Said>,
    every: Option<Duration>,
    stays: bool,
) -> Result<(), Error> {
    // What is too far away for a clock is never.
    let next_ping = || Instant::now().checked_add(every?);
    let mut ping_at = next_ping();
    loop {
        let next = match ping_at {
            Some(at) => said.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => said.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok(Said::Message(message)) => sender.send(&message)?,
            Ok(Said::End) if stays => {}
            Ok(Said::End) => return sender.close(CloseCode::NORMAL, ""),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if ping_at.is_some_and(|at| at <= Instant::now()) {
            sender.ping(b"")?;
            ping_at = next_ping();
        }
    }
}

/// Reads until the end of standard input, or until nobody wants more of it.
fn read(mut input: Input, tell: &SyncSender<Said>, misread: &AtomicBool) {
    loop {
        let said = match input.next() {
            Ok(Some(message)) => Said::Message(message),
            Ok(None) => Said::End,
            Err(error) => {
                misread.store(true, Ordering::Release);
                eprintln!("ws4rs: standard input: {error}");
                Said::End
            }
        };
        let end = matches!(said, Said::End);
        if tell.send(said).is_err() || end {
            return;
        }
    }
}

/// What the process ends with, when the server has closed with this code. Nothing that a shell would
/// take for a signal: those begin at 128.
fn exit_code(code: u16) -> u8 {
    match code {
        // 1005: no code at all.
        1000 | 1005 => 0,
        1001..=1014 => (code - 900) as u8,
        3000..=3999 => 120,
        _ => 121,
    }
}
