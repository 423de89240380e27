//! One connection, from the dial to the end, with frames or without.
//!
//! Knows what has been asked and heard, and whether it was right; not what is asked, nor when: that is
//! a task's.

use std::collections::VecDeque;

use ws4rs::CloseCode;
use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Close, Driver, Token};
use ws4rs::proto::handshake::{Dialing, HeadLimits};
use ws4rs::proto::{Event, Input, Message, Rules, WebSocket};

use super::hearing::{Fault, check, check_bytes};
use super::task::Task;

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) token: Token,
    /// Which of the doors it went through.
    pub(super) door: usize,
    pub(super) tally: Tally,
    pub(super) stage: Stage,
    /// When it was dialled.
    pub(super) since: u64,
    /// What is to be sent, once the send under way is home.
    pub(super) out: Chunks,
    /// Messages to be asked now.
    pub(super) to_ask: u64,
    /// Which of the canned frames; `None`: messages are compressed as they are sent.
    pub(super) canned: Option<usize>,
    pub(super) dirty: bool,
    talk: Talk,
    sending: bool,
    waiting: VecDeque<Asked>,
    /// In a row, with no message between them.
    pings: u32,
    /// A ping of ours is not answered yet.
    pinged: bool,
}

/// What has been said on a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// Which connection it is.
    pub(super) number: usize,
    pub(super) asked: u64,
    pub(super) heard: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not open yet.
    Opening,
    Open,
    /// We have said goodbye; the server's FIN is awaited.
    Leaving,
    /// Our side is to be closed.
    Finishing,
    /// The driver has been told so.
    Finished,
}

/// How it is spoken.
#[derive(Debug)]
enum Talk {
    /// The answer to our request is awaited.
    Dialing(Dialing),
    Frames(Box<WebSocket>),
    /// So many bytes of the next message have come.
    Bytes(usize),
}

/// Messages that were asked at the same time.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: u64,
    count: u64,
}

impl Line {
    /// A connection that has just been dialled. With a request it waits for the answer to it.
    pub(super) fn new(token: Token, number: usize, door: usize, since: u64) -> Self {
        Line {
            token,
            door,
            tally: Tally {
                number,
                asked: 0,
                heard: 0,
            },
            stage: Stage::Open,
            since,
            out: Chunks::new(),
            to_ask: 0,
            canned: Some(0),
            dirty: false,
            talk: Talk::Bytes(0),
            sending: false,
            waiting: VecDeque::new(),
            pings: 0,
            pinged: false,
        }
    }

    /// Asks for the upgrade.
    pub(super) fn ask_for(&mut self, request: &[u8], dialing: Dialing) {
        self.stage = Stage::Opening;
        self.talk = Talk::Dialing(dialing);
        self.say(request);
    }

    /// Whether it speaks WebSocket.
    pub(super) fn is_framed(&self) -> bool {
        !matches!(self.talk, Talk::Bytes(_))
    }

    pub(super) fn is_dialing(&self) -> bool {
        matches!(self.talk, Talk::Dialing(_))
    }

    /// Takes bytes of the answer; gives those behind it when that was all and a yes.
    pub(super) fn answered(
        &mut self,
        bytes: &mut [u8],
        rules: Rules,
    ) -> Result<Option<(Vec<u8>, Agreement)>, Fault> {
        let Talk::Dialing(dialing) = &mut self.talk else {
            return Ok(None);
        };
        let answer = dialing.receive(bytes, &HeadLimits::default());
        let Some((answer, behind)) = answer.map_err(|why| Fault::of(self.tally, &why))? else {
            return Ok(None);
        };
        let agreement = Agreement(answer.deflate().copied());
        let behind = behind.to_vec();
        let mut websocket = WebSocket::new(rules);
        if let Some(agreed) = answer.deflate() {
            websocket = websocket.deflate(agreed);
        }
        self.talk = Talk::Frames(Box::new(websocket));
        self.stage = Stage::Open;
        Ok(Some((behind, agreement)))
    }

