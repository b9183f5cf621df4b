//! Quotas: stocks of which every client may hold a share. They bound requests under way, uploads, bytes of requests in
//! memory, and WebSockets.
//!
//! Nobody waits for a share: if there is not enough, it is refused. Where a peer decides how long it holds something, a peer
//! that does nothing must not keep it from others. Such a stock is [contended](Quota::contended):
//!
//! - No client takes so much that less is left for others than it holds itself.
//! - One network of addresses leaves a quarter to others.
//! - A newcomer may displace a holder: one that holds at least twice what the newcomer would hold, or one that is behind a
//!   fair pace. Failing these, it may displace one that is slow, since keeping just to the fair pace costs a peer little.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{client::Client, seat::Seat};
use crate::serve::limits;

/// A stock: how much there is in all (`all`), and how much one client may hold (`each`).
pub(in crate::serve) struct Quota {
    all: usize,
    each: usize,
    /// How far behind a peer must be before its share may go to another. `None` if shares never do.
    yields_after: Option<Duration>,
    /// Whether the stock counts places, not bytes. A place is never taken from a client that holds less than the taker would,
    /// even if its peer is idle, since it may be idle for good reasons. Bytes may be: else a client that holds few and brings
    /// none would keep others from them.
    places: bool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    /// What each client holds. A client that holds nothing is not listed, so there are never more than `all`.
    by: HashMap<Client, usize>,
    /// What each network holds; `None` if the stock is not contended.
    networks: Option<HashMap<IpAddr, usize>>,
    /// Shares that may go to another client, by number.
    lent: HashMap<u64, Lent>,
    /// The number of the next share in `lent`.
    next: u64,
    /// Clients that gave way for being slow, and when.
    gave_way: HashMap<Client, Instant>,
}

/// A share that may go to another client.
struct Lent {
    client: Client,
    n: usize,
    seat: Arc<Seat>,
}

/// The client of a request, and the seat of the connection that it came over, which knows the peer's pace. Each request has
/// one as an extension.
#[derive(Clone)]
pub(in crate::serve) struct Taker {
    pub client: Client,
    /// `None` where a router is used without [`serve`](crate::serve::serve).
    pub seat: Option<Arc<Seat>>,
}

/// What a client holds, until it is dropped.
pub(crate) struct Share {
    of: Arc<Quota>,
    client: Client,
    n: usize,
    /// Its number in `Held::lent`, if it may go to another client.
    lent: Option<u64>,
}

/// The limit that a client would exceed.
enum Short {
    /// What one client may hold.
    Client,
    /// What one network may hold.
    Network,
    /// What there is in all.
    All,
}

