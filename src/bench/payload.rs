//! What is said: payloads that look like somebody's messages, the same ones in every run.
//!
//! Text is records of a ticker and of a chat, whose fields vary, so that it compresses as real feeds
//! do; binary is noise.

use std::fmt;
use std::ops::RangeInclusive;

use fastrand::Rng;
use ws4rs::proto::Opcode;

/// What payloads are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records of JSON in ASCII.
    Text,
    /// The same with strings of one to four bytes a character.
    Mixed,
    /// Bytes at random.
    Binary,
}

impl Kind {
    pub(super) fn is_text(self) -> bool {
        self != Kind::Binary
    }

    pub(super) fn opcode(self) -> Opcode {
        match self {
            Kind::Text | Kind::Mixed => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::Mixed => "mixed",
            Kind::Binary => "binary",
        })
    }
}

/// A payload of `size` bytes.
pub(super) fn payload(kind: Kind, size: usize, rng: &mut Rng) -> Vec<u8> {
    match kind {
        Kind::Binary => std::iter::repeat_with(|| rng.u8(..)).take(size).collect(),
        // Too short for a record, and yet each different from the others.
        Kind::Text if size < RECORD_MIN => {
            let digits = std::iter::repeat_with(|| rng.digit(36) as u8);
            digits.take(size).collect()
        }
        Kind::Mixed if size < RECORD_MIN => characters(size, rng),
        Kind::Text => records(size, rng, &ASCII),
        Kind::Mixed => records(size, rng, &WORLD),
    }
}

/// Records in a row, cut at `size`.
fn records(size: usize, rng: &mut Rng, words: &Words) -> Vec<u8> {
    let mut text = String::with_capacity(size + 256);
    while text.len() < size {
        let record = if rng.bool() { trade } else { remark };
        text.push_str(&record(rng, words));
    }
    cut(text, size)
}

/// Characters of one to four bytes.
fn characters(size: usize, rng: &mut Rng) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < size {
        let range = &CHARACTERS[rng.usize(..CHARACTERS.len())];
        text.push(rng.char(range.clone()));
    }
    cut(text, size)
}

/// The characters that `size` bytes hold, and blanks.
fn cut(mut text: String, size: usize) -> Vec<u8> {
    let whole = (0..=size).rev().find(|&at| text.is_char_boundary(at));
    text.truncate(whole.unwrap_or(0));
    let mut bytes = text.into_bytes();
    bytes.resize(size, b' ');
    bytes
}

fn trade(rng: &mut Rng, words: &Words) -> String {
    format!(
        "{{\"id\":{},\"symbol\":\"{}\",\"price\":{:.2},\"amount\":{:.4},\"side\":\"{}\",\"time\":{}}}\n",
        rng.u32(100_000..1_000_000),
        pick(rng, words.symbols),
        rng.f64() * 60_000.0,
        rng.f64() * 4.0,
        pick(rng, &["buy", "sell"]),
        1_700_000_000_000 + rng.u64(..100_000_000),
    )
}

fn remark(rng: &mut Rng, words: &Words) -> String {
    let said: Vec<_> = (0..rng.usize(3..12))
        .map(|_| pick(rng, words.words))
        .collect();
    format!(
        "{{\"id\":{},\"user\":\"{}\",\"room\":\"{}\",\"text\":\"{}\",\"likes\":{}}}\n",
        rng.u32(100_000..1_000_000),
        pick(rng, words.names),
        pick(rng, words.rooms),
        said.join(" "),
        rng.u8(..),
    )
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.usize(..from.len())]
}

struct Words {
    symbols: &'static [&'static str],
    names: &'static [&'static str],
    rooms: &'static [&'static str],
    words: &'static [&'static str],
}

const ASCII: Words = Words {
    symbols: &["BTC-USD", "ETH-USD", "EUR-USD", "SOL-EUR", "ADA-EUR"],
    names: &["alice", "bob", "carol", "dave", "erin", "frank", "grace"],
    rooms: &["general", "random", "support", "trading"],
    words: &[
        "the", "order", "book", "is", "empty", "now", "who", "has", "seen", "this", "before",
        "please", "wait", "until", "tomorrow", "price", "of", "it", "went", "up",
    ],
};

const WORLD: Words = Words {
    symbols: &["BTC-€", "黄金-¥", "नमक-₹", "ETH-£"],
    names: &["Zoë", "Søren", "Ελένη", "Дмитрий", "美咲", "🦊fox"],
    rooms: &["straße", "κόσμος", "広場", "☕ café", "комната"],
    words: &[
        "the",
        "price",
        "größer",
        "καλημέρα",
        "завтра",
        "は",
        "高い",
        "🌊",
        "até",
        "logo",
        "مرحبا",
        "naïve",
        "order",
        "是",
        "你好",
        "👍🏽",
        "plus",
    ],
};

/// Latin, Cyrillic, Han, and animals.
const CHARACTERS: [RangeInclusive<char>; 4] = ['a'..='z', 'а'..='я', '一'..='龥', '🐀'..='🐿'];

/// 24 bytes: below them records differ in next to nothing.
const RECORD_MIN: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_met_and_text_is_text() {
        for kind in [Kind::Text, Kind::Mixed, Kind::Binary] {
            for size in (0..300).chain([4096, 65_536]) {
                let bytes = payload(kind, size, &mut Rng::with_seed(7));
                assert_eq!(bytes.len(), size);
                assert!(kind == Kind::Binary || std::str::from_utf8(&bytes).is_ok());
                assert!(kind != Kind::Text || bytes.is_ascii());
            }
        }
    }

    #[test]
    fn short_ones_differ_too() {
        let mut rng = Rng::with_seed(3);
        for kind in [Kind::Text, Kind::Mixed, Kind::Binary] {
            for size in 4..RECORD_MIN {
                assert_ne!(payload(kind, size, &mut rng), payload(kind, size, &mut rng));
            }
        }
    }

    #[test]
    fn runs_are_alike_and_payloads_are_not() {
        let mut rng = Rng::with_seed(1);
        let first = payload(Kind::Mixed, 64, &mut rng);
        assert_ne!(first, payload(Kind::Mixed, 64, &mut rng));
        assert_eq!(first, payload(Kind::Mixed, 64, &mut Rng::with_seed(1)));
    }
}
