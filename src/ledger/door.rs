//! The door of an open ledger: calls come in, their submissions are admitted on several threads, and those that pass are
//! handed to the sequencer.

use std::sync::Arc;

use rayon::prelude::*;
use tokio::sync::oneshot;

use super::{
    Ledger,
    admission::{Admitted, admit},
    calls::{Call, TOGETHER},
    queue::{AtDoor, Group, Reply},
    shared::Shared,
    submission::{Receipt, Submission, held_back, read_only},
};
use crate::event::Refusal;

/// More calls than this wait for the sequencer only when it can't keep up. Nothing is refused then; it shows in the metrics.
const MANY_WAITING: usize = 4_096;

/// A caller's turn to take in calls that wait. There is one turn for each call. If others took in all calls that wait, a turn
/// has nothing to do. If its caller goes away, the turn is taken on another thread, since the calls that it would have taken
/// in may be those of others.
struct Turn<'a>(Option<&'a Ledger>);

impl Turn<'_> {
    fn take(mut self) {
        if let Some(ledger) = self.0.take() {
            ledger.take_turn();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(ledger) = self.0.take().cloned() {
            rayon::spawn(move || ledger.take_turn());
        }
    }
}

impl Ledger {
    /// Records submissions, one by one or (`atomic`) all or none. Gives one answer for each, in order. With
    /// `atomic`, one refusal refuses all: the faulty ones say why, the others that they were held back.
    pub async fn record(&self, submissions: Vec<Submission>, atomic: bool) -> Vec<Result<Receipt, Refusal>> {
        let n = submissions.len();
        let (reply, answer) = oneshot::channel();
        let call = Call { submissions, atomic, reply, at_door: self.0.queue.comes() };
        // A call goes from the door straight to the sequencer: the caller is woken once, with its answer.
        if call.is_small() {
            self.0.calls.push(call);
            let turn = Turn(Some(self));
            // Other tasks that are ready push their calls first; then one of them takes several in on its own thread. To wake
            // another thread would cost as much as to check a signature.
            tokio::task::yield_now().await;
            turn.take();
        } else {
            let this = self.clone();
            rayon::spawn(move || this.take_in(vec![call]));
        }
        answer.await.unwrap_or_else(|_| self.not_taken(n))
    }

    /// Like [`record`](Self::record), for callers outside an async runtime.
    pub fn record_blocking(
        &self,
        submissions: Vec<Submission>,
        atomic: bool,
    ) -> Vec<Result<Receipt, Refusal>> {
        let n = submissions.len();
        let (reply, answer) = oneshot::channel();
        let call = Call { submissions, atomic, reply, at_door: self.0.queue.comes() };
        self.take_in(vec![call]);
        answer.blocking_recv().unwrap_or_else(|_| self.not_taken(n))
    }

    /// The answers when the sequencer is gone.
    fn not_taken(&self, n: usize) -> Vec<Result<Receipt, Refusal>> {
        let why = self.refuses().unwrap_or_else(|| "the ledger is closed".into());
        vec![Err(read_only(&why)); n]
    }

    fn take_turn(&self) {
        self.take_in(self.0.calls.take(rayon::current_num_threads()));
    }

    /// Takes the submissions of some calls through the door, and those that pass to the sequencer. If the sequencer has ended,
    /// the replies are dropped.
    fn take_in(&self, calls: Vec<Call>) {
        if calls.is_empty() {
            return;
        }
        let shared: &Arc<Shared> = &self.0.shared;
        let fault = self.refuses();
        let mut submissions = Vec::new();
        let mut taken = Vec::with_capacity(calls.len());
        for Call { submissions: mut sent, atomic, reply, at_door } in calls {
            if let Some(why) = &fault {
                // A caller that went away needs no answer, here and below.
                let _ = reply.send(vec![Err(read_only(why)); sent.len()]);
                continue;
            }
            taken.push((sent.len(), atomic, reply, at_door));
            submissions.append(&mut sent);
        }
        let results: Vec<Result<Admitted, Refusal>> = if submissions.len() <= TOGETHER {
            admit(shared, submissions)
        } else {
            submissions.into_par_iter().chunks(TOGETHER).flat_map_iter(|some| admit(shared, some)).collect()
        };
        let mut results = results.into_iter();
        for (n, atomic, reply, at_door) in taken {
            self.hand_over(results.by_ref().take(n).collect(), atomic, reply, at_door);
        }
    }

