//! Zips with any headers, true or false.

/// The header of a member. The directory has all these fields; the member's own header has all but the last three.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub version: u16,
    pub flags: u16,
    pub method: u16,
    pub time: u32,
    pub crc: u32,
    /// Its size in the file.
    pub packed: u32,
    /// Its size when unpacked.
    pub size: u32,
    pub made_by: u16,
    pub internal: u16,
    pub external: u32,
}

impl Header {
    /// The header that members of exhibits have.
    pub fn stored(bytes: &[u8]) -> Self {
        let size = bytes.len().try_into().unwrap();
        let crc = checksum(bytes);
        let (version, time) = (10, 0x0021_0000);
        Self {
            version,
            flags: 0,
            method: 0,
            time,
            crc,
            packed: size,
            size,
            made_by: version,
            internal: 0,
            external: 0,
        }
    }

    fn common(&self, name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        [self.version, self.flags, self.method].iter().for_each(|n| out.extend(n.to_le_bytes()));
        [self.time, self.crc, self.packed, self.size].iter().for_each(|n| out.extend(n.to_le_bytes()));
        [name.len() as u16, 0].iter().for_each(|n| out.extend(n.to_le_bytes()));
        out
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A member: its name, its own header, its header in the directory, and its bytes in the file.
pub struct Part {
    pub name: String,
    pub own: Header,
    pub listed: Header,
    pub bytes: Vec<u8>,
}

impl Part {
    pub fn stored(name: &str, bytes: &[u8]) -> Self {
        let header = Header::stored(bytes);
        Self { name: name.to_owned(), own: header, listed: header, bytes: bytes.to_vec() }
    }

    /// A deflated member.
    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        use std::io::Write as _;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        let packed = encoder.finish().unwrap();
        let mut part = Self::stored(name, bytes);
        part.say(|header| (header.method, header.packed) = (8, packed.len() as u32));
        Self { bytes: packed, ..part }
    }

    /// Changes both headers alike.
    pub fn say(&mut self, change: impl Fn(&mut Header)) {
        change(&mut self.own);
        change(&mut self.listed);
    }
}

/// The members of a zip that compresses nothing.
pub fn parts(zip: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = zip;
    while rest.starts_with(b"PK\x03\x04") {
        let size = u32::from_le_bytes(rest[18..22].try_into().unwrap()) as usize;
        let name_end = 30 + usize::from(u16::from_le_bytes([rest[26], rest[27]]));
        let name = std::str::from_utf8(&rest[30..name_end]).unwrap();
        parts.push(Part::stored(name, &rest[name_end..name_end + size]));
        rest = &rest[name_end + size..];
    }
    parts
}

pub fn zip(parts: &[Part]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        let at = out.len() as u32;
        out.extend(
            [b"PK\x03\x04", &*part.own.common(&part.name), part.name.as_bytes(), &part.bytes].concat(),
        );
        let listed = &part.listed;
        directory.extend(b"PK\x01\x02");
        directory.extend(listed.made_by.to_le_bytes());
        directory.extend(listed.common(&part.name));
        [0, 0, listed.internal].iter().for_each(|n: &u16| directory.extend(n.to_le_bytes()));
        [listed.external, at].iter().for_each(|n| directory.extend(n.to_le_bytes()));
        directory.extend(part.name.as_bytes());
    }
    let (count, at, size) = (parts.len() as u16, out.len() as u32, directory.len() as u32);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    [count, count].iter().for_each(|n| out.extend(n.to_le_bytes()));
    [size, at].iter().for_each(|n| out.extend(n.to_le_bytes()));
    out.extend([0, 0]);
    out
}
