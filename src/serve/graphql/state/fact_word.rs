//! Words of closed lists, as values of the enums that the object types of `Event` use.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value, parser::types::Field,
    registry::Registry,
};

use crate::{
    event,
    serve::graphql::types::{event::Event, event_shape::enum_value},
};

/// A word of a fact. In the schema it has the enum of that fact, so that a word has the same name wherever it is shown.
#[derive(Debug, Clone, Copy)]
pub struct FactWord<T>(pub T);

/// A closed list of words, and the name of its enum.
pub trait Listed: Copy + Send + Sync {
    /// The name of the enum in the schema.
    const ENUM: &'static str;
    /// The word as the signed event writes it.
    fn word(self) -> &'static str;
}

macro_rules! listed {
    ($($type:ident = $name:literal,)*) => { $(
        impl Listed for event::$type {
            const ENUM: &'static str = $name;
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )* };
}

listed! {
    Channel = "NoticeDispatchedChannel",
    CommitmentOutcome = "CommitmentClosedOutcome",
    CorrectionEffect = "CorrectionIssuedEffect",
    DeadlineChange = "DeadlineAdjustedChange",
    DisclosureKind = "DisclosureMadeKind",
    EscalationRoute = "DemandEscalatedRoute",
    Evidence = "DeliveryEvidencedEvidence",
    EvidenceReason = "DeliveryEvidencedReason",
    Relation = "LinkAssertedRelation",
    ReleaseGround = "ContentReleasedGround",
    Role = "RoleGrantedRole",
    Stance = "PositionTakenStance",
    Voucher = "DeliveryEvidencedVouchedBy",
    WithholdingGround = "ContentWithheldGround",
}

impl<T: Listed> OutputType for FactWord<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(T::ENUM)
    }
    fn create_type_info(registry: &mut Registry) -> String {
        // The enums are registered with the object types of `Event`.
        Event::create_type_info(registry);
        format!("{}!", T::ENUM)
    }
    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Enum(Name::new(enum_value(self.0.word()))))
    }
}
