//! What the embedder or the kernel got wrong. The peer's faults are [`Violation`](crate::proto::Violation)s.

use std::fmt;
use std::io;

/// Why a server did not start, or stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Settings that do not go together; says what to change.
    Config(&'static str),
    /// An address that cannot be listened on.
    Bind {
        /// The address as it was given.
        address: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The backend that was asked for does not work here.
    Backend(io::Error),
    /// A worker's kernel interface failed, and with it the server.
    Worker(io::Error),
    /// A worker panicked, and with it the server.
    Panicked,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(fault) => f.write_str(fault),
            Error::Bind { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Error::Backend(source) => write!(f, "io_uring does not work here: {source}"),
            Error::Worker(source) => write!(f, "a worker failed: {source}"),
            Error::Panicked => f.write_str("a worker panicked"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bind { source, .. } | Error::Backend(source) | Error::Worker(source) => {
                Some(source)
            }
            Error::Config(_) | Error::Panicked => None,
        }
    }
}
