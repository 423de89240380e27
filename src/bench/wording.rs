//! The few messages that are said again and again, and the frames that say them: all bytes built
//! beforehand, so that a request costs a copy and its answer a comparison.
//!
//! There are 2^n wordings, and a connection goes through them in a circle, each beginning elsewhere:
//! an answer that belongs to another message, or to another connection, shows up as wrong bytes. But
//! connections may be at the same wording, as those go whose numbers differ by a multiple of 2^n: answers
//! swapped between just these pass. A number would tell them apart; to write and to mask it is no copy.

use std::sync::Arc;

use fastrand::Rng;
use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::deflate::compress;
use ws4rs::internal::simd::mask;
use ws4rs::proto::{Agreed, Header, Message, Opcode};

use super::payload::{Kind, payload};
use super::sizes::Sizes;

/// Byte strings in a row.
#[derive(Debug, Default)]
struct Strings {
    bytes: Vec<u8>,
    /// Where each begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Strings {
    fn new() -> Self {
        Strings {
            bytes: Vec::new(),
            starts: vec![0],
        }
    }

    fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.starts.push(self.bytes.len());
    }

    /// `count` strings from the one at `at` on.
    #[inline(always)]
    fn run(&self, at: usize, count: usize) -> &[u8] {
        &self.bytes[self.starts[at]..self.starts[at + count]]
    }
}

/// What is to come back: frames as a server sends them, if there are frames.
#[derive(Debug)]
pub(super) struct Wordings {
    frames: Strings,
    /// How many bytes of each are its header.
    heads: Vec<u8>,
    mask: usize,
    pub(super) text: bool,
}

impl Wordings {
    /// As a WebSocket carries them.
    pub(super) fn framed(sizes: &Sizes, kind: Kind) -> Self {
        Wordings::new(sizes, kind, |header| {
            let (head, size) = header.encode();
            (head[..size].to_vec(), header.len as usize)
        })
    }

    /// For bytes without frames: each as long as its masked frame would be.
    pub(super) fn bare(sizes: &Sizes, kind: Kind) -> Self {
        Wordings::new(sizes, kind, |header| {
            let head = header.masked([0; 4]).size();
            (Vec::new(), head + header.len as usize)
        })
    }

    /// `lead` tells with what a message of such a header begins, and how long its payload is.
    fn new(sizes: &Sizes, kind: Kind, lead: impl Fn(Header) -> (Vec<u8>, usize)) -> Self {
        let count = how_many(sizes);
        let mut rng = Rng::with_seed(SEED);
        let (mut frames, mut heads) = (Strings::new(), Vec::new());
        for size in sizes.spread(count) {
            let (mut frame, length) = lead(Header::whole(kind.opcode(), size));
            heads.push(frame.len() as u8);
            frame.extend(payload(kind, length, &mut rng));
            frames.push(&frame);
        }
        Wordings {
            frames,
            heads,
            mask: count - 1,
            text: kind.is_text(),
        }
    }

    /// The `nth` message as a frame, in whatever circle that is.
    #[inline(always)]
    pub(super) fn frame(&self, nth: u64) -> &[u8] {
        self.frames.run(nth as usize & self.mask, 1)
    }

    /// Its payload.
    #[inline(always)]
    pub(super) fn payload(&self, nth: u64) -> &[u8] {
        let head = self.heads[nth as usize & self.mask];
        &self.frame(nth)[usize::from(head)..]
    }

    /// The same, to be written to.
    pub(super) fn payload_mut(&mut self, nth: u64) -> &mut [u8] {
        let at = nth as usize & self.mask;
        let begin = self.frames.starts[at] + usize::from(self.heads[at]);
        &mut self.frames.bytes[begin..self.frames.starts[at + 1]]
    }

    /// The same, as the message it is.
    pub(super) fn message(&self, nth: u64) -> Message<'_> {
        let payload = self.payload(nth);
        if !self.text {
            return Message::Binary(payload);
        }
        let text = std::str::from_utf8(payload);
        Message::Text(text.expect("text is written as characters"))
    }

    pub(super) fn count(&self) -> usize {
        self.mask + 1
    }
}

/// What is sent for each wording.
#[derive(Debug)]
pub(super) struct Canned {
    /// All that are not long, twice: a run that passes the end of the circle is one slice too.
    short: Strings,
    /// The long ones, which are not copied.
    long: Vec<Option<Arc<[u8]>>>,
    /// How many that are not long follow each other from here on, once around at most.
    runs: Vec<usize>,
}

impl Canned {
    /// Masked frames, compressed as was agreed on, each for itself.
    pub(super) fn frames(wordings: &Wordings, agreed: Option<&Agreed>) -> Self {
        let mut rng = Rng::with_seed(SEED);
        let opcode = wordings.message(0).opcode();
        Canned::new(wordings, |payload| {
            let key = rng.u32(..).to_ne_bytes();
            frame(opcode, payload, key, agreed)
        })
    }

    /// The payloads as they are.
    pub(super) fn bare(wordings: &Wordings) -> Self {
        Canned::new(wordings, <[u8]>::to_vec)
    }

