//! Lists short enough for a page: the latest of many records, and how many more there are.

use std::ops::Deref;

/// The most records of one kind that are laid out for a case.
const SHOWN: usize = 20;

/// The latest records of one kind, in the order of the log, and how many earlier ones are left out. It is read as a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latest<T> {
    list: Vec<T>,
    /// How many earlier ones are left out.
    pub more: usize,
}

impl<T> Latest<T> {
    /// Lays out the last [`SHOWN`] of `records`, which stand in the order of the log.
    pub(super) fn of<R, E>(records: Vec<R>, lay_out: impl FnMut(R) -> Result<T, E>) -> Result<Self, E> {
        Self::at_most(SHOWN, records, lay_out)
    }

    /// Lays out the last `most` of `records`.
    pub(super) fn at_most<R, E>(
        most: usize,
        records: Vec<R>,
        lay_out: impl FnMut(R) -> Result<T, E>,
    ) -> Result<Self, E> {
        let more = records.len().saturating_sub(most);
        let list = records.into_iter().skip(more).map(lay_out).collect::<Result<_, E>>()?;
        Ok(Self { list, more })
    }
}

impl<T> Deref for Latest<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.list
    }
}

impl<'a, T> IntoIterator for &'a Latest<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_the_latest_are_laid_out_and_the_rest_is_counted() {
        let laid_out = Latest::of((0..25).collect(), Ok::<u32, ()>).unwrap();
        assert_eq!((laid_out.len(), laid_out.more, laid_out[0], laid_out[19]), (20, 5, 5, 24));
        assert_eq!(Latest::of(vec![1], Ok::<u32, ()>).unwrap().more, 0);
    }
}
