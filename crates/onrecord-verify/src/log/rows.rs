//! What the rules need to know of the entries below an index: rows under fixed-size keys.
//!
//! Deciding reads rows and gives rows to put; where they are kept (a map, an index on disk, a layer over
//! another) is the keeper's business. Everything here can be rebuilt from the log.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::event::{Digest, EventId, EventType, PartyKind, Position};

/// The key of a row: what it is about, then 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey([u8; 33]);

impl std::hash::Hash for RowKey {
    /// As five numbers: a dozen rows are asked for an event, each in a few maps, and hashing them as a slice of
    /// bytes was a twentieth of the sequencer's time. All bytes count, because anybody may choose a public key.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let (words, tag) = self.0.split_last_chunk::<32>().map_or((&[0; 32], 0), |(tag, id)| (id, tag[0]));
        for word in words.as_chunks::<8>().0 {
            state.write_u64(u64::from_le_bytes(*word));
        }
        state.write_u8(tag);
    }
}

impl RowKey {
    fn new(tag: u8, id: &[u8; 32]) -> Self {
        let mut key = [tag; 33];
        key[1..].copy_from_slice(id);
        Self(key)
    }
    /// The ledger itself.
    pub fn ledger() -> Self {
        Self::new(b'l', &[0; 32])
    }
    /// An event, by id.
    pub fn event(id: &EventId) -> Self {
        Self::new(b'e', &id.0)
    }
    /// What later events did to an event.
    pub fn fate(id: &EventId) -> Self {
        Self::new(b'f', &id.0)
    }
    /// A party, by the id of the event that registered it.
    pub fn party(id: &EventId) -> Self {
        Self::new(b'p', &id.0)
    }
    /// A thread's length.
    pub fn thread(id: &EventId) -> Self {
        Self::new(b't', &id.0)
    }
    /// A public key.
    pub fn key(key: &[u8; 32]) -> Self {
        Self::new(b'k', key)
    }
    /// A key name, or a name with a key id.
    pub fn name(name: &str) -> Self {
        Self::new(b'n', &Digest::blake3(name.as_bytes()).0)
    }
    /// A content blob, by digest.
    pub fn blob(digest: &Digest) -> Self {
        Self::new(b'b', &digest.0)
    }
    /// The id of what the row is about, if that is an event, a fate, a party or a thread; for a blob, its digest.
    pub fn id(&self) -> Option<EventId> {
        let (tag, id) = self.0.split_first()?;
        b"efptb".contains(tag).then(|| id.try_into().ok().map(EventId)).flatten()
    }
    /// The event whose own row this is.
    pub fn event_id(&self) -> Option<EventId> {
        let id = self.0.strip_prefix(b"e")?;
        id.try_into().ok().map(EventId)
    }
    /// The event whose fate this row is.
    pub fn fate_of(&self) -> Option<EventId> {
        let id = self.0.strip_prefix(b"f")?;
        id.try_into().ok().map(EventId)
    }
    /// Whether the row is about withheld words.
    pub fn is_blob(&self) -> bool {
        self.0.starts_with(b"b")
    }
    /// A key read back from where it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
    /// The key's bytes, for keepers that store them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// The ledger: its operator and the log's public key.
    Ledger {
        /// The operator's party id.
        operator: EventId,
        /// Public key of `facts.checkpoint_key`.
        checkpoint_key: [u8; 32],
    },
    /// An event on record.
    Event(Arc<EventRow>),
    /// What later events did to an event.
    Fate(Fate),
    /// A party.
    Party(PartyRow),
    /// Entries in a thread.
    Thread(u64),
    /// A key, in its whole history.
    Key(KeyRow),
    /// The party that a key name belongs to; under a name with a key id, the party of that key.
    Name(EventId),
    /// The entries whose words with this digest are withheld now.
    Blob(Vec<EventId>),
}

/// An event on record, as far as rules ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Index of its entry.
    pub index: u64,
    /// Its type.
    #[serde(with = "type_name")]
    pub event_type: EventType,
    /// The case it belongs to; for `case.opened` itself, its own id.
    pub case: Option<EventId>,
    /// The parties of its `by`, the author first.
    pub authors: Vec<EventId>,
    /// The parties its type lists as subject.
    pub subjects: Vec<EventId>,
    /// The digest it commits to, if it has words.
    pub content: Option<Digest>,
    /// What the rules ask about events of its type besides.
    pub detail: Detail,
}

/// What rules ask about events of some types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// Nothing.
    None,
    /// `case.opened`.
    Case {
        /// Its respondent.
        respondent: EventId,
    },
    /// `demand.issued`.
    Demand {
        /// Its respondent.
        respondent: EventId,
        /// How many items it has.
        items: u64,
    },
    /// `disclosure.made`.
    Disclosure {
        /// The demand it replies to.
        demand: Option<EventId>,
        /// The items it speaks to, ascending.
        items: Vec<u64>,
    },
    /// `notice.dispatched`.
    Notice {
        /// The first ten characters of its `at`.
        date: String,
    },
}

/// What later events did to an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// A `correction.issued` with effect `void` names it.
    pub voided: bool,
    /// A `collection.closed` or `commitment.closed` names it.
    pub closed: bool,
    /// The last count of a collection.
    pub count: u64,
    /// Positions withheld now, each with the index of the entry that withholds it.
    pub withheld: Vec<(HeldPosition, u64)>,
}

