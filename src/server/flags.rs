//! What is true of a connection, a bit each.

/// Something that is true of a connection, or not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flag {
    /// `on_open` has been called, `on_close` will be.
    Open,
    /// In the list of those to be settled at the end of the turn.
    Dirty,
    /// The driver has been told not to read.
    Unread,
    /// The outbox went over high water and not yet under low water.
    Full,
    /// The handler has paused it.
    Paused,
    /// A worker that its messages go to has a full mailbox.
    Choked,
    /// In the list of those whose reading goes on.
    Resumed,
    /// The peer's FIN has come.
    Ended,
    /// It was pinged and has not been heard since.
    Pinged,
    /// A ping of ours has not left yet.
    Pinging,
    /// To be torn down at the end of the turn.
    Doomed,
    /// The closing has begun, and its deadline counts.
    Closing,
    /// It has been told to make room in the worker's memory.
    Shed,
    /// It was one too many.
    Refused,
    /// All has been said, and TCP is the server's to close first.
    Lingering,
    /// The driver has been told to finish it.
    Finishing,
}

/// Those that are true.
#[derive(Debug, Default)]
pub(super) struct Flags(u16);

impl Flags {
    #[inline]
    pub(super) fn has(&self, flag: Flag) -> bool {
        self.0 & 1 << flag as u16 != 0
    }

    /// Tells what it was before.
    #[inline]
    pub(super) fn set(&mut self, flag: Flag, on: bool) -> bool {
        let was = self.has(flag);
        self.0 = self.0 & !(1 << flag as u16) | u16::from(on) << flag as u16;
        was
    }
}
