//! The connections of a run and the kernel below them, turn by turn: dial, say everything, sleep until
//! something happens or is due, hear everything.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ws4rs::Backend;
use ws4rs::internal::reactor::poll::Poll;
use ws4rs::internal::reactor::{Close, Driver, Source};
#[cfg(target_os = "linux")]
use ws4rs::internal::reactor::{probe, uring::Uring};

use super::Failed;
use super::clock::{Clock, ns};
use super::line::{Agreement, Line, Stage};
use super::lines::Lines;
use super::plan::{Mode, Plan};
use super::progress::Progress;
use super::target::Door;
use super::task::Task;

/// The first door is the target's.
pub(super) const TARGET: usize = 0;

pub(super) struct Fleet<'s> {
    pub(super) lines: Lines,
    pub(super) backend: Backend,
    progress: Progress,
    driver: Box<dyn Driver>,
    doors: Vec<Door>,
    clock: Clock,
    timeout: u64,
    opening_max: usize,
    /// Since when the backlog of a Unix socket has been full.
    full_since: Option<u64>,
    look_at: u64,
    /// Somebody wants an end of it.
    stop: &'s AtomicBool,
}

impl<'s> Fleet<'s> {
    pub(super) fn new(plan: &Plan, stop: &'s AtomicBool) -> Result<Self, Failed> {
        let (backend, driver) = driver(plan.backend).map_err(Failed::no_start)?;
        let clock = Clock::start();
        let message_max = plan.sizes.largest().max(MESSAGE_LEAST);
        Ok(Fleet {
            lines: Lines::new(clock, message_max),
            backend,
            progress: Progress::new(),
            driver,
            doors: Vec::new(),
            clock,
            timeout: ns(plan.timeout),
            opening_max: match plan.mode {
                // Opening is what it is about.
                Mode::Connect => plan.connections,
                _ => OPENING_MAX,
            },
            full_since: None,
            look_at: 0,
            stop,
        })
    }

