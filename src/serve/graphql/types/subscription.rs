//! `Subscription`: events as they are recorded.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_graphql::{Context, Result, Subscription};
use futures_util::{Stream, stream};

use super::event::Event;
use crate::{
    serve::graphql::{
        fault::{bad_input, views},
        scalars::index::Index,
    },
    views::Record,
};

/// The root of subscriptions.
pub struct Subscription;

/// The purpose of a run of a subscription. The transport runs it once to open it, and then once for each part of
/// the log. So each part is about the checkpoint of its time, and nothing is held in between.
#[derive(Debug)]
pub enum Run {
    /// To check it and learn the index at which it begins, which is set here. It yields nothing.
    Opening(Arc<OnceLock<u64>>),
    /// To render these events, which the one field of the subscription takes.
    Part(Mutex<Vec<Arc<Record>>>),
}

/// What can be followed, over a WebSocket by the sub-protocol `graphql-transport-ws`.
#[Subscription]
impl Subscription {
    /// The events in the order of the log, each once: first those on record, then each new one as soon as it is durable. It does
    /// not end. To go on after a break, give the index of the last event that arrived: none is missed or repeated. Each event is
    /// shown as a query would show it when it is sent: words that were withheld by then are not shown.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only events after this index, which is that of the last event that arrived. An error if \
                          the log has no such entry. If left out, from entry 0 on."
        )]
        after: Option<Index>,
    ) -> Result<impl Stream<Item = Event> + use<>> {
        let records = match ctx.data_unchecked::<Run>() {
            Run::Opening(begins) => {
                let size = views(ctx).size();
                let from = after.map_or(0, |after| after.0 + 1);
                if from > size {
                    return Err(bad_input(format!("after: the log has {size} entries, from index 0")));
                }
                // It can't be set already: a subscription has one field.
                let _ = begins.set(from);
                Vec::new()
            }
            Run::Part(records) => {
                std::mem::take(&mut *records.lock().unwrap_or_else(PoisonError::into_inner))
            }
        };
        let views = views(ctx).clone();
        Ok(stream::iter(records.into_iter().map(move |record| Event::new(record, &views))))
    }
}
