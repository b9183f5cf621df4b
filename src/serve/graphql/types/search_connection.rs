//! `SearchConnection` and `SearchEdge`: pages of hits.

use async_graphql::SimpleObject;

use super::{page::PageInfo, search_hit::SearchHit};
use crate::{search::Hits, serve::graphql::scalars::index::Index};

/// A page of hits.
#[derive(SimpleObject)]
pub struct SearchConnection {
    /// The hits of this page, each with its cursor.
    pub edges: Vec<SearchEdge>,
    /// The hits of this page.
    pub nodes: Vec<SearchHit>,
    /// The position of the page in the list. `endCursor` may lie beyond the last edge, if entries were skipped whose words can
    /// no longer be read.
    pub page_info: PageInfo,
    /// How many entries were searched, from the first of the log on. Fewer than `size` while the index is being built, and for
    /// a moment after something was recorded.
    pub searched: Index,
    /// How many entries the log has.
    pub size: Index,
}

/// A hit in a list.
#[derive(SimpleObject)]
pub struct SearchEdge {
    /// Its place in the list: opaque, and valid for ever in a list of the same order.
    pub cursor: String,
    /// The hit.
    pub node: SearchHit,
}

impl SearchConnection {
    /// Makes a page of hits. `after` says whether it began after a cursor.
    pub fn new(hits: Hits, after: bool) -> Self {
        let cursors: Vec<String> = hits.hits.iter().map(|h| h.cursor.to_string()).collect();
        let nodes: Vec<SearchHit> = hits.hits.into_iter().map(SearchHit::new).collect();
        let next = hits.next.map(|c| c.to_string());
        let page_info = PageInfo {
            has_next_page: next.is_some(),
            has_previous_page: after,
            start_cursor: cursors.first().cloned(),
            end_cursor: next.or_else(|| cursors.last().cloned()),
        };
        let edges =
            cursors.into_iter().zip(&nodes).map(|(cursor, node)| SearchEdge { cursor, node: node.clone() });
        Self {
            edges: edges.collect(),
            nodes,
            page_info,
            searched: Index(hits.searched),
            size: Index(hits.size),
        }
    }
}
