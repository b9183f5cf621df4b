//! Counts an answer while it is made.
//!
//! The most that an answer can hold is known before ([`cost`](super::cost)). If that may be too much, each value is counted as
//! it is made, and at the limit the answer and the work on it end.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use async_graphql::{
    Name, QueryPathSegment, ServerError, ServerResult, Value,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};

use super::errors;
use crate::{serve::limits, views::Allowance};

/// What an answer holds so far, and why it was ended.
#[derive(Debug)]
pub struct Meter {
    allowance: Arc<Allowance>,
    /// How many `__typename` are counted with each object: the library does not report them one by one.
    beside: u64,
    values: AtomicU64,
    /// Values of introspection. They have a limit of their own: they are always the same, and tools ask for all of them.
    introspection: AtomicU64,
    bytes: AtomicU64,
    ended: OnceLock<String>,
}

impl Meter {
    /// The meter of an answer that is still empty. The request may read what `allowance` says, and asks for `__typename` of one
    /// object at most `typenames` times.
    pub fn new(allowance: Arc<Allowance>, typenames: u64) -> Self {
        // Programs that ask for it in each fragment, which is common, are not charged for it.
        let beside = if typenames > limits::GRAPHQL_TYPENAMES { typenames } else { 0 };
        Self {
            allowance,
            beside,
            values: AtomicU64::new(0),
            introspection: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            ended: OnceLock::new(),
        }
    }

    /// What the request may read.
    pub fn allowance(&self) -> &Arc<Allowance> {
        &self.allowance
    }

    /// Begins anew, for the next answer of the same subscription.
    pub fn reset(&self) {
        for counter in [&self.values, &self.introspection, &self.bytes] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// The error to send in place of the answer, if it was ended.
    pub fn ended(&self) -> Option<ServerError> {
        if let Some(why) = self.ended.get() {
            return Some(errors::refusal("TOO_LARGE", why, None));
        }
        self.allowance.is_spent().then(spent)
    }

    /// How many values and bytes were counted.
    #[cfg(test)]
    pub fn seen(&self) -> (u64, u64) {
        let [values, introspection, bytes] =
            [&self.values, &self.introspection, &self.bytes].map(|counter| counter.load(Ordering::Relaxed));
        (values + introspection, bytes)
    }

    fn count(&self, counter: &AtomicU64, n: u64, most: u64, what: &str) -> ServerResult<()> {
        let found = counter.fetch_add(n, Ordering::Relaxed).saturating_add(n);
        if found > most {
            let why = || format!("the answer holds more than {most} {what}: ask for less at once");
            self.ended.get_or_init(why);
        }
        self.going_on()
    }

    fn going_on(&self) -> ServerResult<()> {
        // This message is not sent: `ended` gives the one that is.
        let over = || ServerError::new("the answer was ended", None);
        let going = self.ended.get().is_none() && self.allowance.take(0).is_ok();
        going.then_some(()).ok_or_else(over)
    }

    fn value(&self, of_the_schema: bool, n: u64) -> ServerResult<()> {
        if of_the_schema {
            let what = "values of introspection";
            self.count(&self.introspection, n, limits::GRAPHQL_INTROSPECTION, what)
        } else {
            self.count(&self.values, n, limits::GRAPHQL_COST, "values")
        }
    }

    fn bytes(&self, n: u64) -> ServerResult<()> {
        self.count(&self.bytes, n, limits::GRAPHQL_ANSWER, "bytes")
    }
}

/// The error for a request that has read or worked as much as a request may.
pub fn spent() -> ServerError {
    let message = format!(
        "the request takes too much work: it reads more than {} entries, or takes longer than {} s",
        limits::ENTRIES_READ,
        limits::WORK_TIMEOUT.as_secs()
    );
    errors::refusal("TOO_LARGE", message, None)
}

/// The number of values within a value, and its bytes as JSON.
fn extent(value: &Value) -> (u64, u64) {
    let all = |values: &mut dyn Iterator<Item = (u64, &Value)>| {
        values.fold((0, 2), |(n, bytes), (name, value)| {
            let (below, own) = extent(value);
            (n + 1 + below, bytes + name + own + 1)
        })
    };
    match value {
        Value::Null | Value::Boolean(_) => (0, 5),
        Value::Number(n) => (0, n.to_string().len() as u64),
        Value::String(text) => (0, written(text)),
        Value::Enum(name) => (0, name.len() as u64 + 2),
        Value::Binary(bytes) => (0, bytes.len() as u64),
        Value::List(values) => all(&mut values.iter().map(|v| (0, v))),
        Value::Object(members) => {
            all(&mut members.iter().map(|(name, v): (&Name, &Value)| (name.len() as u64 + 3, v)))
        }
    }
}

/// Bytes of a text in JSON, with its quotes.
fn written(text: &str) -> u64 {
    let more = text.bytes().map(|b| match b {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 1,
        0..=0x1F => 5,
        _ => 0,
    });
    text.len() as u64 + 2 + more.sum::<u64>()
}

/// Counts each value of an answer if its request carries a [`Meter`].
pub struct Metering;

impl ExtensionFactory for Metering {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Metering {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(meter) = ctx.data_opt::<Arc<Meter>>() else { return next.run(ctx, info).await };
        // The items of a list are counted with the list: the library does not call this for the items of every list.
        if let QueryPathSegment::Index(_) = info.path_node.segment {
            meter.going_on()?;
            return next.run(ctx, info).await;
        }
        meter.value(info.is_for_introspection, 1)?;
        let name = info.alias.unwrap_or(info.name).len() as u64 + 4;
        let (of_the_schema, leaf) =
            (info.is_for_introspection, info.field.selection_set.node.items.is_empty());
        let value = next.run(ctx, info).await?;
        let (below, bytes) = match &value {
            None => (0, 4),
            Some(value) if leaf => extent(value),
            // Their fields were counted before. Here the items themselves are counted, with their commas and braces.
            Some(Value::List(things)) => {
                let things = things.len() as u64;
                (things.saturating_mul(meter.beside + 1), things.saturating_mul(5) + 2)
            }
            Some(_) => (meter.beside, 4),
        };
        meter.value(of_the_schema, below)?;
        meter.bytes(name + bytes)?;
        Ok(value)
    }
}
