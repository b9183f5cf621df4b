//! Who works now. Queries wait for their turn, so that the writer and light requests find a processor however many ask.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::client::Client;

/// So many work at once. Clients that wait come in a ring, one turn each, so whoever asks much waits for itself.
#[derive(Debug)]
pub(super) struct Turns {
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    working: usize,
    /// Each client that waits, once.
    ring: VecDeque<Client>,
    waiting: HashMap<Client, VecDeque<oneshot::Sender<Turn>>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// None once it was passed on.
    of: Option<Arc<Turns>>,
}

impl Turns {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, queue: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn; those of one client come in the order in which it asked.
    pub async fn wait(self: &Arc<Self>, client: Client) -> Turn {
        loop {
            let coming = {
                let mut queue = self.lock();
                if queue.working < self.most {
                    queue.working += 1;
                    return Turn { of: Some(self.clone()) };
                }
                queue.join(client)
            };
            // It comes before its sender is dropped.
            if let Ok(turn) = coming.await {
                return turn;
            }
        }
    }
}

impl Queue {
    fn join(&mut self, client: Client) -> oneshot::Receiver<Turn> {
        let (sender, coming) = oneshot::channel();
        let own = self.waiting.entry(client).or_default();
        if own.is_empty() {
            self.ring.push_back(client);
        }
        own.push_back(sender);
        coming
    }

    /// Who waits longest of the client that is next.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(client) = self.ring.pop_front() {
            let Some(own) = self.waiting.get_mut(&client) else { continue };
            let next = std::iter::from_fn(|| own.pop_front()).find(|waits| !waits.is_closed());
            if own.is_empty() {
                self.waiting.remove(&client);
            } else {
                self.ring.push_back(client);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.of.take() else { return };
        let mut queue = turns.lock();
        while let Some(next) = queue.next() {
            match next.send(Turn { of: Some(turns.clone()) }) {
                Ok(()) => return,
                // Gave up just now. The turn goes to the one after it.
                Err(mut turn) => turn.of = None,
            }
        }
        queue.working -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, task::Poll};

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Turn> + Send>>;

    fn client(n: u8) -> Client {
        Client::at(std::net::IpAddr::from([192, 0, 2, n]))
    }

    /// Waits as far as can be told now.
    fn ask(turns: &Arc<Turns>, n: u8) -> Waiting {
        let turns = turns.clone();
        let mut waiting: Waiting = Box::pin(async move { turns.wait(client(n)).await });
        assert!(poll(&mut waiting).is_none(), "no turn is free");
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Option<Turn> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match waiting.as_mut().poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    fn first(turns: &Arc<Turns>) -> Turn {
        let turns = turns.clone();
        poll(&mut (Box::pin(async move { turns.wait(client(9)).await }) as Waiting)).unwrap()
    }

    #[test]
    fn whoever_asks_much_waits_for_itself() {
        let turns = Turns::new(1);
        let mut turn = first(&turns);
        let mut waiting: Vec<(u8, Waiting)> =
            [1, 1, 1, 1, 2, 3, 2].into_iter().map(|n| (n, ask(&turns, n))).collect();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(turn);
            let (n, next) = waiting
                .iter_mut()
                .enumerate()
                .find_map(|(i, (_, waiting))| Some((i, poll(waiting)?)))
                .expect("somebody's turn");
            order.push(waiting.remove(n).0);
            turn = next;
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 1, 1]);
        drop(turn);
        let queue = turns.lock();
        assert!(queue.working == 0 && queue.ring.is_empty() && queue.waiting.is_empty(), "{queue:?}");
    }

    #[test]
    fn a_turn_of_one_who_gave_up_goes_to_the_next() {
        let turns = Turns::new(1);
        let turn = first(&turns);
        let (gave_up, mut late) = (ask(&turns, 1), ask(&turns, 1));
        drop(gave_up);
        let unread = ask(&turns, 2);
        drop(turn);
        assert!(poll(&mut late).is_some(), "and ends at once");
        // It was handed to one who gave up before it looked.
        drop(unread);
        drop(first(&turns));
    }

    #[test]
    fn so_many_work_at_once() {
        let turns = Turns::new(3);
        let working = [first(&turns), first(&turns), first(&turns)];
        let mut fourth = ask(&turns, 1);
        drop(working);
        assert!(poll(&mut fourth).is_some());
    }
}
