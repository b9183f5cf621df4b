//! Pieces of answers. An event of which nothing but its own values is asked for is written once and stands in later answers
//! to the same request as it is, until an entry changes what it asked for. So of a case that grows only what is new, and
//! what is computed of all, is made again.
//!
//! In the tree of an answer a piece is a value of bytes, which no scalar of the schema is.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    ContextSelectionSet, Name, Pos, Positioned, ServerResult, Value,
    parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet},
    resolver_utils::resolve_container,
};
use axum::body::Bytes;

use super::event::Event;
use crate::ledger::{Basis, Changes, Footprint};

/// The most fields of a request that is looked through for whether its answer has pieces.
const FIELDS_READ: usize = 512;

/// Which piece of an answer: where its field stands in the text, the index of its entry, and the size that it is known at
/// if that is not the latest.
pub type Key = (usize, usize, u64, Option<u64>);

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Where the pieces of an answer stand in it, and what of the log each stands on.
#[derive(Debug, Default)]
pub struct Places(Vec<(Key, Range<usize>, Basis)>);

impl Places {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Bytes of memory that they take.
    pub fn bytes(&self) -> usize {
        let each = size_of::<(Key, Range<usize>, Basis)>();
        self.0.iter().map(|(_, _, basis)| each + basis.bytes()).sum()
    }
}

/// An answer that was given to the same request before, the size of the log when it was asked for, and its pieces.
#[derive(Debug, Clone)]
pub struct Former {
    pub answer: Bytes,
    pub given: u64,
    pub places: Arc<Places>,
}

/// The pieces of an answer that is being made.
#[derive(Debug)]
pub struct Pieces {
    former: Option<Former>,
    size: u64,
    made: Mutex<Vec<(Key, Bytes, Basis)>>,
}

impl Pieces {
    /// Those of an answer that is made by so many entries.
    pub fn new(former: Option<Former>, size: u64) -> Self {
        Self { former, size, made: Mutex::default() }
    }

    /// An event: as it was before, or written now.
    ///
    /// # Errors
    /// As its fields.
    pub async fn resolve(
        &self,
        event: &Event,
        pos: Pos,
        ctx: &ContextSelectionSet<'_>,
    ) -> ServerResult<Value> {
        let views = event.views();
        let key = (pos.line, pos.column, event.index(), views.fixed());
        if let Some((bytes, basis)) = self.before(&key, views.reader().changes()) {
            views.note(&basis);
            return Ok(self.stands(key, bytes, basis));
        }
        let footprint = Arc::<Footprint>::default();
        let value = resolve_container(ctx, &event.read_by(views.apart(&footprint))).await?;
        let basis = footprint.basis();
        views.note(&basis);
        // Whatever changes with any entry is not the same later.
        if basis == Basis::Everything {
            return Ok(value);
        }
        let mut bytes = Vec::new();
        write(&value, &mut bytes, &mut |_, _| {});
        Ok(self.stands(key, bytes.into(), basis))
    }

    fn before(&self, key: &Key, changes: &Changes) -> Option<(Bytes, Basis)> {
        let former = self.former.as_ref()?;
        let places = &former.places.0;
        let (_, range, basis) = &places[places.binary_search_by_key(key, |(key, ..)| *key).ok()?];
        let holds = basis.holds(changes, former.given, self.size);
        holds.then(|| (former.answer.slice(range.clone()), basis.clone()))
    }

    fn stands(&self, key: Key, bytes: Bytes, basis: Basis) -> Value {
        // Whole values are put in.
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push((key, bytes.clone(), basis));
        Value::Binary(bytes)
    }

    /// The pieces of an answer that was written, given where each stands in it by where its bytes lie.
    fn places(&self, at: &HashMap<*const u8, Range<usize>>) -> Places {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let place =
            |(key, bytes, basis): (Key, Bytes, Basis)| Some((key, at.get(&bytes.as_ptr()).cloned()?, basis));
        let mut places: Vec<_> = made.into_iter().filter_map(place).collect();
        places.sort_unstable_by_key(|(key, ..)| *key);
        places.dedup_by_key(|(key, ..)| *key);
        Places(places)
    }
}

/// Whether nothing is asked of an object but its own values.
pub fn is_flat(set: &SelectionSet, fragments: &Fragments) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            field.node.selection_set.node.items.is_empty()
                && field.node.arguments.is_empty()
                && field.node.directives.is_empty()
        }
        Selection::InlineFragment(fragment) => is_flat(&fragment.node.selection_set.node, fragments),
        Selection::FragmentSpread(spread) => fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| is_flat(&fragment.node.selection_set.node, fragments)),
    })
}

