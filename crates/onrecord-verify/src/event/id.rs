//! BLAKE3 digests and the ids of events, both 64 lower-case hex digits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// 32 bytes, written as 64 lower-case hex digits: a plain BLAKE3-256 or another digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

/// The id of an event: BLAKE3 of its three lines, without the empty line and the signatures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub [u8; 32]);

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hex digits")]
pub struct NotHex;

impl Digest {
    /// BLAKE3 of some bytes, as `b3sum` prints it.
    pub fn blake3(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

fn parse_hex(s: &str) -> Result<[u8; 32], NotHex> {
    /// The value of each byte that is a digit; 0xFF for others. Digits are random, so a branch on each would be
    /// guessed wrong half the time.
    const VALUES: [u8; 256] = {
        let mut values = [0xff; 256];
        let mut i = 0;
        while i < 16 {
            values[b"0123456789abcdef"[i] as usize] = i as u8;
            i += 1;
        }
        values
    };
    let digits: &[u8; 64] = s.as_bytes().try_into().map_err(|_| NotHex)?;
    let mut out = [0; 32];
    let mut seen = 0;
    for (byte, pair) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| VALUES[usize::from(digit)]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    if seen < 16 { Ok(out) } else { Err(NotHex) }
}

macro_rules! hex {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0u8; 64];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = DIGITS[usize::from(byte >> 4)];
                    pair[1] = DIGITS[usize::from(byte & 15)];
                }
                f.pad(std::str::from_utf8(&text).unwrap_or_default())
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl FromStr for $type {
            type Err = NotHex;
            fn from_str(s: &str) -> Result<Self, NotHex> {
                parse_hex(s).map(Self)
            }
        }
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                // A binary form, such as the index's, takes the bytes themselves.
                if s.is_human_readable() { s.collect_str(self) } else { self.0.serialize(s) }
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if !d.is_human_readable() {
                    return <[u8; 32]>::deserialize(d).map(Self);
                }
                let s = std::borrow::Cow::<str>::deserialize(d)?;
                s.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
hex!(Digest);
hex!(EventId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_64_lower_case_hex_digits() {
        let id = "00ff".repeat(16);
        assert_eq!(id.parse::<EventId>().unwrap().to_string(), id);
        for bad in ["", &id[1..], &format!("{id}0"), &id.to_uppercase(), &id.replace("00", "0x")] {
            assert_eq!(bad.parse::<EventId>(), Err(NotHex), "{bad}");
        }
    }

    #[test]
    fn blake3_is_what_b3sum_prints() {
        let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::blake3(b"").to_string(), empty);
    }
}
