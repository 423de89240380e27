//! Dials a peer, talks with it, and hears that it could not be reached.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;

use socket2::{Domain, Socket, Type};
use ws4rs::internal::reactor::{Close, Source, Token, socket};

use crate::house::*;

/// A port that is taken, so that nobody else gets it, and that nobody listens on.
pub(super) struct Refusing(pub(super) Socket);

impl Refusing {
    pub(super) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).unwrap();
        Refusing(socket)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

pub(super) fn dial(house: &mut House, to: SocketAddr) -> Token {
    let socket = socket::connect(to, None).unwrap();
    house.open(Source::Connecting(socket))
}

/// A word there and a word back.
pub(super) fn talk(house: &mut House, token: Token, peer: impl FnOnce() -> TcpStream) {
    house.send(token, own(b"hello"));
    house.until(|told| matches!(told, Told::Sent(of, rest) if *of == token && rest.is_empty()));
    let mut peer = peer();
    assert_eq!(read(&mut peer, 5), b"hello");
    peer.write_all(b"well").unwrap();
    house.until(
        |told| matches!(told, Told::Received(of, bytes) if *of == token && bytes == b"well"),
    );
    house.driver.close(token, Close::Finish);
    drop(peer);
    house.until(|told| matches!(told, Told::Closed(of, Ok(())) if *of == token));
}

pub(super) fn expect_refused(house: &mut House, token: Token, sending: Option<usize>) {
    let told = expect_failed(house, token, sending);
    assert_eq!(told, io::ErrorKind::ConnectionRefused);
}

/// It was closed, by us or by the refusal, and nothing else is told of it.
pub(super) fn is_given_up_or_refused(told: &Told, token: Token) -> bool {
    match told {
        Told::Closed(of, Ok(())) => *of == token,
        Told::Closed(of, Err(error)) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            *of == token
        }
        other => panic!("{other:?}"),
    }
}

/// The send comes home untouched, then comes the error, and nothing else.
pub(super) fn expect_failed(
    house: &mut House,
    token: Token,
    sending: Option<usize>,
) -> io::ErrorKind {
    let mut home = None;
    let mut failure = None;
    house.until(|told| {
        match told {
            Told::Sent(_, rest) => home = Some(rest.len()),
            Told::Closed(of, Err(error)) if *of == token => failure = Some(error.kind()),
            other => panic!("{other:?}"),
        }
        failure.is_some()
    });
    assert_eq!(home, sending);
    failure.unwrap()
}

pub(super) fn unix_path(name: &str) -> PathBuf {
    let name = format!(
        "ws4rs-{name}-{}-{:?}",
        std::process::id(),
        thread::current().id()
    );
    std::env::temp_dir().join(name)
}
