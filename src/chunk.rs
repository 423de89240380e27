//! Bytes on their way out.
//!
//! Knows neither frames nor sockets. A [`Chunk`] is either our own bytes or one run of bytes that many
//! connections share; [`Chunks`] is a queue of them with a cursor, eight bytes wide while empty.
//! Emptied queues keep their buffers and wait in a small pool of the thread, so that a connection
//! holds memory only while it has something to say, and the memory it then gets is still warm.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

use crate::pool;

/// One run of bytes.
#[derive(Debug)]
pub enum Chunk {
    /// Bytes of this connection alone.
    Own(Vec<u8>),
    /// Bytes that others send as well: what a whole topic is told.
    Shared(Arc<[u8]>),
}

impl Chunk {
    /// The bytes themselves.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Chunk::Own(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Bytes of memory it takes, or would take if nobody else shared them.
    fn memory(&self) -> usize {
        match self {
            Chunk::Own(bytes) => bytes.capacity(),
            Chunk::Shared(bytes) => bytes.len() + size_of::<Chunk>(),
        }
    }

    /// The bytes as our own, copied if they were shared.
    fn own(&mut self) -> &mut Vec<u8> {
        if let Chunk::Shared(bytes) = self {
            *self = Chunk::Own(bytes.to_vec());
        }
        match self {
            Chunk::Own(bytes) => bytes,
            Chunk::Shared(_) => unreachable!("made our own above"),
        }
    }

    fn cut(&mut self, len: usize) {
        if len < self.len() {
            self.own().truncate(len);
        }
    }
}

/// A queue of chunks: appended behind, sent from the front.
#[derive(Debug, Default)]
pub struct Chunks(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    list: VecDeque<Chunk>,
    /// Bytes of the first chunk that have gone. `gone < list[0].len()`, and 0 when the list is empty.
    gone: usize,
    /// Bytes that have not gone.
    left: usize,
    /// Bytes that have gone since it was taken.
    sent: usize,
    /// Bytes of memory that the chunks take: at least as many.
    memory: usize,
    /// An emptied buffer, kept for the next chunk.
    spare: Vec<u8>,
}

impl Chunks {
    /// An empty queue.
    pub const fn new() -> Self {
        Chunks(None)
    }

    /// Bytes that have not gone yet.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.left)
    }

    /// Bytes of memory that those take: what has gone of a chunk stays until all of it has.
    pub fn memory(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.memory)
    }

    /// Whether all has gone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `size` bytes that `write` puts at the end of the buffer it is given.
    #[inline(always)]
    pub fn append(&mut self, size: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let queue = self.queue();
        // The way of most: there is room already, also for what `write` may put there for a moment.
        if let Some(Chunk::Own(tail)) = queue.list.back_mut()
            && tail.len() + size <= CHUNK
            && tail.len() + size + MOMENT <= tail.capacity()
        {
            queue.left += size;
            return write(tail);
        }
        queue.append(size, write);
    }

    /// Appends bytes that others send as well, without copying them.
    pub fn share(&mut self, bytes: Arc<[u8]>) {
        if !bytes.is_empty() {
            let queue = self.queue();
            queue.left += bytes.len();
            queue.push(Chunk::Shared(bytes));
        }
    }

    /// Puts everything of `later` behind what is here.
    pub fn join(&mut self, mut later: Chunks) {
        if self.is_empty() {
            std::mem::swap(self, &mut later);
        } else if let Some(behind) = later.0.as_mut() {
            debug_assert_eq!(
                behind.gone, 0,
                "only the front of a queue may have begun to leave"
            );
            let queue = self.queue();
            queue.left += std::mem::take(&mut behind.left);
            queue.memory += std::mem::take(&mut behind.memory);
            queue.list.append(&mut behind.list);
        }
    }

    /// The bytes that have not gone, as far as `slices` has room for them; tells how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(queue) = &self.0 else { return 0 };
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(&queue.list) {
            let gone = if filled == 0 { queue.gone } else { 0 };
            *slice = IoSlice::new(&chunk.as_slice()[gone..]);
            filled += 1;
        }
        filled
    }

    /// The bytes that have not gone, if they lie in one piece.
    pub fn single(&self) -> Option<&[u8]> {
        let queue = self.0.as_ref()?;
        let (1, Some(chunk)) = (queue.list.len(), queue.list.front()) else {
            return None;
        };
        Some(&chunk.as_slice()[queue.gone..])
    }

    /// The chunks in order. Bytes of the first may have gone already, see [`gone`](Self::gone).
    pub fn iter(&self) -> impl Iterator<Item = &Chunk> {
        self.0.iter().flat_map(|queue| &queue.list)
    }

    /// Bytes of the first chunk that have gone.
    pub fn gone(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.gone)
    }

    /// Bytes that have gone since it was taken from another.
    pub fn sent(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.sent)
    }

    /// Notes that `count` bytes have gone, and lets go of the chunks that went whole.
    ///
    /// # Panics
    /// When `count` is more than [`len`](Self::len).
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "more bytes have gone than there were");
        let Some(queue) = self.0.as_mut() else { return };
        queue.left -= count;
        queue.sent += count;
        queue.gone += count;
        while let Some(first) = queue.list.front()
            && queue.gone >= first.len()
        {
            queue.gone -= first.len();
            queue.drop_front();
        }
    }

    /// Writes all of it. When that fails, what has gone has gone, and the rest may be tried again.
    ///
    /// # Errors
    /// What `out` says; `WriteZero` when it takes nothing.
    pub fn write_to(&mut self, mut out: impl io::Write) -> io::Result<()> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.slices(&mut slices);
            match out.write_vectored(&slices[..filled]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes whole chunks from the front, until there are `max` bytes or more of them.
    pub fn take(&mut self, max: usize) -> Chunks {
        if self.len() <= max {
            if let Some(queue) = self.0.as_mut() {
                queue.sent = 0;
            }
            return std::mem::take(self);
        }
        let mut front = Chunks::new();
        let (Some(queue), taken) = (self.0.as_mut(), front.queue()) else {
            return front;
        };
        taken.gone = std::mem::take(&mut queue.gone);
        while taken.left < max
            && let Some(chunk) = queue.list.pop_front()
        {
            taken.left += chunk.len() - if taken.list.is_empty() { taken.gone } else { 0 };
            taken.push(chunk);
        }
        queue.left -= taken.left;
        queue.memory -= taken.memory;
        front
    }

    /// Drops everything behind the first `len` bytes that have not gone.
    pub fn truncate(&mut self, len: usize) {
        let Some(queue) = self.0.as_mut() else { return };
        let mut keep = queue.gone + len;
        queue.left = queue.left.min(len);
        let whole = queue.list.iter().take_while(|chunk| {
            let fits = chunk.len() <= keep;
            keep -= if fits { chunk.len() } else { 0 };
            fits
        });
        let whole = whole.count();
        if keep > 0 && whole < queue.list.len() {
            queue.list.truncate(whole + 1);
            queue.list[whole].cut(keep);
        } else {
            queue.list.truncate(whole);
        }
        queue.memory = queue.list.iter().map(Chunk::memory).sum();
        queue.let_go();
    }

    /// Takes a `range` out of the chunk at `index`, none of which has gone.
    pub fn remove(&mut self, index: usize, range: Range<usize>) {
        let Some(queue) = self.0.as_mut() else { return };
        debug_assert!(index > 0 || range.start >= queue.gone);
        queue.left -= range.len();
        let chunk = &mut queue.list[index];
        queue.memory -= chunk.memory();
        if range == (0..chunk.len()) {
            queue.list.remove(index);
        } else {
            chunk.own().drain(range);
            queue.memory += chunk.memory();
        }
        queue.let_go();
    }

    #[inline]
    fn queue(&mut self) -> &mut Queue {
        self.0
            .get_or_insert_with(|| POOL.with_borrow_mut(|pool| pool.pop().unwrap_or_default()))
    }
}

