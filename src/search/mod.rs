//! Search over what can be read on a ledger: words, names and sentences, in Malay and English.
//!
//! The index lives in memory only. It never puts on a disk what a person wrote, so nothing is left there when words are
//! withheld. It is made anew at each start, on a thread of its own, and says how far it has come. Until it has caught up it
//! finds less, but never anything wrong.
//!
//! The index proposes and the log disposes: each hit is read again, and shown only if what can be read *now* fits the query.
//! Words that were withheld a moment ago are in no hit, even if the index still has them.
//!
//! A word finds itself and words of the same root; a phrase finds exactly that phrase. A hit's score depends only on
//! the entry and the query, so a cursor stays valid however the log grows.

mod document;
mod engine;
mod follower;
mod query;
mod shared;
mod snippet;
mod token;
mod tokenizer;
mod until;

pub use query::{MAX_QUERY, MAX_WORDS, Query, QueryError};
pub use snippet::{Snippet, SnippetPart};

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use self::{
    document::Documents,
    engine::{Conditions, Engine, Place},
    follower::Follower,
    shared::Shared,
    until::Until,
};
use crate::{
    event::{EventId, EventType, Language, Standing},
    ledger::{ReadError, Reader},
    log::Time,
    note::{base64_decode, base64_encode},
    views::{self, EntryLine, Marks, Views},
};

/// The most hits on a page.
pub const MAX_HITS: usize = 100;
/// The most types that one search may name.
pub const MAX_TYPES: usize = 64;
/// How long one search may take by default.
pub const TIME: Duration = Duration::from_secs(1);
/// How often the index is asked, at most, to fill a page, where hits do not fit any more as they read now.
const ROUNDS: usize = 4;

/// Which entries to search. A condition that is left out lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Entries of one of these types; empty for all.
    pub types: Vec<EventType>,
    /// Entries in this case, its opening included.
    pub case: Option<EventId>,
    /// Entries that this party signed or that name it in a ref, its registration included.
    pub party: Option<EventId>,
    /// Statements in this language, as their fact has it: `ms`, `en`.
    pub language: Option<String>,
    /// Statements of this standing: `official`, `report`.
    pub standing: Option<String>,
    /// Entries recorded at or after this time.
    pub since: Option<Time>,
    /// Entries recorded before this time.
    pub until: Option<Time>,
}

impl Filter {
    /// A field of this filter with a value that no entry can have, and what is expected there. That is an error and not an empty
    /// answer, since a mistyped word must not look like an empty record.
    pub fn unknown(&self) -> Option<(&'static str, String)> {
        if let Some(tag) = &self.language {
            let expected = "expected the tag of a language, such as ms, en-GB or zh";
            if Language::parse(tag).is_none() {
                return Some(("language", expected.to_owned()));
            }
            // Codes of three letters are taken as they are: not all of them have a name in this program.
            if tag.split('-').next().is_some_and(|code| code.len() == 2) && !views::is_named_language(tag) {
                return Some(("language", format!("no language has this code; {expected}")));
            }
        }
        let standing = self.standing.as_deref()?;
        let known = Standing::WORDS.contains(&standing);
        (!known).then(|| ("standing", format!("expected one of {}", Standing::WORDS.join(", "))))
    }
}

/// The order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Names and titles count more than words, and words more than sentences. Of equals, the newest first.
    #[default]
    Relevance,
    /// The newest first.
    Newest,
}

/// Where a hit stands in its list. Its text form stays valid for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    order: Order,
    place: Place,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (score, index) = self.place;
        let text = match self.order {
            Order::Relevance => format!("r{score}.{index}"),
            Order::Newest => format!("n{index}"),
        };
        f.write_str(&base64_encode(text.as_bytes()))
    }
}

impl Cursor {
    /// Reads the cursor of a list in this order. `None` if it is none, or of another order.
    pub fn parse(text: &str, order: Order) -> Option<Self> {
        let plain = String::from_utf8(base64_decode(text)?).ok()?;
        let place = match order {
            Order::Relevance => {
                let (score, index) = plain.strip_prefix('r')?.split_once('.')?;
                (score.parse().ok()?, index.parse().ok()?)
            }
            Order::Newest => (0, plain.strip_prefix('n')?.parse().ok()?),
        };
        let cursor = Self { order, place };
        (cursor.to_string() == text).then_some(cursor)
    }
}

