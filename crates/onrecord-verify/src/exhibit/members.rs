//! The members of an exhibit or a case file, in any packing: as a ledger packs them, packed anew by another program, or as
//! the files of a folder.
//!
//! Some browsers unpack a zip that they download. Packed again, it has other bytes: compressed, in another order, under a
//! folder, with members that an operating system adds. A member that no exhibit has is never opened; it is passed over, and
//! named.

use std::{borrow::Cow, collections::HashSet};

use super::{
    archive::{self, ArchiveError, MAX_EXHIBIT, MAX_MEMBERS, Member},
    case::CaseFile,
    enclosed::Enclosed,
    members_error::MembersError,
    name::{Found, Place, README, UNREADABLE, is_member},
    packed,
};
use crate::check;

/// How the members were packed.
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
    /// The folder in the archive in which they stand, ending in a slash; empty if in none.
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

    /// As [`read`](Self::read), of an exhibit in a case file. `left` is how many bytes the exhibits that were packed anew may
    /// still hold together; the size of this one is taken from it.
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
            // An exhibit without its entry is refused below, with a message that says so.
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
        // Names and sizes are checked first, so that a refusal for them does not depend on which members can be unpacked.
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

    /// The members among the files of a folder. `others` are the names of what lies there and is no member.
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
            // It may be missing: it is for people, and no check depends on it.
            named.push((README.to_owned(), Cow::Borrowed(&[])));
        }
        named.sort_by_cached_key(|(name, _)| (Place::of(name, is_case), name.clone()));
        Self { named, packing, others, is_case, folder: String::new() }
    }

    /// The name of the folder in the archive in which the members stand, if they stand in one.
    pub fn folder(&self) -> Option<&str> {
        self.folder.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// Whether they are the members of a case file, that is, exhibits.
    pub fn is_case(&self) -> bool {
        self.is_case
    }

    /// Each member with its bytes.
    pub fn each(&self) -> Vec<Member<'_>> {
        self.named.iter().map(|(name, bytes)| Member { name, bytes }).collect()
    }

    /// How they were packed, and the first names that were passed over.
    pub(super) fn packing(&self) -> check::Packing {
        let first = |most: usize| {
            (
                self.others.iter().take(most).map(|name| cut(name)).collect(),
                self.others.len().saturating_sub(most),
            )
        };
        match self.packing {
            Packing::AsWritten => check::Packing::AsWritten,
            Packing::Anew => {
                let (others, more) = first(3);
                check::Packing::Anew { others, more }
            }
            Packing::Unpacked => {
                let (others, more) = first(5);
                check::Packing::Unpacked { others, more }
            }
        }
    }
}

fn cut(name: &str) -> String {
    let is_octet = |c: &char| (UNREADABLE..UNREADABLE + 0x100).contains(&u32::from(*c));
    let shown = |c| if is_octet(&c) { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().take(80).map(shown).collect()
}

/// Checks that `names` can be those of the members of an exhibit, or of a case file, whatever they hold.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
