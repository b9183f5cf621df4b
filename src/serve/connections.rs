//! All open connections: how many there may be, and which is dropped when there are too many.
//!
//! Whoever holds sockets open must not lock others out. So a new connection is taken in as long as there is one
//! that only waits for its peer, and that one is dropped: of the address that holds most, the one that has waited
//! longest. A request that is worked on is never cut, nor is a connection that was upgraded.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{client::Client, counts::Counts, limits, shares::Share};

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The head of a request is awaited.
    Open,
    /// A request is read, worked on or answered.
    Busy,
    /// It is no HTTP connection any more, as a WebSocket.
    Upgraded,
    /// It was dropped to make room, and will be closed.
    Dropped,
}

/// One open connection, as the table and its requests see it.
pub(super) struct Seat {
    client: Client,
    /// Whether it is a trusted proxy's.
    proxy: bool,
    state: Mutex<State>,
    dropped: Notify,
    /// What an upgraded connection holds for as long as it lives.
    upgraded: OnceLock<Share>,
}

struct State {
    mode: Mode,
    /// Since when the peer is waited for; none while it is the server's turn.
    waiting: Option<Instant>,
    /// Requests that were answered.
    answered: u64,
}

impl State {
    /// Since when the peer is waited for: at once where no request has come, after a while where one is under way.
    fn droppable(&self) -> Option<Instant> {
        let since = self.waiting?;
        match self.mode {
            Mode::Open => Some(since),
            Mode::Busy if since.elapsed() >= limits::STALLED => Some(since),
            _ => None,
        }
    }
}

/// Why a connection was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// All there may be are at work.
    All,
    /// All that one address may hold are at work.
    Address,
}

/// The table.
pub(super) struct Connections {
    most: usize,
    each: usize,
    /// One permit for each connection, given back when its socket is closed.
    free: Arc<Semaphore>,
    open: AtomicUsize,
    /// Connections that were dropped and whose sockets are not closed yet.
    closing: AtomicUsize,
    table: Mutex<HashMap<Client, Vec<Arc<Seat>>>>,
    counts: Arc<Counts>,
}

/// A place in the table. Whoever owns the socket owns this.
pub(super) struct Place {
    pub seat: Arc<Seat>,
    of: Arc<Connections>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// So many in all, and so many for each address.
    pub fn new(most: usize, each: usize, counts: Arc<Counts>) -> Arc<Self> {
        let most = most.clamp(1, u32::MAX as usize >> 4);
        Arc::new(Self {
            most,
            each: each.max(1),
            free: Arc::new(Semaphore::new(most)),
            open: AtomicUsize::new(0),
            closing: AtomicUsize::new(0),
            table: Mutex::default(),
            counts,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Client, Vec<Arc<Seat>>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sockets are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes a connection in, if need be in the place of one that waits for its peer. A trusted proxy brings the
    /// requests of many, so only the number of all binds it.
    pub async fn admit(self: &Arc<Self>, peer: IpAddr, proxy: bool) -> Result<Place, Full> {
        let client = Client::at(peer);
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                if !self.make_room() {
                    return Err(self.refused(Full::All));
                }
                // What is dropped is closed as soon as its task is woken. The semaphore is never closed.
                let freed = tokio::time::timeout(Duration::from_secs(1), self.free.clone().acquire_owned());
                match freed.await {
                    Ok(Ok(permit)) => permit,
                    _ => return Err(self.refused(Full::All)),
                }
            }
        };
        let seat = Arc::new(Seat {
            client,
            proxy,
            state: Mutex::new(State { mode: Mode::Open, waiting: Some(Instant::now()), answered: 0 }),
            dropped: Notify::new(),
            upgraded: OnceLock::new(),
        });
        {
            let mut table = self.lock();
            let mine = table.entry(client).or_default();
            if !proxy && mine.len() >= self.each {
                let longest = mine.iter().filter_map(|s| Some((s.droppable()?, s))).min_by_key(|(t, _)| *t);
                match longest.map(|(_, seat)| seat.clone()).filter(|seat| seat.drop_now()) {
                    Some(seat) => self.dropped(&mut table, &seat),
                    None => return Err(self.refused(Full::Address)),
                }
            }
            table.entry(client).or_default().push(seat.clone());
        }
        self.counts.accepted.add();
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Place { seat, of: self.clone(), _permit: permit })
    }

    /// Takes note of a connection that was dropped.
    fn dropped(&self, table: &mut HashMap<Client, Vec<Arc<Seat>>>, seat: &Arc<Seat>) {
        remove(table, seat);
        self.closing.fetch_add(1, Ordering::AcqRel);
        self.counts.dropped.add();
    }

    fn refused(&self, full: Full) -> Full {
        let count = match full {
            Full::All => &self.counts.refused_full,
            Full::Address => &self.counts.refused_address,
        };
        count.add();
        full
    }

