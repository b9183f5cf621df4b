//! A tile that was asked for and is no file of its own: its items are in memory, or it is the beginning of a full tile. It
//! may have 64 MiB, so it is read in parts.

use std::{io, sync::Arc};

use super::{
    recent::Item,
    sound::{BLOCK, SoundFile},
};
use crate::{
    event::Digest,
    log::{TileKind, Words},
};

/// An entry bundle or a content tile.
pub(crate) enum PartialTile {
    /// Its bytes, from items that are in memory.
    InMemory(Arc<[Piece]>),
    /// The first bytes of a full tile.
    Beginning {
        /// The full tile.
        of: SoundFile,
        /// The number of bytes.
        length: u64,
    },
}

/// Some bytes of a tile.
pub(crate) enum Piece {
    /// The length of an item, in the tile's encoding.
    Head(Vec<u8>),
    /// An entry, or words.
    Item(Arc<[u8]>),
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Head(bytes) => bytes,
            Self::Item(bytes) => bytes,
        }
    }
}

impl PartialTile {
    /// The tile of these items. Their lengths were checked when they were recorded.
    pub fn of_items<'i>(kind: TileKind, items: impl IntoIterator<Item = &'i Item>) -> Self {
        let pieces = items.into_iter().flat_map(|item| match kind {
            TileKind::Contents => {
                let words = Words::from(&item.words);
                let blob = item.words.present().map(Piece::Item);
                [Some(Piece::Head(words.head().to_vec())), blob]
            }
            _ => {
                let length = u16::try_from(item.entry.len()).unwrap_or(u16::MAX);
                [Some(Piece::Head(length.to_be_bytes().to_vec())), Some(Piece::Item(item.entry.clone()))]
            }
        });
        Self::InMemory(pieces.flatten().collect())
    }

    /// The first items of a full tile.
    ///
    /// # Errors
    /// If the tile can't be read, or has fewer items.
    pub fn beginning(kind: TileKind, of: SoundFile, items: u16) -> io::Result<Self> {
        let (mut at, mut block) = (0, (0, Vec::new()));
        let mut byte = |at: u64| {
            let within = |(from, bytes): &(u64, Vec<u8>)| {
                let at = usize::try_from(at.checked_sub(*from)?).ok()?;
                bytes.get(at).copied()
            };
            if let Some(byte) = within(&block) {
                return Ok(byte);
            }
            block = of.part_waiting(at)?;
            within(&block).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        for _ in 0..items {
            at += match kind {
                TileKind::Contents => {
                    let head = [byte(at)?, byte(at + 1)?, byte(at + 2)?, byte(at + 3)?];
                    4 + Words::length(head)
                }
                _ => 2 + u64::from(u16::from_be_bytes([byte(at)?, byte(at + 1)?])),
            };
        }
        if at > of.length() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self::Beginning { of, length: at })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::InMemory(pieces) => pieces.iter().map(|piece| piece.as_ref().len() as u64).sum(),
            Self::Beginning { length, .. } => *length,
        }
    }

    /// The BLAKE3 of all of it.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn digest(&self) -> io::Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        match self {
            Self::InMemory(pieces) => {
                for piece in pieces.iter() {
                    hasher.update(piece.as_ref());
                }
            }
            Self::Beginning { of, length } => {
                let mut at = 0;
                while at < *length {
                    let (_, part) = of.part_waiting(at)?;
                    let left = usize::try_from(*length - at).unwrap_or(usize::MAX);
                    let part = &part[..part.len().min(left)];
                    if part.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    hasher.update(part);
                    at += part.len() as u64;
                }
            }
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }
}

/// Pieces, as parts of [`BLOCK`] bytes; the last may be shorter.
pub(crate) struct Parts {
    pieces: Arc<[Piece]>,
    /// The next piece, and how many bytes of it were given already.
    at: (usize, usize),
}

impl Parts {
    pub fn new(pieces: Arc<[Piece]>) -> Self {
        Self { pieces, at: (0, 0) }
    }
}

impl Iterator for Parts {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut part = Vec::new();
        while let Some(piece) = self.pieces.get(self.at.0)
            && part.len() < BLOCK
        {
            let rest = &piece.as_ref()[self.at.1..];
            let taken = &rest[..rest.len().min(BLOCK - part.len())];
            part.extend_from_slice(taken);
            self.at = if taken.len() == rest.len() {
                (self.at.0 + 1, 0)
            } else {
                (self.at.0, self.at.1 + taken.len())
            };
        }
        (!part.is_empty()).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::recent::ItemWords,
        log::{encode_bundle, encode_contents},
        store::disk::AtHand,
    };

    fn items() -> Vec<Item> {
        let lengths = [1, BLOCK - 3, 0, BLOCK, 3 * BLOCK / 2, 7];
        let item = |(i, length): (usize, &usize)| Item {
            entry: vec![i as u8; length / 2 + 1].into(),
            words: match (i, length) {
                (2, _) => ItemWords::Withheld,
                (5, _) => ItemWords::None,
                _ => ItemWords::Present(vec![i as u8; *length].into()),
            },
        };
        lengths.iter().enumerate().map(item).collect()
    }

    fn encoded(kind: TileKind, items: &[Item]) -> Vec<u8> {
        match kind {
            TileKind::Contents => {
                let words: Vec<_> = items.iter().map(|item| Words::from(&item.words)).collect();
                encode_contents(&words).unwrap()
            }
            _ => encode_bundle(&items.iter().map(|item| item.entry.clone()).collect::<Vec<_>>()).unwrap(),
        }
    }

    #[test]
    fn in_parts_it_has_the_bytes_that_it_has_whole() {
        let items = items();
        for kind in [TileKind::Contents, TileKind::Entries] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), encoded(kind, &items)).unwrap();
            for width in 1..=items.len() {
                let whole = encoded(kind, &items[..width]);
                let tile = PartialTile::of_items(kind, &items[..width]);
                assert_eq!(
                    (tile.length(), tile.digest().unwrap()),
                    (whole.len() as u64, Digest::blake3(&whole))
                );
                let PartialTile::InMemory(pieces) = tile else { panic!() };
                let parts: Vec<_> = Parts::new(pieces).collect();
                assert!(parts.iter().rev().skip(1).all(|part| part.len() == BLOCK));
                assert_eq!(parts.concat(), whole);
                let full = SoundFile::as_it_is(AtHand::open(file.path()).unwrap()).unwrap();
                let tile = PartialTile::beginning(kind, full, width as u16).unwrap();
                assert_eq!(
                    (tile.length(), tile.digest().unwrap()),
                    (whole.len() as u64, Digest::blake3(&whole))
                );
            }
            let full = SoundFile::as_it_is(AtHand::open(file.path()).unwrap()).unwrap();
            assert!(PartialTile::beginning(kind, full, items.len() as u16 + 1).is_err());
        }
    }
}
