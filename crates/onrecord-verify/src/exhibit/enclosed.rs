//! The members of an exhibit, by what they are.

use std::collections::BTreeMap;

use super::archive::{self, ArchiveError, Member};
use crate::{event::Digest, log::parse_decimal};

/// An entry of the key history, or one that withholds, with its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkInChain<'a> {
    /// The entry.
    pub entry: &'a [u8],
    /// The proof of its inclusion.
    pub proof: &'a [u8],
}

/// What an exhibit encloses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosed<'a> {
    /// How to check it by hand.
    pub readme: &'a [u8],
    /// The entry.
    pub entry: &'a [u8],
    /// The proof of its inclusion, with every cosignature that is known.
    pub proof: &'a [u8],
    /// The words, if they are enclosed.
    pub content: Option<&'a [u8]>,
    /// Files by BLAKE3: the extension of each one's name, and its bytes.
    pub files: BTreeMap<Digest, (&'a str, &'a [u8])>,
    /// Other entries by index.
    pub chain: BTreeMap<u64, LinkInChain<'a>>,
    /// RFC 3161 tokens.
    pub timestamps: Vec<&'a [u8]>,
    /// The policy that came with it, for convenience.
    pub policy: Option<&'a [u8]>,
}

/// Why a file is not an exhibit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnclosedError {
    /// Not an archive as exhibits are.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A member that no exhibit has at this place.
    #[error("member {number}: expected {expected}, found {found}")]
    Member {
        /// Its number, from 1.
        number: usize,
        /// What may stand there.
        expected: &'static str,
        /// Its name, or `the end` where the archive ends.
        found: String,
    },
}

/// The digest and the extension of `files/<blake3>.<extension>`; `None` for another name.
pub(super) fn file(name: &str) -> Option<(Digest, &str)> {
    let (digest, extension) = name.strip_prefix("files/")?.split_once('.')?;
    let good = (1..=8).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    Some((digest.parse().ok()?, extension)).filter(|_| good)
}

