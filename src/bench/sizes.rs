//! How long messages are: one size, or several with their weights.

use std::fmt;

/// Sizes of payloads in bytes, and how many of all messages have each: at least one size, and no
/// weight is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes(Vec<(usize, u32)>);

impl Sizes {
    /// `None` if there is nothing to choose from, or not so finely.
    pub(crate) fn new(weighted: Vec<(usize, u32)>) -> Option<Self> {
        let some = !weighted.is_empty() && weighted.iter().all(|(_, weight)| *weight > 0);
        let sizes = Sizes(weighted);
        (some && sizes.period() <= PERIOD_MAX).then_some(sizes)
    }

    pub(super) fn smallest(&self) -> usize {
        self.0.iter().map(|(size, _)| *size).min().unwrap_or(0)
    }

    pub(super) fn largest(&self) -> usize {
        self.0.iter().map(|(size, _)| *size).max().unwrap_or(0)
    }

    pub(super) fn mean(&self) -> usize {
        let each = self.0.iter();
        let each = each.map(|(size, weight)| *size as u64 * u64::from(*weight));
        (each.sum::<u64>() / self.weights()) as usize
    }

    /// `count` sizes, each as often as its weight says and as evenly spread as can be.
    pub(super) fn spread(&self, count: usize) -> Vec<usize> {
        let all = self.weights() as i64;
        let mut owed = vec![0_i64; self.0.len()];
        let next = |_| {
            // Whoever is owed most comes next: the smooth weighted round-robin.
            owed.iter_mut()
                .zip(&self.0)
                .for_each(|(owed, (_, weight))| *owed += i64::from(*weight));
            let most = (0..owed.len())
                .rev()
                .max_by_key(|&at| owed[at])
                .unwrap_or(0);
            owed[most] -= all;
            self.0[most].0
        };
        (0..count).map(next).collect()
    }

    /// Whether there is more than one.
    pub(super) fn is_mix(&self) -> bool {
        self.0.len() > 1
    }

    /// After so many each size has come as often as its weight says.
    pub(super) fn period(&self) -> usize {
        let common = self
            .0
            .iter()
            .fold(0, |common, (_, weight)| gcd(common, *weight));
        (self.weights() / u64::from(common)) as usize
    }

    fn weights(&self) -> u64 {
        self.0.iter().map(|(_, weight)| u64::from(*weight)).sum()
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(size, _)] = self.0[..] {
            return size.fmt(f);
        }
        for (at, (size, weight)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{size}:{weight}")?;
        }
        Ok(())
    }
}

/// 4096: a size that is rarer than that is not met in the few wordings there are.
const PERIOD_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept_and_spread() {
        let sizes = Sizes::new(vec![(32, 80), (4096, 15), (65_536, 5)]).unwrap();
        let spread = sizes.spread(100);
        for (size, count) in [(32, 80), (4096, 15), (65_536, 5)] {
            assert_eq!(spread.iter().filter(|s| **s == size).count(), count);
        }
        assert!(spread[..20].contains(&65_536));
        assert_eq!(sizes.period(), 20);
        assert_eq!(sizes.mean(), (32 * 80 + 4096 * 15 + 65_536 * 5) / 100);
        assert_eq!(sizes.to_string(), "32:80,4096:15,65536:5");
    }

    #[test]
    fn nothing_is_no_choice() {
        assert_eq!(Sizes::new(vec![]), None);
        assert_eq!(Sizes::new(vec![(1, 0)]), None);
        assert_eq!(Sizes::new(vec![(1, 1), (2, 4096)]), None);
        assert_eq!(Sizes::new(vec![(7, 3)]).unwrap().spread(3), [7, 7, 7]);
    }
}
