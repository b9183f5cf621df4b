//! What an event type asks for, as data, and the macro that makes the types from one table.

use super::{
    facts::{Fact, FactKind, Members, bad},
    id::EventId,
    json::Json,
    refusal::{Code, Refusal, quote},
};

pub use super::body::EventType;

/// Who may sign an event of a type (`who` in `schema/events.json`). Any one of a type's list is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The operator's key, at index 0.
    First,
    /// The operator.
    Operator,
    /// A registrar or the operator.
    Registrar,
    /// A recorder or the operator.
    Recorder,
    /// Any party.
    Any,
    /// The party named in this ref.
    SelfOf(&'static str),
    /// A subject of the event named in this ref.
    SubjectOf(&'static str),
    /// Any party in the `by` of the event named in this ref.
    AuthorOf(&'static str),
}

/// In whose thread an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread {
    /// Its own: it opens one.
    Own,
    /// That of the party in `refs.party`.
    Party,
    /// That of its case, or its own where the case is left out.
    Case,
}

/// Whether an event names a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseRule {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// It must not.
    Refused,
}

/// Whether an event carries words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentRule {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// It must not.
    None,
}

/// The event types a ref may point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Any type.
    Any,
    /// One of these.
    Of(&'static [EventType]),
}

impl Kinds {
    /// Whether an event of that type may be pointed at.
    pub fn allow(self, event_type: EventType) -> bool {
        match self {
            Self::Any => true,
            Self::Of(types) => types.contains(&event_type),
        }
    }
}

/// Events that stand for a party.
pub const PARTY: Kinds = Kinds::Of(&[EventType::PartyRegistered, EventType::LedgerOpened]);
pub(crate) const ANY: Kinds = Kinds::Any;

/// One role in `refs`.
#[derive(Debug, Clone, Copy)]
pub struct RefSpec {
    /// The role's name.
    pub role: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it is an array of ids.
    pub many: bool,
    /// What it may point at.
    pub kinds: Kinds,
    /// Whether it may point into another case.
    pub cross: bool,
    /// What it means.
    pub doc: &'static str,
}

/// One member of `facts`.
#[derive(Debug, Clone, Copy)]
pub struct FactSpec {
    /// The member's name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Its type.
    pub kind: FactKind,
    /// What it means.
    pub doc: &'static str,
}

/// What an event type asks for.
#[derive(Debug)]
pub struct Spec {
    /// What the type means.
    pub doc: &'static str,
    /// Who may sign.
    pub who: &'static [Who],
    /// In whose thread it stands.
    pub thread: Thread,
    /// Whether it names a case.
    pub case: CaseRule,
    /// Whether it carries words.
    pub content: ContentRule,
    /// The roles whose parties are the event's subjects.
    pub subject: &'static [&'static str],
    /// What it may point at.
    pub refs: &'static [RefSpec],
    /// What it says.
    pub facts: &'static [FactSpec],
}

impl Spec {
    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&RefSpec> {
        self.refs.iter().find(|r| r.role == name)
    }
    /// The fact of this name.
    pub fn fact(&self, name: &str) -> Option<&FactSpec> {
        self.facts.iter().find(|f| f.name == name)
    }
}

/// 1 to 64 ids without repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids(Vec<EventId>);

/// The most ids in one role.
pub(crate) const MAX_IDS: usize = 64;

impl std::ops::Deref for Ids {
    type Target = [EventId];
    fn deref(&self) -> &[EventId] {
        &self.0
    }
}

fn read_id(value: &Json<'_>, place: &str) -> Result<EventId, Refusal> {
    match value {
        Json::String(s) => s
            .parse()
            .map_err(|_| Refusal::new(Code::BadId, place, "an id of 64 lower-case hex digits", quote(s))),
        other => Err(Refusal::new(Code::BadRef, place, "one id", other.describe())),
    }
}

