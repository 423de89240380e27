//! A stream in memory: what is received has been put there before, what is sent is kept.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a kernel hands over at once, at most.
pub const RECEIVED: usize = 64 << 10;

/// One end; its clones are the same end.
#[derive(Clone, Default)]
pub struct Memory(Rc<RefCell<Bytes>>);

#[derive(Default)]
struct Bytes {
    incoming: Vec<u8>,
    read: usize,
    sent: Vec<u8>,
}

impl Memory {
    pub fn receive(&self, bytes: &[u8]) {
        let mut this = self.0.borrow_mut();
        this.incoming.clear();
        this.incoming.extend_from_slice(bytes);
        this.read = 0;
    }

    /// Swaps what has been sent for an empty buffer, so that neither is copied.
    pub fn take(&self, sent: &mut Vec<u8>) {
        std::mem::swap(sent, &mut self.0.borrow_mut().sent);
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self.0.borrow_mut();
        let rest = &this.incoming[this.read..];
        let count = rest.len().min(buffer.remaining()).min(RECEIVED);
        if count == 0 {
            return Poll::Pending;
        }
        buffer.put_slice(&rest[..count]);
        this.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().sent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = &mut self.0.borrow_mut().sent;
        parts.iter().for_each(|part| sent.extend_from_slice(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
