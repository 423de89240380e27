//! Whom the load is for: a WebSocket server, or one that knows nothing but bytes.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use ws4rs::Dial;
use ws4rs::internal::reactor::Source;
use ws4rs::internal::reactor::socket::{connect, connect_unix};
use ws4rs::proto::handshake::Endpoint;

/// A server, as the user names it.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Asked for the upgrade.
    Ws(Box<Dial>),
    /// `HOST:PORT`, which gets as many bytes without frames.
    Tcp(String),
}

impl Target {
    /// Bytes go there, without frames.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self, Target::Tcp(_))
    }

    pub(super) fn is_unix(&self) -> bool {
        matches!(self, Target::Ws(dial) if matches!(dial.url().endpoint(), Endpoint::Unix(_)))
    }

    pub(super) fn offers_deflate(&self) -> bool {
        matches!(self, Target::Ws(dial) if dial.offered_deflate().is_some())
    }
}

/// A server as it is connected to.
#[derive(Debug)]
pub(super) struct Door {
    place: Place,
    /// What is asked first, if it is a WebSocket.
    pub(super) dial: Option<Dial>,
    /// Our own addresses, in turn.
    from: Vec<IpAddr>,
    next: usize,
}

#[derive(Debug)]
enum Place {
    Ip(SocketAddr),
    Unix(PathBuf),
}

impl Door {
    /// Finds where `target` is. `many`: the ports that one address of ours lends may not do.
    pub(super) fn find(target: &Target, from: &[IpAddr], many: bool) -> io::Result<Self> {
        let place = match target {
            Target::Tcp(name) => Place::Ip(find(name.as_str(), name)?),
            Target::Ws(dial) => match dial.url().endpoint() {
                Endpoint::Unix(path) => Place::Unix(path.into()),
                Endpoint::Tcp { host, port } => Place::Ip(find((host, port), host)?),
            },
        };
        let mut from = from.to_vec();
        if from.is_empty() && many && place.is_loopback() {
            from = loopback_addresses();
        }
        let dial = match target {
            Target::Ws(dial) => Some((**dial).clone()),
            Target::Tcp(_) => None,
        };
        Ok(Door {
            place,
            dial,
            from,
            next: 0,
        })
    }

    /// Begins to connect.
    pub(super) fn knock(&mut self) -> io::Result<Source> {
        let socket = match &self.place {
            Place::Unix(path) => {
                connect_unix(path).map_err(|error| told_of(path.display(), &error))?
            }
            Place::Ip(to) => {
                let from = self.from.get(self.next).copied();
                self.next = (self.next + 1) % self.from.len().max(1);
                connect(*to, from).map_err(|error| match from {
                    Some(from) => told_of(from, &error),
                    None => error,
                })?
            }
        };
        Ok(Source::Connecting(socket))
    }
}

impl Place {
    fn is_loopback(&self) -> bool {
        matches!(self, Place::Ip(SocketAddr::V4(to)) if to.ip().is_loopback())
    }
}

/// The address of a name; of several the first where somebody listens.
fn find(name: impl ToSocketAddrs, host: &str) -> io::Result<SocketAddr> {
    let all = name.to_socket_addrs();
    let all: Vec<_> = all.map_err(|error| told_of(host, &error))?.collect();
    let listens = |to: &&SocketAddr| TcpStream::connect_timeout(to, TRIED).is_ok();
    let found = match &all[..] {
        [] | [_] => None,
        several => several.iter().find(listens),
    };
    let none = || io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    found.or(all.first()).copied().ok_or_else(none)
}

/// An error, and whose it is. Of the same kind: one of them is no error.
fn told_of(whose: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{whose}: {error}"))
}

/// All of 127.0.0.0/8 is ours, without asking, on Linux.
fn loopback_addresses() -> Vec<IpAddr> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let address = |last| Ipv4Addr::new(127, 0, 1, last).into();
    (1..=ADDRESSES).map(address).collect()
}

/// 1 s: an address that takes longer is not the one.
const TRIED: Duration = Duration::from_secs(1);
/// 200: with 28 000 ports each they outlast a minute of TIME_WAIT at 90 000 connections a second.
const ADDRESSES: u8 = 200;