impl Quota {
    /// A stock that is not contended: a client may take up to `each` whatever others hold.
    #[cfg(test)]
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, yields_after: None, places: true, held: Mutex::default() })
    }

    /// A stock of places, which are held for as long as a peer takes. A peer that is at least `yields_after` behind gives way.
    pub fn contended(all: usize, each: usize, yields_after: Duration) -> Arc<Self> {
        Self::of(all, each, yields_after, true)
    }

    /// Like [`contended`](Self::contended), but of bytes in memory.
    pub fn of_bytes(all: usize, each: usize, yields_after: Duration) -> Arc<Self> {
        Self::of(all, each, yields_after, false)
    }

    fn of(all: usize, each: usize, yields_after: Duration, places: bool) -> Arc<Self> {
        let held = Mutex::new(Held { networks: Some(HashMap::new()), ..Held::default() });
        Arc::new(Self { all, each, yields_after: Some(yields_after), places, held })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one for `client`, if there is one. The share never goes to another client.
    pub fn take(self: &Arc<Self>, client: Client) -> Option<Share> {
        let mut share = Share { of: self.clone(), client, n: 0, lent: None };
        share.grow(1).then_some(share)
    }

    /// Takes `n` and one more for `client`, if there are enough. The share never goes to another client.
    pub fn take_many(self: &Arc<Self>, client: Client, n: usize) -> Option<Share> {
        self.take(client).and_then(|mut share| share.grow(n).then_some(share))
    }

    /// Takes `n` and one more for a request, if there are enough. The share may go to another client.
    pub fn take_many_for(self: &Arc<Self>, taker: &Taker, n: usize) -> Option<Share> {
        self.take_for(taker).and_then(|mut share| share.grow(n).then_some(share))
    }

    /// Takes one for a request, if there is one. The share may go to another client while its peer is waited for.
    pub fn take_for(self: &Arc<Self>, taker: &Taker) -> Option<Share> {
        let client = taker.client;
        let mut share = Share { of: self.clone(), client, n: 0, lent: None };
        if let (Some(_), Some(seat)) = (self.yields_after, &taker.seat) {
            let mut held = self.lock();
            let number = held.next;
            held.next += 1;
            held.lent.insert(number, Lent { client, n: 0, seat: seat.clone() });
            share.lent = Some(number);
        }
        share.grow(1).then_some(share)
    }

    /// How much is held by all.
    pub fn held(&self) -> usize {
        self.lock().all
    }

    /// The limit that `client` would exceed if it took `n` more; `None` if there is enough.
    fn short(&self, held: &Held, client: Client, n: usize) -> Option<Short> {
        let mine = held.by.get(&client).copied().unwrap_or(0);
        let left = self.all - held.all;
        if n > self.each.saturating_sub(mine) {
            return Some(Short::Client);
        }
        let Some(networks) = &held.networks else { return (n > left).then_some(Short::All) };
        // In a contended stock no client holds more than it leaves to others.
        if mine + n > left {
            return Some(Short::All);
        }
        let of_network = networks.get(&client.wider()).copied().unwrap_or(0);
        let left = (self.all - self.all / 4).saturating_sub(of_network);
        (mine + n > left).then_some(Short::Network)
    }

    /// Takes shares from others until `n` are free for `client`, which is `short` of them. Says whether that was possible; if
    /// it is not, nobody loses anything. The shares are free at once. The requests that held them end a moment later, when
    /// their tasks are woken.
    ///
    /// Shares are taken first from clients that hold at least twice what `client` would, then from those that are
    /// [behind](Seat::behind), last from those that are [slow](Seat::slowness) and hold no less than `client` would. Among
    /// shares taken for the same reason, the one goes first for which the product of its time and of what its client holds is
    /// greatest, since a client that holds much keeps more from others.
    fn displace(&self, held: &mut Held, client: Client, own: Option<u64>, n: usize, short: &Short) -> bool {
        let Some(yields_after) = self.yields_after else { return false };
        let now = Instant::now();
        let would_hold = held.by.get(&client).copied().unwrap_or(0) + n;
        // Among the requests of one client, only those that are behind lose their shares.
        let is_own = matches!(short, Short::Client);
        let may_take_from_slow = !is_own && !held.gave_way_lately(client, now);
        let candidates = held.lent.iter().filter(|(number, lent)| match short {
            _ if own == Some(**number) => false,
            Short::Client => lent.client == client,
            Short::Network => lent.client.wider() == client.wider(),
            Short::All => true,
        });
        let mut worst: Vec<(Loses, u128, u64)> = candidates
            .filter_map(|(number, lent)| {
                // It is `None` while the peer waits for the server: then nothing is taken from it.
                let behind = lent.seat.behind(now)?;
                let holds = held.by.get(&lent.client).copied().unwrap_or(0);
                let holds_less = holds < would_hold;
                let is_behind = behind >= yields_after && (is_own || !self.places || !holds_less);
                let holds_most = self.places && !is_own && holds >= 2 * would_hold;
                let slowness = lent.seat.slowness(now).filter(|_| may_take_from_slow && !holds_less);
                let reasons = [
                    is_behind.then_some((Loses::Behind, behind)),
                    holds_most.then_some((Loses::HoldsMost, Duration::from_secs(1))),
                    slowness.map(|slowness| (Loses::Slow, slowness)),
                ];
                let (loses, time) = reasons.into_iter().flatten().max()?;
                Some((loses, time.as_millis().saturating_mul(holds as u128), *number))
            })
            .collect();
        worst.sort_unstable_by_key(|worst| Reverse(*worst));
        let mut freed = 0;
        let enough = worst.iter().position(|(_, _, number)| {
            freed += held.lent.get(number).map_or(0, |lent| lent.n);
            freed >= n
        });
        let Some(last) = enough else { return false };
        for (loses, _, number) in worst.drain(..=last) {
            let Some(lent) = held.lent.remove(&number) else { continue };
            if loses == Loses::Slow {
                held.gives_way(lent.client, now);
            }
            held.give_back(lent.client, lent.n);
            lent.seat.give_way();
        }
        true
    }
}

