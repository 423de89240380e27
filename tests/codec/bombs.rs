//! What little can become much stops at the limit, and takes no more than that.

use ws4rs::internal::deflate::{Fault, Inflater};
use ws4rs::internal::simd::text::Buffer;

use super::flate::{LIMIT, deflated, json, lengths, stored};
use crate::random::Random;

#[test]
fn d14_a_bomb_stops_at_the_limit_and_takes_no_more_than_that() {
    let bomb = deflated(&vec![0; 64 << 20]);
    assert!(bomb.len() < 70_000);
    for max in [0, 1, 100, 4096, 5000, 65_536, 1_000_000, 1 << 20, 3_000_001] {
        for size in [1, 100, bomb.len()] {
            let mut to = Buffer::new();
            let mut inflater = Inflater::start(&[]);
            let mut parts = bomb.chunks(size);
            let fault = parts.find_map(|part| inflater.inflate(part, &mut to, max).err());
            assert_eq!(fault, Some(Fault::TooBig), "{max}");
            assert!(
                to.len() <= max && to.capacity() <= max.max(64),
                "{max}: {}",
                to.capacity()
            );
        }
    }
}

#[test]
fn just_the_limit_is_not_too_much() {
    for len in [0, 1, 100, 16_383, 16_384, 16_385, 32_768, 100_000] {
        let payload = vec![b'x'; len];
        let whole = stored(&payload);
        let inflate = |max| {
            let mut to = Buffer::new();
            let mut inflater = Inflater::start(&[]);
            let done = inflater.inflate(&whole, &mut to, max);
            done.and_then(|()| inflater.finish()).map(|()| to.len())
        };
        assert_eq!(inflate(len), Ok(len));
        assert_eq!(inflate(usize::MAX), Ok(len));
        if len > 0 {
            assert_eq!(inflate(len - 1), Err(Fault::TooBig));
        }
    }
}

#[test]
fn a_message_up_to_16_kib_takes_at_most_twice_its_bytes() {
    let mut random = Random(11);
    for len in lengths() {
        let whole = deflated(&json(len, &mut random));
        for size in [1, 50, 100_000] {
            let mut to = Buffer::new();
            let mut inflater = Inflater::start(&[]);
            for part in whole.chunks(size) {
                inflater.inflate(part, &mut to, LIMIT).unwrap();
                if to.len() <= 16 << 10 {
                    assert!(to.capacity() <= 2 * to.len() + 64);
                }
            }
        }
    }
}

// P5: what is outgrown counts too.
#[test]
fn a_bomb_has_cost_the_limit_and_at_most_64_kib_more() {
    let bomb = deflated(&vec![0; 2 << 20]);
    for size in [1, 7, bomb.len()] {
        let mut to = Buffer::new();
        let mut inflater = Inflater::start(&[]);
        let mut rooms = std::collections::BTreeSet::new();
        for part in bomb.chunks(size) {
            if inflater.inflate(part, &mut to, 1 << 20).is_err() {
                break;
            }
            rooms.insert(to.capacity());
        }
        rooms.insert(to.capacity());
        let all: usize = rooms.iter().sum();
        assert!(all <= (1 << 20) + (64 << 10), "{rooms:?}");
    }
}