    /// Takes bytes of the conversation. Tells how many messages they end, all as the task expects
    /// them, and whether there was a pong.
    #[inline]
    pub(super) fn hear(
        &mut self,
        bytes: &mut [u8],
        task: &mut impl Task,
    ) -> Result<(u64, bool), Fault> {
        let before = self.tally.heard;
        let mut ponged = false;
        match &mut self.talk {
            Talk::Bytes(at) => check_bytes(&mut self.tally, at, bytes, task)?,
            Talk::Frames(websocket) => {
                let mut fault = Ok(());
                let (tally, stage) = (&mut self.tally, self.stage);
                let (pings, pinged) = (&mut self.pings, &mut self.pinged);
                let mut ended = None;
                let lawful = websocket.hear(&mut Input::new(bytes), |event, _| match event {
                    Event::Message(message) => {
                        *pings = 0;
                        if fault.is_ok() {
                            fault = check(tally, message, task);
                        }
                    }
                    Event::Ping(_) => *pings += 1,
                    Event::Pong(_) => ponged = std::mem::take(pinged),
                    Event::Close(close) if stage == Stage::Open => {
                        let said = format!("the server closed: {} {}", close.code, close.reason);
                        ended = Some(said.trim_end().to_owned());
                    }
                    _ => {}
                });
                fault?;
                lawful.map_err(|violation| Fault::of(self.tally, &violation))?;
                if let Some(ended) = ended {
                    return Err(Fault::of(self.tally, &ended));
                }
                if self.pings > PINGS_MAX {
                    return Err(Fault::of(self.tally, &"nothing comes but pings"));
                }
                self.collect();
            }
            Talk::Dialing(_) => {}
        }
        Ok((self.tally.heard - before, ponged))
    }

    /// Appends bytes as they are.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.out
            .append(bytes.len(), |buffer| buffer.extend_from_slice(bytes));
    }

    /// Appends a message, masked with a key of its own, compressed if that was agreed on.
    pub(super) fn send(&mut self, message: Message<'_>) {
        match &mut self.talk {
            Talk::Frames(websocket) => {
                websocket.send(message);
                self.collect();
            }
            Talk::Bytes(_) | Talk::Dialing(_) => self.say(message.as_bytes()),
        }
    }

    /// Appends a ping; bytes without frames have none, and tell so.
    pub(super) fn ping(&mut self) -> bool {
        let Talk::Frames(websocket) = &mut self.talk else {
            return false;
        };
        websocket.ping(b"");
        self.pinged = true;
        self.collect();
        true
    }

    /// Begins to end the connection. With frames the server closes TCP first.
    pub(super) fn leave(&mut self) {
        self.stage = Stage::Finishing;
        if let Talk::Frames(websocket) = &mut self.talk {
            websocket.close(CloseCode::NORMAL, "");
            self.stage = Stage::Leaving;
            self.collect();
        }
    }

    /// Notes that `count` messages were asked at this time.
    #[inline]
    pub(super) fn note_asked(&mut self, count: u64, at: u64) {
        self.tally.asked += count;
        self.waiting.push_back(Asked { at, count });
    }

    /// `count` of them have been answered: tells when each was asked, as runs.
    #[inline]
    pub(super) fn note_answered(&mut self, mut count: u64, mut tell: impl FnMut(u64, u64)) {
        while count > 0
            && let Some(first) = self.waiting.front_mut()
        {
            let done = count.min(first.count);
            tell(first.at, done);
            first.count -= done;
            count -= done;
            if first.count == 0 {
                self.waiting.pop_front();
            }
        }
    }

    /// Sends what there is to send, and closes when nothing is and it is time.
    #[inline]
    pub(super) fn flush(&mut self, driver: &mut dyn Driver) -> usize {
        let mut count = 0;
        if !self.sending && !self.out.is_empty() {
            self.sending = true;
            count = self.out.len();
            driver.send(self.token, std::mem::take(&mut self.out));
        }
        if self.stage == Stage::Finishing && self.out.is_empty() {
            self.stage = Stage::Finished;
            driver.close(self.token, Close::Finish);
        }
        count
    }

    /// A send has come home.
    #[inline]
    pub(super) fn sent(&mut self, mut left: Chunks) {
        self.sending = false;
        if !left.is_empty() {
            left.join(std::mem::take(&mut self.out));
            self.out = left;
        }
    }

    /// What the WebSocket says by itself, pongs and Close, or compressed.
    #[inline]
    fn collect(&mut self) {
        let Talk::Frames(websocket) = &mut self.talk else {
            return;
        };
        while let Some(chunks) = websocket.outgoing() {
            self.out.join(chunks);
            websocket.sent(Chunks::new());
        }
    }
}

/// How messages are compressed, if they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement(pub(super) Option<ws4rs::proto::Agreed>);

/// 1024: servers ping now and then.
const PINGS_MAX: u32 = 1024;
