//! There and back: what is deflated inflates to what it was, with every window, level and history.

use flate2::Decompress;
use ws4rs::internal::deflate::{History, compress};

use super::flate::{inflated, json, lengths, read_on};
use crate::random::Random;

/// Windows we can send with.
pub(super) const WINDOWS: std::ops::RangeInclusive<u8> = 9..=15;

#[test]
fn what_is_deflated_inflates_to_what_it_was() {
    let mut random = Random(1);
    for window in WINDOWS {
        // Each short length with some window, the edges with all.
        for len in lengths().filter(|len| *len >= 70 || len % 7 == usize::from(window) % 7) {
            for payload in [json(len, &mut random), vec![b'x'; len], random.bytes(len)] {
                for history in [&[][..], &json(3000, &mut random), &payload] {
                    let level = 1 + (len % 9) as u8;
                    round_trip(window, level, history, &payload);
                }
            }
        }
    }
}

#[test]
fn d16_what_is_deflated_can_be_read_with_exactly_the_window_agreed_on() {
    let mut random = Random(2);
    for window in WINDOWS {
        // Repeats itself just inside the window, and just outside.
        let unit = random.bytes((1 << window) + 77);
        let payload = [&unit[..], &unit, &unit].concat();
        let inside = random.bytes((1 << window) - 300);
        let payload = [&inside[..], &inside, &inside, &payload].concat();
        for level in 1..=9 {
            for history in [&[][..], &unit, &inside] {
                round_trip(window, level, history, &payload);
            }
        }
    }
}

#[test]
fn d09_what_would_not_be_smaller_is_left_as_it_is() {
    let mut random = Random(3);
    for len in [0, 1, 2, 5, 100, 5000, 70_000] {
        let payload = random.bytes(len);
        let mut out = b"before".to_vec();
        assert!(!compress(15, 6, &[], &payload, &mut out), "{len}");
        assert_eq!(out, b"before");
    }
    // No raw stream has a window of 8 bits, or of 16.
    for window in [0, 8, 16, 255] {
        let mut out = Vec::new();
        assert!(!compress(window, 6, &[], &[0; 1000], &mut out));
        assert_eq!(out, b"");
    }
}

#[test]
fn it_is_written_behind_what_is_there_and_takes_no_more_room_than_it_needs() {
    let mut out = b"before".to_vec();
    assert!(compress(15, 4, &[], &vec![7; 1 << 20], &mut out));
    assert!(out.starts_with(b"before"));
    assert_eq!(inflated(&[], &out[6..]).unwrap(), vec![7; 1 << 20]);
    assert!(out.capacity() <= 2 * out.len() + 64, "{}", out.capacity());
}

#[test]
fn levels_take_turns() {
    let payload = json(2000, &mut Random(4));
    for turn in 0..50_u8 {
        round_trip(12, 1 + turn % 9, &payload[..500], &payload);
    }
}

#[test]
fn d12_a_conversation_with_a_history_each_way() {
    let mut random = Random(5);
    for window in WINDOWS {
        let (mut ours, mut theirs) = (History::new(), History::new());
        // A peer that keeps its engine, as most do.
        let mut live = Decompress::new_with_window_bits(false, window);
        for turn in 0..60 {
            let payload = json(turn * turn % 900, &mut random);
            let mut out = Vec::new();
            if !compress(window, 6, ours.as_slice(), &payload, &mut out) {
                continue;
            }
            ours.push(window, &payload);
            assert_eq!(inflated(theirs.as_slice(), &out).unwrap(), payload);
            theirs.push(window, &payload);
            assert_eq!(read_on(&mut live, &out, payload.len()), payload);
        }
        assert!(ours.memory() <= 1 << window);
    }
}

/// Ours and back, by us and by an inflater of exactly that window.
fn round_trip(window: u8, level: u8, history: &[u8], payload: &[u8]) {
    let mut out = Vec::new();
    if !compress(window, level, history, payload, &mut out) {
        assert_eq!(out, b"");
        return;
    }
    assert!(out.len() < payload.len());
    let history = &history[history.len().saturating_sub(1 << window)..];
    assert_eq!(inflated(history, &out).unwrap(), payload);
    let mut exact = Decompress::new_with_window_bits(false, window);
    if !history.is_empty() {
        exact.set_dictionary(history).unwrap();
    }
    assert_eq!(read_on(&mut exact, &out, payload.len()), payload);
}
