//! The way in: reads, and gives what it hears one message at a time. Answers what must be answered.

use std::fmt;
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::connection::Closed;
use super::error::{Error, Wait};
use super::line::{Flushed, Line};
use super::transport::{Transport, is_late, left, pause};
use crate::proto::{Event, Input, Owned, Rules, Stream, Violation};

pub(super) struct Ear {
    stream: Stream,
    rules: Rules,
    buffer: Box<[u8]>,
    /// Where in the buffer lies what has been read and not heard.
    unheard: Range<usize>,
    /// How long the server may be silent.
    pub(super) silence_max: Option<Duration>,
    /// Whether closing takes its time and no more, whatever still comes: nobody wants that.
    pub(super) hurries: bool,
    /// Whether the other half may begin to close meanwhile.
    pub(super) is_half: bool,
    /// How long the transport waits now, as far as we told it.
    waits: Option<Option<Duration>>,
    /// The server's Close.
    pub(super) closed: Option<Closed>,
    /// Nothing more is heard.
    over: bool,
}

enum Heard {
    Message(Owned),
    Close,
    Nothing,
}

impl Ear {
    pub(super) fn new(
        stream: Stream,
        rules: Rules,
        buffer: Box<[u8]>,
        unheard: Range<usize>,
        silence_max: Option<Duration>,
    ) -> Self {
        Ear {
            stream,
            rules,
            buffer,
            unheard,
            silence_max,
            hurries: false,
            is_half: false,
            waits: None,
            closed: None,
            over: false,
        }
    }

    /// The next message; `None` once the connection is over. How it ended badly is told once.
    pub(super) fn recv<T: Transport>(&mut self, line: &Line<T>) -> Result<Option<Owned>, Error> {
        if self.over {
            return Ok(None);
        }
        let heard = self.listen(line);
        match heard {
            Ok(Some(_)) | Err(Error::Timeout(Wait::Read)) => {}
            Ok(None) | Err(_) => {
                self.over = true;
                line.end();
            }
        }
        heard
    }

    fn listen<T: Transport>(&mut self, line: &Line<T>) -> Result<Option<Owned>, Error> {
        let asked = Instant::now();
        loop {
            let heard = match self.next(line) {
                Ok(heard) => heard,
                Err(violation) => {
                    self.turn_away(line);
                    return Err(violation.into());
                }
            };
            let heard = match heard {
                // What has come is not kept waiting for what leaves.
                Heard::Message(message) if line.transport.always_waits() => {
                    return Ok(Some(message));
                }
                heard => heard,
            };
            // Before a message too: who knows when the next one is asked for.
            let flushed = line.flush_now();
            match heard {
                Heard::Message(message) => return Ok(Some(message)),
                Heard::Nothing => self.read(line, asked, flushed)?,
                Heard::Close => {
                    // 7.1.1: the server ends TCP first, and a client waits for that a while.
                    self.await_end(line, line.over_by().unwrap_or_else(|| line.close_by()));
                    return Ok(None);
                }
            }
        }
    }

    /// What comes next of that which has been read.
    fn next<T: Transport>(&mut self, line: &Line<T>) -> Result<Heard, Violation> {
        loop {
            let mut input = Input::new(&mut self.buffer[self.unheard.clone()]);
            let event = line.receive(&mut self.stream, &mut input, &self.rules)?;
            self.unheard.start = self.unheard.end - input.len();
            match event {
                Some(Event::Message(message)) if message.len() <= BUFFER => {
                    return Ok(Heard::Message(message.into()));
                }
                // A longer one was gathered, and need not be copied.
                Some(Event::Message(_)) => break,
                Some(Event::Close(close)) => {
                    self.closed = Some(Closed {
                        code: close.code,
                        reason: close.reason.to_owned(),
                    });
                    return Ok(Heard::Close);
                }
                Some(_) => {}
                None => return Ok(Heard::Nothing),
            }
        }
        let message = self.stream.take_lent();
        // What is longer than the buffer cannot have been lent from it.
        Ok(Heard::Message(message.expect("it was gathered")))
    }

