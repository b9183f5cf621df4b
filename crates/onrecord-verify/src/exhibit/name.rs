//! Names of members: those that exhibits and case files have, and what other programs and systems make of them.

use std::collections::BTreeMap;

use super::enclosed::file;
use crate::{event::Digest, log::parse_decimal};

pub(super) const README: &str = "README.txt";

/// The place of a member among the others, by its name. A number that no exhibit writes so, such as `007`, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// An exhibit of a case file, whose README stands last.
    Exhibit(Option<u64>),
    Readme,
    Entry,
    Proof,
    Content,
    File(Digest),
    Chain(Option<u64>, IsProof),
    Timestamp(Option<u64>),
    Policy,
}

pub(super) type IsProof = bool;

impl Place {
    /// The place of `name` in an exhibit, or if `is_case` in a case file. `None` if no member there has such a name.
    pub fn of(name: &str, is_case: bool) -> Option<Self> {
        let numbered = |prefix: &str, suffix: &str| {
            let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| parse_decimal(digits))
        };
        if is_case {
            let exhibit = || numbered("exhibit-", ".zip").map(Self::Exhibit);
            return (name == README).then_some(Self::Readme).or_else(exhibit);
        }
        Some(match name {
            README => Self::Readme,
            "entry" => Self::Entry,
            "proof.tlog-proof" => Self::Proof,
            "content.json" => Self::Content,
            "trust.policy" => Self::Policy,
            _ => {
                let chain = || numbered("chain/", "").map(|n| Self::Chain(n, false));
                let proof = || numbered("chain/", ".tlog-proof").map(|n| Self::Chain(n, true));
                let token = || numbered("timestamps/", ".tsr").map(Self::Timestamp);
                let file = file(name).map(|(digest, _)| Self::File(digest));
                return file.or_else(chain).or_else(proof).or_else(token);
            }
        })
    }
}

/// Whether exhibits, or if `is_case` case files, have a member of this name.
pub fn is_member(name: &str, is_case: bool) -> bool {
    Place::of(name, is_case).is_some()
}

/// The octets of a name that is not UTF-8 become characters from this one on, which no proper name has.
pub(super) const UNREADABLE: u32 = 0x10_fe00;

/// A name as text. One that is not UTF-8 is read octet by octet, so that two names never become one.
pub fn name_of(octets: &[u8]) -> String {
    let octet = |octet: &u8| match octet {
        0..0x80 => char::from(*octet),
        _ => char::from_u32(UNREADABLE + u32::from(*octet)).unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    str::from_utf8(octets).map_or_else(|_| octets.iter().map(octet).collect(), str::to_owned)
}

/// The name with slashes between folders, and without `./` before it, as archives of other systems may write it.
pub fn plain(name: &str) -> String {
    let name = name.replace('\\', "/");
    let mut rest = name.as_str();
    while let Some(inner) = rest.strip_prefix("./") {
        rest = inner;
    }
    rest.to_owned()
}

/// Whether a name leads out of the folder in which an archive is unpacked.
pub(super) fn climbs(name: &str) -> bool {
    let has_drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    name.starts_with('/') || has_drive || name.split('/').any(|part| part == "..")
}

/// Whether operating systems add a file of this name to folders and archives of their own accord.
pub fn is_added(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || last.starts_with("._")
        || [".DS_Store", "Thumbs.db", "desktop.ini"].contains(&last)
}

/// The folders in which an exhibit has members.
pub const FOLDERS: [&str; 3] = ["files", "chain", "timestamps"];

/// What is found among the names in an archive or a folder: an exhibit or a case file, and the folder of its members, which
/// ends in a slash or is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An exhibit in this folder.
    Exhibit(String),
    /// A case file in this folder.
    CaseFile(String),
    /// Several, of which none is nearer than the others.
    Several,
    /// Neither.
    Nothing,
}

/// Which members of an exhibit or a case file a folder holds.
#[derive(Default)]
struct Held {
    entry: bool,
    proof: bool,
    readme: bool,
    exhibits: bool,
}

impl Found {
    /// Takes the nearest, which is the fewest folders deep. Exhibits in folders beside a case file are not meant; nor is an
    /// exhibit's archive beside the folder to which it was unpacked.
    pub fn among<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut folders: BTreeMap<(usize, &str), Held> = BTreeMap::new();
        for path in names {
            let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
            let held = folders.entry((folder.matches('/').count(), folder)).or_default();
            held.entry |= name == "entry";
            held.proof |= name == "proof.tlog-proof";
            held.readme |= name == README;
            held.exhibits |= name != README && is_member(name, true);
        }
        let is_exhibit = |held: &Held| held.entry && held.proof;
        let nearest = |is_one: &dyn Fn(&Held) -> bool| -> Option<Self> {
            let mut ones = folders.iter().filter(|(_, held)| is_one(held));
            let ((depth, folder), held) = ones.next()?;
            Some(match ones.next() {
                Some(((other, _), _)) if other == depth => Self::Several,
                _ if is_exhibit(held) => Self::Exhibit((*folder).to_owned()),
                _ => Self::CaseFile((*folder).to_owned()),
            })
        };
        let whole = nearest(&|held| is_exhibit(held) || held.exhibits && held.readme);
        whole.or_else(|| nearest(&|held| held.exhibits)).unwrap_or(Self::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearest_is_meant() {
        let exhibit = |folder: &str| Found::Exhibit(folder.to_owned());
        let case = |folder: &str| Found::CaseFile(folder.to_owned());
        for (names, found) in [
            (
                &["entry", "proof.tlog-proof", "a/entry", "a/proof.tlog-proof", "exhibit-1.zip"][..],
                exhibit(""),
            ),
            (&["a/b/entry", "a/b/proof.tlog-proof", "a/x", "y"], exhibit("a/b/")),
            (&["exhibit-1.zip", "exhibit-1/entry", "exhibit-1/proof.tlog-proof"], exhibit("exhibit-1/")),
            (&["exhibit-1.zip", "README.txt", "exhibit-1/entry", "exhibit-1/proof.tlog-proof"], case("")),
            (&["case/exhibit-1.zip", "case/exhibit-2.zip", "x"], case("case/")),
            (&["a/entry", "a/proof.tlog-proof", "b/entry", "b/proof.tlog-proof"], Found::Several),
            (&["a/exhibit-1.zip", "b/exhibit-1.zip"], Found::Several),
            (&["a/entry", "proof.tlog-proof", "README.txt", "exhibit-x.zip", "exhibit-.zip"], Found::Nothing),
            (&[], Found::Nothing),
        ] {
            assert_eq!(Found::among(names.iter().copied()), found, "{names:?}");
        }
    }

    #[test]
    fn names_of_other_systems_are_read_and_none_climbs() {
        assert_eq!(plain(".\\./chain\\0"), "chain/0");
        for climbing in ["..", "../a", "a/..", "a/../b", "/a", "C:a", "z:/a"] {
            assert!(climbs(climbing), "{climbing}");
        }
        for good in ["a..b", "...", "a/.../b", "1:a", "ab:c", ":"] {
            assert!(!climbs(good), "{good}");
        }
    }
}
