//! Waking a reactor from another thread.
//!
//! Knows nothing of what is to be done: whoever wakes has put it in a mailbox first.

use std::fmt;
use std::sync::Arc;

/// Ends the [`wait`](super::Driver::wait) of one driver, now or the next time it would sleep.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that calls `wake`, which must not block.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Waker(Arc::new(wake))
    }

    /// Wakes. Several wakes before the driver sleeps again are as good as one.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
