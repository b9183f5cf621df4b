//! `Node`: the objects that have a global id.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    ContextSelectionSet, ID, InterfaceType, OutputType, Positioned, Result, ServerResult, Value,
    indexmap::IndexSet,
    parser::types::Field,
    registry::{MetaType, MetaTypeId, Registry},
    resolver_utils::{ContainerType, Fields},
};

use super::{case::Case, event::Event, event_shape, party::Party};
use crate::{
    serve::graphql::{
        fault::Answer as _,
        scalars::global_id::{GlobalId, NodeKind},
        selected,
    },
    views::Views,
};

/// An object that has a global id.
// Written by hand, because its possible types include those of the interface `Event`, which the derive macro can't express.
#[derive(Debug)]
pub enum Node {
    /// An event of any type.
    Event(Event),
    /// A case.
    Case(Case),
    /// A party.
    Party(Party),
}

impl Node {
    /// Reads the object that a global id names; `None` if it is not on record. `place` is the argument's name, for errors.
    ///
    /// # Errors
    /// `BAD_INPUT` for wrong arguments, or a failed read of the log.
    pub fn read(views: &Arc<Views>, place: &str, id: &ID) -> Result<Option<Self>> {
        let GlobalId { kind, event } = GlobalId::read(place, id)?;
        Ok(match kind {
            NodeKind::Event => views.record_of(&event).answer()?.map(|r| Self::Event(Event::new(r, views))),
            NodeKind::Case => views.case(&event).answer()?.map(|c| Self::Case(Case::new(c, views))),
            NodeKind::Party => Party::read(views, &event)?.map(Self::Party),
        })
    }
}

impl OutputType for Node {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Node")
    }
    fn introspection_type_name(&self) -> Cow<'static, str> {
        match self {
            Self::Event(event) => event.introspection_type_name(),
            Self::Case(case) => case.introspection_type_name(),
            Self::Party(party) => party.introspection_type_name(),
        }
    }
    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            Event::create_type_info(registry);
            Case::create_type_info(registry);
            Party::create_type_info(registry);
            let own = [Case::type_name(), Party::type_name()].map(Cow::into_owned);
            let possible: IndexSet<String> = event_shape::names().map(str::to_owned).chain(own).collect();
            for name in &possible {
                registry.add_implements(name, "Node");
            }
            // Each object type of `Event` is a `Node`. The interface `Event` has the field `id`, but is not declared a `Node`:
            // the library would print that in the schema and not show it by introspection, and the two must say the same.
            let id =
                event_shape::field("id", "ID!", "Its global id: opaque, the same on every server, for ever.");
            let fields = [(id.name.clone(), id)].into_iter().collect();
            MetaType::Interface {
                name: "Node".to_owned(),
                description: Some("An object that has a global id.".to_owned()),
                fields,
                possible_types: possible,
                extends: false,
                keys: None,
                visible: None,
                inaccessible: false,
                tags: Vec::new(),
                rust_typename: Some(std::any::type_name::<Self>()),
                directive_invocations: Vec::new(),
                requires_scopes: Vec::new(),
            }
        })
    }
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        selected::resolve(ctx, self).await
    }
}

impl ContainerType for Node {
    async fn resolve_field(&self, ctx: &async_graphql::Context<'_>) -> ServerResult<Option<Value>> {
        match self {
            Self::Event(event) => event.resolve_field(ctx).await,
            Self::Case(case) => case.resolve_field(ctx).await,
            Self::Party(party) => party.resolve_field(ctx).await,
        }
    }
    fn collect_all_fields<'a>(
        &'a self,
        ctx: &ContextSelectionSet<'a>,
        fields: &mut Fields<'a>,
    ) -> ServerResult<()> {
        match self {
            Self::Event(event) => event.collect_all_fields(ctx, fields),
            Self::Case(case) => case.collect_all_fields(ctx, fields),
            Self::Party(party) => party.collect_all_fields(ctx, fields),
        }
    }
}

impl InterfaceType for Node {}
