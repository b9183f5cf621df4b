//! Subtrees of answers that are cached even if the answer as a whole changes.
//!
//! If only an event's own values are asked for, the event is written as JSON once. Later answers to the same request reuse it
//! until an entry changes something that it read. So of a growing case only new events are made, and the states that are
//! computed from all of them.
//!
//! In the tree of an answer, a cached subtree is a `Value::Binary`, which no scalar of the schema is. A subtree is not a fragment
//! of GraphQL: fragments are part of a request.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_graphql::{
    ContextSelectionSet, Name, OutputType, Pos, Positioned, ServerResult, Value,
    parser::types::{ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::ContainerType,
};
use axum::body::Bytes;

use crate::{
    ledger::{Basis, Changes, Footprint},
    serve::graphql::selected,
    views::Views,
};

/// How many selections of a request are looked at to find out whether its answer may have cached subtrees.
const FIELDS_READ: usize = 512;

/// The key of a subtree within an answer: line and column of its field in the document, the index of its entry, whether the entry
/// is dated after `asOf`, and `knownAt` if the views are fixed to a size.
pub type Key = (usize, usize, u64, bool, Option<u64>);

/// Fragments by name.
pub type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// An object that can be cached as a subtree of an answer.
pub trait Subtree: ContainerType {
    /// The index of its entry, and whether the entry is dated after `asOf`.
    fn what(&self) -> (u64, bool);
    /// The views that it is read through.
    fn views(&self) -> &Arc<Views>;
    /// The same object, read through other views.
    fn read_by(&self, views: Views) -> Self;
    /// Whether it can be cached if these fields are selected.
    fn is_subtree(asked: &SelectionSet, fragments: &Fragments) -> bool;
}

/// The subtrees of a cached answer: for each its key, the range of its bytes in the answer, and what it read of the log.
#[derive(Debug, Default)]
pub struct Places {
    subtrees: Vec<(Key, Range<usize>, Basis)>,
    /// What all of them together read.
    basis: Option<Basis>,
}

impl Places {
    /// Whether there are no subtrees.
    pub fn is_empty(&self) -> bool {
        self.subtrees.is_empty()
    }
    /// Bytes of memory that they take.
    pub fn bytes(&self) -> usize {
        let each = size_of::<(Key, Range<usize>, Basis)>();
        let own: usize = self.subtrees.iter().map(|(_, _, basis)| each + basis.bytes()).sum();
        own + self.basis.as_ref().map_or(0, Basis::bytes)
    }
}

/// An earlier answer to the same request.
#[derive(Debug, Clone)]
pub struct Former {
    pub answer: Bytes,
    /// The size of the log when it was made.
    pub given: u64,
    pub places: Arc<Places>,
    /// How long it took to make.
    pub took: Duration,
}

/// The subtrees of an answer that is being made.
#[derive(Debug)]
pub struct Subtrees {
    former: Option<Former>,
    size: u64,
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    /// Whether all subtrees of the former answer would be the same now. `None` until one is asked for.
    all_hold: Option<bool>,
    subtrees: Vec<(Key, Bytes, Basis)>,
}

impl Subtrees {
    /// The subtrees of an answer that is made from a log of `size` entries. `former` is an earlier answer to the same request.
    pub fn new(former: Option<Former>, size: u64) -> Self {
        Self { former, size, made: Mutex::default() }
    }

    // A panic can't leave a value half written, so a poisoned lock can still be used.
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves `thing` as a subtree: from the former answer, or anew.
    ///
    /// # Errors
    /// Those of its fields.
    pub async fn resolve<T: Subtree>(
        &self,
        thing: &T,
        pos: Pos,
        ctx: &ContextSelectionSet<'_>,
    ) -> ServerResult<Value> {
        let (views, (index, after)) = (thing.views(), thing.what());
        let key = (pos.line, pos.column, index, after, views.fixed());
        if let Some(before) = self.before(&key, views.reader().changes(), |basis| views.observe(basis)) {
            return Ok(before);
        }
        let footprint = Arc::<Footprint>::default();
        let value = selected::resolve(ctx, &thing.read_by(views.apart(&footprint))).await?;
        let basis = footprint.basis();
        views.observe(&basis);
        // What any entry may change can't be used again.
        if basis == Basis::Everything {
            return Ok(value);
        }
        let mut bytes = Vec::new();
        write(&value, &mut bytes, &mut |_, _| {});
        Ok(self.made().stands(key, bytes.into(), basis))
    }

