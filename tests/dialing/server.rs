//! The server at the other end, and whom it serves.

use crate::support::*;

/// A frame of the server's.
pub(super) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::new(opcode, payload).unmasked().bytes()
}

pub(super) fn says(text: &str) -> Vec<u8> {
    frame(TEXT, text)
}

pub(super) fn goodbye(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

pub(super) fn guest(name: u32) -> Guest {
    Guest {
        name,
        explodes: false,
        dropped: None,
    }
}

/// It was told once that it is not open, and nothing else; nothing is left of it.
#[track_caller]
pub(super) fn assert_unopened(world: &mut World, why: &str) {
    assert_eq!(world.unopened(), [(0, why.to_owned())]);
    assert_eq!(world.told(), []);
    assert_eq!(world.handle.connections(), 0);
    world.assert_empty();
}
