//! The report as people read it.

use std::fmt;

use super::report::{Latency, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.asked(f)?;
        self.figures(f)?;
        self.costs(f)?;
        self.remarks(f)
    }
}

impl Report {
    fn asked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deflate = self.deflate.map(|how| format!(", deflate {how}"));
        let outstanding = match self.outstanding {
            Some(outstanding) => format!(" x {outstanding}"),
            None => " connections".to_owned(),
        };
        writeln!(
            f,
            "{} {}: {}{}, {} B {}{}, {}, {:.1} s",
            self.mode,
            self.url,
            self.connections,
            outstanding,
            self.sizes,
            self.kind,
            deflate.unwrap_or_default(),
            self.backend,
            self.seconds,
        )
    }

    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(
            f,
            self.unit,
            &format!("{}, {:.0} per second", self.count, self.per_second),
        )?;
        if let Some(rate) = self.asked_rate {
            row(f, "asked", &format!("{rate:.0} per second"))?;
        }
        row(f, "latency", &self.latency_us)?;
        if let Some(latency) = &self.latency_all_us {
            row(f, "to all", latency)?;
        }
        let wire = &self.wire_bytes;
        let wire = format!(
            "{} B sent, {} B received for each",
            known(wire.sent_per_unit, tenths),
            known(wire.received_per_unit, tenths)
        );
        row(f, "wire", &wire)
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let busy = |ns, cores: f64| {
            let ns = known(ns, |ns| format!("{ns:.0}"));
            format!("{ns} ns of CPU for each, {:.0} % of a core", 100.0 * cores)
        };
        if let Some(server) = &self.server {
            let memory = format!("RSS {}", bytes(server.rss_bytes as f64));
            let each = server.bytes_per_connection;
            let each = each.map(|each| format!(", {} a connection", bytes(each)));
            let busy = busy(server.cpu_ns_per_unit, server.cores);
            row(
                f,
                "server",
                &format!("{busy}, {memory}{}", each.unwrap_or_default()),
            )?;
        }
        if let Some(own) = &self.generator {
            row(f, "generator", &busy(own.cpu_ns_per_unit, own.cores))?;
        }
        Ok(())
    }

    fn remarks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bottleneck == Some("generator") {
            writeln!(
                f,
                "  The generator was busy all the time: the server may be faster than this."
            )?;
        }
        if let Some(behind) = self.behind_us.filter(|_| self.is_behind()) {
            writeln!(
                f,
                "  The generator fell behind its schedule: by {} at the 99th percentile.",
                known(behind.p99, micros)
            )?;
        }
        for miss in &self.missed {
            writeln!(
                f,
                "  Too much: {:.0} per second: {}",
                miss.asked_rate, miss.why
            )?;
        }
        let limit = self.missed.last().and_then(|miss| miss.bottleneck);
        if limit == Some("generator") {
            writeln!(
                f,
                "  That limit is the generator's: the server may hold more."
            )?;
        }
        if self.server.is_some_and(|server| !server.rss_exact) {
            writeln!(
                f,
                "  RSS is not exact: the server's smaps_rollup may not be read."
            )?;
        }
        if self.offered && self.deflate.is_none() {
            writeln!(f, "  The server does not compress.")?;
        }
        for condition in &self.failed {
            writeln!(f, "  Failed: {condition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
            ("max", self.max),
        ];
        let each = named.map(|(name, time)| format!("{name} {}", known(time, micros)));
        f.write_str(&each.join("  "))
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, what: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "  {name:<12}{what}")
}

/// A figure that there may not be.
fn known(figure: Option<f64>, told: fn(f64) -> String) -> String {
    figure.map_or("-".to_owned(), told)
}

fn tenths(figure: f64) -> String {
    format!("{figure:.1}")
}

fn micros(us: f64) -> String {
    match us {
        0.0..1000.0 => format!("{us:.1} us"),
        1000.0..1e6 => format!("{:.2} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

fn bytes(bytes: f64) -> String {
    match bytes {
        ..10_240.0 => format!("{bytes:.0} B"),
        10_240.0..10_485_760.0 => format!("{:.1} KiB", bytes / 1024.0),
        _ => format!("{:.1} MiB", bytes / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::{Missed, Server};
    use super::*;

    #[test]
    fn of_nothing_there_are_no_figures() {
        let text = Report::default().to_string();
        for row in [
            "latency     p50 -  p90 -  p99 -  p99.9 -  max -",
            "wire        - B sent, - B received",
        ] {
            assert!(text.contains(row), "no {row:?} in {text}");
        }
    }

    #[test]
    fn what_a_figure_is_not_is_told() {
        let told = |report: Report| report.to_string();
        let server = |rss_exact| Server {
            cpu_ns_per_unit: Some(1.0),
            cores: 0.5,
            rss_bytes: 4096,
            rss_exact,
            bytes_per_connection: None,
        };
        let with = |rss_exact| Report {
            server: Some(server(rss_exact)),
            ..Report::default()
        };
        assert!(told(with(false)).contains("RSS is not exact"));
        assert!(!told(with(true)).contains("exact"));

        let missed = |asked_rate, bottleneck| Missed {
            asked_rate,
            bottleneck,
            why: "p99 was 7.000 ms".to_owned(),
        };
        let found = |bottleneck| Report {
            missed: vec![missed(8000.0, None), missed(6000.0, bottleneck)],
            ..Report::default()
        };
        let text = told(found(Some("generator")));
        assert!(text.contains("8000 per second: p99 was 7.000 ms"), "{text}");
        assert!(text.contains("limit is the generator's"), "{text}");
        assert!(!told(found(Some("server"))).contains("generator's"));
    }
}
