//! Round-trip times in buckets that grow with the value: none is off by more than 1/64.

/// 64 buckets per power of two.
const BITS: u32 = 6;
const BUCKETS: usize = (64 - BITS as usize + 1) << BITS;

/// Counts of times in nanoseconds.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    pub fn record(&mut self, ns: u64) {
        self.counts[bucket(ns)] += 1;
        self.total += 1;
    }

    /// The time that `share` (0 to 1) of all took at most, in nanoseconds; 0 when there are none.
    pub fn quantile_ns(&self, share: f64) -> u64 {
        let wanted = (share * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return lowest(at);
            }
        }
        0
    }
}

fn bucket(ns: u64) -> usize {
    if ns >> BITS == 0 {
        return ns as usize;
    }
    let power = ns.ilog2() - BITS;
    ((power as usize) << BITS) + (ns >> power) as usize
}

/// The smallest value of a bucket: the inverse of [`bucket`].
fn lowest(bucket: usize) -> u64 {
    let power = (bucket >> BITS).saturating_sub(1);
    ((bucket - (power << BITS)) as u64) << power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_one_64th_below_its_values() {
        let values = (0..64).flat_map(|power| [0, 1, 12345].map(|more| (1 << power) | more));
        for ns in values.chain([0, u64::MAX]) {
            let low = lowest(bucket(ns));
            assert!(low <= ns && ns - low <= ns / 64, "{ns} became {low}");
        }
    }

    #[test]
    fn quantiles_are_counted_from_below() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile_ns(0.5), 0);
        (1..=60).for_each(|ns| times.record(ns));
        assert_eq!(times.quantile_ns(0.5), 30);
        assert_eq!(times.quantile_ns(1.0), 60);
        assert_eq!(times.quantile_ns(0.0), 1);
    }
}
