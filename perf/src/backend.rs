//! The choice of a kernel, made by a flag.

use std::fmt;
use std::io;

use clap::ValueEnum;
use ws4rs::internal::reactor::Driver;
use ws4rs::internal::reactor::poll::Poll;
#[cfg(target_os = "linux")]
use ws4rs::internal::reactor::uring::Uring;

/// Which implementation of [`Driver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    IoUring,
    Mio,
}

impl Backend {
    /// Opens it. Nothing falls back here: a measurement is of what it says it is of.
    pub fn driver(self) -> io::Result<Box<dyn Driver>> {
        match self {
            #[cfg(target_os = "linux")]
            Backend::IoUring => Ok(Box::new(Uring::new()?)),
            #[cfg(not(target_os = "linux"))]
            Backend::IoUring => Err(io::ErrorKind::Unsupported.into()),
            Backend::Mio => Ok(Box::new(Poll::new()?)),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::IoUring => "io-uring",
            Backend::Mio => "mio",
        })
    }
}
