//! Request heads in, answers out: the opening handshake, and whatever else is asked on the port.

use std::sync::atomic::Ordering;

use http::StatusCode;

use super::connection::{Inlet, Stage};
use super::deferred::Deferred;
use super::flags::Flag;
use super::hall::Voice;
use super::handler::{Accept, Handler, Request, Verdict};
use super::mailbox::count;
use super::worker::Worker;
use crate::proto::handshake::{self, Fields, Opening, Refusal, Response};
use crate::proto::{Agreed, Phase, Stream};
use crate::reactor::Token;

/// What a handler that decides later is given its means with.
type Later<H> = Box<dyn FnOnce(Deferred<H>)>;

/// What a request comes to.
enum Outcome<H: Handler> {
    Verdict(Verdict<H>),
    /// An answer, after which the connection closes; whether without its body.
    Answer(Response, bool),
}

impl<H: Handler> Worker<H> {
    /// Bytes of a request head, and perhaps what is behind it.
    pub(super) fn open(&mut self, token: Token, bytes: &mut [u8]) {
        let config = self.hall.config.clone();
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        let Stage::Opening(opening) = &mut inlet.stage else {
            return;
        };
        let mut opening = opening.take().map_or_else(Opening::default, |begun| *begun);
        match opening.receive(bytes, &config.head) {
            Ok(Some((head, behind))) => self.asked(token, head, behind),
            Ok(None) => inlet.stage = Stage::Opening(Some(Box::new(opening))),
            Err(refusal) => self.answer(token, &refusal.response(), false),
        }
    }