    /// Reads something.
    fn read<T: Transport>(
        &mut self,
        line: &Line<T>,
        asked: Instant,
        mut flushed: Flushed,
    ) -> Result<(), Error> {
        let since = Instant::now();
        loop {
            let patience = self.patience(line, asked, since, flushed)?;
            self.wait(line, patience)?;
            match line.transport.read(&mut self.buffer) {
                Ok(0) => {
                    let ended = io::Error::new(io::ErrorKind::UnexpectedEof, ENDED);
                    return Err(line.ended(ended));
                }
                Ok(count) => {
                    self.unheard = 0..count;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if !is_late(&line.transport, &error) => return Err(line.ended(error)),
                // A clock of its own, which knows nothing of closing.
                Err(_) if !line.transport.keeps_time() && line.over_by().is_none() => {
                    return Err(Error::Timeout(Wait::Read));
                }
                Err(_) => {
                    pause(&line.transport);
                    flushed = line.flush_now();
                }
            }
            // Only now: a limit of nothing still hears what has come.
            if line.over_by().is_none() && self.silence_max.is_some_and(|max| since.elapsed() > max)
            {
                return Err(Error::Timeout(Wait::Read));
            }
        }
    }

    /// How long to wait before something else has to be looked at.
    fn patience<T: Transport>(
        &self,
        line: &Line<T>,
        asked: Instant,
        since: Instant,
        flushed: Flushed,
    ) -> Result<Option<Duration>, Error> {
        let limit = match (line.over_by(), self.silence_max) {
            (Some(by), _) => {
                // As long as something comes of what was asked for, the server may take its time.
                let by = match self.hurries {
                    true => by,
                    false => by.max(line.patient_until(asked, since)),
                };
                Some(left(by).ok_or(Error::Timeout(Wait::Close))?)
            }
            (None, max) => max.map(|max| max.saturating_sub(since.elapsed())),
        };
        let look_again = match flushed {
            Flushed::Waits | Flushed::Elsewhere => Some(RETRY),
            Flushed::All => self.is_half.then_some(LOOK),
            Flushed::Late => return Err(Error::Timeout(Wait::Write)),
        };
        Ok([limit, look_again].into_iter().flatten().min())
    }

    fn wait<T: Transport>(
        &mut self,
        line: &Line<T>,
        patience: Option<Duration>,
    ) -> Result<(), Error> {
        if self.waits != Some(patience) {
            line.transport.read_within(patience)?;
            self.waits = Some(patience);
        }
        Ok(())
    }

    /// The server has broken the protocol (7.1.7). Our Close leaves, and we do not listen to what
    /// comes, but let it come: to close with bytes unread could overtake our Close with a reset.
    fn turn_away<T: Transport>(&mut self, line: &Line<T>) {
        if line.flush_now() == Flushed::All {
            line.finish();
        }
        self.await_end(line, line.close_by().min(Instant::now() + LINGER));
    }

    /// Reads and throws away until the server has ended TCP, or until then.
    fn await_end<T: Transport>(&mut self, line: &Line<T>, by: Instant) {
        // Without a clock nothing could stop it.
        if !line.transport.keeps_time() {
            line.flush_now();
            return;
        }
        while let Some(left) = left(by) {
            let patience = match line.flush_now() {
                Flushed::Waits | Flushed::Elsewhere => left.min(RETRY),
                Flushed::All => left,
                Flushed::Late => return,
            };
            let read = self.wait(line, Some(patience));
            match read.map(|()| line.transport.read(&mut self.buffer)) {
                Ok(Ok(1..)) => {}
                Ok(Err(error))
                    if is_late(&line.transport, &error)
                        || error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear")
            .field("unheard", &self.unheard)
            .field("closed", &self.closed)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

const ENDED: &str = "the server ended the connection without closing it";
/// 64 KiB: what a kernel has ready when much is under way, in one call.
pub(super) const BUFFER: usize = 64 << 10;
/// 20 ms: how often a full socket, or the half that writes, is offered a pong again, while nothing is
/// read.
const RETRY: Duration = Duration::from_millis(20);
/// 1 s: how often the half that hears looks whether the other one has begun to close. Nothing else
/// in `std` wakes a read on every system without losing what comes.
const LOOK: Duration = Duration::from_secs(1);
/// 1 s: as the server lingers.
const LINGER: Duration = Duration::from_secs(1);
