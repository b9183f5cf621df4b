//! The sequencer's queue: groups of submissions that came through the door, and the number of calls that are still there.
//!
//! To hand a group over takes no waiting, so a task or a thread of the pool that others need may do it. The queue has no
//! bound of its own: each group's caller waits for its answer, so there are no more groups than callers, and those are
//! bounded where requests come in.
//!
//! The sequencer sleeps until it has enough to do. Each change of the queue looks whether that is so now, and only then wakes
//! it: at most twice a batch, however many calls make it up.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    admission::Admitted,
    submission::{Receipt, unavailable},
};
use crate::event::Refusal;

/// A batch is closed when its entries and words reach this many bytes.
const MAX_BATCH_BYTES: usize = 32 << 20;
/// While more calls are at the door than in the queue, a batch waits for them, at most this long. Each batch costs one sync and
/// one signature. Under load, waiting shares these among a hundred events; a single call does not wait.
pub(crate) const GATHER: Duration = Duration::from_millis(4);

/// Carries the answers to the caller.
pub(crate) type Reply = oneshot::Sender<Vec<Result<Receipt, Refusal>>>;

/// Submissions that came in one call.
pub(crate) struct Group {
    /// For each submission, why it was refused at the door. `None` stands for the next one of `admitted`.
    pub refused: Vec<Option<Refusal>>,
    pub admitted: Vec<Admitted>,
    pub atomic: bool,
    pub reply: Reply,
}

impl Group {
    /// Answers the call. `answer` is asked for each admitted submission, with its place among these.
    pub fn answer(self, mut answer: impl FnMut(usize, &Admitted) -> Result<Receipt, Refusal>) {
        let mut admitted = self.admitted.iter().enumerate();
        let answers = self.refused.into_iter().map(|refused| match (refused, admitted.by_ref()) {
            (Some(refusal), _) => Err(refusal),
            (None, admitted) => match admitted.next() {
                Some((i, a)) => answer(i, a),
                None => Err(unavailable()),
            },
        });
        let answers = answers.collect();
        // A caller that went away needs no answer.
        let _ = self.reply.send(answers);
    }

    fn size(&self) -> Size {
        let bytes = self.admitted.iter().map(|a| {
            let words = a.words.as_ref().map_or(0, |w| w.len()) + a.restored.as_ref().map_or(0, |w| w.len());
            a.event.note().as_bytes().len() + words
        });
        Size { events: self.admitted.len(), bytes: bytes.sum() }
    }
}

/// The size of one group, or of several.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    events: usize,
    bytes: usize,
}

/// The sequencer's queue: see the module's head.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Events that make a batch full.
    max_events: usize,
    /// How long a batch waits for calls at the door, at most.
    gather: Duration,
}

#[derive(Default)]
struct State {
    /// The number of calls that came and have been neither answered nor handed over.
    at_door: usize,
    groups: VecDeque<(Group, Size)>,
    /// Of all groups.
    size: Size,
    closed: bool,
    /// What the sequencer sleeps for; `None` if it is awake.
    sleeps: Option<Sleeps>,
    /// How often the sequencer was woken.
    #[cfg(test)]
    called: usize,
    /// How often it woke up, when it was woken or because its time was over.
    #[cfg(test)]
    woke: usize,
}

/// What the sequencer sleeps for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleeps {
    /// A first group.
    ForOne,
    /// As many groups as there are calls at the door, or a full batch.
    ForMore,
}

/// Counts a call as being at the door, until it is dropped or handed over to the sequencer (then `None`).
pub(crate) struct AtDoor(Option<Arc<Queue>>);

impl Drop for AtDoor {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            let mut state = queue.lock();
            state.at_door -= 1;
            queue.wake_if_due(&mut state);
        }
    }
}

impl Queue {
    /// An empty queue, and the sequencer's end of it.
    pub fn new(max_events: usize, gather: Duration) -> (Arc<Self>, Taker) {
        let (state, wake) = Default::default();
        let queue = Arc::new(Self { state, wake, max_events, gather });
        (queue.clone(), Taker { queue, spare: VecDeque::new() })
    }

