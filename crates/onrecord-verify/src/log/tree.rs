//! The Merkle tree: roots, inclusion and consistency (RFC 6962, section 2.1; RFC 9162, section 2.1).
//!
//! A *node* is the root of a complete subtree, named by its height (0 for a leaf) and its index among the
//! nodes of that height: node (h, i) covers leaves `i * 2^h` up to `(i + 1) * 2^h`. Complete subtrees never
//! change as the log grows, so they can be stored for good; all else is computed from them.

use super::{Hash, node_hash};

/// A source of the nodes of a tree.
pub trait NodeReader {
    /// Why a node could not be read.
    type Error;

    /// The node at this height and index. Only nodes of the tree the caller named are asked for.
    ///
    /// # Errors
    /// The reader's own.
    fn node(&self, height: u8, index: u64) -> Result<Hash, Self::Error>;

    /// Told once, before the calls of [`node`](Self::node), which (height, index) will be asked for, so that
    /// a reader with slow storage can fetch them together. Does nothing unless the reader overrides it.
    ///
    /// # Errors
    /// The reader's own.
    fn prefetch(&self, nodes: &[(u8, u64)]) -> Result<(), Self::Error> {
        let _ = nodes;
        Ok(())
    }
}

/// A path that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError<E> {
    /// The entry is not in the tree.
    #[error("entry {index} is not in a tree of size {size}")]
    NotInTree {
        /// Index of the entry.
        index: u64,
        /// Size of the tree, in entries.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("a tree of size {size} does not continue one of size {old}")]
    Shrinks {
        /// Size of the old tree, in entries.
        old: u64,
        /// Size of the new tree, in entries.
        size: u64,
    },
    /// A node could not be read.
    #[error("a tree node could not be read: {0}")]
    Read(E),
}

/// A proof that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The entry is not in the tree.
    #[error("entry {index} is not in a tree of size {size}")]
    NotInTree {
        /// Index of the entry.
        index: u64,
        /// Size of the tree, in entries.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("a tree of size {size} does not continue one of size {old}")]
    Shrinks {
        /// Size of the old tree, in entries.
        old: u64,
        /// Size of the new tree, in entries.
        size: u64,
    },
    /// Too many or too few hashes for these sizes.
    #[error("expected a path of {expected} hashes, found {found}")]
    PathLength {
        /// What the sizes ask for.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The path leads to another root of the (new) tree.
    #[error("the path does not lead to the root hash")]
    WrongRoot,
    /// The path leads to another root of the old tree.
    #[error("the path does not lead to the old root hash")]
    WrongOldRoot,
}

/// The nodes that cover leaves `lo..hi`, left to right: the fewest there are.
fn cover(mut lo: u64, hi: u64) -> Vec<(u8, u64)> {
    let mut nodes = Vec::new();
    while lo < hi {
        let height = lo.trailing_zeros().min((hi - lo).ilog2());
        nodes.push((height as u8, lo >> height)); // At most 63.
        lo += 1 << height;
    }
    nodes
}

/// The largest power of two below `n`, which is at least 2: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The root of the leaves that these nodes cover, in a tree that ends with the last of them.
fn fold<'a>(nodes: impl DoubleEndedIterator<Item = &'a Hash>) -> Option<Hash> {
    nodes.rev().copied().reduce(|right, left| node_hash(&left, &right))
}

/// The hashes of ranges of leaves, each of which is a subtree in the sense of RFC 6962.
fn read_ranges<R: NodeReader + ?Sized>(ranges: &[(u64, u64)], reader: &R) -> Result<Vec<Hash>, R::Error> {
    let covers: Vec<_> = ranges.iter().map(|&(lo, hi)| cover(lo, hi)).collect();
    reader.prefetch(&covers.concat())?;
    covers
        .iter()
        .map(|nodes| {
            let hashes =
                nodes.iter().map(|&(h, i)| reader.node(h, i)).collect::<Result<Vec<_>, R::Error>>()?;
            Ok(fold(hashes.iter()).unwrap_or(Hash::EMPTY_ROOT))
        })
        .collect()
}

