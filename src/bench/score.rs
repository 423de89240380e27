//! What a run comes to: how many, and how long each took.

use hdrhistogram::Histogram;

/// Times in nanoseconds, in buckets: none is off by more than a thousandth.
pub(super) type Times = Histogram<u64>;

pub(super) fn times() -> Times {
    Times::new_with_bounds(1, LONGEST, DIGITS).expect("these bounds are lawful")
}

/// Units done, and the time of each.
#[derive(Debug)]
pub(super) struct Score {
    pub(super) count: u64,
    total: Times,
    /// Those since the last look.
    recent: Times,
}

impl Score {
    pub(super) fn new() -> Self {
        Score {
            count: 0,
            total: times(),
            recent: times(),
        }
    }

    /// `count` more, each of which took so long.
    #[inline]
    pub(super) fn note(&mut self, took: u64, count: u64) {
        self.count += count;
        self.recent.saturating_record_n(took, count);
    }

    /// What has taken so long and is given up: a time, and no unit done.
    pub(super) fn give_up(&mut self, took: u64, count: u64) {
        self.recent.saturating_record_n(took, count);
    }

    /// Forgets the times, not the count: now it counts.
    pub(super) fn begin(&mut self) {
        self.total.reset();
        self.recent.reset();
    }

    /// The 99th percentile since the last look.
    pub(super) fn look(&mut self) -> u64 {
        let p99 = self.recent.value_at_quantile(0.99);
        self.total += &self.recent;
        self.recent.reset();
        p99
    }

    /// All times since the beginning.
    pub(super) fn times(&mut self) -> &Times {
        self.look();
        &self.total
    }
}

/// An hour, and three digits.
const LONGEST: u64 = 3600 * 1_000_000_000;
const DIGITS: u8 = 3;
