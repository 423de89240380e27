//! Streams of the caller's that take nothing, panic or fail.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use ws4rs::client::{Error, Wait};

use super::{builder, dial};
use crate::host::{PING, TEXT, frame, host, host_open};

/// A stream that takes nothing more once it is told so, and says so at once.
struct Full(TcpStream, bool);

impl Read for Full {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn over_a_stream_that_takes_no_pong_what_has_come_is_heard_and_the_server_given_up() {
    for has_socket in [true, false] {
        let (url, hosted) = host(|mut peer| {
            let behind = [frame(true, PING, b"?"), frame(true, TEXT, b"come")].concat();
            peer.open_with("", &behind);
            peer.expect_cut();
        });
        let below = dial(&url);
        let over = Full(below.try_clone().unwrap(), false);
        let mut client = if has_socket {
            builder(&url).connect_over_socket(over, below).unwrap()
        } else {
            drop(below);
            builder(&url).connect_over(over).unwrap()
        };
        client.get_mut().get_mut().1 = true;
        assert_eq!(client.recv().unwrap().unwrap(), "come");
        let late = client.recv();
        assert!(matches!(late, Err(Error::Timeout(Wait::Write))), "{late:?}");
        assert_eq!(client.recv().unwrap(), None);
        assert!(matches!(client.send("more"), Err(Error::Closed)));
        drop(client);
        hosted.done();
    }
}

/// A stream whose second write, the first after the request, panics.
struct Panicking(TcpStream, u32);

impl Read for Panicking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Panicking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        assert_ne!(self.1, 2, "as it should");
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn after_a_stream_has_panicked_nothing_is_said_to_have_left() {
    let (url, hosted) = host_open(|mut peer| peer.expect_cut());
    let over = Panicking(dial(&url), 0);
    let mut client = builder(&url).connect_over(over).unwrap();
    let send = std::panic::AssertUnwindSafe(|| client.send("one"));
    assert!(std::panic::catch_unwind(send).is_err());
    assert!(matches!(client.send("two"), Err(Error::Closed)));
    drop(client);
    hosted.done();
}

/// A stream that was connected, and whose reads then fail in this way.
struct Failing(TcpStream, Option<io::ErrorKind>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1
            .map_or_else(|| self.0.read(buffer), |kind| Err(kind.into()))
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_dead_connection_is_not_taken_for_a_clock() {
    let (url, hosted) = host_open(|mut peer| peer.expect_cut());
    let below = dial(&url);
    let over = Failing(below.try_clone().unwrap(), None);
    let mut client = builder(&url).connect_over_socket(over, below).unwrap();
    // ETIMEDOUT.
    client.get_mut().get_mut().1 = Some(io::ErrorKind::TimedOut);
    match client.recv() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        other => panic!("{other:?}"),
    }
    hosted.done();
}
