//! The memory of an incomplete head of a request or message of a WebSocket.
//!
//! It is in memory for as long as its peer takes to complete it. Every connection may have [`limits::UNREAD_FIRST`] bytes; a
//! longer head or message takes a share of a stock. If there is none left, the connection ends.

use std::sync::Arc;

use super::{
    quota::{Quota, Share, Taker},
    seat::Seat,
};
use crate::serve::limits;

/// The incomplete head or message of one connection.
pub(in crate::serve) struct Unread {
    stock: Arc<Quota>,
    /// How many complete heads or messages came before it.
    number: u64,
    bytes: usize,
    held: Option<Share>,
}

impl Unread {
    pub fn new(stock: Arc<Quota>) -> Self {
        Self { stock, number: 0, bytes: 0, held: None }
    }

    /// Records that `number` heads or messages are complete, so what is read next belongs to the one after them. Says whether
    /// that is another one than before.
    pub fn after(&mut self, number: u64) -> bool {
        let other = number != self.number;
        if other {
            (self.number, self.bytes, self.held) = (number, 0, None);
        }
        other
    }

    /// Records that `bytes` of those that came were no part of it.
    pub fn forget(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Whether it is so long that it holds a share of the stock.
    pub fn is_long(&self) -> bool {
        self.held.is_some()
    }

    /// Records that `bytes` came, and says whether there is room for them.
    pub fn came(&mut self, bytes: usize, seat: &Arc<Seat>) -> bool {
        let before = self.bytes.max(limits::UNREAD_FIRST);
        self.bytes = self.bytes.saturating_add(bytes);
        let more = self.bytes.saturating_sub(before).saturating_mul(limits::UNREAD_COPIES);
        if more == 0 {
            return true;
        }
        match &mut self.held {
            Some(held) => held.grow(more),
            None => {
                let taker = Taker { client: seat.client(), seat: Some(seat.clone()) };
                self.held = self.stock.take_many_for(&taker, more);
                self.held.is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::serve::edge::connections::Connections;

    #[test]
    fn what_is_long_takes_its_part_until_it_is_whole_and_who_brings_none_gives_way() {
        let table = Connections::new(16, 16, Arc::default());
        let all = 8 * limits::UNREAD_COPIES * limits::UNREAD_FIRST;
        let stock = Quota::of_bytes(all, all / 4 + 1, Duration::from_millis(500));
        let connect = |network: u8| {
            let place = table.admit([198, 51, network, 1].into(), false).unwrap();
            (Unread::new(stock.clone()), place)
        };
        let (mut short, place) = connect(1);
        assert!(short.came(limits::UNREAD_FIRST, &place.seat) && !short.is_long());
        assert_eq!(stock.held(), 0);
        assert!(short.came(1, &place.seat) && short.is_long());
        assert!(!short.after(0) && stock.held() > 0);
        assert!(short.after(1) && !short.is_long() && stock.held() == 0, "it came whole");

        // A peer that only answers pings for hours brings no long message.
        for _ in 0..limits::UNREAD_FIRST {
            assert!(short.came(6, &place.seat));
            short.forget(6);
        }
        assert!(!short.is_long());

        let mut long: Vec<_> = (1..=4).map(connect).collect();
        let whole = long.iter_mut().filter_map(|(unread, place)| {
            (0..3).all(|_| unread.came(limits::UNREAD_FIRST, &place.seat)).then_some(())
        });
        let whole = whole.count();
        assert!((2..4).contains(&whole), "{whole} of four: nobody has more than is left for others");
        // Their peers bring nothing more, and others need the room.
        long.iter().for_each(|(_, place)| place.seat.waited(Duration::from_secs(1)));
        let (mut other, place) = connect(5);
        assert!((0..3).all(|_| other.came(limits::UNREAD_FIRST, &place.seat)));
        assert!(long.iter_mut().any(|(unread, place)| unread.is_long() && !unread.came(1, &place.seat)));
        assert!(long.iter().any(|(_, place)| place.seat.gives_way()));
    }
}