    /// The subtree from the former answer, if it would be the same now. What it read of the log is passed to `note`.
    fn before(&self, key: &Key, changes: &Changes, note: impl Fn(&Basis)) -> Option<Value> {
        let Former { answer, given, places, .. } = self.former.as_ref()?;
        let (_, range, basis) =
            &places.subtrees[places.subtrees.binary_search_by_key(key, |(key, ..)| *key).ok()?];
        let mut made = self.made();
        // Most subtrees read the same things, so all are checked at once.
        let all_hold = made.all_hold.get_or_insert_with(|| {
            let all = places.basis.as_ref().filter(|all| all.holds(changes, *given, self.size));
            all.inspect(|all| note(all)).is_some()
        });
        if !*all_hold {
            if !basis.holds(changes, *given, self.size) {
                return None;
            }
            note(basis);
        }
        Some(made.stands(*key, answer.slice(range.clone()), basis.clone()))
    }

    /// The subtrees of an answer that was written. `at` gives the range of each in the answer, by the address of its bytes.
    fn places(&self, at: &HashMap<*const u8, Range<usize>>) -> Places {
        let made = std::mem::take(&mut self.made().subtrees);
        let place =
            |(key, bytes, basis): (Key, Bytes, Basis)| Some((key, at.get(&bytes.as_ptr()).cloned()?, basis));
        let mut subtrees: Vec<_> = made.into_iter().filter_map(place).collect();
        subtrees.sort_unstable_by_key(|(key, ..)| *key);
        subtrees.dedup_by_key(|(key, ..)| *key);
        let all = Footprint::default();
        subtrees.iter().for_each(|(_, _, basis)| all.all_of(basis));
        Places { subtrees, basis: Some(all.basis()) }
    }
}

impl Made {
    fn stands(&mut self, key: Key, bytes: Bytes, basis: Basis) -> Value {
        self.subtrees.push((key, bytes.clone(), basis));
        Value::Binary(bytes)
    }
}

/// A list of objects that can be cached as subtrees. To callers it is a list like any other.
#[derive(Debug, Clone)]
pub struct SubtreeList<T>(pub Vec<T>);

impl<T: Subtree> OutputType for SubtreeList<T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<T> as OutputType>::type_name()
    }
    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }
    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let subtrees = Subtrees::of::<T>(ctx);
        let mut values = Vec::with_capacity(self.0.len());
        for (at, thing) in self.0.iter().enumerate() {
            let ctx = ctx.with_index(at);
            let value = match subtrees {
                Some(subtrees) => subtrees.resolve(thing, field.pos, &ctx).await,
                None => selected::resolve(&ctx, thing).await,
            };
            values.push(value.map_err(|error| ctx.set_error_path(error))?);
        }
        Ok(Value::List(values))
    }
}

impl Subtrees {
    /// The subtrees of the answer that is being made, if objects of type `T` can be cached with these selected fields.
    pub fn of<'c, T: Subtree>(ctx: &'c ContextSelectionSet<'_>) -> Option<&'c Self> {
        let subtrees = ctx.data_opt::<Arc<Self>>()?;
        T::is_subtree(&ctx.item.node, &ctx.query_env.fragments).then_some(subtrees)
    }
}

/// Whether only an object's own values are selected, and the own values of the objects in its fields named in `save`.
pub fn is_flat(set: &SelectionSet, fragments: &Fragments, save: &[&str]) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let below = &field.node.selection_set.node;
            let saved = save.contains(&field.node.name.node.as_str());
            (below.items.is_empty() || saved && is_flat(below, fragments, &[]))
                && field.node.arguments.is_empty()
                && field.node.directives.is_empty()
        }
        Selection::InlineFragment(fragment) => is_flat(&fragment.node.selection_set.node, fragments, save),
        Selection::FragmentSpread(spread) => fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| is_flat(&fragment.node.selection_set.node, fragments, save)),
    })
}

