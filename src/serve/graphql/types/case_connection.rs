//! `CaseConnection` and `CaseEdge`: pages of cases.

use std::sync::Arc;

use async_graphql::{Result, SimpleObject};

use super::{
    case::Case,
    page::{PageArgs, PageInfo, cursor},
};
use crate::{event::EventType, ledger::Filter, serve::graphql::fault::Answer as _, views::Views};

/// A page of cases, in the order in which they were opened.
#[derive(SimpleObject)]
pub struct CaseConnection {
    /// The cases of this page, each with its cursor.
    pub edges: Vec<CaseEdge>,
    /// The cases of this page.
    pub nodes: Vec<Case>,
    /// The position of the page in the list.
    pub page_info: PageInfo,
}

/// A case in a list.
#[derive(SimpleObject)]
pub struct CaseEdge {
    /// Its place in the list: opaque, and valid for ever.
    pub cursor: String,
    /// The case.
    pub node: Case,
}

impl CaseConnection {
    /// Reads a page of all cases.
    ///
    /// # Errors
    /// `BAD_INPUT` for wrong arguments, or a failed read of the log.
    pub fn read(views: &Arc<Views>, args: &PageArgs) -> Result<Self> {
        let filter = Filter { types: vec![EventType::CaseOpened], ..Filter::default() };
        let page =
            args.cut(|range, descending, most| views.list(&filter, range, descending, most).answer())?;
        let mut nodes = Vec::with_capacity(page.indexes.len());
        for index in page.indexes {
            let Some(record) = views.record(index).answer()? else { continue };
            nodes.extend(views.case_of(&record).answer()?.map(|case| Case::new(case, views)));
        }
        let edges = nodes.iter().map(|c| CaseEdge { cursor: cursor(c.index()), node: c.clone() }).collect();
        Ok(Self { edges, nodes, page_info: page.info })
    }
}