    /// Drops some connections that wait for their peer, a few at once so that the table isn't gone through for
    /// each. Whether there were any, or some are being closed already: under load that takes a moment, in which no
    /// others must go for the same room.
    pub fn make_room(&self) -> bool {
        if self.closing.load(Ordering::Acquire) > 0 {
            return true;
        }
        let few = (self.most / 64).max(1);
        let mut table = self.lock();
        // Those of the addresses that hold most come first, so a flood from a few addresses drops its own; of these,
        // those that wait longest. A connection over which something was asked and answered weighs half, a proxy's nothing.
        let mut waiting: Vec<(usize, Instant, Arc<Seat>)> = Vec::new();
        for seats in table.values() {
            let mut mine: Vec<_> = seats.iter().filter_map(|s| Some((s.droppable()?, s))).collect();
            mine.sort_by_key(|(since, _)| *since);
            for (before, (since, seat)) in mine.into_iter().enumerate() {
                let held = seats.len() - before;
                let weight = match seat.lock().answered {
                    _ if seat.proxy => 0,
                    0 => 2 * held,
                    _ => held,
                };
                waiting.push((weight, since, seat.clone()));
            }
        }
        waiting.sort_by_key(|(weight, since, _)| (std::cmp::Reverse(*weight), *since));
        let mut dropped = 0;
        for (_, _, seat) in waiting {
            if dropped == few {
                break;
            }
            if seat.drop_now() {
                self.dropped(&mut table, &seat);
                dropped += 1;
            }
        }
        dropped > 0
    }

    /// Waits until all are closed.
    pub async fn ended(&self) {
        // The number was clamped to fit; the semaphore is never closed.
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        drop(self.free.acquire_many(all).await);
    }
}

