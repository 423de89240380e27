//! Stub.
#![allow(missing_docs, dead_code)]
use crate::simd::text;
#[derive(Clone, Copy, Debug)]
pub struct Deflate;
#[derive(Clone, Copy, Debug)]
pub struct Agreed;
impl Agreed {
    pub(super) fn incoming(&self) -> Incoming {
        Incoming {
            window: 15,
            takeover: false,
        }
    }
    pub(super) const fn outgoing(&self) -> Option<Outgoing> {
        None
    }
}
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    window: u8,
    takeover: bool,
}
impl Incoming {
    pub(super) fn window(self) -> u8 {
        self.window
    }
    pub(super) fn takes_over(self) -> bool {
        self.takeover
    }
}
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    window: u8,
    level: u8,
    takeover: bool,
    threshold: [u8; 4],
}
impl Outgoing {
    pub(super) fn window(self) -> u8 {
        self.window
    }
    pub(super) fn level(self) -> u8 {
        self.level
    }
    pub(super) fn takes_over(self) -> bool {
        self.takeover
    }
    pub(super) fn threshold(self) -> usize {
        u32::from_ne_bytes(self.threshold) as usize
    }
}
#[derive(Debug, Default)]
pub(super) struct History(Vec<u8>);
impl History {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }
    pub(super) fn push(&mut self, _: u8, _: &[u8]) {}
    pub(super) fn memory(&self) -> usize {
        0
    }
}
#[derive(Debug)]
pub(super) struct Inflater;
impl Inflater {
    pub(super) fn start(_: &[u8]) -> Self {
        Inflater
    }
    pub(super) fn memory(&self) -> usize {
        0
    }
    pub(super) fn inflate(
        &mut self,
        _: &[u8],
        _: &mut text::Buffer,
        _: usize,
    ) -> Result<(), Fault> {
        Ok(())
    }
    pub(super) fn finish(self, _: &mut text::Buffer, _: usize) -> Result<(), Fault> {
        Ok(())
    }
}
#[derive(Debug)]
pub(super) enum Fault {
    TooBig,
    Corrupt,
}
pub(super) fn compress(_: u8, _: u8, _: &[u8], _: &[u8], _: &mut Vec<u8>) -> bool {
    false
}
