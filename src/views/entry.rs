//! One entry, whole.

use std::sync::Arc;

use super::{
    Case, EntryLine, FactView, FileState, FileView, Later, Marks, Name, Record, Signer, Since, Views, Words,
    WordsView, facts,
};
use crate::{
    event::{Body, Digest, EventId},
    ledger::{Filter, ReadError},
    log::{Hash, leaf_hash},
};

/// At most this many later entries that name an entry are shown with it: the newest.
const NAMED_BY_SHOWN: usize = 50;

/// Another record that an entry points at.
#[derive(Debug, Clone)]
pub struct RefView {
    /// The role.
    pub role: &'static str,
    /// What the role means.
    pub doc: &'static str,
    /// The event's id.
    pub id: EventId,
    /// Index of its entry.
    pub index: Option<u64>,
    /// Whether it is a party.
    pub party: bool,
    /// What it is, as a noun.
    pub noun: String,
}

impl RefView {
    /// The role as a label.
    pub fn label(&self) -> String {
        super::codes::label(self.role)
    }
}

/// A signer with names.
#[derive(Debug, Clone)]
pub struct NamedSigner {
    /// The signer.
    pub signer: Signer,
    /// What its party is called.
    pub name: Name,
    /// What the party that vouched for its key is called, if it is another.
    pub voucher: Option<Name>,
}

/// One entry with all that a page shows of it.
#[derive(Debug, Clone)]
pub struct EntryView {
    /// As it stands in lists.
    pub line: EntryLine,
    /// The entry itself.
    pub record: Arc<Record>,
    /// The state of its words.
    pub words: Arc<Words>,
    /// Its words, laid out, if they are present.
    pub words_view: Option<WordsView>,
    /// Its facts.
    pub facts: Vec<FactView>,
    /// What it points at.
    pub refs: Vec<RefView>,
    /// Who signed.
    pub signers: Vec<NamedSigner>,
    /// What became of it.
    pub since: Since,
    /// What became of the records that it quotes, or of the void demand that it is about: the noun for each, and its marks.
    pub beside: Vec<(String, Marks)>,
    /// What later entries withheld of it, gave back, or corrected, with the words of the operator.
    pub later: Later,
    /// The newest of the later entries that name it, ascending; none for parties, whose own page lists them.
    pub named_by: Vec<EntryLine>,
    /// Whether more later entries name it.
    pub named_more: bool,
    /// Its case.
    pub case: Option<Case>,
    /// BLAKE3 of the whole entry.
    pub hash: Digest,
    /// The leaf of the Merkle tree.
    pub leaf: Hash,
}

impl EntryView {
    /// The page of the demand, case or party that the entry began, and the words of the link to it.
    pub fn begun(&self) -> Option<(String, &'static str)> {
        let id = self.record.event().id();
        match self.record.event().body() {
            Body::DemandIssued(_) if !self.line.voided => {
                Some((format!("/demand/{id}"), "Where the demand stands"))
            }
            Body::CaseOpened(_) => Some((format!("/case/{id}"), "The case")),
            Body::PartyRegistered(_) | Body::LedgerOpened(_) => Some((format!("/party/{id}"), "The party")),
            _ => None,
        }
    }
    /// The files that its words name, if these can be read.
    pub fn files(&self) -> Option<&[FileView]> {
        self.words_view.as_ref().map(|words| words.files.as_slice())
    }
    /// Whether the words are missing although nothing says they are withheld.
    pub fn words_missing(&self) -> bool {
        matches!(&*self.words, Words::Missing)
    }
    /// Whether a file is missing although nothing says it is withheld.
    pub fn file_missing(&self) -> bool {
        self.words_view.iter().flat_map(|w| &w.files).any(|f| f.state == FileState::Missing)
    }
}

impl Views {
    /// An entry whole; `None` at or above the size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn entry(&self, index: u64) -> Result<Option<EntryView>, ReadError> {
        let Some(record) = self.record(index)? else { return Ok(None) };
        let line = self.line(&record)?;
        let case = match &line.case {
            Some(id) => self.case(id)?,
            None => None,
        };
        let mut signers = Vec::new();
        for signer in self.signers(&record)? {
            let name = self.name(&signer.party)?;
            let voucher = match signer.vouched.party() {
                Some(id) => Some(self.name(&id)?),
                None => None,
            };
            signers.push(NamedSigner { signer, name, voucher });
        }
        let (named_by, named_more) = self.named_by(&record)?;
        Ok(Some(EntryView {
            line,
            words: self.words(&record)?,
            words_view: self.words_view(&record)?,
            facts: facts::facts(&record),
            refs: self.refs(&record)?,
            signers,
            since: self.since(&record)?,
            beside: self.told_beside(&record)?,
            later: self.later(&record)?,
            named_by,
            named_more,
            case,
            hash: record.entry.hash(),
            leaf: leaf_hash(record.raw().as_bytes()),
            record,
        }))
    }

    /// The newest of the later entries that name this one, ascending, and whether there are more.
    fn named_by(&self, record: &Record) -> Result<(Vec<EntryLine>, bool), ReadError> {
        if super::party::is_party(record) {
            return Ok((Vec::new(), false));
        }
        let filter = Filter { party: Some(record.event().id()), ..Filter::default() };
        let mut named = self.list(&filter, record.index() + 1..=u64::MAX, true, NAMED_BY_SHOWN + 1)?;
        let more = named.len() > NAMED_BY_SHOWN;
        named.truncate(NAMED_BY_SHOWN);
        named.reverse();
        Ok((self.lines(&named)?, more))
    }

    /// What an entry points at, in the order of its type.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn refs(&self, record: &Record) -> Result<Vec<RefView>, ReadError> {
        let mut refs = Vec::new();
        for (spec, ids) in record.event().body().refs() {
            for id in ids {
                let target = self.record_of(id)?;
                let noun = match &target {
                    Some(target) => self.noun(target)?,
                    None => "a record not found here".to_owned(),
                };
                refs.push(RefView {
                    role: spec.role,
                    doc: spec.doc,
                    id: *id,
                    index: target.as_ref().map(|t| t.index()),
                    party: target.is_some_and(|t| super::party::is_party(&t)),
                    noun,
                });
            }
        }
        Ok(refs)
    }
}
