//! Whether everybody is there who is to hear what will be published.
//!
//! With frames each is pinged when it is open: its pong comes after whatever the server does for one
//! who has opened or joined. Without frames nothing tells that a server has accepted a connection, so
//! the one who publishes says single bytes, each another one, until all have heard the same: to them
//! nothing older is on its way.

use std::time::Duration;

use super::Failed;
use super::clock::ns;
use super::lines::Lines;
use super::plan::Plan;

#[derive(Debug)]
pub(super) struct Settling {
    bare: bool,
    /// How many are to answer, and how many have.
    awaited: usize,
    there: usize,
    timeout: u64,
    /// When it is too late for them.
    deadline: Option<u64>,
    /// All have answered: when it is over.
    ends_at: Option<u64>,
    done: bool,
    /// Bytes that were said, and when the next one is due.
    probes: u8,
    probe_at: u64,
}

impl Settling {
    pub(super) fn new(plan: &Plan) -> Self {
        let bare = plan.target.is_bare();
        Settling {
            bare,
            // The one who publishes is pinged too. Whether he hears himself is the server's choice.
            awaited: plan.connections + usize::from(!bare),
            there: 0,
            timeout: ns(plan.timeout),
            deadline: None,
            ends_at: None,
            done: false,
            probes: 0,
            probe_at: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// One more has answered its ping.
    pub(super) fn ponged(&mut self) {
        self.there += 1;
    }

    /// How many of these bytes are probes, which go before all messages: whoever has not heard a message
    /// yet hears these. `awaited`: it is one who has to hear them.
    pub(super) fn take_probes(&mut self, bytes: &[u8], awaited: bool) -> usize {
        let last = FIRST_PROBE + self.probes;
        let probes = bytes.iter();
        let probes = probes.take_while(|byte| (FIRST_PROBE..last).contains(byte));
        let count = probes.count();
        if awaited && bytes[..count].contains(&(last - 1)) {
            self.there += 1;
        }
        count
    }

    /// What is to be done at this time. Tells when something will be again.
    pub(super) fn turn(&mut self, lines: &mut Lines, publisher: u32, now: u64) -> u64 {
        if !lines.all_open() {
            return u64::MAX;
        }
        if self.there >= self.awaited {
            let ends_at = *self.ends_at.get_or_insert(now + LEISURE);
            self.done = now >= ends_at;
            return ends_at;
        }
        let deadline = *self
            .deadline
            .get_or_insert(now.saturating_add(self.timeout));
        if now >= deadline {
            lines.fail(self.late());
        } else if self.bare {
            self.probe(lines, publisher, now);
            return deadline.min(self.probe_at);
        }
        deadline
    }

    fn probe(&mut self, lines: &mut Lines, publisher: u32, now: u64) {
        if now < self.probe_at {
            return;
        }
        if let Some(line) = lines.at(publisher) {
            line.say(&[FIRST_PROBE + self.probes]);
            lines.mark(publisher);
        }
        self.probe_at = now + (PROBE_WAIT << self.probes);
        self.probes += 1;
        self.there = 0;
    }

    fn late(&self) -> Failed {
        let (late, all) = (self.awaited - self.there, self.awaited);
        let time = Duration::from_nanos(self.timeout);
        Failed::NoStart(match self.bare {
            true => {
                format!(
                    "{late} of {all} connections did not hear what another said within {time:?}"
                )
            }
            false => format!("{late} of {all} connections did not answer a ping within {time:?}"),
        })
    }
}

/// No digit: with those messages begin.
const FIRST_PROBE: u8 = b'a';
/// 20 ms for the first probe, twice as long for each after it: no run lasts until they are used up.
const PROBE_WAIT: u64 = 20_000_000;
/// 200 ms: what a server of several processes takes to tell the others who has joined.
const LEISURE: u64 = 200_000_000;