    /// Adds a place to dial to. Tells which it is.
    pub(super) fn add(&mut self, door: Door) -> usize {
        self.doors.push(door);
        self.doors.len() - 1
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Takes turns until `done`, or for so long. Tells when it stopped.
    pub(super) fn run<T: Task>(
        &mut self,
        task: &mut T,
        time: Duration,
        done: impl Fn(&Lines, &mut T) -> bool,
    ) -> Result<u64, Failed> {
        let until = self.clock.now().saturating_add(ns(time));
        loop {
            let now = self.clock.now();
            if now >= until || done(&self.lines, task) || self.is_stopped() {
                return Ok(now);
            }
            self.turn(task, now, until)?;
        }
    }

    /// Takes turns until nothing is missing any more, stopped or not, or for so long.
    pub(super) fn finish(&mut self, task: &mut impl Task, time: Duration) -> Result<(), Failed> {
        let until = self.clock.now() + ns(time);
        let mut now = self.clock.now();
        while now < until && task.missing() > 0 {
            self.turn(task, now, until)?;
            now = self.clock.now();
        }
        Ok(())
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Says goodbye to everybody, and lets go of who does not say it too in time.
    pub(super) fn goodbye(&mut self, task: &mut impl Task) -> Result<(), Failed> {
        self.lines.leave();
        let until = self.clock.now() + ns(GOODBYE);
        let mut now = self.clock.now();
        while now < until && self.lines.iter().next().is_some() {
            self.turn(task, now, until)?;
            now = self.clock.now();
        }
        let tokens: Vec<_> = self.lines.iter().map(|line| line.token).collect();
        tokens
            .into_iter()
            .for_each(|token| self.driver.close(token, Close::Abort));
        Ok(())
    }

    fn turn(&mut self, task: &mut impl Task, now: u64, until: u64) -> Result<(), Failed> {
        if now >= self.look_at {
            self.look(task, now)?;
        }
        self.dial(task, now)?;
        let due = task.turn(&mut self.lines, now);
        self.lines.say(&mut *self.driver, task, now);
        let wake = until.min(due).min(self.look_at).min(self.dial_at(now));
        let wake = self.clock.at(wake);
        let lines = &mut self.lines;
        self.driver
            .wait(Some(wake), &mut |event| lines.hear(event, task))
            .map_err(Failed::no_start)?;
        self.lines.fault.take().map_or(Ok(()), Err)
    }

    fn dial(&mut self, task: &mut impl Task, now: u64) -> Result<(), Failed> {
        let most = self.lines.dialled + DIALS_PER_TURN;
        while self.lines.dialled < most
            && self.may_dial()
            && let Some(call) = self.lines.calls.pop()
        {
            let source = match self.doors[call].knock() {
                Ok(source) => source,
                // A Unix socket whose backlog is full.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.lines.calls.push(call);
                    self.full_since.get_or_insert(now);
                    return Ok(());
                }
                Err(error) => return Err(Failed::no_start(error)),
            };
            self.full_since = None;
            self.open(source, call, task, now)
                .map_err(Failed::no_start)?;
        }
        Ok(())
    }

    /// Takes in what has just been dialled.
    fn open(
        &mut self,
        source: Source,
        door: usize,
        task: &mut impl Task,
        now: u64,
    ) -> io::Result<()> {
        let token = self.driver.open(source)?;
        let mut line = Line::new(token, self.lines.dialled, door, now);
        self.lines.dialled += 1;
        match &self.doors[door].dial {
            Some(dial) => {
                let mut request = Vec::new();
                let dialing = dial.ask(&mut request).map_err(io::Error::other)?;
                line.ask_for(&request, dialing);
            }
            None => task.opened(&mut line, Agreement::default(), now),
        }
        self.lines.insert(line);
        Ok(())
    }

    fn may_dial(&self) -> bool {
        !self.lines.calls.is_empty() && self.lines.opening < self.opening_max
    }

    /// When to dial again.
    fn dial_at(&self, now: u64) -> u64 {
        match (self.may_dial(), self.full_since) {
            (false, _) => u64::MAX,
            (true, None) => now,
            (true, Some(_)) => now + ns(FULL_WAIT),
        }
    }

    /// Four times a second: is anybody stuck, and how does it go?
    fn look(&mut self, task: &mut impl Task, now: u64) -> Result<(), Failed> {
        self.look_at = now + ns(LOOK);
        self.progress.look(&self.lines, task.score(), now);
        if self.lines.forgiving {
            return Ok(());
        }
        let waiting: usize = self.lines.iter().map(|line| line.out.len()).sum();
        if waiting > WAITING_MAX {
            return Err(Failed::Unread(waiting));
        }
        let is_late = |since: u64| now.saturating_sub(since) > self.timeout;
        if self.full_since.is_some_and(is_late) {
            return Err(self.not_opened(self.lines.dialled));
        }
        let late = |line: &&Line| line.awaited_since().is_some_and(is_late);
        match self.lines.iter().find(late) {
            None => Ok(()),
            Some(late) => Err(self.late(late)),
        }
    }

    fn late(&self, line: &Line) -> Failed {
        let number = line.tally.number;
        match line.stage {
            Stage::Opening | Stage::Open => self.not_opened(number),
            _ => Failed::Fault(format!(
                "connection {number} was not closed within {:?}",
                Duration::from_nanos(self.timeout)
            )),
        }
    }

    fn not_opened(&self, number: usize) -> Failed {
        let time = Duration::from_nanos(self.timeout);
        Failed::NoStart(format!(
            "connection {number} was not opened within {time:?}"
        ))
    }
}

/// Opens the kernel, and tells which one it is.
fn driver(backend: Backend) -> io::Result<(Backend, Box<dyn Driver>)> {
    #[cfg(target_os = "linux")]
    if backend != Backend::Mio {
        match Uring::new().and_then(|mut ring| probe(&mut ring).map(|()| ring)) {
            Ok(ring) => return Ok((Backend::IoUring, Box::new(ring))),
            Err(error) if backend == Backend::IoUring => return Err(error),
            Err(_) => {}
        }
    }
    match backend {
        Backend::IoUring => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok((Backend::Mio, Box::new(Poll::new()?))),
    }
}

/// 64 at once are on their way in: the backlog of any listener holds as many.
const OPENING_MAX: usize = 64;
/// 64: those without a handshake are open at once, and also are to be accepted meanwhile.
const DIALS_PER_TURN: usize = 64;
/// 1 GiB: so much memory may a server cost us that is asked for more than it can do.
const WAITING_MAX: usize = 1 << 30;
/// 1 ms: a server that is busy has accepted some by then.
const FULL_WAIT: Duration = Duration::from_millis(1);
/// 250 ms.
const LOOK: Duration = Duration::from_millis(250);
/// 1 s: a server that has not closed by then is left to its own deadlines.
const GOODBYE: Duration = Duration::from_secs(1);
/// 64 KiB: whatever a server says besides, up to there it is told as wrong, not as too long.
const MESSAGE_LEAST: usize = 64 << 10;
