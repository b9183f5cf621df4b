//! Entries: an event with what the ledger adds (formats.md, section 4).
//!
//! ```text
//! onrecord/entry/v1
//! <origin>
//! index <n>
//! time <time>
//! prev <BLAKE3 of the whole previous entry>
//! thread <id> <k>
//! signer <party id> <j>            one line for each member of `by`
//!
//! <event note>
//! ```

use std::fmt;

use jiff::{SignedDuration, civil::DateTime};

use crate::{
    event::{Digest, Event, EventId, Refusal, SignedEvent},
    note::Origin,
};

/// The first line of every entry.
pub const MARKER: &str = "onrecord/entry/v1";
/// The longest entry, in bytes: what a bundle's 16-bit length can say.
pub const MAX_ENTRY: usize = 65_535;
/// The largest index or size: 2^53-1, so that every JSON reader holds it exactly.
pub const MAX_INDEX: u64 = (1 << 53) - 1;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// When the ledger recorded an entry: milliseconds since 1970, written `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// A time of the years 1 to 9999.
    pub fn from_unix_ms(ms: i64) -> Option<Self> {
        (1..=9999).contains(&Self(ms).civil()?.year()).then_some(Self(ms))
    }
    // Not by `jiff::Timestamp`, which ends a day before the year 9999 does.
    fn civil(self) -> Option<DateTime> {
        EPOCH.checked_add(SignedDuration::from_millis(self.0)).ok()
    }
    /// Seconds since 1970, rounded up; 0 for times before 1970.
    pub fn seconds_up(self) -> u64 {
        u64::try_from(self.unix_ms()).unwrap_or_default().div_ceil(1_000)
    }
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> i64 {
        self.0
    }
    /// Reads exactly 24 bytes, seconds 00 to 59.
    pub fn parse(s: &str) -> Option<Self> {
        let b = s.as_bytes();
        let shape = b"dddd-dd-ddTdd:dd:dd.dddZ";
        let good = b.len() == 24
            && b.iter().zip(shape).all(|(b, s)| if *s == b'd' { b.is_ascii_digit() } else { b == s });
        // The library reads second 60 as 59, so that is refused here.
        if !good || &b[17..19] == b"60" {
            return None;
        }
        let civil: DateTime = s[..23].parse().ok()?;
        let time = Self::from_unix_ms(civil.duration_since(EPOCH).as_millis().try_into().ok()?)?;
        (time.to_string() == s).then_some(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = self.civil().unwrap_or(EPOCH);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        // Digit by digit: every entry has a time, and the formatter takes ten times as long for its seven numbers.
        let mut put = |end: usize, digits: usize, number: i32| {
            let mut left = number.unsigned_abs();
            for place in text[end - digits..end].iter_mut().rev() {
                *place = b'0' + (left % 10) as u8;
                left /= 10;
            }
        };
        put(4, 4, d.year().into());
        put(7, 2, d.month().into());
        put(10, 2, d.day().into());
        put(13, 2, d.hour().into());
        put(16, 2, d.minute().into());
        put(19, 2, d.second().into());
        put(23, 3, d.subsec_nanosecond() / 1_000_000);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Bytes that are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY`].
    #[error("entry: expected at most {MAX_ENTRY} bytes, found {0}")]
    TooLong(usize),
    /// No header and event separated by an empty line, or bytes that are not UTF-8.
    #[error("entry: expected a header, an empty line and an event note, in UTF-8")]
    Shape,
    /// A header line that is not what stands there in every entry.
    #[error("header line {line}: expected {expected}")]
    Header {
        /// Number of the line, from 1.
        line: usize,
        /// What it should have been.
        expected: &'static str,
    },
    /// The event inside is refused.
    #[error("event: {0}")]
    Event(#[from] Refusal),
    /// The number of `signer` lines is not that of `by`.
    #[error("header: expected {expected} signer lines, one for each member of `by`, found {found}")]
    Signers {
        /// Members of `by`.
        expected: usize,
        /// `signer` lines.
        found: usize,
    },
}

/// What the ledger says about an event when it records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Number of the entry, from 0.
    pub index: u64,
    /// When it was recorded.
    pub time: Time,
    /// Chain hash of the entry before; zeros for index 0.
    pub prev: Digest,
    /// The thread it stands in.
    pub thread: EventId,
    /// Its number in the thread, from 0.
    pub k: u64,
    /// For each member of `by`: the party that holds the key, and the highest number in that party's thread.
    pub signers: Vec<(EventId, u64)>,
}

impl Header {
    /// The whole entry: this header, an empty line, the event note.
    pub fn entry(&self, event: &Event) -> String {
        use fmt::Write as _;
        let origin = event.note().text().split('\n').nth(1).unwrap_or_default();
        let mut out = String::with_capacity(400 + event.note().as_str().len());
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "{MARKER}\n{origin}\nindex {}\ntime {}\nprev {}\nthread {} {}\n",
            self.index, self.time, self.prev, self.thread, self.k
        );
        for (party, j) in &self.signers {
            let _ = writeln!(out, "signer {party} {j}");
        }
        out.push('\n');
        out.push_str(event.note().as_str());
        out
    }
}

/// An entry of good shape, as it was read. Its signatures are checked by [`verify`](Self::verify); chain, tree
/// and rules by [`crate::log::Auditor`].
#[derive(Debug, Clone)]
pub struct Entry<E = Event> {
    header: Header,
    event: E,
    hash: Digest,
}

/// An entry whose event's signers signed it.
pub type SignedEntry = Entry<SignedEvent>;

/// A canonical number from 0 to 2^53-1.
fn number(s: &str) -> Option<u64> {
    super::parse_decimal(s).filter(|n| *n <= MAX_INDEX)
}

fn id_and_number(s: &str) -> Option<(EventId, u64)> {
    let (id, n) = s.split_once(' ')?;
    Some((id.parse().ok()?, number(n)?))
}

impl Entry<Event> {
    /// Reads an entry of this ledger.
    ///
    /// # Errors
    /// [`EntryError`], naming the line.
    pub fn parse(bytes: &[u8], origin: &Origin) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| EntryError::Shape)?;
        let (head, note) = text.split_once("\n\n").ok_or(EntryError::Shape)?;
        let mut lines = head.split('\n').enumerate().map(|(i, l)| (i + 1, l));
        let mut field = |prefix: &str, expected: &'static str| {
            let (line, text) = lines.next().unwrap_or((0, ""));
            text.strip_prefix(prefix).ok_or(EntryError::Header { line, expected }).map(|t| (line, t))
        };
        let bad = |line, expected| EntryError::Header { line, expected };
        let (line, rest) = field(MARKER, MARKER)?;
        if !rest.is_empty() {
            return Err(bad(line, MARKER));
        }
        let (line, rest) = field(origin.as_str(), "the origin of the ledger")?;
        if !rest.is_empty() {
            return Err(bad(line, "the origin of the ledger"));
        }
        let (line, rest) = field("index ", "index <n>")?;
        let index = number(rest).ok_or(bad(line, "index <n>"))?;
        let (line, rest) = field("time ", "time <YYYY-MM-DDTHH:MM:SS.mmmZ>")?;
        let time = Time::parse(rest).ok_or(bad(line, "time <YYYY-MM-DDTHH:MM:SS.mmmZ>"))?;
        let (line, rest) = field("prev ", "prev <64 hex digits>")?;
        let prev = rest.parse().map_err(|_| bad(line, "prev <64 hex digits>"))?;
        let (line, rest) = field("thread ", "thread <id> <k>")?;
        let (thread, k) = id_and_number(rest).ok_or(bad(line, "thread <id> <k>"))?;
        let signers = lines
            .map(|(line, text)| {
                text.strip_prefix("signer ").and_then(id_and_number).ok_or(bad(line, "signer <party id> <j>"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let event = Event::parse(note.as_bytes(), origin)?;
        if signers.len() != event.by().len() {
            return Err(EntryError::Signers { expected: event.by().len(), found: signers.len() });
        }
        let header = Header { index, time, prev, thread, k, signers };
        Ok(Self { header, event, hash: Digest::blake3(bytes) })
    }

    /// As [`parse`](Self::parse) and [`verify`](Self::verify) for each of `all`, and faster than one by one.
    pub fn parse_and_verify<'a>(
        all: impl IntoIterator<Item = &'a [u8]>,
        origin: &Origin,
    ) -> Vec<Result<SignedEntry, EntryError>> {
        let mut events = Vec::new();
        let heads: Vec<Result<_, EntryError>> = all
            .into_iter()
            .map(|bytes| {
                let Entry { header, event, hash } = Self::parse(bytes, origin)?;
                events.push(event);
                Ok((header, hash))
            })
            .collect();
        // One verdict for each that was parsed.
        let mut verified = Event::verify_each(events).into_iter();
        let each = heads.into_iter().map(|head| {
            let (header, hash) = head?;
            let event = verified.next().ok_or(EntryError::Shape)??;
            Ok(Entry { header, event, hash })
        });
        each.collect()
    }

    /// Checks the event's signatures.
    ///
    /// # Errors
    /// The event's [`Refusal`].
    pub fn verify(self) -> Result<SignedEntry, EntryError> {
        Ok(Entry { header: self.header, event: self.event.verify()?, hash: self.hash })
    }
}

impl<E> Entry<E> {
    /// What the ledger says.
    pub fn header(&self) -> &Header {
        &self.header
    }
    /// The event.
    pub fn event(&self) -> &E {
        &self.event
    }
    /// What the ledger says, and the event.
    pub fn into_parts(self) -> (Header, E) {
        (self.header, self.event)
    }
    /// The chain hash: BLAKE3 of the whole entry, which the next entry names as `prev`.
    pub fn hash(&self) -> Digest {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_24_bytes_and_real() {
        let t = Time::parse("2026-11-22T05:00:00.037Z").unwrap();
        assert_eq!(t.unix_ms(), 1_795_323_600_037);
        assert_eq!(t.to_string(), "2026-11-22T05:00:00.037Z");
        assert_eq!(Time::parse("1969-12-31T23:59:59.999Z").unwrap().unix_ms(), -1);
        for (text, ms) in [
            ("0001-01-01T00:00:00.000Z", -62_135_596_800_000),
            ("9999-12-30T22:00:00.001Z", 253_402_207_200_001),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(Time::parse(text).unwrap().unix_ms(), ms, "{text}");
            assert_eq!(Time::from_unix_ms(ms).unwrap().to_string(), text);
            let beyond = if ms < 0 { ms - 1 } else { 253_402_300_800_000 };
            assert_eq!(Time::from_unix_ms(beyond), None);
        }
        for bad in [
            "2026-11-22T05:00:00Z",
            "2026-11-22T05:00:60.000Z",
            "2026-02-29T05:00:00.000Z",
            "2026-11-22t05:00:00.000Z",
            "2026-11-22 05:00:00.000Z",
            "2026-11-22T24:00:00.000Z",
            "2026-11-22T05:00:00.000+",
            "0000-11-22T05:00:00.000Z",
        ] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_are_canonical() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("9007199254740991"), Some(MAX_INDEX));
        for bad in ["", "00", "01", "-1", "+1", "9007199254740992", " 1"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
