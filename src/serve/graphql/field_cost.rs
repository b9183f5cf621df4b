//! The cost of a field, declared beside its resolver: how much work it takes, how long its list can be, and how much its value
//! can hold. Each type declares what the schema does not show of its own fields, and [`cost`](super::cost) counts by it.

/// The types whose fields have these costs.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// The types of these names.
    Types(&'static [&'static str]),
    /// `Event`, and the object types that implement it.
    Events,
}

/// The most that a value without fields can hold.
#[derive(Debug, Clone, Copy)]
pub struct Leaf {
    /// Values within it.
    pub values: u64,
    /// Bytes of JSON.
    pub bytes: u64,
}

impl Leaf {
    /// A text of at most `bytes` bytes, each of which may need two in JSON.
    pub const fn text(bytes: usize) -> Self {
        Self { values: 0, bytes: 2 * bytes as u64 + 2 }
    }

    /// A value that never takes more than `bytes` in JSON.
    pub const fn short(bytes: u64) -> Self {
        Self { values: 0, bytes }
    }
}

/// The costs of fields, each by its name.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// Whose fields they are.
    pub of: Of,
    /// The work of finding a field's value, where it is more than reading an entry, which is 1.
    pub work: &'static [(&'static str, u64)],
    /// The greatest length of lists that are usually short.
    pub lists: &'static [(&'static str, u64)],
    /// The greatest length of lists that usually have that length.
    pub full_lists: &'static [(&'static str, u64)],
    /// The most that values without fields can hold.
    pub leaves: &'static [(&'static str, Leaf)],
}

impl Costs {
    /// Costs of these types with nothing declared yet.
    pub const fn of(of: Of) -> Self {
        Self { of, work: &[], lists: &[], full_lists: &[], leaves: &[] }
    }
}
