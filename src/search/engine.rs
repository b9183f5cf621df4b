//! The index, made with tantivy, in memory. Nothing here touches a disk.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tantivy::{
    DocId, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Score, SegmentOrdinal,
    SegmentReader, TantivyDocument, TantivyError, Term as Key,
    collector::{Collector, SegmentCollector},
    columnar::Column,
    index::SegmentMeta,
    indexer::{LogMergePolicy, MergeCandidate, MergePolicy, NoMergePolicy},
    query::{
        AllQuery, BooleanQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery, Query as Condition,
        TermQuery,
    },
    schema::{
        BytesOptions, FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
    },
};

use super::{
    document::{Document, Facet, LANGUAGE, WEIGHTS},
    query::{Query, Term},
    tokenizer::{ROOT, WordsAndRoots},
    until::Until,
};

/// Bytes of memory that new documents may take before they become a segment.
const ARENA: usize = 24 << 20;
/// Bytes of text that may be put before a commit must follow. They wait for tantivy's thread, since adding a long text takes
/// longer than reading it, and tantivy itself bounds only the number of documents that wait.
const WAITING: usize = 64 << 20;
/// Segments of fewer documents are merged with each other first, so that new documents are not written anew too often.
const SMALL_SEGMENT: u32 = 1_000;
/// The most documents of a merged segment. A search checks the clock at each hit and at the start of each segment. In
/// a segment without hits it can't be stopped, so a segment has a bound.
const LARGE_SEGMENT: usize = 200_000;
/// The most languages that are listed: an author can make up many.
const LANGUAGES: usize = 40;
/// The most tags of languages that are read of one segment.
const LANGUAGES_READ: usize = 1_000;
/// The name under which the tokenizer is registered.
const TOKENIZER: &str = "words";

/// Where a hit stands in its list: its score (0 if the list is ordered by time) and its index, the largest first.
pub(super) type Place = (u32, u64);

/// Which entries to find, apart from their words.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// An entry must have at least one facet of each of these lists.
    pub facets: Vec<Vec<Facet>>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
    /// Only entries below this index.
    pub size: u64,
}

#[derive(Clone, Copy)]
struct Fields {
    index: Field,
    recorded: Field,
    facet: Field,
    texts: [Field; WEIGHTS.len()],
}

pub(super) struct Engine {
    fields: Fields,
    index: Index,
    reader: IndexReader,
}

/// Adds to the index. There is only one.
pub(super) struct Writer {
    fields: Fields,
    writer: IndexWriter,
    reader: IndexReader,
    /// Bytes of texts since the last commit.
    waiting: usize,
}

impl Engine {
    pub fn new() -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let positions = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(false);
        let text = TextOptions::default().set_indexing_options(positions);
        let fields = Fields {
            index: schema.add_u64_field("index", NumericOptions::default().set_indexed().set_fast()),
            recorded: schema.add_i64_field("recorded", FAST),
            facet: schema.add_bytes_field("facet", BytesOptions::default().set_indexed()),
            texts: WEIGHTS.map(|weight| schema.add_text_field(&format!("text{weight}"), text.clone())),
        };
        // No documents are stored, so no thread is needed to compress them.
        let settings =
            IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
        let index = Index::builder().schema(schema.build()).settings(settings).create_in_ram()?;
        index.tokenizers().register(TOKENIZER, WordsAndRoots::default());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { fields, index, reader })
    }

    /// Returns a function that makes the writer, which starts a thread of tantivy's own. Call it on the thread that will add, so
    /// that the new thread has the same priority.
    pub fn writing(&self) -> impl FnOnce() -> tantivy::Result<Writer> + Send + use<> {
        let (fields, index, reader) = (self.fields, self.index.clone(), self.reader.clone());
        move || {
            let writer: IndexWriter = index.writer_with_num_threads(1, ARENA)?;
            // While the index is first made, its segments are large and need no merging.
            writer.set_merge_policy(Box::new(NoMergePolicy));
            Ok(Writer { fields, writer, reader, waiting: 0 })
        }
    }

    /// The tags of the languages that documents have, those of most documents first. Replaced documents count until they are
    /// merged away.
    pub fn languages(&self) -> tantivy::Result<Vec<String>> {
        let mut found: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for segment in self.reader.searcher().segment_readers() {
            let facets = segment.inverted_index(self.fields.facet)?;
            let mut terms = facets.terms().range().ge([LANGUAGE]).lt([LANGUAGE + 1]).into_stream()?;
            for _ in 0..LANGUAGES_READ {
                if !terms.advance() {
                    break;
                }
                let tag = terms.key().get(1..).unwrap_or_default().to_vec();
                *found.entry(tag).or_default() += u64::from(terms.value().doc_freq);
            }
        }
        let mut found: Vec<_> = found
            .into_iter()
            .filter_map(|(tag, count)| Some((Reverse(count), String::from_utf8(tag).ok()?)))
            .collect();
        found.sort_unstable();
        found.truncate(LANGUAGES);
        Ok(found.into_iter().map(|(_, tag)| tag).collect())
    }

    /// The first `most` places after `after` of the entries that fit, in order. `None` if the time given by `until` was up.
    pub fn find(
        &self,
        query: &Query,
        conditions: &Conditions,
        by_time: bool,
        after: Option<Place>,
        most: usize,
        until: Until,
    ) -> tantivy::Result<Option<Vec<Place>>> {
        let late = Arc::new(AtomicBool::new(false));
        let best = Best {
            by_time,
            after,
            most,
            since_ms: conditions.since_ms.unwrap_or(i64::MIN),
            until_ms: conditions.until_ms.unwrap_or(i64::MAX),
            size: conditions.size,
            until,
            late: late.clone(),
        };
        let found = self.reader.searcher().search(&self.fields.condition(query, conditions), &best);
        if late.load(Ordering::Relaxed) { Ok(None) } else { found.map(Some) }
    }
}

