//! Plain HTTP: answers other than pages, their tags and their compression.

pub(crate) mod answer;
pub(in crate::serve) mod etag;
pub(in crate::serve) mod gzip;
