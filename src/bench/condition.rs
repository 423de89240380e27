//! What must not hold of a report: `p99>5ms`.

use std::fmt;
use std::time::Duration;

use super::plan::Mode;
use super::report::Report;

/// A figure, and a bound that it is not to pass.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// As the user wrote it.
    text: String,
    figure: Figure,
    order: Order,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

/// What is known of a run by a name.
#[derive(Clone, Copy, Debug)]
struct Figure {
    name: &'static str,
    unit: Unit,
    of: fn(&Report) -> Option<f64>,
}

/// How a bound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// `5ms`, in microseconds then.
    Time,
    /// `64K`.
    Bytes,
    Number,
}

impl Condition {
    /// Reads one, its bound with the readers of the flags.
    pub(crate) fn parse(
        text: &str,
        time: impl Fn(&str) -> Result<Duration, String>,
        size: impl Fn(&str) -> Result<usize, String>,
    ) -> Result<Self, String> {
        let text = text.trim();
        let at = text.find(['<', '>']).ok_or(FORM)?;
        let (name, rest) = text.split_at(at);
        let (order, bound) = order(rest);
        let figure = FIGURES.iter().find(|figure| figure.name == name.trim());
        let figure = *figure.ok_or_else(unknown)?;
        let bound = bound.trim();
        let bound = match figure.unit {
            Unit::Time => time(bound)?.as_secs_f64() * 1e6,
            Unit::Bytes => size(bound)? as f64,
            Unit::Number => number(bound)?,
        };
        Ok(Condition {
            text: text.to_owned(),
            figure,
            order,
            bound,
        })
    }

    /// Whether it takes the server's process to know.
    pub(crate) fn asks_for_server(&self) -> bool {
        self.figure.name.starts_with("server_") || self.figure.name == PER_CONNECTION
    }

    /// Whether it is of a figure that this mode has.
    pub(super) fn suits(&self, mode: &Mode) -> bool {
        match self.figure.name {
            TO_ALL => matches!(mode, Mode::Fanout { .. }),
            BEHIND => matches!(mode, Mode::Rate { .. }),
            PER_CONNECTION => matches!(mode, Mode::Idle),
            _ => true,
        }
    }

    /// Whether it holds; `None` of a figure that this run does not have.
    pub(super) fn holds(&self, report: &Report) -> Option<bool> {
        let figure = (self.figure.of)(report)?;
        Some(match self.order {
            Order::Less => figure < self.bound,
            Order::LessOrEqual => figure <= self.bound,
            Order::More => figure > self.bound,
            Order::MoreOrEqual => figure >= self.bound,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

fn order(text: &str) -> (Order, &str) {
    let with_equal = text[1..].strip_prefix('=');
    let rest = with_equal.unwrap_or(&text[1..]);
    let order = match (text.starts_with('<'), with_equal.is_some()) {
        (true, false) => Order::Less,
        (true, true) => Order::LessOrEqual,
        (false, false) => Order::More,
        (false, true) => Order::MoreOrEqual,
    };
    (order, rest)
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("{text:?} is no number"))
}

fn unknown() -> String {
    let names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
    format!("the figures are {}", names.join(", "))
}

const fn figure(name: &'static str, unit: Unit, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { name, unit, of }
}

#[rustfmt::skip]
const FIGURES: &[Figure] = &[
    figure("rate", Unit::Number, |report| Some(report.per_second)),
    figure("count", Unit::Number, |report| Some(report.count as f64)),
    figure("errors", Unit::Number, |report| Some(report.errors as f64)),
    figure("p50", Unit::Time, |report| report.latency_us.p50),
    figure("p90", Unit::Time, |report| report.latency_us.p90),
    figure("p99", Unit::Time, |report| report.latency_us.p99),
    figure("p99.9", Unit::Time, |report| report.latency_us.p99_9),
    figure("max", Unit::Time, |report| report.latency_us.max),
    figure(TO_ALL, Unit::Time, |report| report.latency_all_us?.p99),
    figure(BEHIND, Unit::Time, |report| report.behind_us?.p99),
    figure("server_ns", Unit::Number, |report| report.server?.cpu_ns_per_unit),
    figure("server_cores", Unit::Number, |report| report.server.map(|server| server.cores)),
    figure("server_rss", Unit::Bytes, |report| report.server.map(|server| server.rss_bytes as f64)),
    figure(PER_CONNECTION, Unit::Bytes, |report| report.server?.bytes_per_connection),
    figure("generator_ns", Unit::Number, |report| report.generator?.cpu_ns_per_unit),
];

const TO_ALL: &str = "all_p99";
const BEHIND: &str = "behind_p99";
const PER_CONNECTION: &str = "bytes_per_connection";
const FORM: &str = "a condition is a figure, < or > and a bound: p99>5ms";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Condition, String> {
        let time = |text: &str| match text.strip_suffix("ms") {
            Some(ms) => Ok(Duration::from_millis(ms.parse().unwrap())),
            None => Err("no time".to_owned()),
        };
        Condition::parse(text, time, |text| {
            text.parse().map_err(|_| "no size".to_owned())
        })
    }

    #[test]
    fn a_figure_an_order_and_a_bound() {
        for (text, order, bound) in [
            ("p99>5ms", Order::More, 5000.0),
            ("p99.9 >= 5ms", Order::MoreOrEqual, 5000.0),
            ("rate<1e5", Order::Less, 100_000.0),
            ("server_rss <= 4096", Order::LessOrEqual, 4096.0),
        ] {
            let condition = parse(text).unwrap();
            assert_eq!((condition.order, condition.bound), (order, bound), "{text}");
            assert_eq!(condition.to_string(), text);
        }
    }

    #[test]
    fn of_a_figure_that_is_not_there_nothing_holds_and_nothing_passes() {
        let report = Report::default();
        let holds = |text| parse(text).unwrap().holds(&report);
        assert_eq!(holds("generator_ns>1"), None);
        assert_eq!(holds("p99>5ms"), None);
        assert_eq!(holds("errors>0"), Some(false));
        assert_eq!(holds("errors<=0"), Some(true));
    }

    #[test]
    fn anything_else_is_told() {
        assert!(parse("p99").unwrap_err().contains("p99>5ms"));
        assert!(parse("p98>5ms").unwrap_err().contains("server_ns"));
        for text in [
            "p99>5",
            "rate<many",
            "rate<",
            "rate>nan",
            "rate<inf",
            ">5ms",
            "",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
