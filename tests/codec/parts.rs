//! A message that comes in parts, whoever deflated it.

use flate2::{Compress, Compression, FlushCompress};
use ws4rs::internal::deflate::{History, Inflater, compress};
use ws4rs::internal::simd::text::Buffer;

use super::flate::{LIMIT, deflated, inflated, inflated_parts, json};
use super::round_trip::WINDOWS;
use crate::random::Random;

#[test]
fn a_peer_that_keeps_its_engine_is_understood() {
    let mut random = Random(6);
    for window in WINDOWS {
        let mut live = Compress::new_with_window_bits(Compression::new(6), false, window);
        let mut history = History::new();
        for turn in 0..60 {
            let payload = json(1 + turn * turn % 900, &mut random);
            let mut out = Vec::with_capacity(2 * payload.len() + 100);
            live.compress_vec(&payload, &mut out, FlushCompress::Sync)
                .unwrap();
            assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
            out.truncate(out.len() - 4);
            assert_eq!(inflated(history.as_slice(), &out).unwrap(), payload);
            history.push(window, &payload);
        }
    }
}

#[test]
fn d11_cut_anywhere_it_is_the_same() {
    let mut random = Random(7);
    let history = json(700, &mut random);
    let payload = json(900, &mut random);
    let mut whole = Vec::new();
    assert!(compress(10, 6, &history, &payload, &mut whole));
    for cut in 0..=whole.len() {
        let (front, back) = whole.split_at(cut);
        assert_eq!(inflated_parts(&history, &[front, back]).unwrap(), payload);
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(inflated_parts(&history, &bytes).unwrap(), payload);
    let long = json(100_000, &mut random);
    let mut whole = Vec::new();
    assert!(compress(15, 1, &[], &long, &mut whole));
    for size in [1, 3, 1000, 16_384] {
        let parts: Vec<&[u8]> = whole.chunks(size).collect();
        assert_eq!(inflated_parts(&[], &parts).unwrap(), long);
    }
}

#[test]
fn messages_under_way_at_the_same_time_do_not_meet() {
    let mut random = Random(8);
    let payloads: Vec<_> = (0..20).map(|_| json(3000, &mut random)).collect();
    let deflated: Vec<_> = payloads.iter().map(|payload| deflated(payload)).collect();
    let mut under_way: Vec<_> = payloads
        .iter()
        .map(|_| (Inflater::start(&[]), Buffer::new()))
        .collect();
    for at in 0..3000 {
        for ((inflater, to), deflated) in under_way.iter_mut().zip(&deflated) {
            if let Some(byte) = deflated.get(at..at + 1) {
                inflater.inflate(byte, to, LIMIT).unwrap();
            }
        }
    }
    for ((inflater, to), payload) in under_way.into_iter().zip(&payloads) {
        assert!(inflater.memory() >= 60_000);
        assert_eq!(inflater.finish(), Ok(()));
        assert_eq!(to.as_slice(), payload);
    }
}

#[test]
fn text_is_checked_behind_what_is_there() {
    let mut to = Buffer::new();
    to.append("é".as_bytes(), [0; 4]);
    let mut inflater = Inflater::start(&[]);
    inflater
        .inflate(
            &deflated("naïveté naïveté naïveté".as_bytes()),
            &mut to,
            LIMIT,
        )
        .unwrap();
    assert_eq!(inflater.finish(), Ok(()));
    assert!(to.text().is_err());
    to.check().unwrap();
    assert_eq!(to.text(), Ok("énaïveté naïveté naïveté"));
}
