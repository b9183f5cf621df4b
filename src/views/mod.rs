//! What the log says, in words and plain structs: the reading layer that pages, GraphQL and the terminal share.
//!
//! Everything here is computed when it is read, and nothing is stored. A [`Views`] answers one request: it
//! fixes the size of the log it speaks about and remembers what it has read, so that no record is read twice
//! for one page.
//!
//! ```no_run
//! # use onrecord::{ledger::{Ledger, Options}, views::Views};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Ledger::open("ledger-data".as_ref(), Options::default())?;
//! let views = Views::new(ledger.reader());
//! if let Some(entry) = views.entry(41)? {
//!     println!("{} (recorded {})", entry.line.sentence, entry.line.times.recorded);
//! }
//! # Ok(()) }
//! ```

mod allowance;
mod attribution;
mod cache;
mod case;
mod case_summary;
mod case_view;
mod codes;
mod dates;
mod deadline;
mod demand;
mod demand_view;
mod difference;
mod door;
mod entry;
mod facts;
mod incident;
mod instant;
mod later_effects;
mod latest;
mod line;
mod link;
mod names;
mod optional_words;
mod party;
mod party_view;
mod phrases;
mod plain;
mod preview;
mod promise;
mod proof;
mod record;
mod sentence;
mod signer;
mod since;
mod statement;
mod text;
mod thread;
mod timeline;
mod times;
mod transparency;
mod trust;
mod vouched;
mod withheld;
mod words;

pub use allowance::Allowance;
pub use attribution::Attribution;
pub use cache::Cache;
pub use case::{Case, CaseEntries};
pub use case_summary::{CaseSummary, outcomes};
pub use case_view::{CaseView, DemandLine};
pub use codes::type_words;
pub use dates::{at_words, day_words, time_words};
pub use deadline::{Due, Excluded, Period};
pub use demand::*;
pub use demand_view::{
    AnswerView, BackerView, DemandSheet, DemandView, EvidenceView, ItemView, NoticeView, SignedText, Working,
};
pub use difference::Change;
pub use entry::{EntryView, NamedSigner, RefView};
pub use facts::FactView;
pub(crate) use facts::facts_json;
pub use incident::{FirstDisclosure, IncidentView};
pub(crate) use instant::first_day;
pub use instant::{Days, read_instant};
pub use later_effects::{Correction, Later, Release, Withholding};
pub use latest::Latest;
pub use line::EntryLine;
pub use link::{LinkSide, LinkView};
pub use names::{is_named_language, language as language_words};
pub use optional_words::{Named, Said};
pub use party::{Name, Party, PartyKey, Revocation, VouchedBy};
pub use party_view::{NameLine, PartyRecord, PartyView, RoleLine};
pub use preview::PreviewError;
pub use promise::{PromiseState, PromiseView};
pub use proof::{Inclusion, inclusion};
pub use record::{Record, Words};
pub use sentence::{Part, Sentence};
pub use signer::Signer;
pub use since::{LaterAct, LaterMention, Marks, Since};
pub use statement::{PositionView, StatementView, Taken, Version};
pub use text::{excerpt, shown};
pub use thread::CaseThread;
pub use timeline::{InOrder, Lane, Mark, Order, Place, Timeline, TimelineLine};
pub use times::Times;
pub use transparency::{GroundCount, ReleasedView, Transparency};
pub use withheld::{CorrectionView, WithheldView};
pub use words::{Block, BlockKind, FileState, FileView, Quote, WordsView};

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    event::{EventId, EventType},
    ledger::{Basis, Filter, Footprint, ReadError, Reader, StandsOn},
    log::{Entry, SignedCheckpoint, Time},
};

/// Reads for one request, at one size of the log.
#[derive(Debug)]
pub struct Views {
    reader: Reader,
    checkpoint: Arc<SignedCheckpoint>,
    size: u64,
    /// Entries and words that other requests have read.
    cache: Option<Arc<Cache>>,
    /// Index of the latest entry that had withheld something when this request began.
    withheld: Option<u64>,
    /// Where the rows and lists that an answer is made of are recorded.
    footprint: Option<Arc<Footprint>>,
    /// How much may still be read; without one there is no limit.
    allowance: Option<Arc<Allowance>>,
    memory: Mutex<Memory>,
}

/// A map that one answer looks into some hundred times: hence the fast hasher. It is keyed, since strangers choose the ids.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What one request has read so far.
#[derive(Debug, Default)]
struct Memory {
    records: Map<u64, Option<Arc<Record>>>,
    words: Map<u64, Arc<Words>>,
    indexes: Map<EventId, Option<u64>>,
    parties: Map<EventId, Option<Arc<Party>>>,
    fictional: Map<EventId, bool>,
    threads: Map<(EventId, Time), Arc<CaseThread>>,
    earlier: Map<u64, Arc<Views>>,
}