/// A [`Position`] in a row: -1 for the words, else the number of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPosition(i64);

impl From<Position> for HeldPosition {
    fn from(p: Position) -> Self {
        match p {
            Position::Content => Self(-1),
            Position::File(i) => Self(i64::from(i)),
        }
    }
}

impl Fate {
    /// The index of the entry that withholds this position, if one does.
    pub fn withheld_by(&self, position: Position) -> Option<u64> {
        self.withheld.iter().find(|(p, _)| *p == position.into()).map(|(_, index)| *index)
    }
}

/// A party, as far as rules ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyRow {
    /// Its kind; none for the operator.
    #[serde(with = "kind_name")]
    pub kind: Option<PartyKind>,
    /// Whether it is invented.
    pub fictional: bool,
    /// It may register parties.
    pub registrar: bool,
    /// It may record other people's public words.
    pub recorder: bool,
}

/// A key, in its whole history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// The party that holds it.
    pub party: EventId,
    /// Its name.
    pub name: String,
    /// Index of the entry that added it.
    pub added: u64,
    /// Index of the entry that revoked it.
    pub revoked: Option<u64>,
}

mod type_name {
    use super::EventType;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    pub fn serialize<S: Serializer>(t: &EventType, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(t.as_str())
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<EventType, D::Error> {
        let name = String::deserialize(d)?;
        EventType::from_name(&name).ok_or_else(|| D::Error::custom("no such event type"))
    }
}

mod kind_name {
    use super::PartyKind;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};
    pub fn serialize<S: Serializer>(k: &Option<PartyKind>, s: S) -> Result<S::Ok, S::Error> {
        k.map(PartyKind::as_str).serialize(s)
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PartyKind>, D::Error> {
        match Option::<String>::deserialize(d)? {
            None => Ok(None),
            Some(word) => {
                PartyKind::from_word(&word).map(Some).ok_or_else(|| D::Error::custom("no such kind"))
            }
        }
    }
}

/// A source of rows.
pub trait Rows {
    /// The row under a key.
    fn row(&self, key: &RowKey) -> Option<Row>;

    /// An event on record.
    fn event(&self, id: &EventId) -> Option<Arc<EventRow>> {
        match self.row(&RowKey::event(id)) {
            Some(Row::Event(row)) => Some(row),
            _ => None,
        }
    }
    /// What later events did to an event.
    fn fate(&self, id: &EventId) -> Fate {
        match self.row(&RowKey::fate(id)) {
            Some(Row::Fate(fate)) => fate,
            _ => Fate::default(),
        }
    }
    /// A party.
    fn party(&self, id: &EventId) -> Option<PartyRow> {
        match self.row(&RowKey::party(id)) {
            Some(Row::Party(row)) => Some(row),
            _ => None,
        }
    }
    /// How many entries a thread has.
    fn thread_len(&self, id: &EventId) -> u64 {
        match self.row(&RowKey::thread(id)) {
            Some(Row::Thread(n)) => n,
            _ => 0,
        }
    }
    /// A key, by its public bytes.
    fn key(&self, key: &[u8; 32]) -> Option<KeyRow> {
        match self.row(&RowKey::key(key)) {
            Some(Row::Key(row)) => Some(row),
            _ => None,
        }
    }
    /// The party that a key name belongs to.
    fn name_owner(&self, name: &str) -> Option<EventId> {
        match self.row(&RowKey::name(name)) {
            Some(Row::Name(party)) => Some(party),
            _ => None,
        }
    }
    /// Operator and log key, once the ledger is open.
    fn ledger(&self) -> Option<(EventId, [u8; 32])> {
        match self.row(&RowKey::ledger()) {
            Some(Row::Ledger { operator, checkpoint_key }) => Some((operator, checkpoint_key)),
            _ => None,
        }
    }
    /// The entries whose words with this digest are withheld now.
    fn withheld_blob(&self, digest: &Digest) -> Vec<EventId> {
        match self.row(&RowKey::blob(digest)) {
            Some(Row::Blob(entries)) => entries,
            _ => Vec::new(),
        }
    }
}

/// Rows in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryRows(HashMap<RowKey, Row, foldhash::fast::RandomState>);

impl MemoryRows {
    /// No rows yet, but room for `rows` of them.
    pub fn with_room(rows: usize) -> Self {
        Self(HashMap::with_capacity_and_hasher(rows, foldhash::fast::RandomState::default()))
    }
    /// Puts rows. A later row replaces an earlier one with the same key.
    pub fn put(&mut self, rows: impl IntoIterator<Item = (RowKey, Row)>) {
        self.0.extend(rows);
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Every row, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&RowKey, &Row)> {
        self.0.iter()
    }
    /// The row under a key, by reference.
    pub fn get(&self, key: &RowKey) -> Option<&Row> {
        self.0.get(key)
    }
}

impl IntoIterator for MemoryRows {
    type Item = (RowKey, Row);
    type IntoIter = std::collections::hash_map::IntoIter<RowKey, Row>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Rows for MemoryRows {
    fn row(&self, key: &RowKey) -> Option<Row> {
        self.0.get(key).cloned()
    }
}
