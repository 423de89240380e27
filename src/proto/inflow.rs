//! Compressed messages on their way in (RFC 7692 7.2.2): between the frames and the message.
//!
//! A message is held as it came until it is whole, and inflated then, with the thread's own inflater:
//! unfinished, it costs what has come of it. One that is long gets an inflater for itself, so that
//! nobody can make us hold more than the message may be.

use super::deflate::{Agreed, Fault, History, Incoming, Inflater};
use super::rules::Rules;
use super::violation::Violation;
use crate::simd::text;

/// How a connection inflates, and what it keeps for that.
#[derive(Debug, Default)]
pub(super) struct Inflow {
    /// How messages are compressed, if they may be.
    how: Option<Incoming>,
    kept: Option<Box<Kept>>,
}

/// Nothing, most of the time.
#[derive(Debug, Default)]
struct Kept {
    long: Option<Long>,
    /// What the peer may refer to; with context takeover only.
    history: History,
}

/// A message too long to be held until its end.
#[derive(Debug)]
struct Long {
    inflater: Inflater,
    plain: text::Buffer,
    /// Compressed bytes that have gone into it.
    taken: usize,
}

impl Inflow {
    /// Nothing may be compressed.
    pub(super) const fn new() -> Self {
        Inflow {
            how: None,
            kept: None,
        }
    }

    /// Messages may be compressed from now on.
    pub(super) fn agree(&mut self, agreed: &Agreed) {
        self.how = Some(agreed.incoming());
    }

    /// Whether messages may be compressed.
    pub(super) fn is_agreed(&self) -> bool {
        self.how.is_some()
    }

    /// Whether a long message is under way.
    pub(super) fn is_long(&self) -> bool {
        self.long().is_some()
    }

    /// Compressed bytes of the message under way that are not held any more.
    pub(super) fn taken(&self) -> usize {
        self.long().map_or(0, |long| long.taken)
    }

    /// Bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.memory())
    }

    /// Inflates the next part of a long message, and lends what there is of it.
    pub(super) fn inflate(
        &mut self,
        packed: &[u8],
        rules: &Rules,
    ) -> Result<&mut text::Buffer, Violation> {
        let Kept { long, history } = &mut **self.kept.get_or_insert_default();
        let long = long.get_or_insert_with(|| Long {
            inflater: Inflater::start(history.as_slice()),
            plain: text::Buffer::new(),
            taken: 0,
        });
        long.taken += packed.len();
        long.inflater
            .inflate(packed, &mut long.plain, rules.message_max)?;
        // Nobody knows when the next part comes.
        long.plain.fit();
        Ok(&mut long.plain)
    }

    /// The end of a message has come: gives all of it, inflated.
    pub(super) fn finish(
        &mut self,
        packed: &[u8],
        rules: &Rules,
    ) -> Result<text::Buffer, Violation> {
        let how = self.how.ok_or(Violation::ReservedBit)?;
        let (mut inflater, mut plain) = self.begun();
        inflater.inflate(packed, &mut plain, rules.message_max)?;
        inflater.finish()?;
        if how.takes_over() {
            let kept = self.kept.get_or_insert_default();
            kept.history.push(how.window(), plain.as_slice());
        } else {
            self.kept = None;
        }
        Ok(plain)
    }

    /// The inflater of the message under way and what it has made of it, or one to begin with.
    fn begun(&mut self) -> (Inflater, text::Buffer) {
        let kept = self.kept.as_deref_mut();
        if let Some(long) = kept.and_then(|kept| kept.long.take()) {
            return (long.inflater, long.plain);
        }
        let history = self.kept.as_ref().map(|kept| kept.history.as_slice());
        (
            Inflater::start(history.unwrap_or_default()),
            text::Buffer::new(),
        )
    }

    fn long(&self) -> Option<&Long> {
        self.kept.as_ref()?.long.as_ref()
    }
}

impl Kept {
    fn memory(&self) -> usize {
        let long = self.long.as_ref();
        let long = long.map_or(0, |long| long.inflater.memory() + long.plain.memory());
        size_of::<Self>() + long + self.history.memory()
    }
}

/// How long a compressed message may be. Longer than its contents: a sender that flushes after every
/// few bytes adds as many of its own.
pub(super) fn packed_max(rules: &Rules) -> usize {
    rules
        .message_max
        .saturating_mul(2)
        .saturating_add(PACKED_LEAST)
}

impl From<Fault> for Violation {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooBig => Violation::TooBig,
            Fault::Corrupt => Violation::Corrupt,
        }
    }
}

/// 32 KiB: less than an inflater takes, more than most compressed messages are.
pub(super) const HELD_MAX: usize = 32 << 10;
/// 1 KiB: the blocks and flushes of a message that says next to nothing.
const PACKED_LEAST: usize = 1 << 10;
