//! What a topic is told in this turn: one run of frames, told to each of its subscribers at once.
//!
//! A subscriber hears everything in the order it was said. So there is one run at a time, of one topic;
//! before a subscriber is heard or told something else, it is told what the run has so far, and before
//! the worker goes on to another part of its turn, everybody is. A run that nobody had a reason to hear
//! apart costs each subscriber one piece, however many messages it has.

use std::sync::Arc;

use super::hall::{Hall, Voice};
use super::handler::Handler;
use crate::proto::Prepared;
use crate::reactor::Token;

#[derive(Default)]
pub(super) struct Run {
    topic: usize,
    messages: Vec<Published>,
    /// Bytes of all of them.
    size: usize,
    /// Those who are told message by message, and how many of them they have been told.
    apart: Vec<(Token, usize)>,
}

struct Published {
    message: Prepared,
    /// Who published it, and does not hear it.
    but: Option<Token>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn has_room(&self, topic: usize, message: &Prepared) -> bool {
        self.topic == topic
            && self.size + message.size() <= SIZE_MAX
            && self.apart.len() < APART_MAX
    }

    fn add(&mut self, topic: usize, message: Prepared, but: Option<Token>) {
        self.topic = topic;
        self.size += message.size();
        self.messages.push(Published { message, but });
        if let Some(token) = but {
            self.told(token);
        }
    }

    /// How many messages this one has been told, who is told them one by one from now on.
    fn told(&mut self, token: Token) -> &mut usize {
        let at = self.apart.iter().position(|(apart, _)| *apart == token);
        let at = at.unwrap_or_else(|| {
            self.apart.push((token, 0));
            self.apart.len() - 1
        });
        &mut self.apart[at].1
    }

    fn told_apart(&self, token: Token) -> Option<usize> {
        let apart = self.apart.iter().find(|(apart, _)| *apart == token);
        apart.map(|(_, told)| *told)
    }

    /// What this one is to hear, after the first `told`.
    fn missing(&self, token: Token, told: usize) -> impl Iterator<Item = &Prepared> {
        let published = self.messages[told..].iter();
        published
            .filter(move |published| published.but != Some(token))
            .map(|published| &published.message)
    }

    /// All of it as the frames that a server sends, uncompressed.
    fn whole(&self) -> Arc<[u8]> {
        match &self.messages[..] {
            [one] => one.message.frame().clone(),
            many => many
                .iter()
                .flat_map(|published| published.message.frame().iter().copied())
                .collect(),
        }
    }

    fn clear(&mut self) {
        self.messages.clear();
        self.apart.clear();
        self.size = 0;
    }
}

impl<H: Handler> Hall<H> {
    /// Sends one frame to all subscribers of a topic on this worker, but for one of them.
    pub(super) fn publish_here(&mut self, topic: &str, message: &Prepared, but: Option<Token>) {
        let Some(topic) = self.topics.id(topic) else {
            return;
        };
        if !self.run.has_room(topic, message) {
            self.tell_run();
        }
        self.run.add(topic, message.clone(), but);
    }

    /// Adds a connection to a topic: to what will be published, not to what has been.
    pub(super) fn subscribe(&mut self, token: Token, topic: &str) -> bool {
        self.tell_run();
        self.topics.subscribe(token, topic)
    }

    /// Tells all subscribers what has been published.
    #[inline]
    pub(super) fn tell_run(&mut self) {
        if !self.run.is_empty() {
            self.tell_all();
        }
    }

    #[inline(never)]
    fn tell_all(&mut self) {
        let mut run = std::mem::take(&mut self.run);
        let whole = run.whole();
        let counters = self.shared.counters(self.worker);
        for token in self.topics.members(run.topic) {
            let told = run.told_apart(token);
            if told.is_none() && self.outlets.say_run(token, &whole) {
                continue;
            }
            for message in run.missing(token, told.unwrap_or(0)) {
                self.outlets
                    .say(token, Voice::Other, counters, |half| half.share(message));
            }
        }
        // Its room is used again.
        run.clear();
        self.run = run;
    }

    /// Tells one connection what has been published and it has not heard, before it hears something
    /// else.
    #[inline]
    pub(super) fn tell_first(&mut self, token: Token) {
        if !self.run.is_empty() {
            self.tell_apart(token);
        }
    }

    #[inline(never)]
    fn tell_apart(&mut self, token: Token) {
        if !self.topics.has(self.run.topic, token) {
            return;
        }
        let counters = self.shared.counters(self.worker);
        let all = self.run.messages.len();
        let told = std::mem::replace(self.run.told(token), all);
        for message in self.run.missing(token, told) {
            self.outlets
                .say(token, Voice::Other, counters, |half| half.share(message));
        }
    }
}

/// 16 KiB: a longer run is sent as quickly in pieces.
const SIZE_MAX: usize = 16 << 10;
/// 64: those who are told apart are looked for one by one.
const APART_MAX: usize = 64;
