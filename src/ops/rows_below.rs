//! The rows that the rules knew before a certain entry, from an index on disk that has gone on since.
//!
//! Rows say how things stand at the end of the log. Most of them name the entry that made them, so those made
//! later are left out. Rows that later entries changed (a fate, a role) are folded again from the entries before.

use std::{collections::HashSet, fs};

use crate::{
    event::{Body, CorrectionEffect, Event, EventId, EventType, Position, Role},
    ledger::{LedgerError, folder::Folder},
    log::{
        Entry, Fate, MemoryRows, PutRows, Row, RowKey, Rows, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath,
        decode_bundle,
    },
    note::{Origin, VerifyingKey},
    store::index::{By, Index},
    verify::{KeptRows, held_words},
};

const ROLE_TYPES: [EventType; 2] = [EventType::RoleGranted, EventType::RoleRevoked];

/// Rows as they were before entry `end`, and over them those that were put since the check began.
pub(super) struct Below<'a> {
    index: &'a Index,
    folder: Folder,
    origin: Origin,
    /// The first entry that is not below. A multiple of 256, so that all entries below are in full bundles.
    end: u64,
    /// Row keys of the key names, and of the names with key ids, that keys added below have.
    names: HashSet<RowKey>,
    young: MemoryRows,
}

impl<'a> Below<'a> {
    pub fn new(index: &'a Index, folder: Folder, origin: Origin, end: u64) -> Result<Self, LedgerError> {
        let mut names = HashSet::new();
        for key in index.row_keys() {
            let key = key?;
            let Some(public) = key.strip_prefix(b"k").and_then(|k| <[u8; 32]>::try_from(k).ok()) else {
                continue;
            };
            let Some(Row::Key(row)) = index.read_row(&RowKey::key(&public))? else { continue };
            if row.added < end
                && let Ok(name) = row.name.parse()
            {
                let vkey = VerifyingKey::new(name, public);
                names.insert(RowKey::name(vkey.name().as_str()));
                names.insert(RowKey::name(&format!("{}+{}", vkey.name(), vkey.id())));
            }
        }
        Ok(Self { index, folder, origin, end, names, young: MemoryRows::default() })
    }

    /// The event of an entry below, from its bundle. Its signatures are not checked.
    fn event_at(&self, index: u64) -> Option<Event> {
        let path = TilePath::new(TileKind::Entries, index / TILE_ITEMS, TILE_WIDTH).ok()?;
        let bundle = fs::read(self.folder.tile(&path)).ok()?;
        let entries = decode_bundle(&bundle, TILE_WIDTH).ok()?;
        let entry = Entry::parse(entries.get((index % TILE_ITEMS) as usize)?, &self.origin).ok()?;
        Some(entry.event().clone())
    }

    /// Indexes of the entries in `from..to` that name an event.
    fn naming(&self, id: &EventId, from: u64, to: u64) -> Vec<u64> {
        let last = to.checked_sub(1).filter(|last| from <= *last);
        last.map_or_else(Vec::new, |last| self.listed(By::Named(*id), from, last))
    }

    /// Indexes of the entries of a list in `from..=to`.
    fn listed(&self, by: By, from: u64, to: u64) -> Vec<u64> {
        let list = self.index.list(by, from..=to, false);
        list.into_iter().flatten().map_while(Result::ok).collect()
    }

    /// Whether no entry from `end` on names an event, so that its rows are as they were.
    fn is_unchanged(&self, id: &EventId) -> bool {
        self.naming(id, self.end, u64::MAX).is_empty()
    }

    fn is_below(&self, id: &EventId) -> bool {
        matches!(self.index.get(&RowKey::event(id)), Some(Row::Event(row)) if row.index < self.end)
    }

    fn fate_of(&self, id: &EventId) -> Fate {
        let mut fate = Fate::default();
        for index in self.naming(id, 0, self.end) {
            let Some(event) = self.event_at(index) else { continue };
            match event.body() {
                Body::CollectionCounted(b) if b.collection == *id => fate.count = b.count,
                Body::CollectionClosed(b) if b.collection == *id => {
                    fate.count = b.count;
                    fate.closed = true;
                }
                Body::CommitmentClosed(b) if b.commitment == *id => fate.closed = true,
                Body::CorrectionIssued(b) if b.corrects == *id && b.effect == CorrectionEffect::Void => {
                    fate.voided = true;
                }
                Body::ContentWithheld(b) if b.entry == *id => {
                    fate.withheld.extend(b.blobs.iter().map(|p| ((*p).into(), index)));
                }
                Body::ContentReleased(b) if b.entry == *id => {
                    fate.withheld.retain(|(p, _)| !b.blobs.iter().any(|q| *p == (*q).into()));
                }
                _ => {}
            }
        }
        fate
    }