/// The (height, index) of the roots of the complete subtrees that make up a tree of this size, left to
/// right: what [`Frontier::from_nodes`] takes.
pub fn frontier_nodes(size: u64) -> Vec<(u8, u64)> {
    cover(0, size)
}

/// The root of the tree of the first `size` entries (RFC 6962, section 2.1).
///
/// # Errors
/// The reader's own.
pub fn root<R: NodeReader + ?Sized>(size: u64, reader: &R) -> Result<Hash, R::Error> {
    Frontier::read(size, reader).map(|f| f.root())
}

/// The path that proves entry `index` in the tree of the first `size` entries, from the leaf's sibling up
/// (RFC 6962, section 2.1.1).
///
/// # Errors
/// [`PathError`]
pub fn inclusion_path<R: NodeReader + ?Sized>(
    index: u64,
    size: u64,
    reader: &R,
) -> Result<Vec<Hash>, PathError<R::Error>> {
    if index >= size {
        return Err(PathError::NotInTree { index, size });
    }
    let mut ranges = Vec::new();
    let (mut lo, mut hi) = (0, size);
    while hi - lo > 1 {
        let middle = lo + split(hi - lo);
        if index < middle {
            ranges.push((middle, hi));
            hi = middle;
        } else {
            ranges.push((lo, middle));
            lo = middle;
        }
    }
    ranges.reverse();
    read_ranges(&ranges, reader).map_err(PathError::Read)
}

/// The path that proves that the tree of the first `size` entries continues that of the first `old`
/// (RFC 6962, section 2.1.2). Empty if `old` is 0 or `size`: then there is nothing that a path could show.
///
/// # Errors
/// [`PathError`]
pub fn consistency_path<R: NodeReader + ?Sized>(
    old: u64,
    size: u64,
    reader: &R,
) -> Result<Vec<Hash>, PathError<R::Error>> {
    if old > size {
        return Err(PathError::Shrinks { old, size });
    }
    let mut ranges = Vec::new();
    if old > 0 {
        let (mut lo, mut hi) = (0, size);
        while old != hi {
            let middle = lo + split(hi - lo);
            if old <= middle {
                ranges.push((middle, hi));
                hi = middle;
            } else {
                ranges.push((lo, middle));
                lo = middle;
            }
        }
        // The verifier knows the old root, so it is not sent.
        if lo > 0 {
            ranges.push((lo, hi));
        }
    }
    ranges.reverse();
    read_ranges(&ranges, reader).map_err(PathError::Read)
}

/// The root of the tree of `size` entries that this path and this leaf make.
///
/// # Errors
/// [`ProofError`] if the entry is not in such a tree or the path is not of the length that these two ask for.
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::NotInTree { index, size });
    }
    // Below the height where the paths of this leaf and of the last leaf meet, each step has a sibling, left or right.
    // Above it only left siblings are left: one for each bit that is set in the rest of the index.
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    let expected = (inner + border) as usize;
    if path.len() != expected {
        return Err(ProofError::PathLength { expected, found: path.len() });
    }
    Ok((0u32..).zip(path).fold(*leaf, |hash, (height, sibling)| {
        if height < inner && (index >> height) & 1 == 0 {
            node_hash(&hash, sibling)
        } else {
            node_hash(sibling, &hash)
        }
    }))
}

/// Checks that the entry with this leaf hash stands at `index` in the tree of `size` entries with this root.
///
/// The sizes are part of what is checked only as far as they shape the path: take `size` and `root` from one
/// signed checkpoint.
///
/// # Errors
/// [`ProofError`]
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if root_from_inclusion(leaf, index, size, path)? == *root { Ok(()) } else { Err(ProofError::WrongRoot) }
}

