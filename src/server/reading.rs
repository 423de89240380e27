//! Frames in, callbacks out: the loop that everything else exists for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::{Inlet, Outlet, Stage};
use super::flags::Flag;
use super::hall::Voice;
use super::handler::{Cause, Handler};
use super::peer::Peer;
use super::worker::Worker;
use crate::proto::websocket::{pull, receive};
use crate::proto::{Event, Input, Role, Stream, Violation};
use crate::reactor::{Line, Token};

impl<H: Handler> Worker<H> {
    /// Reads the frames in `bytes`, and what the line has of a long one that they begin.
    pub(super) fn read(
        &mut self,
        token: Token,
        bytes: &mut [u8],
        line: Option<&dyn Line>,
        role: Role,
    ) {
        self.hall.tell_first(token);
        let mut input = Input::new(bytes);
        let mut pulled = 0;
        while self.read_frames(token, &mut input, line, role) && pulled < PULLED_MAX {
            match self.pull(token, line) {
                0 => return,
                count => pulled += count,
            }
        }
    }

    /// Reads frames in place, until they are used up or the peer is not to be read: what is left then
    /// is kept. Tells whether they are used up and something is unfinished.
    #[inline]
    fn read_frames(
        &mut self,
        token: Token,
        input: &mut Input<'_>,
        line: Option<&dyn Line>,
        role: Role,
    ) -> bool {
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
            return false;
        };
        let Inlet {
            stage: Stage::Open(stream, state),
            rest,
        } = inlet
        else {
            return false;
        };
        loop {
            let enough = hall.outlets.enough;
            let Some(outlet) = hall.outlets.get_mut(token) else {
                return false;
            };
            if outlet.holds() || enough {
                stream.let_go();
                let left = input.take_all();
                if !left.is_empty() {
                    *rest = Some(Box::new(left.to_vec()));
                }
                return false;
            }
            if outlet.is(Flag::Doomed) {
                return false;
            }
            let event = match receive(stream, &mut outlet.half, input, rules) {
                Ok(Some(event)) => event,
                Ok(None) => return !stream.is_at_rest(),
                Err(violation) => {
                    breaks(stream, outlet, violation);
                    return false;
                }
            };
            if let Event::Close(close) = event {
                outlet.ends(Cause::Peer, close.code, close.reason, true);
                return false;
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
                hall.panicked(token, panic);
                return false;
            }
            hall.watch_work();
        }
    }

    /// Takes what the line has of a long message to where it is held. Tells how many bytes.
    #[inline(never)]
    fn pull(&mut self, token: Token, line: Option<&dyn Line>) -> usize {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return 0;
        };
        let Some(Some(Inlet {
            stage: Stage::Open(stream, _),
            ..
        })) = self.inlets.get_mut(token.index as usize)
        else {
            return 0;
        };
        let pulled = line.map_or(Ok(0), |line| {
            pull(stream, &mut outlet.half, |room| line.try_receive(room))
        });
        match pulled {
            Ok(0) => stream.tighten(),
            Ok(_) => {}
            Err(violation) => breaks(stream, outlet, violation),
        }
        pulled.unwrap_or(0)
    }
}

/// The peer has broken a rule, and has been told.
fn breaks(stream: &mut Stream, outlet: &mut Outlet, violation: Violation) {
    // At once, for others may have sent the same: nothing of it has a meaning any more.
    *stream = Stream::new();
    let cause = Cause::Protocol(violation);
    outlet.ends(cause, violation.close_code(), "", false);
}

/// 1 MiB: what one connection may bring of a long message before the others get their turn.
const PULLED_MAX: usize = 1 << 20;
