//! `Content` and `ContentState`: the words of an event, or why they are missing.

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

/// `raw` is a text of at most [`MAX_CONTENT`] bytes.
pub const COSTS: Costs =
    Costs { leaves: &[("raw", Leaf::text(MAX_CONTENT))], ..Costs::of(Of::Types(&["Content"])) };

/// Whether the words of an event can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ContentState {
    /// They can be read.
    Present,
    /// They are withheld; an entry of the log says so.
    Withheld,
    /// They are missing on this server, though no entry of the log withholds them.
    Missing,
}

/// The words of an event.
pub struct Content {
    /// The digest and size that the event commits to.
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
    /// The number of raw bytes.
    async fn size(&self) -> Index {
        u64::from(self.commitment.size).into()
    }
    /// Whether they can be read.
    async fn state(&self) -> ContentState {
        match &*self.words {
            Words::Present { .. } => ContentState::Present,
            Words::Withheld(_) => ContentState::Withheld,
            Words::None | Words::Missing => ContentState::Missing,
        }
    }
    /// Index of the entry that withholds them. Null if they are not withheld.
    async fn withheld_by(&self) -> Option<Index> {
        match &*self.words {
            Words::Withheld(index) => Some((*index).into()),
            _ => None,
        }
    }
    /// The web address that the words name. Null if they can't be read or name none. That the words can be found there is the
    /// author's claim.
    async fn url(&self) -> Option<Url> {
        Url::new(self.words.text("url")?)
    }
    /// The raw bytes, which are UTF-8; their BLAKE3 is `blake3`. Null unless `state` is `PRESENT`.
    async fn raw(&self) -> Option<String> {
        match &*self.words {
            Words::Present { raw, .. } => Some(String::from_utf8_lossy(raw).into_owned()),
            _ => None,
        }
    }
    /// The raw bytes in base64, for tools that may alter text. Null unless `state` is `PRESENT`.
    async fn raw_base64(&self) -> Option<Base64> {
        match &*self.words {
            Words::Present { raw, .. } => Some(Base64(raw.to_vec())),
            _ => None,
        }
    }
    /// The words as a JSON object, with salt and files. Null unless `state` is `PRESENT`.
    async fn json(&self) -> Option<Json<serde_json::Value>> {
        match &*self.words {
            Words::Present { content, .. } => {
                Some(Json(serde_json::Value::Object(content.members().clone())))
            }
            _ => None,
        }
    }
}