impl Fields {
    fn condition(&self, query: &Query, conditions: &Conditions) -> BooleanQuery {
        let mut all: Vec<(Occur, Box<dyn Condition>)> = vec![(Occur::Must, scored(Box::new(AllQuery), 0))];
        for term in &query.wanted {
            all.push((Occur::Must, self.anywhere(term)));
        }
        for term in &query.unwanted {
            all.push((Occur::MustNot, self.anywhere(term)));
        }
        for any in &conditions.facets {
            let one = |facet: &Facet| {
                let key = Key::from_field_bytes(self.facet, facet);
                Box::new(TermQuery::new(key, IndexRecordOption::Basic)) as Box<dyn Condition>
            };
            all.push((Occur::Must, scored(Box::new(BooleanQuery::union(any.iter().map(one).collect())), 0)));
        }
        BooleanQuery::new(all)
    }

    /// A term in any text. Its score is the sum of the weights of the fields that have it. It does not depend on what else is in
    /// the index, so a place in a list never moves.
    fn anywhere(&self, term: &Term) -> Box<dyn Condition> {
        let fields = self.texts.iter().zip(WEIGHTS);
        Box::new(BooleanQuery::union(
            fields.map(|(field, weight)| scored(in_text(*field, term), weight)).collect(),
        ))
    }
}

fn scored(condition: Box<dyn Condition>, weight: u8) -> Box<dyn Condition> {
    Box::new(ConstScoreQuery::new(condition, f32::from(weight)))
}

fn in_text(field: Field, term: &Term) -> Box<dyn Condition> {
    let key = |text: &str| Key::from_field_text(field, text);
    let exact =
        |text: &str| Box::new(TermQuery::new(key(text), IndexRecordOption::Basic)) as Box<dyn Condition>;
    match term {
        Term::Word(word) => {
            let mut forms = vec![exact(&word.text), exact(&format!("{ROOT}{}", word.root))];
            if word.root != word.text {
                forms.push(exact(&word.root));
            }
            Box::new(BooleanQuery::union(forms))
        }
        Term::Beginning(text) => Box::new(FuzzyTermQuery::new_prefix(key(text), 0, true)),
        Term::Phrase(words) => match &words[..] {
            [word] => exact(word),
            words => Box::new(PhraseQuery::new(words.iter().map(|w| key(w)).collect())),
        },
    }
}

impl Writer {
    /// Adds a document. With `again`, it replaces an earlier one of the same entry.
    pub fn put(&mut self, document: &Document, again: bool) -> tantivy::Result<()> {
        if again {
            self.writer.delete_term(Key::from_field_u64(self.fields.index, document.index));
        }
        let mut doc = TantivyDocument::new();
        doc.add_u64(self.fields.index, document.index);
        doc.add_i64(self.fields.recorded, document.recorded_ms);
        for facet in &document.facets {
            doc.add_bytes(self.fields.facet, facet);
        }
        for piece in &document.pieces {
            let Some(at) = WEIGHTS.iter().position(|w| *w == piece.weight) else { continue };
            doc.add_text(self.fields.texts[at], &piece.text);
            self.waiting += piece.text.len();
        }
        self.writer.add_document(doc).map(drop)
    }

