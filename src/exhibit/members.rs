//! The members of an exhibit or a case file, however they came: as a ledger packs them, packed anew by another program, or
//! as the files of a folder.
//!
//! Some browsers unpack what they load, and whoever packs it again has other bytes: compressed, in another order, under a
//! folder, with members that an operating system adds. What no exhibit has is never opened; it is passed over, and named.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use super::{
    archive::{self, ArchiveError, MAX_EXHIBIT, MAX_MEMBERS, Member},
    case::CaseFile,
    enclosed::{Enclosed, EnclosedError, file},
    packed,
};
use crate::{check::Outcome, event::Digest, log::parse_decimal};

const README: &str = "README.txt";

/// Why the members of an archive are not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembersError {
    /// It is broken, or says two things.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// Nothing is wrong with it, but it is of a kind that is not read here.
    #[error("this zip is {0}: unpack it, and give its folder")]
    Unread(&'static str),
    /// It holds several exhibits, and is no case file.
    #[error("this zip holds several exhibits: unpack it, and give one of them")]
    Several,
    /// By their names these are no members of one exhibit or case file, whatever they hold.
    #[error("{0}")]
    Names(#[from] EnclosedError),
    /// A case file stands where a case file has an exhibit.
    #[error("a case file in the place of an exhibit")]
    Nested,
    /// Two files of a folder mean the same member.
    #[error("two of the files are the member {0}: so it is not clear what it holds")]
    Twice(String),
    /// It holds something else.
    #[error("this zip is no exhibit and no case file: it has no member of one")]
    Foreign,
}

impl MembersError {
    /// Whether that takes nothing from what may be in it.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Unread(_) | Self::Several | Self::Foreign)
    }
}

/// How members came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    AsWritten,
    Anew,
    Unpacked,
}

/// The members of an exhibit or a case file, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<'a> {
    named: Vec<(String, Cow<'a, [u8]>)>,
    packing: Packing,
    /// Names that no exhibit has.
    others: Vec<String>,
    is_case: bool,
    /// The folder of an archive in which they stand; empty if in none.
    folder: String,
}

impl<'a> Members<'a> {
    /// The members of an archive. In one that was packed anew they may stand in a folder.
    ///
    /// # Errors
    /// [`MembersError`] if the archive is broken, or is not read here.
    pub fn read(bytes: &'a [u8]) -> Result<Self, MembersError> {
        Self::read_any(bytes, false, &mut { MAX_EXHIBIT })
    }

    /// The same of an exhibit in a case file. So many bytes are left to those that were packed anew.
    pub(super) fn read_in_case(bytes: &'a [u8], left: &mut usize) -> Result<Self, MembersError> {
        Self::read_any(bytes, true, left)
    }

    fn read_any(bytes: &'a [u8], is_in_case: bool, left: &mut usize) -> Result<Self, MembersError> {
        if let Ok(members) = archive::read(bytes) {
            let is_case = CaseFile::of(&members).is_ok();
            if is_case && is_in_case {
                return Err(MembersError::Nested);
            }
            if is_case || Enclosed::of(&members).is_ok() {
                let named = members.iter().map(|m| (m.name.to_owned(), Cow::Borrowed(m.bytes))).collect();
                let (packing, others, folder) = (Packing::AsWritten, Vec::new(), String::new());
                return Ok(Self { named, packing, others, is_case, folder });
            }
        }
        let listed = packed::list(bytes)?;
        let (folder, is_case) = match Found::among(listed.iter().map(|listed| listed.name.as_str())) {
            Found::Exhibit(folder) => (folder, false),
            Found::CaseFile(_) if is_in_case => return Err(MembersError::Nested),
            Found::CaseFile(folder) => (folder, true),
            Found::Several => return Err(MembersError::Several),
            // One that lacks its entry is refused for that.
            Found::Nothing if listed.iter().any(|listed| is_member(&listed.name, false)) => {
                (String::new(), false)
            }
            Found::Nothing => return Err(MembersError::Foreign),
        };
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for listed in &listed {
            let name = listed.name.strip_prefix(&folder);
            match name.filter(|name| is_member(name, is_case)) {
                Some(name) => own.push((name, listed)),
                None => others.push(name.unwrap_or(&listed.name).to_owned()),
            }
        }
        // What is refused for its names or sizes is refused whatever can be read of it.
        verify_names(own.iter().map(|(name, _)| *name), is_case)?;
        let expected = "at most 20000 members of at most 256 MiB together";
        let too_large = ArchiveError { at: 0, expected };
        let size = own.iter().try_fold(0_usize, |size, (_, listed)| size.checked_add(listed.size));
        *left = size.and_then(|size| left.checked_sub(size)).ok_or_else(|| too_large.clone())?;
        if own.len() > MAX_MEMBERS {
            return Err(too_large.into());
        }
        let (mut named, mut unread) = (Vec::new(), None);
        for (name, listed) in own {
            match listed.unfold() {
                Ok(bytes) => named.push((name.to_owned(), bytes)),
                Err(e) if e.is_undecided() => unread = unread.or(Some(e)),
                Err(e) => return Err(e),
            }
        }
        if let Some(e) = unread {
            return Err(e);
        }
        Ok(Self { folder, ..Self::sorted(named, Packing::Anew, others, is_case) })
    }

