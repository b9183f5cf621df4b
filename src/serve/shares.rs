//! A stock of which everybody may hold a part: requests under way, uploads, bytes of requests in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::client::Client;

/// So much in all, and so much for each client. Nobody waits: what is not there is refused.
#[derive(Debug)]
pub(super) struct Shares {
    all: usize,
    each: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    /// Only of clients that hold something, so never more than `all`.
    by: HashMap<Client, usize>,
}

/// What a client holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    client: Client,
    n: usize,
}

impl Shares {
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, held: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One for a client, if it is to be had.
    pub fn take(self: &Arc<Self>, client: Client) -> Option<Share> {
        let mut share = Share { of: self.clone(), client, n: 0 };
        share.grow(1).then_some(share)
    }

    /// How much is held by all.
    pub fn held(&self) -> usize {
        self.lock().all
    }
}

impl Share {
    /// Takes more, if it is to be had.
    pub fn grow(&mut self, n: usize) -> bool {
        let mut held = self.of.lock();
        let mine = held.by.get(&self.client).copied().unwrap_or(0);
        if n > self.of.all - held.all || n > self.of.each.saturating_sub(mine) {
            return false;
        }
        held.all += n;
        held.by.insert(self.client, mine + n);
        self.n += n;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        held.all -= self.n;
        if let Some(mine) = held.by.get_mut(&self.client) {
            *mine -= self.n;
            if *mine == 0 {
                held.by.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::at([192, 0, 2, last].into())
    }

    #[test]
    fn nobody_holds_more_than_their_part_and_all_no_more_than_there_is() {
        let shares = Shares::new(5, 3);
        let mut a = shares.take(client(1)).unwrap();
        assert!(a.grow(2) && !a.grow(1));
        assert!(shares.take(client(1)).is_none());
        let mut b = shares.take(client(2)).unwrap();
        assert!(b.grow(1) && !b.grow(1), "five are taken");
        assert!(shares.take(client(3)).is_none());
        drop(a);
        assert!(b.grow(1) && !b.grow(1));
        drop(b);
        assert_eq!(shares.held(), 0);
        assert!(shares.lock().by.is_empty(), "clients that hold nothing are forgotten");
    }
}
