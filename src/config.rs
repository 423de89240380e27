//! Every limit and choice: its default, and the reason for the default.
//!
//! There is no limit whose default is "none".

use std::time::Duration;

use crate::proto::handshake::{HeadLimits, OriginPolicy};
use crate::proto::{Deflate, OutboxLimits, SlowPolicy};

/// What a server may be told. Set it through [`Server::builder`](crate::Server::builder), or whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Worker threads, each with its own loop. As many as there are cores.
    pub workers: usize,
    /// Which kernel interface carries the bytes. [`Backend::Auto`].
    pub backend: Backend,
    /// Whether each worker stays on one core. Off: the machine may have other work to place.
    pub pin: bool,
    /// Whether other processes may listen on the same port. Off, so that a second instance by
    /// mistake is told so.
    pub reuse_port: bool,
    /// The longest message taken, in bytes. 1 MiB: more surprises operators, less surprises users.
    pub message_max: usize,
    /// Whether messages are compressed with those who offer it (RFC 7692). `None`: it costs more time
    /// than all the rest of a message. [`Deflate::shared`] takes no memory per connection.
    pub deflate: Option<Deflate>,
    /// Limits on the request head. 16 KiB, 8 KiB a line, 100 fields: what big cookies need.
    pub head: HeadLimits,
    /// Connections of the whole server. 65 536: file descriptors usually end first.
    pub connections_max: usize,
    /// Bytes that the unfinished messages and outboxes of one worker may hold together. 1 GiB. A
    /// frame that many connections wait for counts once for each, so that real use is never more.
    pub memory_max: usize,
    /// Bytes that may wait for one peer before the [`slow`](Self::slow) policy acts. 1 MiB, as large
    /// as the largest message. Past a quarter of it the peer's own requests are not read; at or
    /// below a sixteenth they are again.
    pub outbox_max: usize,
    /// What happens to what others say to a peer that does not read. [`SlowPolicy::Close`].
    pub slow: SlowPolicy,
    /// Bytes that may wait in a worker's mailbox. 16 MiB: sixteen of the largest messages.
    pub mailbox_max: usize,
    /// Topics one connection may subscribe to. 1024: chat rooms, not a database.
    pub topics_max: usize,
    /// From accept to the end of the handshake, all of it; of what is dialled, from the connect. 10 s.
    pub handshake_timeout: Duration,
    /// After so long without a byte from the peer it is pinged. 25 s: proxies cut at 30. Zero: never.
    pub idle_timeout: Duration,
    /// After so long without a byte since the ping left the peer is given up, whatever it is sent
    /// meanwhile. 10 s.
    pub pong_timeout: Duration,
    /// From the start of the closing handshake to the end of TCP. 5 s. A peer that goes on reading
    /// what was queued before has so long from the last of it, and [`write_timeout`](Self::write_timeout)
    /// more in all.
    pub close_timeout: Duration,
    /// Without a byte taken by the kernel for so long, the peer is given up. 30 s.
    pub write_timeout: Duration,
    /// How long a peer that has been told everything may take to close. 1 s. A server that was dialled
    /// has it twice: to close TCP first, and to close its side once we have closed ours.
    pub linger_timeout: Duration,
    /// Which pages may connect. [`OriginPolicy::SameHost`]: browsers let any page try.
    pub origin: OriginPolicy,
    /// What a panic in a handler costs. [`OnPanic::CloseConnection`].
    pub on_panic: OnPanic,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            backend: Backend::Auto,
            pin: false,
            reuse_port: false,
            message_max: 1 << 20,
            deflate: None,
            head: HeadLimits::default(),
            connections_max: 65_536,
            memory_max: 1 << 30,
            outbox_max: 1 << 20,
            slow: SlowPolicy::Close,
            mailbox_max: 16 << 20,
            topics_max: 1024,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(1),
            origin: OriginPolicy::SameHost,
            on_panic: OnPanic::CloseConnection,
        }
    }
}

impl Config {
    pub(crate) fn outbox(&self) -> OutboxLimits {
        OutboxLimits {
            max: self.outbox_max,
            high: self.outbox_max / 4,
            low: self.outbox_max / 16,
            policy: self.slow,
        }
    }

    /// What is wrong with these settings together, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let zero = [
            (self.workers == 0, "workers must be at least 1"),
            (self.workers > WORKERS_MAX, "workers must be at most 1024"),
            (self.message_max == 0, "message_max must be at least 1 byte"),
            (
                self.head.bytes < HEAD_MIN,
                "head.bytes must be at least 256",
            ),
            (self.outbox_max == 0, "outbox_max must be at least 1 byte"),
            (self.mailbox_max == 0, "mailbox_max must be at least 1 byte"),
            (self.memory_max == 0, "memory_max must be at least 1 byte"),
            (
                self.connections_max == 0,
                "connections_max must be at least 1",
            ),
            (
                self.handshake_timeout.is_zero(),
                "handshake_timeout must be longer than zero",
            ),
            (
                self.close_timeout.is_zero(),
                "close_timeout must be longer than zero",
            ),
            (
                self.write_timeout.is_zero(),
                "write_timeout must be longer than zero",
            ),
            (
                self.pong_timeout.is_zero(),
                "pong_timeout must be longer than zero",
            ),
        ];
        let times = [
            self.handshake_timeout,
            self.idle_timeout,
            self.pong_timeout,
            self.close_timeout,
            self.write_timeout,
            self.linger_timeout,
        ];
        let deflate = self.deflate.and_then(|deflate| deflate.fault());
        let deflate = deflate.or_else(|| self.torn(self.deflate));
        let deflate = (deflate.is_some(), deflate.unwrap_or_default());
        let too_long = times.into_iter().any(|time| time > TIME_MAX);
        let long = (too_long, "a timeout must be at most 24 days");
        let mut faults = zero.into_iter().chain([deflate, long]);
        faults.find_map(|(wrong, why)| wrong.then_some(why))
    }

    /// What is wrong with such compression here: what comes behind a message that was dropped after
    /// it was compressed might refer to it.
    pub(crate) fn torn(&self, deflate: Option<Deflate>) -> Option<&'static str> {
        let takes_over = deflate.is_some_and(|deflate| deflate.takeover);
        (takes_over && self.slow == SlowPolicy::DropOldest).then_some(
            "slow = DropOldest does not go with takeover: later messages refer to the dropped ones",
        )
    }
}

/// Which kernel interface carries the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// io_uring if it works in every worker, else mio; the log says which, and why.
    #[default]
    Auto,
    /// io_uring (Linux 6.1 or later), or an error.
    IoUring,
    /// mio: epoll, kqueue.
    Mio,
}

/// What a panic in a handler costs. The handler itself goes on as the panic left it.
///
/// One panic at a time: where the language lets a panic end the process, because it comes out of a `Drop`
/// while another one unwinds through the same call or the same value, it does so here too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// The connection it was called for: closed with 1011, and counted.
    #[default]
    CloseConnection,
    /// The whole server, with an error.
    StopServer,
}

/// 256: the shortest request that opens a WebSocket has about 150 bytes.
const HEAD_MIN: usize = 256;
/// 24 days: connections note the time in 32 bits of milliseconds.
const TIME_MAX: Duration = Duration::from_secs(24 * 24 * 3600);
/// 1024: a connection's id has ten bits for its worker.
pub(crate) const WORKERS_MAX: usize = 1024;