    fn roles_of(&self, id: &EventId) -> (bool, bool) {
        let (mut registrar, mut recorder) = (false, false);
        let mut changes: Vec<u64> = ROLE_TYPES
            .iter()
            .flat_map(|t| self.listed(By::Type(*t), 0, self.end))
            .filter(|index| *index < self.end)
            .collect();
        changes.sort_unstable();
        for index in changes {
            let Some(event) = self.event_at(index) else { continue };
            let (party, role, on) = match event.body() {
                Body::RoleGranted(b) => (b.party, b.role, true),
                Body::RoleRevoked(b) => (b.party, b.role, false),
                _ => continue,
            };
            match role {
                _ if party != *id => {}
                Role::Registrar => registrar = on,
                Role::Recorder => recorder = on,
            }
        }
        (registrar, recorder)
    }

    fn row_below(&self, key: &RowKey) -> Option<Row> {
        let id = key.id();
        match self.index.get(key)? {
            row @ Row::Ledger { .. } => (self.end > 0).then_some(row),
            Row::Event(row) => (row.index < self.end).then_some(Row::Event(row)),
            Row::Fate(fate) => {
                let id = id.filter(|id| self.is_below(id))?;
                Some(Row::Fate(if self.is_unchanged(&id) { fate } else { self.fate_of(&id) }))
            }
            Row::Party(mut row) => {
                let id = id.filter(|id| self.is_below(id))?;
                let later = |t: &EventType| !self.listed(By::Type(*t), self.end, u64::MAX).is_empty();
                if ROLE_TYPES.iter().any(later) {
                    (row.registrar, row.recorder) = self.roles_of(&id);
                }
                Some(Row::Party(row))
            }
            Row::Thread(_) => {
                let entries = self.listed(By::Thread(id?), 0, self.end);
                let below = entries.partition_point(|index| *index < self.end);
                (below > 0).then_some(Row::Thread(below as u64))
            }
            Row::Key(mut row) => {
                row.revoked = row.revoked.filter(|at| *at < self.end);
                (row.added < self.end).then_some(Row::Key(row))
            }
            row @ Row::Name(_) => self.names.contains(key).then_some(row),
            Row::Blob(_) => {
                let digest = crate::event::Digest(id?.0);
                let mut held: Vec<(u64, EventId)> = Vec::new();
                for index in self.index.with_content(&digest).ok()?.into_iter().filter(|i| *i < self.end) {
                    let event = self.event_at(index)?;
                    // The index stores only half of a digest, so others may be listed too.
                    if event.content().is_none_or(|c| c.blake3 != digest) {
                        continue;
                    }
                    let event = event.id();
                    let fate = match self.row_below(&RowKey::fate(&event)) {
                        Some(Row::Fate(fate)) => fate,
                        _ => Fate::default(),
                    };
                    held.extend(fate.withheld_by(Position::Content).map(|by| (by, event)));
                }
                held.sort_unstable();
                Some(Row::Blob(held.into_iter().map(|(_, event)| event).collect()))
            }
        }
    }
}

impl Rows for Below<'_> {
    fn row(&self, key: &RowKey) -> Option<Row> {
        self.young.get(key).cloned().or_else(|| self.row_below(key))
    }
}

impl PutRows for Below<'_> {
    fn put_rows(&mut self, rows: Vec<(RowKey, Row)>) {
        self.young.put(rows);
    }
}

impl KeptRows for Below<'_> {
    fn held_words(&self, from: u64) -> u64 {
        held_words(&self.young, self, from)
    }
}

/// Rows that can tell which of them were put since a check began.
pub(super) trait KnownRows: KeptRows {
    /// The rows put since the check began.
    fn known(&self) -> &MemoryRows;
}

impl KnownRows for MemoryRows {
    fn known(&self) -> &MemoryRows {
        self
    }
}

impl KnownRows for Below<'_> {
    fn known(&self) -> &MemoryRows {
        &self.young
    }
}
