//! The zip file of an exhibit: members that are stored, in order, and nothing else.
//!
//! A zip states many things twice, and programs differ in which statement they believe. Here both must say the same, every
//! byte must belong to a member or to the directory, and nothing is compressed, so a file is never larger than it looks.

use std::collections::HashSet;

/// The longest name, in bytes.
const MAX_NAME: usize = 128;
/// The most members.
pub const MAX_MEMBERS: usize = 20_000;
/// The longest exhibit, in bytes.
pub const MAX_EXHIBIT: usize = 256 << 20;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// 1980-01-01 00:00, the first moment that a zip can name: the bytes must not depend on when they were made.
const TIME: [u8; 4] = [0, 0, 0x21, 0];
/// Version 1.0 is needed to extract; made on an MS-DOS file system, which has no file modes to record.
const VERSION: [u8; 2] = [10, 0];

/// Why a file is not the archive of an exhibit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: expected {expected}")]
pub struct ArchiveError {
    /// Offset of the byte.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Bytes that are read from the front.
struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn fail<T>(&self, expected: &'static str) -> Result<T, ArchiveError> {
        Err(ArchiveError { at: self.at, expected })
    }
    fn take(&mut self, n: usize, expected: &'static str) -> Result<&'a [u8], ArchiveError> {
        match self.all.get(self.at..).and_then(|rest| rest.get(..n)) {
            Some(bytes) => {
                self.at += n;
                Ok(bytes)
            }
            None => self.fail(expected),
        }
    }
    fn exactly(&mut self, bytes: &[u8], expected: &'static str) -> Result<(), ArchiveError> {
        let at = self.at;
        match self.take(bytes.len(), expected)? == bytes {
            true => Ok(()),
            false => Err(ArchiveError { at, expected }),
        }
    }
    fn u16(&mut self, expected: &'static str) -> Result<u16, ArchiveError> {
        let bytes = self.take(2, expected)?;
        Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | u16::from(*b)))
    }
    fn u32(&mut self, expected: &'static str) -> Result<u32, ArchiveError> {
        let bytes = self.take(4, expected)?;
        Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b)))
    }
    fn looks_at(&self, magic: [u8; 4]) -> bool {
        self.all.get(self.at..).is_some_and(|rest| rest.starts_with(&magic))
    }
}

/// The fields that a member's own header and its entry in the directory share. `None` if a length has no room in them.
fn header(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(bytes.len()).ok()?.to_le_bytes();
    let length = u16::try_from(name.len()).ok()?.to_le_bytes();
    // Version, no flags, stored, time, checksum, size twice, length of the name, no extra field.
    let parts: [&[u8]; 9] = [
        &VERSION,
        &[0, 0],
        &[0, 0],
        &TIME,
        &crc32fast::hash(bytes).to_le_bytes(),
        &size,
        &size,
        &length,
        &[0, 0],
    ];
    Some(parts.concat())
}

/// Puts members into an archive, in their order. The same members give the same bytes. `None` if the archive would be
/// larger than an exhibit may be.
pub fn write<'a>(members: impl IntoIterator<Item = Member<'a>>) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    let mut out = Vec::new();
    for member in members {
        out.append(&mut writer.member(&member)?);
    }
    out.append(&mut writer.end()?);
    Some(out)
}

/// Writes an archive member by member, so that nobody need hold the whole of it.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Bytes written so far.
    at: usize,
    directory: Vec<u8>,
    count: u16,
}

impl Writer {
    /// The bytes of the next member. `None` once the archive is larger than an exhibit may be.
    pub fn member(&mut self, member: &Member<'_>) -> Option<Vec<u8>> {
        let at = u32::try_from(self.at).ok()?;
        let header = header(member.name, member.bytes)?;
        self.count = self.count.checked_add(1)?;
        let out = [&LOCAL, &*header, member.name.as_bytes(), member.bytes].concat();
        // The ten zeros: no comment, first disk, no attributes.
        for part in [&CENTRAL, &VERSION[..], &header, &[0; 10], &at.to_le_bytes(), member.name.as_bytes()] {
            self.directory.extend_from_slice(part);
        }
        self.at += out.len();
        (usize::from(self.count) <= MAX_MEMBERS && self.at <= MAX_EXHIBIT).then_some(out)
    }

    /// The bytes of the directory, which end the archive.
    pub fn end(mut self) -> Option<Vec<u8>> {
        let (at, size) = (u32::try_from(self.at).ok()?, u32::try_from(self.directory.len()).ok()?);
        let count = self.count.to_le_bytes();
        let parts: [&[u8]; 7] =
            [&END, &[0; 4], &count, &count, &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]];
        self.directory.extend_from_slice(&parts.concat());
        (self.at + self.directory.len() <= MAX_EXHIBIT).then_some(self.directory)
    }
}

