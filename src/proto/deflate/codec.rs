//! One payload deflated, one payload inflated (RFC 7692 7.2, RFC 1951). Knows no frames, and which
//! window and which history belong to a connection only by being told.
//!
//! The engines are zlib's. They belong to the thread and begin every payload afresh; a history is
//! given to them as a dictionary. Both write into a buffer of their own, which is copied: so a payload
//! costs as much memory as it has bytes, however little or much comes of it.

use std::cell::{Cell, RefCell};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::history::tail;
use super::{WINDOW_MAX, WINDOW_MIN, WINDOWS};
use crate::pool;
use crate::simd::text;

/// Appends a payload to `out`, deflated and ready for a frame. `false`, and `out` as it was, when it
/// would not be smaller than the payload: then it goes as it is, which is always lawful (6).
///
/// Nothing deflated refers back further than 2^`window` bytes, nor behind the front of `history`.
pub fn compress(window: u8, level: u8, history: &[u8], payload: &[u8], out: &mut Vec<u8>) -> bool {
    // zlib has no raw stream with a window of 8 bits.
    if !(WINDOW_MIN..=WINDOW_MAX).contains(&window) || payload.len() > AT_ONCE {
        return false;
    }
    let before = out.len();
    let smaller = COMPRESSORS
        .try_with(|compressors| {
            let Compressors { engines, scratch } = &mut *compressors.borrow_mut();
            scratch.resize(SCRATCH, 0);
            let place = &mut engines[usize::from(window - WINDOW_MIN)];
            let engine = place.get_or_insert_with(|| Compressor::new(window, level));
            let history = tail(history, 1 << window);
            engine.begin(level, history) && engine.run(payload, scratch, out).is_some()
        })
        // The thread is ending, its engines are gone.
        .unwrap_or(false);
    if !smaller {
        out.truncate(before);
    }
    smaller
}

/// An inflater for one message, with the memory it takes: lent by the thread, and given back when it
/// is dropped. Messages under way at the same time have one each.
#[derive(Debug)]
pub struct Inflater {
    /// Some, until it is dropped.
    engine: Option<Box<Engine>>,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is longer than the limit.
    TooBig,
    /// It is no deflated message, or not to its end.
    Corrupt,
}

impl Inflater {
    /// For a message that may refer to what is in `history`.
    pub fn start(history: &[u8]) -> Self {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
        let mut engine = spare.ok().flatten().unwrap_or_else(Engine::new);
        engine.begin(tail(history, WINDOW));
        let engine = Some(engine);
        Inflater { engine }
    }

    /// Inflates the next part of a payload, onto the end of `to`: where the last part left off.
    ///
    /// `to` never holds more than `max` bytes, and its room is not larger either.
    ///
    /// # Errors
    /// What is wrong with the message. Nothing after it has a meaning.
    pub fn inflate(&mut self, part: &[u8], to: &mut text::Buffer, max: usize) -> Result<(), Fault> {
        self.engine().inflate(part, to, max)
    }

    /// The payload has ended, and so must the message.
    ///
    /// # Errors
    /// It has not.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.engine().finish()
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let history = self.engine.as_ref().map_or(0, |e| e.history.capacity());
        INFLATER_BYTES + SCRATCH + history
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("it is there until the drop")
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            // The thread may be ending: then the engine is simply freed.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < SPARE_MAX {
                    spare.push(engine);
                }
            });
        }
    }
}

struct Compressors {
    /// For windows of 9 to 15 bits.
    engines: [Option<Compressor>; WINDOWS],
    scratch: Vec<u8>,
}

struct Compressor {
    zlib: Compress,
    level: u8,
}

/// How much this thread's engines have done so far, in about half nanoseconds: a byte inflated counts
/// as one. Only differences mean something.
pub fn work() -> u64 {
    WORK.get()
}

fn worked(much: usize) {
    WORK.set(WORK.get().wrapping_add(much as u64));
}