    /// A closed queue.
    pub fn closed() -> Arc<Self> {
        Self::new(0, Duration::ZERO).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the sequencer if it sleeps and has enough to do.
    fn wake_if_due(&self, state: &mut State) {
        let due = match state.sleeps {
            None => false,
            Some(Sleeps::ForOne) => state.closed || !state.groups.is_empty(),
            Some(Sleeps::ForMore) => self.is_enough(state),
        };
        if due {
            // Cleared at once: calls that come before it runs need not wake it again.
            state.sleeps = None;
            #[cfg(test)]
            {
                state.called += 1;
            }
            self.wake.notify_one();
        }
    }

    /// Whether nothing is gained by waiting longer. If there are as many groups here as calls at the door, the door works on
    /// those calls while these groups are made durable.
    fn is_enough(&self, state: &State) -> bool {
        let Size { events, bytes } = state.size;
        state.closed
            || events >= self.max_events
            || bytes >= MAX_BATCH_BYTES
            || state.groups.len() >= state.at_door
    }

    /// Notes that a call comes to the door.
    pub fn comes(self: &Arc<Self>) -> AtDoor {
        self.lock().at_door += 1;
        AtDoor(Some(self.clone()))
    }

    /// Hands the group of a call that was at the door to the sequencer. If the queue is closed, the group is dropped, with its
    /// reply.
    pub fn push(&self, group: Group, mut at_door: AtDoor) {
        let size = group.size();
        // Both numbers change under one lock, which the door takes once for each call.
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return;
        }
        at_door.0 = None;
        state.at_door -= 1;
        state.size.events += size.events;
        state.size.bytes += size.bytes;
        state.groups.push_back((group, size));
        self.wake_if_due(&mut state);
    }

    /// Takes no more groups. The sequencer takes those that are here, and ends.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake_if_due(&mut state);
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The number of groups that wait.
    pub fn len(&self) -> usize {
        self.lock().groups.len()
    }

    /// The number of calls that came and were not handed over yet.
    #[cfg(test)]
    pub fn at_door(&self) -> usize {
        self.lock().at_door
    }
}

/// The sequencer's end of the queue. When it is dropped, the queue is closed, and the groups that wait get no answer.
pub(crate) struct Taker {
    queue: Arc<Queue>,
    /// An empty list with room. It takes the place of the groups that are taken, so that the lock is held only for a moment.
    spare: VecDeque<(Group, Size)>,
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.queue.close();
        // Dropped outside the lock, since callers go on as soon as their reply is dropped.
        let left = std::mem::take(&mut self.queue.lock().groups);
        drop(left);
    }
}

impl Taker {
    /// Takes the groups of one batch, and waits for those that are about to come. `None` when the queue is closed and empty.
    pub fn take(&mut self) -> Option<Vec<Group>> {
        let Self { queue, spare } = self;
        let mut state = queue.lock();
        while state.groups.is_empty() {
            if state.closed {
                return None;
            }
            state = sleep(queue, state, Sleeps::ForOne, None);
        }
        let until = Instant::now() + queue.gather;
        while !queue.is_enough(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = sleep(queue, state, Sleeps::ForMore, Some(left));
        }
        if state.size.events < queue.max_events && state.size.bytes < MAX_BATCH_BYTES {
            std::mem::swap(&mut state.groups, spare);
            state.size = Size::default();
        } else {
            let mut taken = Size::default();
            while taken.events < queue.max_events
                && taken.bytes < MAX_BATCH_BYTES
                && let Some((group, size)) = state.groups.pop_front()
            {
                taken.events += size.events;
                taken.bytes += size.bytes;
                spare.push_back((group, size));
            }
            state.size.events -= taken.events;
            state.size.bytes -= taken.bytes;
        }
        drop(state);
        Some(spare.drain(..).map(|(group, _)| group).collect())
    }
}