impl Views {
    /// Views of the log at the size of its latest checkpoint.
    pub fn new(reader: &Reader) -> Self {
        let checkpoint = reader.checkpoint();
        let size = checkpoint.checkpoint().size();
        let (reader, memory) = (reader.clone(), Mutex::default());
        Self {
            reader,
            checkpoint,
            size,
            cache: None,
            withheld: None,
            footprint: None,
            allowance: None,
            memory,
        }
    }

    /// The same, sharing a cache with other requests.
    pub fn cached(reader: &Reader, cache: &Arc<Cache>) -> Self {
        // Read before any words: words read from here on are at least as new as this index says.
        let withheld = reader.last_withheld();
        Self { cache: Some(cache.clone()), withheld, ..Self::new(reader) }
    }

    /// The same, recording in `footprint` every read whose result later entries may change.
    pub(crate) fn observed_by(self, footprint: &Arc<Footprint>) -> Self {
        Self { reader: self.reader.observed_by(footprint), footprint: Some(footprint.clone()), ..self }
    }

    /// The same, reading no more than `allowance` permits.
    pub fn within(self, allowance: &Arc<Allowance>) -> Self {
        Self { allowance: Some(allowance.clone()), ..self }
    }

    /// Takes from the allowance the `entries` that are about to be read.
    fn look_at(&self, entries: usize) -> Result<(), ReadError> {
        self.allowance.as_ref().map_or(Ok(()), |allowance| allowance.take(entries))
    }

    /// Views of the log as it was when it had `known_at` entries. Only entries below that size count, also for names,
    /// corrections and withholdings; but words that are withheld now are shown at no size. `None` unless `known_at`
    /// is 1 to the size of these views.
    pub fn at(&self, known_at: u64) -> Option<Self> {
        (1..=self.size).contains(&known_at).then(|| Self {
            // No later entry changes what the entries below a size say.
            reader: self.reader.unobserved(),
            checkpoint: self.checkpoint.clone(),
            size: known_at,
            cache: self.cache.clone(),
            withheld: self.withheld,
            footprint: self.footprint.clone(),
            allowance: self.allowance.clone(),
            memory: Mutex::default(),
        })
    }

    /// The same, for a part of an answer that is kept by itself: its reads are recorded in its own `footprint`.
    pub(crate) fn apart(&self, footprint: &Arc<Footprint>) -> Self {
        let reader = if self.reader.is_observed() {
            self.reader.observed_by(footprint)
        } else {
            self.reader.unobserved()
        };
        Self {
            reader,
            checkpoint: self.checkpoint.clone(),
            size: self.size,
            cache: self.cache.clone(),
            withheld: self.withheld,
            footprint: Some(footprint.clone()),
            allowance: self.allowance.clone(),
            memory: Mutex::default(),
        }
    }

    /// The same log at the size of its checkpoint. Reads are observed, since later entries change their results.
    fn now(&self) -> Self {
        let reader = match &self.footprint {
            Some(footprint) => self.reader.observed_by(footprint),
            None => self.reader.unobserved(),
        };
        Self {
            reader,
            checkpoint: self.checkpoint.clone(),
            size: self.checkpoint.checkpoint().size(),
            cache: self.cache.clone(),
            withheld: self.withheld,
            footprint: self.footprint.clone(),
            allowance: self.allowance.clone(),
            memory: Mutex::default(),
        }
    }

    /// Observes what a part of the answer was made of.
    pub(crate) fn observe(&self, basis: &Basis) {
        if let Some(footprint) = &self.footprint {
            footprint.all_of(basis);
        }
    }

    /// The size of these views, if no later entry changes what they say.
    pub(crate) fn fixed(&self) -> Option<u64> {
        (!self.reader.is_observed()).then_some(self.size)
    }

    /// As [`at`](Self::at), but each size has one [`Views`] for the whole request, so that nothing is read twice. `None`
    /// unless `known_at` is 1 to the size of these views.
    pub fn known_at(&self, known_at: u64) -> Option<Arc<Self>> {
        let earlier = Arc::new(self.at(known_at)?);
        Some(self.memory().earlier.entry(known_at).or_insert(earlier).clone())
    }

