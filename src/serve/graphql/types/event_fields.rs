//! The fields that events of all types share.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, Result};

use super::{
    case::Case, content::Content, event_type::EventType, inclusion_proof::InclusionProof,
    reference::Reference, signer::Signer, since::Since,
};
use crate::{
    event::{self, MAX_BY, MAX_EVENT},
    log::MAX_ENTRY,
    serve::graphql::{
        fault::Answer as _,
        field_cost::{Costs, Leaf, Of},
        scalars::{
            date_time::DateTime,
            event_date::EventDate,
            global_id::{GlobalId, NodeKind},
            hash::Hash,
            index::Index,
            url::{Base, Url},
        },
    },
    views::{self, Record, Times, Views},
};

/// `since` reads a few lists and the entries that they name.
pub const COSTS: Costs = Costs {
    work: &[("inclusionProof", 10), ("since", 10)],
    lists: &[("signers", MAX_BY as u64)],
    leaves: &[
        ("rawEntry", Leaf::text(MAX_ENTRY)),
        ("note", Leaf::text(MAX_EVENT)),
        ("facts", Leaf { values: MAX_EVENT as u64, bytes: 2 * MAX_EVENT as u64 }),
    ],
    ..Costs::of(Of::Events)
};

/// The most roles that an event can have.
pub fn most_roles() -> u64 {
    event::EventType::ALL.iter().map(|t| t.spec().refs.len() as u64).max().unwrap_or_default()
}

/// An event on record, with the fields that all types share.
#[derive(Debug, Clone)]
pub struct EventFields {
    /// Its entry.
    pub record: Arc<Record>,
    /// The views that it is read through.
    pub views: Arc<Views>,
}

/// Whose word an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Attribution {
    /// Signed by the speaker's own key.
    FirstParty,
    /// Recorded by somebody else.
    Recorded,
    /// An act of the register itself, so that there is no other speaker.
    Register,
}

impl From<views::Attribution> for Attribution {
    fn from(attribution: views::Attribution) -> Self {
        match attribution {
            views::Attribution::FirstParty(_) => Self::FirstParty,
            views::Attribution::RecordedBy(_) => Self::Recorded,
            views::Attribution::SignedBy(_) => Self::Register,
        }
    }
}

/// An event on record, with what the ledger added when it recorded it.
#[Object]
impl EventFields {
    /// Its global id, for `node`.
    async fn id(&self) -> ID {
        GlobalId { kind: NodeKind::Event, event: self.record.event().id() }.into()
    }
    /// BLAKE3 of the three signed lines: the id by which other events name it.
    async fn event_id(&self) -> Hash {
        self.record.event().id().into()
    }
    /// Index of its entry, from 0.
    async fn index(&self) -> Index {
        self.record.index().into()
    }
    /// The permalink of its page on this server; null over a WebSocket.
    async fn url(&self, ctx: &Context<'_>) -> Option<Url> {
        ctx.data_opt::<Base>()?.page("e", self.record.index())
    }
    /// What kind of event it is.
    #[graphql(name = "type")]
    async fn event_type(&self) -> EventType {
        self.record.event().event_type().into()
    }
    /// When it happened, according to its author.
    async fn occurred(&self) -> EventDate {
        EventDate(self.record.event().at().clone())
    }
    /// When it was published, if the source shows it.
    async fn published(&self) -> Option<EventDate> {
        Times::of(&self.record).published.map(EventDate)
    }
    /// When the ledger recorded it.
    async fn recorded(&self) -> DateTime {
        DateTime(self.record.entry.header().time)
    }
    /// The case it belongs to; for the opening of a case, that case. Null if it belongs to none.
    async fn case(&self) -> Result<Option<Case>> {
        let event = self.record.event();
        let own = (event.event_type() == crate::event::EventType::CaseOpened).then(|| event.id());
        match event.case().or(own) {
            Some(id) => Ok(self.views.case(&id).answer()?.map(|case| Case::new(case, &self.views))),
            None => Ok(None),
        }
    }
    /// The id of its thread: that of its case or its party, or its own.
    async fn thread(&self) -> Hash {
        self.record.entry.header().thread.into()
    }
    /// Its number in the thread, from 0.
    async fn thread_number(&self) -> Index {
        self.record.entry.header().k.into()
    }
    /// Who signed it: the author first, then the parties that endorse it.
    async fn signers(&self) -> Result<Vec<Signer>> {
        let signers = self.views.signers(&self.record).answer()?;
        Ok(signers.into_iter().map(|signer| Signer::new(signer, &self.views)).collect())
    }
    /// Whose word it is.
    async fn attribution(&self) -> Result<Attribution> {
        Ok(self.views.attribution(&self.record).answer()?.into())
    }
    /// Its facts, as its type defines them. An empty object if the type has none.
    async fn facts(&self) -> Json<serde_json::Value> {
        Json(serde_json::Value::Object(views::facts_json(&self.record)))
    }
    /// The events that it points at, by role.
    async fn refs(&self) -> Vec<Reference> {
        let refs = self.record.event().body().refs().into_iter().filter(|(_, ids)| !ids.is_empty());
        refs.map(|(spec, ids)| Reference {
            role: spec.role,
            ids: ids.iter().map(|id| (*id).into()).collect(),
        })
        .collect()
    }
    /// What it says as one neutral English sentence.
    async fn sentence(&self) -> Result<String> {
        Ok(self.views.sentence(&self.record).answer()?.to_string())
    }
    /// Whether it is about something invented.
    async fn fictional(&self) -> Result<bool> {
        self.views.fictional(&self.record).answer()
    }
    /// Whether a later correction declared it void. A void event stays on record and counts for nothing.
    async fn voided(&self) -> Result<bool> {
        Ok(self.views.fate(&self.record.event().id()).answer()?.voided)
    }
    /// What became of it since it was recorded.
    async fn since(&self) -> Result<Since> {
        Ok(Since::new(self.views.since(&self.record).answer()?, &self.views))
    }
    /// The words it commits to. Null if its type has none or its author gave none.
    async fn content(&self) -> Result<Option<Content>> {
        let Some(commitment) = self.record.event().content().copied() else { return Ok(None) };
        Ok(Some(Content { commitment, words: self.views.words(&self.record).answer()? }))
    }
    /// The signed note, byte for byte.
    async fn note(&self) -> &str {
        self.record.event().note().as_str()
    }
    /// The whole entry, byte for byte, as `/entry/<index>` serves it.
    async fn raw_entry(&self) -> String {
        self.record.raw()
    }
    /// BLAKE3 of the whole entry: `prev` of the next one.
    async fn hash(&self) -> Hash {
        self.record.entry.hash().into()
    }
    /// Its place in the tree of the latest checkpoint.
    async fn inclusion_proof(&self) -> Result<Option<InclusionProof>> {
        let size = self.views.checkpoint().checkpoint().size();
        let inclusion = views::inclusion(self.views.reader(), self.record.index(), size);
        Ok(inclusion.answer()?.map(InclusionProof))
    }
}
