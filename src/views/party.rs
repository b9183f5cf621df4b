//! Parties: their names, roles and keys.

use std::{fmt, sync::Arc};

use super::{Record, Views, Words, dates, shown};
use crate::{
    event::{At, Body, EventId, EventType, PartyKind, RevocationReason, Role},
    ledger::ReadError,
    log::Time,
    note::VerifyingKey,
};

/// At most this many updates of a party are looked through for its latest name: the newest.
const UPDATES_READ: usize = 64;
/// At most this many entries of a party's thread are looked through: the first for its keys, the last for its updates.
const THREAD_READ: usize = 512;

/// What a party is called, by the latest words that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Its name.
    Known(String),
    /// The words that name it are withheld.
    Withheld,
    /// No words name it.
    Unnamed,
}

/// A name, or what is shown in its place. Characters that deceive the eye are written out.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => f.write_str(&shown(name)),
            Self::Withheld => f.write_str("(name withheld)"),
            Self::Unnamed => f.write_str("(unnamed)"),
        }
    }
}

/// A party.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its id: that of the event that registered it.
    pub id: EventId,
    /// Index of that event's entry.
    pub index: u64,
    /// What it is called now.
    pub name: Name,
    /// What kind of party it is; none for the operator.
    pub kind: Option<PartyKind>,
    /// Whether it is invented.
    pub fictional: bool,
    /// Whether it may register parties.
    pub registrar: bool,
    /// Whether it may record other people's public words.
    pub recorder: bool,
    /// Whether it runs the ledger.
    pub operator: bool,
}

impl Party {
    /// What it is, with an article: `an agency`, `the operator of this ledger`.
    pub fn kind_words(&self) -> &'static str {
        self.kind.map_or("the operator of this ledger", kind_words)
    }
    /// Its roles, in words.
    pub fn roles(&self) -> Vec<&'static str> {
        [("operator", self.operator), ("registrar", self.registrar), ("recorder", self.recorder)]
            .into_iter()
            .filter_map(|(role, has)| has.then_some(role))
            .collect()
    }
}

pub(super) fn kind_words(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Agency => "an agency",
        PartyKind::Regulator => "a regulator",
        PartyKind::Court => "a court",
        PartyKind::Counsel => "counsel",
        PartyKind::Publisher => "a publisher",
        PartyKind::Organisation => "an organisation",
        PartyKind::Person => "a person",
        PartyKind::Account => "a pseudonymous account",
        PartyKind::Platform => "a platform",
    }
}

/// Who vouched for a key: the author of the entry that added it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VouchedBy {
    /// The party itself, with a key it had before; for the operator's first key, `ledger.opened`.
    Itself,
    /// A registrar.
    Registrar(EventId),
    /// The operator of the ledger.
    Operator(EventId),
}

impl VouchedBy {
    /// The party that vouched, if it is another.
    pub fn party(self) -> Option<EventId> {
        match self {
            Self::Itself => None,
            Self::Registrar(id) | Self::Operator(id) => Some(id),
        }
    }
}

/// A key of a party: how it was added, and how it was revoked.
#[derive(Debug, Clone)]
pub struct PartyKey {
    /// The key.
    pub key: VerifyingKey,
    /// Index of the entry that added it.
    pub added: u64,
    /// Who vouched for it.
    pub vouched: VouchedBy,
    /// Its revocation, if there is one.
    pub revoked: Option<Revocation>,
}

/// The revocation of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Index of the entry that revoked it.
    pub index: u64,
    /// Why.
    pub reason: RevocationReason,
    /// Since when its party distrusts it. This changes no verdict.
    pub since: Option<At>,
    /// When the revocation was recorded.
    pub recorded: Time,
}

impl Revocation {
    /// The revocation in an entry; `None` if it is no `key.revoked`.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let Body::KeyRevoked(b) = record.event().body() else { return None };
        let (index, recorded) = (record.index(), record.entry.header().time);
        Some(Self { index, reason: b.reason, since: b.since.clone(), recorded })
    }
    /// Since when its party distrusts it, in words.
    pub fn since_words(&self) -> Option<String> {
        let since = self.since.as_ref()?;
        Some(format!("{}{}", dates::at_words(since), dates::ahead_words(since, self.recorded)))
    }
}

