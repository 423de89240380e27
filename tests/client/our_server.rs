//! The client and our own server, on each backend.

use std::thread;

use ws4rs::client::{self, Error};
use ws4rs::config::Backend;
use ws4rs::http::StatusCode;
use ws4rs::proto::handshake::NotOpened;
use ws4rs::{
    Accept, CloseCode, Handler, Message, Owned, Peer as Connection, Request, Running, Server,
    Verdict,
};

use super::{builder, connect, expect_over, text};
use crate::host::noise;

/// Echoes; closes when it is told to.
struct Desk;

impl Handler for Desk {
    type State = ();
    type Event = ();

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        match request.path() {
            "/refuse" => Verdict::refuse(StatusCode::FORBIDDEN),
            _ => match request.choose(&["chat.v2", "chat.v1"]) {
                Some(name) => Accept::new(()).subprotocol(name).into(),
                None => Verdict::accept(()),
            },
        }
    }

    fn on_message(&mut self, peer: &mut Connection<'_, Self>, message: Message<'_>) {
        match message {
            Message::Text("/close") => peer.close(CloseCode::POLICY, "as you wish"),
            message => _ = peer.send(message),
        }
    }
}

/// A server of ours for each backend that works here.
fn servers() -> impl Iterator<Item = (Running<Desk>, String)> {
    [Backend::IoUring, Backend::Mio]
        .into_iter()
        .filter_map(|backend| {
            let server = Server::builder().backend(backend).workers(2);
            match server.bind("127.0.0.1:0").start(|| Desk) {
                Ok(running) => {
                    let url = running.addresses()[0].clone();
                    Some((running, url))
                }
                Err(error) => {
                    println!("left out: io_uring does not work here: {error}");
                    assert_eq!(backend, Backend::IoUring);
                    None
                }
            }
        })
}

fn stop(running: Running<Desk>) {
    running.handle().stop();
    running.wait().unwrap();
}

#[test]
fn our_server_echoes_byte_for_byte() {
    for (running, url) in servers() {
        let mut client = client::connect(&url).unwrap();
        for size in [0, 1, 125, 126, 65_535, 65_536, 65_537, 1 << 20] {
            let bytes = noise(3, size);
            client.send(&bytes).unwrap();
            let echoed = client.recv().unwrap().unwrap();
            assert!(echoed == bytes[..], "{size} bytes");
            let text: String = "aé€😀".chars().cycle().take(size / 3).collect();
            client.send(&text).unwrap();
            assert!(
                client.recv().unwrap().unwrap() == text[..],
                "{size} bytes of text"
            );
        }
        client.ping(b"pong is passed over").unwrap();
        let owned = Owned::from("owned");
        client.send(&owned).unwrap();
        assert_eq!(client.recv().unwrap(), Some(owned));
        let closed = client.close(CloseCode::NORMAL, "done").unwrap();
        assert_eq!(closed.code, CloseCode::NORMAL);
        stop(running);
    }
}

#[test]
fn our_server_floods_back() {
    const MESSAGES: usize = 24;
    for (running, url) in servers() {
        let (mut sender, mut receiver) = client::connect(&url).unwrap().split();
        let big = noise(4, 1 << 20);
        let saying = thread::spawn({
            let big = big.clone();
            move || {
                for _ in 0..MESSAGES {
                    sender.send(&big).unwrap();
                }
                sender.close(CloseCode::NORMAL, "").unwrap();
            }
        });
        let mut heard = 0;
        // What was said before the Close comes back before the answer to it.
        for message in &mut receiver {
            assert!(message.unwrap() == big[..]);
            heard += 1;
        }
        assert_eq!(heard, MESSAGES);
        assert_eq!(receiver.closed(), Some((CloseCode::NORMAL, "")));
        saying.join().unwrap();
        stop(running);
    }
}

#[test]
fn our_server_agrees_refuses_and_closes() {
    for (running, url) in servers() {
        let asked = builder(&url).subprotocol("chat.v1").subprotocol("none");
        let mut client = asked.connect().unwrap();
        assert_eq!(client.subprotocol(), Some("chat.v1"));
        client.send("/close").unwrap();
        expect_over(&mut client);
        assert_eq!(client.closed(), Some((CloseCode::POLICY, "as you wish")));

        let refused = builder(&format!("{}/refuse", url.trim_end_matches('/'))).connect();
        match refused {
            Err(Error::NotOpened(NotOpened::Refused(refused))) => {
                assert_eq!(refused.status(), StatusCode::FORBIDDEN);
            }
            other => panic!("{other:?}"),
        }
        let mut drained = connect(&url);
        drained.send("in").unwrap();
        assert_eq!(text(&mut drained), "in");
        stop(running);
        drained.recv().ok();
        assert!(matches!(drained.recv(), Ok(None)));
    }
}
