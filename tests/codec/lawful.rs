//! The examples of RFC 7692 7.2.3, and what is lawful besides.

use std::time::{Duration, Instant};

use ws4rs::internal::deflate::{Fault, compress};

use super::flate::{final_stream, hex, inflated, inflated_parts};
use crate::random::Random;

#[test]
fn d10_the_examples_of_the_rfc() {
    let hello = b"Hello".to_vec();
    // 7.2.3.1: a fixed block, whole and in two fragments.
    assert_eq!(
        inflated(&[], &hex("f2 48 cd c9 c9 07 00")).as_ref(),
        Ok(&hello)
    );
    let fragments = [&hex("f2 48 cd")[..], &hex("c9 c9 07 00")];
    assert_eq!(inflated_parts(&[], &fragments).as_ref(), Ok(&hello));
    // 7.2.3.2: the window shared.
    assert_eq!(
        inflated(&hello, &hex("f2 00 11 00 00")).as_ref(),
        Ok(&hello)
    );
    // 7.2.3.3: a stored block.
    let stored = hex("00 05 00 fa ff 48 65 6c 6c 6f 00");
    assert_eq!(inflated(&[], &stored).as_ref(), Ok(&hello));
    // 7.2.3.4: BFINAL.
    assert_eq!(
        inflated(&[], &hex("f3 48 cd c9 c9 07 00 00")).as_ref(),
        Ok(&hello)
    );
    // 7.2.3.5: two blocks.
    let two = hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00");
    assert_eq!(inflated(&[], &two).as_ref(), Ok(&hello));
    // 7.2.3.6: an empty message.
    assert_eq!(inflated(&[], &hex("00")).as_deref(), Ok(&[][..]));
}

#[test]
fn no_payload_is_an_empty_message() {
    assert_eq!(inflated(&[], &[]).as_deref(), Ok(&[][..]));
    assert_eq!(inflated(b"before", &[]).as_deref(), Ok(&[][..]));
    assert_eq!(inflated_parts(&[], &[]).as_deref(), Ok(&[][..]));
}

#[test]
fn a_final_block_ends_neither_the_message_nor_its_window() {
    // Just BFINAL, and nothing after it.
    assert_eq!(
        inflated(&[], &hex("f3 48 cd c9 c9 07 00")).unwrap(),
        b"Hello"
    );
    assert_eq!(inflated(&[], &hex("03 00")).unwrap(), b"");
    // Behind it the next stream refers to what came before it: in the message, and before that.
    let parts = [hex("f3 48 cd c9 c9 07 00"), hex("f2 00 11 00 00")];
    assert_eq!(inflated(&[], &parts.concat()).unwrap(), b"HelloHello");
    assert_eq!(
        inflated(b"Hello", &[hex("03 00"), hex("f2 00 11 00 00")].concat()).unwrap(),
        b"Hello"
    );
    let mut random = Random(9);
    for (before, in_message) in [
        (32_768, 0),
        (30_000, 5000),
        (40_000, 200),
        (1, 40_000),
        (0, 32_768),
    ] {
        let history = random.bytes(before);
        let first = random.bytes(in_message);
        let seen = [&history[..], &first].concat();
        let seen = &seen[seen.len().saturating_sub(32_768)..];
        let last = &seen[..seen.len().min(3000)];
        let mut second = Vec::new();
        // As far back as zlib itself refers.
        let far = &seen[seen.len().saturating_sub(32_768 - 262)..];
        let last = if seen.len() > far.len() {
            &far[..3000]
        } else {
            last
        };
        assert!(compress(15, 9, seen, last, &mut second));
        let whole = [final_stream(&first), second].concat();
        let wanted = [&first[..], last].concat();
        for size in [1, 7, whole.len()] {
            let parts: Vec<&[u8]> = whole.chunks(size).collect();
            assert_eq!(inflated_parts(&history, &parts).as_ref(), Ok(&wanted));
        }
    }
}

#[test]
fn many_blocks_are_cheap() {
    let began = Instant::now();
    let stored = hex("00 00 00 ff ff").repeat(100_000);
    assert_eq!(inflated(&[], &[&stored[..], &[0]].concat()).unwrap(), b"");
    // Final ones too, while there is little to refer to.
    let last = hex("03 00").repeat(100_000);
    assert_eq!(inflated(b"Hello", &last).unwrap(), b"");
    // And where there is much, they are refused before they cost much.
    let history = vec![0; 32_768];
    assert_eq!(inflated(&history, &last), Err(Fault::Corrupt));
    assert_eq!(inflated(&history, &last[..32]).unwrap(), b"");
    assert!(began.elapsed() < Duration::from_secs(10));
}
