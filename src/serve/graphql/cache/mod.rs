//! What need not be computed twice: answers, subtrees of answers, parsed documents, and queries that are being answered.

pub(in crate::serve) mod answers;
pub(in crate::serve) mod documents;
pub(in crate::serve) mod in_flight;
pub(in crate::serve) mod subtrees;
