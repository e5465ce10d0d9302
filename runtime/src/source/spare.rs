//! Buffers of chunks that were worked through, to be filled again: memory that is used again is there and warm, while fresh
//! pages are cleared by the kernel, and an allocator may keep what it was given back.

use std::sync::{Arc, Mutex};

use crate::thread;

/// The buffers of a [`Chunk`](super::Chunk), empty; they may have room already.
#[derive(Debug, Default)]
pub struct Buffers {
    /// For [`Chunk::data`](super::Chunk::data).
    pub data: Vec<u8>,
    /// For [`Chunk::spans`](super::Chunk::spans).
    pub spans: Vec<(u32, u32)>,
}

impl Buffers {
    fn bytes(&self) -> usize {
        self.data.capacity() + self.spans.capacity() * size_of::<(u32, u32)>()
    }
}

/// Where buffers wait to be used again.
///
/// As many are kept as were taken, so that nothing is kept of a source that takes none.
#[derive(Debug, Clone)]
pub(crate) struct Spare(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    /// The most bytes to keep.
    limit: usize,
    /// How many are in use.
    taken: usize,
    /// Those that wait, the last one used last, and their bytes.
    waiting: Vec<Buffers>,
    bytes: usize,
}

impl Spare {
    /// Keeps at most so many bytes of buffers that are not in use.
    pub(crate) fn keeping(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Inside { limit, taken: 0, waiting: Vec::new(), bytes: 0 })))
    }

    /// Buffers to be filled, those that were used last, as they are still near; new ones without room if none wait.
    pub(crate) fn take(&self) -> Buffers {
        let mut inside = thread::lock(&self.0);
        inside.taken += 1;
        let buffers = inside.waiting.pop().unwrap_or_default();
        inside.bytes -= buffers.bytes();
        buffers
    }

    /// Takes buffers back. What is in them is forgotten.
    pub(crate) fn give(&self, mut data: Vec<u8>, mut spans: Vec<(u32, u32)>) {
        data.clear();
        spans.clear();
        let buffers = Buffers { data, spans };
        let bytes = buffers.bytes();
        let mut inside = thread::lock(&self.0);
        let taken = inside.taken > 0;
        inside.taken = inside.taken.saturating_sub(1);
        if taken && inside.bytes + bytes <= inside.limit {
            inside.bytes += bytes;
            inside.waiting.push(buffers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(bytes: usize) -> (Vec<u8>, Vec<(u32, u32)>) {
        let mut data = Vec::with_capacity(bytes);
        data.push(1);
        (data, Vec::new())
    }

    #[test]
    fn what_was_used_last_is_used_next_and_is_empty() {
        let spare = Spare::keeping(100);
        let taken = [spare.take(), spare.take()];
        assert!(taken.iter().all(|buffers| buffers.bytes() == 0));
        for bytes in [10, 20] {
            let (data, spans) = room(bytes);
            spare.give(data, spans);
        }
        let next = [spare.take(), spare.take(), spare.take()].map(|next| (next.data.len(), next.data.capacity()));
        assert_eq!(next, [(0, 20), (0, 10), (0, 0)]);
    }

    #[test]
    fn no_more_is_kept_than_was_taken_and_than_the_limit() {
        let spare = Spare::keeping(100);
        let give = |bytes| {
            let (data, spans) = room(bytes);
            spare.give(data, spans);
        };
        // Of a source with buffers of its own.
        give(10);
        assert_eq!(spare.take().data.capacity(), 0);
        let _others = [spare.take(), spare.take()];
        give(90);
        give(20);
        give(10);
        let kept = [spare.take(), spare.take(), spare.take()].map(|kept| kept.data.capacity());
        assert_eq!(kept, [10, 90, 0]);
    }
}
