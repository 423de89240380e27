//! A closed loop: each connection keeps a number of messages under way, and asks again when it is
//! answered.

use super::line::{Agreement, Line};
use super::lines::Lines;
use super::plan::Plan;
use super::score::Score;
use super::script::Script;
use super::task::Task;

#[derive(Debug)]
pub(super) struct Echo {
    script: Script,
    outstanding: u64,
    /// How many it may still ask.
    left: u64,
}

impl Echo {
    pub(super) fn new(plan: &Plan, outstanding: usize) -> Self {
        Echo {
            script: Script::new(plan),
            outstanding: outstanding as u64,
            left: 0,
        }
    }
}

impl Task for Echo {
    type Answers = Script;

    #[inline(always)]
    fn answers(&mut self) -> &mut Script {
        &mut self.script
    }

    fn opened(&mut self, line: &mut Line, agreement: Agreement, _: u64) {
        self.script.agreed(line, agreement);
        line.to_ask = self.outstanding;
    }

    fn start(&mut self, lines: &mut Lines, most: u64) {
        self.left = most;
        lines.mark_all();
    }

    #[inline]
    fn heard(&mut self, line: &mut Line, count: u64, now: u64) {
        self.script.answered(line, count, now);
        line.to_ask += count;
    }

    #[inline]
    fn say(&mut self, line: &mut Line, now: u64) {
        let count = line.to_ask.min(self.left);
        if count > 0 {
            line.to_ask -= count;
            self.left -= count;
            self.script.ask(line, count, now);
        }
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