/// Whether an answer may have pieces: not where what one place of it shows is asked for in two, which are then merged.
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

/// Writes the data of an answer without errors, as GraphQL over HTTP has it, and says where its pieces stand.
pub fn whole(data: &Value, pieces: Option<&Pieces>) -> (Bytes, Places) {
    let mut out = br#"{"data":"#.to_vec();
    let mut at = HashMap::new();
    write(data, &mut out, &mut |piece, range| {
        at.insert(piece, range);
    });
    out.push(b'}');
    (out.into(), pieces.map(|pieces| pieces.places(&at)).unwrap_or_default())
}

/// Writes a value as JSON, and says where each piece was put.
fn write(value: &Value, out: &mut Vec<u8>, piece: &mut impl FnMut(*const u8, Range<usize>)) {
    match value {
        Value::Binary(bytes) => {
            let from = out.len();
            out.extend_from_slice(bytes);
            piece(bytes.as_ptr(), from..out.len());
        }
        Value::List(list) => {
            out.push(b'[');
            for (i, value) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(value, out, piece);
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
                write(value, out, piece);
            }
            out.push(b'}');
        }
        value => scalar(value, out),
    }
}

fn scalar(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    // Neither a text nor a number can fail to be written, and memory takes it.
    let _ = serde_json::to_writer(out, value);
}

/// Puts the trees of its pieces back into an answer.
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

    #[test]
    fn an_answer_is_written_as_the_library_writes_it() {
        let data = json!({"a": [1, -2.5, true, null, "q\"\u{1}é", []], "b": {"c": {}, "ü": "\u{7f}"}});
        let value = Value::from_json(data.clone()).unwrap();
        let (bytes, places) = whole(&value, None);
        let library = serde_json::to_vec(&async_graphql::Response::new(value)).unwrap();
        assert_eq!((&bytes[..], places.0.len()), (&library[..], 0));
    }

    #[test]
    fn a_part_stands_where_it_was_put_and_is_found_there_again() {
        let pieces = Pieces::new(None, 7);
        let basis = Basis::Things([].into());
        let one = pieces.stands((1, 2, 3, None), Bytes::from_static(br#"{"index":3}"#), basis.clone());
        let two =
            pieces.stands((1, 2, 4, None), Bytes::from_static(br#"{"index":4}"#), Basis::Things([9].into()));
        let mut data = Value::List(vec![two, one, Value::Null]);
        let (answer, places) = whole(&data, Some(&pieces));
        assert_eq!(&answer[..], br#"{"data":[{"index":4},{"index":3},null]}"#);
        assert!(places.bytes() > 2 * 8);
        unfold(&mut data);
        assert_eq!(data.into_json().unwrap(), json!([{"index": 4}, {"index": 3}, null]));
        let next = Pieces::new(Some(Former { answer, given: 7, places: places.into() }), 8);
        let changes = Changes::default();
        let before = |key| next.before(&key, &changes).map(|(bytes, _)| bytes);
        assert_eq!(before((1, 2, 3, None)).as_deref(), Some(&br#"{"index":3}"#[..]));
        assert_eq!(before((1, 2, 4, None)).as_deref(), Some(&br#"{"index":4}"#[..]));
        for other in [(1, 2, 5, None), (1, 3, 3, None), (1, 2, 3, Some(7))] {
            assert_eq!(before(other), None);
        }
    }

    #[test]
    fn what_is_merged_has_no_pieces() {
        let may = |text: &str| may_have(&parse_query(text).unwrap());
        assert!(may("{ events { nodes { index type } } a: events { nodes { index } } }"));
        assert!(may("{ events { nodes { index index ...F } } } fragment F on Event { index type }"));
        assert!(!may("{ events { nodes { index } } events { nodes { type } } }"));
        assert!(!may("{ events { nodes { index } ...F } } fragment F on EventConnection { nodes { type } }"));
        assert!(!may("{ events { nodes { index } ... { nodes { type } } } }"));
        // One that goes round is refused elsewhere, and comes to an end here.
        assert!(!may("{ ...F } fragment F on Query { ...F }"));
        assert!(!may(&format!("{{ {} }}", "a ".repeat(FIELDS_READ + 1))));
    }

    #[test]
    fn only_own_values_are_flat() {
        let flat = |text: &str| {
            let document = parse_query(text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            is_flat(&operation.node.selection_set.node, &document.fragments)
        };
        assert!(flat("{ index ... on StatementMade { standing } ...F } fragment F on Event { type }"));
        assert!(!flat("{ index content { raw } }"));
        assert!(!flat("{ index url(of: 1) }"));
        assert!(!flat("{ ...F } fragment F on Event { case { title } }"));
    }
}
