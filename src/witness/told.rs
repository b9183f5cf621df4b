//! What whoever else knows a log says of it.

/// What a witness, a mirror or another reader says of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It knows no more, and no other history.
    NoMore,
    /// It can't be asked, and why.
    Nothing(String),
    /// It knows more, or another history: the ledger went back, or two are signed by its key.
    More(String),
}
