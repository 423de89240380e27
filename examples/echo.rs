//! Sends every message back: a whole server. `cargo run --example echo`

use ws4rs::{Error, Handler, Message, Peer, Request, Server, Verdict};

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

fn main() -> Result<(), Error> {
    Server::builder().bind("127.0.0.1:9001").run(|| Echo)
}
