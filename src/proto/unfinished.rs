//! What has begun and is not finished: a message in parts, a frame or a header of which more must
//! come; and what was held is lent from here.
//!
//! A message that comes in parts is held in one buffer, which costs nothing per fragment. Control frames
//! may come between the fragments. A compressed message goes through `inflow` on its way.
//!
//! Between messages there is none of it: it waits in a small pool of the thread, for peers that send
//! without a pause are cut in the middle of a frame by every receive.

use std::cell::RefCell;
use std::mem::{self, MaybeUninit};

use super::close::CloseFrame;
use super::frame::{Header, Opcode, Role};
use super::inflow::{HELD_MAX, Inflow, packed_max};
use super::input::Input;
use super::message::Message;
use super::owned::Owned;
use super::room::Room;
use super::rules::Rules;
use super::stream::Event;
use super::violation::Violation;
use crate::pool;
use crate::simd::{mask, text};

/// What a connection keeps between two receives while something is unfinished.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// The payload so far of the message in the making, still compressed if it came so; behind it
    /// that of a split control frame.
    held: text::Buffer,
    room: Room,
    under_way: UnderWay,
    /// The payload length of the control frame under way.
    control_len: u8,
    /// Text or binary: the message in the making.
    message: Option<Kind>,
    /// It is compressed.
    compressed: bool,
    /// What of it is in the caller's hands.
    lent: Option<Lent>,
}

/// What has begun and of which more must come.
#[derive(Clone, Copy, Debug)]
enum UnderWay {
    /// A header: `head[..len]` has come. Between frames, nothing of it.
    Header {
        head: [u8; Header::SIZE_MAX],
        len: u8,
    },
    /// A payload: so many bytes of it have not come yet, and the key is turned to meet the next.
    Frame {
        left: u64,
        key: [u8; 4],
        opcode: Opcode,
        fin: bool,
    },
}

impl UnderWay {
    const NOTHING: Self = UnderWay::Header {
        head: [0; Header::SIZE_MAX],
        len: 0,
    };
}

impl Default for UnderWay {
    fn default() -> Self {
        UnderWay::NOTHING
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// Something held, and now lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lent {
    /// All of it: a message.
    Message(Kind),
    /// The last `control_len` bytes of it.
    Control(Opcode),
}

/// A finished event: lent from the input already, or to be lent from what is held.
pub(super) enum Finished<'i> {
    Whole(Event<'i>),
    Held(Lent),
}

impl Unfinished {
    /// Nothing yet.
    pub(super) fn take() -> Box<Self> {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten();
        pooled.unwrap_or_default()
    }

