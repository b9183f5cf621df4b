//! Exhibits that another program packed anew, or took apart: their members, put into the one form that is checked.
//!
//! Some browsers unpack what they load, and whoever packs it again has other bytes: compressed, in another order, under a
//! folder, with members that an operating system adds. No signature is over the archive, so nothing is lost by that but the
//! promise that there is no other byte in it. What the two headers of a member both say must still be the same, and no
//! bytes may stand where a reader of one header would look and a reader of the other would not.

use std::{collections::HashSet, io::Read as _};

use super::{
    archive::{self, ArchiveError, MAX_EXHIBIT, MAX_MEMBERS, Member},
    enclosed::file,
};
use crate::log::parse_decimal;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// The most entries of a directory: macOS adds one for each member.
const MAX_LISTED: usize = 2 * MAX_MEMBERS + 16;
/// The longest comment of an archive.
const MAX_COMMENT: usize = 65_535;

/// A name in an archive or a folder, and its bytes.
pub type Named = (String, Vec<u8>);

/// Members in the form that is checked, and what stood among them and is no member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The archive, as a ledger would give it.
    pub bytes: Vec<u8>,
    /// Names that no exhibit has: nobody looked at what they name.
    pub others: Vec<String>,
}

/// Puts the members of an exhibit or a case file into the form that is checked: without what an operating system adds and
/// without a folder around them, in their order. What no exhibit has is passed over, and named.
///
/// # Errors
/// [`ArchiveError`] if two have one name, or all are larger than an exhibit may be.
pub fn pack(members: Vec<Named>) -> Result<Packed, ArchiveError> {
    let mut members: Vec<Named> = members
        .into_iter()
        .map(|(name, bytes)| (plain(&name), bytes))
        .filter(|(name, bytes)| !(is_added(name) || name.ends_with('/') && bytes.is_empty()))
        .collect();
    while let Some(folder) = folder_around(&members) {
        members.iter_mut().for_each(|(name, _)| drop(name.drain(..folder)));
    }
    let mut names = HashSet::new();
    if !members.iter().all(|(name, _)| names.insert(name.as_str())) {
        return Err(ArchiveError { at: 0, expected: "no name twice" });
    }
    let is_case = members.iter().all(|(name, _)| name != "entry");
    let (mut own, others): (Vec<Named>, Vec<Named>) =
        members.into_iter().partition(|(name, _)| is_member(name, is_case));
    if own.iter().all(|(name, _)| name != README) {
        // It is for people, and nothing is checked by it.
        own.push((README.to_owned(), Vec::new()));
    }
    own.sort_by_cached_key(|(name, _)| place(name, is_case));
    let bytes = archive::write(own.iter().map(|(name, bytes)| Member { name, bytes }));
    let bytes = bytes.ok_or(ArchiveError { at: 0, expected: "members of at most 256 MiB together" })?;
    Ok(Packed { bytes, others: others.into_iter().map(|(name, _)| name).collect() })
}

const README: &str = "README.txt";

/// A name as archives of other systems may write it.
fn plain(name: &str) -> String {
    let name = name.replace('\\', "/");
    let mut rest = name.as_str();
    while let Some(inner) = rest.strip_prefix("./") {
        rest = inner;
    }
    rest.to_owned()
}