/// Checks that the tree of `size` entries continues that of `old` entries (RFC 9162, section 2.1.4.2).
///
/// An old size of 0 asks for an empty path and the root of the empty tree; two equal sizes ask for an empty
/// path and equal roots.
///
/// # Errors
/// [`ProofError`]
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    let expected = consistency_path_len(old, size)?;
    if path.len() != expected {
        return Err(ProofError::PathLength { expected, found: path.len() });
    }
    if old == 0 {
        return if *old_root != Hash::EMPTY_ROOT {
            Err(ProofError::WrongOldRoot)
        } else if size == 0 && root != old_root {
            Err(ProofError::WrongRoot)
        } else {
            Ok(())
        };
    }
    // The names are those of the RFC. Both numbers lose the bits of the subtree that the first hash covers.
    let shift = (old - 1).trailing_ones();
    let (mut r#fn, mut sn) = ((old - 1) >> shift, (size - 1) >> shift);
    let (first, rest) = match path.split_first() {
        Some((first, rest)) if !old.is_power_of_two() => (first, rest),
        _ => (old_root, path),
    };
    let (mut fr, mut sr) = (*first, *first);
    for hash in rest {
        if r#fn & 1 == 1 || r#fn == sn {
            fr = node_hash(hash, &fr);
            sr = node_hash(hash, &sr);
            let skip = if r#fn == 0 { 0 } else { r#fn.trailing_zeros() };
            r#fn >>= skip;
            sn >>= skip;
        } else {
            sr = node_hash(&sr, hash);
        }
        r#fn >>= 1;
        sn >>= 1;
    }
    if fr != *old_root {
        Err(ProofError::WrongOldRoot)
    } else if sr != *root {
        Err(ProofError::WrongRoot)
    } else {
        Ok(())
    }
}

/// How many hashes a consistency path has.
fn consistency_path_len(old: u64, size: u64) -> Result<usize, ProofError> {
    if old > size {
        return Err(ProofError::Shrinks { old, size });
    }
    if old == 0 || old == size {
        return Ok(0);
    }
    // The way from the last subtree of the old tree to the root of the new one: as for inclusion, but it
    // starts above that subtree, and the subtree itself is sent unless it is the whole old tree.
    let shift = (old - 1).trailing_ones();
    let (last, edge) = ((old - 1) >> shift, (size - 1) >> shift);
    let inner = u64::BITS - (last ^ edge).leading_zeros();
    let border = last.checked_shr(inner).unwrap_or(0).count_ones();
    Ok((inner + border) as usize + usize::from(!old.is_power_of_two()))
}

/// More or fewer nodes than a tree's edge has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the edge of a tree of size {size} is {expected} nodes, found {found}")]
pub struct FrontierError {
    /// Size of the tree, in entries.
    pub size: u64,
    /// How many nodes that size asks for.
    pub expected: usize,
    /// How many there are.
    pub found: usize,
}

/// The growing edge of a tree: the roots of its complete subtrees, from which the root is computed and to
/// which leaves are added. At most 64 hashes, whatever the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, the largest subtree first.
    nodes: Vec<Hash>,
}

impl Frontier {
    /// The edge of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree of this size, from the nodes [`frontier_nodes`] names, in that order.
    ///
    /// # Errors
    /// [`FrontierError`] if there are more or fewer.
    pub fn from_nodes(size: u64, nodes: Vec<Hash>) -> Result<Self, FrontierError> {
        let expected = size.count_ones() as usize;
        if nodes.len() != expected {
            return Err(FrontierError { size, expected, found: nodes.len() });
        }
        Ok(Self { size, nodes })
    }

    /// The edge of a tree of this size whose nodes can be read.
    ///
    /// # Errors
    /// The reader's own.
    pub fn read<R: NodeReader + ?Sized>(size: u64, reader: &R) -> Result<Self, R::Error> {
        let wanted = frontier_nodes(size);
        reader.prefetch(&wanted)?;
        let nodes = wanted.iter().map(|&(h, i)| reader.node(h, i)).collect::<Result<_, _>>()?;
        Ok(Self { size, nodes })
    }

