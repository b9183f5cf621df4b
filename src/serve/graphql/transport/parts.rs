//! Parts of the log, rendered for subscriptions: each in a turn, and once for all that ask for the same.
//!
//! Subscriptions that are up to date look at the log together, at a [`Moment`], so that they ask for the same part at the
//! same time. A part is kept for [`limits::MOMENT`], and after that only while it is being sent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, sleep_until},
};

use super::subscription::{Errors, Part, Subscription, internal};
use crate::{
    event::Digest,
    ledger::{ReadError, Reader},
    serve::{
        edge::{
            client::Client,
            fair_queue::{FairQueue, Weight},
            system,
        },
        graphql::schema::Schemas,
        limits,
    },
};

/// Renders parts, and keeps those of the latest moment.
pub(in crate::serve) struct Parts {
    schemas: Arc<Schemas>,
    reader: Reader,
    queue: Arc<FairQueue>,
    latest: Arc<Mutex<Option<Arc<Moment>>>>,
}

/// A look at the log.
pub(super) struct Moment {
    at: Instant,
    /// How many entries the log had.
    size: u64,
    /// Parts, by the key of the subscription and the index of the first event.
    parts: Mutex<HashMap<(Digest, u64), Cell>>,
}

/// Holds a part once it is rendered, for all that ask for it.
type Cell = Arc<OnceCell<Arc<Part>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Parts {
    /// The parts of the log of `reader`.
    pub fn new(schemas: Arc<Schemas>, reader: Reader) -> Self {
        // Subscriptions have as many turns as half of the cores: however many there are, others can still write and query.
        let queue = FairQueue::new(system::cores().div_ceil(2));
        Self { schemas, reader, queue, latest: Arc::default() }
    }

    /// A moment at which the log had the entry `index`, which it must have now. It is the latest moment if the log had the
    /// entry then; else a new one, after the latest has passed.
    pub(super) async fn moment(&self, index: u64) -> Arc<Moment> {
        loop {
            let passes = {
                let mut latest = lock(&self.latest);
                match &*latest {
                    Some(moment) if moment.size > index => return moment.clone(),
                    Some(moment) if moment.at.elapsed() < limits::MOMENT => moment.at + limits::MOMENT,
                    _ => {
                        let size = self.reader.checkpoint().checkpoint().size();
                        let moment = Arc::new(Moment { at: Instant::now(), size, parts: Mutex::default() });
                        *latest = Some(moment.clone());
                        tokio::spawn(pass(self.latest.clone(), moment.clone()));
                        return moment;
                    }
                }
            };
            sleep_until(passes).await;
        }
    }

    /// Checks a subscription, and returns the index of the first entry to be sent.
    pub(super) async fn begin(
        &self,
        client: Client,
        subscription: &Arc<Subscription>,
    ) -> Result<u64, Errors> {
        let subscription = subscription.clone();
        self.run(client, move |schemas, reader| subscription.begin(schemas, reader)).await
    }

    /// The events from the index `from` on, as many as a part may hold.
    pub(super) async fn get(
        &self,
        client: Client,
        moment: &Moment,
        subscription: &Arc<Subscription>,
        from: u64,
    ) -> Result<Arc<Part>, Errors> {
        if let Some(cell) = moment.cell(subscription.key, from) {
            let part = cell.get_or_try_init(|| self.render(client, subscription, from)).await?;
            // Words that were withheld after it was rendered must not be sent.
            if self.reader.last_withheld().is_none_or(|index| index < part.size) {
                return Ok(part.clone());
            }
        }
        self.render(client, subscription, from).await
    }

    async fn render(
        &self,
        client: Client,
        subscription: &Arc<Subscription>,
        from: u64,
    ) -> Result<Arc<Part>, Errors> {
        let subscription = subscription.clone();
        let part = self.run(client, move |schemas, reader| subscription.part(schemas, reader, from));
        part.await.map(Arc::new)
    }

    /// Does `work` in a turn, off the threads that serve connections.
    async fn run<T: Send + 'static>(
        &self,
        client: Client,
        work: impl FnOnce(&Schemas, &Reader) -> Result<T, Errors> + Send + 'static,
    ) -> Result<T, Errors> {
        // The turn is held by the thread, so it ends with the work even if nobody waits for it any more.
        let turn = self.queue.wait(client, Weight::Light).await;
        let (schemas, reader) = (self.schemas.clone(), self.reader.clone());
        let working = tokio::task::spawn_blocking(move || turn.spend(|| work(&schemas, &reader)));
        let ended = |join| Err(internal(&ReadError::Fault(format!("a subscription ended: {join}"))));
        working.await.unwrap_or_else(ended)
    }
}

/// Waits until a moment has passed, and forgets it.
async fn pass(latest: Arc<Mutex<Option<Arc<Moment>>>>, moment: Arc<Moment>) {
    sleep(limits::MOMENT).await;
    lock(&latest).take_if(|latest| Arc::ptr_eq(latest, &moment));
}

impl Moment {
    /// The cell of a part. `None` for a subscription that is far behind, since it is most likely alone there, and if there are
    /// too many parts already.
    fn cell(&self, key: Digest, from: u64) -> Option<Cell> {
        if from + limits::PART_EVENTS < self.size {
            return None;
        }
        let mut parts = lock(&self.parts);
        if parts.len() >= limits::MOMENT_PARTS && !parts.contains_key(&(key, from)) {
            return None;
        }
        Some(parts.entry((key, from)).or_default().clone())
    }
}
