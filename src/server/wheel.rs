//! Deadlines, in milliseconds of the worker's own clock.
//!
//! Lazy: what is put in stays until it is due, and whoever is told then looks whether it still
//! matters. A message therefore costs no more than a note of the time. Far deadlines are rounded up,
//! by at most a sixty-fourth of the way, from sixteen seconds on by a sixteenth, so that many of them
//! share one wake-up, and those of idle connections one a second.

use std::collections::BTreeMap;

/// Things that fall due.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    due: BTreeMap<u64, Vec<T>>,
    /// When the first of them is due: asked for in every turn.
    next: Option<u64>,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Wheel {
            due: BTreeMap::new(),
            next: None,
        }
    }
}

impl<T> Wheel<T> {
    /// Puts `what` in, to be told at `at` or a little later; tells when.
    pub(crate) fn insert(&mut self, now: u64, at: u64, what: T) -> u64 {
        let delay = at.saturating_sub(now);
        let step = delay / if delay < 16_000 { 64 } else { 16 };
        let step = step.checked_ilog2().map_or(1, |bits| 1_u64 << bits);
        let at = at.div_ceil(step) * step;
        self.due.entry(at).or_default().push(what);
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
        at
    }

    /// When the next thing is due.
    #[inline]
    pub(crate) fn next(&self) -> Option<u64> {
        self.next
    }

    /// Takes out what is due, and when it was.
    #[inline]
    pub(crate) fn take(&mut self, now: u64) -> Option<(u64, Vec<T>)> {
        if self.next? > now {
            return None;
        }
        let first = self.due.pop_first();
        self.next = self.due.first_key_value().map(|(at, _)| *at);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_early_and_nothing_later_than_a_sixteenth() {
        let mut wheel = Wheel::default();
        for now in [0, 1, 999, 123_456_789] {
            for delay in (0..5_000).chain([25_000, 3_600_000]) {
                let at = wheel.insert(now, now + delay, ());
                assert!(
                    at >= now + delay
                        && at - (now + delay) <= delay / if delay < 16_000 { 64 } else { 16 },
                    "{now} {delay} {at}"
                );
            }
        }
    }

    #[test]
    fn ten_thousand_idle_connections_share_a_few_wake_ups() {
        let mut wheel = Wheel::default();
        for connection in 0..10_000_u64 {
            wheel.insert(connection, connection + 25_000, connection);
        }
        assert!(wheel.due.len() <= 11, "{}", wheel.due.len());
    }

    #[test]
    fn told_in_order_and_once() {
        let mut wheel = Wheel::default();
        wheel.insert(0, 3, 'c');
        wheel.insert(0, 1, 'a');
        wheel.insert(0, 1, 'b');
        assert_eq!((wheel.next(), wheel.take(0)), (Some(1), None));
        assert_eq!(wheel.take(5), Some((1, vec!['a', 'b'])));
        assert_eq!(wheel.next(), Some(3));
        assert_eq!(wheel.take(5), Some((3, vec!['c'])));
        assert_eq!((wheel.next(), wheel.take(5)), (None, None));
    }
}