fn remove(table: &mut HashMap<Client, Vec<Arc<Seat>>>, seat: &Arc<Seat>) {
    if let Some(mine) = table.get_mut(&seat.client) {
        mine.retain(|s| !Arc::ptr_eq(s, seat));
        if mine.is_empty() {
            table.remove(&seat.client);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.open.fetch_sub(1, Ordering::Relaxed);
        remove(&mut self.of.lock(), &self.seat);
        if self.seat.lock().mode == Mode::Dropped {
            self.of.closing.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Place {
    /// Takes note that the peer was too slow.
    pub fn timed_out(&self) {
        self.of.counts.timed_out.add();
    }
}

impl Seat {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the peer is waited for, if the connection may be dropped for it.
    fn droppable(&self) -> Option<Instant> {
        self.lock().droppable()
    }

    /// Drops it, if it may still be.
    fn drop_now(&self) -> bool {
        let mut state = self.lock();
        let may = state.droppable().is_some();
        if may {
            state.mode = Mode::Dropped;
            self.dropped.notify_one();
        }
        may
    }

    /// Ends when the connection is to be closed to make room.
    pub async fn dropped(&self) {
        self.dropped.notified().await;
    }

    /// Where the head of a request is awaited: how many requests were answered before it.
    pub fn awaits_head(&self) -> Option<u64> {
        let state = self.lock();
        (state.mode == Mode::Open).then_some(state.answered)
    }

    /// Takes note that the peer is waited for.
    pub fn waits(&self) {
        self.lock().waiting.get_or_insert_with(Instant::now);
    }

    /// Takes note that the peer brought or took bytes of a body or an answer.
    pub fn moved(&self) {
        let mut state = self.lock();
        // The end of an answer is still being taken when the next head is awaited.
        state.waiting = (state.mode == Mode::Open).then(Instant::now);
    }

    /// A request has come. None if the connection is dropped just now: then nothing must be done for it.
    pub fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        let mut state = self.lock();
        if state.mode != Mode::Open {
            return None;
        }
        *state = State { mode: Mode::Busy, waiting: None, ..*state };
        Some(UnderWay(self.clone()))
    }

    /// The connection is no HTTP connection from now on, and holds its share of those as long as it lives.
    pub fn upgrade(&self, share: Share) {
        self.lock().mode = Mode::Upgraded;
        // It can't have been upgraded before.
        let _ = self.upgraded.set(share);
    }
}

/// A request, from its head to the last byte of its answer.
pub(super) struct UnderWay(Arc<Seat>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.mode == Mode::Busy {
            let answered = state.answered + 1;
            *state = State { mode: Mode::Open, waiting: Some(Instant::now()), answered };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(a: u8, b: u8) -> IpAddr {
        [192, 0, a, b].into()
    }

    fn run<T>(f: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
    }

    fn is_dropped(place: &Place) -> bool {
        place.seat.lock().mode == Mode::Dropped
    }

    #[test]
    fn room_is_made_at_the_cost_of_the_address_that_holds_most() {
        run(async {
            let all = Connections::new(8, 100, Arc::default());
            let quiet = all.admit(ip(0, 1), false).await.unwrap();
            let mut flood = Vec::new();
            for _ in 0..7 {
                flood.push(all.admit(ip(0, 2), false).await.unwrap());
            }
            // The place is free when the socket is closed, as its task would do.
            let oldest = flood.remove(0);
            let closing = tokio::spawn(async move {
                oldest.seat.dropped().await;
                drop(oldest);
            });
            let new = all.admit(ip(0, 3), false).await.unwrap();
            closing.await.unwrap();
            assert!(!is_dropped(&quiet) && flood.iter().all(|p| !is_dropped(p)) && !is_dropped(&new));
            assert_eq!((all.open(), all.counts.dropped.get()), (8, 1));
        });
    }

    #[test]
    fn a_connection_that_was_of_use_is_kept_before_one_that_said_nothing() {
        run(async {
            let all = Connections::new(4, 100, Arc::default());
            let (kept, second) =
                (all.admit(ip(0, 1), false).await.unwrap(), all.admit(ip(0, 1), false).await.unwrap());
            drop(kept.seat.begin().unwrap());
            let silent =
                [all.admit(ip(0, 2), false).await.unwrap(), all.admit(ip(0, 2), false).await.unwrap()];
            drop(second.seat.begin().unwrap());
            assert!(all.make_room());
            assert!(is_dropped(&silent[0]) && !is_dropped(&kept) && !is_dropped(&second));
            // But nobody keeps many by having asked once.
            let all = Connections::new(4, 100, Arc::default());
            let mut many = Vec::new();
            for _ in 0..3 {
                many.push(all.admit(ip(0, 1), false).await.unwrap());
            }
            for place in &many {
                drop(place.seat.begin().unwrap());
            }
            let new = all.admit(ip(0, 2), false).await.unwrap();
            assert!(all.make_room() && is_dropped(&many[0]) && !is_dropped(&new));
        });
    }

    #[test]
    fn a_proxys_connections_go_last() {
        run(async {
            let all = Connections::new(4, 100, Arc::default());
            let mut proxied = Vec::new();
            for _ in 0..3 {
                proxied.push(all.admit(ip(0, 1), true).await.unwrap());
            }
            let other = all.admit(ip(0, 2), false).await.unwrap();
            assert!(all.make_room() && is_dropped(&other));
            // Others must not go for the same room.
            assert!(all.make_room() && !is_dropped(&proxied[0]));
            drop(other);
            assert!(all.make_room() && is_dropped(&proxied[0]));
        });
    }

    #[test]
    fn a_request_under_way_and_an_upgraded_connection_are_never_dropped() {
        run(async {
            let all = Connections::new(2, 2, Arc::default());
            let (a, b) =
                (all.admit(ip(0, 1), false).await.unwrap(), all.admit(ip(0, 2), false).await.unwrap());
            let under_way = a.seat.begin().unwrap();
            let shares = super::super::shares::Shares::new(1, 1);
            b.seat.upgrade(shares.take(b.seat.client).unwrap());
            b.seat.waits();
            assert_eq!(all.admit(ip(0, 3), false).await.err(), Some(Full::All));
            assert!(!is_dropped(&a) && !is_dropped(&b));
            drop(under_way);
            assert!(all.make_room() && is_dropped(&a) && !is_dropped(&b));
            assert!(a.seat.begin().is_none(), "nothing is done for a connection that was dropped");
            assert_eq!(shares.held(), 1);
            drop(b);
            assert_eq!(shares.held(), 0);
        });
    }

    #[test]
    fn an_address_over_its_number_loses_its_own_longest_idle() {
        run(async {
            let all = Connections::new(100, 2, Arc::default());
            let a = all.admit(ip(0, 1), false).await.unwrap();
            let b = all.admit(ip(0, 1), false).await.unwrap();
            let other = all.admit(ip(0, 2), false).await.unwrap();
            let c = all.admit(ip(0, 1), false).await.unwrap();
            assert!(is_dropped(&a) && !is_dropped(&b) && !is_dropped(&c) && !is_dropped(&other));
            let busy = (b.seat.begin().unwrap(), c.seat.begin().unwrap());
            assert_eq!(all.admit(ip(0, 1), false).await.err(), Some(Full::Address));
            drop(busy);
            // A proxy brings many.
            for _ in 0..5 {
                std::mem::forget(all.admit(ip(9, 9), true).await.unwrap());
            }
            assert_eq!(all.counts.dropped.get(), 1);
        });
    }

    #[test]
    fn what_leaves_is_forgotten() {
        run(async {
            let all = Connections::new(4, 4, Arc::default());
            let places =
                [all.admit(ip(0, 1), false).await.unwrap(), all.admit(ip(0, 2), true).await.unwrap()];
            drop(places);
            assert!(all.lock().is_empty());
            assert_eq!(all.open(), 0);
            tokio::time::timeout(Duration::from_secs(5), all.ended()).await.unwrap();
        });
    }
}
