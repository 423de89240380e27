//! A load generator for echo servers, on the crate's own driver, in one thread.
//!
//! Keeps `--outstanding` messages under way on each of `--connections` connections, and tells how
//! many came back, what they cost the server, and how long they took. Ends with 1 when an answer was
//! wrong, missing, or none came.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ws4rs_perf::backend::Backend;
use ws4rs_perf::cpu;
use ws4rs_perf::exchange::{Kind, Protocol, Script};
use ws4rs_perf::fleet::Fleet;
use ws4rs_perf::histogram::Histogram;

#[derive(Parser)]
#[command(about = "Puts load on an echo server and tells what a message costs")]
struct Flags {
    /// HOST:PORT, or as the server prints it: ws://HOST:PORT/PATH or tcp://HOST:PORT.
    #[arg(long)]
    url: String,
    #[arg(long, value_enum, default_value_t = Protocol::Ws)]
    protocol: Protocol,
    /// The driver of the load generator itself.
    #[arg(long, value_enum, default_value_t = Backend::IoUring)]
    backend: Backend,
    #[arg(long, default_value_t = 200)]
    connections: usize,
    /// Messages under way at once, per connection.
    #[arg(long, default_value_t = 1)]
    outstanding: usize,
    /// Payload of a message, in bytes.
    #[arg(long, default_value_t = 32)]
    size: usize,
    #[arg(long, value_enum, default_value_t = Kind::Text)]
    kind: Kind,
    /// Text of one to four bytes per character instead of ASCII.
    #[arg(long)]
    mixed: bool,
    /// How long to measure.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How long to run before that.
    #[arg(long, default_value_t = 1.0)]
    warm: f64,
    /// The server's process, whose CPU time is counted; may be given more than once.
    #[arg(long)]
    server_pid: Vec<u32>,
    /// One line of JSON instead of the report.
    #[arg(long)]
    json: bool,
}

/// What was found in the measured time.
struct Found {
    elapsed: Duration,
    messages: u64,
    server_ns: Option<u64>,
    load_ns: u64,
    round_trips: Histogram,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match measure(&flags) {
        Ok(found) if flags.json => println!("{}", json(&flags, &found)),
        Ok(found) => print!("{}", report(&flags, &found)),
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(flags: &Flags) -> io::Result<Found> {
    let mut driver = flags.backend.driver()?;
    let driver = &mut *driver;
    let mut fleet = Fleet::new(Script {
        protocol: flags.protocol,
        kind: flags.kind,
        mixed: flags.mixed,
        size: flags.size,
        outstanding: flags.outstanding.max(1),
    });
    let (address, path) = address(&flags.url);
    for _ in 0..flags.connections.max(1) {
        fleet.launch(address, path, driver)?;
    }

    let began = fleet.run(driver, Duration::from_secs_f64(flags.warm))?;
    let (server_before, load_before) = (server_ns(flags)?, cpu::spent_ns("self")?);
    let messages_before = fleet.messages;
    fleet.round_trips = Histogram::default();

    let ended = fleet.run(driver, Duration::from_secs_f64(flags.seconds))?;
    let (server_after, load_after) = (server_ns(flags)?, cpu::spent_ns("self")?);
    let found = Found {
        elapsed: ended - began,
        messages: fleet.messages - messages_before,
        server_ns: server_after.zip(server_before).map(|(a, b)| a - b),
        load_ns: load_after - load_before,
        round_trips: std::mem::take(&mut fleet.round_trips),
    };

    fleet.come_home(driver, PATIENCE)?;
    match found.messages {
        0 => Err(io::Error::other("no message came back")),
        _ => Ok(found),
    }
}

/// Host and port, and the path, `/` if there is none.
fn address(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    }
}

fn server_ns(flags: &Flags) -> io::Result<Option<u64>> {
    let mut sum = None;
    for pid in &flags.server_pid {
        *sum.get_or_insert(0) += cpu::spent_ns(&pid.to_string())?;
    }
    Ok(sum)
}

impl Found {
    fn per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }

    fn server_per_message(&self) -> Option<f64> {
        Some(self.server_ns? as f64 / self.messages as f64)
    }

    /// Of one processor: 1.0 is all of it.
    fn share(&self, ns: u64) -> f64 {
        ns as f64 / self.elapsed.as_nanos() as f64
    }

    fn micros(&self, share: f64) -> f64 {
        self.round_trips.quantile_ns(share) as f64 / 1000.0
    }
}

fn report(flags: &Flags, found: &Found) -> String {
    let server = match (found.server_per_message(), found.server_ns) {
        (Some(each), Some(ns)) => {
            let share = 100.0 * found.share(ns);
            format!("{each:.0} ns of CPU per message, {share:.0} % of a core")
        }
        _ => "no --server-pid".to_string(),
    };
    format!(
        "{:?} {} x {}, {} B {:?}\n  messages    {:.0} per second\n  server      {server}\n  \
         load        {:.0} % of a core\n  round trip  p50 {:.1} us, p99 {:.1} us\n",
        flags.protocol,
        flags.connections,
        flags.outstanding,
        flags.size,
        flags.kind,
        found.per_second(),
        100.0 * found.share(found.load_ns),
        found.micros(0.5),
        found.micros(0.99),
    )
}

fn json(flags: &Flags, found: &Found) -> String {
    let or_null = |value: Option<f64>| value.map_or("null".into(), |value| format!("{value:.3}"));
    let name = |value: &dyn std::fmt::Debug| format!("\"{value:?}\"").to_lowercase();
    let fields = [
        ("protocol", name(&flags.protocol)),
        ("backend", format!("\"{}\"", flags.backend)),
        ("connections", flags.connections.to_string()),
        ("outstanding", flags.outstanding.to_string()),
        ("size", flags.size.to_string()),
        ("kind", name(&flags.kind)),
        ("mixed", flags.mixed.to_string()),
        ("seconds", format!("{:.3}", found.elapsed.as_secs_f64())),
        ("messages", found.messages.to_string()),
        ("messages_per_second", format!("{:.1}", found.per_second())),
        (
            "server_cpu_ns_per_message",
            or_null(found.server_per_message()),
        ),
        (
            "server_cpu_share",
            or_null(found.server_ns.map(|ns| found.share(ns))),
        ),
        (
            "load_cpu_share",
            format!("{:.3}", found.share(found.load_ns)),
        ),
        ("p50_us", format!("{:.1}", found.micros(0.5))),
        ("p99_us", format!("{:.1}", found.micros(0.99))),
    ];
    let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", fields.join(","))
}

/// 2 s: an answer that takes longer after the last question is a lost one.
const PATIENCE: Duration = Duration::from_secs(2);