    /// Nothing any more: the box is for somebody else.
    pub(super) fn give(self: Box<Self>) {
        debug_assert!(self.is_nothing());
        // The thread may be ending, its pool gone: then it is simply freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED {
                pool.push(self);
            }
        });
    }

    /// Whether the next byte begins a frame and no message is unfinished.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.under_way, UnderWay::Header { len: 0, .. }) && self.message.is_none()
    }

    /// Whether nothing is lent either, nor left behind by an error.
    pub(super) fn is_nothing(&self) -> bool {
        self.is_at_rest() && self.lent.is_none() && self.held.memory() == 0
    }

    /// Bytes of memory held. It is itself as small as what a connection is without it, and as bounded.
    pub(super) fn memory(&self) -> usize {
        self.held.memory()
    }

    /// Moves out the message that is lent.
    pub(super) fn take_lent(&mut self) -> Option<Owned> {
        let Some(Lent::Message(kind)) = self.lent else {
            return None;
        };
        self.lent = None;
        self.held.fit();
        match kind {
            Kind::Binary => Some(Owned::Binary(self.held.take())),
            Kind::Text => self.held.take_text().ok().map(Owned::Text),
        }
    }

    /// Moves through the input until an event is finished.
    pub(super) fn advance<'i>(
        &mut self,
        inflow: &mut Inflow,
        input: &mut Input<'i>,
        rules: &Rules,
    ) -> Result<Option<Finished<'i>>, Violation> {
        loop {
            let (opcode, fin) = match self.under_way {
                UnderWay::Frame { opcode, fin, .. } => (opcode, fin),
                UnderWay::Header { head, len } => {
                    let deflate = inflow.is_agreed();
                    let Some(header) = self.header(input, rules.role, deflate, head, len)? else {
                        return Ok(None);
                    };
                    self.lawful(&header, inflow, rules)?;
                    let key = header.mask.unwrap_or([0; 4]);
                    let alone =
                        header.opcode.is_control() || (header.fin && self.message.is_none());
                    if alone && input.len() as u64 >= header.len {
                        let payload = input.take(header.len as usize);
                        if header.compressed {
                            mask::apply(payload, key);
                            self.held = inflow.finish(payload, rules)?;
                            return self.lend_inflated(Kind::of(header.opcode)).map(Some);
                        }
                        return whole(header.opcode, payload, key)
                            .map(|event| Some(Finished::Whole(event)));
                    }
                    self.begin(&header, key);
                    (header.opcode, header.fin)
                }
            };
            if !self.hold(inflow, input, opcode, rules)? {
                return Ok(None);
            }
            self.under_way = UnderWay::NOTHING;
            if opcode.is_control() {
                return Ok(Some(self.lend(Lent::Control(opcode))));
            }
            if fin && let Some(kind) = self.message.take() {
                if self.compressed {
                    self.inflate_held(inflow, rules)?;
                    return self.lend_inflated(kind).map(Some);
                }
                return Ok(Some(self.lend(Lent::Message(kind))));
            }
        }
    }

    /// The next header, when all of it is there. `head[..len]` has come before.
    #[inline]
    fn header(
        &mut self,
        input: &mut Input<'_>,
        role: Role,
        deflate: bool,
        mut head: [u8; Header::SIZE_MAX],
        len: u8,
    ) -> Result<Option<Header>, Violation> {
        if len == 0
            && let Some((header, size)) = Header::decode(input.peek(), role, deflate)?
        {
            input.take(size);
            return Ok(Some(header));
        }
        // One that comes in several receives: at most fourteen bytes are copied.
        let had = usize::from(len);
        let more = input.len().min(Header::SIZE_MAX - had);
        head[had..had + more].copy_from_slice(&input.peek()[..more]);
        if let Some((header, size)) = Header::decode(&head[..had + more], role, deflate)? {
            input.take(size - had);
            self.under_way = UnderWay::NOTHING;
            return Ok(Some(header));
        }
        input.take(more);
        self.under_way = UnderWay::Header {
            head,
            len: (had + more) as u8,
        };
        Ok(None)
    }

    /// What a header may say at this place in the stream (5.4, 10.4).
    #[inline]
    fn lawful(&self, header: &Header, inflow: &Inflow, rules: &Rules) -> Result<(), Violation> {
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode, self.message) {
            (Opcode::Continuation, None) => return Err(Violation::NothingToContinue),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::ContinuationExpected);
            }
            _ => {}
        }
        let compressed = match self.message {
            Some(_) => self.compressed,
            None => header.compressed,
        };
        let (come, max) = if compressed {
            (inflow.taken() + self.held.len(), packed_max(rules))
        } else {
            (self.held.len(), rules.message_max)
        };
        // What has come is within the limit, so the difference is not negative.
        if header.len > (max - come) as u64 {
            return Err(Violation::TooBig);
        }
        Ok(())
    }

    /// A frame that must be held, because it is not all there or others belong to it.
    fn begin(&mut self, header: &Header, key: [u8; 4]) {
        self.under_way = UnderWay::Frame {
            left: header.len,
            key,
            opcode: header.opcode,
            fin: header.fin,
        };
        match header.opcode {
            Opcode::Text | Opcode::Binary => {
                self.message = Some(Kind::of(header.opcode));
                self.room.begin();
                self.compressed = header.compressed;
            }
            Opcode::Continuation => {}
            // 5.5: at most 125 bytes.
            _ => self.control_len = header.len as u8,
        }
    }

    /// Moves what has come of the frame under way into `held`. Tells whether that was all of it.
    fn hold(
        &mut self,
        inflow: &mut Inflow,
        input: &mut Input<'_>,
        opcode: Opcode,
        rules: &Rules,
    ) -> Result<bool, Violation> {
        let UnderWay::Frame { left, key, .. } = &mut self.under_way else {
            return Ok(false);
        };
        let count = (*left).min(input.len() as u64) as usize;
        let unmask = *key;
        *key = mask::turn(*key, count);
        *left -= count as u64;
        let (whole, announced) = (*left == 0, count as u64 + *left);
        let readable = if rules.pulls { announced } else { 0 };
        self.room.make(&mut self.held, count, readable);
        self.held.append(input.take(count), unmask);
        if !opcode.is_control() {
            if self.compressed {
                self.inflate_long(inflow, rules)?;
            } else if self.message == Some(Kind::Text) {
                // 8.1: fails at the first bad octet, inside a frame too.
                self.held.check().map_err(|_| Violation::NotUtf8)?;
            }
        }
        Ok(whole)
    }

    /// Puts the message in the place of what is held of it: the last, or all, of what came compressed.
    fn inflate_held(&mut self, inflow: &mut Inflow, rules: &Rules) -> Result<(), Violation> {
        let mut packed = mem::take(&mut self.held);
        let inflated = inflow.finish(packed.as_slice(), rules);
        pool::give(packed.take_room());
        self.held = inflated?;
        Ok(())
    }

    /// Lends a message that has just been inflated.
    fn lend_inflated(&mut self, kind: Kind) -> Result<Finished<'static>, Violation> {
        if kind == Kind::Text {
            self.held.check().map_err(|_| Violation::NotUtf8)?;
        }
        Ok(self.lend(Lent::Message(kind)))
    }

    fn lend(&mut self, lent: Lent) -> Finished<'static> {
        self.lent = Some(lent);
        Finished::Held(lent)
    }

    /// A long compressed message is inflated as it comes; others are held until their end, for an
    /// inflater costs more than they do.
    fn inflate_long(&mut self, inflow: &mut Inflow, rules: &Rules) -> Result<(), Violation> {
        if self.held.len() < HELD_MAX && !inflow.is_long() {
            return Ok(());
        }
        // Whoever holds an inflater holds nothing else.
        let mut packed = mem::take(&mut self.held);
        let plain = inflow.inflate(packed.as_slice(), rules);
        pool::give(packed.take_room());
        match (plain?, self.message) {
            (plain, Some(Kind::Text)) => plain.check().map_err(|_| Violation::NotUtf8),
            _ => Ok(()),
        }
    }

    /// Puts what comes next of a long frame straight into `held`.
    pub(super) fn pull(
        &mut self,
        read: impl for<'m> FnOnce(&'m mut [MaybeUninit<u8>]) -> &'m mut [u8],
    ) -> Result<usize, Violation> {
        let UnderWay::Frame {
            left, key, opcode, ..
        } = self.under_way
        else {
            return Ok(0);
        };
        let long = self.held.len() as u64 + left >= PULL_FROM as u64;
        // What has only been announced costs nothing yet.
        if !long || left == 0 || self.held.is_empty() || opcode.is_control() || self.compressed {
            return Ok(0);
        }
        let most = left.min(PULL_MAX as u64) as usize;
        self.room.make(&mut self.held, 1, left);
        let count = self.held.fill(most, key, read);
        if let UnderWay::Frame { left, key, .. } = &mut self.under_way {
            *left -= count as u64;
            *key = mask::turn(*key, count);
        }
        if self.message == Some(Kind::Text) {
            self.held.check().map_err(|_| Violation::NotUtf8)?;
        }
        Ok(count)
    }

    /// Nothing more has come for now.
    pub(super) fn tighten(&mut self) {
        self.room.tighten(&mut self.held);
    }

    /// Lets go of what the last call lent from `held`.
    #[inline]
    pub(super) fn settle(&mut self) {
        match self.lent.take() {
            None => {}
            Some(Lent::Message(_)) => self.release(),
            Some(Lent::Control(_)) => {
                self.held
                    .truncate(self.held.len() - usize::from(self.control_len));
                if self.held.is_empty() {
                    self.release();
                }
            }
        }
    }

    /// Between messages no buffer is held.
    fn release(&mut self) {
        pool::give(self.held.take_room());
    }

    /// What is lent.
    pub(super) fn event(&self, lent: Lent) -> Result<Event<'_>, Violation> {
        match lent {
            Lent::Message(Kind::Binary) => {
                Ok(Event::Message(Message::Binary(self.held.as_slice())))
            }
            Lent::Message(Kind::Text) => {
                let text = self.held.text().map_err(|_| Violation::NotUtf8)?;
                Ok(Event::Message(Message::Text(text)))
            }
            Lent::Control(opcode) => {
                let at = self.held.len() - usize::from(self.control_len);
                control(opcode, &self.held.as_slice()[at..])
            }
        }
    }
}

