//! What connections say that are answered with what they said: the wordings, the frames of them, and
//! who has been answered when.

use ws4rs::proto::Agreed;

use super::line::{Agreement, Line, Tally};
use super::plan::Plan;
use super::score::Score;
use super::task::Answers;
use super::wording::{Canned, Wordings};

#[derive(Debug)]
pub(super) struct Script {
    pub(super) wordings: Wordings,
    pub(super) score: Score,
    /// Asked and not answered.
    pub(super) under_way: u64,
    /// For each window that servers have agreed to; without compression, one.
    canned: Vec<(Option<u8>, Canned)>,
}

impl Script {
    pub(super) fn new(plan: &Plan) -> Self {
        let wordings = plan.wordings();
        let canned = match plan.target.is_bare() {
            true => Canned::bare(&wordings),
            false => Canned::frames(&wordings, None),
        };
        Script {
            wordings,
            score: Score::new(),
            under_way: 0,
            canned: vec![(None, canned)],
        }
    }

    /// Chooses the frames for what was agreed on.
    pub(super) fn agreed(&mut self, line: &mut Line, agreement: Agreement) {
        line.canned = match &agreement.deflate {
            Some(agreed) if agreed.takeover() => None,
            Some(agreed) => Some(self.frames_for(agreed)),
            None => Some(0),
        };
    }

    /// Asks `count` messages, which were due `at` that time.
    #[inline]
    pub(super) fn ask(&mut self, line: &mut Line, count: u64, at: u64) {
        let nth = line.tally.number as u64 + line.tally.asked;
        match line.canned {
            Some(which) => self.canned[which].1.say(nth, count as usize, &mut line.out),
            None => (nth..nth + count).for_each(|nth| line.send(self.wordings.message(nth))),
        }
        line.note_asked(count, at);
        self.under_way += count;
    }

    /// `count` messages of a line have been answered.
    #[inline]
    pub(super) fn answered(&mut self, line: &mut Line, count: u64, now: u64) {
        self.under_way -= count;
        line.note_answered(count, |at, count| {
            self.score.note(now.saturating_sub(at), count);
        });
    }

    /// What a line has not been answered has taken until now, at the least.
    pub(super) fn give_up(&mut self, line: &mut Line, now: u64) {
        line.give_up(|at, count| self.score.give_up(now.saturating_sub(at), count));
    }

    fn frames_for(&mut self, agreed: &Agreed) -> usize {
        let window = Some(agreed.window());
        let known = self.canned.iter().position(|(known, _)| *known == window);
        known.unwrap_or_else(|| {
            let frames = Canned::frames(&self.wordings, Some(agreed));
            self.canned.push((window, frames));
            self.canned.len() - 1
        })
    }
}

impl Answers for Script {
    #[inline(always)]
    fn expected(&mut self, tally: &Tally) -> Option<&[u8]> {
        due(tally).map(|nth| self.wordings.payload(nth))
    }

    #[inline(always)]
    fn expected_frame(&mut self, tally: &Tally) -> Option<&[u8]> {
        due(tally).map(|nth| self.wordings.frame(nth))
    }

    #[inline(always)]
    fn is_text(&self) -> bool {
        self.wordings.text
    }
}

/// Which wording is the next answer, if one is to come.
#[inline(always)]
fn due(tally: &Tally) -> Option<u64> {
    (tally.heard < tally.asked).then(|| tally.number as u64 + tally.heard)
}
