//! Sockets that listen, sockets that dial out, and where sockets are.
//!
//! Knows options and addresses, nothing of rings or polls.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::Address;

/// Listens on TCP. With `share`, several sockets may listen on the same port and the kernel deals the
/// connections out among them (`SO_REUSEPORT`).
///
/// # Errors
/// What the kernel says, above all that the address is in use or needs a privilege.
pub fn listen(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A port whose old connections are still in TIME_WAIT is free.
    socket.set_reuse_address(true)?;
    if share {
        socket.set_reuse_port(true)?;
    }
    no_delay(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Makes sure that nobody listens on `address`: a port that is shared by `SO_REUSEPORT` would otherwise
/// be shared with whoever is there already, a forgotten process of our own for example.
///
/// # Errors
/// `AddrInUse`, or what else the kernel says.
pub fn prove_free(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

/// Listens on a Unix socket. The file of a socket that nobody listens on any more is replaced.
///
/// # Errors
/// `AddrInUse` when somebody listens there, or when the file is not a socket; else what the kernel says.
pub fn listen_unix(path: &Path) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse || !is_stale(path, &address)? {
            return Err(error);
        }
        fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Takes over a listening socket that somebody else has opened: a service manager, a previous process.
///
/// # Errors
/// `InvalidInput` when it is not a listening stream socket.
pub fn inherit(listener: impl Into<OwnedFd>) -> io::Result<Socket> {
    let socket = Socket::from(listener.into());
    if socket.r#type()? != Type::STREAM || !is_listening(&socket)? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the inherited descriptor is not a listening stream socket",
        ));
    }
    no_delay(&socket)?;
    Ok(socket)
}

/// Starts to connect to `to` by TCP, and does not wait: what comes of it is told of a
/// [`Source::Connecting`](super::Source::Connecting).
///
/// With `from` the connection comes from that address. Its port is then chosen before the destination is
/// known, so Linux lets some 28 000 connections come from one `from`, wherever they go; without `from` it
/// is so many to each destination.
///
/// # Errors
/// What the kernel knows at once: no route, no port, no descriptor; that `from` is not ours.
pub fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(from) = from {
        // IP_BIND_ADDRESS_NO_PORT would choose the port when the destination is known, but socket2 does
        // not offer it; SO_REUSEADDR makes no difference here.
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

/// Connects to a Unix socket: at once, or not at all.
///
/// # Errors
/// What the kernel says; `WouldBlock` when nobody accepts and the backlog is full.
pub fn connect_unix(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

/// Where `socket` listens, or its own end of a connection.
///
/// # Errors
/// What the kernel says, or `Unsupported` for a family that is neither IP nor Unix.
pub fn local_address(socket: &Socket) -> io::Result<Address> {
    to_address(&socket.local_addr()?).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Our word for the kernel's address; none for a family that is neither IP nor Unix.
pub fn to_address(address: &SockAddr) -> Option<Address> {
    match address.as_socket() {
        Some(ip) => Some(Address::Ip(ip)),
        None => address.is_unix().then_some(Address::Unix),
    }
}

/// Whether an accept failed because something ran out here, and not because the peer gave up.
pub(super) fn is_starved(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS)
    )
}

/// Sends small frames at once. Linux hands the option of a listener down to what it accepts.
pub(super) fn no_delay(socket: &Socket) -> io::Result<()> {
    match to_address(&socket.local_addr()?) {
        Some(Address::Ip(_)) => socket.set_tcp_nodelay(true),
        _ => Ok(()),
    }
}

fn is_stale(path: &Path, address: &SockAddr) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A live listener whose backlog is full must not hold us up.
    probe.set_nonblocking(true)?;
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    Ok(probe.connect(address).is_err_and(refused))
}

#[cfg(not(target_vendor = "apple"))]
fn is_listening(socket: &Socket) -> io::Result<bool> {
    socket.is_listener()
}

/// There is no asking here: the first accept will tell.
#[cfg(target_vendor = "apple")]
fn is_listening(_: &Socket) -> io::Result<bool> {
    Ok(true)
}

/// 4096: a burst of connects waits here for one turn; Linux cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn ip(socket: &Socket) -> SocketAddr {
        match local_address(socket).unwrap() {
            Address::Ip(address) => address,
            Address::Unix => panic!("not an IP address"),
        }
    }

    #[test]
    fn a_shared_port_is_shared_and_is_not_free() {
        let first = listen(any_port(), true).unwrap();
        let address = ip(&first);
        let second = listen(address, true).unwrap();
        assert_eq!(ip(&second), address);
        assert_eq!(
            prove_free(address).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        drop((first, second));
        prove_free(address).unwrap();
    }

    #[test]
    fn a_port_that_is_not_shared_is_ours_alone() {
        let first = listen(any_port(), false).unwrap();
        let error = listen(ip(&first), true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("ws4rs-stale-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        drop(UnixListener::bind(&path).unwrap());
        let live = listen_unix(&path).unwrap();
        assert_eq!(local_address(&live).unwrap(), Address::Unix);
        UnixStream::connect(&path).unwrap();
        assert_eq!(
            listen_unix(&path).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert_eq!(
            listen_unix(&path).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_listening_sockets_are_inherited() {
        let std = std::net::TcpListener::bind(any_port()).unwrap();
        let connected = std::net::TcpStream::connect(std.local_addr().unwrap()).unwrap();
        inherit(std).unwrap();
        if cfg!(target_os = "linux") {
            inherit(connected).unwrap_err();
        }
    }
}
