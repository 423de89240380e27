//! How a connection is spoken: a request and its answer, then frames; or bytes without any.

use ws4rs::internal::chunk::Chunks;
use ws4rs::proto::handshake::{Answer, Dialing, HeadLimits, NotOpened};
use ws4rs::proto::websocket::receive;
use ws4rs::proto::{
    CloseCode, CloseFrame, Event, Input, Message, Outbound, Phase, Rules, Stream, WebSocket,
};

use super::hearing::{Fault, check, check_bytes};
use super::line::Tally;
use super::task::{Answers, Task};

#[derive(Debug)]
pub(super) enum Talk {
    /// The answer to our request is awaited.
    Dialing(Dialing),
    /// Boxed: there may be many that are only open.
    Frames(Box<Frames>),
    /// So many bytes of the next message have come.
    Bytes(usize),
}

/// A WebSocket, and what it is not to do for ever.
#[derive(Debug)]
pub(super) struct Frames {
    stream: Stream,
    outbound: Outbound,
    rules: Rules,
    /// Bytes that have come of the frame that is expected, all of them right.
    met: usize,
    /// Pings in a row that came instead of an answer.
    pings: u32,
    /// A ping of ours is not answered yet.
    pinged: bool,
    /// We have said goodbye: the server may.
    leaving: bool,
}

impl Talk {
    /// Takes bytes of the answer. When that was all of it, and a yes, it gives the answer and the bytes
    /// behind it: from here on frames.
    pub(super) fn answered(
        &mut self,
        bytes: &mut [u8],
        rules: Rules,
    ) -> Result<Option<(Answer, Vec<u8>)>, NotOpened> {
        let Talk::Dialing(dialing) = self else {
            return Ok(None);
        };
        let Some((answer, behind)) = dialing.receive(bytes, &HeadLimits::default())? else {
            return Ok(None);
        };
        let behind = behind.to_vec();
        let mut websocket = WebSocket::new(rules);
        if let Some(agreed) = answer.deflate() {
            websocket = websocket.deflate(agreed);
        }
        let (stream, outbound, rules) = websocket.into_parts();
        *self = Talk::Frames(Box::new(Frames {
            stream,
            outbound,
            rules,
            met: 0,
            pings: 0,
            pinged: false,
            leaving: false,
        }));
        Ok(Some((answer, behind)))
    }

    /// Takes bytes of the conversation, and checks the messages in it. Tells whether our ping has been
    /// answered.
    #[inline]
    pub(super) fn hear(
        &mut self,
        tally: &mut Tally,
        bytes: &mut [u8],
        task: &mut impl Task,
    ) -> Result<bool, Fault> {
        match self {
            Talk::Bytes(at) => check_bytes(tally, at, bytes, task).map(|()| false),
            Talk::Frames(frames) => frames.hear(tally, bytes, task),
            Talk::Dialing(_) => Ok(false),
        }
    }

    /// Says a message: masked with a key of its own, compressed if that was agreed on.
    pub(super) fn send(&mut self, message: Message<'_>, out: &mut Chunks) {
        match self {
            Talk::Frames(frames) => {
                frames.outbound.send(message);
                frames.collect(out);
            }
            Talk::Bytes(_) | Talk::Dialing(_) => {
                let bytes = message.as_bytes();
                out.append(bytes.len(), |buffer| buffer.extend_from_slice(bytes));
            }
        }
    }

    /// Says a ping, where there is such a thing.
    pub(super) fn ping(&mut self, out: &mut Chunks) {
        if let Talk::Frames(frames) = self {
            frames.outbound.ping(b"");
            frames.pinged = true;
            frames.collect(out);
        }
    }

    /// Begins the closing handshake; `false` where there is no such thing.
    pub(super) fn leave(&mut self, out: &mut Chunks) -> bool {
        let Talk::Frames(frames) = self else {
            return false;
        };
        frames.leaving = true;
        frames.outbound.close(CloseCode::NORMAL, "");
        frames.collect(out);
        true
    }

    /// Whether the server has said goodbye too.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Talk::Frames(frames) if frames.outbound.phase() == Phase::Closed)
    }

    /// Moves what the WebSocket says by itself to what is to be sent.
    #[inline]
    pub(super) fn collect(&mut self, out: &mut Chunks) {
        if let Talk::Frames(frames) = self {
            frames.collect(out);
        }
    }
}

impl Frames {
    #[inline]
    fn hear(
        &mut self,
        tally: &mut Tally,
        bytes: &mut [u8],
        task: &mut impl Task,
    ) -> Result<bool, Fault> {
        let mut input = Input::new(bytes);
        let mut ponged = false;
        loop {
            self.take_expected(tally, &mut input, task)?;
            let event = receive(
                &mut self.stream,
                &mut self.outbound,
                &mut input,
                &self.rules,
            );
            match event.map_err(|violation| Fault::of(tally, &violation))? {
                Some(Event::Message(message)) => {
                    self.pings = 0;
                    check(tally, message, task)?;
                }
                // Who owes no answer may ping for ever.
                Some(Event::Ping(_)) if task.answers().expected(tally).is_none() => {}
                Some(Event::Ping(_)) if self.pings == PINGS_MAX => {
                    return Err(Fault::of(tally, &"nothing comes but pings"));
                }
                Some(Event::Ping(_)) => self.pings += 1,
                Some(Event::Pong(_)) => ponged |= std::mem::take(&mut self.pinged),
                Some(Event::Close(close)) if !self.leaving => {
                    return Err(Fault::of(tally, &told(close)));
                }
                Some(_) => {}
                None => return Ok(ponged),
            }
        }
    }

    /// Most answers are one frame, not compressed: those are compared where they lie, header and all,
    /// also when they come in parts.
    #[inline]
    fn take_expected(
        &mut self,
        tally: &mut Tally,
        input: &mut Input<'_>,
        task: &mut impl Task,
    ) -> Result<(), Fault> {
        if !self.stream.is_at_rest() || self.outbound.phase() == Phase::Closed {
            return Ok(());
        }
        while !input.is_empty()
            && let Some(frame) = task.answers().expected_frame(tally)
        {
            let (met, rest) = frame.split_at(self.met);
            if input.peek().starts_with(rest) {
                input.take(rest.len());
                self.met = 0;
                tally.heard += 1;
                self.pings = 0;
            } else if rest.starts_with(input.peek()) {
                self.met += input.take_all().len();
            } else {
                return self.take_back(tally, met);
            }
        }
        Ok(())
    }

    /// Another frame than expected: what was met of it is read as what it is.
    #[inline(never)]
    fn take_back(&mut self, tally: &Tally, met: &[u8]) -> Result<(), Fault> {
        self.met = 0;
        let mut met = met.to_vec();
        let mut input = Input::new(&mut met);
        let event = receive(
            &mut self.stream,
            &mut self.outbound,
            &mut input,
            &self.rules,
        );
        // It is less than a frame: nothing has happened yet.
        event.map_err(|violation| Fault::of(tally, &violation))?;
        Ok(())
    }

    #[inline]
    fn collect(&mut self, out: &mut Chunks) {
        let outbox = &mut self.outbound.outbox;
        while outbox.is_ready() {
            out.join(outbox.take());
            // To the WebSocket it has left.
            outbox.home(Chunks::new());
        }
    }
}

#[cold]
fn told(close: CloseFrame<'_>) -> String {
    let said = format!("the server closed: {} {}", close.code, close.reason);
    said.trim_end().to_owned()
}

/// 1024: servers ping now and then.
const PINGS_MAX: u32 = 1024;
