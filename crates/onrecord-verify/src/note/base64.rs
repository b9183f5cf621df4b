//! Standard base64: padded and canonical, the only form formats.md allows.

use ::base64::{Engine as _, engine::general_purpose::STANDARD};

/// Encodes bytes as padded standard base64 (RFC 4648, section 4).
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes padded standard base64; `None` unless the text is its one canonical encoding.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_encoding_is_read() {
        assert_eq!(decode("AAE=").as_deref(), Some(&[0, 1][..]));
        for bad in ["AAE", "AAF=", "AAE=\n", "A-E=", " AAE=", "AAE==", "A"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
