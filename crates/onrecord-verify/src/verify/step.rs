//! How far a verification has come.

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Entries were checked.
    Checked {
        /// How many, from the first of the log on.
        done: u64,
        /// How many there are.
        of: u64,
    },
    /// An entry was refused, and an earlier one that it contradicts is looked for: both together would prove to anybody that
    /// the log signed what no log may.
    Searched {
        /// The entry that was refused.
        entry: u64,
        /// How many entries were compared with it.
        done: u64,
        /// How many will be, unless one that it contradicts is found before.
        of: u64,
    },
}
