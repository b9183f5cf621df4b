//! Pages of a list, by the Relay specification of cursor connections. This module only computes: the caller lists the items.

use std::ops::RangeInclusive;

use async_graphql::{Result, SimpleObject};

use crate::{
    note::{base64_decode, base64_encode},
    serve::{
        graphql::{
            fault::bad_input,
            field_cost::{Costs, Leaf, Of},
            scalars::index::Index,
        },
        limits,
    },
};

/// The most bytes of JSON that a cursor takes.
pub const CURSOR: u64 = 64;

/// All fields of `PageInfo` are cursors or shorter.
pub const COSTS: Costs = Costs {
    leaves: &[
        ("hasNextPage", Leaf::short(CURSOR)),
        ("hasPreviousPage", Leaf::short(CURSOR)),
        ("startCursor", Leaf::short(CURSOR)),
        ("endCursor", Leaf::short(CURSOR)),
    ],
    ..Costs::of(Of::Types(&["PageInfo"]))
};

/// The position of a page in its list.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct PageInfo {
    /// Whether there are items after this page.
    pub has_next_page: bool,
    /// Whether there are items before this page.
    pub has_previous_page: bool,
    /// The cursor of the first edge.
    pub start_cursor: Option<String>,
    /// The cursor of the last edge.
    pub end_cursor: Option<String>,
}

/// The arguments of a connection.
#[derive(Debug, Clone, Default)]
pub struct PageArgs {
    /// How many from the front.
    pub first: Option<i32>,
    /// How many from the back.
    pub last: Option<i32>,
    /// Only items after this cursor.
    pub after: Option<String>,
    /// Only items before this cursor.
    pub before: Option<String>,
}

/// The cursor of an entry. It is opaque to callers, and valid for ever, since an entry never moves.
pub fn cursor(index: u64) -> String {
    base64_encode(format!("i{index}").as_bytes())
}

fn read_cursor(name: &str, text: &str) -> Result<u64> {
    let index = base64_decode(text)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|t| t.strip_prefix('i')?.parse::<u64>().ok())
        .filter(|index| *index <= crate::log::MAX_INDEX && cursor(*index) == text);
    index.ok_or_else(|| bad_input(format!("{name}: not a cursor of this list")))
}

/// Lists those of some ascending `indexes` that are in `range`, at most `most`, for [`PageArgs::cut`]. They are in ascending
/// order, or in descending order from the end.
pub fn within(indexes: &[u64], range: RangeInclusive<u64>, descending: bool, most: usize) -> Vec<u64> {
    let found = indexes.iter().copied().filter(|index| range.contains(index));
    if descending { found.rev().take(most).collect() } else { found.take(most).collect() }
}

/// A page of indexes.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The indexes, ascending.
    pub indexes: Vec<u64>,
    /// The position of the page.
    pub info: PageInfo,
}

