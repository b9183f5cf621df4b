//! The checks that a verification makes.

use std::fmt;

/// What is checked. [`as_str`](Self::as_str) is its name in reports and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name {
    /// The archive of a case.
    CaseFile,
    /// That each entry names the one before, and time never runs back.
    Chain,
    /// Whose checkpoint it is.
    Checkpoint,
    /// The words of an entry.
    Content,
    /// The shape and signatures of all entries.
    Entries,
    /// One entry.
    Entry,
    /// The signatures of one event.
    Event,
    /// The archive of an entry.
    Exhibit,
    /// Each exhibit of a case file.
    Exhibits,
    /// Files that words name.
    Files,
    /// That a ledger continues a checkpoint that somebody else was given.
    History,
    /// That the reader brought the key.
    Identity,
    /// That an entry stands in the tree.
    Inclusion,
    /// A proof of one entry.
    Proof,
    /// The rules, at every index.
    Rules,
    /// That no entry of a case is missing between the first and the last.
    Thread,
    /// Hash tiles.
    Tiles,
    /// Tokens of time-stamping authorities.
    Timestamps,
    /// The root of all entries.
    Tree,
    /// Cosignatures.
    Witnesses,
    /// The words of all entries.
    Words,
}

impl Name {
    /// Its name, e.g. `chain`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CaseFile => "case file",
            Self::Chain => "chain",
            Self::Checkpoint => "checkpoint",
            Self::Content => "content",
            Self::Entries => "entries",
            Self::Entry => "entry",
            Self::Event => "event",
            Self::Exhibit => "exhibit",
            Self::Exhibits => "exhibits",
            Self::Files => "files",
            Self::History => "history",
            Self::Identity => "identity",
            Self::Inclusion => "inclusion",
            Self::Proof => "proof",
            Self::Rules => "rules",
            Self::Thread => "thread",
            Self::Tiles => "tiles",
            Self::Timestamps => "timestamps",
            Self::Tree => "tree",
            Self::Witnesses => "witnesses",
            Self::Words => "words",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
