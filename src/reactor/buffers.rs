//! The memory that io_uring receives into.
//!
//! A ring of buffers is lent to the kernel. It picks one when bytes come, and its completion hands that
//! one to us; we hand it to the caller for one call and put it back. What was put back is shown to the
//! kernel once per turn.
//!
//! ```text
//!   entries (ours to write, the kernel's to read)      pool
//!   ┌──────┬──────┬─────┬──────┐                       ┌─────────┬─────────┬─────┐
//!   │ addr │ addr │ ... │ addr │ ────────────────────▶ │ 16 KiB  │ 16 KiB  │ ... │
//!   │ bid  │ bid  │     │ bid  │                       └─────────┴─────────┴─────┘
//!   └──────┴──────┴─────┴──────┘
//!      ▲ head: the kernel's        tail: ours, a release-store
//! ```
//!
//! Every buffer is at every moment either the kernel's or lent once, never both.

use std::alloc::{self, Layout};
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// Buffers lent to one ring. Dropping it leaks the memory: only [`free`](Self::free) gives it back.
#[derive(Debug)]
pub(super) struct Buffers {
    entries: NonNull<BufRingEntry>,
    pool: NonNull<u8>,
    /// Where the next buffer is put back. What the kernel sees of it lags until `publish`.
    tail: u16,
    shown: u16,
}

impl Buffers {
    /// Takes the memory, touches every page of it and lends it all to the ring.
    pub(super) fn new(submitter: &Submitter<'_>) -> io::Result<Self> {
        let entries = allocate(entries_layout())?.cast();
        let pool = match allocate(pool_layout()) {
            Ok(pool) => pool,
            Err(error) => {
                // SAFETY: just allocated with this layout, and nobody else knows it.
                unsafe { alloc::dealloc(entries.cast().as_ptr(), entries_layout()) };
                return Err(error);
            }
        };
        let mut buffers = Buffers {
            entries,
            pool,
            tail: 0,
            shown: 0,
        };
        // SAFETY: `entries` is page aligned, holds COUNT entries and lives until `free`, whose caller
        // vouches that the ring is done with it.
        let registered = unsafe {
            submitter.register_buf_ring_with_flags(entries.as_ptr() as u64, COUNT, GROUP, 0)
        };
        if let Err(error) = registered {
            // SAFETY: the kernel has refused the memory, so it does not use it.
            unsafe { buffers.free() };
            return Err(error);
        }
        (0..COUNT).for_each(|id| buffers.put_back(id));
        buffers.publish();
        Ok(buffers)
    }

    /// Takes over the first `len` bytes of buffer `id`. They go back to the kernel when the loan is dropped.
    ///
    /// # Safety
    /// A completion of this group has just handed over `id`, and this is the only call for it.
    #[inline]
    pub(super) unsafe fn take(&mut self, id: u16, len: usize) -> Loan<'_> {
        // Not the kernel's word for it, where memory is at stake.
        assert!(id < COUNT && len <= SIZE);
        Loan {
            buffers: self,
            id,
            len,
        }
    }

    /// Shows the kernel what was put back since the last time.
    #[inline]
    pub(super) fn publish(&mut self) {
        if self.shown != self.tail {
            // SAFETY: `entries` is the address of the first entry, in which the tail lies. Nobody writes
            // it but us; it is aligned, and read by the kernel only.
            let tail = unsafe {
                AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut())
            };
            // Release: the entries are written before the kernel sees them.
            tail.store(self.tail, Ordering::Release);
            self.shown = self.tail;
        }
    }

    /// Frees the memory.
    ///
    /// # Safety
    /// The kernel does not use it any more: nothing that receives into the group is under way and the
    /// group is not registered (any more). It is the last call.
    pub(super) unsafe fn free(&mut self) {
        // SAFETY: both were allocated in `new` with these layouts; the caller vouches for the rest.
        unsafe {
            alloc::dealloc(self.entries.cast().as_ptr(), entries_layout());
            alloc::dealloc(self.pool.as_ptr(), pool_layout());
        }
    }

    #[inline]
    fn put_back(&mut self, id: u16) {
        let address = self.address(id).as_ptr() as u64;
        // SAFETY: the index is below COUNT. The kernel does not read entries beyond the tail it was
        // shown, and there are never more than COUNT buffers in the ring.
        let entry = unsafe {
            &mut *self
                .entries
                .as_ptr()
                .add(usize::from(self.tail & (COUNT - 1)))
        };
        entry.set_addr(address);
        entry.set_len(SIZE as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    #[inline]
    fn address(&self, id: u16) -> NonNull<u8> {
        debug_assert!(id < COUNT);
        // SAFETY: `id` is below COUNT, so the sum stays inside the pool.
        unsafe { self.pool.add(usize::from(id) * SIZE) }
    }
}

/// The bytes of one completion, ours until dropped.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    buffers: &'a mut Buffers,
    id: u16,
    len: usize,
}

impl Deref for Loan<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: as in `deref_mut`.
        unsafe { slice::from_raw_parts(self.buffers.address(self.id).as_ptr(), self.len) }
    }
}

impl DerefMut for Loan<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: `take` checked that the range lies in the pool, which was initialised when it was
        // allocated. The buffer is not the kernel's while it is lent (see `take`), and the slice lives
        // no longer than the borrow of the loan, which alone knows this buffer.
        unsafe { slice::from_raw_parts_mut(self.buffers.address(self.id).as_ptr(), self.len) }
    }
}

impl Drop for Loan<'_> {
    #[inline]
    fn drop(&mut self) {
        self.buffers.put_back(self.id);
    }
}

/// Zeroed memory, every page of it touched: a page touched now is not a page fault (1.4 µs) later.
fn allocate(layout: Layout) -> io::Result<NonNull<u8>> {
    // SAFETY: the layouts below are not empty.
    let memory = unsafe { alloc::alloc_zeroed(layout) };
    let memory = NonNull::new(memory).ok_or(io::ErrorKind::OutOfMemory)?;
    for offset in (0..layout.size()).step_by(4 << 10) {
        // SAFETY: inside what was just allocated, and nobody else knows it. Volatile, or the compiler
        // sees that zero is there already.
        unsafe { memory.as_ptr().add(offset).write_volatile(0) };
    }
    Ok(memory)
}

const fn entries_layout() -> Layout {
    page_aligned(COUNT as usize * size_of::<BufRingEntry>())
}

const fn pool_layout() -> Layout {
    page_aligned(COUNT as usize * SIZE)
}

const fn page_aligned(size: usize) -> Layout {
    match Layout::from_size_align(size, PAGE) {
        Ok(layout) => layout,
        Err(_) => panic!("the sizes are constants, and small"),
    }
}

/// The one group of buffers of a ring.
pub(super) const GROUP: u16 = 0;
/// 16 KiB: a burst of small frames is one receive, and 4 KiB buffers cost 20-40 % more from 16 KiB on.
pub(super) const SIZE: usize = 16 << 10;
/// 64: 1 MiB in all, which stays in the cache, and more than the kernel brings at a time (some 40). With 256,
/// 200 x 512 B took 6 % more of the server's time, 64 x 16 x 512 B 13 %. A power of two.
const COUNT: u16 = 64;
/// 64 KiB: the largest page of the machines we know.
const PAGE: usize = 64 << 10;
