//! `EventConnection` and `EventEdge`: pages of events.

use std::sync::Arc;

use async_graphql::{Object, Result, SimpleObject};

use super::{
    event::Event,
    page::{PageArgs, PageInfo, cursor},
};
use crate::{
    ledger::Filter,
    serve::graphql::{cache::subtrees::SubtreeList, fault::Answer as _},
    views::Views,
};

/// A page of events, in the order of the log.
pub struct EventConnection {
    events: SubtreeList<Event>,
    page_info: PageInfo,
}

/// A page of events, in the order of the log.
#[Object]
impl EventConnection {
    /// The events of this page, each with its cursor.
    async fn edges(&self) -> Vec<EventEdge> {
        let edge = |event: &Event| EventEdge { cursor: cursor(event.index()), node: event.clone() };
        self.events.0.iter().map(edge).collect()
    }
    /// The events of this page.
    async fn nodes(&self) -> &SubtreeList<Event> {
        &self.events
    }
    /// The position of the page in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }
}

/// An event in a list.
#[derive(SimpleObject)]
pub struct EventEdge {
    /// Its place in the list: opaque, and valid for ever.
    pub cursor: String,
    /// The event.
    pub node: Event,
}

impl EventConnection {
    /// Reads a page of the events that pass `filter`.
    ///
    /// # Errors
    /// `BAD_INPUT` for wrong arguments, or a failed read of the log.
    pub fn read(views: &Arc<Views>, args: &PageArgs, filter: &Filter) -> Result<Self> {
        let page =
            args.cut(|range, descending, most| views.list(filter, range, descending, most).answer())?;
        let records = views.records(&page.indexes).answer()?;
        let events = records.into_iter().map(|record| Event::new(record, views)).collect();
        Ok(Self { events: SubtreeList(events), page_info: page.info })
    }
}
