//! What a user may say.

use std::io::IsTerminal;
use std::num::ParseFloatError;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, value_parser};
use parse_size::Config as SizeFormat;
use tracing_subscriber::filter::LevelFilter;
use ws4rs::config::{Backend, Config};
use ws4rs::{Deflate, OriginPolicy, SlowPolicy};

use super::bench_flags::{self, BenchMode};
use super::connect_flags::{self, ConnectOptions};
use super::deflate_flag::{DeflateMode, DeflateOption};

/// WebSocket for heavy load.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, next_help_heading = "Log")]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(super) command: Command,

    /// How log lines look; they go to standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    log_format: LogFormat,

    /// Say more: -v what happens to connections, -vv everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,

    /// Say less: -q warnings and errors, -qq errors.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

const EXIT_CODES: &str = "Exit codes:
  0    ended as asked: a first SIGTERM or SIGINT drains
  1    failed while running
  2    a wrong flag, a malformed address, or flags that do not go together
  3    could not start: an address that is taken or not permitted, a backend that does not work here
  130  a second SIGINT ended it at once (143: SIGTERM)

`connect` and `bench` have more of them: see their own help.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send every message back.
    Echo(Options),
    /// Send what one client says to every other client.
    Broadcast {
        #[command(flatten)]
        options: Options,

        /// Send it to the one who said it, too.
        #[arg(long = "self")]
        include_sender: bool,
    },
    /// Talk to a server: lines in, messages out.
    #[command(after_help = connect_flags::EXIT_CODES)]
    Connect(Box<ConnectOptions>),
    /// Put load on a server, any server, and tell what it takes.
    #[command(after_help = bench_flags::EXAMPLES)]
    Bench {
        #[command(subcommand)]
        mode: Box<BenchMode>,
    },
}

/// What a server may be told. Sizes take K, M and G (of 1024), times take ms, s, m and h; a plain
/// number is bytes, or seconds.
#[derive(Debug, Args)]
#[command(mut_arg("deflate", |flag| flag.help(DEFLATE)))]
pub(super) struct Options {
    /// Where to listen: HOST:PORT, port 0 for a free one, or unix:PATH. May be given more than once.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub(super) listen: Vec<String>,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    /// The kernel interface: auto takes io_uring where it works.
    #[arg(long, value_enum, default_value = "auto")]
    backend: BackendFlag,

    /// Keep each worker on a core of its own.
    #[arg(long)]
    pin: bool,

    /// Let other processes listen on the same port.
    #[arg(long)]
    reuse_port: bool,

    /// The longest message taken [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_message: Option<usize>,

    #[command(flatten)]
    deflate: DeflateOption,

    /// How hard to compress, 1 to 9 [default: 6]
    #[arg(long, value_name = "LEVEL", requires = "deflate", value_parser = value_parser!(u8).range(1..=9))]
    deflate_level: Option<u8>,

    /// The longest request head taken [default: 16K]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_head: Option<usize>,

    /// Connections at a time [default: 65536]
    #[arg(long, value_name = "N")]
    max_connections: Option<usize>,

    /// What one worker may hold for unfinished messages and slow readers [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<usize>,

    /// What may wait for one peer before --slow says what happens [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    outbox: Option<usize>,

    /// What happens to what others say to a peer that reads too slowly.
    #[arg(long, value_enum, default_value = "close", value_name = "POLICY")]
    slow: Slow,

    /// The handshake, all of it, must be done within this time [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    handshake_timeout: Option<Duration>,

    /// Ping a peer after this time without a byte from it; 0 for never [default: 25s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    idle: Option<Duration>,

    /// Give up a peer after this time without a byte since the ping [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pong_timeout: Option<Duration>,

    /// Cut a peer after this time of closing, and on a drain [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    close_timeout: Option<Duration>,

    /// Cut a peer that reads nothing for this time [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    write_timeout: Option<Duration>,

    /// Pages that may connect: any, same-host, or an origin such as https://example.com, which may
    /// be given more than once. These servers hold nobody's authority, hence any.
    #[arg(long, value_name = "ORIGIN", default_value = "any", value_parser = origin)]
    origin: Vec<String>,
}

