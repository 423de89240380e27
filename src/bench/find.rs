//! The highest rate at which a server still answers in time, and why the next ones are too high.

use std::fmt;
use std::time::Duration;

use super::Failed;
use super::report::{Missed, Report};

type Figure = fn(&Report) -> Option<f64>;

/// A percentile, and how long it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    percentile: &'static str,
    of: Figure,
    bound: Duration,
}

impl Goal {
    /// `None` where there is no such percentile.
    pub(crate) fn new(percentile: &str, bound: Duration) -> Option<Self> {
        let known = PERCENTILES.iter().find(|(name, _)| *name == percentile);
        known.map(|&(percentile, of)| Goal {
            percentile,
            of,
            bound,
        })
    }

    /// Why it is not met by answers to nearly all that was asked; `None` when it is.
    pub(super) fn missed(&self, report: &Report) -> Option<Missed> {
        let asked_rate = report.asked_rate.unwrap_or(0.0);
        let bound = self.bound.as_secs_f64() * 1e6;
        let why = if let Some(fault) = report.fault().filter(|_| report.errors > 0) {
            fault
        } else if !is_nearly_all(report.count, asked_rate * report.seconds) {
            format!("{:.0} per second were answered", report.per_second)
        } else if let Some(figure) = (self.of)(report).filter(|figure| *figure > bound) {
            format!("{} was {:.3} ms", self.percentile, figure / 1e3)
        } else {
            return None;
        };
        Some(Missed {
            asked_rate,
            bottleneck: match report.is_behind() {
                true => Some("generator"),
                false => report.bottleneck,
            },
            why,
        })
    }
}

impl Missed {
    /// A rate of which there is no report.
    pub(super) fn failed(asked_rate: f64, why: &Failed) -> Self {
        Missed {
            asked_rate,
            bottleneck: None,
            why: why.to_string(),
        }
    }
}

/// Whether so many messages are what was asked; one may be under way.
fn is_nearly_all(count: u64, asked: f64) -> bool {
    count as f64 + 1.0 >= ACHIEVED * asked
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.percentile, self.bound)
    }
}

/// The highest rate that `meets`, to 5 %, from `first` on: doubled while it does, or halved until it
/// does, and then what lies between is bisected. `None` if not even one in a second does.
pub(super) fn highest<E>(
    first: f64,
    mut meets: impl FnMut(f64) -> Result<bool, E>,
) -> Result<Option<f64>, E> {
    let (mut low, mut high) = (None, None);
    let mut rate = first;
    loop {
        match meets(rate)? {
            true => low = Some(rate),
            false => high = Some(rate),
        }
        rate = match (low, high) {
            (Some(low), None) => low * 2.0,
            (None, Some(high)) if high < 1.0 => return Ok(None),
            (None, Some(high)) => high / 2.0,
            (Some(low), Some(high)) if high / low <= CLOSE => return Ok(Some(low)),
            (Some(low), Some(high)) => (low + high) / 2.0,
            (None, None) => unreachable!("one of them was just set"),
        };
    }
}

const PERCENTILES: &[(&str, Figure)] = &[
    ("p50", |report| report.latency_us.p50),
    ("p90", |report| report.latency_us.p90),
    ("p99", |report| report.latency_us.p99),
    ("p99.9", |report| report.latency_us.p99_9),
];

/// 98 %: a server that answers less than it is asked falls ever further behind.
const ACHIEVED: f64 = 0.98;
/// 5 %: runs differ by as much.
const CLOSE: f64 = 1.05;

#[cfg(test)]
mod tests {
    use super::super::report::Latency;
    use super::*;

    /// What is found when everything up to `limit` meets the goal, and in how many steps.
    fn found(first: f64, limit: f64) -> (Option<f64>, usize) {
        let mut steps = 0;
        let meets = |rate| {
            steps += 1;
            Ok::<_, ()>(rate <= limit)
        };
        (highest(first, meets).unwrap(), steps)
    }

    #[test]
    fn the_highest_is_found_from_below_and_from_above() {
        for (first, limit) in [
            (1000.0, 700_000.0),
            (1000.0, 1000.0),
            (1e6, 300.0),
            (3.0, 1e9),
        ] {
            let (rate, steps) = found(first, limit);
            let rate = rate.unwrap();
            assert!(rate <= limit && rate * 1.06 >= limit, "{rate} of {limit}");
            assert!(steps < 40, "{steps} steps to {limit}");
        }
    }

    #[test]
    fn there_may_be_none() {
        assert_eq!(found(1000.0, 0.0).0, None);
    }

    #[test]
    fn a_failure_ends_it() {
        assert_eq!(highest(1.0, |_| Err("gone")), Err("gone"));
    }

    #[test]
    fn one_message_of_a_few_may_be_under_way() {
        assert!(is_nearly_all(9, 10.0) && is_nearly_all(98, 100.0));
        assert!(!is_nearly_all(8, 10.0) && !is_nearly_all(970, 1000.0));
    }

    /// 100 messages of 100 that were asked in a second, in no time.
    fn report() -> Report {
        Report {
            unit: "messages",
            asked_rate: Some(100.0),
            seconds: 1.0,
            count: 100,
            ..Report::default()
        }
    }

    fn missed(report: &Report) -> Option<(Option<&'static str>, String)> {
        let goal = Goal::new("p50", Duration::from_millis(5)).unwrap();
        let miss = goal.missed(report);
        miss.map(|miss| (miss.bottleneck, miss.why))
    }

    #[test]
    fn a_miss_has_its_reason() {
        assert_eq!(missed(&report()), None);
        let (mut late, mut few, mut lost) = (report(), report(), report());
        late.latency_us.p50 = Some(5001.0);
        few.count = 50;
        lost.errors = 1;
        for (report, why) in [
            (late, "p50 was 5.001 ms"),
            (few, "per second were answered"),
            (lost, "1 messages were asked for and did not come"),
        ] {
            let (_, told) = missed(&report).unwrap();
            assert!(told.contains(why), "no {why} in {told}");
        }
    }

    #[test]
    fn what_the_generator_cannot_do_is_its_own_limit() {
        let few = |bottleneck, behind_us: Option<f64>| Report {
            count: 50,
            bottleneck,
            behind_us: behind_us.map(|p99| Latency {
                p99: Some(p99),
                ..Latency::default()
            }),
            ..report()
        };
        for (report, whose) in [
            (few(None, None), None),
            (few(Some("server"), Some(999.0)), Some("server")),
            (few(Some("generator"), Some(0.0)), Some("generator")),
            (few(Some("server"), Some(1001.0)), Some("generator")),
        ] {
            assert_eq!(missed(&report).unwrap().0, whose);
        }
    }

    #[test]
    fn a_goal_is_a_percentile_that_is_known() {
        let goal = Goal::new("p99.9", Duration::from_millis(5)).unwrap();
        assert_eq!(goal.to_string(), "p99.9=5ms");
        assert!(Goal::new("p98", Duration::ZERO).is_none());
    }
}
