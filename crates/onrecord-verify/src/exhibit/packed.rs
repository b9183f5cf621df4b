//! Zips of other programs, which compress, date, sort and add members as they like.
//!
//! No signature covers an archive, so nothing is lost by that but the promise that no other byte is in it. The two headers
//! of a member must still say the same, and no bytes may stand where a reader of one header would look and a reader of the
//! other would not. A member is unpacked only when it is asked for.

use std::{borrow::Cow, collections::HashSet, io::Read as _};

use super::{
    archive::{ArchiveError, MAX_EXHIBIT, MAX_MEMBERS},
    members_error::MembersError,
    name::{climbs, is_added, name_of, plain},
};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Where the end of a zip64's directory stands: twenty bytes right before [`END`].
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_SIZE: usize = 20;
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// Stands in place of a number that a zip64 has elsewhere.
const ELSEWHERE: usize = 0xffff_ffff;
/// The most entries of a directory: macOS adds one for each member.
pub(super) const MAX_LISTED: usize = 2 * MAX_MEMBERS + 16;
/// The longest comment of an archive.
const MAX_COMMENT: usize = 65_535;
const ZIP64: MembersError = MembersError::Unread("a zip64");
/// How the first part of a split archive begins, or an archive that was to be split and was not.
const SPLIT: [&[u8]; 2] = [b"PK\x07\x08", b"PK00"];
const PART: MembersError = MembersError::Unread("a part of several");

/// A member as the directory lists it, still packed.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    /// Its name, with slashes between folders.
    pub name: String,
    /// Where its bytes stand.
    at: usize,
    packed: &'a [u8],
    /// How many bytes it unpacks to, by its headers.
    pub size: usize,
    method: usize,
    sum: usize,
    is_encrypted: bool,
}

impl<'a> Listed<'a> {
    /// Its bytes, which must have the size and the checksum that its headers give.
    pub fn unfold(&self) -> Result<Cow<'a, [u8]>, MembersError> {
        let fail = |expected| Err(MembersError::Archive(ArchiveError { at: self.at, expected }));
        if self.is_encrypted {
            return Err(MembersError::Unread("encrypted"));
        }
        let bytes = match self.method {
            0 => (self.packed.len() == self.size).then_some(Cow::Borrowed(self.packed)),
            8 => inflated(self.packed, self.size).map(Cow::Owned),
            _ => return Err(MembersError::Unread("compressed by a method that is not read here")),
        };
        match bytes {
            None => fail("bytes that unpack to the size in the member's header, stored or deflated"),
            Some(bytes) if crc32fast::hash(&bytes) as usize == self.sum => Ok(bytes),
            Some(_) => fail("bytes with the checksum in the member's header"),
        }
    }
}

/// Inflates `bytes`. `None` unless all of them give exactly `size` bytes; one more is read at most.
fn inflated(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut decoder = flate2::read::DeflateDecoder::new(bytes);
    let mut unfolded = Vec::with_capacity(size + 1);
    decoder.by_ref().take(size as u64 + 1).read_to_end(&mut unfolded).ok()?;
    (unfolded.len() == size && decoder.total_in() == bytes.len() as u64).then_some(unfolded)
}

/// A little-endian number.
fn number(all: &[u8], at: usize, bytes: usize) -> Option<usize> {
    let bytes = all.get(at..)?.get(..bytes)?;
    Some(bytes.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)))
}

/// What a header says of a member, from its flags on.
struct Said {
    flags: usize,
    method: usize,
    sum: usize,
    packed: usize,
    size: usize,
    name: usize,
    extra: usize,
}

impl Said {
    fn read(all: &[u8], at: usize) -> Option<Self> {
        let field = |offset, bytes| number(all, at + offset, bytes);
        Some(Self {
            flags: field(0, 2)?,
            method: field(2, 2)?,
            sum: field(8, 4)?,
            packed: field(12, 4)?,
            size: field(16, 4)?,
            name: field(20, 2)?,
            extra: field(22, 2)?,
        })
    }

    /// By bits 0 (encrypted), 6 (strong encryption) and 13 (masked header).
    fn is_encrypted(&self) -> bool {
        self.flags & 0x2041 != 0
    }

    /// Whether checksum and sizes stand in a data descriptor behind the bytes too; the member's own header may then have
    /// zeros.
    fn is_said_behind(&self) -> bool {
        self.flags & 8 != 0
    }

    fn has_sizes_elsewhere(&self) -> bool {
        self.packed == ELSEWHERE || self.size == ELSEWHERE
    }
}

/// Where one member stands: from its own header to the end of its bytes. `behind` is the checksum, packed size and size in
/// the directory, which a data descriptor behind the bytes must repeat if there is one.
struct Extent {
    from: usize,
    to: usize,
    behind: Option<[usize; 3]>,
}

