//! The resolver of `search`: a page of hits, whose entries are read from the log.

use std::sync::Arc;

use async_graphql::{Context, Result};

use super::search_connection::SearchConnection;
use crate::{
    search::{Cursor, MAX_HITS, Order, Query, Search, SearchError},
    serve::{
        graphql::{
            fault::{bad_input, internal, views},
            inputs::{search_filter::SearchFilter, search_order::SearchOrder},
            state::Now,
        },
        limits,
    },
};

/// Reads a page of hits.
///
/// # Errors
/// `BAD_INPUT` for wrong arguments or a search that takes too long, or a failed read of the log.
pub async fn read(
    ctx: &Context<'_>,
    words: &str,
    filter: SearchFilter,
    order: SearchOrder,
    first: Option<i32>,
    after: Option<&str>,
) -> Result<SearchConnection> {
    let order = Order::from(order);
    let query = Query::parse(words).map_err(|e| bad_input(format!("words: {e}")))?;
    let most = usize::try_from(first.unwrap_or(limits::PAGE_DEFAULT)).ok().filter(|n| *n <= MAX_HITS);
    let most = most.ok_or_else(|| bad_input(format!("first: expected 0 to {MAX_HITS}")))?;
    let cursor =
        |text| Cursor::parse(text, order).ok_or_else(|| bad_input("after: not a cursor of this list"));
    let after = after.map(cursor).transpose()?;
    let filter = filter.read()?;
    // How far the search index has come is not in the log. Asking the time keeps the answer from being cached as one that
    // depends on the log alone.
    ctx.data_unchecked::<Now>().ask();
    let (views, search) = (views(ctx), ctx.data_unchecked::<Arc<Search>>());
    let found = search.find(views, &query, &filter, order, after, most);
    match found {
        Ok(hits) => Ok(SearchConnection::new(hits, after.is_some())),
        Err(e @ SearchError::TooLong) => Err(bad_input(format!("words: {e}"))),
        Err(SearchError::Fault(e)) => Err(internal(&e)),
    }
}
