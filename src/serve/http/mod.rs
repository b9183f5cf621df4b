//! Plain HTTP: answers that are no pages, and how they are packed.

pub(crate) mod answer;
pub(in crate::serve) mod etag;
pub(in crate::serve) mod gzip;
