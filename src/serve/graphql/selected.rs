//! Resolves an object behind an interface, even if no field of it is selected.

use async_graphql::{
    ContextSelectionSet, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Selection, SelectionSet},
    resolver_utils::{ContainerType, resolve_container},
};

/// Resolves the selected fields of `thing`. If no fragment applies to its type, that is an object without members. The library
/// makes it null, which would say that there is no such object, and is not allowed where the schema promises one.
///
/// # Errors
/// Those of its fields.
pub async fn resolve<T: ContainerType>(ctx: &ContextSelectionSet<'_>, thing: &T) -> ServerResult<Value> {
    let value = resolve_container(ctx, thing).await?;
    let nothing = value == Value::Null && !is_asked(ctx, &thing.introspection_type_name(), &ctx.item.node);
    Ok(if nothing { Value::Object(IndexMap::default()) } else { value })
}

/// Whether a selection has any field for an object of the type `name`. The recursion ends: fragments that spread each other in a
/// circle, or too many levels, were refused before.
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
