//! The highest rate at which a server still answers in time.

use std::time::Duration;

use super::report::Report;

/// A percentile, and how long it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    of: fn(&Report) -> f64,
    bound_us: f64,
}

impl Goal {
    /// `None` where there is no such percentile.
    pub(crate) fn new(percentile: &str, bound: Duration) -> Option<Self> {
        let of: fn(&Report) -> f64 = match percentile {
            "p50" => |report| report.latency_us.p50,
            "p90" => |report| report.latency_us.p90,
            "p99" => |report| report.latency_us.p99,
            "p99.9" => |report| report.latency_us.p99_9,
            _ => return None,
        };
        Some(Goal {
            of,
            bound_us: bound.as_secs_f64() * 1e6,
        })
    }
}
