//! What was found, for people and for programs.

use serde::Serialize;

use super::fleet::Fleet;
use super::measure::Found;
use super::plan::{Mode, Plan};
use super::process::is_rss_exact;
use super::score::Times;

/// The figures of a run. Its serialization is what `--json` prints, and a promise.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct Report {
    pub(super) mode: &'static str,
    pub(super) url: String,
    pub(super) backend: &'static str,
    pub(super) connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outstanding: Option<usize>,
    pub(super) sizes: String,
    pub(super) kind: String,
    /// What was agreed on, not what was offered.
    pub(super) deflate: Option<&'static str>,
    /// Compression was offered.
    #[serde(skip)]
    pub(super) offered: bool,
    pub(super) seconds: f64,
    pub(super) unit: &'static str,
    pub(super) count: u64,
    pub(super) per_second: f64,
    pub(super) wire_bytes: WireBytes,
    pub(super) latency_us: Latency,
    /// Of a fan-out: until the last subscriber had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency_all_us: Option<Latency>,
    pub(super) server: Option<Server>,
    pub(super) generator: Option<Generator>,
    pub(super) bottleneck: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked_rate: Option<f64>,
    /// How long after they were due messages were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) behind_us: Option<Latency>,
    /// Of a search: the rates that did not meet its goal, as they were tried. The last is the lowest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missed: Vec<Missed>,
    /// Units that were asked for and did not come.
    pub(super) errors: u64,
    /// The conditions of `--fail-if` that held.
    pub(crate) failed: Vec<String>,
    /// A condition of which nobody knows whether it holds.
    #[serde(skip)]
    pub(super) untold: Option<String>,
}

/// A rate that did not meet the goal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Missed {
    pub(super) asked_rate: f64,
    /// Whose limit it is, where that is known: the generator's also where it fell behind.
    pub(super) bottleneck: Option<&'static str>,
    pub(super) why: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub(super) struct WireBytes {
    pub(super) sent_per_unit: Option<f64>,
    pub(super) received_per_unit: Option<f64>,
}

/// Percentiles of times, in microseconds; of no times there are none.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub(super) struct Latency {
    pub(super) p50: Option<f64>,
    pub(super) p90: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p99_9: Option<f64>,
    pub(super) max: Option<f64>,
}

/// The server's processes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Server {
    pub(super) cpu_ns_per_unit: Option<f64>,
    /// Cores that it kept busy.
    pub(super) cores: f64,
    pub(super) rss_bytes: u64,
    pub(super) rss_exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_per_connection: Option<f64>,
}

/// This process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Generator {
    pub(super) cpu_ns_per_unit: Option<f64>,
    pub(super) cores: f64,
}

impl Latency {
    pub(super) fn of(times: &Times) -> Self {
        let micros =
            |quantile| (!times.is_empty()).then(|| times.value_at_quantile(quantile) as f64 / 1e3);
        Latency {
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            p99_9: micros(0.999),
            max: micros(1.0),
        }
    }
}

impl Server {
    fn of(plan: &Plan, found: &Found) -> Option<Self> {
        let ns = found.server_ns?;
        Some(Server {
            cpu_ns_per_unit: found.per_unit(ns),
            cores: found.cores(ns),
            rss_bytes: found.server_rss?,
            rss_exact: plan.server.iter().all(|&pid| is_rss_exact(pid)),
            bytes_per_connection: None,
        })
    }
}

impl Generator {
    fn of(found: &Found) -> Option<Self> {
        let ns = found.own_ns?;
        Some(Generator {
            cpu_ns_per_unit: found.per_unit(ns),
            cores: found.cores(ns),
        })
    }
}

