//! All open connections: how many there may be, and which is dropped when there are too many.
//!
//! A client that holds sockets open must not lock others out. So a new connection is taken in as long as some other
//! connection waits for its peer: that one is dropped. Which one goes depends on how many connections its address holds, and
//! on how far its peer is behind a fair pace ([`Pace`](super::pace::Pace)). It makes no difference what the server waits for:
//! a handshake, a head, a body, or that an answer is taken. A new connection is not behind yet, so older ones that wait go
//! first. A request that is worked on is never cut, and neither is an upgraded connection.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    client::Client,
    counts::Counts,
    seat::{Seat, Waiting},
};
use crate::serve::limits;

/// Why a connection was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Full {
    /// As many connections as the server may hold are at work.
    All,
    /// As many connections as one address may hold are at work.
    Address,
}

/// The table of all open connections.
pub(in crate::serve) struct Connections {
    most: usize,
    each: usize,
    /// How many sockets are open. There may be more than seats in the table: a dropped one is closed a moment later.
    open: AtomicUsize,
    /// Notified of each socket that is closed.
    closed: Notify,
    table: Mutex<Table>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Table {
    by: HashMap<Client, Vec<Arc<Seat>>>,
    /// How many there are in all.
    held: usize,
}

/// A place in the table, held by the owner of the socket.
pub(in crate::serve) struct Place {
    pub seat: Arc<Seat>,
    of: Arc<Connections>,
}

impl Connections {
    /// A table for `most` connections in all, and `each` for one address.
    pub fn new(most: usize, each: usize, counts: Arc<Counts>) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            each: each.max(1),
            open: AtomicUsize::new(0),
            closed: Notify::new(),
            table: Mutex::default(),
            counts,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sockets are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Takes a connection in, if need be in the place of one that waits for its peer. The place of the dropped one is free at
    /// once, before its socket is closed ([`Connections::settled`] bounds how many such sockets there are). A trusted proxy
    /// brings the requests of many clients, so it is bound by the number of all connections only.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, proxy: bool) -> Result<Place, Full> {
        let client = Client::at(peer);
        let mut table = self.lock();
        let mine = table.by.get(&client).map_or(&[][..], Vec::as_slice);
        if !proxy && mine.len() >= self.each {
            let now = Instant::now();
            let standing = mine.iter().filter_map(|s| Some((s.droppable(now)?, s)));
            let worst = standing.filter(|(s, _)| !s.moving).max_by_key(|(s, _)| s.behind);
            match worst.map(|(_, seat)| seat.clone()).filter(|seat| seat.drop_now()) {
                Some(seat) => self.dropped(&mut table, &seat),
                None => return Err(self.refused(Full::Address)),
            }
        }
        if table.held >= self.most && !self.drop_some(&mut table) {
            return Err(self.refused(Full::All));
        }
        let seat = Arc::new(Seat::new(client, proxy));
        table.by.entry(client).or_default().push(seat.clone());
        table.held += 1;
        self.open.fetch_add(1, Ordering::AcqRel);
        self.counts.accepted.add();
        Ok(Place { seat, of: self.clone() })
    }

