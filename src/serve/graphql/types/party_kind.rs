//! `PartyKind`: the kinds of parties.

use async_graphql::Enum;

/// What kind of party it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::event::PartyKind")]
pub enum PartyKind {
    /// An agency.
    Agency,
    /// A regulator.
    Regulator,
    /// A court.
    Court,
    /// A lawyer or law firm.
    Counsel,
    /// A publisher.
    Publisher,
    /// An organisation.
    Organisation,
    /// A person.
    Person,
    /// A pseudonymous poster.
    Account,
    /// A platform.
    Platform,
}
