//! Talks to a server: what is read is sent, what comes is written.
//!
//! Three threads. One waits for standard input, one sends what that has read and the pings, and the
//! first one hears, and decides how it ends.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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
    let pings = options.ping().map(Pings::new);
    let (pinging, stays) = (pings.clone(), options.one);
    thread::spawn(move || speak(sender, &said, pinging.as_ref(), stays));
    let misread = Arc::new(AtomicBool::new(false));
    let (noted, input, telling) = (misread.clone(), screen.input(), tell.clone());
    thread::spawn(move || read(input, &telling, &noted));

    let ended = hear(&mut receiver, pings.as_ref(), options.one, screen);
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
    pings: Option<&Pings>,
    one: bool,
    screen: &Screen,
) -> Result<(), End> {
    let mut enough = false;
    loop {
        let message = match receiver.recv() {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            // Nothing was asked: the speaker is stuck in a send, which has a limit of its own.
            Err(Error::Timeout(Wait::Read)) if !pings.is_some_and(Pings::unanswered) => continue,
            Err(Error::Timeout(Wait::Read)) => {
                return Err(End::Failed("no pong came in time".to_owned()));
            }
            Err(error) => return Err(End::Failed(error.to_string())),
        };
        if enough {
            continue;
        }
        let shown = screen.show(&message);
        enough = one || shown.is_err();
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

/// When the last two pings left. They wait behind a message that is being sent, and as long as none
/// leaves the server owes us nothing.
#[derive(Clone)]
struct Pings {
    every: Duration,
    left: Arc<Mutex<[Option<Instant>; 2]>>,
}

impl Pings {
    fn new(every: Duration) -> Self {
        let left = Arc::default();
        Pings { every, left }
    }

    fn note(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = [left[1], Some(Instant::now())];
    }

    /// Whether one left within the silence that has passed, and long enough ago to be answered. Two
    /// are as many as that takes: they are `every` apart.
    fn unanswered(&self) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.every..=silence(self.every);
        left.iter().flatten().any(|at| due.contains(&at.elapsed()))
    }
}

/// The silence after which to look for a ping without its pong: one that left in it, had its time,
/// and a quarter more for clocks that are not quite on time.
pub(super) fn silence(every: Duration) -> Duration {
    every.saturating_mul(2).saturating_add(every / 4)
}

/// Sends what is said, and pings in between. What goes wrong with the connection is told to the one
/// who hears.
fn speak(
    mut sender: client::Sender,
    said: &Receiver<Said>,
    pings: Option<&Pings>,
    stays: bool,
) -> Result<(), Error> {
    // What is too far away for a clock is never.
    let next_ping = || Instant::now().checked_add(pings?.every);
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
            pings.inspect(|pings| pings.note());
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
