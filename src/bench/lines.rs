//! All connections, and what the driver tells of them in a turn.
//!
//! Time is read when the first event of a turn comes: what is told in one turn has come at one time.

use std::io;

use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Driver, Event, Token};
use ws4rs::proto::Rules;

use super::Failed;
use super::clock::Clock;
use super::hearing::Fault;
use super::line::{Line, Stage};
use super::task::Task;

#[derive(Debug)]
pub(super) struct Lines {
    /// By [`Token::index`], which is small and dense.
    all: Vec<Option<Line>>,
    /// Indices of those that something has happened to.
    dirty: Vec<u32>,
    /// The doors of those to be dialled.
    pub(super) calls: Vec<usize>,
    pub(super) dialled: usize,
    pub(super) opening: usize,
    pub(super) open: usize,
    pub(super) received: u64,
    pub(super) sent: u64,
    /// How those that have opened compress, once one has.
    deflate: Option<Option<&'static str>>,
    /// The first thing that went wrong in this turn.
    pub(super) fault: Option<Failed>,
    /// It is over: from here on nothing is a fault.
    pub(super) forgiving: bool,
    clock: Clock,
    heard_at: Option<u64>,
    rules: Rules,
}

impl Lines {
    pub(super) fn new(clock: Clock, message_max: usize) -> Self {
        Lines {
            all: Vec::new(),
            dirty: Vec::new(),
            calls: Vec::new(),
            dialled: 0,
            opening: 0,
            open: 0,
            received: 0,
            sent: 0,
            deflate: None,
            fault: None,
            forgiving: false,
            clock,
            heard_at: None,
            rules: Rules::client(message_max),
        }
    }

    /// Asks for `count` connections through this door.
    pub(super) fn call(&mut self, door: usize, count: usize) {
        self.calls.extend(std::iter::repeat_n(door, count));
    }

    /// Whether nobody is to be dialled, or dialling.
    pub(super) fn all_open(&self) -> bool {
        self.calls.is_empty() && self.opening == 0
    }

    /// How messages are compressed, if they are.
    pub(super) fn deflate(&self) -> Option<&'static str> {
        self.deflate.flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Line> {
        self.all.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        self.all.iter_mut().flatten()
    }

    /// The line at a place, where there is one.
    pub(super) fn at(&mut self, index: u32) -> Option<&mut Line> {
        self.all.get_mut(index as usize)?.as_mut()
    }

    pub(super) fn insert(&mut self, line: Line) {
        let index = line.token.index as usize;
        if self.all.len() <= index {
            self.all.resize_with(index + 1, || None);
        }
        match line.stage {
            Stage::Opening => self.opening += 1,
            _ => self.open += 1,
        }
        self.all[index] = Some(line);
        self.mark(index as u32);
    }

    /// Something has happened to this one.
    #[inline]
    pub(super) fn mark(&mut self, index: u32) {
        if let Some(Some(line)) = self.all.get_mut(index as usize)
            && !line.dirty
        {
            line.dirty = true;
            self.dirty.push(index);
        }
    }

    pub(super) fn mark_all(&mut self) {
        (0..self.all.len() as u32).for_each(|index| self.mark(index));
    }

    /// Begins to end them all, and whoever goes now may go.
    pub(super) fn leave(&mut self) {
        self.forgiving = true;
        self.calls.clear();
        self.iter_mut()
            .filter(|line| line.stage == Stage::Open)
            .for_each(Line::leave);
        self.mark_all();
    }

    /// Has each line that something happened to say what it has to say.
    pub(super) fn say(&mut self, driver: &mut dyn Driver, task: &mut impl Task, now: u64) {
        self.heard_at = None;
        for at in 0..self.dirty.len() {
            let index = self.dirty[at] as usize;
            let Some(Some(line)) = self.all.get_mut(index) else {
                continue;
            };
            line.dirty = false;
            if line.stage == Stage::Open && !self.forgiving {
                task.say(line, now);
            }
            self.sent += line.flush(driver) as u64;
        }
        self.dirty.clear();
    }

