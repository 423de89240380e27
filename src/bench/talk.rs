//! How a connection is spoken: a request and its answer, then frames; or bytes without any.

use ws4rs::internal::chunk::Chunks;
use ws4rs::proto::handshake::{Answer, Dialing, HeadLimits, NotOpened};
use ws4rs::proto::{CloseCode, CloseFrame, Event, Input, Message, Rules, WebSocket};

use super::hearing::{Fault, check, check_bytes};
use super::line::Tally;
use super::task::Task;

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
    websocket: WebSocket,
    /// Pings in a row, with no message between them.
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
        *self = Talk::Frames(Box::new(Frames {
            websocket,
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
                frames.websocket.send(message);
                frames.collect(out);
            }
            Talk::Bytes(_) | Talk::Dialing(_) => {
                let bytes = message.as_bytes();
                out.append(bytes.len(), |buffer| buffer.extend_from_slice(bytes));
            }
        }
    }

    /// Says a ping; `false` where there is no such thing.
    pub(super) fn ping(&mut self, out: &mut Chunks) -> bool {
        let Talk::Frames(frames) = self else {
            return false;
        };
        frames.websocket.ping(b"");
        frames.pinged = true;
        frames.collect(out);
        true
    }

    /// Begins the closing handshake; `false` where there is no such thing.
    pub(super) fn leave(&mut self, out: &mut Chunks) -> bool {
        let Talk::Frames(frames) = self else {
            return false;
        };
        frames.leaving = true;
        frames.websocket.close(CloseCode::NORMAL, "");
        frames.collect(out);
        true
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
        let (mut checked, mut ponged, mut closed) = (Ok(()), false, None);
        let lawful = self
            .websocket
            .hear(&mut Input::new(bytes), |event, _| match event {
                Event::Message(message) => {
                    self.pings = 0;
                    if checked.is_ok() {
                        checked = check(tally, message, task);
                    }
                }
                Event::Ping(_) => self.pings += 1,
                Event::Pong(_) => ponged |= std::mem::take(&mut self.pinged),
                Event::Close(close) if !self.leaving => closed = Some(told(close)),
                _ => {}
            });
        checked?;
        lawful.map_err(|violation| Fault::of(tally, &violation))?;
        if let Some(closed) = closed {
            return Err(Fault::of(tally, &closed));
        }
        match self.pings > PINGS_MAX {
            true => Err(Fault::of(tally, &"nothing comes but pings")),
            false => Ok(ponged),
        }
    }

    #[inline]
    fn collect(&mut self, out: &mut Chunks) {
        while let Some(chunks) = self.websocket.outgoing() {
            out.join(chunks);
            // To the WebSocket it has left.
            self.websocket.sent(Chunks::new());
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
