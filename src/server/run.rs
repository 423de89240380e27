//! What a topic, or everybody, is told in this turn: one run of messages, told to each at once.
//!
//! Who listens hears everything in the order it was said. So there is one run at a time; before a
//! listener is heard or told something else, it is told what the run has so far, and before the worker
//! goes on to another part of its turn, everybody is. A run that nobody had a reason to hear apart costs
//! each listener one piece, however many messages it has.

use super::hall::{Hall, Outlets, Voice};
use super::handler::Handler;
use super::mailbox::Counters;
use crate::proto::{Batch, Prepared};
use crate::reactor::Token;
use crate::topics::Topics;

#[derive(Default)]
pub(super) struct Run {
    audience: Audience,
    batch: Batch,
    /// Who published each of them, and does not hear it.
    but: Vec<Option<Token>>,
    /// Those who are told message by message, and how many of them they have been told.
    apart: Vec<(Token, usize)>,
}

/// Whom a run is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Audience {
    #[default]
    Everybody,
    Topic(usize),
}

impl Audience {
    fn has(self, token: Token, topics: &Topics<Token>) -> bool {
        match self {
            Audience::Everybody => true,
            Audience::Topic(topic) => topics.has(topic, token),
        }
    }
}

impl Run {
    fn is_empty(&self) -> bool {
        self.but.is_empty()
    }

    fn has_room(&self, audience: Audience, message: &Prepared) -> bool {
        self.audience == audience
            && self.batch.size() + message.size() <= SIZE_MAX
            && self.apart.len() < APART_MAX
    }

    fn add(&mut self, audience: Audience, message: Prepared, but: Option<Token>) {
        self.audience = audience;
        self.batch.push(message);
        self.but.push(but);
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

    /// Tells one listener what it has not heard: at once, if it has heard none of it.
    #[inline]
    fn tell(&mut self, token: Token, outlets: &mut Outlets, counters: &Counters) {
        let told = self.told_apart(token);
        if told.is_none() && outlets.say_all(token, &mut self.batch) {
            return;
        }
        self.tell_rest(token, told.unwrap_or(0), outlets, counters);
    }

    /// Tells one listener, message by message, what comes behind the first `told`.
    fn tell_rest(&self, token: Token, told: usize, outlets: &mut Outlets, counters: &Counters) {
        let messages = self.batch.messages().iter().zip(&self.but);
        for (message, but) in messages.skip(told) {
            if *but != Some(token) {
                outlets.say(token, Voice::Other, counters, |half| half.share(message));
            }
        }
    }

    fn clear(&mut self) {
        self.batch.clear();
        self.but.clear();
        self.apart.clear();
    }
}

impl<H: Handler> Hall<H> {
    /// Sends a message to all subscribers of a topic on this worker, but for one of them.
    pub(super) fn publish_here(&mut self, topic: &str, message: &Prepared, but: Option<Token>) {
        if let Some(topic) = self.topics.id(topic) {
            self.tell_later(Audience::Topic(topic), message, but);
        }
    }

    /// Sends a message to all open connections of this worker.
    pub(super) fn broadcast_here(&mut self, message: &Prepared) {
        self.tell_later(Audience::Everybody, message, None);
    }

    fn tell_later(&mut self, audience: Audience, message: &Prepared, but: Option<Token>) {
        if !self.run.has_room(audience, message) {
            self.tell_run();
        }
        self.run.add(audience, message.clone(), but);
        self.outlets.note_pending(self.run.batch.size());
    }

    /// Adds a connection to a topic: to what will be published, not to what has been.
    pub(super) fn subscribe(&mut self, token: Token, topic: &str) -> bool {
        self.tell_run();
        self.topics.subscribe(token, topic)
    }

    /// Tells all listeners what has been published.
    #[inline]
    pub(super) fn tell_run(&mut self) {
        if !self.run.is_empty() {
            self.tell_all();
        }
    }

    #[inline(never)]
    fn tell_all(&mut self) {
        let counters = self.shared.counters(self.worker);
        let (run, outlets) = (&mut self.run, &mut self.outlets);
        match run.audience {
            Audience::Everybody => {
                let tokens: Vec<_> = outlets.tokens().map(|(token, _)| token).collect();
                tokens
                    .into_iter()
                    .for_each(|token| run.tell(token, outlets, counters));
            }
            Audience::Topic(topic) => self
                .topics
                .members(topic)
                .for_each(|token| run.tell(token, outlets, counters)),
        }
        run.clear();
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
        if self.run.apart.len() >= APART_MAX {
            self.tell_all();
        } else if self.run.audience.has(token, &self.topics) {
            let counters = self.shared.counters(self.worker);
            let all = self.run.but.len();
            let told = std::mem::replace(self.run.told(token), all);
            self.run.tell_rest(token, told, &mut self.outlets, counters);
        }
    }
}

/// 16 KiB: a longer run is sent as quickly in pieces.
const SIZE_MAX: usize = 16 << 10;
/// 64: those who are told apart are looked for one by one.
const APART_MAX: usize = 64;
