//! Frames become messages (RFC 6455 5.4, 5.6): the middle doll.
//!
//! A message that came whole is lent from the input, unmasked where it lay. One that came in parts
//! is held in one buffer, which costs nothing per fragment and grows with the bytes received, to at
//! most twice them, never with the bytes announced. Control frames may come between the fragments.
//! A compressed message goes through `inflow` on its way.

use std::mem::MaybeUninit;

use super::close::CloseFrame;
use super::deflate::{Agreed, Incoming};
use super::frame::{Header, Opcode, Role};
use super::inflow::{self, Inflow};
use super::input::Input;
use super::message::Message;
use super::owned::Owned;
use super::rules::Rules;
use super::violation::Violation;
use crate::pool;
use crate::simd::{mask, text};

/// What has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// A ping and its payload, at most 125 bytes.
    Ping(&'a [u8]),
    /// A pong and its payload, at most 125 bytes.
    Pong(&'a [u8]),
    /// The peer's close frame.
    Close(CloseFrame<'a>),
}

/// The incoming half of a connection, between two receives: 64 bytes and no buffer while it is idle.
#[derive(Debug, Default)]
pub struct Stream {
    /// The payload so far of the message in the making, still compressed if it came so; behind it
    /// that of a split control frame.
    held: text::Buffer,
    under_way: UnderWay,
    /// How messages are compressed, if they may be.
    deflate: Option<Incoming>,
    /// What inflating needs to keep.
    inflow: Option<Box<Inflow>>,
    /// The payload length of the control frame under way.
    control_len: u8,
    /// Text or binary: the message in the making.
    message: Option<Kind>,
    /// It is compressed.
    compressed: bool,
    /// How the last call left things.
    left_off: LeftOff,
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
enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LeftOff {
    /// Between messages; almost always.
    #[default]
    Resting,
    /// Inside a message, a frame or a header; or nobody has looked.
    Unfinished,
    /// With the message that is held, lent.
    MessageLent(Kind),
    /// With the last `control_len` bytes of what is held, lent.
    ControlLent,
}

/// A finished event: lent from the input already, or to be lent from what is held.
enum Finished<'i> {
    Whole(Event<'i>),
    HeldMessage(Kind),
    HeldControl(Opcode),
}

impl Stream {
    /// A connection of which nothing has come yet.
    pub const fn new() -> Self {
        Stream {
            held: text::Buffer::new(),
            under_way: UnderWay::NOTHING,
            deflate: None,
            inflow: None,
            control_len: 0,
            message: None,
            compressed: false,
            left_off: LeftOff::Resting,
        }
    }

    /// Takes compressed messages from now on, as was agreed on.
    pub fn deflate(&mut self, agreed: &Agreed) {
        self.deflate = Some(agreed.incoming());
    }

    /// Takes the next event from the front of `input`; `None` when the input is used up.
    /// A `muted` stream checks everything and tells only the peer's close frame.
    ///
    /// # Errors
    /// The rule the peer has broken. Nothing after it has a meaning.
    // Inlined all the way into the loop that calls it: the event then stays in registers, where a
    // return through memory cost a quarter of all that a small message costs.
    #[inline(always)]
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut Input<'i>,
        rules: &Rules,
        muted: bool,
    ) -> Result<Option<Event<'s>>, Violation> {
        if self.left_off == LeftOff::Resting {
            if input.is_empty() {
                return Ok(None);
            }
            if !muted && let Some((kind, key, payload)) = next_whole(input, rules) {
                return match kind {
                    Kind::Binary => {
                        mask::apply(payload, key);
                        Ok(Some(Event::Message(Message::Binary(payload))))
                    }
                    Kind::Text => match text::unmask(payload, key) {
                        Ok(text) => Ok(Some(Event::Message(Message::Text(text)))),
                        Err(_) => Err(Violation::NotUtf8),
                    },
                };
            }
        }
        self.next_held(input, rules, muted)
    }

    /// [`next`](Self::next), where something is unfinished or will be.
    #[inline(never)]
    fn next_held<'s, 'i: 's>(
        &'s mut self,
        input: &mut Input<'i>,
        rules: &Rules,
        muted: bool,
    ) -> Result<Option<Event<'s>>, Violation> {
        loop {
            self.settle();
            let Some(finished) = self.advance(input, rules)? else {
                if !self.is_at_rest() {
                    self.left_off = LeftOff::Unfinished;
                }
                return Ok(None);
            };
            self.left_off = match finished {
                Finished::Whole(_) => LeftOff::Unfinished,
                Finished::HeldMessage(kind) => LeftOff::MessageLent(kind),
                Finished::HeldControl(_) => LeftOff::ControlLent,
            };
            if !muted || finished.is_close() {
                return self.event(finished).map(Some);
            }
        }
    }

    /// Lets `read` put what comes next of a long frame to where it is held: nobody need copy it then.
    /// Tells how many bytes came; none also when nothing long is under way. To be called when
    /// [`next`](Self::next) has said that the input is used up, and followed by it.
    ///
    /// # Errors
    /// As of `next`.
    pub fn pull(
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
        self.grow(most.min(PULL_FROM), left);
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

    /// Moves out the message that the last call lent, which a copy would cost twice its memory.
    /// `None` if it lay in the input, or was none.
    pub fn take_lent(&mut self) -> Option<Owned> {
        self.held.fit();
        match std::mem::take(&mut self.left_off) {
            LeftOff::MessageLent(Kind::Binary) => Some(Owned::Binary(self.held.take())),
            LeftOff::MessageLent(Kind::Text) => self.held.take_text().ok().map(Owned::Text),
            other => {
                self.left_off = other;
                None
            }
        }
    }

    /// Lets go of what the last call lent: nobody will ask for the next event for a while.
    pub fn let_go(&mut self) {
        if self.left_off != LeftOff::Resting {
            self.settle();
            self.left_off = LeftOff::Unfinished;
        }
    }

    /// Bytes of memory held: for an unfinished message, and for what the next may refer to. Room that
    /// has not been touched is none.
    pub fn held(&self) -> usize {
        let touched = self.held.capacity().min(2 * self.held.len());
        touched + self.inflow.as_ref().map_or(0, |inflow| inflow.memory())
    }

    /// Whether the next byte begins a frame and no message is unfinished.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.under_way, UnderWay::Header { len: 0, .. }) && self.message.is_none()
    }

    /// Moves through the input until an event is finished.
    fn advance<'i>(
        &mut self,
        input: &mut Input<'i>,
        rules: &Rules,
    ) -> Result<Option<Finished<'i>>, Violation> {
        loop {
            let (opcode, fin) = match self.under_way {
                UnderWay::Frame { opcode, fin, .. } => (opcode, fin),
                UnderWay::Header { head, len } => {
                    let Some(header) = self.header(input, rules.role, head, len)? else {
                        return Ok(None);
                    };
                    self.lawful(&header, rules)?;
                    let key = header.mask.unwrap_or([0; 4]);
                    let alone =
                        header.opcode.is_control() || (header.fin && self.message.is_none());
                    if alone && input.len() as u64 >= header.len {
                        let payload = input.take(header.len as usize);
                        if header.compressed {
                            return self
                                .inflate_whole(header.opcode, payload, key, rules)
                                .map(Some);
                        }
                        return whole(header.opcode, payload, key)
                            .map(|event| Some(Finished::Whole(event)));
                    }
                    self.begin(&header, key);
                    (header.opcode, header.fin)
                }
            };
            if !self.hold(input, opcode, rules)? {
                return Ok(None);
            }
            self.under_way = UnderWay::NOTHING;
            if opcode.is_control() {
                return Ok(Some(Finished::HeldControl(opcode)));
            }
            if fin && let Some(kind) = self.message.take() {
                return match self.compressed {
                    true => self.inflate_held(kind, rules).map(Some),
                    false => Ok(Some(Finished::HeldMessage(kind))),
                };
            }
        }
    }

    /// The next header, when all of it is there. `head[..len]` has come before.
    #[inline]
    fn header(
        &mut self,
        input: &mut Input<'_>,
        role: Role,
        mut head: [u8; Header::SIZE_MAX],
        len: u8,
    ) -> Result<Option<Header>, Violation> {
        let deflate = self.deflate.is_some();
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
    fn lawful(&self, header: &Header, rules: &Rules) -> Result<(), Violation> {
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
            let before = self.inflow.as_ref().map_or(0, |inflow| inflow.taken());
            (before + self.held.len(), inflow::packed_max(rules))
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
            Opcode::Text => self.message = Some(Kind::Text),
            Opcode::Binary => self.message = Some(Kind::Binary),
            Opcode::Continuation => return,
            // 5.5: at most 125 bytes.
            _ => {
                self.control_len = header.len as u8;
                return;
            }
        }
        self.compressed = header.compressed;
    }

    /// Moves what has come of the frame under way into `held`. Tells whether that was all of it.
    fn hold(
        &mut self,
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
        self.grow(count, announced);
        self.held.append(input.take(count), unmask);
        if !opcode.is_control() {
            if self.compressed {
                self.inflate_long(rules)?;
            } else if self.message == Some(Kind::Text) {
                // 8.1: fails at the first bad octet, inside a frame too.
                self.held.check().map_err(|_| Violation::NotUtf8)?;
            }
        }
        Ok(whole)
    }

    /// A compressed message of which all has come, in one frame.
    fn inflate_whole(
        &mut self,
        opcode: Opcode,
        payload: &mut [u8],
        key: [u8; 4],
        rules: &Rules,
    ) -> Result<Finished<'static>, Violation> {
        let kind = match opcode {
            Opcode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        mask::apply(payload, key);
        self.inflate(payload, rules)?;
        self.checked(kind)
    }

    /// The end of a compressed message of which the last, or all, is held.
    fn inflate_held(&mut self, kind: Kind, rules: &Rules) -> Result<Finished<'static>, Violation> {
        let packed = self.held.take();
        let inflated = self.inflate(&packed, rules);
        pool::give(packed);
        inflated?;
        self.checked(kind)
    }

    /// Puts a message into `held`, which is empty, once the end of what is `packed` of it has come.
    fn inflate(&mut self, packed: &[u8], rules: &Rules) -> Result<(), Violation> {
        let Some(how) = self.deflate else {
            return Err(Violation::ReservedBit);
        };
        self.held = inflow::finish(&mut self.inflow, packed, how, rules)?;
        Ok(())
    }

    /// A message that has just been inflated.
    fn checked(&mut self, kind: Kind) -> Result<Finished<'static>, Violation> {
        if kind == Kind::Text {
            self.held.check().map_err(|_| Violation::NotUtf8)?;
        }
        Ok(Finished::HeldMessage(kind))
    }

    /// A long compressed message is inflated as it comes; others are held until their end, for an
    /// inflater costs more than they do.
    fn inflate_long(&mut self, rules: &Rules) -> Result<(), Violation> {
        if self.held.len() < inflow::HELD_MAX
            && self.inflow.as_ref().is_none_or(|inflow| !inflow.is_long())
        {
            return Ok(());
        }
        // Whoever holds an inflater holds nothing else.
        let packed = self.held.take();
        let inflow = self.inflow.get_or_insert_default();
        let plain = inflow.inflate(&packed, rules);
        pool::give(packed);
        match (plain?, self.message) {
            (plain, Some(Kind::Text)) => plain.check().map_err(|_| Violation::NotUtf8),
            _ => Ok(()),
        }
    }

    /// Room for `count` more bytes of the `left` that are to come in this frame: the largest power of
    /// two that is at most twice what has come then. Of something large up to eight times as much, but no
    /// more than is to come, for moving costs more than room that nobody has touched.
    fn grow(&mut self, count: usize, left: u64) {
        let received = self.held.len() + count;
        if received <= self.held.capacity() {
            return;
        }
        let room = if received < PULL_FROM {
            1 << (2 * received).max(HELD_MIN).ilog2()
        } else {
            let all = (self.held.len() as u64).saturating_add(left);
            all.min(1 << (16 * received as u64).ilog2()) as usize
        };
        pool::give(self.held.move_to(pool::take(room)));
    }

    /// Lets go of what the last call lent from `held`.
    #[inline]
    fn settle(&mut self) {
        match std::mem::take(&mut self.left_off) {
            LeftOff::Resting | LeftOff::Unfinished => {}
            LeftOff::MessageLent(_) => self.release(),
            LeftOff::ControlLent => {
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
        pool::give(self.held.take());
    }

    fn event<'s, 'i: 's>(&'s self, finished: Finished<'i>) -> Result<Event<'s>, Violation> {
        match finished {
            Finished::Whole(event) => Ok(event),
            Finished::HeldMessage(Kind::Binary) => {
                Ok(Event::Message(Message::Binary(self.held.as_slice())))
            }
            Finished::HeldMessage(Kind::Text) => {
                let text = self.held.text().map_err(|_| Violation::NotUtf8)?;
                Ok(Event::Message(Message::Text(text)))
            }
            Finished::HeldControl(opcode) => {
                let at = self.held.len() - usize::from(self.control_len);
                control(opcode, &self.held.as_slice()[at..])
            }
        }
    }
}

/// The way of most frames: a message that is whole, in one frame, all of it here. Everything else,
/// what is wrong above all, is for [`Stream::next_held`] to look at.
#[inline(always)]
fn next_whole<'i>(input: &mut Input<'i>, rules: &Rules) -> Option<(Kind, [u8; 4], &'i mut [u8])> {
    let Ok(Some((header, size))) = Header::decode(input.peek(), rules.role, false) else {
        return None;
    };
    let kind = match header.opcode {
        Opcode::Text if header.fin => Kind::Text,
        Opcode::Binary if header.fin => Kind::Binary,
        _ => return None,
    };
    let all = header.len.saturating_add(size as u64);
    if header.len > rules.message_max as u64 || all > input.len() as u64 {
        return None;
    }
    let payload = &mut input.take(all as usize)[size..];
    Some((kind, header.mask.unwrap_or([0; 4]), payload))
}

impl Finished<'_> {
    fn is_close(&self) -> bool {
        matches!(
            self,
            Finished::Whole(Event::Close(_)) | Finished::HeldControl(Opcode::Close)
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

/// 64: below this an allocation is not worth sizing.
const HELD_MIN: usize = 64;
/// 32 KiB: from there on a copy costs more than a system call.
const PULL_FROM: usize = 32 << 10;
/// 256 KiB: what has come is still in the cache when it is unmasked.
const PULL_MAX: usize = 256 << 10;
