//! Connections that a worker opens: the same handler, the same peer, the other side of the wire.

use std::sync::mpsc::{Sender, channel};

use ws4rs::{
    Backend, CloseCode, Closed, Connect, Deflate, Dial, Handler, Message, Peer, Request, Running,
    Server, Unopened, Verdict,
};

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Open,
    Text(String),
    Close(u16),
    Unopened(String),
}

struct Client(Sender<(usize, Told)>);

impl Handler for Client {
    type State = usize;
    type Event = ();

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let _ = self.0.send((*peer.state, Told::Open));
        peer.text(&"hello ".repeat(200));
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        if let Message::Text(text) = message {
            let _ = self.0.send((*peer.state, Told::Text(text.to_owned())));
        }
        peer.close(CloseCode::NORMAL, "");
    }

    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let _ = self.0.send((*peer.state, Told::Close(closed.code.get())));
    }

    fn on_unopened(&mut self, state: usize, why: &Unopened) {
        let _ = self.0.send((state, Told::Unopened(why.to_string())));
    }
}

struct Echo;

impl Handler for Echo {
    type State = ();
    type Event = ();

    fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
        Verdict::accept(())
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        peer.send(message);
    }
}

fn echo(backend: Backend) -> Running<Echo> {
    Server::builder()
        .backend(backend)
        .workers(1)
        .bind("127.0.0.1:0")
        .deflate(Deflate::takeover(12))
        .start(|| Echo)
        .unwrap()
}

#[test]
fn smoke() {
    for backend in [Backend::IoUring, Backend::Mio] {
        for deflate in [None, Some(Deflate::shared()), Some(Deflate::takeover(10))] {
            let server = echo(backend);
            let (tell, told) = channel();
            let clients = Server::builder()
                .only_dial()
                .backend(backend)
                .workers(1)
                .start(move || Client(tell.clone()))
                .unwrap();
            for n in 0..100 {
                let mut dial = Dial::new(server.addresses()[0].parse().unwrap());
                if let Some(deflate) = deflate {
                    dial = dial.deflate(deflate);
                }
                clients.handle().connect(Connect::new(dial, n)).unwrap();
            }
            let mut all: Vec<_> = told.iter().take(300).collect();
            all.sort_by_key(|(n, _)| *n);
            assert_eq!(
                all[0..3],
                [
                    (0, Told::Open),
                    (0, Told::Text("hello ".repeat(200))),
                    (0, Told::Close(1000))
                ]
            );
            assert_eq!(
                all[297..300],
                [
                    (99, Told::Open),
                    (99, Told::Text("hello ".repeat(200))),
                    (99, Told::Close(1000))
                ]
            );
        }
    }
}
