//! A plain read that does not wait, into memory that nobody has written yet.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use socket2::Socket;

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
