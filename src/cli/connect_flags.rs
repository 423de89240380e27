//! What a user may say to `connect`.

use std::time::Duration;

use clap::Args;
use ws4rs::Deflate;
use ws4rs::client::{Builder, Error};
use ws4rs::proto::handshake::Url;

use super::ask_flags::AskOptions;
use super::connect::silence;
use super::flags::{size, time};

/// Whom to talk to, and how.
#[derive(Debug, Args)]
pub(super) struct ConnectOptions {
    /// ws://HOST:PORT/PATH, or ws+unix:SOCKET:/PATH
    #[arg(value_name = "URL", value_parser = Url::parse)]
    url: Url,

    #[command(flatten)]
    ask: AskOptions,

    /// Offer to compress messages.
    #[arg(long)]
    deflate: bool,

    /// Send what is read as binary messages, as it comes, and write messages without a line end.
    #[arg(short, long)]
    pub(super) binary: bool,

    /// Leave after the first message that comes. The end of standard input is no reason to leave then.
    #[arg(short = '1', long)]
    pub(super) one: bool,

    /// Ping this often, and give the server up if nothing comes for as long after a ping that left;
    /// 0 for never. A ping waits behind a message that is being sent.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "0")]
    ping: Duration,

    /// The longest message taken [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_message: Option<usize>,

    /// Be connected, and let in, within this time [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
}

pub(super) const EXIT_CODES: &str = "\
Lines of standard input are sent as text messages. What comes is written to standard output, each \
message and a line end. At the end of standard input the connection is closed, and what the server \
still says before it closes too is written. When both are terminals there are prompts. To a terminal \
no control characters are written but line ends and tabs, and of a binary message how long it is.

Exit codes:
  0         closed with 1000 or without a code; nobody reads standard output any more
  1         failed while running: lost, not answered in time, a server that breaks the protocol
  2         a wrong flag or URL
  3         could not connect, or was not let in
  101-114   closed by the server with 1001 to 1014
  120, 121  closed by the server with 3000 to 3999, 4000 to 4999
  130       ended by Ctrl-C";

impl ConnectOptions {
    /// The connection that was asked for.
    pub(super) fn builder(&self) -> Builder {
        let mut builder = Builder::from(self.ask.dial(&self.url));
        if self.deflate {
            // What browsers offer; there is one connection, and its memory is no matter.
            builder = builder.deflate(Deflate::takeover(15));
        }
        if let Some(max) = self.max_message {
            builder = builder.message_max(max);
        }
        if let Some(limit) = self.timeout {
            builder = builder.handshake_timeout(limit);
        }
        // A server that lives sends at least a pong for each ping.
        builder.read_timeout(self.ping().map(silence))
    }

    /// How often to ping.
    pub(super) fn ping(&self) -> Option<Duration> {
        (!self.ping.is_zero()).then_some(self.ping)
    }
}

/// What the user got wrong, not the network or the server.
pub(super) fn is_usage(error: &Error) -> bool {
    matches!(error, Error::Url(_) | Error::Secure | Error::Dial(_))
}
