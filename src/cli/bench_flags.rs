//! What a user may say to `bench`.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::RangedI64ValueParser;
use clap::{Args, Subcommand, ValueEnum, value_parser};
use ws4rs::{Deflate, Dial};

use super::ask_flags::AskOptions;
use super::bench_values::{Place, addresses, condition, goal, place, sizes, some_rate, some_time};
use super::deflate_flag::{DeflateMode, DeflateOption};
use super::flags::{BackendFlag, time};
use crate::bench::{Condition, Goal, Kind, Mode, Plan, Sizes, Target};

#[derive(Debug, Subcommand)]
pub(super) enum BenchMode {
    /// Each connection keeps messages under way, and asks again when it is answered.
    Echo {
        #[command(flatten)]
        options: BenchOptions,
        #[command(flatten)]
        extent: Extent,

        /// Messages of each connection under way at once.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = outstanding())]
        outstanding: u32,
    },
    /// So many messages a second, answered or not; their time counts from when they were due.
    Rate {
        #[command(flatten)]
        options: BenchOptions,
        #[command(flatten)]
        extent: Extent,

        /// Messages per second, over all connections; where to begin, with --find.
        #[arg(long, value_name = "N", value_parser = some_rate, required_unless_present = "find")]
        rate: Option<f64>,

        /// Look for the highest rate that holds this, as p99=5ms: each step takes --seconds.
        #[arg(long, value_name = "GOAL", value_parser = goal)]
        find: Option<Goal>,
    },
    /// One more connection publishes, the others are to hear it all.
    Fanout {
        #[command(flatten)]
        options: BenchOptions,
        #[command(flatten)]
        extent: Extent,

        /// Messages under way at once, until everybody has them.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = outstanding())]
        outstanding: u32,

        /// Where to publish, if not where the others hear.
        #[arg(long, value_name = "URL", value_parser = place)]
        publish_url: Option<Place>,

        /// What each that is to hear says first.
        #[arg(long, value_name = "TEXT")]
        join: Option<String>,
    },
    /// Each connection opens, echoes one message and closes, again and again.
    Connect {
        #[command(flatten)]
        options: BenchOptions,
        #[command(flatten)]
        extent: Extent,
    },
    /// Connections are open and silent: what does each take? Before them 100 echo one message and close.
    Idle(BenchOptions),
}

/// What every mode may be told. Sizes take K, M and G (of 1024), times take ms, s, m and h; a plain number
/// is bytes, or seconds.
#[derive(Debug, Args)]
#[command(mut_arg("deflate", |flag| flag.help(DEFLATE)))]
pub(super) struct BenchOptions {
    /// ws://HOST:PORT/PATH, ws+unix:SOCKET:/PATH, or tcp://HOST:PORT for as many bytes without frames
    #[arg(value_name = "URL", value_parser = place)]
    url: Place,

    /// Connections at a time.
    #[arg(short, long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    connections: u32,

    /// Bytes of a message; or several sizes with their weights, as 32:80,4K:15,64K:5
    #[arg(long, value_name = "SIZE", value_parser = sizes, default_value = "32")]
    size: Sizes,

    /// What messages are: records of ASCII, records with strings of all languages, or noise.
    #[arg(long, value_enum, default_value = "text")]
    kind: KindFlag,

    #[command(flatten)]
    deflate: DeflateOption,

    /// How long to measure.
    #[arg(long, value_name = "TIME", value_parser = some_time, default_value = "5")]
    seconds: Duration,

    /// Addresses to connect from, in turn: ADDRESS or FIRST-LAST. Each lends some 28 000 ports. May be
    /// given more than once.
    #[arg(long, value_name = "ADDRESS", value_parser = addresses)]
    from: Vec<Vec<IpAddr>>,

    /// The kernel interface of the generator: auto takes io_uring where it works.
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendFlag,

    #[command(flatten)]
    ask: AskOptions,

    /// The server's process, whose CPU time and memory are told. May be given more than once.
    #[arg(long, value_name = "PID")]
    server_pid: Vec<u32>,

    /// One line of JSON instead of the report.
    #[arg(long)]
    pub(super) json: bool,

    /// End with 4 when this holds, as p99>5ms, rate<100000, server_ns>3000. May be given more than once.
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    fail_if: Vec<Condition>,

    /// Each connection must be open within this time, which without frames its first answer tells; and
    /// all that are to hear a fan-out be ready as long after.
    #[arg(long, value_name = "TIME", value_parser = some_time, default_value = "10")]
    timeout: Duration,
}

/// How much is enough, where something is done again and again.
#[derive(Debug, Args)]
pub(super) struct Extent {
    /// Ask so many messages or cycles and no more, when they are done sooner than --seconds; of a fan-out as
    /// many messages as make so many deliveries.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// How long to run before it is measured.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1")]
    warm: Duration,
}