/// The members of an archive by its directory, without folders and what an operating system adds.
pub(super) fn list(all: &[u8]) -> Result<Vec<Listed<'_>>, MembersError> {
    let wrong = |at: usize, expected| MembersError::Archive(ArchiveError { at, expected });
    if all.len() > MAX_EXHIBIT {
        return Err(wrong(MAX_EXHIBIT, "the end: an exhibit has at most 256 MiB"));
    }
    if SPLIT.iter().any(|marker| all.starts_with(marker)) {
        return Err(PART);
    }
    let no_end = || wrong(all.len(), "the end of a zip's directory: it was cut short, or is no zip");
    let end = end_of_directory(all).ok_or_else(no_end)?;
    let field = |offset, bytes| number(all, end + offset, bytes).ok_or_else(no_end);
    let (count, size, directory) = (field(10, 2)?, field(12, 4)?, field(16, 4)?);
    let has_locator = end.checked_sub(LOCATOR_SIZE).is_some_and(|at| all[at..].starts_with(LOCATOR));
    if has_locator || count == 0xffff || size == ELSEWHERE || directory == ELSEWHERE {
        return Err(ZIP64);
    }
    if field(4, 4)? != 0 {
        return Err(PART);
    }
    if field(8, 2)? != count {
        return Err(wrong(end + 8, "one disk"));
    }
    if count > MAX_LISTED || directory.checked_add(size) != Some(end) {
        return Err(wrong(end + 10, "a directory of at most 40016 members, right before its end"));
    }
    let (mut members, mut extents, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let mut at = directory;
    for _ in 0..count {
        let listed = at;
        let said = Said::read(all, listed + 8).filter(|_| all[listed..].starts_with(CENTRAL));
        let said = said.ok_or_else(|| wrong(listed, "an entry of the directory"))?;
        let (Some(comment), Some(own_at)) = (number(all, listed + 32, 2), number(all, listed + 42, 4)) else {
            return Err(wrong(listed, "an entry of the directory"));
        };
        let name = all.get(listed + 46..).and_then(|rest| rest.get(..said.name));
        let name = name.ok_or_else(|| wrong(listed + 46, "a name"))?;
        at = listed + 46 + said.name + said.extra + comment;
        if own_at == ELSEWHERE {
            return Err(ZIP64);
        }
        let own = Said::read(all, own_at.saturating_add(6)).filter(|_| all[own_at..].starts_with(LOCAL));
        let own = own.ok_or_else(|| wrong(listed + 42, "where the member stands"))?;
        if own.has_sizes_elsewhere() && own.extra > 0 {
            return Err(ZIP64);
        }
        let from = own_at + 30 + own.name + own.extra;
        let same = |a: usize, b: usize| a == b || own.is_said_behind() && a == 0;
        let is_same = own.method == said.method
            && own.is_said_behind() == said.is_said_behind()
            && own.is_encrypted() == said.is_encrypted()
            && same(own.sum, said.sum)
            && same(own.packed, said.packed)
            && same(own.size, said.size)
            && all.get(own_at + 30..).and_then(|rest| rest.get(..own.name)) == Some(name);
        if !is_same {
            return Err(wrong(own_at, "a header that says what the directory says"));
        }
        if said.has_sizes_elsewhere() {
            return Err(ZIP64);
        }
        let packed = all.get(from..directory).and_then(|rest| rest.get(..said.packed));
        let packed = packed.ok_or_else(|| wrong(from, "the bytes of the member"))?;
        let behind = own.is_said_behind().then_some([said.sum, said.packed, said.size]);
        extents.push(Extent { from: own_at, to: from + said.packed, behind });
        let name = plain(&name_of(name));
        if climbs(&name) {
            return Err(wrong(listed + 46, "no name that climbs out of the folder"));
        }
        if is_added(&name) || name.ends_with('/') && said.size == 0 {
            continue;
        }
        if !names.insert(name.clone()) {
            return Err(wrong(listed + 46, "no name twice"));
        }
        let is_encrypted = said.is_encrypted();
        members.push(Listed {
            name,
            at: from,
            packed,
            size: said.size,
            method: said.method,
            sum: said.sum,
            is_encrypted,
        });
    }
    if at != end {
        return Err(wrong(at, "the end of the directory"));
    }
    is_all(all, extents, directory)?;
    Ok(members)
}

/// Whether bytes begin or end as a zip does.
pub fn is_zip(all: &[u8]) -> bool {
    all.starts_with(b"PK") || end_of_directory(all).is_some()
}

/// Where the end of the directory stands: its comment reaches to the end of the archive.
fn end_of_directory(all: &[u8]) -> Option<usize> {
    let last = all.len().checked_sub(22)?;
    let is_end = |at: &usize| {
        all[*at..].starts_with(END)
            && number(all, at + 20, 2).is_some_and(|comment| at + 22 + comment == all.len())
    };
    (last.saturating_sub(MAX_COMMENT)..=last).rev().find(is_end)
}

/// Checks that the members stand one behind the other up to the directory. Only data descriptors may stand between them,
/// and these must say what the directory says.
fn is_all(all: &[u8], mut extents: Vec<Extent>, directory: usize) -> Result<(), ArchiveError> {
    extents.sort_unstable_by_key(|extent| (extent.from, extent.to));
    let (mut end, mut behind) = (0, None);
    let last = Extent { from: directory, to: directory, behind: None };
    for extent in extents.into_iter().chain([last]) {
        let between = all.get(end..extent.from);
        let is_good = match (between, behind) {
            (Some(between), None) => between.is_empty(),
            (Some(between), Some(said)) => is_descriptor(between, said),
            (None, _) => false,
        };
        if !is_good {
            let expected = match behind {
                None => "a member of the directory: these bytes belong to none",
                Some(_) => "a data descriptor that says what the directory says, and no other bytes",
            };
            return Err(ArchiveError { at: end, expected });
        }
        (end, behind) = (extent.to, extent.behind);
    }
    Ok(())
}

/// Whether `bytes` are a data descriptor: a checksum and two sizes of four or eight bytes, with or without the four bytes of
/// [`DESCRIPTOR`] before them.
fn is_descriptor(bytes: &[u8], said: [usize; 3]) -> bool {
    let (said_at, size) = match bytes.len() {
        12 => (0, 4),
        16 => (4, 4),
        20 => (0, 8),
        24 => (4, 8),
        _ => return false,
    };
    let found =
        [(0, 4), (4, size), (4 + size, size)].map(|(at, bytes_of)| number(bytes, said_at + at, bytes_of));
    (said_at == 0 || bytes.starts_with(DESCRIPTOR)) && found == said.map(Some)
}