impl<'a> Enclosed<'a> {
    /// Reads an exhibit. Members stand in their order, and no others do.
    ///
    /// # Errors
    /// [`EnclosedError`], naming the byte or the member.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EnclosedError> {
        Self::of(&archive::read(bytes)?)
    }

    /// As [`read`](Self::read), of the members of an archive.
    ///
    /// # Errors
    /// [`EnclosedError::Member`], naming the member.
    pub fn of(members: &[Member<'a>]) -> Result<Self, EnclosedError> {
        let mut left = members.iter().enumerate().peekable();
        let wrong = |number: usize, expected, found: Option<&Member<'_>>| EnclosedError::Member {
            number: number + 1,
            expected,
            found: found.map_or("the end", |m| m.name).to_owned(),
        };
        let mut need = |name: &'static str| match left.next() {
            Some((_, member)) if member.name == name => Ok(member.bytes),
            Some((number, member)) => Err(wrong(number, name, Some(member))),
            None => Err(wrong(members.len(), name, None)),
        };
        let (readme, entry, proof) = (need("README.txt")?, need("entry")?, need("proof.tlog-proof")?);
        let content = left.next_if(|(_, m)| m.name == "content.json").map(|(_, m)| m.bytes);
        let mut files = BTreeMap::new();
        let mut last = None;
        while let Some((number, member)) = left.next_if(|(_, m)| m.name.starts_with("files/")) {
            let expected = "files/<blake3>.<ext>, in the order of the digests, none twice";
            let named = file(member.name).filter(|(digest, _)| last.is_none_or(|l| l < *digest));
            let (digest, extension) = named.ok_or_else(|| wrong(number, expected, Some(member)))?;
            last = Some(digest);
            files.insert(digest, (extension, member.bytes));
        }
        let mut chain: BTreeMap<u64, LinkInChain<'a>> = BTreeMap::new();
        while let Some((number_of, member)) = left.next_if(|(_, m)| m.name.starts_with("chain/")) {
            let index = member.name.strip_prefix("chain/").and_then(parse_decimal);
            let after = |index: &u64| chain.last_key_value().is_none_or(|(last, _)| last < index);
            let index = index
                .filter(after)
                .ok_or_else(|| wrong(number_of, "chain/<index>, in their order, none twice", Some(member)))?;
            let expected = "chain/<index>.tlog-proof behind its entry";
            let proof = match left.next() {
                Some((_, proof)) if proof.name == format!("chain/{index}.tlog-proof") => proof.bytes,
                other => return Err(wrong(number_of + 1, expected, other.map(|(_, m)| m))),
            };
            chain.insert(index, LinkInChain { entry: member.bytes, proof });
        }
        let mut timestamps = Vec::new();
        while let Some((number, member)) = left.next_if(|(_, m)| m.name.starts_with("timestamps/")) {
            if member.name != format!("timestamps/{}.tsr", timestamps.len()) {
                return Err(wrong(number, "timestamps/<n>.tsr, numbered from 0", Some(member)));
            }
            timestamps.push(member.bytes);
        }
        let policy = left.next_if(|(_, m)| m.name == "trust.policy").map(|(_, m)| m.bytes);
        if let Some((number, member)) = left.next() {
            let expected =
                "content.json, files/, chain/, timestamps/ and trust.policy in this order, and no other";
            return Err(wrong(number, expected, Some(member)));
        }
        Ok(Self { readme, entry, proof, content, files, chain, timestamps, policy })
    }

    /// The exhibit as bytes; the same for the same members. `None` if it would be larger than one may be.
    pub fn write(&self) -> Option<Vec<u8>> {
        let mut members: Vec<(String, &[u8])> = vec![
            ("README.txt".into(), self.readme),
            ("entry".into(), self.entry),
            ("proof.tlog-proof".into(), self.proof),
        ];
        members.extend(self.content.map(|bytes| ("content.json".into(), bytes)));
        members.extend(
            self.files.iter().map(|(digest, (ext, bytes))| (format!("files/{digest}.{ext}"), *bytes)),
        );
        for (index, link) in &self.chain {
            members.push((format!("chain/{index}"), link.entry));
            members.push((format!("chain/{index}.tlog-proof"), link.proof));
        }
        members.extend(self.timestamps.iter().enumerate().map(|(n, t)| (format!("timestamps/{n}.tsr"), *t)));
        members.extend(self.policy.map(|bytes| ("trust.policy".into(), bytes)));
        archive::write(members.iter().map(|(name, bytes)| Member { name, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str]) -> Vec<u8> {
        archive::write(names.iter().map(|name| Member { name, bytes: name.as_bytes() })).unwrap()
    }

    const FIRST: [&str; 3] = ["README.txt", "entry", "proof.tlog-proof"];

    #[test]
    fn what_is_written_is_read() {
        let (a, b) = (format!("files/{:064x}.pdf", 1), format!("files/{:064x}.bin", 2));
        let chain = ["chain/0", "chain/0.tlog-proof", "chain/12", "chain/12.tlog-proof"];
        let names =
            [&FIRST[..], &["content.json", &a, &b], &chain, &["timestamps/0.tsr", "trust.policy"]].concat();
        let bytes = archive(&names);
        let enclosed = Enclosed::read(&bytes).unwrap();
        assert_eq!((enclosed.files.len(), enclosed.chain.len(), enclosed.timestamps.len()), (2, 2, 1));
        assert_eq!(enclosed.write().unwrap(), bytes);
        assert!(Enclosed::read(&archive(&FIRST)).is_ok());
    }

    #[test]
    fn no_other_members_in_no_other_order() {
        let (a, b) = (format!("files/{:064x}.pdf", 1), format!("files/{:064x}.bin", 2));
        let long = format!("files/{:064x}.{}", 3, "e".repeat(9));
        for rest in [
            &["other.txt"][..],
            &["content.json", "../entry"],
            &["/etc/passwd"],
            &["files/../entry"],
            &["files/abc.pdf"],
            &[&long],
            &[&b, &a],
            &["chain/00", "chain/00.tlog-proof"],
            &["chain/1"],
            &["chain/1", "chain/2.tlog-proof"],
            &["chain/2", "chain/2.tlog-proof", "chain/1", "chain/1.tlog-proof"],
            &["timestamps/1.tsr"],
            &["trust.policy", "content.json"],
            &["trust.policy", "x"],
        ] {
            let error = Enclosed::read(&archive(&[&FIRST[..], rest].concat())).unwrap_err();
            assert!(matches!(error, EnclosedError::Member { number: 4.., .. }), "{rest:?}: {error}");
        }
        assert!(Enclosed::read(&archive(&["entry", "README.txt", "proof.tlog-proof"])).is_err());
        assert!(Enclosed::read(&archive(&FIRST[..2])).is_err());
    }
}
