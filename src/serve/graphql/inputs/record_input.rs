//! `RecordInput` and `SubmissionInput`: what a caller submits.

use async_graphql::InputObject;

use crate::{ledger::Submission, serve::limits};

/// An event with what it commits to.
#[derive(Debug, InputObject)]
pub struct SubmissionInput {
    /// The signed note: three lines, an empty line, and a signature line for each member of `by`. It is taken
    /// byte for byte.
    pub note: String,
    /// The words, if the event commits to some: exactly the bytes whose BLAKE3 the event names.
    pub content: Option<String>,
    /// With `content.released`: the words that are given back, as exactly the bytes that they had.
    pub restored: Option<String>,
}

/// What to record.
#[derive(Debug, InputObject)]
pub struct RecordInput {
    /// 1 to 256 events. Upload the files that their words name before, with `PUT /file/<blake3>`.
    pub submissions: Vec<SubmissionInput>,
    /// All or none: one refusal refuses all.
    #[graphql(default = false)]
    pub atomic: bool,
}

impl SubmissionInput {
    /// How many events it counts as for the write limit.
    pub(in crate::serve::graphql) fn counts_as(&self) -> u32 {
        let words = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let bytes = self.note.len() + words(&self.content) + words(&self.restored);
        // A request is far shorter than `u32::MAX` bytes.
        u32::try_from(bytes.div_ceil(limits::WRITE_UNIT)).unwrap_or(u32::MAX).max(1)
    }
}

impl From<SubmissionInput> for Submission {
    fn from(s: SubmissionInput) -> Self {
        Self {
            note: s.note.into_bytes(),
            content: s.content.map(String::into_bytes),
            restored: s.restored.map(String::into_bytes),
        }
    }
}
