//! `DemandConnection` and `DemandEdge`: pages of the demands of a case.

use async_graphql::{Result, SimpleObject};

use super::demand_state::DemandState;
use crate::serve::graphql::types::page::{PageArgs, PageInfo, cursor, within};

/// A page of the demands of a case, in the order of the log.
#[derive(SimpleObject)]
pub struct DemandConnection {
    /// The demands of this page, each with its cursor.
    pub edges: Vec<DemandEdge>,
    /// The demands of this page.
    pub nodes: Vec<DemandState>,
    /// The position of the page in the list.
    pub page_info: PageInfo,
}

/// A demand in a list.
#[derive(SimpleObject)]
pub struct DemandEdge {
    /// Its place in the list: opaque, and valid for ever.
    pub cursor: String,
    /// The demand.
    pub node: DemandState,
}

impl DemandConnection {
    /// Reads a page of the demands at these indexes.
    ///
    /// # Errors
    /// `BAD_INPUT` for wrong arguments, and the errors of `read`.
    pub fn read(indexes: &[u64], args: &PageArgs, read: impl Fn(u64) -> Result<DemandState>) -> Result<Self> {
        let page = args.cut(|range, descending, most| Ok(within(indexes, range, descending, most)))?;
        let nodes = page.indexes.iter().map(|index| read(*index)).collect::<Result<Vec<_>>>()?;
        let edges = page.indexes.iter().zip(&nodes);
        let edges = edges.map(|(index, node)| DemandEdge { cursor: cursor(*index), node: node.clone() });
        Ok(Self { edges: edges.collect(), nodes, page_info: page.info })
    }
}
