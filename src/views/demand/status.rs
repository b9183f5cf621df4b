//! The status of a demand, one word for filters: the first in the list that fits. It replaces none of the four states, which
//! are shown beside it.

use super::{answers::Counts, clock::ClockState, delivery::DeliveryState};

/// A demand in one word, for filters only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Taken back.
    Withdrawn,
    /// Every item is answered.
    Answered,
    /// Every item is refused.
    Refused,
    /// Every item is said to be not held.
    NotHeld,
    /// Every item has an outcome, and they differ or are partial.
    Mixed,
    /// The last day has passed with an item open.
    Overdue,
    /// Some items have an outcome.
    PartlyAnswered,
    /// Delivered, and no item has an outcome.
    Awaiting,
    /// Refused on delivery.
    RefusedOnDelivery,
    /// Delivery failed.
    DeliveryFailed,
    /// Sent; there is no evidence of more.
    Dispatched,
    /// On record, without a notice to the respondent.
    Issued,
}

impl Status {
    /// Its name as data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::NotHeld => "not_held",
            Self::Mixed => "mixed",
            Self::Overdue => "overdue",
            Self::PartlyAnswered => "partly_answered",
            Self::Awaiting => "awaiting",
            Self::RefusedOnDelivery => "refused_on_delivery",
            Self::DeliveryFailed => "delivery_failed",
            Self::Dispatched => "dispatched",
            Self::Issued => "issued",
        }
    }

    /// Its name, in words.
    pub fn words(self) -> String {
        self.as_str().replace('_', " ")
    }
    /// Whether it says which outcomes items have.
    pub fn tells_of_outcomes(self) -> bool {
        matches!(self, Self::Answered | Self::Refused | Self::NotHeld | Self::Mixed | Self::PartlyAnswered)
    }

    /// The status that fits first. `received` says whether a reply proves that the respondent has the demand.
    pub(super) fn of(
        withdrawn: bool,
        counts: Counts,
        clock: ClockState,
        delivery: DeliveryState,
        received: bool,
    ) -> Self {
        let all = counts.all();
        if withdrawn {
            return Self::Withdrawn;
        }
        match counts {
            _ if counts.answered == all => return Self::Answered,
            _ if counts.refused == all => return Self::Refused,
            _ if counts.not_held == all => return Self::NotHeld,
            _ if counts.open == 0 => return Self::Mixed,
            _ => {}
        }
        if clock.is_lapsed() {
            return Self::Overdue;
        }
        if counts.open < all {
            return Self::PartlyAnswered;
        }
        match delivery {
            DeliveryState::Reached(_) => Self::Awaiting,
            _ if received => Self::Awaiting,
            DeliveryState::RefusedOnDelivery => Self::RefusedOnDelivery,
            DeliveryState::Failed => Self::DeliveryFailed,
            DeliveryState::Sent => Self::Dispatched,
            DeliveryState::None => Self::Issued,
        }
    }
}
