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
            return self.hand_over(newcomer, least);
        }
        let refused = total >= self.hall.config.connections_max;
        if refused {
            count(&self.hall.counters().refused);
            // Those who are being told no are bounded too.
            if self.refused >= REFUSED_MAX {
                return;
            }
        }
        match self.give_place(driver, newcomer) {
            Some(token) if refused => self.turn_away(token),
            Some(token) => self.expect_request(token),
            None => {}
        }
    }

    fn hand_over(&self, newcomer: Newcomer, to: usize) {
        let Newcomer {
            socket,
            from,
            listener,
            ..
        } = newcomer;
        let adopt = Order::Adopt {
            socket,
            from,
            listener,
        };
        // If that worker has just ended, so will this one.
        self.hall.shared.order(to, adopt);
    }

    /// Gives it a place, if there is one.
    fn give_place(&mut self, driver: &mut impl Driver, newcomer: Newcomer) -> Option<Token> {
        let (from, listener) = (newcomer.from, newcomer.listener);
        let local = self.local_address(&newcomer);
        let token = open(driver, newcomer)?;
        let mut outlet = Outlet::new(token.generation, Role::Server, from, self.hall.stamp());
        outlet.listener = listener;
        if local.is_some() {
            outlet.extra_mut().local = local;
        }
        self.hall.outlets.insert(token, outlet);
        self.seat(token, Stage::Opening(None));
        self.hall.outlets.touch(token);
        Some(token)
    }

    /// Where it has arrived, if its listener alone does not tell.
    fn local_address(&self, newcomer: &Newcomer) -> Option<Address> {
        let listener = usize::from(newcomer.listener);
        match self.hall.addresses.get(listener) {
            Some(Address::Ip(address)) if address.ip().is_unspecified() => {
                socket::local_address(&newcomer.socket).ok()
            }
            _ => None,
        }
    }

    /// It is one too many, and is told so.
    fn turn_away(&mut self, token: Token) {
        self.refused += 1;
        if let Some(outlet) = self.hall.outlets.get_mut(token) {
            outlet.mark(Flag::Refused);
        }
        let busy = Response::new(StatusCode::SERVICE_UNAVAILABLE);
        self.answer(token, &busy, false);
    }

    /// It counts, and its time begins.
    fn expect_request(&mut self, token: Token) {
        let sockets = self.hall.shared.sockets(self.hall.worker);
        sockets.fetch_add(1, Ordering::Relaxed);
        self.arm(token);
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

/// Opens it to the driver: `None` if the driver does not take it, or has no place left that we could name.
fn open(driver: &mut impl Driver, newcomer: Newcomer) -> Option<Token> {
    let source = match newcomer.adopted {
        true => Source::Stream(newcomer.socket),
        false => Source::Accepted(newcomer.socket),
    };
    let opened = driver.open(source);
    let refused = |error: &_| tracing::warn!(%error, "a connection was not taken");
    let token = opened.inspect_err(refused).ok()?;
    if token.index >= PLACES {
        driver.close(token, Close::Abort);
        return None;
    }
    Some(token)
}

/// 256 connections at a time are told that they are one too many; more are dropped without a word.
const REFUSED_MAX: usize = 256;
