//! Decides whose request is worked on next. Queries wait in a queue that is fair to clients, so that the writer and light
//! requests find a processor however many queries there are.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{Extension, Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::oneshot;

use super::client::Client;
use crate::{processor::processor_time, serve::limits};

tokio::task_local! {
    /// The counter for the work of the request that [`take`] let go on.
    static WORK: Work;
}

/// Lets a request wait for its turn, and go on in it until its answer is made.
pub(in crate::serve) async fn take(
    State(queue): State<Arc<FairQueue>>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    queue.in_turn(client, Weight::Light, next.run(request)).await
}

/// How much work a request may take, as far as it is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Weight {
    /// Most such requests take a few milliseconds.
    Light,
    /// It may take seconds, even if its client took only short turns until now.
    Heavy,
}

/// The processor time of a turn, in microseconds. Time spent waiting for a processor is not counted: it is not the client's
/// doing.
#[derive(Debug, Clone, Default)]
pub(in crate::serve) struct Work(Arc<AtomicU64>);

impl Work {
    /// The counter of the request that this task works on. A new one that nobody reads if the request needs no turn.
    pub fn of_this_request() -> Self {
        WORK.try_with(Self::clone).unwrap_or_default()
    }

    /// Does `work` on this thread, and adds its processor time.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = processor_time();
        let done = work();
        let took = processor_time().saturating_sub(before).as_micros();
        self.0.fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    fn time(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Requests that wait for a turn, and those that have one.
///
/// Of the clients that wait, the one that worked least of late comes next. So a client that asks for much waits behind its own
/// requests.
///
/// - Heavy requests have at most half of the turns, whoever sends them.
/// - An eighth of the work of a client's whole network is added to its own, so that many addresses of one network don't count
///   as many strangers.
/// - A quarter of the time for which a client had no turn is subtracted, so that nobody waits for ever behind newcomers.
/// - A client that took a long turn of late leaves half of the turns to clients that worked little, or clearly less than every
///   busy client that has a turn now. So a client that asks for little never waits until the long work of others has ended.
/// - If many strangers come at once, nobody knows yet which of them take long. So there are half as many turns more for light
///   requests of clients known for short turns, one for each client.
#[derive(Debug)]
pub(in crate::serve) struct FairQueue {
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The client and weight of each turn that is taken.
    working: Vec<(Client, Weight)>,
    /// Each client that waits, once.
    ring: VecDeque<Client>,
    waiting: HashMap<Client, Waiting>,
    /// How long each client worked of late. A client that is not listed worked hardly at all.
    worked: HashMap<Client, Worked>,
    /// How long each network worked of late.
    networks: HashMap<IpAddr, Worked>,
}

/// The requests of a client that wait.
#[derive(Debug)]
struct Waiting {
    /// When it was last given a turn, or else began to wait.
    since: Instant,
    /// Its requests, in the order in which they came.
    own: VecDeque<(oneshot::Sender<Turn>, Weight)>,
}

/// How long a client worked. Half of it is forgotten in each [`limits::WORK_FORGOTTEN`], so slowly that a client that asks for
/// much does not look like one that asks for little while it waits.
#[derive(Debug, Clone, Copy)]
struct Worked {
    seconds: f64,
    at: Instant,
    /// When its last long turn ended.
    long: Option<Instant>,
}

impl Worked {
    fn now(self, now: Instant) -> f64 {
        let forgotten =
            now.saturating_duration_since(self.at).as_secs_f64() / limits::WORK_FORGOTTEN.as_secs_f64();
        self.seconds * 0.5_f64.powf(forgotten)
    }

    /// Adds the work of a turn to what is known of a client or network. Forgets those that worked little if too many are known.
    fn add<K: Eq + Hash>(known: &mut HashMap<K, Self>, of: K, time: Duration, now: Instant) {
        let worked = known.entry(of).or_insert(Self { seconds: 0.0, at: now, long: None });
        let long = if time >= limits::LONG_TURN { Some(now) } else { worked.long };
        *worked = Self { seconds: worked.now(now) + time.as_secs_f64(), at: now, long };
        if known.len() > limits::WORKERS_KNOWN {
            known.retain(|_, worked| worked.now(now) >= limits::WORKED_LITTLE.as_secs_f64() / 2.0);
        }
    }
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(in crate::serve) struct Turn {
    /// `None` if nobody took the turn, so that dropping it gives nothing back.
    of: Option<Arc<FairQueue>>,
    client: Client,
    weight: Weight,
    work: Work,
}

impl Turn {
    /// Does `work` on this thread, and gives the turn back.
    pub fn spend<T>(self, work: impl FnOnce() -> T) -> T {
        self.work.count(work)
    }
}

impl FairQueue {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, queue: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(self: &Arc<Self>, (client, weight): (Client, Weight)) -> Turn {
        Turn { of: Some(self.clone()), client, weight, work: Work::default() }
    }

    /// Whether there is a turn for a request of `client` with this weight.
    fn has_one(&self, queue: &Queue, (client, weight): (Client, Weight), now: Instant) -> bool {
        let heavy = queue.working.iter().filter(|(_, weight)| *weight == Weight::Heavy).count();
        if weight == Weight::Heavy && heavy >= self.most.div_ceil(2) {
            return false;
        }
        // If there is only one turn, everybody may have it. A client with short turns may have any: it is soon free again.
        let for_all = if queue.works_long(client, now) { self.most.div_ceil(2) } else { self.most };
        let free = |most: usize| queue.working.len() < most;
        free(for_all)
            || free(self.most) && queue.worked_little(client, now)
            || free(self.most + self.most / 2)
                && weight == Weight::Light
                && queue.takes_one_short(client, now)
    }

    /// Waits for a turn. Requests of one client with the same weight get theirs in the order in which they came.
    pub async fn wait(self: &Arc<Self>, client: Client, weight: Weight) -> Turn {
        loop {
            let coming = {
                let mut queue = self.lock();
                let now = Instant::now();
                // Taking a free turn passes nobody over: a turn that is given back is handed out at once, so nobody who could
                // have it waits.
                if self.has_one(&queue, (client, weight), now) {
                    queue.working.push((client, weight));
                    return self.turn((client, weight));
                }
                queue.join(client, weight)
            };
            // The sender is not dropped before it has sent a turn, so this is no error; if it were, the request would wait anew.
            if let Ok(turn) = coming.await {
                return turn;
            }
        }
    }

    /// Waits for a turn, and makes an answer in it.
    pub async fn in_turn<T>(
        self: &Arc<Self>,
        client: Client,
        weight: Weight,
        made: impl Future<Output = T>,
    ) -> T {
        let turn = self.wait(client, weight).await;
        WORK.scope(turn.work.clone(), made).await
    }

    /// Gives turns to waiting requests as long as there are any for them.
    fn hand_out(self: &Arc<Self>, queue: &mut Queue) {
        let now = Instant::now();
        while let Some((work, next)) = queue.next(now, |queue, work| self.has_one(queue, work, now)) {
            queue.working.push(work);
            if let Err(mut turn) = next.send(self.turn(work)) {
                // The request gave up just now.
                turn.of = None;
                queue.stops(work);
            }
        }
    }
}

impl Queue {
    /// How long a client worked of late, in seconds.
    fn worked(&self, client: Client, now: Instant) -> f64 {
        self.worked.get(&client).map_or(0.0, |worked| worked.now(now))
    }

    /// Whether a client worked little of late, or less than three quarters of what each other client worked that has a turn now
    /// and worked much.
    fn worked_little(&self, client: Client, now: Instant) -> bool {
        let little = limits::WORKED_LITTLE.as_secs_f64();
        let worked = self.worked(client, now);
        let others = self.working.iter().filter(|(other, _)| *other != client);
        let much = others.map(|(other, _)| self.worked(*other, now)).filter(|worked| *worked >= little);
        let least = much.fold(f64::INFINITY, f64::min);
        worked < little || least.is_finite() && worked < least * 0.75
    }

    /// Whether a client took a long turn of late.
    fn works_long(&self, client: Client, now: Instant) -> bool {
        let long = self.worked.get(&client).and_then(|worked| worked.long);
        long.is_some_and(|long| now.saturating_duration_since(long) < limits::WORK_FORGOTTEN)
    }

    /// Whether a client has no turn now, and took only short ones of late.
    fn takes_one_short(&self, client: Client, now: Instant) -> bool {
        self.worked.contains_key(&client)
            && !self.works_long(client, now)
            && !self.working.iter().any(|(other, _)| *other == client)
    }

    fn stops(&mut self, work: (Client, Weight)) {
        if let Some(at) = self.working.iter().position(|working| *working == work) {
            self.working.swap_remove(at);
        }
    }

    fn has_worked(&mut self, client: Client, time: Duration, now: Instant) {
        Worked::add(&mut self.worked, client, time, now);
        Worked::add(&mut self.networks, client.wider(), time, now);
    }

    fn join(&mut self, client: Client, weight: Weight) -> oneshot::Receiver<Turn> {
        let (sender, coming) = oneshot::channel();
        let waiting = self
            .waiting
            .entry(client)
            .or_insert_with(|| Waiting { since: Instant::now(), own: VecDeque::new() });
        if waiting.own.is_empty() {
            self.ring.push_back(client);
        }
        waiting.own.push_back((sender, weight));
        coming
    }

    /// The rank of a waiting client, in hundredths of a second: the lowest comes first. Smaller differences don't count.
    fn precedence(&self, client: Client, now: Instant) -> i64 {
        let network = self.networks.get(&client.wider()).map_or(0.0, |worked| worked.now(now));
        let waited =
            self.waiting.get(&client).map_or(Duration::ZERO, |w| now.saturating_duration_since(w.since));
        let seconds = self.worked(client, now) + network / 8.0 - waited.as_secs_f64() / 4.0;
        (seconds * 100.0) as i64
    }

    /// Takes the next request out of the queue: of the clients that may have a turn, the one with the lowest
    /// [rank](Self::precedence); of this client's requests that may have a turn, the first. Between clients of equal rank the
    /// ring decides.
    fn next(
        &mut self,
        now: Instant,
        may: impl Fn(&Self, (Client, Weight)) -> bool,
    ) -> Option<((Client, Weight), oneshot::Sender<Turn>)> {
        loop {
            // A light request does not wait behind a heavy one of its client.
            let first = |client: &Client| {
                let own = &self.waiting.get(client)?.own;
                own.iter().map(|(_, weight)| *weight).find(|weight| may(self, (*client, *weight)))
            };
            let waiting = self.ring.iter().enumerate().filter(|(_, client)| first(client).is_some());
            let (at, client) = waiting.min_by_key(|(_, client)| self.precedence(**client, now))?;
            let Some(weight) = first(client) else { continue };
            let client = self.ring.remove(at)?;
            let Some(Waiting { since, own }) = self.waiting.get_mut(&client) else { continue };
            *since = now;
            // Requests that gave up are dropped.
            own.retain(|(waits, _)| !waits.is_closed());
            let place = own.iter().position(|(_, of)| *of == weight);
            let next = place.and_then(|place| own.remove(place)).map(|(next, _)| next);
            if own.is_empty() {
                self.waiting.remove(&client);
            } else {
                self.ring.push_back(client);
            }
            if let Some(next) = next {
                return Some(((client, weight), next));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.of.take() else { return };
        let mut queue = turns.lock();
        queue.stops((self.client, self.weight));
        queue.has_worked(self.client, self.work.time(), Instant::now());
        turns.hand_out(&mut queue);
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

    /// A request that was polled once and has to wait.
    fn ask(turns: &Arc<FairQueue>, n: u8) -> Waiting {
        let turns = turns.clone();
        let mut waiting: Waiting = Box::pin(async move { turns.wait(client(n), Weight::Light).await });
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

    fn first(turns: &Arc<FairQueue>) -> Turn {
        let turns = turns.clone();
        poll(&mut (Box::pin(async move { turns.wait(client(9), Weight::Light).await }) as Waiting)).unwrap()
    }

    #[test]
    fn whoever_asks_much_waits_for_itself() {
        let turns = FairQueue::new(1);
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
        assert!(queue.working.is_empty() && queue.ring.is_empty() && queue.waiting.is_empty(), "{queue:?}");
    }

    #[test]
    fn a_turn_of_one_who_gave_up_goes_to_the_next() {
        let turns = FairQueue::new(1);
        let turn = first(&turns);
        let (gave_up, mut late) = (ask(&turns, 1), ask(&turns, 1));
        drop(gave_up);
        let unread = ask(&turns, 2);
        drop(turn);
        assert!(poll(&mut late).is_some(), "and ends at once");
        // The turn was handed to a request that gave up before it took it.
        drop(unread);
        drop(first(&turns));
    }

    #[test]
    fn so_many_work_at_once() {
        let turns = FairQueue::new(3);
        // None of them has worked yet.
        let working = [first(&turns), first(&turns), first(&turns)];
        let mut fourth = ask(&turns, 1);
        drop(working);
        assert!(poll(&mut fourth).is_some());
    }

    /// Records that a client has just worked for a while.
    fn works(turns: &Arc<FairQueue>, n: u8, for_long: Duration) {
        let now = Instant::now();
        turns.lock().has_worked(client(n), for_long, now);
    }

    #[test]
    fn all_turns_are_for_whoever_takes_short_ones() {
        let turns = FairQueue::new(4);
        for _ in 0..1_000 {
            works(&turns, 1, limits::LONG_TURN / 2);
        }
        let mut much: Vec<Waiting> = (0..4).map(|_| waits(&turns, 1)).collect();
        let held: Vec<_> = much.iter_mut().map(poll).collect();
        assert!(held.iter().all(Option::is_some));
    }

    fn waits(turns: &Arc<FairQueue>, n: u8) -> Waiting {
        let turns = turns.clone();
        Box::pin(async move { turns.wait(client(n), Weight::Light).await })
    }

    #[test]
    fn half_of_the_turns_are_kept_for_those_who_worked_little() {
        let turns = FairQueue::new(4);
        works(&turns, 1, Duration::from_secs(60));
        works(&turns, 3, Duration::from_secs(20));
        let mut much: Vec<Waiting> = (0..3).map(|_| waits(&turns, 1)).collect();
        let held: Vec<Turn> =
            much[..2].iter_mut().map(|waiting| poll(waiting).expect("two of four")).collect();
        assert!(poll(&mut much[2]).is_none(), "the others are kept");
        let little = poll(&mut waits(&turns, 2)).expect("for who asks for a little");
        let half = poll(&mut waits(&turns, 3)).expect("and for who worked half as much");
        let mut one_more = waits(&turns, 2);
        assert!(poll(&mut one_more).is_none(), "but there are four");
        drop(little);
        drop(poll(&mut one_more).expect("the next"));
        assert!(poll(&mut much[2]).is_none(), "it is kept again");
        drop((held, half));
        assert!(poll(&mut much[2]).is_some(), "and who asks for much goes on");
    }

    #[test]
    fn who_is_known_for_short_turns_does_not_wait_for_many_strangers() {
        let turns = FairQueue::new(2);
        works(&turns, 3, limits::LONG_TURN / 2);
        works(&turns, 4, limits::LONG_TURN / 2);
        works(&turns, 5, limits::LONG_TURN);
        let mut strangers: Vec<Waiting> = [1, 1, 2].into_iter().map(|n| waits(&turns, n)).collect();
        let held: Vec<Option<Turn>> = strangers.iter_mut().map(poll).collect();
        assert_eq!(held.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        assert!(poll(&mut waits(&turns, 5)).is_none(), "it took a long one");
        let known = poll(&mut waits(&turns, 3)).expect("one more");
        let mut again = [waits(&turns, 3), waits(&turns, 4)];
        assert!(again.iter_mut().all(|waiting| poll(waiting).is_none()), "but one each, and three in all");
        drop(known);
        let next: Vec<Turn> = again.iter_mut().filter_map(poll).collect();
        assert_eq!(next.len(), 1);
    }

    #[test]
    fn heavy_requests_have_half_of_the_turns_though_nobody_knows_who_sends_them() {
        let turns = FairQueue::new(4);
        let heavy = |n: u8| -> Waiting {
            let turns = turns.clone();
            Box::pin(async move { turns.wait(client(n), Weight::Heavy).await })
        };
        let mut all: Vec<Waiting> = (1..=4).map(heavy).collect();
        let mut held: Vec<Option<Turn>> = all.iter_mut().map(poll).collect();
        assert_eq!(held.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
        // One of them asks for something light as well, and so does somebody else.
        let light = [poll(&mut waits(&turns, 3)), poll(&mut waits(&turns, 5))];
        assert!(light.iter().all(Option::is_some));
        let mut waiting = waits(&turns, 3);
        assert!(poll(&mut waiting).is_none(), "four work");
        drop(light);
        assert!(poll(&mut waiting).is_some(), "not behind its own heavy one");
        assert!(poll(&mut all[2]).is_none(), "two heavy ones work");
        held.clear();
        assert!(poll(&mut all[2]).is_some() && poll(&mut all[3]).is_some());
    }

    #[test]
    fn who_worked_least_comes_first_and_nobody_is_forgotten() {
        let turns = FairQueue::new(1);
        let turn = first(&turns);
        works(&turns, 1, Duration::from_secs(60));
        let (mut much, mut little) = (ask(&turns, 1), ask(&turns, 2));
        drop(turn);
        assert!(poll(&mut much).is_none());
        drop(poll(&mut little).expect("who worked little"));
        assert!(poll(&mut much).is_some(), "where there is one turn, it is everybody's");
        // Work is forgotten after a while.
        let queue = turns.lock();
        assert!(queue.worked_little(client(1), Instant::now() + 10 * limits::WORK_FORGOTTEN));
    }

    #[test]
    fn nobody_waits_for_ever_behind_strangers_and_many_addresses_are_one_network() {
        let turns = FairQueue::new(1);
        works(&turns, 1, Duration::from_millis(200));
        let turn = first(&turns);
        let mut known = ask(&turns, 1);
        let waits_at = |address: [u8; 4]| -> Waiting {
            let turns = turns.clone();
            Box::pin(async move { turns.wait(Client::at(address.into()), Weight::Light).await })
        };
        let queue = turns.lock();
        let now = Instant::now();
        let [known_now, later] =
            [Duration::ZERO, Duration::from_secs(2)].map(|waited| queue.precedence(client(1), now + waited));
        // A newcomer's rank is zero: it has neither worked nor waited.
        assert!(known_now > 0 && later < 0, "{known_now} {later}");
        drop(queue);
        let mut new = waits_at([198, 51, 100, 1]);
        assert!(poll(&mut new).is_none());
        drop(turn);
        let turn = poll(&mut new).expect("who worked nothing comes first at first");
        assert!(poll(&mut known).is_none());
        // The next address of a network whose other addresses worked much is no stranger.
        turns.lock().has_worked(Client::at([203, 0, 113, 1].into()), Duration::from_secs(10), Instant::now());
        let mut same_network = waits_at([203, 0, 113, 2]);
        assert!(poll(&mut same_network).is_none());
        drop(turn);
        assert!(poll(&mut same_network).is_none());
        drop(poll(&mut known).expect("who worked a little"));
        assert!(poll(&mut same_network).is_some());
    }

    #[test]
    fn work_counts_and_waiting_does_not() {
        let turns = FairQueue::new(1);
        first(&turns).spend(|| std::thread::sleep(Duration::from_millis(300)));
        assert!(turns.lock().worked(client(9), Instant::now()) < 0.2);
        first(&turns).spend(|| {
            let until = processor_time() + Duration::from_millis(300);
            while processor_time() < until {}
        });
        assert!(turns.lock().worked(client(9), Instant::now()) > 0.25);
    }

    #[test]
    fn what_is_remembered_of_clients_is_bounded() {
        let turns = FairQueue::new(1);
        for n in 0..2 * limits::WORKERS_KNOWN {
            let [a, b] = u16::try_from(n).unwrap().to_be_bytes();
            let now = Instant::now();
            let client = Client::at(std::net::IpAddr::from([198, 51, a, b]));
            turns.lock().has_worked(client, Duration::ZERO, now);
        }
        let queue = turns.lock();
        assert!(queue.worked.len() <= limits::WORKERS_KNOWN && queue.networks.len() <= limits::WORKERS_KNOWN);
    }
}
