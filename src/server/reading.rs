//! Frames in, callbacks out: the loop that everything else exists for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::{Inlet, Stage};
use super::flags::Flag;
use super::hall::Voice;
use super::handler::{Cause, Handler};
use super::peer::Peer;
use super::worker::Worker;
use crate::proto::websocket::receive;
use crate::proto::{Event, Input, Role, Stream};
use crate::reactor::{Line, Token};

impl<H: Handler> Worker<H> {
    /// Reads the frames in `bytes`, in place, until they are used up or the peer is not to be read:
    /// what is left then is kept.
    pub(super) fn read(
        &mut self,
        token: Token,
        bytes: &mut [u8],
        line: Option<&dyn Line>,
        role: Role,
    ) {
        let Worker {
            handler,
            inlets,
            hall,
            rules,
            client_rules,
            ..
        } = self;
        let rules = match role {
            Role::Server => &*rules,
            Role::Client => &*client_rules,
        };
        let Some(Some(inlet)) = inlets.get_mut(token.index as usize) else {
            return;
        };
        let Inlet {
            stage: Stage::Open(stream, state),
            rest,
        } = inlet
        else {
            return;
        };
        let mut input = Input::new(bytes);
        loop {
            let enough = hall.outlets.enough;
            let Some(outlet) = hall.outlets.get_mut(token) else {
                return;
            };
            if outlet.holds() || enough {
                stream.let_go();
                let left = input.take_all();
                if !left.is_empty() {
                    *rest = Some(Box::new(left.to_vec()));
                }
                return;
            }
            if outlet.is(Flag::Doomed) {
                return;
            }
            let event = match receive(stream, &mut outlet.half, &mut input, rules) {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(violation) => {
                    // At once, for others may have sent the same: nothing of it has a meaning any more.
                    *stream = Stream::new();
                    let cause = Cause::Protocol(violation);
                    return outlet.ends(cause, violation.close_code(), "", false);
                }
            };
            if let Event::Close(close) = event {
                outlet.ends(Cause::Peer, close.code, close.reason, true);
                return;
            }
            // Nothing may be overtaken: only the answer to the last message may pass the queue.
            let line = if input.is_empty() { line } else { None };
            let mut peer = Peer {
                state,
                hall,
                token,
                voice: Voice::Answer,
                line,
            };
            let calm = catch_unwind(AssertUnwindSafe(|| match event {
                Event::Message(message) => handler.on_message(&mut peer, message),
                Event::Ping(payload) => handler.on_ping(&mut peer, payload),
                Event::Pong(payload) => handler.on_pong(&mut peer, payload),
                Event::Close(_) => unreachable!("returned above"),
            }));
            if let Err(panic) = calm {
                return hall.panicked(token, panic);
            }
            hall.watch_work();
        }
    }
}
