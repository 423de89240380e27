//! What the bundled servers do.

use ws4rs::{Handler, Message, Peer, Prepared, Request, Verdict};

/// Sends every message back.
pub(super) struct Echo;

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

/// Sends every message to everybody else.
pub(super) struct Broadcast {
    pub(super) include_sender: bool,
}

impl Handler for Broadcast {
    type State = ();
    type Event = ();

    fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
        Verdict::accept(())
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        peer.subscribe(EVERYBODY);
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let message = Prepared::from(message);
        if self.include_sender {
            peer.prepared(&message);
        }
        peer.publish(EVERYBODY, message);
    }
}

const EVERYBODY: &str = "everybody";