/// Bytes of memory that this thread's engines take.
pub fn memory() -> usize {
    let compressors = COMPRESSORS.try_with(|compressors| {
        let engines = &compressors.borrow().engines;
        let made = engines.iter().zip(COMPRESSOR_BYTES);
        let bytes = made.map(|(engine, bytes)| if engine.is_some() { bytes } else { 0 });
        bytes.sum::<usize>()
    });
    compressors.unwrap_or(0) + INFLATERS.get() * (INFLATER_BYTES + SCRATCH)
}

impl Compressor {
    fn new(window: u8, level: u8) -> Self {
        let zlib = Compress::new_with_window_bits(compression(level), false, window);
        Compressor { zlib, level }
    }

    /// Forgets the last payload. `false` if zlib would not have it.
    fn begin(&mut self, level: u8, history: &[u8]) -> bool {
        worked(WORK_TO_BEGIN + WORK_TO_DEFLATE * history.len());
        self.zlib.reset();
        if self.level != level && self.zlib.set_level(compression(level)).is_ok() {
            self.level = level;
        }
        history.is_empty() || self.zlib.set_dictionary(history).is_ok()
    }

    /// `None` as soon as it is clear that what comes out is not smaller.
    fn run(&mut self, mut payload: &[u8], scratch: &mut [u8], out: &mut Vec<u8>) -> Option<()> {
        worked(WORK_TO_DEFLATE.saturating_mul(payload.len()));
        let most = out.len() + payload.len() + TAIL.len();
        loop {
            let (read, written) = self.step(payload, scratch)?;
            payload = &payload[read..];
            if out.len() + written >= most {
                return None;
            }
            out.extend_from_slice(&scratch[..written]);
            // All is out when there was room for more. If it was just enough, the next turn brings
            // nothing, or one more empty block, which is lawful.
            if written < scratch.len() {
                break;
            }
        }
        let flushed = payload.is_empty() && out.ends_with(&TAIL);
        debug_assert!(flushed);
        // 7.2.1: the four bytes at the end are left out.
        flushed.then(|| out.truncate(out.len() - TAIL.len()))
    }

    fn step(&mut self, payload: &[u8], scratch: &mut [u8]) -> Option<(usize, usize)> {
        let (read, written) = (self.zlib.total_in(), self.zlib.total_out());
        // 7.2.1: a sync flush ends on a byte.
        let done = self.zlib.compress(payload, scratch, FlushCompress::Sync);
        done.ok()?;
        let read = self.zlib.total_in() - read;
        let written = self.zlib.total_out() - written;
        Some((read as usize, written as usize))
    }
}

fn compression(level: u8) -> Compression {
    Compression::new(u32::from(level.clamp(1, 9)))
}

#[derive(Debug)]
struct Engine {
    zlib: Decompress,
    scratch: Box<[u8]>,
    /// What the message may refer to, for a stream that begins anew in its middle.
    history: Vec<u8>,
    /// Bytes of the payload that have come.
    taken: usize,
    /// Bytes of the message so far: the last ones in the buffer it goes to.
    given: usize,
    /// Bytes copied for streams that began anew.
    copied: usize,
    /// The last block said that it is the last, and nothing has come after it.
    ended: bool,
}

impl Engine {
    fn new() -> Box<Self> {
        INFLATERS.set(INFLATERS.get() + 1);
        Box::new(Engine {
            zlib: Decompress::new_with_window_bits(false, WINDOW_MAX),
            scratch: vec![0; SCRATCH].into(),
            history: Vec::new(),
            taken: 0,
            given: 0,
            copied: 0,
            ended: false,
        })
    }

    fn begin(&mut self, history: &[u8]) {
        worked(WORK_TO_BEGIN + history.len());
        self.history.clear();
        self.history.extend_from_slice(history);
        (self.taken, self.given, self.copied) = (0, 0, 0);
        self.ended = false;
        self.zlib.reset(false);
        // zlib refuses a dictionary only where it expects a header.
        let told = remind(&mut self.zlib, history);
        debug_assert_eq!(told, Ok(()));
    }

