//! One connection, from the dial to the end.
//!
//! Knows what has been asked and heard, and what is to be sent; not what it means, nor when to ask:
//! that is a task's.

use std::collections::VecDeque;

use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Close, Driver, Token};
use ws4rs::proto::handshake::Dialing;
use ws4rs::proto::{Agreed, Message, Rules};

use super::hearing::Fault;
use super::talk::Talk;
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
    /// It is on the list of those that something has happened to.
    pub(super) dirty: bool,
    talk: Talk,
    /// How many bytes are with the driver.
    sending: Option<usize>,
    waiting: VecDeque<Asked>,
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

/// Messages that were asked at the same time.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: u64,
    count: u64,
}

/// What a server said to our request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreement {
    /// How messages are compressed, if they are.
    pub(super) deflate: Option<Agreed>,
}

impl Agreement {
    /// What a user calls it.
    pub(super) fn name(&self) -> Option<&'static str> {
        let deflate = self.deflate?;
        Some(match (deflate.takeover(), deflate.peer_takeover()) {
            (false, false) => "shared",
            (true, true) => "takeover",
            _ => "one-way",
        })
    }
}

impl Line {
    /// A connection that has just been dialled, and is open for bytes.
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
            sending: None,
            waiting: VecDeque::new(),
        }
    }

    /// Asks for the upgrade: it is open once that is answered.
    pub(super) fn ask_for(&mut self, request: &[u8], dialing: Dialing) {
        self.stage = Stage::Opening;
        self.talk = Talk::Dialing(dialing);
        self.say(request);
    }

    /// Takes bytes of the answer to that. When it is open, tells what was agreed on, and gives the bytes
    /// behind.
    pub(super) fn answered(
        &mut self,
        bytes: &mut [u8],
        rules: Rules,
    ) -> Result<Option<(Agreement, Vec<u8>)>, Fault> {
        let answer = self.talk.answered(bytes, rules);
        let answer = answer.map_err(|why| Fault::of(&self.tally, &why))?;
        Ok(answer.map(|(answer, behind)| {
            self.stage = Stage::Open;
            let deflate = answer.deflate().copied();
            (Agreement { deflate }, behind)
        }))
    }

    /// Takes bytes of the conversation. Tells how many messages they end, all as the task expects
    /// them, and whether our ping has been answered.
    #[inline]
    pub(super) fn hear(
        &mut self,
        bytes: &mut [u8],
        task: &mut impl Task,
    ) -> Result<(u64, bool), Fault> {
        let before = self.tally.heard;
        let ponged = self.talk.hear(&mut self.tally, bytes, task)?;
        self.talk.collect(&mut self.out);
        Ok((self.tally.heard - before, ponged))
    }

    /// Whether the server has been heard at all.
    pub(super) fn has_heard(&self) -> bool {
        self.tally.heard > 0 || !matches!(self.talk, Talk::Dialing(_) | Talk::Bytes(0))
    }

    /// Since when the server is awaited to open it, or to close it.
    pub(super) fn awaited_since(&self) -> Option<u64> {
        match self.stage {
            Stage::Open if self.has_heard() || self.tally.asked == 0 => None,
            // Without a handshake the first answer is what tells that somebody is there.
            Stage::Open => Some(self.waiting.front().map_or(self.since, |asked| asked.at)),
            _ => Some(self.since),
        }
    }

    /// Appends bytes as they are.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.out
            .append(bytes.len(), |buffer| buffer.extend_from_slice(bytes));
    }

    /// Appends a message.
    pub(super) fn send(&mut self, message: Message<'_>) {
        self.talk.send(message, &mut self.out);
    }

    /// Appends a ping, where there is such a thing.
    pub(super) fn ping(&mut self) {
        self.talk.ping(&mut self.out);
    }

    /// Begins to end the connection. With frames the server closes TCP first.
    pub(super) fn leave(&mut self) {
        self.stage = match self.talk.leave(&mut self.out) {
            true => Stage::Leaving,
            false => Stage::Finishing,
        };
    }

    /// Whether the server has said goodbye too.
    pub(super) fn is_closed(&self) -> bool {
        self.talk.is_closed()
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

    /// What is not answered yet is no longer waited for: tells when it was asked, as runs.
    pub(super) fn give_up(&mut self, mut tell: impl FnMut(u64, u64)) {
        self.waiting
            .drain(..)
            .for_each(|asked| tell(asked.at, asked.count));
    }

    /// Sends what there is to send, and closes when nothing is and it is time. Tells how many bytes have
    /// left at once.
    #[inline]
    pub(super) fn flush(&mut self, driver: &mut dyn Driver) -> usize {
        let mut gone = 0;
        if self.sending.is_none() && !self.out.is_empty() {
            self.sending = Some(self.out.len());
            let home = driver.send(self.token, std::mem::take(&mut self.out));
            gone = home.map_or(0, |left| self.sent(left));
        }
        if self.stage == Stage::Finishing && self.out.is_empty() {
            self.stage = Stage::Finished;
            driver.close(self.token, Close::Finish);
        }
        gone
    }

    /// A send has come home. What did not leave comes first again. Tells how many bytes have left.
    #[inline]
    pub(super) fn sent(&mut self, mut left: Chunks) -> usize {
        let gone = self.sending.take().unwrap_or(0) - left.len();
        if !left.is_empty() {
            left.join(std::mem::take(&mut self.out));
            self.out = left;
        }
        gone
    }
}