/// Whether subtrees of the answer may be cached: not if two selections ask for the same place of it, since the library merges
/// these.
pub fn may_have(document: &ExecutableDocument) -> bool {
    let mut left = FIELDS_READ;
    document.operations.iter().all(|(_, operation)| {
        let set = &operation.node.selection_set.node;
        is_asked_once(set, &document.fragments, &mut HashSet::new(), &mut left)
    })
}

fn is_asked_once<'d>(
    set: &'d SelectionSet,
    fragments: &'d Fragments,
    seen: &mut HashSet<&'d Name>,
    left: &mut usize,
) -> bool {
    set.items.iter().all(|item| {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        match &item.node {
            Selection::Field(field) => {
                let below = &field.node.selection_set.node;
                below.items.is_empty()
                    || seen.insert(&field.node.response_key().node)
                        && is_asked_once(below, fragments, &mut HashSet::new(), left)
            }
            Selection::InlineFragment(fragment) => {
                is_asked_once(&fragment.node.selection_set.node, fragments, seen, left)
            }
            Selection::FragmentSpread(spread) => fragments
                .get(&spread.node.fragment_name.node)
                .is_none_or(|f| is_asked_once(&f.node.selection_set.node, fragments, seen, left)),
        }
    })
}

/// Writes the body of an answer without errors, and returns it with the places of its subtrees.
pub fn whole(data: &Value, subtrees: Option<&Subtrees>) -> (Bytes, Places) {
    let mut out = br#"{"data":"#.to_vec();
    let mut at = HashMap::new();
    write(data, &mut out, &mut |subtree, range| {
        at.insert(subtree, range);
    });
    out.push(b'}');
    // The bytes may be cached, or wait for a slow reader.
    out.shrink_to_fit();
    (out.into(), subtrees.map(|subtrees| subtrees.places(&at)).unwrap_or_default())
}

/// Writes a value as JSON. `subtree` is told the address and the range of each subtree.
fn write(value: &Value, out: &mut Vec<u8>, subtree: &mut impl FnMut(*const u8, Range<usize>)) {
    match value {
        Value::Binary(bytes) => {
            let from = out.len();
            out.extend_from_slice(bytes);
            subtree(bytes.as_ptr(), from..out.len());
        }
        Value::List(list) => {
            out.push(b'[');
            for (i, value) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(value, out, subtree);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (i, (name, value)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                scalar(name.as_str(), out);
                out.push(b':');
                write(value, out, subtree);
            }
            out.push(b'}');
        }
        value => scalar(value, out),
    }
}

fn scalar(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing a text or a number into memory can't fail.
    let _ = serde_json::to_writer(out, value);
}