pub(crate) fn read_case(value: &Json<'_>) -> Result<EventId, Refusal> {
    read_id(value, "case").map_err(|r| Refusal { code: Code::BadId, ..r })
}

/// A form that a ref can have.
pub(crate) trait Ref: Sized {
    const REQUIRED: bool;
    const MANY: bool;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal>;
    fn ids(&self) -> &[EventId];
}

fn missing(place: &str) -> Refusal {
    Refusal::new(Code::MissingMember, place, "this member", "nothing")
}

impl Ref for EventId {
    const REQUIRED: bool = true;
    const MANY: bool = false;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal> {
        read_id(value.ok_or_else(|| missing(place))?, place)
    }
    fn ids(&self) -> &[EventId] {
        std::slice::from_ref(self)
    }
}

impl Ref for Ids {
    const REQUIRED: bool = true;
    const MANY: bool = true;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal> {
        let value = value.ok_or_else(|| missing(place))?;
        let Json::Array(list) = value else {
            return Err(Refusal::new(Code::BadRef, place, "an array of ids", value.describe()));
        };
        if list.len() > MAX_IDS {
            return Err(Refusal::new(Code::BadRef, place, "at most 64 ids", list.len()));
        }
        let mut ids = Vec::with_capacity(list.len());
        for (i, item) in list.iter().enumerate() {
            let place = format!("{place}[{i}]");
            let id = read_id(item, &place)?;
            if ids.contains(&id) {
                return Err(Refusal::new(Code::BadRef, place, "each id once", "a repeat"));
            }
            ids.push(id);
        }
        Ok(Self(ids))
    }
    fn ids(&self) -> &[EventId] {
        &self.0
    }
}

impl<T: Ref> Ref for Option<T> {
    const REQUIRED: bool = false;
    const MANY: bool = T::MANY;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal> {
        value.map(|v| T::read(Some(v), place)).transpose()
    }
    fn ids(&self) -> &[EventId] {
        self.as_ref().map_or(&[], T::ids)
    }
}

/// A fact, or a fact that may be left out.
pub(crate) trait FactMember: Sized {
    const REQUIRED: bool;
    const KIND: FactKind;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal>;
}

impl<T: Fact> FactMember for T {
    const REQUIRED: bool = true;
    const KIND: FactKind = T::KIND;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal> {
        T::read(value.ok_or_else(|| missing(place))?, place)
    }
}

impl<T: Fact> FactMember for Option<T> {
    const REQUIRED: bool = false;
    const KIND: FactKind = T::KIND;
    fn read(value: Option<&Json<'_>>, place: &str) -> Result<Self, Refusal> {
        value.map(|v| T::read(v, place)).transpose()
    }
}

/// The members of `refs` or `facts`, or none where the member is left out.
pub(crate) fn members<'m, 'a>(
    value: Option<&'m Json<'a>>,
    place: &'m str,
) -> Result<Members<'m, 'a>, Refusal> {
    match value {
        None => Ok(Members { members: &[], place }),
        Some(Json::Object(members)) => Ok(Members { members, place }),
        Some(other) if place == "refs" => {
            Err(Refusal::new(Code::BadRef, place, "an object of roles", other.describe()))
        }
        Some(other) => Err(bad(place, "an object of facts", other)),
    }
}

macro_rules! kinds {
    ([$($kind:ident)*]) => { $crate::event::Kinds::Of(&[$($crate::event::EventType::$kind),*]) };
    ($name:ident) => { $crate::event::spec::$name };
}
pub(crate) use kinds;