    /// A whole head has come.
    fn asked(&mut self, token: Token, head: &mut [u8], behind: &mut [u8]) {
        if let Some(later) = self.decide(token, head, behind) {
            // The head is read once more when the handler has decided.
            if let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) {
                inlet.stage = Stage::Deferred((*head).into());
                inlet.keep(behind);
            }
            let deferred = Deferred::new(self.hall.shared.clone(), self.hall.worker, token);
            self.hall.guard(|| later(deferred));
        }
    }

    /// Answers a request, unless the handler wants to do so later.
    fn decide(&mut self, token: Token, head: &mut [u8], behind: &mut [u8]) -> Option<Later<H>> {
        let mut fields = Fields::new();
        let request = match handshake::Request::parse(head, &mut fields) {
            Ok(request) => request,
            Err(refusal) => {
                self.answer(token, &refusal.response(), false);
                return None;
            }
        };
        match self.outcome(token, &request) {
            Outcome::Answer(response, head_only) => self.answer(token, &response, head_only),
            Outcome::Verdict(Verdict::Refuse(response)) => self.answer(token, &response, false),
            Outcome::Verdict(Verdict::Defer(later)) => return Some(later),
            Outcome::Verdict(Verdict::Accept(accept)) => {
                self.welcome(token, &request, accept);
                self.take_in(token, behind, None);
            }
        }
        None
    }

    fn outcome(&mut self, token: Token, request: &handshake::Request<'_>) -> Outcome<H> {
        let refuse = |status| Outcome::Answer(Response::new(status), false);
        if self.leaving.is_some() {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        let Some(outlet) = self.hall.outlets.get(token) else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        };
        let (remote, local) = (outlet.remote(), outlet.local(&self.hall.addresses));
        let whole = Request {
            head: request,
            remote,
            local,
        };
        if !request.is_upgrade() {
            let handler = &mut self.handler;
            let answered = self.hall.guard(|| handler.on_http(&whole));
            let response = match answered {
                Some(Some(response)) => response,
                Some(None) => request.refusal().response(),
                None => Response::new(StatusCode::INTERNAL_SERVER_ERROR),
            };
            return Outcome::Answer(response, request.method() == "HEAD");
        }
        if !self.hall.config.origin.allows(request) {
            return Outcome::Answer(Refusal::Origin.response(), false);
        }
        if self.memory >= self.hall.config.memory_max {
            count(&self.hall.counters().refused);
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        let handler = &mut self.handler;
        match self.hall.guard(|| handler.on_upgrade(&whole)) {
            Some(verdict) => Outcome::Verdict(verdict),
            None => refuse(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The 101, and from here on frames.
    fn welcome(
        &mut self,
        token: Token,
        request: &handshake::Request<'_>,
        mut accept: Accept<H::State>,
    ) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let wished = self.hall.config.deflate.filter(|_| accept.compressible);
        let agreed = wished.and_then(|wished| wished.accept(request.extensions()));
        if let Some(agreed) = agreed {
            accept.answer = accept.answer.deflate(agreed);
        }
        let mut answer = Vec::new();
        if let Err(fault) = accept.answer.write(request, &mut answer) {
            tracing::error!(%fault, "the handler's acceptance was not sent");
            self.answer(token, &fault.into(), false);
            // The state's `Drop` is the handler's code.
            self.hall.guard(|| drop(accept));
            return;
        }
        if let Some(name) = accept.answer.chosen() {
            outlet.extra_mut().subprotocol = Some(name.into());
        }
        outlet.half.outbox.raw(&answer);
        self.begin(token, agreed.as_ref(), accept.state);
    }

    /// From here on frames, in a connection that was opened by either end.
    pub(super) fn begin(&mut self, token: Token, agreed: Option<&Agreed>, state: H::State) {
        // What was said to everybody before is not for it.
        self.hall.tell_run();
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        let mut stream = Stream::new();
        if let Some(agreed) = agreed {
            stream.deflate(agreed);
            outlet.half.deflate(agreed);
        }
        outlet.mark(Flag::Open);
        inlet.stage = Stage::Open(stream, state);
        self.hall
            .shared
            .open(self.hall.worker)
            .fetch_add(1, Ordering::Relaxed);
        self.hall.outlets.touch(token);
        // Silence may be noticed before the handshake would have been.
        self.arm(token);
        self.call(token, Voice::Other, None, |handler, peer| {
            handler.on_open(peer)
        });
    }

    /// Answers with a response; the connection then closes, and what comes behind is not looked at.
    pub(super) fn answer(&mut self, token: Token, response: &Response, head_only: bool) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        let mut bytes = Vec::new();
        response.write(head_only, &mut bytes);
        tracing::debug!(status = response.status().as_u16(), "answered");
        outlet.half.outbox.raw(&bytes);
        outlet.half.hang_up();
        *inlet = Inlet {
            stage: Stage::Refused,
            rest: None,
        };
        self.hall.outlets.touch(token);
    }

    /// A deferred upgrade has been decided, in time or too late.
    pub(super) fn decided(&mut self, token: Token, decision: Result<Accept<H::State>, Response>) {
        let Some(mut head) = self.deferred_head(token) else {
            self.hall.guard(|| drop(decision));
            return;
        };
        let mut fields = Fields::new();
        match (decision, handshake::Request::parse(&mut head, &mut fields)) {
            (Ok(accept), Ok(request)) => {
                self.welcome(token, &request, accept);
                self.hall.outlets.touch(token);
            }
            (Err(response), _) => self.answer(token, &response, false),
            (Ok(accept), Err(refusal)) => {
                self.answer(token, &refusal.response(), false);
                self.hall.guard(|| drop(accept));
            }
        }
    }

    /// The request that waits for its answer, if it still does.
    fn deferred_head(&mut self, token: Token) -> Option<Box<[u8]>> {
        let outlet = self.hall.outlets.get(token)?;
        let inlet = self.inlets.get_mut(token.index as usize)?.as_mut()?;
        match &mut inlet.stage {
            Stage::Deferred(head) if outlet.half.phase() == Phase::Open => {
                Some(std::mem::take(head))
            }
            _ => None,
        }
    }
}
