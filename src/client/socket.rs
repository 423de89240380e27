//! A connected socket: TCP, or a Unix one where there are such.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::transport::Transport;

/// What [`connect`](super::connect) connects.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The same for either kind.
macro_rules! either {
    ($socket:expr, $stream:ident => $what:expr) => {
        match $socket {
            Socket::Tcp($stream) => $what,
            #[cfg(unix)]
            Socket::Unix($stream) => $what,
        }
    };
}

impl Socket {
    /// Our address, if it is TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.local_addr().ok()
    }

    /// The server's address, if it is TCP.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.peer_addr().ok()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Socket::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }
}

impl Transport for Socket {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => (&mut &*stream).read(buffer))
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => (&mut &*stream).write_vectored(slices))
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn keeps_time(&self) -> bool {
        true
    }

    fn read_within(&self, limit: Option<Duration>) -> io::Result<()> {
        let limit = limit.map(|limit| limit.max(TICK));
        either!(self, stream => stream.set_read_timeout(limit))
    }

    fn write_within(&self, limit: Duration) -> io::Result<()> {
        let limit = Some(limit.max(TICK));
        either!(self, stream => stream.set_write_timeout(limit))
    }

    fn always_waits(&self) -> bool {
        false
    }

    fn set_waiting(&self, waits: bool) -> io::Result<()> {
        either!(self, stream => stream.set_nonblocking(!waits))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        either!(self, stream => stream.shutdown(how))
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Socket::Tcp(stream)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Socket::Unix(stream)
    }
}

/// 1 ms: nothing shorter can be told to every kernel, and zero would mean forever.
const TICK: Duration = Duration::from_millis(1);
