//! How an entry is listed, and the lists that it stands in.

use crate::event::{Act, Digest, EventId, EventType};

/// What lists need to know of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub index: u64,
    pub event_type: EventType,
    pub thread: EventId,
    /// Parties that signed it and events named in its refs, without repeats.
    pub ids: Vec<EventId>,
    /// The party that signed first.
    pub author: EventId,
    /// What it does to another event, and to which.
    pub act: Option<(Act, EventId)>,
    /// Events that it links, or on which it takes a position.
    pub mentions: Vec<EventId>,
    /// The exhibit whose source it looked at again.
    pub recheck: Option<EventId>,
    pub content: Option<Digest>,
    /// The files that its words name.
    pub files: Vec<ListedFile>,
}

/// A file that words name. Only its place and a keyed hash of its digest go to disk: the table may keep what is overwritten,
/// and nothing of a withheld file may stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedFile {
    pub index: u64,
    pub position: u32,
    pub blake3: Digest,
    pub sha256: Digest,
    pub size: u64,
    pub media: String,
}

/// A list of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Type(EventType),
    /// The entries of a thread, in the order in which it numbers them. The thread of a case holds the case's entries.
    Thread(EventId),
    /// Entries that a party signed, or that name an event in a ref.
    Named(EventId),
    /// Entries of one type, of those in [`By::BEARING`], that name an event or that a party signed.
    Bearing(EventType, EventId),
    /// Entries that did one thing to an event.
    Act(Act, EventId),
    /// Entries that did anything to an event.
    Acts(EventId),
    /// Links to an event, and positions on it, by one party: the second id.
    Mention(EventId, EventId),
    /// Rechecks of an exhibit by one party: the second id.
    Recheck(EventId, EventId),
    /// The first entry of each party that mentioned or rechecked an event. An entry alone does not tell whether it is the
    /// first, neither here nor in the three lists below: the index does.
    Firsts(EventId),
    /// The first entry that fills a case, so that it was not opened by mistake.
    Fills(EventId),
    /// The first entry by one party, the second id, of those that anybody may add to a case.
    Adds(EventId, EventId),
    /// The first entry that rests on a party, so that it was not registered by mistake.
    Rests(EventId),
    /// The demands of a case.
    Demands(EventId),
}

impl By {
    /// Types of entries that can change the state of an event of another case. Anybody may name an event, so they are not
    /// looked for among all entries that name it.
    pub const BEARING: [EventType; 3] =
        [EventType::PositionTaken, EventType::CollectionCounted, EventType::CollectionClosed];

    /// What the keys of the list begin with.
    pub(super) fn prefix(self) -> Vec<u8> {
        match self {
            By::Type(t) => [b"T", t.as_str().as_bytes(), b"\0"].concat(),
            By::Thread(id) => [&b"H"[..], &id.0].concat(),
            By::Named(id) => [&b"P"[..], &id.0].concat(),
            By::Bearing(t, id) => [b"B", t.as_str().as_bytes(), b"\0", &id.0].concat(),
            By::Act(act, id) => [b"A", act.as_str().as_bytes(), b"\0", &id.0].concat(),
            By::Acts(id) => [&b"D"[..], &id.0].concat(),
            By::Mention(id, by) => [&b"M"[..], &id.0, &by.0].concat(),
            By::Recheck(id, by) => [&b"R"[..], &id.0, &by.0].concat(),
            By::Firsts(id) => [&b"S"[..], &id.0].concat(),
            By::Fills(id) => [&b"C"[..], &id.0].concat(),
            By::Adds(id, by) => [&b"E"[..], &id.0, &by.0].concat(),
            By::Rests(id) => [&b"L"[..], &id.0].concat(),
            By::Demands(id) => [&b"Q"[..], &id.0].concat(),
        }
    }
    /// Whether an entry belongs in the list, or would if it came first.
    pub fn holds(self, listed: &Listed) -> bool {
        match self {
            By::Type(t) => listed.event_type == t,
            By::Thread(id) => listed.thread == id,
            By::Named(id) => listed.ids.contains(&id),
            By::Bearing(t, id) => listed.event_type == t && listed.ids.contains(&id),
            By::Act(act, id) => listed.act == Some((act, id)),
            By::Acts(id) => listed.act.is_some_and(|(_, of)| of == id),
            By::Mention(id, by) => listed.author == by && listed.mentions.contains(&id),
            By::Recheck(id, by) => listed.author == by && listed.recheck == Some(id),
            By::Firsts(id) => listed.speaks_of().any(|of| of == id),
            By::Fills(id) => listed.thread == id && listed.event_type.fills_its_case(),
            By::Adds(id, by) => listed.thread == id && listed.author == by && listed.event_type.is_anybodys(),
            By::Rests(id) => listed.event_type.rests_on_parties() && listed.ids.contains(&id),
            By::Demands(id) => listed.thread == id && listed.event_type == EventType::DemandIssued,
        }
    }
    /// The lists that an entry stands in, or may come first in.
    pub fn changed_by(listed: &Listed) -> impl Iterator<Item = By> {
        Self::all_of(listed).chain(listed.speaks_of().map(By::Firsts)).chain(Self::first_of(listed))
    }
    /// The lists of a single entry that this one stands in if no earlier entry does.
    pub fn first_of(listed: &Listed) -> impl Iterator<Item = By> {
        let (kind, thread) = (listed.event_type, listed.thread);
        let fills = kind.fills_its_case().then_some(By::Fills(thread));
        let adds = kind.is_anybodys().then_some(By::Adds(thread, listed.author));
        let rests = listed.ids.iter().filter(move |_| kind.rests_on_parties()).map(|id| By::Rests(*id));
        fills.into_iter().chain(adds).chain(rests)
    }
    /// The lists that an entry stands in whatever came before it.
    pub fn all_of(listed: &Listed) -> impl Iterator<Item = By> {
        let named = listed.ids.iter().map(|id| By::Named(*id));
        let bearing = listed.ids.iter().filter(|_| Self::BEARING.contains(&listed.event_type));
        let bearing = bearing.map(|id| By::Bearing(listed.event_type, *id));
        let acts = listed.act.into_iter().flat_map(|(act, id)| [By::Act(act, id), By::Acts(id)]);
        let mentions = listed.mentions.iter().map(|id| By::Mention(*id, listed.author));
        let rechecks = listed.recheck.map(|id| By::Recheck(id, listed.author));
        let is_demand = listed.event_type == EventType::DemandIssued;
        let demands = is_demand.then_some(By::Demands(listed.thread));
        [By::Type(listed.event_type), By::Thread(listed.thread)]
            .into_iter()
            .chain(named)
            .chain(bearing)
            .chain(acts)
            .chain(mentions)
            .chain(rechecks)
            .chain(demands)
    }
}

impl Listed {
    /// The events that it mentions or rechecks.
    pub fn speaks_of(&self) -> impl Iterator<Item = EventId> {
        self.mentions.iter().copied().chain(self.recheck)
    }
}
