//! `EventConnection` and `EventEdge`.

use std::sync::Arc;

use async_graphql::{Result, SimpleObject};

use super::{
    event::Event,
    fault::Answer as _,
    page::{PageArgs, PageInfo, cursor},
};
use crate::{ledger::Filter, views::Views};

/// A page of events, in the order of the log.
#[derive(SimpleObject)]
pub struct EventConnection {
    /// The events of this page, each with its cursor.
    pub edges: Vec<EventEdge>,
    /// The events of this page.
    pub nodes: Vec<Event>,
    /// Where the page stands.
    pub page_info: PageInfo,
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
    /// A page of the events that pass a filter.
    ///
    /// # Errors
    /// `BAD_INPUT`, or our fault.
    pub fn read(views: &Arc<Views>, args: &PageArgs, filter: &Filter) -> Result<Self> {
        let page =
            args.cut(|range, descending, most| views.list(filter, range, descending, most).answer())?;
        let mut nodes = Vec::with_capacity(page.indexes.len());
        for index in page.indexes {
            nodes.extend(views.record(index).answer()?.map(|record| Event::new(record, views)));
        }
        let edges = nodes.iter().map(|e| EventEdge { cursor: cursor(e.index()), node: e.clone() }).collect();
        Ok(Self { edges, nodes, page_info: page.info })
    }
}
