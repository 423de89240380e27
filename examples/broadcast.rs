//! A small chat. The path is the room, the query is who comes in:
//!
//! ```sh
//! cargo run --example broadcast
//! python -m websockets 'ws://127.0.0.1:9001/kitchen?Ann'
//! ```
//!
//! A room is a topic. Who is on another worker gets what is published all the same.

use std::sync::Arc;

use ws4rs::http::StatusCode;
use ws4rs::{Closed, Error, Handler, Message, Peer, Request, Server, Verdict};

struct Chat;

/// What is kept for each connection. Shared, so that a copy costs nothing while the peer is used.
struct Guest {
    name: Arc<str>,
    room: Arc<str>,
}

impl Handler for Chat {
    type State = Guest;
    type Event = ();

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        match request.query() {
            Some(name) if !name.is_empty() => Verdict::accept(Guest {
                name: name.into(),
                room: request.path().into(),
            }),
            _ => Verdict::refuse(StatusCode::FORBIDDEN),
        }
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let Guest { name, room } = &*peer.state;
        let (welcome, news) = (format!("welcome to {room}, {name}"), format!("{name} came"));
        let room = room.clone();
        peer.text(&welcome);
        peer.subscribe(&room);
        peer.publish(&room, news);
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        if let Message::Text(said) = message {
            let line = format!("{}: {said}", peer.state.name);
            peer.publish(&peer.state.room.clone(), line);
        }
    }

    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let news = format!("{} left ({})", peer.state.name, closed.cause);
        peer.publish(&peer.state.room.clone(), news);
    }
}

fn main() -> Result<(), Error> {
    let server = Server::builder().bind("127.0.0.1:9001").start(|| Chat)?;
    println!("listening on {}", server.addresses()[0]);
    server.wait()
}