/// Why a share is taken from its holder. The last variant goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loses {
    Slow,
    Behind,
    /// Only for places. A request that brings many bytes is not cut off for one that brings few; and bytes that are given to
    /// another are in memory until the first request has ended.
    HoldsMost,
}

impl Held {
    fn gave_way_lately(&self, client: Client, now: Instant) -> bool {
        self.gave_way.get(&client).is_some_and(|at| now.saturating_duration_since(*at) < limits::GAVE_WAY)
    }

    /// Records that a client gave way for being slow.
    fn gives_way(&mut self, client: Client, now: Instant) {
        if self.gave_way.len() >= limits::GAVE_WAY_KNOWN {
            self.gave_way.retain(|_, at| now.saturating_duration_since(*at) < limits::GAVE_WAY);
        }
        if self.gave_way.len() < limits::GAVE_WAY_KNOWN {
            self.gave_way.insert(client, now);
        }
    }

    fn take(&mut self, client: Client, n: usize) {
        self.all += n;
        *self.by.entry(client).or_default() += n;
        if let Some(networks) = &mut self.networks {
            *networks.entry(client.wider()).or_default() += n;
        }
    }

    fn give_back(&mut self, client: Client, n: usize) {
        fn less<K: Eq + std::hash::Hash>(map: &mut HashMap<K, usize>, key: &K, n: usize) {
            if let Some(held) = map.get_mut(key) {
                *held -= n;
                if *held == 0 {
                    map.remove(key);
                }
            }
        }
        self.all -= n;
        less(&mut self.by, &client, n);
        if let Some(networks) = &mut self.networks {
            less(networks, &client.wider(), n);
        }
    }
}

impl Share {
    /// How much it is. Only right for a share that never goes to another client.
    pub fn held(&self) -> usize {
        self.n
    }

