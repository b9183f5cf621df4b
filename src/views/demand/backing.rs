//! The parties named behind a demand, and whether each confirmed it with its own key (domain.md, whose backing is it).

use crate::event::{EventId, Stance};

/// The role in which a party stands behind a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackerRole {
    /// The party that asks.
    Petitioner,
    /// The lawyer that asks.
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

/// How a party confirmed with its own key that it stands behind a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// It signed the demand.
    Signed,
    /// It affirmed the demand later, in the entry at this index.
    Affirmed(u64),
}

/// A party that is named behind a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backer {
    /// The party.
    pub party: EventId,
    /// Its role.
    pub role: BackerRole,
    /// How it confirmed that; none if it did not.
    pub confirmed: Option<Confirmed>,
}

/// The signatures behind one text, by the last count on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Index of the count's entry.
    pub index: u64,
    /// Leaves of the roll: all signatures that were ever confirmed.
    pub count: u64,
    /// How many of those were withdrawn, duplicate or invalid.
    pub less: u64,
    /// Whether the count gives the root of the roll, and so commits to it.
    pub committed: bool,
    /// Whether the collection is closed.
    pub closed: bool,
}

impl Count {
    /// The signatures that stand: the count without those withdrawn, duplicate or invalid.
    pub fn standing(self) -> u64 {
        self.count.saturating_sub(self.less)
    }
}

impl Backer {
    /// Applies a stance that the party took on the demand with its own key, in the entry at `index`. No stance undoes its
    /// signature on the demand itself.
    pub(super) fn stand(&mut self, stance: Stance, index: u64) {
        match (stance, self.confirmed) {
            (Stance::Affirms, None) => self.confirmed = Some(Confirmed::Affirmed(index)),
            (Stance::Denies | Stance::Withdraws, Some(Confirmed::Affirmed(_))) => self.confirmed = None,
            _ => {}
        }
    }
}
