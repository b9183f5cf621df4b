//! Parts of the log for all subscriptions: rendered in turn, and once for those who ask alike.
//!
//! Those who have all there is look at the log together, at a [`Moment`], so that they ask for the same part at
//! the same time. Nothing is kept longer than [`limits::MOMENT`], but what is on its way to a socket.

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

/// Who renders, and what was rendered just now.
pub(in crate::serve) struct Parts {
    schemas: Arc<Schemas>,
    reader: Reader,
    queue: Arc<FairQueue>,
    latest: Arc<Mutex<Option<Arc<Moment>>>>,
}

/// The log as it was looked at.
pub(super) struct Moment {
    at: Instant,
    /// How many entries it had.
    size: u64,
    /// By what is asked, and from which entry on.
    parts: Mutex<HashMap<(Digest, u64), Cell>>,
}

/// Where a part is, or will be, for all who ask for it.
type Cell = Arc<OnceCell<Arc<Part>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Parts {
    /// Of a log, by its schemas.
    pub fn new(schemas: Arc<Schemas>, reader: Reader) -> Self {
        // Half of the cores: however many follow the log, others still write and ask.
        let queue = FairQueue::new(system::cores().div_ceil(2));
        Self { schemas, reader, queue, latest: Arc::default() }
    }

    /// A moment at which the log had the entry, which it has now. It is the latest moment if that will do; a new
    /// one is not made until the latest has passed.
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

    /// Checks a subscription. Gives the index of the first entry to be sent.
    pub(super) async fn begin(
        &self,
        client: Client,
        subscription: &Arc<Subscription>,
    ) -> Result<u64, Errors> {
        let subscription = subscription.clone();
        self.run(client, move |schemas, reader| subscription.begin(schemas, reader)).await
    }

    /// The events from an index on, as many as a part may hold.
    pub(super) async fn get(
        &self,
        client: Client,
        moment: &Moment,
        subscription: &Arc<Subscription>,
        from: u64,
    ) -> Result<Arc<Part>, Errors> {
        if let Some(cell) = moment.cell(subscription.key, from) {
            let part = cell.get_or_try_init(|| self.render(client, subscription, from)).await?;
            // What was withheld since must not be in it.
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

    /// Does a work off the threads that serve connections, when its turn comes.
    async fn run<T: Send + 'static>(
        &self,
        client: Client,
        work: impl FnOnce(&Schemas, &Reader) -> Result<T, Errors> + Send + 'static,
    ) -> Result<T, Errors> {
        // It ends with the thread, even if nobody waits for it any more.
        let turn = self.queue.wait(client, Weight::Light).await;
        let (schemas, reader) = (self.schemas.clone(), self.reader.clone());
        let working = tokio::task::spawn_blocking(move || turn.spend(|| work(&schemas, &reader)));
        let ended = |join| Err(internal(&ReadError::Fault(format!("a subscription ended: {join}"))));
        working.await.unwrap_or_else(ended)
    }
}

/// Forgets a moment when it has passed.
async fn pass(latest: Arc<Mutex<Option<Arc<Moment>>>>, moment: Arc<Moment>) {
    sleep(limits::MOMENT).await;
    lock(&latest).take_if(|latest| Arc::ptr_eq(latest, &moment));
}

impl Moment {
    /// None for those who are far behind, and alone in that, and when there are too many.
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
