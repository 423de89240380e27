//! What other threads ask of this worker: its mailbox, emptied once a turn.

use super::connection::Outlet;
use super::flags::Flag;
use super::hall::Voice;
use super::handler::Handler;
use super::mailbox::{Letter, Order, Taken};
use super::worker::{Newcomer, Worker};

impl<H: Handler> Worker<H> {
    /// What other threads ask.
    pub(super) fn mailbox(&mut self) {
        let Some(Taken { orders, letters }) = self.hall.shared.take(self.hall.worker) else {
            return;
        };
        // First: what was said before a goodbye was asked for is delivered before it.
        self.letters.extend(letters);
        self.orders.extend(orders);
        while let Some(order) = self.orders.pop_front() {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order<H>) {
        match order {
            Order::Adopt {
                socket,
                from,
                listener,
            } => {
                self.newcomers.push(Newcomer {
                    socket,
                    from,
                    listener,
                    adopted: true,
                });
            }
            Order::Decide(token, decision) => self.decided(token, decision),
            Order::Unchoke => self.unchoke(),
            Order::Drain(how) => self.drain(how),
            Order::Stop => self.stop(),
        }
    }

    /// Delivers letters, as long as nobody has been told enough for this turn.
    pub(super) fn deliver(&mut self) {
        let mut weight = 0;
        while !self.hall.outlets.enough
            && let Some(letter) = self.letters.pop_front()
        {
            weight += letter.weight();
            self.deliver_one(letter);
            self.hall.watch_work();
            if let Some(leaving) = &mut self.leaving {
                leaving.letters = leaving.letters.saturating_sub(1);
            }
        }
        if weight > 0 {
            self.hall.shared.delivered(self.hall.worker, weight);
        }
    }

    fn deliver_one(&mut self, letter: Letter<H>) {
        match letter {
            Letter::Publish(topic, message) => self.hall.publish_here(&topic, &message, None),
            Letter::Broadcast(message) => self.hall.broadcast_here(&message),
            Letter::Send(id, message) => {
                self.hall
                    .say(id.token(), Voice::Other, |half| half.share(&message));
            }
            Letter::Connect(connect) => self.dials.push_back(*connect),
            Letter::Event(id, event) => {
                let outlet = self.hall.outlets.get(id.token());
                if outlet.is_some_and(Outlet::is_heard) {
                    self.call(id.token(), Voice::Other, None, |handler, peer| {
                        handler.on_event(peer, event);
                    });
                } else {
                    self.hall.guard(|| drop(event));
                }
            }
        }
    }

    /// Every mailbox that was full may have room: whoever still has too much will say so again.
    fn unchoke(&mut self) {
        let choked: Vec<_> = self
            .hall
            .outlets
            .tokens()
            .filter_map(|(token, outlet)| outlet.is(Flag::Choked).then_some(token))
            .collect();
        for token in choked {
            if let Some(outlet) = self.hall.outlets.get_mut(token) {
                outlet.unmark(Flag::Choked);
            }
            self.hall.outlets.touch(token);
        }
    }
}
