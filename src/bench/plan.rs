//! All that a run needs, as values.

use std::net::IpAddr;
use std::time::Duration;

use ws4rs::Backend;

use super::condition::Condition;
use super::find::Goal;
use super::idle::WARM;
use super::numbered::NUMBER;
use super::payload::Kind;
use super::sizes::Sizes;
use super::target::Target;
use super::wording::{Wordings, how_long};

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The server as the user named it, for the report.
    pub(crate) url: String,
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    pub(crate) connections: usize,
    pub(crate) sizes: Sizes,
    pub(crate) kind: Kind,
    /// How long to measure, and how long to run before that.
    pub(crate) time: Duration,
    pub(crate) warm: Duration,
    /// So many units are asked, and no more.
    pub(crate) count: Option<u64>,
    /// How long one connection may take to open.
    pub(crate) timeout: Duration,
    /// Addresses of ours to connect from; none: the kernel's choice.
    pub(crate) from: Vec<IpAddr>,
    pub(crate) backend: Backend,
    /// The server's processes.
    pub(crate) server: Vec<u32>,
    pub(crate) conditions: Vec<Condition>,
    /// Something is asked for besides the upgrade.
    pub(crate) offers: bool,
}

impl Plan {
    /// What is said to such a target.
    pub(super) fn wordings(&self) -> Wordings {
        match self.target.is_bare() {
            true => Wordings::bare(&self.sizes, self.kind),
            false => Wordings::framed(&self.sizes, self.kind),
        }
    }

    /// How many descriptors it takes at most.
    pub(crate) fn descriptors(&self) -> u64 {
        let connections = self.connections as u64;
        let at_once = match self.mode {
            Mode::Fanout { .. } => connections + 1,
            Mode::Idle => connections.max(WARM as u64),
            _ => connections,
        };
        at_once + OTHERS
    }

    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let bare = self.target.is_bare();
        let asks = self.conditions.iter().any(Condition::asks_for_server);
        let strange = |condition: &Condition| !condition.suits(&self.mode);
        let fanout = matches!(self.mode, Mode::Fanout { .. });
        let joins = matches!(self.mode, Mode::Fanout { join: Some(_), .. });
        let publish = self.mode.publish();
        let other = publish.is_some_and(|publish| publish.is_bare() != bare);
        let unix = self.target.is_unix() && publish.is_none_or(Target::is_unix);
        let faults = [
            (
                bare && self.offers,
                "tcp:// has no handshake: no fields, no compression",
            ),
            (
                unix && !self.from.is_empty(),
                "--from is an address of ours, and to a Unix socket nobody comes from one",
            ),
            (bare && joins, "tcp:// has no messages to join with"),
            (
                other,
                "frames are published and heard with frames, bytes without",
            ),
            (
                fanout && self.sizes.smallest() < NUMBER,
                "a message of a fan-out has its number in front: 10 bytes at least",
            ),
            (
                self.conditions.iter().any(strange),
                "a condition on a figure that this mode does not have: all_p99 is of fanout, behind_p99 of \
                 rate, bytes_per_connection of idle",
            ),
            (
                how_long(&self.sizes) > WORDINGS_MAX,
                "a mix of such sizes takes more than 512M of memory",
            ),
            (
                asks && self.server.is_empty(),
                "a condition on the server needs its --server-pid",
            ),
        ];
        faults
            .into_iter()
            .find_map(|(wrong, why)| wrong.then_some(why))
    }
}

/// 16 descriptors besides the connections: the standard streams, the kernel's interface, files of /proc.
const OTHERS: u64 = 16;
/// 512 MiB, which are kept twice.
const WORDINGS_MAX: usize = 512 << 20;

/// What the connections do.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// Each asks again when it is answered.
    Echo {
        /// Messages of each under way at once.
        outstanding: usize,
    },
    /// All together ask so often in a second, answered or not.
    Rate {
        per_second: f64,
        /// What is to hold at the highest rate there is.
        find: Option<Goal>,
    },
    /// One publishes, all others hear.
    Fanout {
        /// Messages under way at once.
        outstanding: usize,
        /// Where to publish, if not where the others hear.
        publish: Option<Target>,
        /// What a subscriber says first.
        join: Option<String>,
    },
    /// Each opens, echoes once and closes, again and again.
    Connect,
    /// They are open, and that is all.
    Idle,
}

impl Mode {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Mode::Echo { .. } => "echo",
            Mode::Rate { .. } => "rate",
            Mode::Fanout { .. } => "fanout",
            Mode::Connect => "connect",
            Mode::Idle => "idle",
        }
    }

    /// Where to publish, if not where the others hear.
    fn publish(&self) -> Option<&Target> {
        match self {
            Mode::Fanout { publish, .. } => publish.as_ref(),
            _ => None,
        }
    }

    /// Messages under way at once, where that is what was asked for.
    pub(super) fn outstanding(&self) -> Option<usize> {
        match self {
            Mode::Echo { outstanding } | Mode::Fanout { outstanding, .. } => Some(*outstanding),
            Mode::Rate { .. } | Mode::Connect | Mode::Idle => None,
        }
    }

    pub(super) fn unit(&self) -> &'static str {
        match self {
            Mode::Echo { .. } | Mode::Rate { .. } => "messages",
            Mode::Fanout { .. } => "deliveries",
            Mode::Connect => "cycles",
            Mode::Idle => "connections",
        }
    }
}
