//! Who is dialled: a server that echoes, or a socket.

use std::net::{SocketAddr, TcpListener};

use ws4rs::http::StatusCode;
use ws4rs::{Dial, Handler, Message, Peer, Request, Verdict};

use crate::wire::Client;

pub(super) struct Echo;

impl Handler for Echo {
    type State = ();
    type Event = ();

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        match request.path() {
            "/no" => Verdict::refuse(StatusCode::FORBIDDEN),
            _ => Verdict::accept(()),
        }
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        peer.send(message);
    }
}

pub(super) fn dial(url: &str) -> Dial {
    Dial::new(url.parse().unwrap())
}

pub(super) fn dial_to(address: SocketAddr) -> Dial {
    dial(&format!("ws://{address}/"))
}

pub(super) fn listener() -> (TcpListener, Dial) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dial = dial_to(listener.local_addr().unwrap());
    (listener, dial)
}

/// A socket that has been dialled, of which the request has been read.
pub(super) fn asked(listener: &TcpListener) -> Client {
    let (stream, _) = listener.accept().unwrap();
    let mut server = Client::new(stream);
    assert!(server.head().starts_with("GET / HTTP/1.1\r\n"));
    server
}
