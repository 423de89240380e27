//! A panic in a handler costs its connection, and nothing else.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::hall::Hall;
use super::handler::{Cause, Handler};
use super::mailbox::{Counters, count};
use crate::config::OnPanic;
use crate::proto::CloseCode;
use crate::reactor::Token;

impl<H: Handler> Hall<H> {
    /// Runs code of the handler's that belongs to no open connection. `None` if it panicked.
    pub(super) fn guard<R>(&self, code: impl FnOnce() -> R) -> Option<R> {
        let result = catch_unwind(AssertUnwindSafe(code));
        result.map_err(|panic| self.count_panic(panic)).ok()
    }

    /// A callback for an open connection has panicked.
    #[cold]
    pub(super) fn panicked(&mut self, token: Token, panic: Box<dyn Any + Send>) {
        self.count_panic(panic);
        if let Some(outlet) = self.outlets.get_mut(token) {
            outlet.fail(Cause::Panicked, CloseCode::INTERNAL_ERROR, "");
        }
        self.outlets.touch(token);
    }

    /// Counts a panic, or passes it on if that is what it should cost.
    #[cold]
    fn count_panic(&self, panic: Box<dyn Any + Send>) {
        if self.config.on_panic == OnPanic::StopServer {
            resume_unwind(panic);
        }
        count(&self.counters().panics);
        tracing::error!("a handler panicked");
        let_go(panic);
    }
}

/// Drops what is left of a worker that has ended, in whatever way: a panic in it is counted, and there
/// is nothing more that it could cost. One by one: a panic that met another one's unwinding would end
/// the process. Tells whether there was none.
pub(super) fn discard<T>(left: impl IntoIterator<Item = T>, counters: &Counters) -> bool {
    let mut calm = true;
    for one in left {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(one))) {
            calm = false;
            count(&counters.panics);
            let_go(panic);
        }
    }
    calm
}

/// Drops what a panic has brought, which may panic itself.
pub(super) fn let_go(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
}
