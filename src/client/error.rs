//! What a caller, the network or the server got wrong.

use std::fmt;
use std::io;

use crate::proto::Violation;
use crate::proto::handshake::{DialFault, NotOpened, UrlError};

/// Why there is no connection, or no more of one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A URL that is no place to dial.
    Url(UrlError),
    /// A `wss://` URL, and no TLS.
    Secure,
    /// A request that cannot be sent as it was asked for.
    Dial(DialFault),
    /// A name without addresses.
    Resolve {
        /// The name.
        host: String,
        /// The resolver's reason.
        source: io::Error,
    },
    /// A place that cannot be connected to.
    Connect {
        /// The last address that was tried, or the path of a Unix socket.
        address: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// It took too long. After [`Wait::Read`] the connection goes on; after the others it is over.
    Timeout(Wait),
    /// The server did not open a WebSocket.
    NotOpened(NotOpened),
    /// The server broke the protocol. It has been told, and the connection is over.
    Protocol(Violation),
    /// The connection is closing or over: nothing can be sent.
    Closed,
    /// The connection broke, or ended without a closing handshake (`UnexpectedEof`).
    Io(io::Error),
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Finding the server's addresses.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// The opening handshake.
    Handshake,
    /// The next byte of the server.
    Read,
    /// The server, which takes nothing of what we write.
    Write,
    /// The closing handshake.
    Close,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Url(fault) => fault.fmt(f),
            Error::Secure => f.write_str(
                "wss:// needs TLS, which is not built in: bring a TLS stream to Builder::connect_over",
            ),
            Error::Dial(fault) => fault.fmt(f),
            Error::Resolve { host, source } => write!(f, "cannot find {host}: {source}"),
            Error::Connect { address, source } => {
                write!(f, "cannot connect to {address}: {source}")
            }
            Error::Timeout(what) => f.write_str(match what {
                Wait::Resolve => "finding the server took too long",
                Wait::Connect => "connecting took too long",
                Wait::Handshake => "the opening handshake took too long",
                Wait::Read => "the server is silent",
                Wait::Write => "the server takes nothing of what is sent",
                Wait::Close => "the server does not finish the closing handshake",
            }),
            Error::NotOpened(why) => why.fmt(f),
            Error::Protocol(violation) => violation.fmt(f),
            Error::Closed => f.write_str("the connection is closed"),
            Error::Io(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Url(fault) => Some(fault),
            Error::Dial(fault) => Some(fault),
            Error::Resolve { source, .. } | Error::Connect { source, .. } | Error::Io(source) => {
                Some(source)
            }
            Error::NotOpened(why) => Some(why),
            Error::Protocol(violation) => Some(violation),
            Error::Secure | Error::Timeout(_) | Error::Closed => None,
        }
    }
}

impl From<UrlError> for Error {
    fn from(fault: UrlError) -> Self {
        Error::Url(fault)
    }
}

impl From<DialFault> for Error {
    fn from(fault: DialFault) -> Self {
        Error::Dial(fault)
    }
}

impl From<NotOpened> for Error {
    fn from(why: NotOpened) -> Self {
        Error::NotOpened(why)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Error::Protocol(violation)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}
