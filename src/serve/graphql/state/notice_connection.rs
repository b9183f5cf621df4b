//! `NoticeConnection` and `NoticeEdge`: pages of the attempts to deliver a demand.

use std::sync::Arc;

use async_graphql::{Result, SimpleObject};

use super::delivery::Notice;
use crate::{
    serve::graphql::types::page::{PageArgs, PageInfo, cursor, within},
    views::{NoticeView, Views},
};

/// A page of notices, in the order of the log.
#[derive(SimpleObject)]
pub struct NoticeConnection {
    /// The notices of this page, each with its cursor.
    pub edges: Vec<NoticeEdge>,
    /// The notices of this page.
    pub nodes: Vec<Notice>,
    /// The position of the page in the list.
    pub page_info: PageInfo,
}

/// A notice in a list.
#[derive(SimpleObject)]
pub struct NoticeEdge {
    /// Its place in the list: opaque, and valid for ever.
    pub cursor: String,
    /// The notice.
    pub node: Notice,
}

impl NoticeConnection {
    /// Makes a page of these notices.
    ///
    /// # Errors
    /// `BAD_INPUT` for wrong arguments.
    pub fn read(notices: &[NoticeView], args: &PageArgs, views: &Arc<Views>) -> Result<Self> {
        let indexes: Vec<u64> = notices.iter().map(|n| n.notice.index).collect();
        let page = args.cut(|range, descending, most| Ok(within(&indexes, range, descending, most)))?;
        let shown = notices.iter().filter(|n| page.indexes.contains(&n.notice.index));
        let nodes: Vec<Notice> = shown.map(|n| Notice::new(n, views)).collect();
        let edges = nodes.iter().map(|n| NoticeEdge { cursor: cursor(n.index()), node: n.clone() }).collect();
        Ok(Self { edges, nodes, page_info: page.info })
    }
}
