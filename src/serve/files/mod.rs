//! Raw files, as bytes: the log as C2SP lays it out, exhibits, and files that are handed in and fetched.

mod body;
mod byte_range;
pub(in crate::serve) mod case_file;
pub(in crate::serve) mod log;
mod parts_body;
pub(in crate::serve) mod upload;
