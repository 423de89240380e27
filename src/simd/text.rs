//! UTF-8 (RFC 3629): text is checked as it arrives, and handed on as `&str` without asking twice.
//!
//! Two ways in. A text that came whole is [`unmask`]ed where it lies; one that comes in parts is
//! gathered in a [`Buffer`], which remembers how far it has been checked. ASCII is seen while
//! unmasking and costs nothing more; the rest goes through `simdutf8`.

use std::error::Error;
use std::fmt;
use std::mem::{self, MaybeUninit};
use std::ptr;

use super::mask;

/// Unmasks `bytes` where they lie; they must be UTF-8 from the first to the last.
///
/// After an error the bytes are partly unmasked, and worth nothing.
#[inline]
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) -> Result<&str, NotUtf8> {
    if bytes.len() > BLOCK {
        return unmask_blocks(bytes, key);
    }
    let ascii = mask::apply_ascii(bytes, key);
    if !ascii {
        return check(bytes);
    }
    // SAFETY: ASCII is UTF-8, all of it.
    unsafe { text(bytes, bytes.len()) }
}

fn unmask_blocks(bytes: &mut [u8], key: [u8; 4]) -> Result<&str, NotUtf8> {
    // checked <= start <= end <= bytes.len(), and bytes[..checked] is UTF-8
    let (mut checked, mut end) = (0, 0);
    while end < bytes.len() {
        let start = end;
        end = bytes.len().min(start + BLOCK);
        let ascii = mask::apply_ascii(&mut bytes[start..end], key);
        if ascii && checked == start {
            checked = end;
            continue;
        }
        // A character cut by the end of the block waits for the next one.
        let unchecked = &bytes[checked..end];
        let whole = if end < bytes.len() {
            whole(unchecked)
        } else {
            unchecked.len()
        };
        checked += check(&unchecked[..whole])?.len();
    }
    // SAFETY: `checked` moved only over ASCII and over what `check` let pass.
    unsafe { text(bytes, checked) }
}

/// `bytes` as text, if that is what they are.
pub fn check(bytes: &[u8]) -> Result<&str, NotUtf8> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| NotUtf8)
}

/// Bytes that grow, and are checked as they do.
///
/// Forty bytes while empty, nothing on the heap. Every byte is looked at a bounded number of
/// times, however small the parts.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// What is in front of them is not the caller's: begin <= bytes.len()
    begin: usize,
    /// as_slice()[..checked] is UTF-8, and checked <= len()
    checked: usize,
}