/// Replaces the written subtrees of an answer by trees of values.
pub fn unfold(value: &mut Value) {
    match value {
        Value::Binary(bytes) => *value = serde_json::from_slice(bytes).unwrap_or_default(),
        Value::List(list) => list.iter_mut().for_each(unfold),
        Value::Object(members) => members.values_mut().for_each(unfold),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;
    use crate::{event::EventId, log::RowKey};

    #[test]
    fn an_answer_is_written_as_the_library_writes_it() {
        let data = json!({"a": [1, -2.5, true, null, "q\"\u{1}é", []], "b": {"c": {}, "ü": "\u{7f}"}});
        let value = Value::from_json(data.clone()).unwrap();
        let (bytes, places) = whole(&value, None);
        let library = serde_json::to_vec(&async_graphql::Response::new(value)).unwrap();
        assert_eq!((&bytes[..], places.is_empty()), (&library[..], true));
    }

    #[test]
    fn a_part_stands_where_it_was_put_and_is_found_there_again() {
        let subtrees = Subtrees::new(None, 7);
        let stands = |key, bytes: &'static [u8], names: &[u64]| {
            subtrees.made().stands(key, Bytes::from_static(bytes), Basis::Things(names.into()))
        };
        let one = stands((1, 2, 3, false, None), br#"{"index":3}"#, &[8]);
        let two = stands((1, 2, 4, false, None), br#"{"index":4}"#, &[8, 9]);
        let mut data = Value::List(vec![two, one, Value::Null]);
        let (answer, places) = whole(&data, Some(&subtrees));
        assert_eq!(&answer[..], br#"{"data":[{"index":4},{"index":3},null]}"#);
        assert!(places.bytes() > 2 * 8);
        unfold(&mut data);
        assert_eq!(data.into_json().unwrap(), json!([{"index": 4}, {"index": 3}, null]));
        let next =
            Subtrees::new(Some(Former { answer, given: 7, places: places.into(), took: Duration::ZERO }), 8);
        let changes = Changes::default();
        let noted = Footprint::default();
        let before = |key| match next.before(&key, &changes, |basis| noted.all_of(basis)) {
            Some(Value::Binary(bytes)) => Some(bytes),
            other => other.map(|value| panic!("{value} is no subtree")),
        };
        let first = Some(Bytes::from_static(br#"{"index":3}"#));
        assert_eq!(before((1, 2, 3, false, None)), first);
        let Basis::Things(noted) = noted.basis() else { panic!("they are things") };
        assert!(noted.len() == 2 && noted.contains(&8) && noted.contains(&9), "all are asked about at once");
        assert_eq!(before((1, 2, 4, false, None)).as_deref(), Some(&br#"{"index":4}"#[..]));
        for other in
            [(1, 2, 5, false, None), (1, 3, 3, false, None), (1, 2, 3, true, None), (1, 2, 3, false, Some(7))]
        {
            assert_eq!(before(other), None);
        }
    }

    #[test]
    fn where_not_all_hold_each_is_asked_about() {
        let (subtrees, changes) = (Subtrees::new(None, 7), Changes::default());
        let (one, other) = (EventId([1; 32]), EventId([2; 32]));
        let keys = [(1, 2, 3, false, None), (1, 2, 4, false, None)];
        for (key, id) in keys.into_iter().zip([one, other]) {
            let footprint = Footprint::default();
            footprint.row(&changes, RowKey::fate(&id));
            // A place is found by the address of the bytes, so each subtree needs bytes of its own.
            let bytes = Bytes::from(format!("{}", key.2));
            subtrees.made().stands(key, bytes, footprint.basis());
        }
        let made: Vec<Value> = subtrees.made().subtrees.iter().map(|p| Value::Binary(p.1.clone())).collect();
        let (answer, places) = whole(&Value::List(made), Some(&subtrees));
        changes.remember([RowKey::fate(&one)].iter(), [].iter(), 8);
        let next =
            Subtrees::new(Some(Former { answer, given: 7, places: places.into(), took: Duration::ZERO }), 8);
        let noted = Footprint::default();
        let held = keys.map(|key| next.before(&key, &changes, |basis| noted.all_of(basis)).is_some());
        assert_eq!(held, [false, true]);
        assert!(noted.basis().holds(&changes, 7, 8), "what changed is noted where it is made anew");
    }

    #[test]
    fn what_is_merged_has_no_subtrees() {
        let may = |text: &str| may_have(&parse_query(text).unwrap());
        assert!(may("{ events { nodes { index type } } a: events { nodes { index } } }"));
        assert!(may("{ events { nodes { index index ...F } } } fragment F on Event { index type }"));
        assert!(!may("{ events { nodes { index } } events { nodes { type } } }"));
        assert!(!may("{ events { nodes { index } ...F } } fragment F on EventConnection { nodes { type } }"));
        assert!(!may("{ events { nodes { index } ... { nodes { type } } } }"));
        // A fragment within itself is refused elsewhere; here the recursion ends all the same.
        assert!(!may("{ ...F } fragment F on Query { ...F }"));
        assert!(!may(&format!("{{ {} }}", "a ".repeat(FIELDS_READ + 1))));
    }

    #[test]
    fn only_own_values_are_flat() {
        let flat = |text: &str| {
            let document = parse_query(text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            is_flat(&operation.node.selection_set.node, &document.fragments, &["event"])
        };
        assert!(flat("{ index ... on StatementMade { standing } ...F } fragment F on Event { type }"));
        assert!(!flat("{ index content { raw } }"));
        assert!(flat("{ after event { index } }"));
        assert!(!flat("{ after event { index content { raw } } }"));
        assert!(!flat("{ index url(of: 1) }"));
        assert!(!flat("{ ...F } fragment F on Event { case { title } }"));
    }
}
