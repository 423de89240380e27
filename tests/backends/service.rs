//! The server of the conversations, and what its handlers tell.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use ws4rs::http::{HeaderName, HeaderValue, StatusCode};
use ws4rs::{
    Accept, CloseCode, Closed, ConnectionId, Handler, Message, Peer, Request, Response, Running,
    Server, Verdict,
};

use crate::setting::Setting;
use crate::wire::{Client, DEADLINE};

/// Echoes, but for text that begins with a slash.
pub(super) struct Desk {
    worker: usize,
    tell: Sender<Told>,
}

/// What the handler tells the test.
#[derive(Debug)]
pub(super) enum Told {
    Opened {
        worker: usize,
        id: ConnectionId,
    },
    Closed {
        cause: String,
        code: u16,
        by_peer: bool,
    },
}

impl Handler for Desk {
    type State = ();
    type Event = String;

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        let mut accept = Accept::new(());
        if let Some(name) = request.choose(&["chat.v2", "chat.v1"]) {
            accept = accept.subprotocol(name);
        }
        match request.path() {
            "/refuse" => Verdict::refuse(StatusCode::FORBIDDEN),
            "/later" => Verdict::defer(|deferred| {
                thread::spawn(move || {
                    let name = HeaderName::from_static("x-decided");
                    deferred.accept(accept.header(name, HeaderValue::from_static("later")));
                });
            }),
            "/later-no" => Verdict::defer(|deferred| {
                thread::spawn(move || deferred.refuse(Response::new(StatusCode::GONE)));
            }),
            "/never" => Verdict::defer(drop),
            _ => accept.into(),
        }
    }

    fn on_http(&mut self, request: &Request<'_>) -> Option<Response> {
        let ok = Response::new(StatusCode::OK).body("well");
        (request.path() == "/health").then_some(ok)
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let (worker, id) = (self.worker, peer.id());
        let _ = self.tell.send(Told::Opened { worker, id });
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let Message::Text(text) = message else {
            peer.send(message);
            return;
        };
        let words: Vec<_> = text.splitn(3, ' ').collect();
        match words[..] {
            ["/close", code, reason] => {
                let code = CloseCode::new(code.parse().unwrap()).unwrap();
                peer.close(code, reason);
            }
            ["/terminate"] => peer.terminate(),
            ["/panic"] => panic!("as asked"),
            ["/where"] => {
                let subprotocol = peer.subprotocol().unwrap_or("none");
                let line = format!("{} {} {subprotocol}", peer.remote(), peer.local());
                peer.text(&line);
            }
            ["/subscribe", topic] => {
                let done = peer.subscribe(topic);
                peer.text(&format!("subscribed {done}"));
            }
            ["/publish", topic, said] => peer.publish(topic, said),
            _ => {
                peer.text(text);
            }
        }
    }

    fn on_event(&mut self, peer: &mut Peer<'_, Self>, event: String) {
        peer.text(&event);
    }

    fn on_close(&mut self, _: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let _ = self.tell.send(Told::Closed {
            cause: closed.cause.to_string(),
            code: closed.code.get(),
            by_peer: closed.by_peer,
        });
    }
}

/// A server at work, and what its handlers tell.
pub(super) struct Service {
    pub(super) running: Running<Desk>,
    pub(super) told: Receiver<Told>,
}

pub(super) fn idle() -> Desk {
    let (tell, _) = channel();
    Desk { worker: 0, tell }
}

pub(super) fn builder(setting: Setting) -> ws4rs::Builder {
    Server::builder()
        .backend(setting.backend)
        .workers(setting.workers)
        .bind("127.0.0.1:0")
}

impl Setting {
    pub(super) fn start(self) -> Service {
        self.serve(builder(self))
    }

    pub(super) fn serve(self, builder: ws4rs::Builder) -> Service {
        let (tell, told) = channel();
        let workers = AtomicUsize::new(0);
        let running = builder.start(move || Desk {
            worker: workers.fetch_add(1, Ordering::Relaxed),
            tell: tell.clone(),
        });
        let running = running.unwrap();
        assert_eq!(running.backend(), self.backend);
        Service { running, told }
    }
}

impl Service {
    /// Where its TCP listener of this place listens.
    pub(super) fn at(&self, place: usize) -> SocketAddr {
        let url = &self.running.addresses()[place];
        url.strip_prefix("ws://").unwrap().parse().unwrap()
    }

    pub(super) fn open(&self) -> Client {
        Client::open(self.at(0))
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(DEADLINE).unwrap()
    }

    pub(super) fn opened(&self) -> (usize, ConnectionId) {
        match self.next() {
            Told::Opened { worker, id } => (worker, id),
            other => panic!("{other:?}"),
        }
    }

    /// Cause, code, and whether the peer wished it.
    pub(super) fn closed(&self) -> (String, u16, bool) {
        loop {
            if let Told::Closed {
                cause,
                code,
                by_peer,
                ..
            } = self.next()
            {
                return (cause, code, by_peer);
            }
        }
    }
}
