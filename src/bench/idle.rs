//! Connections that are open and silent: what does each of them take?

use std::time::Duration;

use super::Failed;
use super::connect::Connect;
use super::fleet::{Fleet, TARGET};
use super::line::{Agreement, Line, Tally};
use super::lines::Lines;
use super::measure::{Found, Mark, never, open};
use super::plan::Plan;
use super::process::{of_all, rss_bytes};
use super::score::Score;
use super::task::{Answers, Task};

/// Opens all, and does nothing else.
#[derive(Debug)]
pub(super) struct Idle(Score);

/// What was found, and what only this mode has.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) found: Found,
    pub(super) opened_per_second: f64,
    pub(super) bytes_per_connection: Option<f64>,
}

impl Idle {
    pub(super) fn new() -> Self {
        Idle(Score::new())
    }

    /// Holds what was planned, after a few that have come and gone.
    pub(super) fn hold(&mut self, plan: &Plan, fleet: &mut Fleet<'_>) -> Result<Held, Failed> {
        warm_up(plan, fleet)?;
        let empty = self.rest(plan, fleet)?;

        fleet.lines.call(TARGET, plan.connections);
        let began = Mark::now(plan, fleet, self, fleet.now())?;
        open(fleet, self)?;
        let opened = fleet.now();
        let full = self.rest(plan, fleet)?;
        let before = Mark::now(plan, fleet, self, fleet.now())?;
        let ended = fleet.run(self, plan.time, never)?;
        let after = Mark::now(plan, fleet, self, ended)?;
        fleet.goodbye(self)?;

        let mut found = Found::between(before, after);
        found.count = plan.connections as u64;
        (found.sent, found.received) = began.bytes_until(&after);
        found.server_rss = full;
        let seconds = (opened - began.at) as f64 / 1e9;
        let grown = full.zip(empty);
        Ok(Held {
            found,
            opened_per_second: found.count as f64 / seconds.max(1e-9),
            bytes_per_connection: grown
                .map(|(full, empty)| (full as f64 - empty as f64) / found.count as f64),
        })
    }

    /// Waits until the server's memory has come to rest, and tells how much it is.
    fn rest(&mut self, plan: &Plan, fleet: &mut Fleet<'_>) -> Result<Option<u64>, Failed> {
        let rss = || of_all(&plan.server, rss_bytes).map_err(Failed::no_start);
        let Some(mut last) = rss()? else {
            return Ok(None);
        };
        let mut alike = 0;
        for _ in 0..LOOKS_MAX {
            fleet.run(self, LOOK, never)?;
            let now = rss()?.unwrap_or(last);
            alike = if now == last { alike + 1 } else { 0 };
            last = now;
            if alike == ALIKE || fleet.is_stopped() {
                break;
            }
        }
        Ok(Some(last))
    }
}

/// Has a few come and go.
fn warm_up(plan: &Plan, fleet: &mut Fleet<'_>) -> Result<(), Failed> {
    let mut warm = Connect::new(plan, WARM);
    warm.start(&mut fleet.lines, WARM as u64);
    fleet.run(&mut warm, plan.timeout, |_, task| task.missing() == 0)?;
    match (fleet.is_stopped(), warm.missing()) {
        (true, _) => Err(Failed::Interrupted),
        (false, 0) => Ok(()),
        (false, _) => Err(Failed::no_start(
            "a connection that echoes once was not closed in time",
        )),
    }
}

impl Answers for Idle {
    fn expected(&mut self, _: &Tally) -> Option<&[u8]> {
        None
    }

    fn is_text(&self) -> bool {
        true
    }
}

impl Task for Idle {
    type Answers = Self;

    fn answers(&mut self) -> &mut Self {
        self
    }

    fn opened(&mut self, line: &mut Line, _: Agreement, now: u64) {
        self.0.note(now.saturating_sub(line.since), 1);
    }

    fn heard(&mut self, _: &mut Line, _: u64, _: u64) {}

    fn stop(&mut self, _: &mut Lines) {}

    fn missing(&self) -> u64 {
        0
    }

    fn score(&mut self) -> &mut Score {
        &mut self.0
    }
}

/// 100 connections bring up what a server makes once.
pub(super) const WARM: usize = 100;
/// Memory is at rest when it has been the same for half a second; after 5 s it is what it is.
const LOOK: Duration = Duration::from_millis(100);
const ALIKE: usize = 5;
const LOOKS_MAX: usize = 50;
