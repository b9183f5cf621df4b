//! The members of a case file.

use std::collections::BTreeMap;

use crate::{
    exhibit::{
        EnclosedError,
        archive::{self, Member, Writer},
    },
    log::parse_decimal,
};

/// How to check a case file, in words. It stands last, so that the first member shows what the archive is.
const README: &str = include_str!("README.txt");
const README_NAME: &str = "README.txt";

/// The most exhibits in one case file.
pub const MAX_EXHIBITS: usize = archive::MAX_MEMBERS - 1;

const EXHIBIT: &str = "exhibit-";

/// The name of the exhibit of entry `index`.
pub(super) fn name_of(index: u64) -> String {
    format!("{EXHIBIT}{index}.zip")
}

/// The exhibits of a case file, by the index of their entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFile<B> {
    /// Each exhibit as bytes.
    pub exhibits: BTreeMap<u64, B>,
}

impl<'a> CaseFile<&'a [u8]> {
    /// Whether `bytes` begin as a case file does. They may still not be one.
    pub fn is_one(bytes: &[u8]) -> bool {
        // The name of the first member follows a header of 30 bytes, which holds its length. The end of the name is compared
        // too: a folder around an exhibit may begin with the same letters.
        let length = bytes.get(26..28).map_or(0, |n| usize::from(n[0]) | usize::from(n[1]) << 8);
        let name = bytes.get(30..).and_then(|rest| rest.get(..length)).unwrap_or_default();
        name.starts_with(EXHIBIT.as_bytes()) && name.ends_with(b".zip")
    }

    /// Takes a case file apart: `exhibit-<index>.zip` by rising indexes, then `README.txt`, and no other members.
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
        let mut exhibits = BTreeMap::new();
        let wrong = |number: usize, expected| EnclosedError::Member {
            number: number + 1,
            expected,
            found: members.get(number).map_or("the end", |m| m.name).to_owned(),
        };
        let exhibits_end = members.len().saturating_sub(1);
        for (number, member) in members.iter().enumerate().take(exhibits_end) {
            let index = member.name.strip_prefix(EXHIBIT).and_then(|rest| rest.strip_suffix(".zip"));
            let after = |index: &u64| exhibits.last_key_value().is_none_or(|(last, _)| last < index);
            let index = index.and_then(parse_decimal).filter(after);
            let expected = "exhibit-<index>.zip, in the order of the indexes, none twice";
            exhibits.insert(index.ok_or_else(|| wrong(number, expected))?, member.bytes);
        }
        match members.get(exhibits_end) {
            Some(last) if last.name == README_NAME && !exhibits.is_empty() => Ok(Self { exhibits }),
            _ => Err(wrong(exhibits_end, "README.txt, behind one exhibit at least")),
        }
    }
}

impl<B: AsRef<[u8]>> CaseFile<B> {
    /// The case file as bytes; the same for the same exhibits. `None` if it would be larger than 256 MiB, or have more
    /// than 19,999 exhibits.
    pub fn write(&self) -> Option<Vec<u8>> {
        let names: Vec<String> = self.exhibits.keys().copied().map(name_of).collect();
        let exhibits = names.iter().zip(self.exhibits.values());
        let members = exhibits.map(|(name, exhibit)| Member { name, bytes: exhibit.as_ref() });
        archive::write(members.chain([Member { name: README_NAME, bytes: README.as_bytes() }]))
    }
}

/// Writes a case file one exhibit at a time, so that it need not be in memory as a whole. The bytes that
/// [`exhibit`](Self::exhibit) and [`end`](Self::end) give, one after the other, are those of [`CaseFile::write`].
#[derive(Debug, Default)]
pub struct CaseWriter(Writer);

impl CaseWriter {
    /// The bytes that add an exhibit. Exhibits must come by rising indexes. `None` if the file would be too large.
    pub fn exhibit(&mut self, index: u64, exhibit: &[u8]) -> Option<Vec<u8>> {
        self.0.member(&Member { name: &name_of(index), bytes: exhibit })
    }

    /// The last bytes. `None` if the file would be too large.
    pub fn end(mut self) -> Option<Vec<u8>> {
        let mut out = self.0.member(&Member { name: README_NAME, bytes: README.as_bytes() })?;
        out.append(&mut self.0.end()?);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str]) -> Vec<u8> {
        archive::write(names.iter().map(|name| Member { name, bytes: name.as_bytes() })).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let file = CaseFile { exhibits: BTreeMap::from([(4, b"four".as_slice()), (10, b"ten")]) };
        let bytes = file.write().unwrap();
        assert!(CaseFile::is_one(&bytes));
        assert_eq!(CaseFile::read(&bytes).unwrap(), file);
        let mut writer = CaseWriter::default();
        let mut parts: Vec<u8> = file
            .exhibits
            .iter()
            .flat_map(|(index, exhibit)| writer.exhibit(*index, exhibit).unwrap())
            .collect();
        parts.extend(writer.end().unwrap());
        assert_eq!(parts, bytes);
    }

    #[test]
    fn no_other_members_in_no_other_order() {
        for names in [
            &[][..],
            &["README.txt"],
            &["exhibit-4.zip"],
            &["README.txt", "exhibit-4.zip"],
            &["exhibit-4.zip", "exhibit-4.zip.zip", "README.txt"],
            &["exhibit-10.zip", "exhibit-4.zip", "README.txt"],
            &["exhibit-04.zip", "README.txt"],
            &["exhibit-.zip", "README.txt"],
            &["../exhibit-4.zip", "README.txt"],
            &["exhibit-4.zip", "entry", "README.txt"],
            &["exhibit-4.zip", "README.txt", "exhibit-5.zip"],
        ] {
            let error = CaseFile::read(&archive(names)).unwrap_err();
            assert!(matches!(error, EnclosedError::Member { .. }), "{names:?}: {error}");
        }
        assert!(!CaseFile::is_one(&archive(&["README.txt", "entry"])));
        assert!(!CaseFile::is_one(&archive(&["exhibit-7/README.txt", "exhibit-7/entry"])));
        assert!(!CaseFile::is_one(b""));
    }
}
