//! What another party that knows a log says of it.

/// What a witness, a mirror or another reader says of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It knows no more entries, and no other history.
    NoMore,
    /// It could not be asked; the text says why.
    Nothing(String),
    /// It knows more entries, or another history: the ledger went back, or its key has signed two histories.
    More(String),
}
