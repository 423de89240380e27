//! An open loop: messages are asked when they are due, answered or not, and their time counts from
//! then: a server that stalls is not asked less for it.

use super::line::{Agreement, Line};
use super::lines::Lines;
use super::plan::Plan;
use super::score::{Score, Times, times};
use super::script::Script;
use super::task::Task;

#[derive(Debug)]
pub(super) struct Rate {
    script: Script,
    per_second: f64,
    /// Who asks, in turn.
    order: Vec<u32>,
    /// When the first message was due.
    began: Option<u64>,
    /// How many were asked since then, and how many may still be.
    asked: u64,
    left: u64,
    /// How long after they were due messages were asked.
    behind: Times,
}

impl Rate {
    pub(super) fn new(plan: &Plan, per_second: f64) -> Self {
        Rate {
            script: Script::new(plan),
            per_second,
            order: Vec::new(),
            began: None,
            asked: 0,
            left: 0,
            behind: times(),
        }
    }

    pub(super) fn behind(&self) -> &Times {
        &self.behind
    }

    fn ask(&mut self, lines: &mut Lines, due: u64) {
        let index = self.order[self.asked as usize % self.order.len()];
        if let Some(line) = lines.at(index) {
            self.script.ask(line, 1, due);
            lines.mark(index);
        }
        self.asked += 1;
        self.left -= 1;
    }
}

impl Task for Rate {
    type Answers = Script;

    #[inline(always)]
    fn answers(&mut self) -> &mut Script {
        &mut self.script
    }

    fn opened(&mut self, line: &mut Line, agreement: Agreement, _: u64) {
        self.script.agreed(line, agreement);
    }

    fn start(&mut self, lines: &mut Lines, most: u64) {
        self.order = lines.iter().map(|line| line.token.index).collect();
        (self.began, self.asked, self.left) = (None, 0, most);
    }

    fn measured(&mut self) {
        self.behind.reset();
    }

    #[inline]
    fn heard(&mut self, line: &mut Line, count: u64, now: u64) {
        self.script.answered(line, count, now);
    }

    fn turn(&mut self, lines: &mut Lines, now: u64) -> u64 {
        let began = *self.began.get_or_insert(now);
        for _ in 0..ASKED_PER_TURN {
            if self.left == 0 {
                return u64::MAX;
            }
            let due = began + (self.asked as f64 * 1e9 / self.per_second) as u64;
            if due > now {
                return due;
            }
            self.behind.saturating_record(now - due);
            self.ask(lines, due);
        }
        now
    }

    fn stop(&mut self, _: &mut Lines) {
        self.left = 0;
    }

    fn give_up(&mut self, line: &mut Line, now: u64) {
        self.script.give_up(line, now);
    }

    fn missing(&self) -> u64 {
        self.script.under_way
    }

    fn score(&mut self) -> &mut Score {
        &mut self.script.score
    }
}

/// 4096: of a rate beyond us no turn asks more than the last, and what was asked leaves.
const ASKED_PER_TURN: usize = 4096;
