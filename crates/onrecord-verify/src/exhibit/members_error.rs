//! Why the members of an archive or a folder can't be read.

use super::{archive::ArchiveError, enclosed::EnclosedError};

/// Why the members of an archive or a folder can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembersError {
    /// The archive is broken, or contradicts itself.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// Nothing is wrong with it, but it is of a kind that is not read here.
    #[error("this zip is {0}: unpack it, and give its folder")]
    Unread(&'static str),
    /// It holds several exhibits, and is no case file.
    #[error("this zip holds several exhibits: unpack it, and give one of them")]
    Several,
    /// By their names these are no members of one exhibit or case file, whatever they hold.
    #[error("{0}")]
    Names(#[from] EnclosedError),
    /// A case file stands where a case file has an exhibit.
    #[error("a case file in the place of an exhibit")]
    Nested,
    /// Two files of a folder mean the same member.
    #[error("two of the files are the member {0}: so it is not clear what it holds")]
    Twice(String),
    /// It holds something else.
    #[error("this zip is no exhibit and no case file: it has no member of one")]
    Foreign,
}

impl MembersError {
    /// Whether the error leaves open that a good exhibit is in it.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Unread(_) | Self::Several | Self::Foreign)
    }
}