    /// The members that lie in a folder, and the names of what lies there and is none.
    ///
    /// # Errors
    /// [`MembersError`] if two have one name.
    pub fn of_folder(
        files: Vec<(String, Vec<u8>)>,
        others: Vec<String>,
        is_case: bool,
    ) -> Result<Self, MembersError> {
        let named: Vec<_> = files.into_iter().map(|(name, bytes)| (name, Cow::Owned(bytes))).collect();
        let mut names = HashSet::new();
        if let Some((name, _)) = named.iter().find(|(name, _)| !names.insert(name.as_str())) {
            return Err(MembersError::Twice(name.clone()));
        }
        Ok(Self::sorted(named, Packing::Unpacked, others, is_case))
    }

    fn sorted(
        mut named: Vec<(String, Cow<'a, [u8]>)>,
        packing: Packing,
        others: Vec<String>,
        is_case: bool,
    ) -> Self {
        if named.iter().all(|(name, _)| name != README) {
            // It is for people, and nothing is checked by it.
            named.push((README.to_owned(), Cow::Borrowed(&[])));
        }
        named.sort_by_cached_key(|(name, _)| (Place::of(name, is_case), name.clone()));
        Self { named, packing, others, is_case, folder: String::new() }
    }

    /// The name of the folder of an archive in which they stand, if they stand in one.
    pub fn folder(&self) -> Option<&str> {
        self.folder.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// Whether they are those of a case file: exhibits.
    pub fn is_case(&self) -> bool {
        self.is_case
    }

    /// Each with its bytes.
    pub fn each(&self) -> Vec<Member<'_>> {
        self.named.iter().map(|(name, bytes)| Member { name, bytes }).collect()
    }

    /// How they came, as a check says it, and what was passed over. Only that nothing was packed anew can be checked.
    pub(super) fn packing(&self, as_written: &str) -> (Outcome, String) {
        let others = &self.others;
        match self.packing {
            Packing::AsWritten => (Outcome::Ok, as_written.to_owned()),
            Packing::Anew => {
                let quoted = |name: &str| serde_json::Value::from(cut(name)).to_string();
                let said = "packed anew: the checks below are of its members";
                (
                    Outcome::NotChecked,
                    told(said, "not among them, and passed over", others, 3, quoted, " and "),
                )
            }
            Packing::Unpacked => {
                let said = "unpacked: the checks below are of its members";
                (Outcome::NotChecked, told(said, "not looked at", others, 5, cut, ", and "))
            }
        }
    }
}

fn cut(name: &str) -> String {
    let is_octet = |c: &char| (UNREADABLE..UNREADABLE + 0x100).contains(&u32::from(*c));
    let shown = |c| if is_octet(&c) { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().take(80).map(shown).collect()
}

/// What is said, and the first names that are passed over.
fn told(
    said: &str,
    passed: &str,
    others: &[String],
    most: usize,
    shown: impl Fn(&str) -> String,
    and: &str,
) -> String {
    if others.is_empty() {
        return said.to_owned();
    }
    let names: Vec<_> = others.iter().take(most).map(|name| shown(name)).collect();
    let more = others.len().saturating_sub(most);
    let more = if more > 0 { format!("{and}{more} more") } else { String::new() };
    format!("{said}; {passed}: {}{more}", names.join(", "))
}

/// Where a member stands among the others, by its name. Numbers that no exhibit writes so have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Of a case file, whose README stands last.
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

type IsProof = bool;

impl Place {
    /// None if no exhibit, or no case file, has a member of that name.
    fn of(name: &str, is_case: bool) -> Option<Self> {
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

/// Whether exhibits, or case files, have a member of that name.
pub fn is_member(name: &str, is_case: bool) -> bool {
    Place::of(name, is_case).is_some()
}

/// Whether by their names these may be the members of an exhibit or a case file.
///
/// # Errors
/// [`MembersError`], naming the member.
pub fn verify_names<'n>(names: impl IntoIterator<Item = &'n str>, is_case: bool) -> Result<(), MembersError> {
    let named = names.into_iter().map(|name| (name.to_owned(), Cow::Borrowed(&[][..]))).collect();
    let members = Members::sorted(named, Packing::Anew, Vec::new(), is_case);
    let each = members.each();
    let fault = if is_case { CaseFile::of(&each).err() } else { Enclosed::of(&each).err() };
    fault.map_or(Ok(()), |e| Err(e.into()))
}

/// Octets of names that are not UTF-8 become characters from here on, which no name has.
const UNREADABLE: u32 = 0x10_fe00;

/// A name as text. One that is not UTF-8 is read octet by octet, so that two names never become one.
pub fn name_of(octets: &[u8]) -> String {
    let octet = |octet: &u8| match octet {
        0..0x80 => char::from(*octet),
        _ => char::from_u32(UNREADABLE + u32::from(*octet)).unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    str::from_utf8(octets).map_or_else(|_| octets.iter().map(octet).collect(), str::to_owned)
}

/// A name as archives of other systems may write it, with slashes between folders.
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

/// What operating systems add to folders and archives of their own accord.
pub fn is_added(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || last.starts_with("._")
        || [".DS_Store", "Thumbs.db", "desktop.ini"].contains(&last)
}

/// The folders in which an exhibit has members.
pub const FOLDERS: [&str; 3] = ["files", "chain", "timestamps"];

/// Where among many names the members of one exhibit or case file are: in a folder, which ends in a slash or is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Those of an exhibit.
    Exhibit(String),
    /// Those of a case file.
    CaseFile(String),
    /// Those of several, and none nearer than the others.
    Several,
    /// None.
    Nothing,
}

/// What of an exhibit or a case file a folder holds.
#[derive(Default)]
struct Held {
    entry: bool,
    proof: bool,
    readme: bool,
    exhibits: bool,
}

impl Found {
    /// The nearest: exhibits in folders beside a case file are not meant, nor is the archive beside what was unpacked of it.
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
    fn members_stand_in_the_order_that_exhibits_have() {
        let (a, b) = (format!("files/{:064x}.pdf", 1), format!("files/{:064x}.bin", 2));
        let mut names = ["README.txt", "entry", "proof.tlog-proof", "content.json", &a, &b].to_vec();
        names.extend(["chain/0", "chain/0.tlog-proof", "chain/12", "chain/12.tlog-proof"]);
        names.extend(["timestamps/0.tsr", "timestamps/1.tsr", "trust.policy"]);
        let files: Vec<_> = names.iter().rev().map(|name| ((*name).to_owned(), Vec::new())).collect();
        let members = Members::of_folder(files.clone(), Vec::new(), false).unwrap();
        assert_eq!(members.each().iter().map(|m| m.name).collect::<Vec<_>>(), names);
        assert!(Members::of_folder([&files[..], &files[..1]].concat(), Vec::new(), false).is_err());
        for other in
            ["files/notahash", "chain/", "chain/x", "chain/1/2", "timestamps/0", "Entry", "exhibit-1.zip"]
        {
            assert!(!is_member(other, false), "{other}");
        }
        assert!(is_member("exhibit-1.zip", true) && !is_member("entry", true));
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
