//! What a verification checks, and with how much memory.

use std::path::PathBuf;

use crate::log::Policy;

/// What is checked, and with how much memory.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether words are fetched and compared with what entries commit to.
    pub words: bool,
    /// Whether the files that words name are fetched and compared too. Needs `words`.
    pub files: bool,
    /// How many bundles are read at once: each holds up to 256 entries and their words.
    pub window: u64,
    /// Which witnesses must have cosigned the checkpoint. Its log's key is the one given to [`verify`](super::verify()).
    pub policy: Option<Policy>,
    /// A checkpoint of the same log that somebody else was given: a signed note, which the ledger must continue.
    pub against: Option<Vec<u8>>,
    /// The most bytes of rows, which the rules ask about, that are kept in memory: some 200 an entry. If they take more,
    /// they go to files in `scratch`, which have no name and are gone when the verification ends, however it ends.
    pub memory: usize,
    /// The folder for these files.
    pub scratch: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            words: true,
            files: true,
            window: 8,
            policy: None,
            against: None,
            memory: 64 << 20,
            scratch: std::env::temp_dir(),
        }
    }
}
