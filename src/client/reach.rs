//! From a name to a connected socket, within one deadline. Knows nothing of WebSocket.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use super::error::{Error, Wait};
use super::socket::Socket;
use super::transport::left;
use crate::proto::handshake::Endpoint;

/// Connects to a place, by the time it has to be done.
pub(super) fn reach(endpoint: Endpoint<'_>, by: Instant) -> Result<Socket, Error> {
    match endpoint {
        Endpoint::Tcp { host, port } => tcp(host, port, by),
        Endpoint::Unix(path) => unix(path, by),
    }
}

/// Tries all addresses of a name, one after the other.
fn tcp(host: &str, port: u16, by: Instant) -> Result<Socket, Error> {
    let addresses = resolve(host, port, by)?;
    let mut failed = None;
    for (index, address) in addresses.iter().enumerate() {
        let left = left(by).ok_or(Error::Timeout(Wait::Connect))?;
        // A fair share for each: the first may be one that never answers.
        let share = left / (addresses.len() - index) as u32;
        let connected = TcpStream::connect_timeout(address, share).and_then(|stream| {
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(stream.into()),
            Err(source) => failed = Some((*address, source)),
        }
    }
    match failed {
        Some(_) if left(by).is_none() => Err(Error::Timeout(Wait::Connect)),
        Some((address, source)) => Err(Error::Connect {
            address: address.to_string(),
            source,
        }),
        None => Err(Error::Resolve {
            host: host.to_owned(),
            source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        }),
    }
}

fn resolve(host: &str, port: u16, by: Instant) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let name = (host.to_owned(), port);
    let ask = move || Ok(name.to_socket_addrs()?.take(ADDRESSES_MAX).collect());
    within(by, Wait::Resolve, ask)?.map_err(|source| Error::Resolve {
        host: host.to_owned(),
        source,
    })
}

#[cfg(unix)]
fn unix(path: &str, by: Instant) -> Result<Socket, Error> {
    let name = path.to_owned();
    // Done at once, or refused at once, unless more wait there than the server lets wait.
    let connect = move || UnixStream::connect(name).map(Socket::from);
    within(by, Wait::Connect, connect)?.map_err(|source| Error::Connect {
        address: path.to_owned(),
        source,
    })
}

#[cfg(not(unix))]
fn unix(path: &str, _: Instant) -> Result<Socket, Error> {
    Err(Error::Connect {
        address: path.to_owned(),
        source: io::ErrorKind::Unsupported.into(),
    })
}

/// Does what cannot be interrupted, and waits for it until then. What takes longer is left to its
/// thread, which ends when it does.
fn within<R: Send + 'static>(
    by: Instant,
    what: Wait,
    work: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> Result<io::Result<R>, Error> {
    let (tell, told) = mpsc::channel();
    let worker = thread::Builder::new().name("ws4rs-reach".to_owned());
    worker.spawn(move || tell.send(work()))?;
    let left = left(by).ok_or(Error::Timeout(what))?;
    told.recv_timeout(left).map_err(|_| Error::Timeout(what))
}

/// 16: who has more addresses than that is not reached sooner by trying all of them.
const ADDRESSES_MAX: usize = 16;
