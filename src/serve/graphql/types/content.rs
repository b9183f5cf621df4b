//! `Content` and `ContentState`: the words of an event, or why they are not there.

use std::sync::Arc;

use async_graphql::{Enum, Json, Object};

use crate::{
    event::{ContentRef, MAX_CONTENT},
    serve::graphql::{
        field_cost::{Costs, Leaf, Of},
        scalars::{base64::Base64, hash::Hash, index::Index, url::Url},
    },
    views::Words,
};

/// The words as they were sent.
pub const COSTS: Costs =
    Costs { leaves: &[("raw", Leaf::text(MAX_CONTENT))], ..Costs::of(Of::Types(&["Content"])) };

/// Where the words of an event are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ContentState {
    /// They can be read.
    Present,
    /// They are withheld; an entry of the log says so.
    Withheld,
    /// They are not here, though nothing on the log says they are withheld.
    Missing,
}

/// The words of an event.
pub struct Content {
    /// What the event commits to.
    pub commitment: ContentRef,
    /// The words as they are now.
    pub words: Arc<Words>,
}

/// The words of an event: one JSON object that the event commits to by a salted hash. They can be withheld; the
/// event and every proof of it stay valid.
#[Object]
impl Content {
    /// BLAKE3 of the raw bytes.
    async fn blake3(&self) -> Hash {
        self.commitment.blake3.into()
    }
    /// Their number.
    async fn size(&self) -> Index {
        u64::from(self.commitment.size).into()
    }
    /// Where they are.
    async fn state(&self) -> ContentState {
        match &*self.words {
            Words::Present { .. } => ContentState::Present,
            Words::Withheld(_) => ContentState::Withheld,
            Words::None | Words::Missing => ContentState::Missing,
        }
    }
    /// Index of the entry that withholds them.
    async fn withheld_by(&self) -> Option<Index> {
        match &*self.words {
            Words::Withheld(index) => Some((*index).into()),
            _ => None,
        }
    }
    /// The address that the words name, where they can be read and name one of the web. It is the author's word that the
    /// words stand there.
    async fn url(&self) -> Option<Url> {
        Url::new(self.words.text("url")?)
    }
    /// The raw bytes, which are UTF-8; their BLAKE3 is `blake3`. Null where they are not here.
    async fn raw(&self) -> Option<String> {
        match &*self.words {
            Words::Present { raw, .. } => Some(String::from_utf8_lossy(raw).into_owned()),
            _ => None,
        }
    }
    /// The raw bytes in base64, for tools that might change text on its way.
    async fn raw_base64(&self) -> Option<Base64> {
        match &*self.words {
            Words::Present { raw, .. } => Some(Base64(raw.to_vec())),
            _ => None,
        }
    }
    /// The words as a JSON object, salt and files included. Null where they are not here.
    async fn json(&self) -> Option<Json<serde_json::Value>> {
        match &*self.words {
            Words::Present { content, .. } => {
                Some(Json(serde_json::Value::Object(content.members().clone())))
            }
            _ => None,
        }
    }
}