/// An entry that fits the query.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Where it stands in the list.
    pub cursor: Cursor,
    /// The entry, as it stands in lists.
    pub line: EntryLine,
    /// What became of the entries that it quotes, or of the void demand that it is about: what each is called, and its marks.
    pub beside: Vec<(String, Marks)>,
    /// Where its text fits the query.
    pub snippets: Vec<Snippet>,
}

/// A page of hits.
#[derive(Debug, Clone)]
pub struct Hits {
    /// The hits, in order.
    pub hits: Vec<Hit>,
    /// Where to go on, if there may be more. Mostly the place of the last hit; further on if entries that do not fit
    /// any more were passed over after it.
    pub next: Option<Cursor>,
    /// The number of entries of the log that were searched.
    pub searched: u64,
    /// The number of entries in the log.
    pub size: u64,
    /// Whether the time was up before the page was full or all was searched.
    pub cut_short: bool,
}

/// Why there is no page of hits.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// It took too long.
    #[error("this search takes too long; add a word or a filter")]
    TooLong,
    /// A fault of this machine: the index or the ledger could not be read.
    #[error(transparent)]
    Fault(#[from] ReadError),
}

/// The index of a ledger, and the thread that keeps it. Both end when this is dropped.
pub struct Search {
    /// `None` if it could not be made.
    engine: Option<Engine>,
    /// How long one search may take.
    time: Duration,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").field("reflects", &self.reflects()).finish_non_exhaustive()
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread of search ended in a panic");
            }
        }
    }
}

impl Search {
    /// Begins to index a ledger, and follows it as it grows. If the index or its thread can't be made, that is
    /// logged and searches fail, but the record can still be read.
    pub fn start(reader: &Reader) -> Self {
        let shared = Arc::new(Shared {
            reader: reader.clone(),
            reflects: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        match begin(&shared) {
            Ok((engine, thread)) => Self { engine: Some(engine), time: TIME, shared, thread: Some(thread) },
            Err(cause) => {
                tracing::error!(%cause, "search could not begin");
                Self { engine: None, time: TIME, shared, thread: None }
            }
        }
    }

    /// The same, but one search may take `time`.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The number of entries of the log that can be found. Entries that are damaged on the disk are not counted.
    pub fn reflects(&self) -> u64 {
        self.shared.reflects.load(Ordering::Acquire)
    }

    /// The tags of the languages of the statements in the index, those of most statements first.
    pub fn languages(&self) -> Vec<String> {
        let Some(engine) = &self.engine else { return Vec::new() };
        engine.languages().unwrap_or_else(|cause| {
            tracing::error!(%cause, "the languages of the index can't be told");
            Vec::new()
        })
    }

    /// A page of at most `most` hits after the cursor `after`, of entries that these views know. No page has more than
    /// [`MAX_HITS`]. A cursor of another order is ignored. When the time is up, the hits found by then are the page; if none
    /// were looked at yet, that is an error.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn find(
        &self,
        views: &Views,
        query: &Query,
        filter: &Filter,
        order: Order,
        after: Option<Cursor>,
        most: usize,
    ) -> Result<Hits, SearchError> {
        self.find_within(Duration::MAX, views, query, filter, order, after, most)
    }

    /// Like [`find`](Self::find), but also ends when this thread has used `work` of processor time.
    ///
    /// # Errors
    /// [`SearchError`].
    #[allow(clippy::too_many_arguments)]
    pub fn find_within(
        &self,
        work: Duration,
        views: &Views,
        query: &Query,
        filter: &Filter,
        order: Order,
        after: Option<Cursor>,
        most: usize,
    ) -> Result<Hits, SearchError> {
        let until = Until::in_work(work, self.time);
        let most = most.min(MAX_HITS);
        // Asked before the search, so that it never says more than was searched.
        let searched = self.reflects().min(views.size());
        let conditions = conditions(filter, views.size());
        let engine = self.engine.as_ref().ok_or_else(|| ReadError::Fault("search could not begin".into()))?;
        let begun = after.filter(|c| c.order == order).map(|c| c.place);
        let mut place = begun;
        let mut documents = Documents::new(views);
        let mut hits: Vec<Hit> = Vec::with_capacity(most);
        let (mut next, mut cut_short) = (None, false);
        'rounds: for _ in 0..ROUNDS {
            let want = most + 1 - hits.len();
            let found = engine
                .find(query, &conditions, order == Order::Newest, place, want, until)
                .map_err(|e| ReadError::Fault(format!("search: {e}")))?;
            let found = match found {
                Some(found) => found,
                None if place != begun => {
                    cut_short = true;
                    break;
                }
                None => return Err(SearchError::TooLong),
            };
            let last = found.len() < want;
            for at in found {
                if place != begun && until.is_over() {
                    next = place.map(|place| Cursor { order, place });
                    cut_short = true;
                    break 'rounds;
                }
                place = Some(at);
                let Some(record) = views.record(at.1)? else { continue };
                let pieces = documents.pieces(&record)?;
                if !query.fits(&pieces) {
                    continue;
                }
                if hits.len() == most {
                    next = hits.last().map(|h| h.cursor);
                    break 'rounds;
                }
                let cursor = Cursor { order, place: at };
                let snippets = snippet::snippets(query, &pieces);
                let (line, beside) = (views.line(&record)?, views.told_beside(&record)?);
                hits.push(Hit { cursor, line, beside, snippets });
            }
            next = place.filter(|_| !last).map(|place| Cursor { order, place });
            if last {
                break;
            }
        }
        Ok(Hits { hits, next, searched, size: views.size(), cut_short })
    }
}