impl Buffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Buffer {
            bytes: Vec::new(),
            begin: 0,
            checked: 0,
        }
    }

    /// How many bytes it holds.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.begin
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes it can hold without growing.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() - self.begin
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves to another room, and gives back the old one. What is in it already stays in front, and is
    /// none of the bytes held.
    pub fn move_to(&mut self, mut room: Vec<u8>) -> Vec<u8> {
        let begin = room.len();
        room.extend_from_slice(self.as_slice());
        self.begin = begin;
        mem::replace(&mut self.bytes, room)
    }

    /// Unmasks `bytes` onto the end. Whether they are text is for [`check`](Buffer::check) to say:
    /// a buffer that is never asked may hold anything.
    pub fn append(&mut self, bytes: &[u8], key: [u8; 4]) {
        let all_checked = self.checked == self.len();
        let ascii = mask::append_ascii(&mut self.bytes, bytes, key);
        if ascii && all_checked {
            self.checked = self.len();
        }
    }

    /// Lets `read` fill the first of at most `most` bytes behind the last, and unmasks what it gives
    /// back. Tells how many that were. To be checked as what is appended.
    ///
    /// # Panics
    /// When it gives back something else than the beginning of what it was given.
    pub fn fill(
        &mut self,
        most: usize,
        key: [u8; 4],
        read: impl for<'m> FnOnce(&'m mut [MaybeUninit<u8>]) -> &'m mut [u8],
    ) -> usize {
        let all_checked = self.checked == self.len();
        let room = self.bytes.spare_capacity_mut();
        let most = most.min(room.len());
        let begin = room.as_ptr().cast::<u8>();
        let come = read(&mut room[..most]);
        let count = come.len();
        if count == 0 {
            return 0;
        }
        assert!(ptr::eq(begin, come.as_ptr()) && count <= most);
        let ascii = mask::apply_ascii(come, key);
        // SAFETY: `come` lies where the room begins, is no longer than it, and has been written, as
        // every slice of bytes has.
        unsafe { self.bytes.set_len(self.bytes.len() + count) };
        if ascii && all_checked {
            self.checked = self.len();
        }
        count
    }

    /// Checks what has come since the last time.
    ///
    /// The last character may be unfinished: its bytes wait, three at most. A byte that nothing
    /// behind it could make good is an error now, even at the end.
    pub fn check(&mut self) -> Result<(), NotUtf8> {
        let unchecked = &self.as_slice()[self.checked..];
        let (whole, unfinished) = unchecked.split_at(whole(unchecked));
        check(whole)?;
        could_become_text(unfinished)?;
        self.checked += whole.len();
        Ok(())
    }

    /// Everything, if all of it has been checked and no character is unfinished.
    pub fn text(&self) -> Result<&str, NotUtf8> {
        // SAFETY: that is what `checked` promises.
        unsafe { text(self.as_slice(), self.checked) }
    }

    /// Everything, text or not.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    /// Forgets all but the first `len` bytes. A character cut by that is unfinished again.
    pub fn truncate(&mut self, len: usize) {
        if len < self.checked {
            self.checked = len;
            while continues(&self.as_slice()[self.checked]) {
                self.checked -= 1;
            }
        }
        self.bytes.truncate(self.begin + len);
    }

    /// Everything as a text of its own, if all of it has been checked and no character is
    /// unfinished; what stays then is an empty buffer without room.
    pub fn take_text(&mut self) -> Result<String, NotUtf8> {
        self.text()?;
        // SAFETY: `text` has just said so.
        Ok(unsafe { String::from_utf8_unchecked(self.take()) })
    }

    /// The bytes themselves, moved to the front of their room; what stays is an empty buffer without room.
    pub fn take(&mut self) -> Vec<u8> {
        let begin = self.begin;
        let mut bytes = self.take_room();
        bytes.drain(..begin);
        bytes
    }

    /// The room; what is in it is of no more use. What stays is as empty.
    pub fn take_room(&mut self) -> Vec<u8> {
        mem::take(self).bytes
    }

    /// Gives back room beyond as much again as the bytes take.
    pub fn fit(&mut self) {
        self.bytes.shrink_to(self.begin + 2 * self.len());
    }
}

/// Bytes that are not UTF-8, and that no more bytes would make so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

impl fmt::Display for NotUtf8 {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the bytes are not UTF-8")
    }
}

impl Error for NotUtf8 {}

/// `bytes` as text, if all of them have been checked.
///
/// # Safety
///
/// `bytes[..checked]` is UTF-8.
#[inline]
unsafe fn text(bytes: &[u8], checked: usize) -> Result<&str, NotUtf8> {
    if checked < bytes.len() {
        return Err(NotUtf8);
    }
    debug_assert!(str::from_utf8(bytes).is_ok());
    // SAFETY: `checked` covers them all, and the caller vouches for what it covers.
    Ok(unsafe { str::from_utf8_unchecked(bytes) })
}

/// How many bytes come before a last character that is unfinished; all of them, if none is. It asks
/// only how many bytes the character should have, not whether there is such a character.
#[inline]
fn whole(bytes: &[u8]) -> usize {
    // 3: an unfinished character has at most so many bytes.
    let mut tail = bytes.iter().rev().take(3);
    match tail.position(|byte| !continues(byte)) {
        Some(behind) if behind + 1 < length(bytes[bytes.len() - 1 - behind]) => {
            bytes.len() - 1 - behind
        }
        _ => bytes.len(),
    }
}

/// Whether a few bytes at the end are how some character begins.
fn could_become_text(unfinished: &[u8]) -> Result<(), NotUtf8> {
    match str::from_utf8(unfinished) {
        Err(error) if error.error_len().is_some() => Err(NotUtf8),
        _ => Ok(()),
    }
}

/// The bytes of a character that begins with `lead`.
fn length(lead: u8) -> usize {
    match lead {
        0x00..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    }
}

/// Whether `byte` is not the first of its character: 10xxxxxx.
fn continues(byte: &u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// 4 KiB: unmasked bytes are still in the first-level cache when they are checked, and one character
/// in a long text costs its own block only. Divisible by 4, so that the key need not turn.
const BLOCK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_fits_a_cache_line() {
        assert_eq!(size_of::<Buffer>(), 40);
    }
}
