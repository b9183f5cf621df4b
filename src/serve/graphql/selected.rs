//! What is selected of a thing behind an interface, which may be nothing.

use async_graphql::{
    ContextSelectionSet, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Selection, SelectionSet},
    resolver_utils::{ContainerType, resolve_container},
};

/// Makes what is selected of a thing. Where no fragment is about its type, that is an object without members. The library
/// makes null of it, which says that there is no such thing, and may not stand where the schema promises one.
///
/// # Errors
/// As its fields.
pub async fn resolve<T: ContainerType>(ctx: &ContextSelectionSet<'_>, thing: &T) -> ServerResult<Value> {
    let value = resolve_container(ctx, thing).await?;
    let nothing = value == Value::Null && !is_asked(ctx, &thing.introspection_type_name(), &ctx.item.node);
    Ok(if nothing { Value::Object(IndexMap::default()) } else { value })
}

/// Whether a selection has any field of an object of this type. Fragments don't spread each other in a circle, and are
/// counted before anything is run.
fn is_asked(ctx: &ContextSelectionSet<'_>, name: &str, set: &SelectionSet) -> bool {
    let applies = |condition: &str| {
        let of = || ctx.schema_env.registry.types.get(condition);
        condition == name || of().is_some_and(|ty| ty.is_possible_type(name))
    };
    set.items.iter().any(|item| match &item.node {
        Selection::Field(_) => true,
        Selection::InlineFragment(fragment) => {
            let condition = fragment.node.type_condition.as_ref();
            condition.is_none_or(|condition| applies(&condition.node.on.node))
                && is_asked(ctx, name, &fragment.node.selection_set.node)
        }
        Selection::FragmentSpread(spread) => {
            let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node);
            fragment.is_some_and(|fragment| {
                applies(&fragment.node.type_condition.node.on.node)
                    && is_asked(ctx, name, &fragment.node.selection_set.node)
            })
        }
    })
}
