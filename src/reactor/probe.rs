//! Whether a kernel interface does what it promises.
//!
//! A kernel may set up a ring and still refuse the operations; a container may forbid them.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{Close, Driver, Event, Source};
use crate::chunk::Chunks;

/// Tries on a pair of sockets all that a connection needs. A kernel may have set up the ring and
/// still refuse the operations.
///
/// # Errors
/// Which of the operations failed, and how.
pub fn probe(driver: &mut impl Driver) -> io::Result<()> {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.set_read_timeout(Some(PATIENCE))?;
    let token = driver.open(Source::Stream(OwnedFd::from(ours).into()))?;
    theirs.write_all(b"ping")?;
    expect(
        driver,
        "io_uring receive",
        |event| matches!(event, Event::Received(from, bytes, _) if *from == token && *bytes == b"ping"),
    )?;
    let mut chunks = Chunks::new();
    for word in [&b"po"[..], b"ng"] {
        chunks.share(word.into());
    }
    if driver.send(token, chunks).is_none() {
        expect(
            driver,
            "io_uring send",
            |event| matches!(event, Event::Sent(from, rest) if *from == token && rest.is_empty()),
        )?;
    }
    let mut echo = [0; 4];
    theirs
        .read_exact(&mut echo)
        .map_err(|error| because("io_uring send", error))?;
    driver.close(token, Close::Abort);
    expect(
        driver,
        "io_uring cancel",
        |event| matches!(event, Event::Closed(from, Ok(())) if *from == token),
    )
}

fn expect(driver: &mut impl Driver, what: &str, is: impl Fn(&Event<'_>) -> bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut outcome = None;
    while outcome.is_none() {
        if Instant::now() >= deadline {
            return Err(because(what, io::ErrorKind::TimedOut.into()));
        }
        driver.wait(Some(deadline), &mut |event| {
            outcome = match event {
                event if is(&event) => Some(Ok(())),
                Event::Closed(_, Err(error)) => Some(Err(because(what, error))),
                _ => return,
            }
        })?;
    }
    outcome.unwrap_or(Ok(()))
}

fn because(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// 1 s: what has not come on a pair of sockets by then will not.
const PATIENCE: Duration = Duration::from_secs(1);
