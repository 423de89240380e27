//! Goodbye: nobody new comes in, everybody is told, those who stay are cut.

use http::StatusCode;

use super::flags::Flag;
use super::handler::{Cause, Handler};
use super::mailbox::Drain;
use super::worker::Worker;
use crate::proto::handshake::Response;
use crate::proto::{CloseCode, Phase};
use crate::reactor::{Close, Driver, Token};

/// A worker on its way out.
pub(super) struct Leaving {
    code: CloseCode,
    /// When those who are still there are cut.
    pub(super) by: u64,
    /// Who has not been told yet.
    untold: Vec<Token>,
    /// Letters that were taken before and come first.
    pub(super) letters: usize,
    listeners_closed: bool,
}

impl Leaving {
    /// Whether there is more to say without waiting.
    pub(super) fn is_busy(&self) -> bool {
        !self.untold.is_empty() || !self.listeners_closed
    }
}

impl<H: Handler> Worker<H> {
    pub(super) fn drain(&mut self, how: Drain) {
        let wait = u64::try_from(how.wait.as_millis()).unwrap_or(u64::MAX / 2);
        self.leave(how.code, self.hall.now.saturating_add(wait));
    }

    pub(super) fn stop(&mut self) {
        self.leave(CloseCode::GOING_AWAY, self.hall.now);
    }

    /// The first to say so decides the code, the strictest the time.
    fn leave(&mut self, code: CloseCode, by: u64) {
        let tokens = self.hall.outlets.tokens().map(|(token, _)| token);
        match &mut self.leaving {
            Some(leaving) => leaving.by = leaving.by.min(by),
            None => {
                let untold = tokens.collect();
                self.leaving = Some(Leaving {
                    code,
                    by,
                    untold,
                    letters: self.letters.len(),
                    listeners_closed: false,
                });
            }
        }
    }

    /// The next slice of goodbyes.
    pub(super) fn go_on_leaving(&mut self, driver: &mut impl Driver) {
        let Some(leaving) = &mut self.leaving else {
            return;
        };
        if !std::mem::replace(&mut leaving.listeners_closed, true) {
            for listener in &self.listeners {
                driver.close(listener.token, Close::Abort);
            }
        }
        if leaving.by <= self.hall.now {
            return self.cut_all();
        }
        if leaving.letters > 0 {
            return;
        }
        let code = leaving.code;
        let slice = leaving
            .untold
            .split_off(leaving.untold.len().saturating_sub(SLICE));
        for token in slice {
            self.say_goodbye(token, code);
        }
    }

    fn say_goodbye(&mut self, token: Token, code: CloseCode) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        if outlet.is(Flag::Open) {
            if outlet.is_talking() {
                outlet.ends(Cause::Drained, code, "", false);
                outlet.half.close(code, "");
            }
        } else if outlet.is_dialled() {
            outlet.doom(Cause::Drained);
        } else if outlet.half.phase() == Phase::Open {
            self.answer(
                token,
                &Response::new(StatusCode::SERVICE_UNAVAILABLE),
                false,
            );
        }
        self.hall.outlets.touch(token);
    }

    fn cut_all(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.untold.clear();
            // Nothing is due any more: what is left is the driver's to tell.
            leaving.by = u64::MAX / 2;
        }
        let tokens: Vec<_> = self.hall.outlets.tokens().map(|(token, _)| token).collect();
        for token in tokens {
            if let Some(outlet) = self.hall.outlets.get_mut(token) {
                outlet.doom(Cause::Terminated);
            }
            self.hall.outlets.touch(token);
        }
    }

    /// Everybody is gone, nobody new can come, and what waited for an answer has one.
    pub(super) fn is_done(&self) -> bool {
        if !self.letters.is_empty() || !self.dials.is_empty() {
            return false;
        }
        let leaving = self
            .leaving
            .as_ref()
            .is_some_and(|leaving| leaving.listeners_closed);
        leaving && self.listeners.is_empty() && self.hall.outlets.tokens().next().is_none()
    }
}

/// 256 connections are told goodbye in one turn, so that the others are still served meanwhile.
const SLICE: usize = 256;