fn begin(shared: &Arc<Shared>) -> Result<(Engine, JoinHandle<()>), ReadError> {
    let fault = |e: &dyn std::fmt::Display| ReadError::Fault(format!("search: {e}"));
    let engine = Engine::new().map_err(|e| fault(&e))?;
    let (shared, writing) = (shared.clone(), engine.writing());
    let run = move || {
        // Indexing an entry takes longer than recording it, and the ledger must not wait for that. If the load needs all cores,
        // search falls behind, and its answers say so.
        crate::priority::give_way("search");
        match writing() {
            Ok(writer) => Follower::new(shared, writer).run(),
            Err(cause) => tracing::error!(%cause, "search could not begin"),
        }
    };
    let thread = std::thread::Builder::new().name("search".into()).spawn(run).map_err(|e| fault(&e))?;
    Ok((engine, thread))
}

fn conditions(filter: &Filter, size: u64) -> Conditions {
    let mut facets = Vec::new();
    if !filter.types.is_empty() {
        facets.push(filter.types.iter().take(MAX_TYPES).map(|t| document::type_facet(*t)).collect());
    }
    let single = [
        filter.case.as_ref().map(document::case_facet),
        filter.party.as_ref().map(document::party_facet),
        filter.language.as_deref().map(document::language_facet),
        filter.standing.as_deref().map(document::standing_facet),
    ];
    facets.extend(single.into_iter().flatten().map(|facet| vec![facet]));
    Conditions {
        facets,
        since_ms: filter.since.map(Time::unix_ms),
        until_ms: filter.until.map(Time::unix_ms),
        size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_those_of_another_order_or_odd_ones_do_not() {
        for order in [Order::Relevance, Order::Newest] {
            let place = if order == Order::Newest { (0, 12) } else { (7, 12) };
            let cursor = Cursor { order, place };
            assert_eq!(Cursor::parse(&cursor.to_string(), order), Some(cursor));
            let other = if order == Order::Newest { Order::Relevance } else { Order::Newest };
            assert_eq!(Cursor::parse(&cursor.to_string(), other), None);
        }
        for odd in ["", "x", "cjEuMg", "bjAxMg==", "cis3LjEy"] {
            assert_eq!(Cursor::parse(odd, Order::Relevance), None, "{odd}");
            assert_eq!(Cursor::parse(odd, Order::Newest), None, "{odd}");
        }
    }
}