impl Views {
    /// A party; `None` if the event registered none below the size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn party(&self, id: &EventId) -> Result<Option<Arc<Party>>, ReadError> {
        if let Some(known) = self.memory().parties.get(id) {
            return Ok(known.clone());
        }
        // At an earlier size it may have had another name.
        let cache = self.cache.as_ref().filter(|_| self.latest());
        let entries = if cache.is_some() { self.reader.thread_len(id)? } else { 0 };
        let known = cache.and_then(|c| c.party(id, entries, self.withheld));
        let party = match known {
            Some(known) => Some(known),
            None => {
                let (party, is_whole) = match self.read_party(id)? {
                    Some((party, is_whole)) => (Some(Arc::new(party)), is_whole),
                    None => (None, false),
                };
                // Not if its thread has grown since this request began: these views then know fewer than `entries` of it. Nor
                // while words that may name it are missing: a mirror gets them later, and its thread does not grow by that.
                if let (Some(cache), Some(party)) = (cache, &party)
                    && is_whole
                    && self.thread(id)?.len() as u64 == entries
                {
                    cache.put_party(entries, party, self.withheld);
                }
                party
            }
        };
        self.memory().parties.insert(*id, party.clone());
        Ok(party)
    }

    /// A party, and whether no words that may name it are missing.
    fn read_party(&self, id: &EventId) -> Result<Option<(Party, bool)>, ReadError> {
        let Some(row) = self.reader.party(id)? else { return Ok(None) };
        let Some(record) = self.record_of(id)? else { return Ok(None) };
        let (registrar, recorder) = match self.latest() {
            true => (row.registrar, row.recorder),
            false => self.roles_of(id)?,
        };
        let (name, is_whole) = self.read_name(id, &record)?;
        let party = Party {
            id: *id,
            index: record.index(),
            name,
            kind: row.kind,
            fictional: row.fictional,
            registrar,
            recorder,
            operator: record.event().event_type() == EventType::LedgerOpened,
        };
        Ok(Some((party, is_whole)))
    }

    /// Whether the party was registrar and recorder, by the entries below the size.
    fn roles_of(&self, id: &EventId) -> Result<(bool, bool), ReadError> {
        let (mut registrar, mut recorder) = (false, false);
        for index in self.thread(id)? {
            let Some(record) = self.record(index)? else { continue };
            let (role, has) = match record.event().body() {
                Body::RoleGranted(b) => (b.role, true),
                Body::RoleRevoked(b) => (b.role, false),
                _ => continue,
            };
            match role {
                Role::Registrar => registrar = has,
                Role::Recorder => recorder = has,
            }
        }
        Ok((registrar, recorder))
    }

    /// The last updates of a party, the latest first. They are looked for in its own thread, which is short; the entries
    /// that name a party may be half of the ledger.
    pub(crate) fn updates(&self, id: &EventId) -> Result<Vec<Arc<Record>>, ReadError> {
        let mut updates = Vec::new();
        for index in self.thread(id)?.into_iter().rev().take(THREAD_READ) {
            let Some(record) = self.record(index)? else { continue };
            if record.event().event_type() == EventType::PartyUpdated {
                updates.push(record);
            }
            if updates.len() == UPDATES_READ {
                break;
            }
        }
        Ok(updates)
    }

    /// The name in the latest update that gives one, else the name in the registration; and whether no words were missing that
    /// might give another.
    pub(super) fn read_name(&self, id: &EventId, registration: &Record) -> Result<(Name, bool), ReadError> {
        let (mut withheld, mut missing) = (false, false);
        let mut named = |words: &Words| {
            withheld |= matches!(words, Words::Withheld(_));
            missing |= matches!(words, Words::Missing);
            words.text("name").map(|name| Name::Known(name.to_owned()))
        };
        let mut name = None;
        for record in self.updates(id)? {
            name = named(&*self.words(&record)?);
            if name.is_some() {
                break;
            }
        }
        if name.is_none() {
            name = named(&*self.words(registration)?);
        }
        let name = name.unwrap_or(if withheld { Name::Withheld } else { Name::Unnamed });
        Ok((name, !missing))
    }

    /// The latest entry about a party whose words are present: an update, or its registration.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn latest_words_of(&self, party: &Party) -> Result<Option<Arc<Record>>, ReadError> {
        for record in self.updates(&party.id)?.into_iter().map(Ok).chain(self.record(party.index).transpose())
        {
            let record = record?;
            if matches!(&*self.words(&record)?, Words::Present { .. }) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// What a party is called.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn name(&self, id: &EventId) -> Result<Name, ReadError> {
        Ok(self.party(id)?.map_or(Name::Unnamed, |p| p.name.clone()))
    }

    /// The keys of a party, in the order in which they were added.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn keys(&self, id: &EventId) -> Result<Vec<PartyKey>, ReadError> {
        let mut keys = Vec::new();
        for index in self.thread(id)?.into_iter().take(THREAD_READ) {
            let Some(record) = self.record(index)? else { continue };
            let added: Vec<&VerifyingKey> = match record.event().body() {
                Body::LedgerOpened(b) => vec![&b.operator_key],
                Body::PartyRegistered(b) => b.keys.iter().flatten().collect(),
                Body::KeyAdded(b) => vec![&b.key],
                _ => continue,
            };
            for key in added {
                let revoked = self.revocation(key)?;
                let vouched = self.vouched_by(id, &record)?;
                keys.push(PartyKey { key: key.clone(), added: index, vouched, revoked });
            }
        }
        Ok(keys)
    }

    /// Who vouched for a key that the entry `added_by` added to a party.
    pub(super) fn vouched_by(&self, party: &EventId, added_by: &Record) -> Result<VouchedBy, ReadError> {
        let author = added_by.parties().next();
        Ok(match author {
            _ if added_by.event().event_type() == EventType::LedgerOpened => VouchedBy::Itself,
            Some(author) if author == *party => VouchedBy::Itself,
            Some(author) if self.reader.operator()? == Some(author) => VouchedBy::Operator(author),
            Some(author) => VouchedBy::Registrar(author),
            // An entry has a signer line for each member of `by`, and `by` has at least one.
            None => VouchedBy::Itself,
        })
    }

    /// The revocation of a key, if it is below the size.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn revocation(&self, key: &VerifyingKey) -> Result<Option<Revocation>, ReadError> {
        let Some(index) = self.reader.key(key.as_bytes())?.and_then(|row| row.revoked) else {
            return Ok(None);
        };
        let Some(record) = self.record(index)? else { return Ok(None) };
        Ok(Revocation::of(&record))
    }
}

/// Whether an entry's event began a party.
pub(super) fn is_party(record: &Record) -> bool {
    matches!(record.event().event_type(), EventType::PartyRegistered | EventType::LedgerOpened)
}
