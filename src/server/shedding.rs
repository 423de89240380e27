//! The worker's memory is used up: room is made at the cost of those who hold the most.

use super::connection::Stage;
use super::flags::Flag;
use super::handler::{Cause, Handler};
use super::mailbox::count;
use super::worker::Worker;
use crate::proto::Stream;
use crate::reactor::Token;

impl<H: Handler> Worker<H> {
    /// Memory is used up: whoever holds the most is told 1013, one after the other, until what is
    /// left would fit. What the kernel has of theirs is freed later, and counts as gone here.
    pub(super) fn shed(&mut self) {
        self.forget_histories();
        let all = || self.hall.outlets.tokens();
        let told = all().filter(|(_, outlet)| outlet.is(Flag::Shed));
        let told: usize = told.map(|(_, outlet)| outlet.counted as usize).sum();
        let mut left = self.memory - told;
        if left <= self.hall.config.memory_max {
            return;
        }
        let holders = all().filter(|(_, outlet)| !outlet.is(Flag::Shed) && outlet.counted > 0);
        let mut holders: Vec<_> = holders
            .map(|(token, outlet)| (outlet.counted, token))
            .collect();
        holders.sort_unstable();
        while left > self.hall.config.memory_max
            && let Some((counted, token)) = holders.pop()
        {
            left -= counted as usize;
            self.shed_one(token);
        }
    }

    /// What was sent need not be referred to later: no connection is closed for the sake of it.
    fn forget_histories(&mut self) {
        for outlet in self.hall.outlets.all_mut() {
            let freed = outlet.half.forget();
            outlet.counted -= freed as u32;
            self.memory -= freed;
        }
    }

    fn shed_one(&mut self, token: Token) {
        count(&self.hall.counters().memory);
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        outlet.mark(Flag::Shed);
        inlet.rest = None;
        match &mut inlet.stage {
            Stage::Open(stream, _) if outlet.is_talking() => {
                *stream = Stream::new();
                outlet.give_up(Cause::Memory, "out of memory");
            }
            // Its Close, or its answer, is behind what it does not read.
            _ => outlet.doom(Cause::Memory),
        }
        self.hall.outlets.touch(token);
    }
}
