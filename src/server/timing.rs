//! What falls due: a connection has at most one entry in the wheel, for the earliest of its
//! deadlines, and is asked then what has become of it.
//!
//! | while | must happen | within | else |
//! |---|---|---|---|
//! | opening | the handshake, all of it | `handshake_timeout` | 408; 503 if the handler deferred it |
//! | open, read | any byte | `idle_timeout` | a ping |
//! | pinged, once the ping has left | any byte | `pong_timeout` | 1011 |
//! | sending, and not dialling | the kernel takes a byte | `write_timeout` | cut |
//! | closing | the closing handshake; more of what is queued before it | `close_timeout` | cut |
//! | lingering, a client | the server's FIN | `linger_timeout` | ours |
//! | finishing | the peer's FIN | `linger_timeout` | cut |

use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use http::StatusCode;

use super::connection::{Clock, Outlet, Stage};
use super::flags::Flag;
use super::hall::Voice;
use super::handler::{Cause, Handler};
use super::worker::Worker;
use crate::config::Config;
use crate::proto::handshake::Response;
use crate::proto::{CloseCode, Phase};
use crate::reactor::Token;

/// What a deadline is about.
enum Due {
    Handshake,
    Ping,
    Pong,
    Write,
    /// The closing handshake, or the peer's FIN.
    Close,
    /// The server's FIN: then comes ours.
    Linger,
}

impl<H: Handler> Worker<H> {
    /// Tells what is due.
    pub(super) fn timers(&mut self) {
        let now = self.hall.now;
        while let Some((at, places)) = self.deadlines.take(now) {
            for place in places {
                if let Some(token) = self.hall.outlets.at(place) {
                    self.ask(token, at);
                }
            }
        }
        while let Some((_, timers)) = self.hall.timers.take(now) {
            self.rung.extend(timers);
        }
        self.ring();
    }

    /// Tells the handler of its timers, as long as nobody has been told enough for this turn.
    pub(super) fn ring(&mut self) {
        while !self.hall.outlets.enough
            && let Some((token, key)) = self.rung.pop_front()
        {
            let outlet = self.hall.outlets.get(token);
            if outlet.is_some_and(Outlet::is_heard) {
                self.call(token, Voice::Other, None, |handler, peer| {
                    handler.on_timer(peer, key)
                });
            }
            self.hall.watch_work();
        }
    }

    /// Puts the connection's earliest deadline into the wheel, unless it will be asked before.
    pub(super) fn arm(&mut self, token: Token) {
        let now = self.hall.now;
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some((left, _)) = outlet.next_due(&self.hall.config, now as u32) else {
            return;
        };
        if outlet.clock.is_due_after(now as u32, left) {
            // Never in the turn that asks: what is due may only be seen to at its end.
            let at = now + (left.as_millis() as u64).max(1);
            let at = self.deadlines.insert(now, at, token.index);
            outlet.clock.due = Clock::mark(at);
        }
    }

    /// The wheel has come to this connection.
    fn ask(&mut self, token: Token, at: u64) {
        let now = self.hall.stamp();
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        if outlet.clock.due != Clock::mark(at) {
            return;
        }
        outlet.clock.due = None;
        if let Some((Duration::ZERO, due)) = outlet.next_due(&self.hall.config, now) {
            self.fall_due(token, &due);
        }
        self.arm(token);
    }

    fn fall_due(&mut self, token: Token, due: &Due) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        match due {
            // A server that does not answer.
            Due::Handshake if outlet.is_dialled() => {
                outlet.doom(Cause::Lost(io::ErrorKind::TimedOut.into()));
            }
            Due::Handshake => {
                let deferred = matches!(
                    self.inlets.get(token.index as usize),
                    Some(Some(inlet)) if matches!(inlet.stage, Stage::Deferred(_))
                );
                let status = if deferred {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::REQUEST_TIMEOUT
                };
                self.answer(token, &Response::new(status), false);
            }
            Due::Ping => outlet.ping(),
            Due::Pong => outlet.fail(
                Cause::PongTimeout,
                CloseCode::INTERNAL_ERROR,
                "no answer to a ping",
            ),
            Due::Write => outlet.doom(Cause::WriteTimeout),
            Due::Close => outlet.doom(Cause::Terminated),
            // Settling it is all there is to do.
            Due::Linger => {}
        }
        self.hall.outlets.touch(token);
    }
}

