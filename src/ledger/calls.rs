//! Calls that wait at the door until a thread takes them in.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    queue::{AtDoor, Reply},
    submission::Submission,
};

/// Most submissions that go through the door together. Their signatures are checked together, which costs less.
pub(super) const TOGETHER: usize = 16;
/// Up to this many calls are not split between threads: each part would wait for the other's sync.
const FEW: usize = 4;
/// Most bytes of a call that its own task takes in.
const SMALL: usize = 64 << 10;

/// A call at the door.
pub(super) struct Call {
    pub submissions: Vec<Submission>,
    pub atomic: bool,
    pub reply: Reply,
    pub at_door: AtDoor,
}

impl Call {
    /// Whether the caller's own task takes it in, because that takes less than a millisecond.
    pub fn is_small(&self) -> bool {
        let bytes = |s: &Submission| {
            s.note.len() + s.content.as_ref().map_or(0, Vec::len) + s.restored.as_ref().map_or(0, Vec::len)
        };
        self.submissions.len() <= TOGETHER && self.submissions.iter().map(bytes).sum::<usize>() <= SMALL
    }
}

/// Calls that wait to be taken in, in the order in which they came.
#[derive(Default)]
pub(super) struct Calls(Mutex<VecDeque<Call>>);

impl Calls {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call at the end.
    pub fn push(&self, call: Call) {
        self.lock().push_back(call);
    }

    /// Takes the share of one of `threads` threads: see [`together`].
    pub fn take(&self, threads: usize) -> Vec<Call> {
        together(&mut self.lock(), threads)
    }
}

/// Takes calls from those that wait: the share of one of `threads` threads, but at least [`FEW`], and at most [`TOGETHER`]
/// submissions unless the first call alone has more.
fn together(waiting: &mut VecDeque<Call>, threads: usize) -> Vec<Call> {
    let share = waiting.len().div_ceil(threads.max(1)).max(FEW);
    let mut submissions = 0;
    let fit = waiting.iter().take(share).take_while(|call| {
        submissions += call.submissions.len();
        submissions <= TOGETHER
    });
    // At least one call: alone, it may be larger.
    let n = fit.count().max(1).min(waiting.len());
    waiting.drain(..n).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::ledger::queue::Queue;

    #[test]
    fn calls_go_together_by_share_and_size_and_none_is_left() {
        let (queue, _taker) = Queue::new(1, Duration::ZERO);
        let taken = |sizes: &[usize], threads| {
            let call = |n: &usize| Call {
                submissions: vec![Submission::new(Vec::new(), None); *n],
                atomic: false,
                reply: oneshot::channel().0,
                at_door: queue.comes(),
            };
            let mut waiting: VecDeque<Call> = sizes.iter().map(call).collect();
            let mut groups = Vec::new();
            // One turn for each call.
            for _ in sizes {
                groups.push(together(&mut waiting, threads).len());
            }
            assert!(waiting.is_empty());
            groups
        };
        assert_eq!(taken(&[1], 2), [1]);
        assert_eq!(taken(&[1, 1], 2), [2, 0], "a few are not shared");
        assert_eq!(taken(&[1; 12], 2)[..4], [6, 4, 2, 0]);
        assert_eq!(taken(&[1; 40], 1)[..4], [16, 16, 8, 0]);
        assert_eq!(taken(&[0, 9, 9, 500, 1], 1), [2, 1, 1, 1, 0], "a large call goes alone");
        assert_eq!(queue.at_door(), 0);
    }
}