    fn inflate(&mut self, mut part: &[u8], to: &mut text::Buffer, max: usize) -> Result<(), Fault> {
        self.taken += part.len();
        while !part.is_empty() {
            if self.ended {
                self.begin_anew(to)?;
            }
            let (now, later) = part.split_at(part.len().min(AT_ONCE));
            let left = self.run(now, to, max)?.len();
            part = &part[part.len() - later.len() - left..];
        }
        Ok(())
    }

    /// Runs on to the end of `part` or of the stream; tells what is left of `part`.
    fn run<'p>(
        &mut self,
        mut part: &'p [u8],
        to: &mut text::Buffer,
        max: usize,
    ) -> Result<&'p [u8], Fault> {
        loop {
            let (read, written, status) = self.step(part)?;
            part = &part[read..];
            if written > max.saturating_sub(to.len()) {
                return Err(Fault::TooBig);
            }
            grow(to, written, max)?;
            worked(written);
            // No key: this only copies, and looks for ASCII as it does.
            to.append(&self.scratch[..written], [0; 4]);
            self.given += written;
            if status == Status::StreamEnd {
                self.ended = true;
                return Ok(part);
            }
            // With room left to write it has read everything, and holds back only bits. So each turn
            // but the last brings bytes, of which there are at most `max`.
            if written < SCRATCH {
                return if part.is_empty() {
                    Ok(part)
                } else {
                    Err(Fault::Corrupt)
                };
            }
        }
    }

    fn step(&mut self, part: &[u8]) -> Result<(usize, usize, Status), Fault> {
        let (read, written) = (self.zlib.total_in(), self.zlib.total_out());
        let status = self
            .zlib
            .decompress(part, &mut self.scratch, FlushDecompress::Sync)
            .map_err(|_| Fault::Corrupt)?;
        let read = self.zlib.total_in() - read;
        let written = self.zlib.total_out() - written;
        Ok((read as usize, written as usize, status))
    }

    /// 7.2.3.4: a block with BFINAL set ends a stream, but not the message.
    fn begin_anew(&mut self, to: &text::Buffer) -> Result<(), Fault> {
        let message = tail(to.as_slice(), self.given.min(WINDOW));
        let history = tail(&self.history, WINDOW - message.len());
        let copied = history.len() + message.len();
        worked(WORK_TO_BEGIN + copied);
        self.copied += copied;
        if self.copied > ANEW_FREE + self.taken.saturating_mul(ANEW_PER_BYTE) {
            return Err(Fault::Corrupt);
        }
        self.ended = false;
        self.zlib.reset(false);
        remind(&mut self.zlib, history)?;
        remind(&mut self.zlib, message)
    }

    /// 7.2.2: with the four bytes the sender has left out, the message ends between two blocks. That
    /// it does shows when a last, empty block fits behind it, and nothing comes of either.
    fn finish(&mut self) -> Result<(), Fault> {
        // Some senders end with BFINAL, and leave out the empty block they should add (7.2.3.4); or
        // send an empty message as no bytes, and not as one (7.2.3.6).
        if self.ended || self.taken == 0 {
            return Ok(());
        }
        let mut end = [0; TAIL.len() + LAST.len()];
        end[..TAIL.len()].copy_from_slice(&TAIL);
        end[TAIL.len()..].copy_from_slice(&LAST);
        match self.step(&end)? {
            (read, 0, Status::StreamEnd) if read == end.len() => Ok(()),
            _ => Err(Fault::Corrupt),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // One that another thread has made counts there no less.
        INFLATERS.set(INFLATERS.get().saturating_sub(1));
    }
}

/// Has an inflater that has just been reset know what came before.
fn remind(zlib: &mut Decompress, before: &[u8]) -> Result<(), Fault> {
    if before.is_empty() {
        return Ok(());
    }
    let told = zlib.set_dictionary(before);
    told.map(drop).map_err(|_| Fault::Corrupt)
}

