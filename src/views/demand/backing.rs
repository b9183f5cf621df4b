//! Who stands behind a demand, and whether they said so themselves (domain.md, whose backing is it).

use crate::event::{EventId, Stance};

/// In what role somebody stands behind a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackerRole {
    /// Who asks.
    Petitioner,
    /// The lawyer who asks.
    Counsel,
    /// The organiser of the collection of signatures.
    Collection,
}

impl BackerRole {
    /// Its name as data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Petitioner => "petitioner",
            Self::Counsel => "counsel",
            Self::Collection => "collection",
        }
    }
}

/// How somebody confirmed that they stand behind a demand, with their own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// They signed it.
    Signed,
    /// They affirmed it later, in the entry at this index.
    Affirmed(u64),
}

/// Somebody who is named behind a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backer {
    /// The party.
    pub party: EventId,
    /// In what role.
    pub role: BackerRole,
    /// How they confirmed it; none: named, not confirmed.
    pub confirmed: Option<Confirmed>,
}

/// The signatures behind one text, by the last count on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Index of the count's entry.
    pub index: u64,
    /// Leaves of the roll, ever confirmed.
    pub count: u64,
    /// Of those, taken back, counted twice or not good.
    pub less: u64,
    /// Whether the roll is committed to by a root.
    pub committed: bool,
    /// Whether the collection is closed.
    pub closed: bool,
}

impl Count {
    /// What is left of the count.
    pub fn standing(self) -> u64 {
        self.count.saturating_sub(self.less)
    }
}

impl Backer {
    /// Takes in a stance that they took on the demand with their own key. The signature on the demand itself stays.
    pub(super) fn stand(&mut self, stance: Stance, index: u64) {
        match (stance, self.confirmed) {
            (Stance::Affirms, None) => self.confirmed = Some(Confirmed::Affirmed(index)),
            (Stance::Denies | Stance::Withdraws, Some(Confirmed::Affirmed(_))) => self.confirmed = None,
            _ => {}
        }
    }
}
