//! Calls at the door that no thread has taken in yet.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    queue::{AtDoor, Reply},
    submission::Submission,
};

/// Submissions that go through the door together: their signatures share what can be shared.
pub(super) const TOGETHER: usize = 16;
/// So many calls are not shared between threads: each would wait for the other's sync.
const FEW: usize = 4;
/// Bytes of a call that is taken in where it was made.
const SMALL: usize = 64 << 10;

/// A call at the door.
pub(super) struct Call {
    pub submissions: Vec<Submission>,
    pub atomic: bool,
    pub reply: Reply,
    pub at_door: AtDoor,
}

impl Call {
    /// Whether it takes less than a millisecond: then whoever calls takes it in.
    pub fn is_small(&self) -> bool {
        let bytes = |s: &Submission| {
            s.note.len() + s.content.as_ref().map_or(0, Vec::len) + s.restored.as_ref().map_or(0, Vec::len)
        };
        self.submissions.len() <= TOGETHER && self.submissions.iter().map(bytes).sum::<usize>() <= SMALL
    }
}

/// Calls that wait to be taken in, the first that came first.
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

    /// Takes the share of one of so many threads: see [`together`].
    pub fn take(&self, threads: usize) -> Vec<Call> {
        together(&mut self.lock(), threads)
    }
}

/// Takes calls from those that wait: their share for one of so many threads, a few at least, and no more than go
/// together.
fn together(waiting: &mut VecDeque<Call>, threads: usize) -> Vec<Call> {
    let share = waiting.len().div_ceil(threads.max(1)).max(FEW);
    let mut submissions = 0;
    let fit = waiting.iter().take(share).take_while(|call| {
        submissions += call.submissions.len();
        submissions <= TOGETHER
    });
    // One at least: alone, a call may be larger.
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
            // As many jobs as calls.
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