/// Room for `count` more bytes, but not more than may ever be.
fn grow(to: &mut text::Buffer, count: usize, max: usize) -> Result<(), Fault> {
    let len = to.len() + count;
    if len > to.capacity() {
        let room = room(len).min(max);
        let room = match room <= 2 * SMALL && room.is_power_of_two() {
            true => pool::take(room),
            // Fresh, so that what is not written to is nobody's memory yet.
            false => fresh(room).or_else(|| fresh(len)).ok_or(Fault::TooBig)?,
        };
        pool::give(to.move_to(room));
    }
    Ok(())
}

/// `None` where there is no more memory: a limit that is too high must not end the process.
fn fresh(room: usize) -> Option<Vec<u8>> {
    let mut fresh = Vec::new();
    fresh.try_reserve_exact(room).ok()?;
    Some(fresh)
}

/// Few and long steps: what is outgrown stays in memory for a while, and a message that ends past the
/// limit must not have cost much more than the limit.
fn room(len: usize) -> usize {
    if len <= SMALL {
        1 << (2 * len).max(ROOM_MIN).ilog2()
    } else if len <= LARGE {
        LARGE
    } else {
        len.saturating_mul(4)
    }
}

thread_local! {
    static COMPRESSORS: RefCell<Compressors> = const {
        RefCell::new(Compressors { engines: [const { None }; WINDOWS], scratch: Vec::new() })
    };
    static WORK: Cell<u64> = const { Cell::new(0) };
    /// Inflaters there are, lent or spare.
    static INFLATERS: Cell<usize> = const { Cell::new(0) };
    #[expect(clippy::vec_box, reason = "an inflater moves as one pointer")]
    static SPARE: RefCell<Vec<Box<Engine>>> = const { RefCell::new(Vec::new()) };
}

/// 7.2.1: what a sync flush ends with, and a payload does not.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// RFC 1951 3.2.6: BFINAL, fixed codes, end of block.
const LAST: [u8; 2] = [0x03, 0x00];
const WINDOW: usize = 1 << WINDOW_MAX;
/// 8: what a byte costs to deflate at the usual level, where one to inflate costs 1.
const WORK_TO_DEFLATE: usize = 8;
/// 2 KiB: a microsecond, for a message of whatever length.
const WORK_TO_BEGIN: usize = 2 << 10;
/// 1 GiB: as many bytes zlib is given in one call; it counts them in 32 bits.
const AT_ONCE: usize = 1 << 30;
/// 16 KiB: half of what the first-level cache holds, and many small messages in one turn.
const SCRATCH: usize = 16 << 10;
/// What zlib allocates for a compressor, by window, as measured.
const COMPRESSOR_BYTES: [usize; WINDOWS] = [
    251_008, 253_056, 257_152, 265_344, 281_728, 314_496, 380_032,
];
/// And for an inflater; the same for every window.
const INFLATER_BYTES: usize = 47_552;
/// 4: 250 KiB on each thread for compressed messages that come in parts at the same time, 380 KiB
/// with histories of 15 bits.
const SPARE_MAX: usize = 4;
/// A stream that begins anew costs a copy of what the message may refer to, which two bytes can ask
/// for. 1 MiB of copies are free: 32 times all there is to copy. Past that, 32 for each byte of the
/// payload: a nanosecond.
const ANEW_FREE: usize = 1 << 20;
const ANEW_PER_BYTE: usize = 32;
/// 64: the smallest buffer worth an allocation.
const ROOM_MIN: usize = 64;
/// 16 KiB: messages up to here take at most twice what they hold.
const SMALL: usize = 16 << 10;
/// 1 MiB: the longest message by default.
const LARGE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_a_few_inflaters_and_they_are_used_again() {
        let many: Vec<_> = (0..20).map(|_| Inflater::start(&[1; 100])).collect();
        drop(many);
        let spare = || SPARE.with_borrow(Vec::len);
        assert_eq!(spare(), SPARE_MAX);
        let one = Inflater::start(&[]);
        assert_eq!(spare(), SPARE_MAX - 1);
        assert!(one.memory() >= INFLATER_BYTES + SCRATCH + 100);
        assert_eq!(one.finish(), Ok(()));
        assert_eq!(spare(), SPARE_MAX);
    }
}
