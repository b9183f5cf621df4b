//! Facts as values of GraphQL.

use async_graphql::{Context, Name, OutputType, ServerResult, SimpleObject, Value, registry::Registry};

use super::event_shape::enum_value;
use crate::{
    event::{FactKind, FactSpec, MAX_EVENT},
    serve::graphql::{
        field_cost::{Costs, Of},
        scalars::{event_date::EventDate, hash::Hash, index::Index},
    },
    views::{Record, facts_json},
};

/// The greatest length of a list in the facts of an event: each item takes at least ten bytes of the note.
pub const MEMBERS: u64 = MAX_EVENT as u64 / 10;

/// The holidays of a deadline rule are a list in the facts.
pub const COSTS: Costs = Costs { lists: &[("holidays", MEMBERS)], ..Costs::of(Of::Types(&["DeadlineRule"])) };

/// When an answer falls due: a date, or a period from a start.
#[derive(Debug, SimpleObject)]
#[graphql(name = "DeadlineRule")]
pub struct DeadlineRule {
    /// The date, if one is set.
    pub by: Option<String>,
    /// The length of the period in days.
    pub days: Option<Index>,
    /// How days are counted: `calendar`, `working` or `my-interpretation-act-54`.
    pub rule: Option<String>,
    /// What starts the clock: `issue`, or the lowest grade of delivery that starts it.
    pub from: Option<String>,
    /// The weekly holiday, if the rule needs one.
    pub weekly: Option<String>,
    /// Holidays in ascending order. They are part of the event, so that everybody computes the same date.
    pub holidays: Vec<String>,
}

/// The outcome of one item of a demand.
#[derive(Debug, SimpleObject)]
pub struct ItemOutcome {
    /// Number of the item, from 1.
    pub item: Index,
    /// The outcome, as the signed event writes it.
    pub outcome: String,
}

/// The demander's verdict on the answer to one item.
#[derive(Debug, SimpleObject)]
pub struct ItemVerdict {
    /// Number of the item, from 1.
    pub item: Index,
    /// The verdict, as the signed event writes it.
    pub verdict: String,
}

/// Registers the type of a fact that is not a word of a closed list, and returns its name without `!`.
pub fn type_of(registry: &mut Registry, kind: FactKind) -> String {
    let list = |name: String| format!("[{name}!]");
    let one = |mut name: String| {
        name.truncate(name.trim_end_matches('!').len());
        name
    };
    match kind {
        FactKind::Count => one(<Index as OutputType>::create_type_info(registry)),
        FactKind::Bool => one(<bool as OutputType>::create_type_info(registry)),
        FactKind::At | FactKind::Day => one(<EventDate as OutputType>::create_type_info(registry)),
        FactKind::Hash => one(<Hash as OutputType>::create_type_info(registry)),
        FactKind::Deadline => one(DeadlineRule::create_type_info(registry)),
        FactKind::Outcomes => list(one(ItemOutcome::create_type_info(registry))),
        FactKind::Verdicts => list(one(ItemVerdict::create_type_info(registry))),
        FactKind::Vkeys | FactKind::Positions => list("String".to_owned()),
        FactKind::Vkey | FactKind::Country | FactKind::Zone | FactKind::Language | FactKind::Word(_) => {
            "String".to_owned()
        }
    }
}

/// The value of a fact; null if the event leaves it out.
pub async fn resolve(ctx: &Context<'_>, record: &Record, fact: &FactSpec) -> ServerResult<Value> {
    use serde_json::Value as Json;
    let Some(json) = facts_json(record).remove(fact.name) else { return Ok(Value::Null) };
    let selection = ctx.with_selection_set(&ctx.item.node.selection_set);
    let text = |value: &Json, member: &str| Some(value.get(member)?.as_str()?.to_owned());
    let number = |value: &Json| Index(value.get("item").and_then(Json::as_u64).unwrap_or_default());
    let said = |value: &Json, member: &str| text(value, member).unwrap_or_default();
    match fact.kind {
        FactKind::Word(_) => Ok(Value::Enum(Name::new(enum_value(json.as_str().unwrap_or_default())))),
        FactKind::Deadline => {
            let holidays = json.get("holidays").and_then(Json::as_array);
            let deadline = DeadlineRule {
                by: text(&json, "by"),
                days: json.get("days").and_then(Json::as_u64).map(Index),
                rule: text(&json, "rule"),
                from: text(&json, "from"),
                weekly: text(&json, "weekly"),
                holidays: holidays
                    .into_iter()
                    .flatten()
                    .filter_map(|d| Some(d.as_str()?.to_owned()))
                    .collect(),
            };
            deadline.resolve(&selection, ctx.item).await
        }
        FactKind::Outcomes => {
            let list: Vec<ItemOutcome> = json
                .as_array()
                .into_iter()
                .flatten()
                .map(|v| ItemOutcome { item: number(v), outcome: said(v, "outcome") })
                .collect();
            list.resolve(&selection, ctx.item).await
        }
        FactKind::Verdicts => {
            let list: Vec<ItemVerdict> = json
                .as_array()
                .into_iter()
                .flatten()
                .map(|v| ItemVerdict { item: number(v), verdict: said(v, "verdict") })
                .collect();
            list.resolve(&selection, ctx.item).await
        }
        // Numbers, booleans, strings and lists of strings are the same in the event and in an answer.
        _ => Ok(Value::from_json(json).unwrap_or_default()),
    }
}
