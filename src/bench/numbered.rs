//! Messages that begin with their number, each said once: what a fan-out publishes.

use fastrand::Rng;
use ws4rs::Message;

use super::line::Tally;
use super::payload::payload;
use super::plan::Plan;
use super::task::Answers;
use super::wording::{SEED, Wordings};

#[derive(Debug)]
pub(super) struct Numbered {
    wordings: Wordings,
    /// Which message each wording is at the moment.
    numbers: Vec<u64>,
    /// How many there have been.
    pub(super) count: u64,
}

/// 10 digits: a message's number, in front of it.
pub(super) const NUMBER: usize = 10;

impl Numbered {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut wordings = plan.wordings();
        let mut rng = Rng::with_seed(SEED);
        for nth in 0..wordings.count() as u64 {
            // The number is written over nothing that is part of a character.
            let (number, behind) = wordings.payload_mut(nth).split_at_mut(NUMBER);
            number.fill(b'0');
            behind.copy_from_slice(&payload(plan.kind, behind.len(), &mut rng));
        }
        Numbered {
            numbers: vec![u64::MAX; wordings.count()],
            wordings,
            count: 0,
        }
    }

    /// One more.
    pub(super) fn next(&mut self) -> Message<'_> {
        let number = self.count;
        self.count += 1;
        self.write(number);
        self.wordings.message(number)
    }

    /// Has the wording of a message be that message.
    fn write(&mut self, number: u64) {
        let slot = number as usize % self.numbers.len();
        if self.numbers[slot] != number {
            self.numbers[slot] = number;
            let digits = format!("{number:0NUMBER$}");
            self.wordings.payload_mut(number)[..NUMBER]
                .copy_from_slice(&digits.as_bytes()[..NUMBER]);
        }
    }

    /// Which message a line is to hear next, if there is one; its wording is that message.
    #[inline]
    fn due(&mut self, tally: &Tally) -> Option<u64> {
        let due = tally.heard < self.count;
        due.then(|| {
            self.write(tally.heard);
            tally.heard
        })
    }
}

impl Answers for Numbered {
    #[inline]
    fn expected(&mut self, tally: &Tally) -> Option<&[u8]> {
        self.due(tally).map(|number| self.wordings.payload(number))
    }

    #[inline]
    fn expected_frame(&mut self, tally: &Tally) -> Option<&[u8]> {
        self.due(tally).map(|number| self.wordings.frame(number))
    }

    #[inline(always)]
    fn is_text(&self) -> bool {
        self.wordings.text
    }
}