impl Kind {
    /// Of a frame that begins a message.
    fn of(opcode: Opcode) -> Self {
        match opcode {
            Opcode::Text => Kind::Text,
            _ => Kind::Binary,
        }
    }
}

impl Finished<'_> {
    pub(super) fn is_close(&self) -> bool {
        matches!(
            self,
            Finished::Whole(Event::Close(_)) | Finished::Held(Lent::Control(Opcode::Close))
        )
    }
}

/// A frame that came whole and stands alone.
#[inline(always)]
fn whole(opcode: Opcode, payload: &mut [u8], key: [u8; 4]) -> Result<Event<'_>, Violation> {
    if opcode == Opcode::Text {
        let text = text::unmask(payload, key).map_err(|_| Violation::NotUtf8)?;
        return Ok(Event::Message(Message::Text(text)));
    }
    mask::apply(payload, key);
    match opcode {
        Opcode::Binary => Ok(Event::Message(Message::Binary(payload))),
        control_opcode => control(control_opcode, payload),
    }
}

#[inline(never)]
fn control(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, Violation> {
    match opcode {
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Pong => Ok(Event::Pong(payload)),
        Opcode::Close => CloseFrame::decode(payload).map(Event::Close),
        Opcode::Continuation | Opcode::Text | Opcode::Binary => unreachable!("not a control frame"),
    }
}

/// 8 KiB: from there on a copy costs more than a system call.
const PULL_FROM: usize = 8 << 10;
/// 256 KiB: what has come is still in the cache when it is unmasked.
const PULL_MAX: usize = 256 << 10;
/// 64: as many connections of a thread as are between finishing one message and beginning another.
const POOLED: usize = 64;

thread_local! {
    /// Last in, first out: what was used last is still in the cache.
    // Boxed: they move between pool and stream, and are one word wide there.
    #[allow(clippy::vec_box)]
    static POOL: RefCell<Vec<Box<Unfinished>>> = const { RefCell::new(Vec::new()) };
}