impl Report {
    /// What every mode has.
    pub(super) fn new(plan: &Plan, fleet: &Fleet<'_>, found: Found, times: &Times) -> Self {
        let seconds = found.ns as f64 / 1e9;
        let (server, generator) = (Server::of(plan, &found), Generator::of(&found));
        Report {
            mode: plan.mode.name(),
            url: plan.url.clone(),
            backend: match fleet.backend {
                ws4rs::Backend::IoUring => "io-uring",
                _ => "mio",
            },
            connections: plan.connections,
            outstanding: plan.mode.outstanding(),
            sizes: plan.sizes.to_string(),
            kind: plan.kind.to_string(),
            offered: plan.target.offers_deflate(),
            deflate: fleet.lines.deflate(),
            seconds,
            unit: plan.mode.unit(),
            count: found.count,
            per_second: found.count as f64 / seconds.max(1e-9),
            wire_bytes: WireBytes {
                sent_per_unit: found.per_unit(found.sent),
                received_per_unit: found.per_unit(found.received),
            },
            latency_us: Latency::of(times),
            latency_all_us: None,
            server,
            generator,
            bottleneck: bottleneck(
                server.map(|server| server.cores),
                generator.map(|own| own.cores),
            ),
            asked_rate: match plan.mode {
                Mode::Rate { per_second, .. } => Some(per_second),
                _ => None,
            },
            behind_us: None,
            missed: Vec::new(),
            errors: found.missing,
            failed: Vec::new(),
            untold: None,
        }
    }

    /// Whether the generator did not keep its schedule.
    pub(super) fn is_behind(&self) -> bool {
        let p99 = self.behind_us.and_then(|behind| behind.p99);
        p99.is_some_and(|p99| p99 > BEHIND_US)
    }

    /// What is wrong, though there is a report.
    pub(crate) fn fault(&self) -> Option<String> {
        let untold = self.untold.as_ref();
        fault(self.unit, self.count, self.errors, self.seconds)
            .or_else(|| untold.map(|text| format!("{text}: that figure is not known here")))
    }

    /// One line of JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and strings are JSON")
    }
}

fn fault(unit: &str, count: u64, errors: u64, seconds: f64) -> Option<String> {
    match (count, errors) {
        (0, 0) => Some(format!(
            "measured no {unit} in {seconds:.1} s: a longer --seconds may have some"
        )),
        (_, 0) => None,
        _ => Some(format!("{errors} {unit} were asked for and did not come")),
    }
}

/// Who was busy all the time, and so is what was measured. How many cores a server could use is not
/// known: next to a busy generator it is at its end only where it is at that of one thread.
fn bottleneck(server: Option<f64>, generator: Option<f64>) -> Option<&'static str> {
    let generator = generator.is_some_and(|cores| cores > BUSY);
    match server {
        Some(cores) if cores > BUSY && (!generator || cores <= ONE_THREAD) => Some("server"),
        _ => generator.then_some("generator"),
    }
}

/// 95 % of a core: the rest is lost to the machine.
const BUSY: f64 = 0.95;
/// 105 %: the clocks of two processes are not read at one time.
const ONE_THREAD: f64 = 1.05;
/// 1 ms: less is what a turn takes.
const BEHIND_US: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_have_measured_nothing_is_a_fault() {
        let told = fault("messages", 0, 0, 5.0).unwrap();
        assert!(told.contains("no messages in 5.0 s"), "{told}");
        assert!(fault("messages", 0, 7, 5.0).unwrap().contains("7 messages"));
        assert!(fault("messages", 9, 7, 5.0).is_some());
        assert_eq!(fault("messages", 1, 0, 5.0), None);
    }

    #[test]
    fn a_busy_generator_is_the_bottleneck_unless_the_server_has_one_thread_at_its_end() {
        for (server, generator, told) in [
            (Some(1.3), Some(1.0), Some("generator")),
            (Some(0.6), Some(1.0), Some("generator")),
            (None, Some(1.0), Some("generator")),
            (Some(1.0), Some(1.0), Some("server")),
            (Some(1.3), Some(0.6), Some("server")),
            (Some(1.0), None, Some("server")),
            (Some(0.6), Some(0.6), None),
            (None, None, None),
        ] {
            assert_eq!(
                bottleneck(server, generator),
                told,
                "{server:?} {generator:?}"
            );
        }
    }
}