impl Outlet {
    /// The earliest of its deadlines: how long until then, and what it is about.
    fn next_due(&self, config: &Config, now: u32) -> Option<(Duration, Due)> {
        // Whoever is being cut has no deadlines left: it would be told the same one for ever.
        if self.is(Flag::Doomed) {
            return None;
        }
        let left = |from: u32, timeout: Duration| {
            timeout.saturating_sub(Duration::from_millis(now.wrapping_sub(from).into()))
        };
        let clock = &self.clock;
        if self.is(Flag::Finishing) && !self.half.outbox.is_away() {
            return Some((left(clock.since, config.linger_timeout), Due::Close));
        }
        if self.is(Flag::Lingering) {
            return Some((left(clock.since, config.linger_timeout), Due::Linger));
        }
        let stage = match self.half.phase() {
            _ if self.is(Flag::Closing) => Some((self.close_left(config, &left), Due::Close)),
            Phase::Open if !self.is(Flag::Open) => {
                Some((left(clock.since, config.handshake_timeout), Due::Handshake))
            }
            Phase::Open if self.holds() || config.idle_timeout.is_zero() => None,
            // A ping that has not left yet is the write deadline's to watch.
            Phase::Open if self.is(Flag::Pinging) => None,
            Phase::Open if self.is(Flag::Pinged) => {
                Some((left(clock.since, config.pong_timeout), Due::Pong))
            }
            Phase::Open => Some((left(clock.heard, config.idle_timeout), Due::Ping)),
            Phase::Closing | Phase::Closed => None,
        };
        // What waits for TCP to connect is the handshake's deadline to watch.
        let dials = !self.is(Flag::Open) && self.is_dialled();
        let write = (self.half.outbox.is_away() && !dials)
            .then(|| (left(clock.wrote, config.write_timeout), Due::Write));
        stage.into_iter().chain(write).min_by_key(|(left, _)| *left)
    }
}

impl Outlet {
    /// Pings the peer, behind all that waits.
    fn ping(&mut self) {
        self.half.ping(b"");
        self.mark(Flag::Pinged);
        self.mark(Flag::Pinging);
        self.clock.since = self.half.outbox.len() as u32;
    }

    /// So many bytes more have left. Tells whether a ping that had not left is among them.
    pub(super) fn ping_leaves(&mut self, bytes: usize) -> bool {
        self.clock.since = self.clock.since.saturating_sub(bytes as u32);
        // What was dropped before it has not left.
        let left = self.clock.since == 0 || self.half.outbox.is_empty();
        left && self.unmark(Flag::Pinging)
    }

    /// Whether the server has had its time to close TCP.
    pub(super) fn has_lingered(&self, config: &Config, now: u32) -> bool {
        let since = Duration::from_millis(now.wrapping_sub(self.clock.since).into());
        self.is(Flag::Lingering) && since >= config.linger_timeout
    }

    /// How long the closing may still take. A peer that reads on is given time for what is queued
    /// before the Close, up to the write timeout, and then to answer it; one that was found slow is
    /// not.
    fn close_left(&self, config: &Config, left: &impl Fn(u32, Duration) -> Duration) -> Duration {
        let strict = left(self.clock.since, config.close_timeout);
        let slow = self
            .ending()
            .is_some_and(|ending| matches!(ending.cause, Cause::SlowConsumer | Cause::Memory));
        if slow {
            return strict;
        }
        let progress = left(self.clock.wrote, config.close_timeout);
        let last = left(
            self.clock.since,
            config.close_timeout + config.write_timeout,
        );
        strict.max(progress.min(last))
    }
}

impl Clock {
    /// How the wheel's time is kept in 32 bits.
    fn mark(at: u64) -> Option<NonZeroU32> {
        Some(NonZeroU32::new(at as u32).unwrap_or(NonZeroU32::MAX))
    }

    /// Whether the wheel will not ask within this time.
    pub(super) fn is_due_after(&self, now: u32, time: Duration) -> bool {
        self.due.is_none_or(|due| {
            let left = due.get().wrapping_sub(now) as i32;
            i128::from(left) > time.as_millis() as i128
        })
    }
}
