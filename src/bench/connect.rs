//! Connections that do not last: open, one message, close, and again. A cycle begins with the dial and
//! ends when the socket is closed.
//!
//! Without frames the same bytes go to and fro: one as long as a request, a message, one as long as a
//! Close, and then our FIN.

use super::fleet::TARGET;
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
    connections: u64,
    /// Connections that will be dialled, or are not closed.
    under_way: u64,
    /// How many cycles may still begin.
    left: u64,
}

impl Connect {
    /// So many at a time.
    pub(super) fn new(plan: &Plan, connections: usize) -> Self {
        Connect {
            script: Script::new(plan),
            bare: plan.target.is_bare(),
            connections: connections as u64,
            under_way: 0,
            left: 0,
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

    fn start(&mut self, lines: &mut Lines, most: u64) {
        // Of what was begun before some may not have come to its end.
        let first = most.min(self.connections - self.under_way);
        self.under_way += first;
        self.left = most - first;
        lines.call(TARGET, first as usize);
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
        let again = self.left > 0;
        match again {
            true => self.left -= 1,
            false => self.under_way -= 1,
        }
        again
    }

    fn stop(&mut self, lines: &mut Lines) {
        self.left = 0;
        self.under_way -= lines.calls.len() as u64;
        lines.calls.clear();
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