    /// The latest checkpoint when these views were made; [`size`](Self::size) may be below its size.
    pub fn checkpoint(&self) -> &Arc<SignedCheckpoint> {
        if let Some(footprint) = &self.footprint {
            footprint.everything();
        }
        &self.checkpoint
    }

    /// How many entries these views know.
    pub fn size(&self) -> u64 {
        self.reader.observe(StandsOn::Everything);
        self.size
    }

    /// Whether these views know exactly `size` entries.
    pub(crate) fn is_of(&self, size: u64) -> bool {
        self.size == size
    }

    /// Whether these views know every entry that the checkpoint covers.
    fn latest(&self) -> bool {
        self.size == self.checkpoint.checkpoint().size()
    }

    /// Index of the latest entry that had withheld something when these views were made.
    pub(crate) fn withheld(&self) -> Option<u64> {
        self.withheld
    }

    /// The reader of the ledger that these views stand on.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    // A thread that panicked while it held the lock left no half-made value: each insert is one call.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry, parsed; `None` at or above the size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails or holds bytes that are not an entry.
    pub fn record(&self, index: u64) -> Result<Option<Arc<Record>>, ReadError> {
        if index >= self.size {
            self.reader.observe(StandsOn::Everything);
            return Ok(None);
        }
        if let Some(known) = self.memory().records.get(&index) {
            return Ok(known.clone());
        }
        self.look_at(1)?;
        let cached = self.cache.as_ref().and_then(|c| c.record(index));
        if let Some(known) = cached {
            self.memory().records.insert(index, Some(known.clone()));
            return Ok(Some(known));
        }
        let record = match self.reader.entry(index)? {
            None => None,
            Some(raw) => {
                let entry = Entry::parse(&raw, self.reader.origin())
                    .map_err(|e| ReadError::Fault(format!("entry {index} does not parse: {e}")))?;
                let record = Arc::new(Record { entry });
                if let Some(cache) = &self.cache {
                    cache.put_record(index, &record);
                }
                Some(record)
            }
        };
        self.memory().records.insert(index, record.clone());
        Ok(record)
    }

    /// The entries at `indexes` that are below the size, parsed.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub(crate) fn records(&self, indexes: &[u64]) -> Result<Vec<Arc<Record>>, ReadError> {
        self.look_at(indexes.len())?;
        let cached = self.cache.as_ref().map(|c| c.records(indexes)).unwrap_or_default();
        let mut cached = cached.into_iter().chain(std::iter::repeat(None));
        let mut records = Vec::with_capacity(indexes.len());
        for index in indexes {
            match cached.next().flatten().filter(|_| *index < self.size) {
                Some(known) => records.push(known),
                None => records.extend(self.record(*index)?),
            }
        }
        Ok(records)
    }

    /// The index of an event, if it is below the size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn index_of(&self, id: &EventId) -> Result<Option<u64>, ReadError> {
        if let Some(known) = self.memory().indexes.get(id) {
            return Ok(*known);
        }
        let known = self.reader.index_of(id)?;
        let index = known.filter(|i| *i < self.size);
        if index != known {
            self.reader.observe(StandsOn::Everything);
        }
        self.memory().indexes.insert(*id, index);
        Ok(index)
    }

    /// The entry of an event.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn record_of(&self, id: &EventId) -> Result<Option<Arc<Record>>, ReadError> {
        match self.index_of(id)? {
            Some(index) => self.record(index),
            None => Ok(None),
        }
    }

    /// Indexes below the size of entries that pass the filter, at most `limit`; see [`Reader::list`].
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn list(
        &self,
        filter: &Filter,
        range: RangeInclusive<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let Some(last) = self.size.checked_sub(1) else { return Ok(Vec::new()) };
        let (low, high) = (*range.start(), last.min(*range.end()));
        if range.is_empty() || low > high || limit == 0 {
            return Ok(Vec::new());
        }
        self.look_at(1)?;
        self.reader.list(filter, low..=high, descending, limit)
    }

    /// Indexes below the size of the first entries of a type that name an event, ascending; at most `most`.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    fn bearing(&self, of: EventType, id: &EventId, most: usize) -> Result<Vec<u64>, ReadError> {
        self.look_at(1)?;
        let mut list = self.reader.bearing(of, id, most)?;
        list.truncate(list.partition_point(|index| *index < self.size));
        Ok(list)
    }

    /// Indexes below the size of the entries in a thread, ascending.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn thread(&self, id: &EventId) -> Result<Vec<u64>, ReadError> {
        self.look_at(1)?;
        let mut list = self.reader.thread(id)?;
        list.truncate(list.partition_point(|i| *i < self.size));
        Ok(list)
    }
}
