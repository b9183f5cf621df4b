//! One entry as it was read, and its words.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::Views;
use crate::{
    event::{Content, Event},
    ledger::{ReadError, StoredWords},
    log::Entry,
};

/// Reading ahead stops after this many bytes of words.
const AHEAD: usize = 8 << 20;

/// An entry.
#[derive(Debug)]
pub struct Record {
    /// The parsed entry.
    pub entry: Entry<Event>,
}

impl Record {
    /// The whole entry, byte for byte: it is rebuilt from its parts, which have one form only.
    pub fn raw(&self) -> String {
        self.entry.header().entry(self.event())
    }
    /// The event in it.
    pub fn event(&self) -> &Event {
        self.entry.event()
    }
    /// Its index.
    pub fn index(&self) -> u64 {
        self.entry.header().index
    }
    /// The parties that signed, the author first.
    pub fn parties(&self) -> impl Iterator<Item = crate::event::EventId> + '_ {
        self.entry.header().signers.iter().map(|(party, _)| *party)
    }
}

/// The words of an entry as they are now, parsed.
#[derive(Debug, Clone)]
pub enum Words {
    /// The event carries none.
    None,
    /// The words are present.
    Present {
        /// The raw bytes that the event commits to.
        raw: Arc<[u8]>,
        /// The same, parsed.
        content: Content,
    },
    /// Withheld by the entry at this index.
    Withheld(u64),
    /// Missing, though nothing on the log says that they are withheld.
    Missing,
}

impl Words {
    fn read(index: u64, stored: StoredWords) -> Self {
        match stored {
            StoredWords::None => Self::None,
            StoredWords::Withheld(by) => Self::Withheld(by),
            StoredWords::Missing => Self::Missing,
            StoredWords::Present(raw) => match Content::parse(&raw) {
                Ok(content) => Self::Present { raw, content },
                Err(refusal) => {
                    // The code of a refusal repeats none of the words, so it may be logged.
                    tracing::error!(index, code = %refusal.code, "stored words can't be read");
                    Self::Missing
                }
            },
        }
    }
    /// One member, if the words are present and it is text that is not blank.
    pub fn text(&self, member: &str) -> Option<&str> {
        match self {
            Self::Present { content, .. } => content.text(member).filter(|t| !t.trim().is_empty()),
            _ => None,
        }
    }
}

impl Views {
    /// The words of an entry.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn words(&self, record: &Record) -> Result<Arc<Words>, ReadError> {
        let index = record.index();
        if let Some(known) = self.memory().words.get(&index) {
            return Ok(known.clone());
        }
        let cache = record.event().content().and(self.cache.as_ref());
        if let Some(known) = cache.and_then(|c| c.words(index, self.withheld)) {
            self.memory().words.insert(index, known.clone());
            return Ok(known);
        }
        let stored = match record.event().content() {
            None => StoredWords::None,
            Some(_) => self.reader.words_of(index, record.event())?,
        };
        let words = Arc::new(Words::read(index, stored));
        if let Some(cache) = cache {
            cache.put_words(index, &words, self.withheld);
        }
        self.memory().words.insert(index, words.clone());
        Ok(words)
    }

    /// Remembers the entries of a range and their words, in place of all that were remembered. A caller that walks the log
    /// thus reads each bundle once and keeps only the entries that come next. Parties stay remembered. Returns the
    /// index at which it stopped: the end of the range, or the entry after [`AHEAD`] bytes of words.
    pub(crate) fn read_ahead(&self, range: Range<u64>) -> Result<u64, ReadError> {
        let mut next = range.start;
        let mut records = HashMap::default();
        let mut all_words = HashMap::default();
        let mut bytes = 0;
        self.reader.each(range.start..range.end.min(self.size), |entry, stored| {
            if let StoredWords::Present(words) = &stored {
                bytes += words.len();
            }
            let index = entry.header().index;
            all_words.insert(index, Arc::new(Words::read(index, stored)));
            records.insert(index, Some(Arc::new(Record { entry })));
            next = index + 1;
            bytes < AHEAD
        })?;
        let mut memory = self.memory();
        (memory.records, memory.words) = (records, all_words);
        Ok(next)
    }
}
