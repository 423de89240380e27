//! The codec of `permessage-deflate`, beside flate2 itself: a promise per test. D numbers the rules of
//! RFC 7692 and RFC 1951.
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use ws4rs::internal::deflate::{Fault, History, Inflater, compress};
use ws4rs::internal::simd::text::Buffer;

/// Windows we can send with.
const WINDOWS: std::ops::RangeInclusive<u8> = 9..=15;
const LIMIT: usize = 1 << 20;

// --- there and back ----------------------------------------------------------------------------

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

// --- the examples of 7.2.3, and what is lawful besides ---------------------------------------------

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

// --- what is not lawful ------------------------------------------------------------------------

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

// --- leaning on --------------------------------------------------------------------------------

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

/// What flate2 makes of one more message, in pieces that do not hold the window for it.
fn read_on(engine: &mut Decompress, deflated: &[u8], len: usize) -> Vec<u8> {
    let whole = [deflated, &[0, 0, 0xff, 0xff]].concat();
    let mut out = Vec::new();
    let mut left = &whole[..];
    loop {
        let mut piece = Vec::with_capacity(200);
        let before = engine.total_in();
        engine
            .decompress_vec(left, &mut piece, FlushDecompress::Sync)
            .unwrap();
        left = &left[(engine.total_in() - before) as usize..];
        out.extend_from_slice(&piece);
        if left.is_empty() && piece.len() < 200 {
            assert_eq!(out.len(), len);
            return out;
        }
    }
}

fn inflated(history: &[u8], payload: &[u8]) -> Result<Vec<u8>, Fault> {
    inflated_parts(history, &[payload])
}

fn inflated_parts(history: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, Fault> {
    let mut to = Buffer::new();
    let mut inflater = Inflater::start(history);
    for part in parts {
        inflater.inflate(part, &mut to, LIMIT)?;
    }
    inflater.finish()?;
    Ok(to.take())
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(payload.len() < 100 || compress(15, 6, &[], payload, &mut out));
    if out.is_empty() { stored(payload) } else { out }
}

/// In blocks that are not compressed, and the front of an empty one.
fn stored(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in payload.chunks(40_000) {
        let len = block.len() as u16;
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.push(0);
    out
}

/// A whole stream, its last block final.
fn final_stream(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 1000);
    let mut engine = Compress::new_with_window_bits(Compression::new(6), false, 15);
    engine
        .compress_vec(payload, &mut out, FlushCompress::Finish)
        .unwrap();
    out
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

fn lengths() -> impl Iterator<Item = usize> {
    let edges = [1000, 4095, 4096, 16_383, 16_384, 16_385, 32_768, 70_000];
    (0..70).chain([100, 257, 300]).chain(edges)
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = text
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap());
    bytes.collect()
}

fn json(len: usize, random: &mut Random) -> Vec<u8> {
    let words = [
        "order", "filled", "price", "volume", "market", "limit", "cancel", "update",
    ];
    let mut text = String::from("[");
    while text.len() < len {
        let word = words[random.below(words.len())];
        let (id, price) = (random.below(10_000_000), random.below(100_000));
        text += &format!("{{\"id\":{id},\"type\":\"{word}\",\"price\":{price}}},");
    }
    text.truncate(len);
    text.into_bytes()
}

/// xorshift64*, seeded by each test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 56) as u8).collect()
    }
}