macro_rules! event_types {
    ($(
        #[doc = $doc:literal]
        $name:ident = $text:literal {
            who: [$($who:expr),*], thread: $thread:ident, case: $case:ident, content: $content:ident,
            subject: [$($subject:literal),*],
            refs: {$(
                #[doc = $rdoc:literal]
                $role:ident: $rty:ty => $kinds:tt $($cross:ident)?,
            )*},
            facts: {$(
                #[doc = $fdoc:literal]
                $fact:ident: $fty:ty,
            )*},
        }
    )*) => {
        /// The closed list of event types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType { $(#[doc = $doc] $name,)* }

        /// What an event says: its refs and facts, by type.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body { $(#[doc = $doc] $name($name),)* }

        $(
            #[doc = $doc]
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name {
                $(#[doc = $rdoc] pub $role: $rty,)*
                $(#[doc = $fdoc] pub $fact: $fty,)*
            }
        )*

        impl EventType {
            /// Every type.
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)*];
            /// The type's name, e.g. `statement.made`.
            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$name => $text,)* }
            }
            /// The name in one word, e.g. `StatementMade`.
            pub fn pascal(self) -> &'static str {
                match self { $(EventType::$name => stringify!($name),)* }
            }
            /// The type of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(EventType::$name),)* _ => None }
            }
            /// What the type asks for.
            pub fn spec(self) -> &'static $crate::event::Spec {
                use $crate::event::spec::{FactMember, Ref, kinds};
                #[allow(unused_imports)]
                use $crate::event::{Who::*, spec::*};
                match self { $(EventType::$name => {
                    const SPEC: Spec = Spec {
                        doc: $doc,
                        who: &[$($who),*],
                        thread: Thread::$thread,
                        case: CaseRule::$case,
                        content: ContentRule::$content,
                        subject: &[$($subject),*],
                        refs: &[$(RefSpec {
                            role: stringify!($role),
                            required: <$rty as Ref>::REQUIRED,
                            many: <$rty as Ref>::MANY,
                            kinds: kinds!($kinds),
                            cross: {
                                const CROSS: &[&str] = &[$(stringify!($cross))?];
                                !CROSS.is_empty()
                            },
                            doc: $rdoc,
                        }),*],
                        facts: &[$(FactSpec {
                            name: stringify!($fact),
                            required: <$fty as FactMember>::REQUIRED,
                            kind: <$fty as FactMember>::KIND,
                            doc: $fdoc,
                        }),*],
                    };
                    &SPEC
                })* }
            }
        }

        impl Body {
            /// Its type.
            pub fn event_type(&self) -> EventType {
                match self { $(Body::$name(_) => EventType::$name,)* }
            }
            /// What it points at: each role of its type with the ids in it; no ids for a role that is left out.
            pub fn refs(&self) -> Vec<(&'static $crate::event::RefSpec, &[EventId])> {
                use $crate::event::spec::Ref as _;
                match self { $(Body::$name(_body) => {
                    let ids = [$(_body.$role.ids()),*];
                    EventType::$name.spec().refs.iter().zip(ids).collect()
                })* }
            }
            /// The ids in a role; none if the role is left out, or is not a role of this type.
            pub fn role(&self, role: &str) -> &[EventId] {
                use $crate::event::spec::Ref as _;
                match self { $(Body::$name(_body) => match role {
                    $(stringify!($role) => _body.$role.ids(),)*
                    _ => &[],
                })* }
            }
            /// Reads `refs` and `facts`.
            pub(crate) fn read(
                event_type: EventType,
                refs: &$crate::event::facts::Members<'_, '_>,
                facts: &$crate::event::facts::Members<'_, '_>,
            ) -> Result<Self, $crate::event::Refusal> {
                use $crate::event::spec::Ref as _;
                match event_type { $(EventType::$name => {
                    refs.only(&[$(stringify!($role)),*])?;
                    facts.only(&[$(stringify!($fact)),*])?;
                    Ok(Body::$name($name {
                        $($role: <$rty>::read(refs.get(stringify!($role)), &refs.at(stringify!($role)))?,)*
                        $($fact: <$fty as $crate::event::spec::FactMember>::read(
                            facts.get(stringify!($fact)), &facts.at(stringify!($fact)))?,)*
                    }))
                })* }
            }
        }
    };
}
pub(crate) use event_types;

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
