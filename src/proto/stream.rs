//! Frames become messages (RFC 6455 5.4, 5.6): the middle doll.
//!
//! A message that came whole is lent from the input, unmasked where it lay. Everything else goes
//! through what is `unfinished`, which is there only as long as something is.

use std::mem::MaybeUninit;

use super::close::CloseFrame;
use super::deflate::Agreed;
use super::frame::{Header, Opcode};
use super::inflow::Inflow;
use super::input::Input;
use super::message::Message;
use super::owned::Owned;
use super::rules::Rules;
use super::unfinished::{Finished, Kind, Unfinished};
use super::violation::Violation;
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

/// The incoming half of a connection, between two receives: 24 bytes and no buffer while it is idle.
#[derive(Debug, Default)]
pub struct Stream {
    /// What has begun, or is lent from what was held. `None` between messages: almost always.
    unfinished: Option<Box<Unfinished>>,
    inflow: Inflow,
}

impl Stream {
    /// A connection of which nothing has come yet.
    pub const fn new() -> Self {
        Stream {
            unfinished: None,
            inflow: Inflow::new(),
        }
    }

    /// Takes compressed messages from now on, as was agreed on.
    pub fn deflate(&mut self, agreed: &Agreed) {
        self.inflow.agree(agreed);
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
        if self.unfinished.is_none() {
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
        let unfinished = self.unfinished.get_or_insert_with(Unfinished::take);
        let finished = loop {
            unfinished.settle();
            match unfinished.advance(&mut self.inflow, input, rules)? {
                Some(finished) if muted && !finished.is_close() => {}
                other => break other,
            }
        };
        self.rest();
        match (finished, &self.unfinished) {
            (Some(Finished::Whole(event)), _) => Ok(Some(event)),
            (Some(Finished::Held(lent)), Some(unfinished)) => unfinished.event(lent).map(Some),
            _ => Ok(None),
        }
    }

    /// Lets `read` put what comes next of a long frame to where it is held: nobody need copy it then.
    /// Tells how many bytes came; none also when nothing long is under way. To be called when
    /// [`next`](Self::next) has said that the input is used up, and followed by it.
    ///
    /// # Errors
    /// As of `next`.
    #[inline]
    pub fn pull(
        &mut self,
        read: impl for<'m> FnOnce(&'m mut [MaybeUninit<u8>]) -> &'m mut [u8],
    ) -> Result<usize, Violation> {
        match &mut self.unfinished {
            Some(unfinished) => unfinished.pull(read),
            None => Ok(0),
        }
    }

    /// Gives back room that was taken for what has not come: to be called when nothing more is there.
    #[inline]
    pub fn tighten(&mut self) {
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.tighten();
        }
    }

    /// Moves out the message that the last call lent, which a copy would cost twice its memory.
    /// `None` if it lay in the input, or was none.
    pub fn take_lent(&mut self) -> Option<Owned> {
        let taken = self.unfinished.as_mut()?.take_lent();
        self.rest();
        taken
    }

    /// Lets go of what the last call lent: nobody will ask for the next event for a while.
    pub fn let_go(&mut self) {
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.settle();
            self.rest();
        }
    }

    /// Bytes of memory held: for an unfinished message, and for what the next may refer to.
    pub fn held(&self) -> usize {
        let unfinished = self.unfinished.as_ref();
        unfinished.map_or(0, |unfinished| unfinished.memory()) + self.inflow.memory()
    }

    /// Whether the next byte begins a frame and no message is unfinished.
    pub fn is_at_rest(&self) -> bool {
        let unfinished = self.unfinished.as_ref();
        unfinished.is_none_or(|unfinished| unfinished.is_at_rest())
    }

    /// Nothing is kept of nothing.
    fn rest(&mut self) {
        if let Some(nothing) = self
            .unfinished
            .take_if(|unfinished| unfinished.is_nothing())
        {
            nothing.give();
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