const DEFLATE: &str = "Compress with those who offer it: shared takes no memory per connection, takeover keeps \
                       4 KiB each way and packs tighter [default: off]";

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum BackendFlag {
    Auto,
    IoUring,
    Mio,
}

impl From<BackendFlag> for Backend {
    fn from(flag: BackendFlag) -> Self {
        match flag {
            BackendFlag::Auto => Backend::Auto,
            BackendFlag::IoUring => Backend::IoUring,
            BackendFlag::Mio => Backend::Mio,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Slow {
    Close,
    DropNewest,
    DropOldest,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Flags {
    /// Sends the log to standard error.
    pub(super) fn start_log(&self) {
        let level = match (self.verbose, self.quiet) {
            (0, 0) => LevelFilter::INFO,
            (0, 1) => LevelFilter::WARN,
            (0, _) => LevelFilter::ERROR,
            (1, _) => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        let log = tracing_subscriber::fmt()
            .with_max_level(level)
            // A file or a service manager wants no colours.
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => log.with_target(false).init(),
            LogFormat::Json => log.json().init(),
        }
    }
}

impl Options {
    /// What is wrong with the flags together, if anything.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let word = |origin: &String| origin == "any" || origin == "same-host";
        let mixed = self.origin.len() > 1 && self.origin.iter().any(word);
        mixed.then_some("--origin any and --origin same-host stand alone")
    }

    /// The whole configuration.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::default();
        config.workers = self.workers.unwrap_or(config.workers);
        config.backend = self.backend.into();
        config.pin = self.pin;
        config.reuse_port = self.reuse_port;
        config.message_max = self.max_message.unwrap_or(config.message_max);
        config.deflate = self.deflate.mode.map(|mode| {
            let deflate = match mode {
                DeflateMode::Shared => Deflate::shared(),
                DeflateMode::Takeover => Deflate::takeover(12),
            };
            deflate.level(self.deflate_level.unwrap_or(deflate.level))
        });
        config.head.bytes = self.max_head.unwrap_or(config.head.bytes);
        config.connections_max = self.max_connections.unwrap_or(config.connections_max);
        config.memory_max = self.memory.unwrap_or(config.memory_max);
        config.outbox_max = self.outbox.unwrap_or(config.outbox_max);
        config.slow = match self.slow {
            Slow::Close => SlowPolicy::Close,
            Slow::DropNewest => SlowPolicy::DropNewest,
            Slow::DropOldest => SlowPolicy::DropOldest,
        };
        config.handshake_timeout = self.handshake_timeout.unwrap_or(config.handshake_timeout);
        config.idle_timeout = self.idle.unwrap_or(config.idle_timeout);
        config.pong_timeout = self.pong_timeout.unwrap_or(config.pong_timeout);
        config.close_timeout = self.close_timeout.unwrap_or(config.close_timeout);
        config.write_timeout = self.write_timeout.unwrap_or(config.write_timeout);
        config.origin = match self.origin.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["any"] => OriginPolicy::Any,
            ["same-host"] => OriginPolicy::SameHost,
            _ => OriginPolicy::List(self.origin.clone()),
        };
        config
    }
}

fn origin(text: &str) -> Result<String, String> {
    match text {
        "any" | "same-host" | "null" => Ok(text.to_owned()),
        _ if text
            .split_once("://")
            .is_some_and(|(_, host)| !host.is_empty() && !host.contains('/')) =>
        {
            Ok(text.to_owned())
        }
        _ => {
            Err("an origin is a scheme, a host and perhaps a port: https://example.com".to_owned())
        }
    }
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let bytes = SizeFormat::new()
        .with_binary()
        .parse_size(text)
        .map_err(|error| format!("{error}; a size is a number with K, M or G, or without"))?;
    usize::try_from(bytes).map_err(|error| error.to_string())
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let seconds: Result<f64, ParseFloatError> = text.parse();
    match seconds {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    }
}
