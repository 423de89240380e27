//! Who is let in: newcomers at the end of a turn, unless another worker is to have them or they are
//! one too many.

use std::sync::atomic::Ordering;

use http::StatusCode;

use super::connection::{Inlet, Outlet, Stage};
use super::flags::Flag;
use super::handler::Handler;
use super::id::PLACES;
use super::mailbox::{Order, count};
use super::worker::{Newcomer, Worker};
use crate::proto::Role;
use crate::proto::handshake::Response;
use crate::reactor::{Address, Close, Driver, Source, Token, socket};

impl<H: Handler> Worker<H> {
    /// A connection has come in: ours, another worker's, or one too many.
    pub(super) fn admit(&mut self, driver: &mut impl Driver, newcomer: Newcomer) {
        if self.leaving.is_some() {
            return;
        }
        let (total, least) = self.hall.shared.loads();
        if !newcomer.adopted && self.should_hand_over(newcomer.listener, total, least) {
            let Newcomer {
                socket,
                from,
                listener,
                ..
            } = newcomer;
            // If that worker has just ended, so will this one.
            self.hall.shared.order(
                least,
                Order::Adopt {
                    socket,
                    from,
                    listener,
                },
            );
            return;
        }
        let max = self.hall.config.connections_max;
        let refused = total >= max;
        if refused {
            count(&self.hall.counters().refused);
            // Those who are being told no are bounded too.
            if self.refused >= REFUSED_MAX {
                return;
            }
        }
        let Newcomer {
            socket,
            from,
            listener,
            adopted,
        } = newcomer;
        let local = self.hall.addresses.get(usize::from(listener)).copied();
        let local = match local {
            Some(Address::Ip(address)) if address.ip().is_unspecified() => {
                socket::local_address(&socket).ok()
            }
            _ => None,
        };
        let source = match adopted {
            true => Source::Stream(socket),
            false => Source::Accepted(socket),
        };
        let token = match driver.open(source) {
            Ok(token) => token,
            Err(error) => return tracing::warn!(%error, "a connection was not taken"),
        };
        if token.index >= PLACES {
            return driver.close(token, Close::Abort);
        }
        let mut outlet = Outlet::new(token.generation, Role::Server, from, self.hall.stamp());
        outlet.listener = listener;
        if local.is_some() {
            outlet.extra_mut().local = local;
        }
        self.hall.outlets.insert(token, outlet);
        self.seat(token, Stage::Opening(None));
        self.hall.outlets.touch(token);
        if refused {
            self.refused += 1;
            if let Some(outlet) = self.hall.outlets.get_mut(token) {
                outlet.mark(Flag::Refused);
            }
            let busy = Response::new(StatusCode::SERVICE_UNAVAILABLE);
            self.answer(token, &busy, false);
        } else {
            let sockets = self.hall.shared.sockets(self.hall.worker);
            sockets.fetch_add(1, Ordering::Relaxed);
            self.arm(token);
        }
    }

    pub(super) fn seat(&mut self, token: Token, stage: Stage<H::State>) {
        let index = token.index as usize;
        if self.inlets.len() <= index {
            self.inlets.resize_with(index + 1, || None);
        }
        self.inlets[index] = Some(Inlet::new(stage));
    }

    /// Whether another worker should have it: always the one with the least where only we listen,
    /// else when we have far more than the mean.
    fn should_hand_over(&self, listener: u16, total: usize, least: usize) -> bool {
        let workers = self.hall.shared.workers();
        if workers == 1 || least == self.hall.worker {
            return false;
        }
        let shared_out = |place| {
            self.listeners
                .iter()
                .any(|at| at.place == place && at.shared_out)
        };
        let own = self
            .hall
            .shared
            .sockets(self.hall.worker)
            .load(Ordering::Relaxed);
        // own > 1.25 * mean + 16, in whole numbers
        shared_out(listener) || 4 * own * workers > 5 * total + 64 * workers
    }
}

/// 256 connections at a time are told that they are one too many; more are dropped without a word.
const REFUSED_MAX: usize = 256;