const DEFLATE: &str = "Offer to compress, and compress all that gets smaller: shared compresses each message for \
                       itself, beforehand; takeover refers to earlier ones, at the cost of the generator's time";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindFlag {
    Text,
    Mixed,
    Binary,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  ws4rs bench echo ws://127.0.0.1:9001/ -c 64 --outstanding 16 --server-pid $(pidof server)
  ws4rs bench rate ws://127.0.0.1:9001/ -c 200 --rate 50000 --fail-if 'p99>5ms'
  ws4rs bench rate ws://127.0.0.1:9001/ -c 200 --find p99=5ms
  ws4rs bench fanout ws://127.0.0.1:9001/ -c 1000 --size 512
  ws4rs bench connect ws://127.0.0.1:9001/ -c 50
  ws4rs bench idle ws://127.0.0.1:9001/ -c 10000 --server-pid $(pidof server)

Every answer is compared, byte for byte and in order. `echo`, `rate` and `connect` want a server that
sends back what it gets, `fanout` one that sends it to everybody, and `idle` any that echoes.

Exit codes:
  0    measured; Ctrl-C ends it early, with what there is
  1    an answer was wrong, missing or out of order, or none came; or a connection went away; or no rate
       meets the goal; or the figure of a condition is not known
  2    a wrong flag or URL
  3    could not connect, or was not let in; or more connections than descriptors are permitted; or a
       --server-pid is of no process
  4    measured, and a condition of --fail-if holds
  130  ended by Ctrl-C before there was anything to tell";

impl BenchMode {
    pub(super) fn options(&self) -> &BenchOptions {
        match self {
            BenchMode::Echo { options, .. }
            | BenchMode::Rate { options, .. }
            | BenchMode::Fanout { options, .. }
            | BenchMode::Connect { options, .. }
            | BenchMode::Idle(options) => options,
        }
    }

    fn extent(&self) -> Option<&Extent> {
        match self {
            BenchMode::Echo { extent, .. }
            | BenchMode::Rate { extent, .. }
            | BenchMode::Fanout { extent, .. }
            | BenchMode::Connect { extent, .. } => Some(extent),
            BenchMode::Idle(_) => None,
        }
    }

    /// All of it as values, or what is wrong with the flags together.
    pub(super) fn plan(&self) -> Result<Plan, &'static str> {
        let plan = self.options().plan(self.mode(), self.extent());
        plan.fault().map_or(Ok(plan), Err)
    }

    fn mode(&self) -> Mode {
        match self {
            BenchMode::Echo { outstanding, .. } => Mode::Echo {
                outstanding: *outstanding as usize,
            },
            BenchMode::Rate { rate, find, .. } => Mode::Rate {
                per_second: rate.unwrap_or(FIRST_RATE),
                find: *find,
            },
            BenchMode::Fanout {
                options,
                outstanding,
                publish_url,
                join,
                ..
            } => Mode::Fanout {
                outstanding: *outstanding as usize,
                publish: publish_url.as_ref().map(|place| options.target(place)),
                join: join.clone(),
            },
            BenchMode::Connect { .. } => Mode::Connect,
            BenchMode::Idle(_) => Mode::Idle,
        }
    }
}

impl BenchOptions {
    fn plan(&self, mode: Mode, extent: Option<&Extent>) -> Plan {
        Plan {
            url: self.url.to_string(),
            target: self.target(&self.url),
            mode,
            connections: self.connections as usize,
            sizes: self.size.clone(),
            kind: match self.kind {
                KindFlag::Text => Kind::Text,
                KindFlag::Mixed => Kind::Mixed,
                KindFlag::Binary => Kind::Binary,
            },
            time: self.seconds,
            warm: extent.map_or(Duration::ZERO, |extent| extent.warm),
            count: extent.and_then(|extent| extent.count),
            timeout: self.timeout,
            from: self.from.concat(),
            backend: self.backend.into(),
            server: self.server_pid.clone(),
            conditions: self.fail_if.clone(),
            offers: self.deflate.mode.is_some() || !self.ask.is_empty(),
        }
    }

    fn target(&self, place: &Place) -> Target {
        match place {
            Place::Tcp(name) => Target::Tcp(name.clone()),
            Place::Ws { url, .. } => Target::Ws(Box::new(self.dial(self.ask.dial(url)))),
        }
    }

    fn dial(&self, dial: Dial) -> Dial {
        let deflate = match self.deflate.mode {
            None => return dial,
            Some(DeflateMode::Shared) => Deflate::shared(),
            // What browsers offer.
            Some(DeflateMode::Takeover) => Deflate::takeover(15),
        };
        dial.deflate(deflate.threshold(0))
    }
}

/// 65 536: what is more waits in buffers, and it is those that would be measured.
fn outstanding() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=65536)
}

/// 1000 messages per second, to be doubled.
const FIRST_RATE: f64 = 1000.0;
