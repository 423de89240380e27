//! One connection publishes, the others hear: everything, in order, byte for byte.
//!
//! Whether the server sends it to the one who published it too shows when it does: what comes there is
//! held to the same.

use std::collections::VecDeque;

use ws4rs::Message;

use super::line::{Agreement, Line, Tally};
use super::lines::Lines;
use super::numbered::Numbered;
use super::plan::Plan;
use super::score::{Score, Times, times};
use super::settling::Settling;
use super::task::Task;

#[derive(Debug)]
pub(super) struct Fanout {
    messages: Numbered,
    join: Option<String>,
    subscribers: usize,
    outstanding: usize,
    settling: Settling,
    /// Where the one who publishes is, which connection that is, and how many of his own have come back.
    publisher: u32,
    publisher_number: usize,
    returned: u64,
    /// How many messages may still be published.
    left: u64,
    /// When messages were published: the last of them, by number.
    published_at: Vec<u64>,
    /// Of the messages that not everybody has: how many have not. The last is the latest.
    lacking: VecDeque<usize>,
    score: Score,
    /// Until everybody had it.
    all: Times,
}

/// Which door the one who publishes goes through.
pub(super) const PUBLISHER: usize = 1;

impl Fanout {
    pub(super) fn new(plan: &Plan, outstanding: usize, join: Option<String>) -> Self {
        Fanout {
            messages: Numbered::new(plan),
            join,
            subscribers: plan.connections,
            outstanding,
            settling: Settling::new(plan),
            publisher: 0,
            publisher_number: 0,
            returned: 0,
            left: 0,
            published_at: vec![0; (2 * outstanding).next_power_of_two().max(REMEMBERED)],
            lacking: VecDeque::new(),
            score: Score::new(),
            all: times(),
        }
    }

    pub(super) fn all(&self) -> &Times {
        &self.all
    }

    fn publish(&mut self, lines: &mut Lines, now: u64) {
        let at = self.remembered(self.messages.count);
        self.published_at[at] = now;
        self.lacking.push_back(self.subscribers);
        self.left -= 1;
        let message = self.messages.next();
        if let Some(line) = lines.at(self.publisher) {
            line.send(message);
            lines.mark(self.publisher);
        }
    }

    fn remembered(&self, number: u64) -> usize {
        number as usize & (self.published_at.len() - 1)
    }

    /// A subscriber has got this message.
    #[inline]
    fn delivered(&mut self, number: u64, now: u64) {
        let took = now.saturating_sub(self.published_at[self.remembered(number)]);
        self.score.note(took, 1);
        let first = self.messages.count - self.lacking.len() as u64;
        // They come in order to everybody, so the first of them is the first that all have.
        let lacking = &mut self.lacking[(number - first) as usize];
        *lacking -= 1;
        if *lacking == 0 {
            self.lacking.pop_front();
            self.all.saturating_record(took);
        }
    }

    /// The one who published it has got it back.
    fn came_back(&mut self, number: u64, now: u64) {
        self.returned += 1;
        // He may be far behind the others.
        if self.messages.count - number <= self.published_at.len() as u64 {
            let took = now.saturating_sub(self.published_at[self.remembered(number)]);
            self.score.note(took, 1);
        } else {
            self.score.count += 1;
        }
    }
}

impl Task for Fanout {
    type Answers = Numbered;

    #[inline(always)]
    fn answers(&mut self) -> &mut Numbered {
        &mut self.messages
    }

    /// Before anything is published a server may answer to who has joined.
    fn forgives(&self) -> bool {
        self.join.is_some() && self.messages.count == 0
    }

    fn opened(&mut self, line: &mut Line, _: Agreement, _: u64) {
        if line.door == PUBLISHER {
            self.publisher = line.token.index;
            self.publisher_number = line.tally.number;
        } else if let Some(join) = &self.join {
            line.send(Message::Text(join));
        }
        line.ping();
    }

    fn ponged(&mut self) {
        self.settling.ponged();
    }

    fn take_preamble(&mut self, tally: &Tally, bytes: &[u8]) -> usize {
        let subscriber = tally.number != self.publisher_number;
        self.settling.take_probes(bytes, subscriber)
    }

    fn is_ready(&self, _: &Lines) -> bool {
        self.settling.is_done()
    }

    fn start(&mut self, _: &mut Lines, most: u64) {
        self.left = most.div_ceil(self.subscribers as u64);
    }

    fn measured(&mut self) {
        self.all.reset();
    }

    #[inline]
    fn heard(&mut self, line: &mut Line, count: u64, now: u64) {
        for number in line.tally.heard - count..line.tally.heard {
            match line.door {
                PUBLISHER => self.came_back(number, now),
                _ => self.delivered(number, now),
            }
        }
    }

    fn turn(&mut self, lines: &mut Lines, now: u64) -> u64 {
        if !self.settling.is_done() {
            return self.settling.turn(lines, self.publisher, now);
        }
        while self.left > 0 && self.lacking.len() < self.outstanding {
            self.publish(lines, now);
        }
        u64::MAX
    }

    fn stop(&mut self, _: &mut Lines) {
        self.left = 0;
    }

    fn missing(&self) -> u64 {
        let to_publisher = match self.returned {
            0 => 0,
            returned => self.messages.count - returned,
        };
        self.lacking.iter().sum::<usize>() as u64 + to_publisher
    }

    fn score(&mut self) -> &mut Score {
        &mut self.score
    }
}

/// 1024 messages: so far may the one who publishes be behind.
const REMEMBERED: usize = 1024;