    /// Makes all that was put findable.
    pub fn commit(&mut self) -> tantivy::Result<()> {
        self.waiting = 0;
        self.writer.commit()?;
        self.reader.reload()
    }

    /// Whether a commit is due, by the text that was put since the last one.
    pub fn is_full(&self) -> bool {
        self.waiting >= WAITING
    }

    /// Begins to merge small segments: to be called once little is added at a time.
    pub fn merge_small(&self) {
        let mut policy = LogMergePolicy::default();
        policy.set_min_layer_size(SMALL_SEGMENT);
        policy.set_max_docs_before_merge(LARGE_SEGMENT / 2);
        self.writer.set_merge_policy(Box::new(Bounded(policy)));
    }
}

/// A merge policy that splits what another one would merge into parts of at most [`LARGE_SEGMENT`] documents.
#[derive(Debug)]
struct Bounded(LogMergePolicy);

impl MergePolicy for Bounded {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut bounded = Vec::new();
        for MergeCandidate(all) in self.0.compute_merge_candidates(segments) {
            let (mut part, mut docs) = (Vec::new(), 0);
            for segment in all.iter().filter_map(|id| segments.iter().find(|segment| segment.id() == *id)) {
                let more = segment.num_docs() as usize;
                if docs + more > LARGE_SEGMENT {
                    bounded.push(std::mem::take(&mut part));
                    docs = 0;
                }
                docs += more;
                part.push(segment);
            }
            bounded.push(part);
        }
        // A segment alone is written anew only to be rid of deleted documents.
        bounded.retain(|part| part.len() > 1 || part.iter().any(|segment| segment.has_deletes()));
        bounded.iter().map(|part| MergeCandidate(part.iter().map(|segment| segment.id()).collect())).collect()
    }
}

/// Collects the first places after the place `after`.
struct Best {
    by_time: bool,
    after: Option<Place>,
    most: usize,
    since_ms: i64,
    until_ms: i64,
    size: u64,
    until: Until,
    late: Arc<AtomicBool>,
}

struct BestOfSegment {
    index: Column<u64>,
    recorded: Column<i64>,
    by_time: bool,
    after: Option<Place>,
    most: usize,
    since_ms: i64,
    until_ms: i64,
    size: u64,
    until: Until,
    late: Arc<AtomicBool>,
    seen: u32,
    best: BinaryHeap<Reverse<Place>>,
}

impl Collector for Best {
    type Fruit = Vec<Place>;
    type Child = BestOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<BestOfSegment> {
        if self.until.is_over() {
            self.late.store(true, Ordering::Relaxed);
            // An error, since a collector that only ignored the documents would still have the segment searched to its end.
            return Err(TantivyError::InternalError("the search is over".into()));
        }
        Ok(BestOfSegment {
            index: segment.fast_fields().u64("index")?,
            recorded: segment.fast_fields().i64("recorded")?,
            by_time: self.by_time,
            after: self.after,
            most: self.most,
            since_ms: self.since_ms,
            until_ms: self.until_ms,
            size: self.size,
            until: self.until,
            late: self.late.clone(),
            seen: 0,
            best: BinaryHeap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        !self.by_time
    }

    fn merge_fruits(&self, segments: Vec<Vec<Place>>) -> tantivy::Result<Vec<Place>> {
        let mut all: Vec<Place> = segments.into_iter().flatten().collect();
        all.sort_unstable_by_key(|place| Reverse(*place));
        all.truncate(self.most);
        Ok(all)
    }
}

impl SegmentCollector for BestOfSegment {
    type Fruit = Vec<Place>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.seen = self.seen.wrapping_add(1);
        if self.seen.is_multiple_of(4_096) && self.until.is_over() {
            self.late.store(true, Ordering::Relaxed);
        }
        if self.late.load(Ordering::Relaxed) {
            return;
        }
        let (Some(index), Some(recorded)) = (self.index.first(doc), self.recorded.first(doc)) else { return };
        // Exact: scores are sums of small whole numbers.
        let place = (if self.by_time { 0 } else { score as u32 }, index);
        let wanted = index < self.size
            && (self.since_ms..self.until_ms).contains(&recorded)
            && self.after.is_none_or(|after| place < after);
        if wanted && (self.best.len() < self.most || self.best.peek().is_some_and(|worst| place > worst.0)) {
            if self.best.len() >= self.most {
                self.best.pop();
            }
            self.best.push(Reverse(place));
        }
    }

    fn harvest(self) -> Vec<Place> {
        self.best.into_iter().map(|Reverse(place)| place).collect()
    }
}
