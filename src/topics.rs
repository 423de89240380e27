//! Who listens to what.
//!
//! Knows neither connections nor messages: any small key may subscribe. Subscribing, leaving and
//! finding a topic's subscribers cost the same however many topics and subscribers there are; a
//! topic that nobody listens to takes no memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use slab::Slab;

/// The topics of one worker and their subscribers.
#[derive(Debug)]
pub(crate) struct Topics<K> {
    ids: HashMap<Arc<str>, usize>,
    topics: Slab<Topic<K>>,
    subscriptions: HashMap<K, Vec<Subscription>>,
}

#[derive(Debug)]
struct Topic<K> {
    name: Arc<str>,
    members: Vec<Member<K>>,
}

/// `subscriptions[key][place]` names this member, and it names that subscription.
#[derive(Debug)]
struct Member<K> {
    key: K,
    place: usize,
}

/// `topics[topic].members[place]` is this subscription's member.
#[derive(Debug)]
struct Subscription {
    topic: usize,
    place: usize,
}

impl<K> Default for Topics<K> {
    fn default() -> Self {
        Topics {
            ids: HashMap::new(),
            topics: Slab::new(),
            subscriptions: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> Topics<K> {
    /// Adds `key` to a topic; false when it is there already.
    pub(crate) fn subscribe(&mut self, key: K, name: &str) -> bool {
        let topic = self
            .ids
            .get(name)
            .copied()
            .unwrap_or_else(|| self.found(name));
        let own = self.subscriptions.entry(key).or_default();
        if own.iter().any(|subscription| subscription.topic == topic) {
            return false;
        }
        let members = &mut self.topics[topic].members;
        own.push(Subscription {
            topic,
            place: members.len(),
        });
        members.push(Member {
            key,
            place: own.len() - 1,
        });
        true
    }

    /// Takes `key` from a topic; false when it was not there.
    pub(crate) fn unsubscribe(&mut self, key: K, name: &str) -> bool {
        let Some(&topic) = self.ids.get(name) else {
            return false;
        };
        let Some(own) = self.subscriptions.get_mut(&key) else {
            return false;
        };
        let Some(index) = own
            .iter()
            .position(|subscription| subscription.topic == topic)
        else {
            return false;
        };
        let gone = own.swap_remove(index);
        if let Some(moved) = own.get(index) {
            self.topics[moved.topic].members[moved.place].place = index;
        }
        if own.is_empty() {
            self.subscriptions.remove(&key);
        }
        self.forget(&gone);
        true
    }

    /// Takes `key` from all its topics.
    pub(crate) fn leave(&mut self, key: K) {
        for subscription in self.subscriptions.remove(&key).unwrap_or_default() {
            self.forget(&subscription);
        }
    }

    /// What a topic is called in short, as long as it has subscribers.
    pub(crate) fn id(&self, name: &str) -> Option<usize> {
        self.ids.get(name).copied()
    }

    /// The subscribers of a topic, in no particular order.
    pub(crate) fn members(&self, id: usize) -> impl Iterator<Item = K> {
        let members = self.topics.get(id).map_or(&[][..], |topic| &topic.members);
        members.iter().map(|member| member.key)
    }

    /// Whether `key` listens to a topic.
    pub(crate) fn has(&self, id: usize, key: K) -> bool {
        let own = self.subscriptions.get(&key);
        own.is_some_and(|own| own.iter().any(|subscription| subscription.topic == id))
    }

    /// The topics of `key`.
    pub(crate) fn of(&self, key: K) -> impl Iterator<Item = &str> {
        let own = self.subscriptions.get(&key).map_or(&[][..], Vec::as_slice);
        own.iter()
            .map(|subscription| &*self.topics[subscription.topic].name)
    }

    /// How many topics `key` listens to.
    pub(crate) fn count(&self, key: K) -> usize {
        self.subscriptions.get(&key).map_or(0, Vec::len)
    }

    fn found(&mut self, name: &str) -> usize {
        let name: Arc<str> = name.into();
        let topic = self.topics.insert(Topic {
            name: name.clone(),
            members: Vec::new(),
        });
        self.ids.insert(name, topic);
        topic
    }

    /// Removes a subscription's member, and the topic if it was the last.
    fn forget(&mut self, gone: &Subscription) {
        let members = &mut self.topics[gone.topic].members;
        members.swap_remove(gone.place);
        if let Some(moved) = members.get(gone.place) {
            let own = self.subscriptions.get_mut(&moved.key);
            // A key that is leaving has no subscriptions to correct.
            if let Some(subscription) = own.and_then(|own| own.get_mut(moved.place)) {
                subscription.place = gone.place;
            }
        }
        if members.is_empty() {
            let topic = self.topics.remove(gone.topic);
            self.ids.remove(&topic.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn sorted(topics: &Topics<u32>, name: &str) -> Vec<u32> {
        let mut keys: Vec<_> = topics
            .id(name)
            .into_iter()
            .flat_map(|id| topics.members(id))
            .collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn a_topic_that_nobody_listens_to_is_forgotten() {
        let mut topics = Topics::default();
        assert!(topics.subscribe(1, "a"));
        assert!(!topics.subscribe(1, "a"));
        assert!(topics.unsubscribe(1, "a"));
        assert!(!topics.unsubscribe(1, "a"));
        assert!(topics.ids.is_empty() && topics.topics.is_empty());
        assert!(topics.subscriptions.is_empty());
    }

    #[test]
    fn agrees_with_a_naive_twin() {
        let mut topics = Topics::default();
        let mut twin: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        let mut state = 1_u32;
        for _ in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (key, name, action) = (
                state >> 28,
                ((state >> 20) % 7).to_string(),
                (state >> 12) % 8,
            );
            let set = twin.entry(name.clone()).or_default();
            match action {
                0..=3 => assert_eq!(topics.subscribe(key, &name), set.insert(key)),
                4..=6 => assert_eq!(topics.unsubscribe(key, &name), set.remove(&key)),
                _ => {
                    topics.leave(key);
                    for set in twin.values_mut() {
                        set.remove(&key);
                    }
                }
            }
            let expected: Vec<_> = twin.get(&name).into_iter().flatten().copied().collect();
            assert_eq!(sorted(&topics, &name), expected);
            let mine: BTreeSet<_> = topics.of(key).map(str::to_owned).collect();
            let all = twin
                .iter()
                .filter(|(_, set)| set.contains(&key))
                .map(|(name, _)| name.clone());
            assert_eq!(mine, all.collect());
            assert_eq!(topics.count(key), mine.len());
        }
    }
}