/// Whether exhibits, or case files, have a member of that name.
fn is_member(name: &str, is_case: bool) -> bool {
    let numbered = |prefix: &str, suffix: &str| {
        let number = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    if is_case {
        return name == README || numbered("exhibit-", ".zip");
    }
    [README, "entry", "proof.tlog-proof", "content.json", "trust.policy"].contains(&name)
        || file(name).is_some()
        || numbered("chain/", "")
        || numbered("chain/", ".tlog-proof")
        || numbered("timestamps/", ".tsr")
}

/// The same of an archive that is not of that form.
///
/// # Errors
/// [`ArchiveError`] if its members can't be told.
pub fn packed_anew(all: &[u8]) -> Result<Packed, ArchiveError> {
    pack(read(all)?)
}

/// What operating systems add to folders and archives of their own accord.
pub fn is_added(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || last.starts_with("._")
        || [".DS_Store", "Thumbs.db", "desktop.ini"].contains(&last)
}

/// The length of the name of a folder in which all members are, with its slash.
fn folder_around(members: &[Named]) -> Option<usize> {
    let (first, _) = members.first()?;
    let folder =
        first.split_inclusive('/').next().filter(|folder| folder.len() > 1 && folder.ends_with('/'))?;
    members.iter().all(|(name, _)| name.starts_with(folder)).then_some(folder.len())
}

/// Where a member stands among the others.
fn place(name: &str, is_case: bool) -> (u8, u64, String) {
    let numbered =
        |prefix: &str, suffix: &str| parse_decimal(name.strip_prefix(prefix)?.strip_suffix(suffix)?);
    let (rank, number) = match name {
        "README.txt" if is_case => (1, 0),
        "README.txt" => (0, 0),
        "entry" => (1, 0),
        "proof.tlog-proof" => (2, 0),
        "content.json" => (3, 0),
        "trust.policy" => (7, 0),
        _ if name.starts_with("files/") => (4, 0),
        _ => {
            let chain = numbered("chain/", "").or_else(|| numbered("chain/", ".tlog-proof"));
            let of_case = numbered("exhibit-", ".zip").filter(|_| is_case);
            let token = numbered("timestamps/", ".tsr");
            match (of_case, chain, token) {
                (Some(number), ..) => (0, number),
                (_, Some(number), _) => (5, number),
                (.., Some(number)) => (6, number),
                _ => (8, 0),
            }
        }
    };
    (rank, number, name.to_owned())
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

    /// Bits 0, 6 and 13.
    fn is_encrypted(&self) -> bool {
        self.flags & 0x2041 != 0
    }

    /// Checksum and sizes stand behind the bytes too, and need not stand here.
    fn is_said_behind(&self) -> bool {
        self.flags & 8 != 0
    }
}

/// The members of an archive, unfolded, by its directory.
fn read(all: &[u8]) -> Result<Vec<Named>, ArchiveError> {
    let wrong = |at: usize, expected| ArchiveError { at, expected };
    if all.len() > MAX_EXHIBIT {
        return Err(wrong(MAX_EXHIBIT, "the end: an exhibit has at most 256 MiB"));
    }
    let no_end = wrong(all.len(), "the end of a zip's directory: it was cut short, or is no zip");
    let end = end_of_directory(all).ok_or(no_end.clone())?;
    let field = |offset, bytes| number(all, end + offset, bytes).ok_or(no_end.clone());
    let (count, size, directory) = (field(10, 2)?, field(12, 4)?, field(16, 4)?);
    if field(4, 4)? != 0 || field(8, 2)? != count {
        return Err(wrong(end + 4, "one disk"));
    }
    if count > MAX_LISTED || directory.checked_add(size) != Some(end) {
        return Err(wrong(end + 10, "a directory of at most 40016 members, right before its end"));
    }
    let (mut members, mut extents, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let (mut at, mut unfolded) = (directory, 0usize);
    for _ in 0..count {
        let listed = at;
        let said = Said::read(all, listed + 8).filter(|_| all[listed..].starts_with(CENTRAL));
        let said = said.ok_or(wrong(listed, "an entry of the directory"))?;
        let (Some(comment), Some(own_at)) = (number(all, listed + 32, 2), number(all, listed + 42, 4)) else {
            return Err(wrong(listed, "an entry of the directory"));
        };
        let name = all.get(listed + 46..).and_then(|rest| rest.get(..said.name));
        let name = name.ok_or(wrong(listed + 46, "a name"))?;
        at = listed + 46 + said.name + said.extra + comment;
        let own = Said::read(all, own_at.saturating_add(6)).filter(|_| all[own_at..].starts_with(LOCAL));
        let own = own.ok_or(wrong(listed + 42, "where the member stands"))?;
        let from = own_at + 30 + own.name + own.extra;
        let same = |a: usize, b: usize| a == b || own.is_said_behind() && a == 0;
        let is_same = own.method == said.method
            && own.is_said_behind() == said.is_said_behind()
            && same(own.sum, said.sum)
            && same(own.packed, said.packed)
            && same(own.size, said.size)
            && all.get(own_at + 30..).and_then(|rest| rest.get(..own.name)) == Some(name);
        if !is_same {
            return Err(wrong(own_at, "a header that says what the directory says"));
        }
        if own.is_encrypted() || said.is_encrypted() {
            return Err(wrong(own_at + 6, "a member that is not encrypted"));
        }
        let bytes = all.get(from..directory).and_then(|rest| rest.get(..said.packed));
        let bytes = bytes.ok_or(wrong(from, "the bytes of the member"))?;
        extents.push((own_at, from + said.packed, own.is_said_behind()));
        let name = String::from_utf8_lossy(name).into_owned();
        if is_added(&plain(&name)) || name.ends_with('/') && said.size == 0 {
            continue;
        }
        unfolded = unfolded.saturating_add(said.size);
        if unfolded > MAX_EXHIBIT {
            return Err(wrong(listed + 24, "members of at most 256 MiB together"));
        }
        if members.len() == MAX_MEMBERS {
            return Err(wrong(listed, "at most 20000 members"));
        }
        if !names.insert(name.clone()) {
            return Err(wrong(listed + 46, "no name twice"));
        }
        let bytes = unfold(bytes, said.method, said.size);
        let bytes =
            bytes.ok_or(wrong(from, "bytes that unfold to the size that is said, stored or deflated"))?;
        if crc32fast::hash(&bytes) as usize != said.sum {
            return Err(wrong(from, "bytes of the checksum that is said"));
        }
        members.push((name, bytes));
    }
    if at != end {
        return Err(wrong(at, "the end of the directory"));
    }
    is_all(extents, directory)
        .map_err(|at| wrong(at, "a member of the directory: these bytes belong to none"))?;
    Ok(members)
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

/// Exactly so many bytes, whatever is said.
fn unfold(bytes: &[u8], method: usize, size: usize) -> Option<Vec<u8>> {
    match method {
        0 => (bytes.len() == size).then(|| bytes.to_vec()),
        8 => {
            let mut decoder = flate2::read::DeflateDecoder::new(bytes);
            let mut unfolded = Vec::new();
            decoder.by_ref().take(size as u64 + 1).read_to_end(&mut unfolded).ok()?;
            (unfolded.len() == size && decoder.total_in() == bytes.len() as u64).then_some(unfolded)
        }
        _ => None,
    }
}

/// Whether members stand one behind the other up to the directory, with no bytes between them but what is said behind
/// one. Gives the place where not.
fn is_all(mut extents: Vec<(usize, usize, bool)>, directory: usize) -> Result<(), usize> {
    extents.sort_unstable();
    let (mut end, mut behind) = (0, false);
    for (from, to, is_said_behind) in extents.into_iter().chain([(directory, directory, false)]) {
        // A checksum and two sizes, with or without four bytes before them, the sizes of four or eight bytes.
        match from.checked_sub(end) {
            Some(0) if !behind => {}
            Some(12 | 16 | 20 | 24) if behind => {}
            _ => return Err(end),
        }
        (end, behind) = (to, is_said_behind);
    }
    Ok(())
}