    /// Answers a call that the door refused, or hands it to the sequencer.
    fn hand_over(
        &self,
        results: Vec<Result<Admitted, Refusal>>,
        atomic: bool,
        reply: Reply,
        at_door: AtDoor,
    ) {
        let first_refused = results.iter().position(Result::is_err);
        if let Some(first) = first_refused
            && (atomic || results.iter().all(Result::is_err))
        {
            let answer = |r: Result<_, Refusal>| Err(r.err().unwrap_or_else(|| held_back(first)));
            let _ = reply.send(results.into_iter().map(answer).collect());
            return;
        }
        let mut admitted = Vec::with_capacity(results.len());
        let refused = results.into_iter().map(|r| r.map(|a| admitted.push(a)).err()).collect();
        self.0.queue.push(Group { refused, admitted, atomic, reply }, at_door);
    }

    /// The number of calls that wait for the sequencer, and the number above which it does not keep up.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.0.queue.len(), MANY_WAITING)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        ledger::Options,
        note::{Origin, SigningKey},
    };

    /// A ledger with its first entry, and that entry's event to be sent again.
    fn begun(dir: &Path) -> (Ledger, Submission) {
        let key = |name: &str, n| SigningKey::from_seed(name.parse().unwrap(), &[n; 32]);
        let origin: Origin = "ledger.example.org/a".parse().unwrap();
        let operator = key("ledger.example.org/operator", 2);
        Ledger::init(dir, origin, key("ledger.example.org/a", 1), &operator, serde_json::Map::new()).unwrap();
        let ledger = Ledger::open(dir, Options::default()).unwrap();
        let opened = ledger.reader().parsed(0).unwrap().unwrap();
        let again = Submission::new(opened.event().note().as_bytes().to_vec(), None);
        (ledger, again)
    }

    #[test]
    fn whoever_left_the_door_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, again) = begun(&dir.path().join("ledger"));
        let there = || ledger.0.queue.at_door();
        let bad = Submission::new(b"no note".to_vec(), None);
        // Refused at the door, answered by the sequencer, and both in one call.
        for call in [vec![bad.clone()], vec![again.clone()], vec![again, bad]] {
            ledger.record_blocking(call, false);
            assert_eq!(there(), 0);
        }
        ledger.close();
        ledger.record_blocking(vec![Submission::new(Vec::new(), None)], false);
        assert_eq!(there(), 0);
    }

    #[test]
    fn however_many_calls_wait_for_the_sequencer_no_thread_of_the_pool_waits_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, again) = begun(&dir.path().join("ledger"));
        let shared = ledger.0.shared.clone();
        // While this is held the sequencer commits nothing.
        let held = shared.hold_recent();
        let mut answers = Vec::new();
        // Enough calls beside those that the sequencer may already have taken.
        let together =
            Options::default().max_batch + MANY_WAITING + 2 * TOGETHER * rayon::current_num_threads();
        for _ in 0..together.div_ceil(TOGETHER) {
            let calls = (0..TOGETHER).map(|_| {
                let (reply, answer) = oneshot::channel();
                answers.push(answer);
                let submissions = vec![again.clone()];
                Call { submissions, atomic: false, reply, at_door: ledger.0.queue.comes() }
            });
            ledger.take_in(calls.collect());
        }
        let (done, is_done) = std::sync::mpsc::channel();
        for _ in 0..rayon::current_num_threads() {
            let done = done.clone();
            // The receiver may have given up.
            rayon::spawn(move || _ = done.send(()));
        }
        for _ in 0..rayon::current_num_threads() {
            is_done.recv_timeout(Duration::from_secs(60)).expect("the pool works on");
        }
        drop(held);
        for answer in answers {
            let receipt = answer.blocking_recv().unwrap().remove(0).unwrap();
            assert!(receipt.already && receipt.index == 0);
        }
    }
}
