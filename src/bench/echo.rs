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
    asking: bool,
}

impl Echo {
    pub(super) fn new(plan: &Plan, outstanding: usize) -> Self {
        Echo {
            script: Script::new(plan),
            outstanding: outstanding as u64,
            asking: false,
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

    fn start(&mut self, lines: &mut Lines) {
        self.asking = true;
        lines.mark_all();
    }

    #[inline]
    fn heard(&mut self, line: &mut Line, count: u64, now: u64) {
        self.script.answered(line, count, now);
        line.to_ask += count;
    }

    #[inline]
    fn say(&mut self, line: &mut Line, now: u64) {
        if self.asking && line.to_ask > 0 {
            let count = std::mem::take(&mut line.to_ask);
            self.script.ask(line, count, now);
        }
    }

    fn stop(&mut self) {
        self.asking = false;
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
