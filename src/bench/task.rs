//! What a mode makes of its connections. The fleet keeps them and tells what happens to them.

use super::line::{Agreement, Line, Tally};
use super::lines::Lines;
use super::score::Score;

/// What the connections are to say, and what it means that they were answered.
pub(super) trait Task {
    /// Known when this is compiled: every message that comes is looked up there.
    type Answers: Answers;

    /// What is to come.
    fn answers(&mut self) -> &mut Self::Answers;

    /// The line is open, and so compressed.
    fn opened(&mut self, line: &mut Line, agreement: Agreement, now: u64);

    /// Whether all is there that it takes to begin.
    fn is_ready(&self, lines: &Lines) -> bool {
        lines.all_open()
    }

    /// Begins to ask, as many units at most as it is permitted. It may be stopped, and begin again.
    fn start(&mut self, _: &mut Lines, _most: u64) {}

    /// From here on it counts.
    fn measured(&mut self) {}

    /// Whether anything may come, as long as nothing is expected.
    fn forgives(&self) -> bool {
        false
    }

    /// How many of these bytes without frames belong to no message. Asked, each time that bytes come,
    /// until the first message begins.
    fn take_preamble(&mut self, _: &Tally, _: &[u8]) -> usize {
        0
    }

    /// `count` more messages have come, each as expected.
    fn heard(&mut self, line: &mut Line, count: u64, now: u64);

    /// A ping has been answered.
    fn ponged(&mut self) {}

    /// Something has happened to this line: what is it to say?
    fn say(&mut self, _: &mut Line, _: u64) {}

    /// It is over, in the way it should be. Tells whether to dial again.
    fn closed(&mut self, _: &Line, _: u64) -> bool {
        false
    }

    /// What is due at this time. Tells when something will be again.
    fn turn(&mut self, _: &mut Lines, _: u64) -> u64 {
        u64::MAX
    }

    /// Asks no more.
    fn stop(&mut self, lines: &mut Lines);

    /// What this line has not done by now is not waited for.
    fn give_up(&mut self, _: &mut Line, _: u64) {}

    /// Units that were asked for and are not done.
    fn missing(&self) -> u64;

    fn score(&mut self) -> &mut Score;
}

/// The messages that are to come.
pub(super) trait Answers {
    /// The payload of the next message of a line; `None` when none is due.
    fn expected(&mut self, tally: &Tally) -> Option<&[u8]>;

    /// The frame that it most likely comes in.
    fn expected_frame(&mut self, _: &Tally) -> Option<&[u8]> {
        None
    }

    /// Whether messages are text.
    fn is_text(&self) -> bool;
}
