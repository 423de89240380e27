//! Ours and flate2's, each way, and something to deflate.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use ws4rs::internal::deflate::{Fault, Inflater, compress};
use ws4rs::internal::simd::text::Buffer;

use crate::random::Random;

pub(super) const LIMIT: usize = 1 << 20;

/// What flate2 makes of one more message, in pieces that do not hold the window for it.
pub(super) fn read_on(engine: &mut Decompress, deflated: &[u8], len: usize) -> Vec<u8> {
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

pub(super) fn inflated(history: &[u8], payload: &[u8]) -> Result<Vec<u8>, Fault> {
    inflated_parts(history, &[payload])
}

pub(super) fn inflated_parts(history: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, Fault> {
    let mut to = Buffer::new();
    let mut inflater = Inflater::start(history);
    for part in parts {
        inflater.inflate(part, &mut to, LIMIT)?;
    }
    inflater.finish()?;
    Ok(to.take())
}

pub(super) fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(payload.len() < 100 || compress(15, 6, &[], payload, &mut out));
    if out.is_empty() { stored(payload) } else { out }
}

/// In blocks that are not compressed, and the front of an empty one.
pub(super) fn stored(payload: &[u8]) -> Vec<u8> {
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
pub(super) fn final_stream(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 1000);
    let mut engine = Compress::new_with_window_bits(Compression::new(6), false, 15);
    engine
        .compress_vec(payload, &mut out, FlushCompress::Finish)
        .unwrap();
    out
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let bytes = text
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap());
    bytes.collect()
}

pub(super) fn json(len: usize, random: &mut Random) -> Vec<u8> {
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

pub(super) fn lengths() -> impl Iterator<Item = usize> {
    let edges = [1000, 4095, 4096, 16_383, 16_384, 16_385, 32_768, 70_000];
    (0..70).chain([100, 257, 300]).chain(edges)
}
