//! An exhibit: one file that carries an entry, its words and its own proof (formats.md, section 8).
//!
//! [`verify()`] checks one without a network or the ledger, and concludes no more than was proved. Whose log it is comes from
//! the reader's own [`Policy`](crate::log::Policy), not from the exhibit.

mod archive;
mod case;
mod enclosed;
mod keys;
mod members;
mod members_error;
mod name;
mod packed;
mod receipt;
mod report;
mod verify;

pub use archive::{ArchiveError, MAX_EXHIBIT, MAX_MEMBERS, Member};
#[cfg(feature = "timestamps")]
pub use case::verify_case_with_roots;
pub use case::{CaseEntry, CaseFile, CaseReport, CaseWriter, MAX_EXHIBITS, verify_case, verify_case_members};
pub use enclosed::{Enclosed, EnclosedError, LinkInChain};
pub use members::{Members, verify_names};
pub use members_error::MembersError;
pub use name::{FOLDERS, Found, is_added, is_member, name_of, plain};
pub use packed::is_zip;
pub use receipt::{ReceiptReport, verify_receipt};
pub use report::{ExhibitReport, ExhibitVerdict};
#[cfg(feature = "timestamps")]
pub use verify::verify_with_roots;
pub use verify::{Trust, verify, verify_members};

/// The extension of a file of this media type; `bin` for a type that is not in the table, because programs act on
/// extensions.
pub fn extension(media: &str) -> &'static str {
    match media {
        "application/pdf" => "pdf",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "application/json" => "json",
        "message/rfc822" => "eml",
        "audio/mpeg" => "mp3",
        "video/mp4" => "mp4",
        _ => "bin",
    }
}