    /// Removes a connection that was dropped, and counts it.
    fn dropped(&self, table: &mut Table, seat: &Arc<Seat>) {
        table.remove(seat);
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

    /// How many sockets belong to dropped connections and are not closed yet.
    fn closing(&self, table: &Table) -> usize {
        self.open().saturating_sub(table.held)
    }

    /// Waits while too many sockets of dropped connections are still open, so that their number has a bound. Their tasks
    /// close them when they are woken; one that is closed is enough to go on.
    pub async fn settled(&self) {
        loop {
            let closed = self.closed.notified();
            if self.closing(&self.lock()) < limits::CLOSING {
                return;
            }
            closed.await;
        }
    }

    /// Drops some connections that wait for their peer, unless some are being closed already: under load closing takes a
    /// moment, and no more must go for the same room. Gives whether there is or will be room.
    pub fn make_room(&self) -> bool {
        let mut table = self.lock();
        self.closing(&table) > 0 || self.drop_some(&mut table)
    }

    /// Drops some connections that wait for their peer. Gives whether there were any.
    ///
    /// Connections of the address that holds most go first, so a flood from a few addresses drops its own. Among them, those
    /// whose peers are furthest behind go first. A connection weighs half if a request was answered over it or if its body or
    /// answer keeps the pace; a proxy's connection weighs nothing. The last connection of an address stays if it keeps the
    /// pace.
    fn drop_some(&self, table: &mut Table) -> bool {
        let now = Instant::now();
        let mut waiting: Vec<(usize, Duration, Arc<Seat>)> = Vec::new();
        for seats in table.by.values() {
            let mut mine: Vec<_> = seats.iter().filter_map(|s| Some((s.droppable(now)?, s))).collect();
            mine.sort_by_key(|(standing, _)| Reverse(standing.behind));
            for (before, (standing, seat)) in mine.into_iter().enumerate() {
                let held = seats.len() - before;
                if standing.moving && held == 1 {
                    continue;
                }
                let weight = match standing {
                    _ if seat.is_proxy() => 0,
                    Waiting { of_use: false, moving: false, .. } => 2 * held,
                    _ => held,
                };
                waiting.push((weight, standing.behind, seat.clone()));
            }
        }
        waiting.sort_unstable_by_key(|(weight, behind, _)| Reverse((*weight, *behind)));
        // Several go at once, so that the table is not searched for each. They are few enough to be the worst ones.
        let few = (waiting.len() / 64).max(1);
        let mut dropped = 0;
        for (_, _, seat) in waiting {
            if dropped == few {
                break;
            }
            if seat.drop_now() {
                self.dropped(table, &seat);
                dropped += 1;
            }
        }
        dropped > 0
    }

    /// Waits until all sockets are closed.
    pub async fn ended(&self) {
        loop {
            let closed = self.closed.notified();
            if self.open() == 0 {
                return;
            }
            closed.await;
        }
    }
}

impl Table {
    /// Removes a seat, if it is still there.
    fn remove(&mut self, seat: &Arc<Seat>) {
        let Some(mine) = self.by.get_mut(&seat.address) else { return };
        let Some(at) = mine.iter().position(|s| Arc::ptr_eq(s, seat)) else { return };
        mine.swap_remove(at);
        self.held -= 1;
        if mine.is_empty() {
            self.by.remove(&seat.address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.lock().remove(&self.seat);
        drop(self.seat.take_share());
        self.of.open.fetch_sub(1, Ordering::AcqRel);
        self.of.closed.notify_waiters();
    }
}

impl Place {
    /// Counts it as closed to make room for others.
    pub fn gave_way(&self) {
        self.of.counts.dropped.add();
    }

    /// Counts its peer as too slow.
    pub fn timed_out(&self) {
        self.of.counts.timed_out.add();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::serve::edge::quota::{Quota, Taker};

    fn ip(a: u8, b: u8) -> IpAddr {
        [192, 0, a, b].into()
    }

    fn run<T>(f: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
    }

    fn waits(place: &Place) -> bool {
        place.seat.waits(&Context::from_waker(Waker::noop()))
    }

    fn is_dropped(place: &Place) -> bool {
        place.seat.is_dropped()
    }

    #[test]
    fn room_is_made_at_the_cost_of_the_address_that_holds_most() {
        run(async {
            let all = Connections::new(8, 100, Arc::default());
            let quiet = all.admit(ip(0, 1), false).unwrap();
            let mut flood = Vec::new();
            for _ in 0..7 {
                flood.push(all.admit(ip(0, 2), false).unwrap());
            }
            // The place is free when the socket is closed, as its task would do.
            let oldest = flood.remove(0);
            let closing = tokio::spawn(async move {
                oldest.seat.dropped().await;
                drop(oldest);
            });
            let new = all.admit(ip(0, 3), false).unwrap();
            closing.await.unwrap();
            assert!(!is_dropped(&quiet) && flood.iter().all(|p| !is_dropped(p)) && !is_dropped(&new));
            assert_eq!((all.open(), all.counts.dropped.get()), (8, 1));
        });
    }

    #[test]
    fn a_connection_that_was_of_use_is_kept_before_one_that_said_nothing() {
        run(async {
            let all = Connections::new(4, 100, Arc::default());
            let (kept, second) = (all.admit(ip(0, 1), false).unwrap(), all.admit(ip(0, 1), false).unwrap());
            drop(kept.seat.begin().unwrap());
            let silent = [all.admit(ip(0, 2), false).unwrap(), all.admit(ip(0, 2), false).unwrap()];
            drop(second.seat.begin().unwrap());
            assert!(all.make_room());
            assert!(is_dropped(&silent[0]) && !is_dropped(&kept) && !is_dropped(&second));
            // But nobody keeps many by having asked once.
            let all = Connections::new(4, 100, Arc::default());
            let mut many = Vec::new();
            for _ in 0..3 {
                many.push(all.admit(ip(0, 1), false).unwrap());
            }
            for place in &many {
                drop(place.seat.begin().unwrap());
            }
            let new = all.admit(ip(0, 2), false).unwrap();
            assert!(all.make_room() && is_dropped(&many[0]) && !is_dropped(&new));
        });
    }

    #[test]
    fn a_proxys_connections_go_last() {
        run(async {
            let all = Connections::new(4, 100, Arc::default());
            let mut proxied = Vec::new();
            for _ in 0..3 {
                proxied.push(all.admit(ip(0, 1), true).unwrap());
            }
            let other = all.admit(ip(0, 2), false).unwrap();
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
            let (a, b) = (all.admit(ip(0, 1), false).unwrap(), all.admit(ip(0, 2), false).unwrap());
            let under_way = a.seat.begin().unwrap();
            let quota = Quota::contended(2, 2, limits::UPGRADED_REST);
            let taker = Taker { client: b.seat.client(), seat: Some(b.seat.clone()) };
            b.seat.upgrade(taker.client, quota.take_for(&taker).unwrap());
            drop(taker);
            waits(&b);
            assert_eq!(all.admit(ip(0, 3), false).err(), Some(Full::All));
            assert!(!is_dropped(&a) && !is_dropped(&b));
            drop(under_way);
            assert!(all.make_room() && is_dropped(&a) && !is_dropped(&b));
            assert!(a.seat.begin().is_none(), "nothing is done for a connection that was dropped");
            assert_eq!(quota.held(), 1);
            drop(b);
            assert_eq!(quota.held(), 0);
        });
    }

    #[test]
    fn what_an_upgraded_connection_brings_counts_for_who_asked_for_it() {
        let all = Connections::new(4, 4, Arc::default());
        let quota = Quota::contended(4, 4, limits::UPGRADED_REST);
        let (proxy, behind) = (ip(0, 1), Client::at(ip(9, 9)));
        let place = all.admit(proxy, true).unwrap();
        assert!(place.seat.is_proxy() && place.seat.client() == Client::at(proxy));
        let under_way = place.seat.begin().unwrap();
        let taker = Taker { client: behind, seat: Some(place.seat.clone()) };
        place.seat.upgrade(taker.client, quota.take_for(&taker).unwrap());
        drop((under_way, taker));
        assert!(place.seat.client() == behind);
        drop(place);
        assert_eq!(quota.held(), 0);
    }

    #[test]
    fn an_address_over_its_number_loses_its_own_longest_idle() {
        run(async {
            let all = Connections::new(100, 2, Arc::default());
            let a = all.admit(ip(0, 1), false).unwrap();
            // Those of one moment are as far behind.
            std::thread::sleep(Duration::from_millis(5));
            let b = all.admit(ip(0, 1), false).unwrap();
            let other = all.admit(ip(0, 2), false).unwrap();
            let c = all.admit(ip(0, 1), false).unwrap();
            assert!(is_dropped(&a) && !is_dropped(&b) && !is_dropped(&c) && !is_dropped(&other));
            let busy = (b.seat.begin().unwrap(), c.seat.begin().unwrap());
            assert_eq!(all.admit(ip(0, 1), false).err(), Some(Full::Address));
            drop(busy);
            // A proxy brings many.
            for _ in 0..5 {
                std::mem::forget(all.admit(ip(9, 9), true).unwrap());
            }
            assert_eq!(all.counts.dropped.get(), 1);
        });
    }

    #[test]
    fn what_leaves_is_forgotten() {
        run(async {
            let all = Connections::new(4, 4, Arc::default());
            let places = [all.admit(ip(0, 1), false).unwrap(), all.admit(ip(0, 2), true).unwrap()];
            drop(places);
            assert!(all.lock().by.is_empty() && all.lock().held == 0);
            assert_eq!(all.open(), 0);
            tokio::time::timeout(Duration::from_secs(5), all.ended()).await.unwrap();
        });
    }

    #[test]
    fn a_trickle_goes_before_a_connection_that_has_just_come() {
        let all = Connections::new(4, 100, Arc::default());
        let trickles = [1, 2, 3].map(|n| all.admit(ip(0, n), false).unwrap());
        let _requests = trickles.each_ref().map(|place| {
            let request = place.seat.begin().unwrap();
            place.seat.waited(Duration::from_secs(2));
            // One more byte does not make up for two seconds.
            place.seat.moved(1);
            waits(place);
            request
        });
        let just_come = all.admit(ip(0, 4), false).unwrap();
        let mut places = vec![all.admit(ip(0, 5), false).unwrap()];
        for n in 6..8 {
            places.push(all.admit(ip(0, n), false).unwrap());
        }
        assert!(!is_dropped(&just_come) && trickles.iter().all(is_dropped));
        // Then there are none that had their time, and whoever came first goes.
        let _last = all.admit(ip(0, 8), false).unwrap();
        assert!(is_dropped(&just_come) && !places.iter().any(is_dropped));
    }

    #[test]
    fn what_keeps_the_pace_goes_last_and_the_last_of_an_address_stays() {
        let all = Connections::new(4, 100, Arc::default());
        let moving = |last| {
            let place = all.admit(ip(0, last), false).unwrap();
            let request = place.seat.begin().unwrap();
            place.seat.moved(1 << 20);
            waits(&place);
            (place, request)
        };
        let [one, two, other] = [moving(1), moving(1), moving(2)];
        let idle = all.admit(ip(0, 3), false).unwrap();
        // Within one microsecond of its coming it is as far behind as who keeps the pace.
        idle.seat.waited(Duration::from_millis(1));
        assert!(all.make_room() && is_dropped(&idle) && !is_dropped(&one.0) && !is_dropped(&two.0));
        drop(idle);
        // Nobody fills the table by moving a little.
        assert!(all.make_room() && is_dropped(&one.0) && !is_dropped(&two.0));
        drop(one);
        assert!(!all.make_room() && !is_dropped(&two.0) && !is_dropped(&other.0));
        // At the number of its address, nothing that moves goes for what has just come.
        let all = Connections::new(4, 1, Arc::default());
        let place = all.admit(ip(0, 1), false).unwrap();
        let _request = place.seat.begin().unwrap();
        place.seat.moved(1 << 20);
        waits(&place);
        assert_eq!(all.admit(ip(0, 1), false).err(), Some(Full::Address));
    }

    #[test]
    fn a_place_is_free_before_the_socket_is_closed_and_such_sockets_are_bounded() {
        run(async {
            let most = limits::CLOSING;
            let all = Connections::new(most, most, Arc::default());
            let mut open: Vec<_> = (0..most).map(|_| all.admit(ip(0, 1), false).unwrap()).collect();
            // No task closes what is dropped.
            open.extend((0..most).map(|_| all.admit(ip(0, 2), false).unwrap()));
            assert_eq!((all.open(), open.iter().filter(|p| is_dropped(p)).count()), (2 * most, most));
            let settled = |all: Arc<Connections>| async move {
                tokio::time::timeout(Duration::from_millis(50), all.settled()).await.is_ok()
            };
            assert!(!settled(all.clone()).await);
            // One that is closed is enough, whichever it is.
            let waiting = tokio::spawn({
                let all = all.clone();
                async move { all.settled().await }
            });
            tokio::task::yield_now().await;
            open.swap_remove(open.iter().position(is_dropped).unwrap());
            tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        });
    }

    #[test]
    fn where_few_wait_no_more_go_than_are_needed() {
        let all = Connections::new(256, 256, Arc::default());
        let at_work: Vec<_> = (0..246).map(|_| all.admit(ip(0, 1), false).unwrap()).collect();
        let _requests: Vec<_> = at_work.iter().map(|place| place.seat.begin().unwrap()).collect();
        let waiting: Vec<_> = (0..10).map(|n| all.admit(ip(0, 10 + n), false).unwrap()).collect();
        let _new = all.admit(ip(0, 2), false).unwrap();
        assert_eq!(waiting.iter().filter(|p| is_dropped(p)).count(), 1);
    }
}