    pub(super) fn hear(&mut self, event: Event<'_>, task: &mut impl Task) {
        let clock = self.clock;
        let now = *self.heard_at.get_or_insert_with(|| clock.now());
        match event {
            Event::Received(token, bytes, _) => self.received(token, bytes, task, now),
            Event::Sent(token, left) => self.came_home(token, left),
            Event::Ended(token) => self.ended(token),
            Event::Closed(token, how) => self.closed(token, how, task, now),
            Event::Accepted { .. } | Event::Starved(..) => unreachable!("nobody listens here"),
        }
    }

    #[inline]
    fn received(&mut self, token: Token, bytes: &mut [u8], task: &mut impl Task, now: u64) {
        let Some(line) = line(&mut self.all, token) else {
            return;
        };
        self.received += bytes.len() as u64;
        if line.stage == Stage::Opening {
            return self.answered(token, bytes, task, now);
        }
        match line.hear(bytes, task) {
            Ok((count, ponged)) => {
                if count > 0 {
                    task.heard(line, count, now);
                }
                if ponged {
                    task.ponged();
                }
                self.mark(token.index);
            }
            Err(fault) => self.fail(Failed::Fault(fault.to_string())),
        }
    }

    /// Bytes of the answer to a request, and perhaps messages behind it.
    #[cold]
    fn answered(&mut self, token: Token, bytes: &mut [u8], task: &mut impl Task, now: u64) {
        let rules = self.rules;
        let Some(line) = line(&mut self.all, token) else {
            return;
        };
        match line.answered(bytes, rules) {
            Ok(None) => {}
            Ok(Some((agreement, mut behind))) => {
                self.opening -= 1;
                self.open += 1;
                let deflate = agreement.name();
                if *self.deflate.get_or_insert(deflate) != deflate {
                    self.deflate = Some(Some("mixed"));
                }
                task.opened(line, agreement, now);
                self.mark(token.index);
                if !behind.is_empty() {
                    self.received -= behind.len() as u64;
                    self.received(token, &mut behind, task, now);
                }
            }
            Err(why) => self.fail(Failed::NoStart(why.to_string())),
        }
    }

    #[inline]
    fn came_home(&mut self, token: Token, left: Chunks) {
        if let Some(line) = line(&mut self.all, token) {
            self.sent += line.sent(left) as u64;
            self.mark(token.index);
        }
    }

    /// The server's FIN: right behind its Close, which answers ours.
    fn ended(&mut self, token: Token) {
        let Some(line) = line(&mut self.all, token) else {
            return;
        };
        match line.stage {
            Stage::Opening | Stage::Open => {
                let failed = failed(line, "the server has ended it");
                self.fail(failed);
            }
            Stage::Leaving => {
                line.stage = Stage::Finishing;
                if !line.is_closed() {
                    let failed = failed(line, "the server has ended it without a Close");
                    self.fail(failed);
                }
                self.mark(token.index);
            }
            Stage::Finishing | Stage::Finished => {}
        }
    }

    fn closed(&mut self, token: Token, how: io::Result<()>, task: &mut impl Task, now: u64) {
        let Some(line) = self.remove(token) else {
            return;
        };
        if line.stage == Stage::Finished && how.is_ok() {
            if !self.forgiving && task.closed(&line, now) {
                self.calls.push(line.door);
            }
            return;
        }
        let why = how.map_or_else(|error| error.to_string(), |()| "closed".to_owned());
        let what = match line.has_heard() {
            true => "it is gone",
            false => "it was not opened",
        };
        self.fail(failed(&line, &format!("{what}: {why}")));
    }

    fn remove(&mut self, token: Token) -> Option<Line> {
        line(&mut self.all, token)?;
        let line = self.all[token.index as usize].take()?;
        match line.stage {
            Stage::Opening => self.opening -= 1,
            _ => self.open -= 1,
        }
        Some(line)
    }

    /// The first fault is the one that is told.
    pub(super) fn fail(&mut self, fault: Failed) {
        if !self.forgiving {
            self.fault.get_or_insert(fault);
        }
    }
}

/// What has gone wrong with a line: if the server was never heard there, it is a start that failed.
fn failed(line: &Line, what: &str) -> Failed {
    let fault = Fault::of(&line.tally, &what).to_string();
    match line.has_heard() {
        true => Failed::Fault(fault),
        false => Failed::NoStart(fault),
    }
}

#[inline]
fn line(all: &mut [Option<Line>], token: Token) -> Option<&mut Line> {
    let line = all.get_mut(token.index as usize)?.as_mut();
    line.filter(|line| line.token == token)
}