impl PageArgs {
    /// The length of the page, and whether it is cut from the back.
    ///
    /// # Errors
    /// `BAD_INPUT` if both `first` and `last` are given, or for a length that is not 0 to 100.
    pub fn count(&self) -> Result<(usize, bool)> {
        let (name, asked, backward) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(bad_input("first, last: only one of them may be given")),
            (None, Some(last)) => ("last", last, true),
            (first, None) => ("first", first.unwrap_or(limits::PAGE_DEFAULT), false),
        };
        let count = usize::try_from(asked).ok().filter(|n| *n <= limits::PAGE_MOST);
        let count = count.ok_or_else(|| bad_input(format!("{name}: expected 0 to {}", limits::PAGE_MOST)))?;
        Ok((count, backward))
    }

    /// Cuts a page. `list(range, descending, most)` lists the indexes within `range`, at most `most`, in ascending or descending
    /// order.
    ///
    /// # Errors
    /// `BAD_INPUT` for arguments that make no page, and the errors of `list`.
    pub fn cut(&self, list: impl Fn(RangeInclusive<u64>, bool, usize) -> Result<Vec<u64>>) -> Result<Page> {
        let (count, backward) = self.count()?;
        let after = self.after.as_deref().map(|c| read_cursor("after", c)).transpose()?;
        let before = self.before.as_deref().map(|c| read_cursor("before", c)).transpose()?;
        let low = after.map_or(0, |i| i + 1);
        let range = match before {
            // Nothing is before the first entry.
            Some(0) => None,
            Some(before) => Some(low..=before - 1),
            None => Some(low..=u64::MAX),
        };
        let range = range.filter(|range| !range.is_empty());
        let mut indexes = range.map_or(Ok(Vec::new()), |range| list(range, backward, count + 1))?;
        let more = indexes.len() > count;
        indexes.truncate(count);
        if backward {
            indexes.reverse();
        }
        let beyond = match (backward, after, before) {
            (false, Some(after), _) => !list(0..=after, true, 1)?.is_empty(),
            (true, _, Some(before)) => !list(before..=u64::MAX, false, 1)?.is_empty(),
            _ => false,
        };
        let info = PageInfo {
            has_next_page: if backward { beyond } else { more },
            has_previous_page: if backward { more } else { beyond },
            start_cursor: indexes.first().map(|i| cursor(*i)),
            end_cursor: indexes.last().map(|i| cursor(*i)),
        };
        Ok(Page { indexes, info })
    }
}

impl From<u64> for Index {
    fn from(n: u64) -> Self {
        Self(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The even numbers below 20.
    fn evens(range: RangeInclusive<u64>, descending: bool, most: usize) -> Result<Vec<u64>> {
        let mut all: Vec<u64> = (0..20).step_by(2).filter(|i| range.contains(i)).collect();
        if descending {
            all.reverse();
        }
        all.truncate(most);
        Ok(all)
    }

    fn page(
        first: Option<i32>,
        last: Option<i32>,
        after: Option<u64>,
        before: Option<u64>,
    ) -> (Vec<u64>, bool, bool) {
        let args = PageArgs { first, last, after: after.map(cursor), before: before.map(cursor) };
        let page = args.cut(evens).unwrap();
        (page.indexes, page.info.has_previous_page, page.info.has_next_page)
    }

    #[test]
    fn pages_are_cut_forward_and_backward() {
        assert_eq!(page(Some(3), None, None, None), (vec![0, 2, 4], false, true));
        assert_eq!(page(Some(3), None, Some(4), None), (vec![6, 8, 10], true, true));
        assert_eq!(page(Some(9), None, Some(12), None), (vec![14, 16, 18], true, false));
        assert_eq!(page(None, Some(2), None, None), (vec![16, 18], true, false));
        assert_eq!(page(None, Some(2), None, Some(16)), (vec![12, 14], true, true));
        assert_eq!(page(None, Some(9), None, Some(4)), (vec![0, 2], false, true));
        assert_eq!(page(Some(9), None, Some(2), Some(8)), (vec![4, 6], true, false));
        assert_eq!(page(Some(9), None, None, Some(0)), (vec![], false, false));
        assert_eq!(page(Some(9), None, Some(18), None), (vec![], true, false));
        assert_eq!(page(Some(0), None, None, None), (vec![], false, true));
    }

    #[test]
    fn arguments_that_make_no_page_are_refused() {
        let cut = |args: PageArgs| args.cut(evens).unwrap_err().message;
        assert!(
            cut(PageArgs { first: Some(1), last: Some(1), ..PageArgs::default() }).starts_with("first, last")
        );
        assert!(cut(PageArgs { first: Some(101), ..PageArgs::default() }).starts_with("first:"));
        assert!(cut(PageArgs { last: Some(-1), ..PageArgs::default() }).starts_with("last:"));
        for bad in ["", "aTE", "MQ==", "aTAx", "i1"] {
            assert!(
                cut(PageArgs { after: Some(bad.into()), ..PageArgs::default() }).starts_with("after:"),
                "{bad}"
            );
        }
    }
}