    /// Adds a leaf. Every node that is complete now and was not before is handed to `visit` as (height,
    /// index, hash), the leaf itself first.
    pub fn push(&mut self, leaf: Hash, mut visit: impl FnMut(u8, u64, Hash)) {
        let (mut height, mut index, mut hash) = (0, self.size, leaf);
        visit(height, index, hash);
        while index & 1 == 1
            && let Some(left) = self.nodes.pop()
        {
            hash = node_hash(&left, &hash);
            height += 1;
            index >>= 1;
            visit(height, index, hash);
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// The root; [`Hash::EMPTY_ROOT`] for the empty tree.
    pub fn root(&self) -> Hash {
        fold(self.nodes.iter()).unwrap_or(Hash::EMPTY_ROOT)
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }
}

/// A node that a [`MemoryTree`] does not have, because the tree is too small.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no complete subtree of height {height} at {index}")]
pub struct MissingNode {
    /// Height of the node, 0 for leaves.
    pub height: u8,
    /// Index among the nodes of that height.
    pub index: u64,
}

/// A whole tree in memory, 64 bytes an entry: for tests, and for readers of small ledgers.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.push(leaf, |height, _, hash| {
            let height = usize::from(height);
            if levels.len() <= height {
                levels.push(Vec::new());
            }
            // Nodes of a height come in order of index.
            levels[height].push(hash);
        });
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The growing edge.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

impl Extend<Hash> for MemoryTree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl FromIterator<Hash> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

