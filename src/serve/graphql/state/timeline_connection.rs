//! `TimelineConnection`, `TimelineEdge`, `TimelineLine` and `TimelineOrder`: pages of the timeline of a case.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject, parser::types::SelectionSet};

use super::super::fault::bad_input;
use crate::{
    note::{base64_decode, base64_encode},
    serve::graphql::{
        cache::subtrees::{Fragments, Subtree, SubtreeList, is_flat},
        types::{
            event::Event,
            page::{PageArgs, PageInfo},
        },
    },
    views::{CaseThread, InOrder, Order, Place, Views},
};

/// The order of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[graphql(remote = "crate::views::Order")]
pub enum TimelineOrder {
    /// By when the events are said to have happened; events of the same moment in the order of the log.
    #[default]
    Occurred,
    /// In the order of the log.
    Recorded,
}

/// A page of a timeline.
pub struct TimelineConnection {
    places: Vec<Place>,
    lines: SubtreeList<TimelineLine>,
    page_info: PageInfo,
}

/// A page of a timeline.
#[Object]
impl TimelineConnection {
    /// The entries of this page, each with its cursor.
    async fn edges(&self) -> Vec<TimelineEdge> {
        let edges = self.places.iter().zip(&self.lines.0);
        edges.map(|(place, line)| TimelineEdge { cursor: cursor(*place), node: line.clone() }).collect()
    }
    /// The entries of this page.
    async fn nodes(&self) -> &SubtreeList<TimelineLine> {
        &self.lines
    }
    /// The position of the page in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }
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

impl Subtree for TimelineLine {
    fn what(&self) -> (u64, bool) {
        (self.event.index(), self.after)
    }
    fn views(&self) -> &Arc<Views> {
        self.event.views()
    }
    fn read_by(&self, views: Views) -> Self {
        Self { event: self.event.read_by(views), after: self.after }
    }
    fn is_subtree(asked: &SelectionSet, fragments: &Fragments) -> bool {
        is_flat(asked, fragments, &["event"])
    }
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
    /// Makes a page of the timeline of a case.
    ///
    /// # Errors
    /// `BAD_INPUT` for wrong arguments.
    pub fn read(thread: &CaseThread, order: Order, args: &PageArgs, views: &Arc<Views>) -> Result<Self> {
        let (most, backward) = args.count()?;
        let all = thread.in_order(order);
        let place = |name, text: &Option<String>| text.as_deref().map(|t| read_cursor(name, t)).transpose();
        let low = place("after", &args.after)?.map_or(0, |after| all.partition_point(|e| e.place <= after));
        let high = place("before", &args.before)?;
        let high = high.map_or(all.len(), |before| all.partition_point(|e| e.place < before)).max(low);
        let (from, to) = match backward {
            true => (high.saturating_sub(most).max(low), high),
            false => (low, (low + most).min(high)),
        };
        let page = &all[from..to];
        let line = |entry: &InOrder<'_>| TimelineLine {
            event: Event::new(entry.record.clone(), views),
            after: entry.after,
        };
        let page_info = PageInfo {
            has_next_page: to < all.len(),
            has_previous_page: from > 0,
            start_cursor: page.first().map(|entry| cursor(entry.place)),
            end_cursor: page.last().map(|entry| cursor(entry.place)),
        };
        let places = page.iter().map(|entry| entry.place).collect();
        Ok(Self { places, lines: SubtreeList(page.iter().map(line).collect()), page_info })
    }
}
