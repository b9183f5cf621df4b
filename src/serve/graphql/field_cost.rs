//! What a field costs, said beside its resolver: how much work it takes, how long its list can be, how much its value can
//! hold. Each type says it of its own fields, as far as the schema does not, and [`cost`](super::cost) counts by it.

/// The types whose fields are meant.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// These, by name.
    Types(&'static [&'static str]),
    /// `Event`, and the objects behind it.
    Events,
}

/// What a value without fields can hold.
#[derive(Debug, Clone, Copy)]
pub struct Leaf {
    /// Values.
    pub values: u64,
    /// Bytes of JSON.
    pub bytes: u64,
}

impl Leaf {
    /// A text that has at most this many bytes, each of which may need two in JSON.
    pub const fn text(bytes: usize) -> Self {
        Self { values: 0, bytes: 2 * bytes as u64 + 2 }
    }

    /// A value that is never longer in JSON than this.
    pub const fn short(bytes: u64) -> Self {
        Self { values: 0, bytes }
    }
}

/// The costs of fields, each by its name.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// Whose fields they are.
    pub of: Of,
    /// What it takes to find what a field shows, where that is more than reading an entry.
    pub work: &'static [(&'static str, u64)],
    /// How long a list can be that is commonly short.
    pub lists: &'static [(&'static str, u64)],
    /// How long a list can be that is commonly as long.
    pub full_lists: &'static [(&'static str, u64)],
    /// What a value can hold that has no fields.
    pub leaves: &'static [(&'static str, Leaf)],
}

impl Costs {
    /// Costs that are still to be said.
    pub const fn of(of: Of) -> Self {
        Self { of, work: &[], lists: &[], full_lists: &[], leaves: &[] }
    }
}
