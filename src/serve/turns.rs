//! Who works now. Queries wait for their turn, so that the writer and light requests find a processor however many ask.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    extract::{Extension, Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::oneshot;

use super::{App, client::Client, limits};

/// Lets a request go on in its turn, which it has until its answer is made.
pub(super) async fn take(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let _turn = app.turns.wait(client).await;
    next.run(request).await
}

/// So many work at once. Clients that wait come in a ring, one turn each, so whoever asks much waits for itself; and those
/// come first who have worked little of late. One turn is kept for them, so that a client that asks for a little never
/// waits until the long work of others has ended.
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
    /// How long each client worked of late; who is not named worked hardly at all.
    worked: HashMap<Client, Worked>,
}

/// How long a client worked. Half of it is forgotten each second.
#[derive(Debug, Clone, Copy)]
struct Worked {
    seconds: f64,
    at: Instant,
}

impl Worked {
    fn now(self, now: Instant) -> f64 {
        self.seconds * 0.5_f64.powf(now.saturating_duration_since(self.at).as_secs_f64())
    }
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// None if it was not taken.
    of: Option<Arc<Turns>>,
    client: Client,
    began: Instant,
}

impl Turns {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, queue: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(self: &Arc<Self>, client: Client) -> Turn {
        Turn { of: Some(self.clone()), client, began: Instant::now() }
    }

    /// Whether there is a turn for one who worked little of late, or for one who worked much.
    fn has_one(&self, queue: &Queue, little: bool) -> bool {
        queue.working < if little || self.most == 1 { self.most } else { self.most - 1 }
    }

    /// Waits for a turn; those of one client come in the order in which it asked.
    pub async fn wait(self: &Arc<Self>, client: Client) -> Turn {
        loop {
            let coming = {
                let mut queue = self.lock();
                let little = queue.worked_little(client, Instant::now());
                if self.has_one(&queue, little) && (little || queue.ring.is_empty()) {
                    queue.working += 1;
                    return self.turn(client);
                }
                queue.join(client)
            };
            // It comes before its sender is dropped.
            if let Ok(turn) = coming.await {
                return turn;
            }
        }
    }

    /// Gives turns to those who wait, as long as there are any for them.
    fn hand_out(self: &Arc<Self>, queue: &mut Queue) {
        let now = Instant::now();
        loop {
            let little = self.has_one(queue, true) && queue.ring.iter().any(|c| queue.worked_little(*c, now));
            if !little && !self.has_one(queue, false) {
                return;
            }
            let Some((client, next)) = queue.next(little, now) else { return };
            queue.working += 1;
            if let Err(mut turn) = next.send(self.turn(client)) {
                // Gave up just now.
                turn.of = None;
                queue.working -= 1;
            }
        }
    }
}

impl Queue {
    fn worked_little(&self, client: Client, now: Instant) -> bool {
        self.worked.get(&client).is_none_or(|worked| worked.now(now) < limits::WORKED_LITTLE.as_secs_f64())
    }

    fn has_worked(&mut self, client: Client, began: Instant, now: Instant) {
        let seconds = now.saturating_duration_since(began).as_secs_f64();
        let worked = self.worked.entry(client).or_insert(Worked { seconds: 0.0, at: now });
        *worked = Worked { seconds: worked.now(now) + seconds, at: now };
        if self.worked.len() > limits::WORKERS_KNOWN {
            self.worked.retain(|_, worked| worked.now(now) >= limits::WORKED_LITTLE.as_secs_f64() / 2.0);
        }
    }

    fn join(&mut self, client: Client) -> oneshot::Receiver<Turn> {
        let (sender, coming) = oneshot::channel();
        let own = self.waiting.entry(client).or_default();
        if own.is_empty() {
            self.ring.push_back(client);
        }
        own.push_back(sender);
        coming
    }

    /// Who waits longest of the client that is next, of those who worked little or of all.
    fn next(&mut self, little: bool, now: Instant) -> Option<(Client, oneshot::Sender<Turn>)> {
        loop {
            let at = self.ring.iter().position(|client| !little || self.worked_little(*client, now))?;
            let client = self.ring.remove(at)?;
            let Some(own) = self.waiting.get_mut(&client) else { continue };
            let next = std::iter::from_fn(|| own.pop_front()).find(|waits| !waits.is_closed());
            if own.is_empty() {
                self.waiting.remove(&client);
            } else {
                self.ring.push_back(client);
            }
            if let Some(next) = next {
                return Some((client, next));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.of.take() else { return };
        let mut queue = turns.lock();
        queue.working -= 1;
        queue.has_worked(self.client, self.began, Instant::now());
        turns.hand_out(&mut queue);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, task::Poll, time::Duration};

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

    /// As if a client had worked for a while just now.
    fn works(turns: &Arc<Turns>, n: u8, for_long: Duration) {
        let now = Instant::now();
        turns.lock().has_worked(client(n), now.checked_sub(for_long).unwrap(), now);
    }

    #[test]
    fn a_turn_is_kept_for_those_who_worked_little() {
        let turns = Turns::new(2);
        works(&turns, 1, Duration::from_secs(60));
        let mut much = [1, 1, 1].map(|n| {
            let turns = turns.clone();
            Box::pin(async move { turns.wait(client(n)).await }) as Waiting
        });
        let one = poll(&mut much[0]).expect("one of two is free");
        assert!(poll(&mut much[1]).is_none() && poll(&mut much[2]).is_none(), "the other is kept");
        let little = poll(
            &mut (Box::pin({
                let turns = turns.clone();
                async move { turns.wait(client(2)).await }
            }) as Waiting),
        );
        let little = little.expect("and there for who asks for a little");
        drop(little);
        assert!(poll(&mut much[1]).is_none(), "it is kept again");
        drop(one);
        assert!(poll(&mut much[1]).is_some(), "and who asks for much goes on");
    }

    #[test]
    fn those_who_worked_little_come_first_and_nobody_is_forgotten() {
        let turns = Turns::new(1);
        let turn = first(&turns);
        works(&turns, 1, Duration::from_secs(60));
        let (mut much, mut little) = (ask(&turns, 1), ask(&turns, 2));
        drop(turn);
        assert!(poll(&mut much).is_none());
        drop(poll(&mut little).expect("who worked little"));
        assert!(poll(&mut much).is_some(), "where there is one turn, it is everybody's");
        // Work is forgotten with time.
        let queue = turns.lock();
        assert!(queue.worked_little(client(1), Instant::now() + Duration::from_secs(30)));
    }

    #[test]
    fn what_is_remembered_of_clients_is_bounded() {
        let turns = Turns::new(1);
        for n in 0..2 * limits::WORKERS_KNOWN {
            let [a, b] = u16::try_from(n).unwrap().to_be_bytes();
            let now = Instant::now();
            turns.lock().has_worked(Client::at(std::net::IpAddr::from([198, 51, a, b])), now, now);
        }
        assert!(turns.lock().worked.len() <= limits::WORKERS_KNOWN);
    }
}