    /// Takes `n` more, if there are enough, and says whether it did.
    pub fn grow(&mut self, n: usize) -> bool {
        let mut held = self.of.lock();
        // A share that went to another client is lost, and does not grow again.
        if self.lent.is_some_and(|number| !held.lent.contains_key(&number)) {
            return false;
        }
        if let Some(short) = self.of.short(&held, self.client, n)
            && !self.of.displace(&mut held, self.client, self.lent, n, &short)
        {
            return false;
        }
        held.take(self.client, n);
        match self.lent.and_then(|number| held.lent.get_mut(&number)) {
            Some(lent) => lent.n += n,
            None => self.n += n,
        }
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        match self.lent {
            // If it went to another client, it is not listed any more.
            Some(number) => {
                if let Some(lent) = held.lent.remove(&number) {
                    held.give_back(lent.client, lent.n);
                }
            }
            None => held.give_back(self.client, self.n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::edge::connections::Connections;

    fn client(last: u8) -> Client {
        Client::at([192, 0, 2, last].into())
    }

    fn ip(text: &str) -> Client {
        Client::at(text.parse().unwrap())
    }

    #[test]
    fn of_what_is_contended_nobody_holds_more_than_is_left_and_no_network_all() {
        let quota = Quota::contended(64, 16, Duration::from_secs(1));
        let take = |client: Client| {
            let quota = quota.clone();
            std::iter::from_fn(move || quota.take(client)).take(100).collect::<Vec<_>>()
        };
        let network: Vec<_> = (1..=100).map(|n| take(client(n))).collect();
        assert_eq!(network[..5].iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 8, 4, 2]);
        assert_eq!(quota.held(), 48, "a quarter is left for others");
        let others =
            ["198.51.100.1", "2001:db8:1::", "2001:db8:1:1::", "2001:db8:2::"].map(|at| take(ip(at)));
        assert_eq!(others.each_ref().map(Vec::len), [8, 4, 2, 1]);
        // Nor does a client that has many /64 networks within one wider network.
        drop((network, others));
        let held: Vec<_> = (0..100).map(|n| take(ip(&format!("2001:db8:1:{n:x}::1")))).collect();
        assert_eq!((held.len(), quota.held()), (100, 48));
    }

    #[test]
    fn nobody_holds_more_than_their_part_and_all_no_more_than_there_is() {
        let quota = Quota::new(5, 3);
        let mut a = quota.take(client(1)).unwrap();
        assert!(a.grow(2) && !a.grow(1));
        assert!(quota.take(client(1)).is_none());
        let mut b = quota.take(client(2)).unwrap();
        assert!(b.grow(1) && !b.grow(1), "five are taken");
        assert!(quota.take(client(3)).is_none());
        drop(a);
        assert!(b.grow(1) && !b.grow(1));
        drop(b);
        assert_eq!(quota.held(), 0);
        assert!(quota.lock().by.is_empty(), "clients that hold nothing are forgotten");
    }

    #[test]
    fn who_is_behind_times_what_its_client_holds_gives_way_and_who_keeps_the_pace_does_not() {
        let table = Connections::new(16, 16, Arc::default());
        let quota = Quota::contended(4, 4, Duration::from_millis(500));
        let connect = |network: u8, behind: u64| {
            let at = [198, 51, network, 1].into();
            let place = table.admit(at, false).unwrap();
            let request = place.seat.begin().unwrap();
            place.seat.waited(Duration::from_millis(behind));
            let taker = Taker { client: Client::at(at), seat: Some(place.seat.clone()) };
            (quota.take_for(&taker), taker, place, request)
        };
        let holds = |client: Client| quota.lock().by.get(&client).copied().unwrap_or(0);
        let mut a = connect(1, 3_000);
        let (_a2, b, c) = (connect(1, 3_000), connect(2, 4_000), connect(3, 100));
        assert_eq!(quota.held(), 4);
        let [of_a, of_b, of_c] = [&a, &b, &c].map(|held| held.1.client);
        let d = connect(4, 0);
        assert!(d.0.is_some() && (holds(of_a), holds(of_b)) == (1, 1), "six seconds of places against four");
        let e = connect(5, 0);
        assert!(e.0.is_some() && (holds(of_a), holds(of_b)) == (1, 0));
        let f = connect(6, 0);
        assert!(f.0.is_some() && holds(of_a) == 0);
        assert!(connect(7, 0).0.is_none(), "nobody else is behind");
        assert_eq!((holds(of_c), quota.held()), (1, 4));
        // A share that went to another does not grow again, and gives nothing back when it is dropped.
        assert!(!a.0.as_mut().unwrap().grow(1));
        drop((a, b));
        assert_eq!(quota.held(), 4);
        drop((c, d, e, f));
        assert_eq!(quota.held(), 0);
    }

    #[test]
    fn where_nobody_is_behind_who_is_slow_gives_way_and_then_takes_from_nobody() {
        let table = Connections::new(16, 16, Arc::default());
        let quota = Quota::contended(4, 4, Duration::from_millis(500));
        let connect = |network: u8, bytes: u64| {
            let at = [198, 51, network, 1].into();
            let place = table.admit(at, false).unwrap();
            let request = place.seat.begin().unwrap();
            place.seat.moved_in(bytes, Duration::from_secs(60));
            let taker = Taker { client: Client::at(at), seat: Some(place.seat.clone()) };
            (quota.take_for(&taker), taker, place, request)
        };
        let holds = |network: u8| {
            let client = Client::at([198, 51, network, 1].into());
            quota.lock().by.get(&client).copied().unwrap_or(0)
        };
        let at_once = 61 * limits::BRISK;
        let taken =
            [connect(1, 60 * 6_000), connect(1, 60 * 6_000), connect(2, 60 * 5_000), connect(3, at_once)];
        assert!(taken.iter().all(|(share, ..)| share.is_some()));
        let next = [connect(4, at_once), connect(5, at_once)];
        assert!(next.iter().all(|(share, ..)| share.is_some()));
        assert_eq!([1, 2, 3, 4, 5].map(holds), [1, 0, 1, 1, 1], "who holds two, then who is slowest");
        assert!(connect(2, at_once).0.is_none(), "who gave way takes from nobody");
        let sixth = connect(6, at_once);
        assert!(sixth.0.is_some() && holds(1) == 0);
        assert!(connect(7, at_once).0.is_none(), "and nobody else is slow");
    }

    #[test]
    fn who_gave_way_takes_from_nobody_for_a_minute_and_no_more_clients_than_these_are_remembered() {
        let (mut held, now) = (Held::default(), Instant::now());
        held.gives_way(client(1), now);
        let after = |held: &Held, time| held.gave_way_lately(client(1), now + time);
        assert!(after(&held, Duration::ZERO) && after(&held, Duration::from_secs(59)));
        assert!(!after(&held, limits::GAVE_WAY));
        assert!(!held.gave_way_lately(client(2), now));
        for n in 0..limits::GAVE_WAY_KNOWN {
            held.gives_way(ip(&format!("2001:db8:{n:x}::")), now);
        }
        assert_eq!(held.gave_way.len(), limits::GAVE_WAY_KNOWN);
        // Clients that gave way too long ago are forgotten, which makes room.
        held.gives_way(client(3), now + limits::GAVE_WAY);
        assert_eq!(held.gave_way.len(), 1);
    }

    #[test]
    fn nobody_takes_a_place_from_who_holds_less_and_nobody_loses_more_than_one_gains() {
        let table = Connections::new(16, 16, Arc::default());
        let quota = Quota::contended(6, 6, Duration::from_millis(500));
        let connect = |network: u8, behind: Duration| {
            let at = [198, 51, network, 1].into();
            let place = table.admit(at, false).unwrap();
            let request = place.seat.begin().unwrap();
            place.seat.moved_in(60 * 6_000, Duration::from_secs(60));
            if !behind.is_zero() {
                place.seat.waited(behind);
            }
            let taker = Taker { client: Client::at(at), seat: Some(place.seat.clone()) };
            (quota.take_for(&taker), taker, place, request)
        };
        let held: Vec<_> = [1, 1, 2, 3, 4, 5].map(|network| connect(network, Duration::ZERO)).into();
        assert!(held.iter().all(|(share, ..)| share.is_some()));
        assert!(
            connect(1, Duration::ZERO).0.is_none(),
            "who holds two takes none from who holds one, slow as it is"
        );
        let holds = |network: u8| {
            let client = Client::at([198, 51, network, 1].into());
            quota.lock().by.get(&client).copied().unwrap_or(0)
        };
        held[2].2.seat.waited(Duration::from_secs(60));
        assert!(connect(1, Duration::ZERO).0.is_none(), "nor though it rests");
        let more = connect(6, Duration::ZERO);
        assert!(more.0.is_some());
        assert_eq!([1, 2, 3, 4, 5, 6].map(holds), [1; 6], "one of whoever holds most went, and no other");
        assert_eq!(quota.held(), 6);
    }

    #[test]
    fn whoever_holds_twice_as_much_gives_way_and_who_holds_less_does_not() {
        let table = Connections::new(32, 32, Arc::default());
        let quota = Quota::contended(12, 12, Duration::from_millis(500));
        let connect = |network: u8| {
            let at = [198, 51, network, 1].into();
            let place = table.admit(at, false).unwrap();
            let request = place.seat.begin().unwrap();
            place.seat.moved_in(61 * limits::BRISK, Duration::from_secs(60));
            let taker = Taker { client: Client::at(at), seat: Some(place.seat.clone()) };
            (quota.take_for(&taker), taker, place, request)
        };
        let holds = |network: u8| {
            let client = Client::at([198, 51, network, 1].into());
            quota.lock().by.get(&client).copied().unwrap_or(0)
        };
        let taken: Vec<_> = [1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5].into_iter().map(connect).collect();
        assert!(taken.iter().all(|(share, ..)| share.is_some()));
        let more: Vec<_> = (6..=12).map(connect).collect();
        assert!(more.iter().all(|(share, ..)| share.is_some()));
        assert_eq!((1..=12).map(holds).collect::<Vec<_>>(), [1; 12], "all alike");
        assert!(connect(13).0.is_none(), "and nobody holds twice as much as another would");
        assert!(connect(1).0.is_none(), "nor half as much as one who comes again");
    }
}
