//! Plain reads that do not wait: into one buffer that all sources of a driver share, or to where the
//! caller wants the bytes.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use socket2::Socket;

use super::ending::Ending;
use super::turn::{Raw, Turn};
use super::{Event, Token};
use crate::page;

/// The buffer that bytes pass through, lent for a call.
pub(super) struct Passage {
    room: Box<[MaybeUninit<u8>]>,
    begin: usize,
}

/// What is known of a source before it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prospect {
    /// What is to be read is offered before it is.
    pub(super) wished: bool,
    /// The kernel spoke of an end: read until it comes. It tells of it once, and perhaps with the bytes
    /// before it.
    pub(super) ending_near: bool,
}

/// What a read has found.
pub(super) struct Found {
    /// Bytes that came by the passage.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code))] // Who has a ring asks.
    pub(super) count: usize,
    /// There may be more.
    pub(super) more: bool,
}

impl Passage {
    pub(super) fn new() -> Self {
        let room = Box::new_uninit_slice(page::LEFT_OUT_MAX + SIZE);
        let begin = page::left_out(room.as_ptr().cast());
        Passage { room, begin }
    }

    /// Reads a source once, and tells what comes. If it was wished for, what there is is offered first, to
    /// be read by the [`Line`](super::Line); but not near the end, of which the line does not tell.
    pub(super) fn read(
        &mut self,
        token: Token,
        socket: &Socket,
        ending: &mut Ending,
        prospect: &mut Prospect,
        turn: &mut Turn<'_, '_>,
    ) -> Found {
        let Prospect {
            wished,
            ending_near,
        } = prospect;
        if *wished && !*ending_near && ending.is_open() {
            let readable = lend(token, socket, &mut [], true, ending, wished, turn);
            if !readable || *wished {
                return Found::nothing(readable);
            }
        }
        match receive(socket, &mut self.room[self.begin..][..SIZE]) {
            Ok([]) => {
                *ending_near = false;
                ending.end();
                if ending.is_open() {
                    turn.tell(Event::Ended(token));
                }
                Found::nothing(false)
            }
            Ok(bytes) => {
                let (count, full) = (bytes.len(), bytes.len() == SIZE);
                let more = if ending.is_open() {
                    lend(token, socket, bytes, full, ending, wished, turn)
                } else {
                    ending.discard(count);
                    full
                };
                Found {
                    count,
                    more: more || *ending_near,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Found::nothing(true),
            Err(error) => {
                *ending_near = false;
                if error.kind() != io::ErrorKind::WouldBlock {
                    ending.fail(error);
                }
                Found::nothing(false)
            }
        }
    }
}

impl Found {
    fn nothing(more: bool) -> Self {
        Found { count: 0, more }
    }
}

/// Lends bytes, and the socket with what it may have besides. Tells whether it may still have it.
fn lend(
    token: Token,
    socket: &Socket,
    bytes: &mut [u8],
    readable: bool,
    ending: &mut Ending,
    wished: &mut bool,
    turn: &mut Turn<'_, '_>,
) -> bool {
    let raw = Raw::new(socket, WORTH_SENDING, readable);
    turn.tell(Event::Received(token, bytes, &raw));
    let left = raw.into_left();
    *wished = left.wished;
    if let Some(error) = left.fault {
        ending.fail(error);
    }
    left.readable && !ending.is_cut()
}

/// Reads what is there, as far as `room` goes. Of no bytes at all the peer has finished sending.
///
/// # Errors
/// What the socket says; `WouldBlock` when there is nothing.
pub(super) fn receive<'m>(
    socket: &Socket,
    room: &'m mut [MaybeUninit<u8>],
) -> io::Result<&'m mut [u8]> {
    let count = socket.recv_with_flags(room, libc::MSG_DONTWAIT)?;
    let come = ptr::from_mut(&mut room[..count]);
    // SAFETY: the kernel has just written these bytes, all of them, and they are borrowed as `room` is.
    Ok(unsafe { &mut *(come as *mut [u8]) })
}

/// 128 KiB: what is longer is worth a place of its own, see [`Line::try_receive`](super::Line::try_receive).
const SIZE: usize = 128 << 10;
/// 8 KiB: measured, server's time per echo against a send at the end of the turn: no less at 4 KiB, a tenth
/// less at 16 and 24 KiB.
const WORTH_SENDING: usize = 8 << 10;
