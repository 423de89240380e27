//! Time since the run began, in nanoseconds: eight bytes where an `Instant` takes sixteen.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Clock(Instant::now())
    }

    #[inline]
    pub(super) fn now(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }

    pub(super) fn at(self, ns: u64) -> Instant {
        self.0 + Duration::from_nanos(ns)
    }
}

/// A time as nanoseconds; what is longer than centuries is centuries.
pub(super) fn ns(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX / 4)
}