    fn new(wordings: &Wordings, mut sent: impl FnMut(&[u8]) -> Vec<u8>) -> Self {
        let count = wordings.count();
        let all: Vec<_> = (0..count as u64)
            .map(|nth| sent(wordings.payload(nth)))
            .collect();
        let is_long = |at: usize| all[at % count].len() >= LONG;
        let mut short = Strings::new();
        for at in 0..2 * count {
            short.push(if is_long(at) { &[] } else { &all[at % count] });
        }
        let run = |at| (at..at + count).take_while(|&at| !is_long(at)).count();
        Canned {
            short,
            runs: (0..count).map(run).collect(),
            long: (0..count)
                .map(|at| is_long(at).then(|| all[at][..].into()))
                .collect(),
        }
    }

    /// Appends what says `count` messages from the `nth` on.
    #[inline]
    pub(super) fn say(&self, nth: u64, count: usize, out: &mut Chunks) {
        let (mut at, mut left) = (nth as usize, count);
        while left > 0 {
            at &= self.runs.len() - 1;
            let count = match &self.long[at] {
                Some(frame) => {
                    out.share(frame.clone());
                    1
                }
                None => {
                    let count = left.min(self.runs[at]);
                    let run = self.short.run(at, count);
                    out.append(run.len(), |buffer| buffer.extend_from_slice(run));
                    count
                }
            };
            (at, left) = (at + count, left - count);
        }
    }
}

fn frame(opcode: Opcode, payload: &[u8], key: [u8; 4], agreed: Option<&Agreed>) -> Vec<u8> {
    let mut packed = Vec::new();
    let smaller = agreed
        .is_some_and(|agreed| compress(agreed.window(), agreed.level(), &[], payload, &mut packed));
    let (header, body) = match smaller {
        true => (
            Header::whole(opcode, packed.len()).compressed(),
            &packed[..],
        ),
        false => (Header::whole(opcode, payload.len()), payload),
    };
    let (head, size) = header.masked(key).encode();
    let mut frame = head[..size].to_vec();
    mask::append(&mut frame, body, key);
    frame
}

/// How many bytes the wordings of these sizes have.
pub(super) fn how_long(sizes: &Sizes) -> usize {
    how_many(sizes) * sizes.mean()
}

/// As many as keep within the cache; and where sizes are mixed, at least all of them.
fn how_many(sizes: &Sizes) -> usize {
    let least = match sizes.is_mix() {
        true => sizes.period().next_power_of_two().max(MIXED_LEAST),
        false => LEAST,
    };
    let fit = BYTES / sizes.mean().max(1);
    1 << fit.clamp(least, MOST.max(least)).ilog2()
}

/// 256 KiB of payloads: with the frames, twice, less than a megabyte.
const BYTES: usize = 256 << 10;
/// 4: enough for answers to be told apart.
const LEAST: usize = 4;
/// 64: a mix needs some to be one.
const MIXED_LEAST: usize = 64;
/// 128: more would tell no more answers apart.
const MOST: usize = 128;
/// 16 KiB: from there on a chunk of its own costs less than the copy.
const LONG: usize = 16 << 10;
/// Any number: every run says the same.
pub(super) const SEED: u64 = 6455;

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(all: &[(usize, u32)]) -> Sizes {
        Sizes::new(all.to_vec()).unwrap()
    }

    fn bytes(mut chunks: Chunks) -> Vec<u8> {
        let mut out = Vec::new();
        chunks.write_to(&mut out).unwrap();
        out
    }

    /// RFC 6455 5.7.
    #[test]
    fn frames_are_those_of_the_rfc() {
        let masked = frame(Opcode::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d], None);
        assert_eq!(masked, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    }

    #[test]
    fn any_run_is_the_frames_one_after_the_other() {
        for sizes in [
            sizes(&[(32, 1)]),
            sizes(&[(20_000, 1)]),
            sizes(&[(5, 3), (17_000, 1)]),
        ] {
            let wordings = Wordings::framed(&sizes, Kind::Text);
            let canned = Canned::frames(&wordings, None);
            let one = |nth| {
                let mut out = Chunks::new();
                canned.say(nth, 1, &mut out);
                bytes(out)
            };
            for (nth, count) in [(0, 1), (3, 7), (126, 5), (1, 300)] {
                let mut out = Chunks::new();
                canned.say(nth, count, &mut out);
                let each: Vec<_> = (nth..nth + count as u64).flat_map(one).collect();
                assert_eq!(bytes(out), each);
            }
        }
    }

    #[test]
    fn bare_bytes_are_as_many_as_those_of_the_frames() {
        for size in [0, 32, 125, 126, 65_535, 65_536] {
            let sizes = sizes(&[(size, 1)]);
            let frames = Wordings::framed(&sizes, Kind::Binary);
            let framed = Canned::frames(&frames, None);
            let (mut out, bare) = (Chunks::new(), Wordings::bare(&sizes, Kind::Binary));
            framed.say(0, 1, &mut out);
            assert_eq!(out.len(), bare.payload(0).len());
        }
    }

    #[test]
    fn rare_sizes_are_among_them() {
        let wordings = Wordings::framed(&sizes(&[(32, 999), (65_536, 1)]), Kind::Binary);
        let rare = |nth: &u64| wordings.payload(*nth).len() == 65_536;
        assert_eq!((0..wordings.count() as u64).filter(rare).count(), 1);
    }

    #[test]
    fn wordings_are_few_and_within_the_cache() {
        for (size, count) in [(0, 128), (32, 128), (4096, 64), (65_536, 4), (1 << 20, 4)] {
            assert_eq!(
                Wordings::framed(&sizes(&[(size, 1)]), Kind::Binary).count(),
                count
            );
        }
    }
}
