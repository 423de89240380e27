//! What is not lawful is refused, and ends.

use std::time::{Duration, Instant};

use flate2::{Decompress, FlushDecompress};
use ws4rs::internal::deflate::Fault;

use super::flate::{deflated, hex, inflated, inflated_parts, json};
use crate::random::Random;

#[test]
fn d13_what_is_broken_is_refused() {
    for broken in [
        "07",                            // A block of the kind that is not.
        "00 05 00 fa fe 48 65 6c 6c 6f", // A length that its complement does not confirm.
        "f2 00 11 00 00",                // Before the front of all there is.
        "05 e0 ff ff ff",                // Codes that cannot be.
        "ff",
        "00 00 00 ff ff 00 00 ff ff", // The tail, sent along.
    ] {
        assert_eq!(inflated(&[], &hex(broken)), Err(Fault::Corrupt), "{broken}");
    }
    // An "H", and four bytes from five back, of which one is not there.
    assert_eq!(
        inflated(b"Hel", &hex("f2 00 11 00 00")),
        Err(Fault::Corrupt)
    );
}

#[test]
fn a_message_that_is_cut_short_is_not_completed() {
    let mut random = Random(10);
    let mut samples = vec![
        (hex("f2 48 cd c9 c9 07 00"), b"Hello".to_vec()),
        (hex("00 05 00 fa ff 48 65 6c 6c 6f 00"), b"Hello".to_vec()),
        (hex("f3 48 cd c9 c9 07 00 00"), b"Hello".to_vec()),
        (
            hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"),
            b"Hello".to_vec(),
        ),
    ];
    for len in [100, 700, 3000] {
        let payload = json(len, &mut random);
        samples.push((deflated(&payload), payload));
    }
    for (whole, payload) in samples {
        for cut in 1..whole.len() {
            match inflated(&[], &whole[..cut]) {
                // Between two blocks, or behind a final one: for all anyone can tell, that was it.
                Ok(got) => assert!(payload.starts_with(&got) && is_lawful(&whole[..cut])),
                Err(fault) => assert_eq!(fault, Fault::Corrupt),
            }
        }
    }
    // By name: these two, of all above, are messages.
    assert_eq!(inflated(&[], &hex("f2 48 05 00")).unwrap(), b"He");
    assert_eq!(
        inflated(&[], &hex("f2 48 cd c9 c9 07")),
        Err(Fault::Corrupt)
    );
}

#[test]
fn garbage_ends_and_says_so() {
    let mut random = Random(12);
    let sample = deflated(&json(600, &mut random));
    let began = Instant::now();
    for _ in 0..100_000 {
        let len = random.below(60);
        let mut bytes = random.bytes(len);
        if random.below(2) == 0 {
            // Nearly right.
            bytes = sample.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        let (front, back) = bytes.split_at(random.below(bytes.len() + 1));
        let whole = inflated(b"some history", &bytes);
        assert_eq!(inflated_parts(b"some history", &[front, back]), whole);
    }
    assert!(began.elapsed() < Duration::from_secs(120));
}

/// Whether a payload is a message, as flate2 sees it: with the tail, a final block fits behind it; or
/// it is at the end of a final block.
fn is_lawful(payload: &[u8]) -> bool {
    let ends = |bytes: &[u8]| {
        let mut engine = Decompress::new_with_window_bits(false, 15);
        let mut out = vec![0; 100_000];
        let done = engine.decompress(bytes, &mut out, FlushDecompress::Sync);
        matches!(done, Ok(flate2::Status::StreamEnd)) && engine.total_in() == bytes.len() as u64
    };
    ends(payload) || ends(&[payload, &[0, 0, 0xff, 0xff, 3, 0]].concat())
}
