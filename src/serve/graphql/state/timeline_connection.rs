//! `TimelineConnection`, `TimelineEdge`, `TimelineLine` and `TimelineOrder`.

use std::sync::Arc;

use async_graphql::{Enum, Result, SimpleObject};

use super::super::{
    event::Event,
    fault::bad_input,
    page::{PageArgs, PageInfo},
};
use crate::{
    note::{base64_decode, base64_encode},
    views::{CaseThread, Order, Place, Views},
};

/// In what order a timeline stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[graphql(remote = "crate::views::Order")]
pub enum TimelineOrder {
    /// As it is said to have happened; of one moment, as recorded.
    #[default]
    Occurred,
    /// As the ledger recorded it.
    Recorded,
}

/// A page of a timeline.
#[derive(SimpleObject)]
pub struct TimelineConnection {
    /// The entries of this page, each with its cursor.
    pub edges: Vec<TimelineEdge>,
    /// The entries of this page.
    pub nodes: Vec<TimelineLine>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// An entry in a timeline, with its cursor.
#[derive(SimpleObject)]
pub struct TimelineEdge {
    /// Its place in the timeline: opaque, and valid for ever in this order, however the case grows.
    pub cursor: String,
    /// The entry.
    pub node: TimelineLine,
}

/// An entry in a timeline.
#[derive(Debug, Clone, SimpleObject)]
pub struct TimelineLine {
    /// The event.
    pub event: Event,
    /// Whether it counts in no state because it is said to have happened after `asOf`.
    pub after: bool,
}

fn cursor(place: Place) -> String {
    base64_encode(format!("t{}.{}", place.0, place.1).as_bytes())
}

fn read_cursor(name: &str, text: &str) -> Result<Place> {
    let place = || {
        let plain = String::from_utf8(base64_decode(text)?).ok()?;
        let (moment, index) = plain.strip_prefix('t')?.split_once('.')?;
        Some((moment.parse().ok()?, index.parse().ok()?))
    };
    let place = place().filter(|place| cursor(*place) == text);
    place.ok_or_else(|| bad_input(format!("{name}: not a cursor of this list")))
}

impl TimelineConnection {
    /// A page of the timeline of a case.
    ///
    /// # Errors
    /// `BAD_INPUT`.
    pub fn read(thread: &CaseThread, order: Order, args: &PageArgs, views: &Arc<Views>) -> Result<Self> {
        let (most, backward) = args.count()?;
        let all = thread.in_order(order);
        let place = |name, text: &Option<String>| text.as_deref().map(|t| read_cursor(name, t)).transpose();
        let low = place("after", &args.after)?.map_or(0, |after| all.partition_point(|(p, _)| *p <= after));
        let high = place("before", &args.before)?;
        let high = high.map_or(all.len(), |before| all.partition_point(|(p, _)| *p < before)).max(low);
        let (from, to) = match backward {
            true => (high.saturating_sub(most).max(low), high),
            false => (low, (low + most).min(high)),
        };
        let (mut edges, mut nodes) = (Vec::new(), Vec::new());
        for (place, record) in &all[from..to] {
            let event = Event::new((*record).clone(), views);
            let node = TimelineLine { event, after: thread.is_after(record) };
            edges.push(TimelineEdge { cursor: cursor(*place), node: node.clone() });
            nodes.push(node);
        }
        let page_info = PageInfo {
            has_next_page: to < all.len(),
            has_previous_page: from > 0,
            start_cursor: edges.first().map(|e| e.cursor.clone()),
            end_cursor: edges.last().map(|e| e.cursor.clone()),
        };
        Ok(Self { edges, nodes, page_info })
    }
}
