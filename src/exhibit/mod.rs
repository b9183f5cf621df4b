//! Makes exhibits and case files from a ledger. [`onrecord_verify::exhibit`] reads and checks them; all of it is
//! re-exported here.

mod assemble;
mod case_export;

pub use assemble::assemble;
pub use case_export::CaseExport;
pub use onrecord_verify::exhibit::*;
