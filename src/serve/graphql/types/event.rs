//! The interface `Event`, and the object type of each event type.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    Context, ContextSelectionSet, InterfaceType, OutputType, Positioned, Result, ServerResult, Value,
    parser::types::{Field, SelectionSet},
    registry::{MetaTypeId, Registry},
    resolver_utils::{ContainerType, Fields, resolve_container},
};

use super::{event_fields::EventFields, event_shape, fact_value, party::Party};
use crate::{
    event::{EventId, RefSpec},
    ledger::ReadError,
    serve::graphql::{
        cache::subtrees::{Fragments, Subtree, Subtrees, is_flat},
        fault::{Answer as _, internal},
        selected,
    },
    views::{Record, Views},
};

/// An event on record. One Rust type serves the interface and its 33 object types. The fields that each type adds are read from
/// the table of `event::spec`, so they can't differ from what the ledger accepts.
#[derive(Debug, Clone)]
pub struct Event(AnyEvent);

/// An event as an object. When the values of an answer are counted, the library looks each field up in the type of its object;
/// this type has the fields of all 33.
#[derive(Debug, Clone)]
pub struct AnyEvent(EventFields);

impl Event {
    /// Wraps an entry.
    pub fn new(record: Arc<Record>, views: &Arc<Views>) -> Self {
        Self(AnyEvent(EventFields { record, views: views.clone() }))
    }
    /// Index of its entry.
    pub fn index(&self) -> u64 {
        self.record().index()
    }
    fn record(&self) -> &Arc<Record> {
        &self.0.0.record
    }
}

impl AnyEvent {
    /// The event that a ref names.
    fn target(&self, id: &EventId) -> Result<Event> {
        match self.0.views.record_of(id).answer()? {
            Some(record) => Ok(Event::new(record, &self.0.views)),
            None => Err(lost(id)),
        }
    }

    /// Resolves the field of a role: parties, or events of the types that the role allows.
    async fn resolve_ref(&self, ctx: &Context<'_>, spec: &RefSpec) -> ServerResult<Value> {
        let ids = self.0.record.event().body().role(spec.role);
        let selection = ctx.with_selection_set(&ctx.item.node.selection_set);
        if event_shape::is_party(spec) {
            let read = |id| Party::read(&self.0.views, id)?.ok_or_else(|| lost(id));
            resolve(ids.iter().map(read).collect(), spec.many, &selection, ctx.item).await
        } else {
            let read = |id| self.target(id);
            resolve(ids.iter().map(read).collect(), spec.many, &selection, ctx.item).await
        }
    }
}

/// The error for an event that names one which is not found: every event on record names only events on record.
fn lost(id: &EventId) -> async_graphql::Error {
    internal(&ReadError::Fault(format!("an event names {id}, which is not found")))
}

/// Resolves a list if the role has `many` ids, else one object or null.
async fn resolve<T: OutputType>(
    targets: Result<Vec<T>>,
    many: bool,
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
) -> ServerResult<Value> {
    if many {
        targets.resolve(ctx, field).await
    } else {
        targets.map(|t| t.into_iter().next()).resolve(ctx, field).await
    }
}

impl OutputType for Event {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Event")
    }
    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }
    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            event_shape::register(registry, std::any::type_name::<Self>())
        })
    }
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match Subtrees::of::<Self>(ctx) {
            Some(subtrees) => subtrees.resolve(self, field.pos, ctx).await,
            None => selected::resolve(ctx, self).await,
        }
    }
}

impl ContainerType for Event {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.0.resolve_field(ctx).await
    }
    /// Collects the fields that are selected on the object type.
    fn collect_all_fields<'a>(
        &'a self,
        ctx: &ContextSelectionSet<'a>,
        fields: &mut Fields<'a>,
    ) -> ServerResult<()> {
        fields.add_set(ctx, &self.0)
    }
}

impl OutputType for AnyEvent {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(event_shape::ANY)
    }
    fn introspection_type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.0.record.event().event_type().pascal())
    }
    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Object, event_shape::any)
    }
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        resolve_container(ctx, self).await
    }
}

impl ContainerType for AnyEvent {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if let Some(value) = self.0.resolve_field(ctx).await? {
            return Ok(Some(value));
        }
        let name = ctx.item.node.name.node.as_str();
        let event_type = self.0.record.event().event_type();
        if let Some(role) = event_shape::role_named(event_type.spec(), name) {
            return self.resolve_ref(ctx, role).await.map(Some);
        }
        match event_shape::fact_named(event_type, name) {
            Some(fact) => fact_value::resolve(ctx, &self.0.record, fact).await.map(Some),
            None => Ok(None),
        }
    }
}

impl InterfaceType for Event {}

impl Subtree for Event {
    fn what(&self) -> (u64, bool) {
        (self.index(), false)
    }
    fn views(&self) -> &Arc<Views> {
        &self.0.0.views
    }
    fn read_by(&self, views: Views) -> Self {
        Self::new(self.record().clone(), &Arc::new(views))
    }
    fn is_subtree(asked: &SelectionSet, fragments: &Fragments) -> bool {
        is_flat(asked, fragments, &[])
    }
}
