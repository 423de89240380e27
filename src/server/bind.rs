//! Sockets that listen.
//!
//! With several workers each listens for itself where the kernel deals out what comes in; elsewhere
//! one of them does, and hands out what it accepts.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use socket2::Socket;

use super::Place;
use super::worker::Listener;
use crate::config::Config;
use crate::error::Error;
use crate::reactor::{Address, socket};

/// Sockets that listen: for each worker its own.
pub(super) struct Bound {
    pub(super) listeners: Vec<Vec<Listener>>,
    pub(super) addresses: Vec<Address>,
    pub(super) urls: Vec<String>,
    pub(super) files: Vec<SocketFile>,
}

pub(super) fn bind(config: &Config, places: Vec<Place>) -> Result<Bound, Error> {
    let mut bound = Bound {
        listeners: (0..config.workers).map(|_| Vec::new()).collect(),
        addresses: Vec::new(),
        urls: Vec::new(),
        files: Vec::new(),
    };
    if places.is_empty() {
        return Err(Error::Config(
            "a server needs an address: call bind or listener, or only_dial",
        ));
    }
    let nowhere = places.iter().any(|place| matches!(place, Place::Nowhere));
    if nowhere && places.len() > 1 {
        return Err(Error::Config("only_dial goes with no address"));
    }
    for place in places {
        let name = match &place {
            Place::Named(name) => name.clone(),
            Place::Inherited(_) => "an inherited socket".to_owned(),
            Place::Nowhere => continue,
        };
        bound.add(config, place).map_err(|source| Error::Bind {
            address: name,
            source,
        })?;
    }
    Ok(bound)
}

impl Bound {
    fn add(&mut self, config: &Config, place: Place) -> io::Result<()> {
        let place = match place {
            Place::Inherited(descriptor) => {
                let socket = socket::inherit(descriptor)?;
                let url = match socket.local_addr()?.as_pathname() {
                    Some(path) => unix_url(path),
                    None => format!("ws://{}", socket::local_address(&socket)?),
                };
                return self.add_one(socket, url);
            }
            Place::Named(name) => name,
            Place::Nowhere => return Ok(()),
        };
        if let Some(path) = place.strip_prefix("unix:") {
            if path.is_empty() {
                let fault = "a Unix socket needs a path";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, fault));
            }
            let path = Path::new(path);
            let socket = socket::listen_unix(path)?;
            self.files.push(SocketFile::new(path)?);
            return self.add_one(socket, unix_url(path));
        }
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
        for address in place.to_socket_addrs()? {
            match listen_on(address, config) {
                Ok(sockets) if sockets.len() == 1 => {
                    let url = format!("ws://{}", socket::local_address(&sockets[0])?);
                    return sockets
                        .into_iter()
                        .try_for_each(|socket| self.add_one(socket, url.clone()));
                }
                Ok(sockets) => return self.add_each(sockets),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A socket that only one worker can listen on; it hands out what it accepts.
    fn add_one(&mut self, socket: Socket, url: String) -> io::Result<()> {
        let place = self.place(&socket, url)?;
        let worker = usize::from(place) % self.listeners.len();
        let shared_out = self.listeners.len() > 1;
        self.listeners[worker].push(Listener {
            socket,
            place,
            shared_out,
        });
        Ok(())
    }

    /// A socket for each worker; the kernel deals out what comes in.
    fn add_each(&mut self, sockets: Vec<Socket>) -> io::Result<()> {
        let url = format!("ws://{}", socket::local_address(&sockets[0])?);
        let place = self.place(&sockets[0], url)?;
        for (listeners, socket) in self.listeners.iter_mut().zip(sockets) {
            listeners.push(Listener {
                socket,
                place,
                shared_out: false,
            });
        }
        Ok(())
    }

    fn place(&mut self, socket: &Socket, url: String) -> io::Result<u16> {
        let place = u16::try_from(self.addresses.len()).map_err(io::Error::other)?;
        self.addresses.push(socket::local_address(socket)?);
        self.urls.push(url);
        Ok(place)
    }
}

/// One socket, or one for each worker where the kernel balances between them.
fn listen_on(address: SocketAddr, config: &Config) -> io::Result<Vec<Socket>> {
    if config.workers == 1 || !cfg!(target_os = "linux") {
        return Ok(vec![socket::listen(address, config.reuse_port)?]);
    }
    if !config.reuse_port {
        socket::prove_free(address)?;
    }
    let first = socket::listen(address, true)?;
    let address = match socket::local_address(&first)? {
        Address::Ip(address) => address,
        Address::Unix => address,
    };
    let mut sockets = vec![first];
    for _ in 1..config.workers {
        sockets.push(socket::listen(address, true)?);
    }
    Ok(sockets)
}

fn unix_url(path: &Path) -> String {
    format!("ws+unix:{}", path.display())
}

/// The file of a Unix socket of ours, removed when dropped: unless somebody else's is there by then.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let (path, identity) = (path.to_owned(), identity(path)?);
        Ok(SocketFile { path, identity })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What tells one file from another, and from a later one that was given the same inode.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> io::Result<Identity> {
    let of = fs::symlink_metadata(path)?;
    Ok((of.dev(), of.ino(), of.mtime(), of.mtime_nsec()))
}
