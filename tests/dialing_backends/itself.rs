//! A server that dials itself.

use std::net::SocketAddr;

use ws4rs::{
    CloseCode, Connect, ConnectionId, Drain, Handler, Message, Peer, Request, Unopened, Verdict,
};

use super::dialled::dial;
use crate::setting::everywhere;
use crate::wire::Client;

/// Asked for a number it asks itself for the one below, and answers when it is answered.
struct Mirror;

/// Which side it is.
enum Side {
    Asked,
    /// What it is to ask, and on whose behalf.
    Asking(u32, ConnectionId),
}

impl Handler for Mirror {
    type State = Side;
    type Event = String;

    fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
        Verdict::accept(Side::Asked)
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        if let Side::Asking(number, _) = *peer.state {
            peer.text(&number.to_string());
        }
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let Message::Text(text) = message else {
            panic!("{message:?}");
        };
        match *peer.state {
            Side::Asking(_, id) => {
                peer.handle().post(id, format!("{text}.")).unwrap();
                peer.close(CloseCode::NORMAL, "");
            }
            Side::Asked => match text.parse() {
                Ok(0) => drop(peer.text("0")),
                Ok(number) => {
                    let state = Side::Asking(number - 1, peer.id());
                    let connect = Connect::new(dial(&format!("ws://{}/", peer.local())), state);
                    assert!(peer.handle().connect(connect).is_ok());
                }
                Err(error) => panic!("{error}"),
            },
        }
    }

    fn on_event(&mut self, peer: &mut Peer<'_, Self>, answer: String) {
        peer.text(&answer);
    }

    fn on_unopened(&mut self, _: Side, why: &Unopened) {
        panic!("{why}");
    }
}

#[test]
fn a_server_dials_itself() {
    everywhere(|setting| {
        let server = setting.bare().bind("127.0.0.1:0").start(|| Mirror);
        let server = server.unwrap();
        let url = &server.addresses()[0];
        let at: SocketAddr = url.strip_prefix("ws://").unwrap().parse().unwrap();
        let mut client = Client::open(at);
        client.text("50");
        client.expect_text(&format!("0{}", ".".repeat(50)));
        client.goodbye();
        let handle = server.handle().clone();
        handle.drain(Drain::default());
        server.wait().unwrap();
        assert_eq!(handle.connections(), 0);
        assert_eq!(handle.stats().panics, 0);
    });
}