impl NodeReader for MemoryTree {
    type Error = MissingNode;
    fn node(&self, height: u8, index: u64) -> Result<Hash, MissingNode> {
        let level = self.levels.get(usize::from(height));
        let node = usize::try_from(index).ok().and_then(|i| level?.get(i));
        node.copied().ok_or(MissingNode { height, index })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::log::leaf_hash;

    const LEAVES: u64 = 600;

    fn leaf(index: u64) -> Hash {
        leaf_hash(index.to_string().as_bytes())
    }

    static TREE: LazyLock<MemoryTree> = LazyLock::new(|| (0..LEAVES).map(leaf).collect());

    /// The definition of RFC 6962, section 2.1, word for word.
    fn slow_root(lo: u64, hi: u64) -> Hash {
        match hi - lo {
            0 => Hash::EMPTY_ROOT,
            1 => leaf(lo),
            n => node_hash(&slow_root(lo, lo + split(n)), &slow_root(lo + split(n), hi)),
        }
    }

    fn flip(hash: &mut Hash, bit: usize) {
        hash.0[bit / 8] ^= 1 << (bit % 8);
    }

    #[test]
    fn the_root_is_that_of_the_rfc_for_every_size() {
        let mut frontier = Frontier::new();
        for size in 0..=130 {
            assert_eq!(frontier.size(), size);
            assert_eq!(frontier.root(), slow_root(0, size), "size {size}");
            assert_eq!(root(size, &*TREE), Ok(slow_root(0, size)), "size {size}");
            frontier.push(leaf(size), |_, _, _| {});
        }
    }

    #[test]
    fn every_small_proof_holds() {
        for size in 0..=70 {
            let root_of = |n| root(n, &*TREE).unwrap();
            for index in 0..size {
                let path = inclusion_path(index, size, &*TREE).unwrap();
                assert_eq!(verify_inclusion(&leaf(index), index, size, &root_of(size), &path), Ok(()));
            }
            for old in 0..=size {
                let path = consistency_path(old, size, &*TREE).unwrap();
                assert_eq!(
                    verify_consistency(old, &root_of(old), size, &root_of(size), &path),
                    Ok(()),
                    "{old} to {size}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_in_the_tree_has_no_path() {
        let tree = &*TREE;
        assert_eq!(inclusion_path(3, 3, tree), Err(PathError::NotInTree { index: 3, size: 3 }));
        assert_eq!(inclusion_path(0, 0, tree), Err(PathError::NotInTree { index: 0, size: 0 }));
        assert_eq!(consistency_path(4, 3, tree), Err(PathError::Shrinks { old: 4, size: 3 }));
        assert_eq!(
            root(LEAVES + 1, tree),
            Err(MissingNode { height: 0, index: LEAVES }),
            "a reader without the node says so"
        );
        let zero = Hash([0; 32]);
        assert_eq!(
            verify_inclusion(&zero, 3, 3, &zero, &[]),
            Err(ProofError::NotInTree { index: 3, size: 3 })
        );
        assert_eq!(verify_consistency(4, &zero, 3, &zero, &[]), Err(ProofError::Shrinks { old: 4, size: 3 }));
    }

    #[test]
    fn the_empty_tree_is_continued_by_any() {
        let any = Hash([7; 32]);
        assert_eq!(verify_consistency(0, &Hash::EMPTY_ROOT, 9, &any, &[]), Ok(()));
        assert_eq!(verify_consistency(0, &any, 9, &any, &[]), Err(ProofError::WrongOldRoot));
        assert!(verify_consistency(0, &Hash::EMPTY_ROOT, 9, &any, &[any]).is_err());
        assert_eq!(
            verify_consistency(0, &Hash::EMPTY_ROOT, 0, &any, &[]),
            Err(ProofError::WrongRoot),
            "nor does the empty tree continue as another of size 0"
        );
    }

    #[test]
    fn sizes_at_the_end_of_the_range_do_not_overflow() {
        let zero = Hash([0; 32]);
        for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
            for index in [0, 1, size / 2, size - 1] {
                let error = root_from_inclusion(&zero, index, size, &[]);
                assert!(matches!(error, Err(ProofError::PathLength { .. })), "{index} in {size}");
                assert!(verify_consistency(index + 1, &zero, size, &zero, &[zero; 70]).is_err());
            }
        }
        assert_eq!(frontier_nodes(u64::MAX).len(), 64);
    }

    #[test]
    fn a_reader_is_told_what_it_will_be_asked_for() {
        use std::cell::RefCell;
        struct Spy(RefCell<Vec<(u8, u64)>>, RefCell<Vec<(u8, u64)>>);
        impl NodeReader for Spy {
            type Error = MissingNode;
            fn node(&self, height: u8, index: u64) -> Result<Hash, MissingNode> {
                self.1.borrow_mut().push((height, index));
                TREE.node(height, index)
            }
            fn prefetch(&self, nodes: &[(u8, u64)]) -> Result<(), MissingNode> {
                self.0.borrow_mut().extend_from_slice(nodes);
                Ok(())
            }
        }
        let spy = Spy(RefCell::default(), RefCell::default());
        inclusion_path(100, 555, &spy).unwrap();
        consistency_path(100, 555, &spy).unwrap();
        root(555, &spy).unwrap();
        assert!(!spy.0.borrow().is_empty());
        assert_eq!(spy.0, spy.1);
        for &(height, index) in spy.0.borrow().iter() {
            assert!((index + 1) << height <= 555, "only complete subtrees are read");
        }
    }

    #[test]
    fn an_edge_takes_one_node_for_each_set_bit() {
        let nodes = vec![Hash([0; 32]); 2];
        assert!(Frontier::from_nodes(6, nodes.clone()).is_ok());
        assert_eq!(Frontier::from_nodes(7, nodes), Err(FrontierError { size: 7, expected: 3, found: 2 }));
    }

    proptest! {
        #[test]
        fn inclusion_holds_and_nothing_else_passes(
            size in 1..=LEAVES, at: prop::sample::Index, bit in 0..256usize, other: prop::sample::Index,
        ) {
            let index = at.index(size as usize) as u64;
            let root_hash = root(size, &*TREE).unwrap();
            let path = inclusion_path(index, size, &*TREE).unwrap();
            let check = |leaf: &Hash, index, size, root: &Hash, path: &[Hash]| {
                verify_inclusion(leaf, index, size, root, path)
            };
            prop_assert_eq!(check(&leaf(index), index, size, &root_hash, &path), Ok(()));

            let mut bad = leaf(index);
            flip(&mut bad, bit);
            prop_assert_eq!(check(&bad, index, size, &root_hash, &path), Err(ProofError::WrongRoot));
            let mut bad = root_hash;
            flip(&mut bad, bit);
            prop_assert_eq!(check(&leaf(index), index, size, &bad, &path), Err(ProofError::WrongRoot));
            for i in 0..path.len() {
                let mut bad = path.clone();
                flip(&mut bad[i], bit);
                prop_assert_eq!(
                    check(&leaf(index), index, size, &root_hash, &bad), Err(ProofError::WrongRoot)
                );
            }
            let wrong = other.index(size as usize) as u64;
            if wrong != index {
                prop_assert!(check(&leaf(index), wrong, size, &root_hash, &path).is_err());
            }
            // Under another size's root. (Under the same root a size that asks for the same turns passes:
            // what binds the size is the checkpoint that holds both.)
            let wrong = other.index(LEAVES as usize) as u64 + 1;
            if wrong != size {
                let root_hash = root(wrong, &*TREE).unwrap();
                prop_assert!(check(&leaf(index), index, wrong, &root_hash, &path).is_err());
            }
            let mut long = path.clone();
            long.push(root_hash);
            let error = |found| Err(ProofError::PathLength { expected: path.len(), found });
            prop_assert_eq!(check(&leaf(index), index, size, &root_hash, &long), error(long.len()));
            if let Some((_, short)) = path.split_last() {
                prop_assert_eq!(check(&leaf(index), index, size, &root_hash, short), error(short.len()));
            }
        }

        #[test]
        fn consistency_holds_and_nothing_else_passes(
            size in 1..=LEAVES, at: prop::sample::Index, bit in 0..256usize, other: prop::sample::Index,
        ) {
            let old = at.index(size as usize) as u64 + 1;
            let (old_root, new_root) = (root(old, &*TREE).unwrap(), root(size, &*TREE).unwrap());
            let path = consistency_path(old, size, &*TREE).unwrap();
            prop_assert_eq!(verify_consistency(old, &old_root, size, &new_root, &path), Ok(()));

            let mut bad = old_root;
            flip(&mut bad, bit);
            prop_assert!(verify_consistency(old, &bad, size, &new_root, &path).is_err());
            let mut bad = new_root;
            flip(&mut bad, bit);
            prop_assert!(verify_consistency(old, &old_root, size, &bad, &path).is_err());
            for i in 0..path.len() {
                let mut bad = path.clone();
                flip(&mut bad[i], bit);
                prop_assert!(verify_consistency(old, &old_root, size, &new_root, &bad).is_err());
            }
            let wrong = other.index(LEAVES as usize) as u64 + 1;
            let wrong_root = root(wrong, &*TREE).unwrap();
            if wrong != old {
                prop_assert!(verify_consistency(wrong, &wrong_root, size, &new_root, &path).is_err()
                    // Only where two old sizes need the same evidence.
                    || consistency_path(wrong, size, &*TREE).as_ref() == Ok(&path));
            }
            if wrong != size {
                prop_assert!(verify_consistency(old, &old_root, wrong, &wrong_root, &path).is_err()
                    || consistency_path(old, wrong, &*TREE).as_ref() == Ok(&path));
            }
            let mut long = path.clone();
            long.push(new_root);
            prop_assert!(verify_consistency(old, &old_root, size, &new_root, &long).is_err());
            if let Some((_, short)) = path.split_last() {
                prop_assert!(verify_consistency(old, &old_root, size, &new_root, short).is_err());
            }
        }

        #[test]
        fn an_edge_that_is_read_grows_as_one_that_was_never_put_down(size in 0..LEAVES, more in 0..100u64) {
            let mut frontier = Frontier::read(size, &*TREE).unwrap();
            prop_assert_eq!(Frontier::from_nodes(size, frontier.nodes().to_vec()), Ok(frontier.clone()));
            for index in size..LEAVES.min(size + more) {
                let mut seen = Vec::new();
                frontier.push(leaf(index), |height, index, hash| seen.push((height, index, hash)));
                for (height, index, hash) in seen {
                    prop_assert_eq!(TREE.node(height, index), Ok(hash));
                }
            }
            prop_assert_eq!(frontier.root(), root(frontier.size(), &*TREE).unwrap());
        }
    }
}
