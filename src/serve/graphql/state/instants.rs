//! The two instants that every computed answer takes and shows.

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

/// The clock when the request came: the same in all of its answer.
#[derive(Debug, Clone)]
pub struct Now {
    time: Time,
    asked: Arc<AtomicBool>,
}

impl Now {
    /// It is so late.
    pub fn new(time: Time) -> Self {
        Self { time, asked: Arc::default() }
    }
    /// The time. From then on the answer depends on more than the log.
    pub fn ask(&self) -> Time {
        self.asked.store(true, Ordering::Relaxed);
        self.time
    }
    /// Whether the answer depends on more than the log: on when it was asked for.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The instants that were asked for: views of the entries below `knownAt`, by default all of those that `known` knows,
/// and `asOf`, by default now.
///
/// # Errors
/// `BAD_INPUT` for a size that was never signed.
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
        // What an earlier answer shows may be asked about a later size.
        Some(size) => views(ctx)
            .known_at(size.0)
            .ok_or_else(|| bad_input(format!("knownAt: expected a tree size, 1 to {}", views(ctx).size())))?,
    };
    Ok((views, as_of))
}