/// Takes an archive apart. Every byte of it is as [`write`] would have written it.
///
/// # Errors
/// [`ArchiveError`], naming the byte.
pub fn read(all: &[u8]) -> Result<Vec<Member<'_>>, ArchiveError> {
    if all.len() > MAX_EXHIBIT {
        return Err(ArchiveError { at: MAX_EXHIBIT, expected: "the end: an exhibit has at most 256 MiB" });
    }
    let mut bytes = Bytes { all, at: 0 };
    let mut members: Vec<(usize, Member<'_>)> = Vec::new();
    let mut names = HashSet::new();
    while bytes.looks_at(LOCAL) {
        let at = bytes.at;
        if members.len() == MAX_MEMBERS {
            return bytes.fail("at most 20000 members");
        }
        bytes.exactly(&LOCAL, "a member")?;
        bytes.exactly(&VERSION, "version 1.0")?;
        bytes.exactly(&[0, 0], "no flags: nothing is encrypted, and sizes stand before the bytes")?;
        bytes.exactly(&[0, 0], "a member that is stored, not compressed")?;
        bytes.exactly(&TIME, "the time 1980-01-01 00:00")?;
        let sum_at = bytes.at;
        let sum = bytes.u32("a checksum")?;
        let size = bytes.u32("a size")?;
        bytes.exactly(&size.to_le_bytes(), "the same size, as nothing is compressed")?;
        let length = usize::from(bytes.u16("the length of a name")?);
        bytes.exactly(&[0, 0], "no extra field")?;
        let name_at = bytes.at;
        let name = bytes.take(length, "a name")?;
        let good = name.len() <= MAX_NAME && name.iter().all(|b| (0x21..0x7f).contains(b));
        let Some(name) = std::str::from_utf8(name).ok().filter(|_| good) else {
            return Err(ArchiveError { at: name_at, expected: "a name of at most 128 ASCII characters" });
        };
        if !names.insert(name) {
            return Err(ArchiveError { at: name_at, expected: "no name twice" });
        }
        let contents = bytes.take(size as usize, "the bytes of the member")?;
        if crc32fast::hash(contents) != sum {
            return Err(ArchiveError { at: sum_at, expected: "the checksum of the member's bytes" });
        }
        members.push((at, Member { name, bytes: contents }));
    }
    let directory = bytes.at;
    for (at, member) in &members {
        bytes.exactly(&CENTRAL, "an entry of the directory for each member, in their order")?;
        bytes.exactly(&VERSION, "version 1.0")?;
        // Never `None`: these lengths were read from a header.
        let header = header(member.name, member.bytes).unwrap_or_default();
        bytes.exactly(&header, "what the member's own header says")?;
        bytes.exactly(&[0; 10], "no comment and no attributes")?;
        bytes.exactly(&(*at as u32).to_le_bytes(), "where the member stands")?;
        bytes.exactly(member.name.as_bytes(), "the member's name")?;
    }
    let size = bytes.at - directory;
    bytes.exactly(&END, "the end of the directory")?;
    bytes.exactly(&[0; 4], "one disk")?;
    let count = (members.len() as u16).to_le_bytes();
    bytes.exactly(&count, "the number of members")?;
    bytes.exactly(&count, "the number of members")?;
    bytes.exactly(&(size as u32).to_le_bytes(), "the size of the directory")?;
    bytes.exactly(&(directory as u32).to_le_bytes(), "where the directory stands")?;
    bytes.exactly(&[0, 0], "no comment")?;
    if bytes.at != all.len() {
        return bytes.fail("the end of the file: these bytes belong to no member");
    }
    Ok(members.into_iter().map(|(_, member)| member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Vec<u8> {
        let member = |name, bytes| Member { name, bytes };
        write([member("a.txt", b"one".as_slice()), member("b/c", b""), member("d", &[7; 300])]).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = good();
        let members = read(&bytes).unwrap();
        assert_eq!(
            members.iter().map(|m| (m.name, m.bytes.len())).collect::<Vec<_>>(),
            [("a.txt", 3), ("b/c", 0), ("d", 300)]
        );
        assert_eq!(write(members).unwrap(), bytes);
        assert_eq!(read(&write([]).unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn no_other_bytes_are_read_as_the_same() {
        let bytes = good();
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                assert!(read(&other).is_err(), "byte {at}, bit {bit}");
            }
        }
        for at in [0, 10, bytes.len()] {
            let other = [&bytes[..at], b"x", &bytes[at..]].concat();
            assert!(read(&other).is_err(), "a byte more at {at}");
        }
    }

    #[test]
    fn a_name_stands_once() {
        let member = |bytes| Member { name: "a", bytes };
        let bytes = write([member(b"1".as_slice()), member(b"2")]).unwrap();
        assert_eq!(read(&bytes).unwrap_err().expected, "no name twice");
    }
}
