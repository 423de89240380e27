//! An upgrade to be decided later, from any thread.

use std::sync::Arc;

use http::StatusCode;

use super::handler::{Accept, Handler};
use super::mailbox::{Order, Shared};
use crate::proto::handshake::Response;
use crate::reactor::Token;

/// A request that waits for its answer. Dropped, it refuses with 503.
#[must_use = "dropping it refuses the request with 503"]
pub struct Deferred<H: Handler> {
    shared: Arc<Shared<H>>,
    worker: usize,
    token: Token,
    decided: bool,
}

impl<H: Handler> Deferred<H> {
    pub(super) fn new(shared: Arc<Shared<H>>, worker: usize, token: Token) -> Self {
        Deferred {
            shared,
            worker,
            token,
            decided: false,
        }
    }

    /// Opens the connection.
    pub fn accept(mut self, accept: Accept<H::State>) {
        self.decide(Ok(accept));
    }

    /// Refuses it.
    pub fn refuse(mut self, response: Response) {
        self.decide(Err(response));
    }

    fn decide(&mut self, decision: Result<Accept<H::State>, Response>) {
        self.decided = true;
        self.shared
            .order(self.worker, Order::Decide(self.token, decision));
    }
}

impl<H: Handler> std::fmt::Debug for Deferred<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}

impl<H: Handler> Drop for Deferred<H> {
    fn drop(&mut self) {
        if !self.decided {
            self.decide(Err(Response::new(StatusCode::SERVICE_UNAVAILABLE)));
        }
    }
}
