//! The memory that the subscriptions of one socket take until they end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::serve::limits;

/// Bytes that all subscriptions of a socket take.
pub(super) type OfSocket = Arc<AtomicUsize>;

/// Bytes that one subscription takes, until this is dropped.
pub(super) struct Kept {
    of: OfSocket,
    bytes: usize,
}

impl Kept {
    /// Takes `bytes` for a subscription, if all of its socket then stay within [`limits::SUBSCRIPTIONS`].
    pub fn take(of: &OfSocket, bytes: usize) -> Option<Self> {
        let more = |kept: usize| kept.checked_add(bytes).filter(|kept| *kept <= limits::SUBSCRIPTIONS);
        of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { of: of.clone(), bytes })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_keeps_no_more_than_its_part_and_what_ends_gives_it_back() {
        let socket = OfSocket::default();
        let half = limits::SUBSCRIPTIONS / 2;
        let first = Kept::take(&socket, half).unwrap();
        let second = Kept::take(&socket, half);
        assert!(second.is_some() && Kept::take(&socket, 1).is_none());
        drop(first);
        assert!(Kept::take(&socket, half + 1).is_none() && Kept::take(&socket, usize::MAX).is_none());
        drop(second);
        assert!(Kept::take(&socket, limits::SUBSCRIPTIONS).is_some());
    }
}
