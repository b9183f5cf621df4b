//! Exhibits and case files of a ledger, put together for whoever asks for one. How they are read and checked is in
//! [`onrecord_verify::exhibit`], all of which is here too.

mod assemble;
mod case_export;

pub use assemble::assemble;
pub use case_export::CaseExport;
pub use onrecord_verify::exhibit::*;
