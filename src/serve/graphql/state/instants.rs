//! The two instants, `asOf` and `knownAt`, that every computed answer takes and shows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::{Context, Result};

use super::super::fault::{bad_input, views};
use crate::{
    log::Time,
    serve::graphql::scalars::{date_time::DateTime, index::Index},
    views::Views,
};

/// The time of a request, which is the same in all of its answer.
#[derive(Debug, Clone)]
pub struct Now {
    time: Time,
    asked: Arc<AtomicBool>,
}

impl Now {
    /// The time `time`, which nobody has asked for yet.
    pub fn new(time: Time) -> Self {
        Self { time, asked: Arc::default() }
    }
    /// The time. Once it was asked for, the answer depends on more than the log.
    pub fn ask(&self) -> Time {
        self.asked.store(true, Ordering::Relaxed);
        self.time
    }
    /// Whether the time was asked for, so that the answer depends on more than the log.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The instants for a computed answer: views of the entries below `known_at` (by default `known`), and the time `as_of` (by
/// default now).
///
/// # Errors
/// `BAD_INPUT` if the log has no such size.
pub fn at(
    ctx: &Context<'_>,
    known: &Arc<Views>,
    as_of: Option<DateTime>,
    known_at: Option<Index>,
) -> Result<(Arc<Views>, Time)> {
    // The handler gives every request its clock before it runs.
    let as_of = as_of.map_or_else(|| ctx.data_unchecked::<Now>().ask(), |t| t.0);
    let views = match known_at {
        None => known.clone(),
        Some(size) if known.is_of(size.0) => known.clone(),
        // `known` may be of a smaller size than the request's own views, so the size is looked up in these.
        Some(size) => views(ctx)
            .known_at(size.0)
            .ok_or_else(|| bad_input(format!("knownAt: expected a tree size, 1 to {}", views(ctx).size())))?,
    };
    Ok((views, as_of))
}