impl Queue {
    #[inline(never)]
    fn append(&mut self, size: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let tail = self.tail(size);
        let (before, room) = (tail.len(), tail.capacity());
        write(tail);
        let grown = tail.len() - before;
        debug_assert_eq!(grown, size);
        let more_room = tail.capacity() - room;
        self.left += grown;
        self.memory += more_room;
    }

    fn has_room(&self, size: usize) -> bool {
        matches!(self.list.back(), Some(Chunk::Own(tail)) if tail.len() + size <= CHUNK)
    }

    fn tail(&mut self, size: usize) -> &mut Vec<u8> {
        if !self.has_room(size) {
            let fresh = if size > CHUNK {
                pool::take(size)
            } else {
                let mut spare = std::mem::take(&mut self.spare);
                spare.reserve(size.max(FIRST));
                spare
            };
            self.push(Chunk::Own(fresh));
        }
        match self.list.back_mut() {
            Some(Chunk::Own(tail)) => tail,
            _ => unreachable!("has_room, or just pushed"),
        }
    }

    fn push(&mut self, chunk: Chunk) {
        self.memory += chunk.memory();
        self.list.push_back(chunk);
    }

    fn drop_front(&mut self) {
        let Some(chunk) = self.list.pop_front() else {
            return;
        };
        self.memory -= chunk.memory();
        if let Chunk::Own(mut buffer) = chunk {
            if buffer.capacity() > CHUNK {
                pool::give(buffer);
            } else if buffer.capacity() > self.spare.capacity() {
                buffer.clear();
                self.spare = buffer;
            }
        }
    }

    fn clear(&mut self) {
        while !self.list.is_empty() {
            self.drop_front();
        }
        self.gone = 0;
        self.left = 0;
        self.sent = 0;
    }

    /// After something was taken out: lets go of a first chunk of which all that is left has gone.
    fn let_go(&mut self) {
        if let Some(first) = self.list.front()
            && self.gone >= first.len()
        {
            self.drop_front();
            self.gone = 0;
        }
        if self.left == 0 {
            self.clear();
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        let Some(mut queue) = self.0.take() else {
            return;
        };
        queue.clear();
        if queue.list.capacity() <= SLOTS {
            // The thread may be ending, its pool gone: then the queue is simply freed.
            let _ = POOL.try_with(|pool| {
                let mut pool = pool.borrow_mut();
                if pool.len() >= SPARES {
                    queue.spare = Vec::new();
                }
                if pool.len() < POOLED {
                    pool.push(queue);
                }
            });
        }
    }
}

thread_local! {
    /// Last in, first out: what was used last is still in the cache.
    // Boxed: they move between pool, outbox and driver, and are one word wide there.
    #[allow(clippy::vec_box)]
    static POOL: RefCell<Vec<Box<Queue>>> = const { RefCell::new(Vec::new()) };
}

/// 16 KiB: what one receive buffer brings, answered in kind, fits one chunk.
const CHUNK: usize = 16 << 10;
/// 16: a header is written whole, and cut to what it needs.
const MOMENT: usize = 16;
/// 2 KiB: a first buffer holds the usual small replies without growing.
const FIRST: usize = 2 << 10;
/// A queue that has grown past this is not worth keeping.
const SLOTS: usize = 64;
/// 1024: as many queues wait in a thread's pool, some 200 bytes each. A message to many needs many at once.
const POOLED: usize = 1024;
/// 256: of those as many with a spare buffer, 4 MiB at most.
const SPARES: usize = 256;