/// Sleeps until it is woken, or for `at_most`.
fn sleep<'a>(
    queue: &Queue,
    mut state: MutexGuard<'a, State>,
    sleeps: Sleeps,
    at_most: Option<Duration>,
) -> MutexGuard<'a, State> {
    state.sleeps = Some(sleeps);
    let mut state = match at_most {
        None => queue.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(at_most) => queue.wake.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0,
    };
    state.sleeps = None;
    #[cfg(test)]
    {
        state.woke += 1;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group { refused: Vec::new(), admitted: Vec::new(), atomic: false, reply: oneshot::channel().0 }
    }

    impl Queue {
        /// How often the sequencer was woken, and how often it woke up.
        fn wakes(&self) -> (usize, usize) {
            let state = self.lock();
            (state.called, state.woke)
        }
    }

    /// Waits until the sequencer sleeps for something.
    fn until_it_sleeps(queue: &Queue, sleeps: Sleeps) {
        while queue.lock().sleeps != Some(sleeps) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_sequencer_wakes_for_a_first_group_and_when_it_has_enough_and_for_nothing_else() {
        let (queue, mut taker) = Queue::new(1_024, Duration::from_secs(3_600));
        let taken = std::thread::spawn(move || {
            let batch = taker.take().map(|groups| groups.len());
            (batch, taker.take().map(|groups| groups.len()))
        });
        until_it_sleeps(&queue, Sleeps::ForOne);
        let mut door: Vec<AtDoor> = (0..5).map(|_| queue.comes()).collect();
        assert_eq!(queue.wakes(), (0, 0), "calls at the door are nothing to be taken yet");
        queue.push(group(), door.pop().unwrap());
        until_it_sleeps(&queue, Sleeps::ForMore);
        // One group here and four calls at the door; a sixth comes, and another goes through.
        door.push(queue.comes());
        queue.push(group(), door.pop().unwrap());
        // A call is refused at the door, so no group comes of it.
        drop(door.pop());
        assert_eq!((queue.len(), queue.at_door()), (2, 3));
        // Long enough to catch a sequencer that looks now and then without being woken.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(queue.wakes(), (1, 1), "still too few");
        assert_eq!(queue.lock().sleeps, Some(Sleeps::ForMore));
        drop(door.pop());
        // Now as many groups wait as calls are at the door, so it takes them.
        until_it_sleeps(&queue, Sleeps::ForOne);
        assert_eq!((queue.len(), queue.wakes()), (0, (2, 2)));
        drop(door);
        queue.close();
        assert_eq!(taken.join().unwrap(), (Some(2), None));
        assert_eq!(queue.wakes(), (3, 3), "and to end");
    }

    #[test]
    fn a_batch_waits_no_longer_than_it_may_and_not_for_one_that_is_full() {
        let (queue, mut taker) = Queue::new(2, Duration::from_millis(1));
        let _stays = queue.comes();
        let _stays_too = queue.comes();
        queue.push(group(), queue.comes());
        assert_eq!(taker.take().map(|groups| groups.len()), Some(1), "though two are at the door");
        queue.lock().size.events = 2;
        queue.push(group(), queue.comes());
        let before = queue.wakes();
        assert_eq!(taker.take().map(|groups| groups.len()), Some(1));
        assert_eq!(queue.wakes(), before, "it did not sleep");
    }

    #[test]
    fn what_waits_when_the_sequencer_is_gone_is_let_go_of() {
        let (queue, taker) = Queue::new(1_024, GATHER);
        let (reply, mut answer) = oneshot::channel();
        queue.push(Group { reply, ..group() }, queue.comes());
        drop(taker);
        assert!(queue.is_closed() && queue.len() == 0 && queue.at_door() == 0);
        assert_eq!(answer.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        queue.push(group(), queue.comes());
        assert_eq!((queue.len(), queue.at_door()), (0, 0), "nothing is kept that nobody takes");
    }
}
