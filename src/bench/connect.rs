//! Connections that do not last: open, one message, close, and again. A cycle begins with the dial and
//! ends when the socket is closed.
//!
//! Without frames the same bytes go to and fro: one as long as a request, a message, one as long as a
//! Close, and then our FIN.

use super::line::{Agreement, Line, Tally};
use super::lines::Lines;
use super::plan::Plan;
use super::score::Score;
use super::script::Script;
use super::task::{Answers, Task};

#[derive(Debug)]
pub(super) struct Connect {
    script: Script,
    bare: bool,
    /// Connections that will be dialled, or are not closed.
    under_way: u64,
    again: bool,
}

impl Connect {
    pub(super) fn new(plan: &Plan) -> Self {
        Connect {
            script: Script::new(plan),
            bare: plan.target.is_bare(),
            under_way: plan.connections as u64,
            again: true,
        }
    }

    /// `count` cycles, and no more.
    pub(super) fn once(plan: &Plan, count: usize) -> Self {
        Connect {
            under_way: count as u64,
            again: false,
            ..Connect::new(plan)
        }
    }

    /// What the next step of a cycle says, and is answered with, without frames.
    fn step(&self, tally: &Tally) -> &[u8] {
        match tally.heard {
            0 => &REQUEST,
            1 => self.script.wordings.payload(tally.number as u64),
            _ => &CLOSE,
        }
    }
}

impl Answers for Connect {
    fn expected(&mut self, tally: &Tally) -> Option<&[u8]> {
        match self.bare {
            true => (tally.heard < tally.asked).then(|| self.step(tally)),
            false => self.script.expected(tally),
        }
    }

    fn is_text(&self) -> bool {
        self.script.is_text()
    }
}

impl Task for Connect {
    type Answers = Self;

    fn answers(&mut self) -> &mut Self {
        self
    }

    fn opened(&mut self, line: &mut Line, agreement: Agreement, _: u64) {
        self.script.agreed(line, agreement);
        line.to_ask = 1;
    }

    fn is_ready(&self, _: &Lines) -> bool {
        true
    }

    fn heard(&mut self, line: &mut Line, _: u64, _: u64) {
        match self.bare && line.tally.heard < STEPS {
            true => line.to_ask = 1,
            false => line.leave(),
        }
    }

    fn say(&mut self, line: &mut Line, now: u64) {
        if std::mem::take(&mut line.to_ask) == 0 {
            return;
        }
        if self.bare {
            line.say(self.step(&line.tally));
            line.tally.asked += 1;
        } else {
            self.script.ask(line, 1, now);
        }
    }

    fn closed(&mut self, line: &Line, now: u64) -> bool {
        self.script.score.note(now.saturating_sub(line.since), 1);
        if !self.again {
            self.under_way -= 1;
        }
        self.again
    }

    fn stop(&mut self) {
        self.again = false;
    }

    fn missing(&self) -> u64 {
        self.under_way
    }

    fn score(&mut self) -> &mut Score {
        &mut self.script.score
    }
}

/// 170 bytes: an opening handshake with nothing besides.
const REQUEST: [u8; 170] = [b'r'; 170];
/// 8 bytes: a masked Close with its code.
const CLOSE: [u8; 8] = [b'c'; 8];
const STEPS: u64 = 3;
